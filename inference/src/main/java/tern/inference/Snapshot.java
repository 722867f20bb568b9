package tern.inference;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.StateFile;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.model.ModelState;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * What one sequence remembers at one position: position, state, and the fingerprint of the model it belongs to. Histories
 * hold exactly the rows that count, and snapshots of one sequence share those that they have in common. Immutable and safe for use by
 * several threads; its memory is native and lives until {@link #close}. It does not need the model, but to be restored.
 */
public final class Snapshot implements AutoCloseable {
    private static final String LOGITS = "logits";
    private static final String TOKENS = "tokens";
    private static final String CHECKSUM = "crc32c";
    private static final long LARGEST_BUFFER = 1L << 30;

    private final String fingerprint;
    private final long position;
    private final Memory memory;
    // One list a branch, one tensor a slot that does not grow, in the order of the layout.
    private final List<List<Tensor>> slots;
    private final HistoryRows history;
    private final List<StateLayout> layouts;
    private final float[] logits;
    private final AtomicBoolean closed = new AtomicBoolean();
    // Itself until it is closed, and whoever reads it.
    private final AtomicInteger users = new AtomicInteger(1);

    private Snapshot(LanguageModel model, long position, Memory memory, List<List<Tensor>> slots, HistoryRows history,
            float[] logits) {
        this.fingerprint = model.fingerprint();
        this.layouts = model.network().stateLayouts();
        this.position = position;
        this.memory = memory;
        this.slots = slots;
        this.history = history;
        this.logits = logits.clone();
    }

    /** @param known rows of this sequence's history that a snapshot has already; they stay the caller's */
    static Snapshot of(LanguageModel model, ModelState state, int row, Optional<HistoryRows> known, float[] logits) {
        Memory memory = new Memory();
        long position = state.ages()[row];
        List<List<Tensor>> branches = new ArrayList<>();
        for (State branch : state.states()) {
            List<Tensor> own = new ArrayList<>();
            for (int i = 0; i < branch.slots().size(); i++) {
                Tensor mine = branch.slots().get(i).slice(row, row + 1);
                switch (branch.layout().slots().get(i)) {
                    case Slot.Fixed ignored -> own.add(memory.copyOf(mine));
                    case Slot.Ring ignored -> own.add(memory.copyOf(mine));
                    case Slot.Growing ignored -> {
                    }
                    case Slot.Chunk chunk -> own.add(memory.copyOf(rows(mine, chunk.rows(position))));
                }
            }
            branches.add(own);
        }
        return new Snapshot(model, position, memory, branches, HistoryRows.of(state, row, known), logits);
    }

    /**
     * A state as large as that of a sequence of this age, with small random contents: what a step costs does not depend on
     * what is remembered, so benchmarks need not read a long prompt first. Use it for nothing else.
     */
    public static Snapshot random(LanguageModel model, int position, long seed) {
        Memory memory = new Memory();
        SplittableRandom random = new SplittableRandom(seed);
        List<List<Tensor>> branches = new ArrayList<>();
        HistoryRows history = HistoryRows.whole(position, rows -> {
            List<List<Tensor>> grown = new ArrayList<>();
            for (StateLayout layout : model.network().stateLayouts()) {
                List<Tensor> own = new ArrayList<>();
                List<Tensor> growing = new ArrayList<>();
                for (Slot slot : layout.slots()) {
                    boolean grows = slot instanceof Slot.Growing;
                    Tensor tensor = (grows ? rows : memory).zeros(slot.type(DType.F32), shape(slot, position));
                    fill(tensor, model.network().config().vocabulary(), random);
                    (grows ? growing : own).add(tensor);
                }
                branches.add(own);
                grown.add(growing);
            }
            return grown;
        });
        return new Snapshot(model, position, memory, branches, history, new float[0]);
    }

    private static void fill(Tensor tensor, int vocabulary, SplittableRandom random) {
        for (long i = 0; tensor.dtype() == DType.F32 && i < tensor.elements(); i++) {
            tensor.data().setAtIndex(Tensor.FLOAT, i, random.nextFloat() - 0.5f);
        }
        if (tensor.dtype() == DType.I16 || tensor.dtype() == DType.I32) {
            // Identifiers as unevenly spread as words are.
            double most = Math.log(vocabulary);
            for (long i = 0; i < tensor.elements(); i++) {
                int id = (int) (Math.exp(most * random.nextDouble()) - 1);
                tensor.set(i, tensor.dtype() == DType.I16 ? (short) id : id);
            }
        }
    }

    /** Number of tokens read when it was taken. */
    public long position() {
        return position;
    }

    /** Fingerprint of the model it belongs to. */
    public String fingerprint() {
        return fingerprint;
    }

    /** Bytes of native memory that it holds, those that it shares with others included. */
    public long bytes() {
        return memory.bytes() + history.chain().stream().mapToLong(HistoryRows::ownBytes).sum();
    }

    /**
     * A stretch of a history that several snapshots may share.
     *
     * @param identity equal for the same memory, and for no other
     */
    public record Part(Object identity, long bytes) {
    }

    /** The stretches of its history, the last first. A snapshot that shares one shares those after it in this list too. */
    public List<Part> parts() {
        return history.chain().stream().map(rows -> new Part(rows, rows.ownBytes())).toList();
    }

    /** Bytes of native memory besides the {@link #parts}. */
    public long ownBytes() {
        return memory.bytes();
    }

    HistoryRows history() {
        return history;
    }

    /** What a slot that does not grow holds, [1,…]; to be written only until others see the snapshot. */
    Tensor slot(int branch, int slot) {
        List<Slot> before = layouts.get(branch).slots().subList(0, slot);
        return slots.get(branch).get((int) before.stream().filter(one -> !(one instanceof Slot.Growing)).count());
    }

    /** The logits after the last token read; empty if nothing was read or the sequence was part of a batch. */
    public float[] logits() {
        return logits.clone();
    }

    /** Whether {@link #logits} are known. */
    public boolean hasLogits() {
        return logits.length > 0;
    }

    /** How many {@link #logits} are known. */
    public int logitCount() {
        return logits.length;
    }

    /**
     * Writes the snapshot as a safetensors file, atomically.
     *
     * @throws IOException if writing fails; a file that was there before is then unchanged
     * @throws IllegalStateException if the snapshot is closed
     */
    public void save(Path path) throws IOException {
        save(path, new int[0], Map.of());
    }

    /**
     * {@link #save(Path)} with what else the reader wants to know, and a checksum over all.
     *
     * @param tokens that were read, from the first on; empty for none
     * @param notes anything worth keeping
     */
    public void save(Path path, int[] tokens, Map<String, String> notes) throws IOException {
        try (Use _ = use(); Memory scratch = new Memory()) {
            file(scratch, tokens, notes).save(path);
        }
    }

    /**
     * What {@link #save(Path)} would write: for a store of values by key.
     *
     * @throws IllegalArgumentException if that is more than an array holds
     * @throws IllegalStateException if the snapshot is closed
     */
    public byte[] toBytes() {
        try (Use _ = use(); Memory scratch = new Memory()) {
            return file(scratch, new int[0], Map.of()).toBytes();
        }
    }

    private StateFile file(Memory scratch, int[] tokens, Map<String, String> notes) {
        Map<String, Tensor> all = new LinkedHashMap<>();
        eachSlot((branch, slot, layout, n) -> {
            if (layout instanceof Slot.Growing) {
                Tensor rows = scratch.allocate(layout.type(DType.F32), shape(layout, position));
                history.copyTo(branch, n, rows);
                all.put(name(branch, slot), rows);
            } else {
                all.put(name(branch, slot), slots.get(branch).get(n));
            }
        });
        if (logits.length > 0) {
            Tensor tensor = scratch.allocate(DType.F32, Shape.of(logits.length));
            MemorySegment.copy(logits, 0, tensor.data(), Tensor.FLOAT, 0, logits.length);
            all.put(LOGITS, tensor);
        }
        if (tokens.length > 0) {
            Tensor tensor = scratch.allocate(DType.I32, Shape.of(tokens.length));
            MemorySegment.copy(tokens, 0, tensor.data(), Tensor.INT, 0, tokens.length);
            all.put(TOKENS, tensor);
        }
        Map<String, String> noted = new TreeMap<>(notes);
        noted.put(CHECKSUM, checksum(position, all, notes));
        return new StateFile(fingerprint, position, all, noted);
    }

    /** CRC-32C over names, contents and notes: a flipped bit in a state would otherwise go unnoticed. */
    static String checksum(long position, Map<String, Tensor> all, Map<String, String> notes) {
        CRC32C sum = new CRC32C();
        sum.update(Long.toString(position).getBytes(StandardCharsets.UTF_8));
        new TreeMap<>(all).forEach((name, tensor) -> {
            sum.update(name.getBytes(StandardCharsets.UTF_8));
            long bytes = tensor.bytes();
            for (long at = 0; at < bytes; at += LARGEST_BUFFER) {
                sum.update(tensor.data().asSlice(at, Math.min(LARGEST_BUFFER, bytes - at)).asByteBuffer());
            }
        });
        new TreeMap<>(notes).forEach((name, note) -> sum.update((name + "=" + note).getBytes(StandardCharsets.UTF_8)));
        return Long.toHexString(sum.getValue());
    }

    /**
     * A snapshot read from a file, with what was saved beside it.
     *
     * @param tokens that were read, or none if they were not saved
     */
    public record Saved(Snapshot snapshot, int[] tokens, Map<String, String> notes) {
        @Override
        public boolean equals(Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(this);
        }
    }

    /**
     * Reads a snapshot of this model; or a state that was tuned for it and published as RWKV's authors do (tensors
     * {@code blocks.N.att.time_state} in a file of any format), which is that of a sequence that has read nothing.
     *
     * @throws IOException if the file cannot be read, is damaged, or belongs to another model (both fingerprints are named)
     */
    public static Snapshot load(Path path, LanguageModel model) throws IOException {
        return TunedState.is(path) ? TunedState.load(path, model) : loadSaved(path, model).snapshot();
    }

    /**
     * Reads what {@link #toBytes} made, or a whole file that was saved.
     *
     * @throws IOException if the bytes are damaged or belong to another model (both fingerprints are named)
     */
    public static Snapshot of(byte[] bytes, LanguageModel model) throws IOException {
        return loaded("state in memory", memory -> StateFile.of(bytes, model.fingerprint(), memory), model).snapshot();
    }

    /** {@link #load} of what {@link #save} wrote, with what was saved beside the state. */
    public static Saved loadSaved(Path path, LanguageModel model) throws IOException {
        return loaded(path.toString(), memory -> StateFile.load(path, model.fingerprint(), memory), model);
    }

    private interface Reading {
        StateFile into(Memory memory) throws IOException;
    }

    private static Saved loaded(String path, Reading reading, LanguageModel model) throws IOException {
        Memory memory = new Memory();
        boolean whole = false;
        try {
            StateFile file = reading.into(memory);
            Map<String, String> notes = new TreeMap<>(file.notes());
            String expectedSum = notes.remove(CHECKSUM);
            if (expectedSum == null) {
                throw new MalformedFileException(path + ": the state has no note \"" + CHECKSUM
                        + "\", the checksum of its contents; it was changed, or saved by an older version");
            }
            if (!expectedSum.equals(checksum(file.position(), file.slots(), notes))) {
                throw new MalformedFileException(path
                        + ": the contents do not have the checksum that was saved with them; the file is damaged, take"
                        + " another copy");
            }
            List<List<Tensor>> branches = new ArrayList<>();
            List<List<Tensor>> grown = new ArrayList<>();
            List<StateLayout> layouts = model.network().stateLayouts();
            for (int branch = 0; branch < layouts.size(); branch++) {
                List<Tensor> own = new ArrayList<>();
                List<Tensor> growing = new ArrayList<>();
                for (int slot = 0; slot < layouts.get(branch).slots().size(); slot++) {
                    Slot wanted = layouts.get(branch).slots().get(slot);
                    DType type = wanted.type(DType.F32);
                    if (wanted instanceof Slot.Growing && file.position() > Integer.MAX_VALUE) {
                        throw new MalformedFileException(path + ": the state's position is " + file.position()
                                + ", more than a history can hold; the file is damaged");
                    }
                    Shape expected = shape(wanted, file.position());
                    Tensor found = file.slots().get(name(branch, slot));
                    if (found == null || found.dtype() != type || !found.shape().equals(expected)) {
                        throw new MalformedFileException(
                                path + ": state " + name(branch, slot) + " should be " + type + expected
                                        + ", found " + (found == null ? "none" : found)
                                        + "; load it with the cache it was saved with, or save the state again");
                    }
                    (wanted instanceof Slot.Growing ? growing : own).add(found);
                }
                branches.add(own);
                grown.add(growing);
            }
            Tensor logits = file.slots().get(LOGITS);
            Tensor tokens = file.slots().get(TOKENS);
            HistoryRows history = HistoryRows.whole(HistoryRows.counted(file.position()), rows -> grown.stream()
                    .map(growing -> growing.stream().map(rows::copyOf).toList()).toList());
            Snapshot snapshot = new Snapshot(model, file.position(), memory, branches, history,
                    logits == null ? new float[0] : logits.toFloats());
            whole = true;
            return new Saved(snapshot,
                    tokens == null ? new int[0] : tokens.data().asSlice(0, tokens.bytes()).toArray(Tensor.INT), notes);
        } finally {
            if (!whole) {
                memory.close();
            }
        }
    }

    /** Number of tokens that a state which {@link #load} reads has read. */
    public static long positionIn(Path path) throws IOException {
        return TunedState.is(path) ? 0 : StateFile.positionIn(path);
    }

    /**
     * Whether a saved state holds what the model remembers, as this one was opened: every slot in its type and shape. Looks at the
     * file's header alone. A tuned state holds no cache, and so does not tell.
     *
     * @throws IOException if it is not a state or cannot be read
     */
    public static boolean fits(Path path, LanguageModel model) throws IOException {
        if (TunedState.is(path)) {
            return false;
        }
        long position = StateFile.positionIn(path);
        try (TensorFile file = TensorFile.open(path)) {
            List<StateLayout> layouts = model.network().stateLayouts();
            for (int branch = 0; branch < layouts.size(); branch++) {
                List<Slot> slots = layouts.get(branch).slots();
                for (int slot = 0; slot < slots.size(); slot++) {
                    Slot wanted = slots.get(slot);
                    if (wanted instanceof Slot.Growing && position > Integer.MAX_VALUE) {
                        return false;
                    }
                    Shape shape = shape(wanted, position);
                    Optional<StoredTensor> found = file.find(name(branch, slot));
                    if (found.isEmpty() || !found.get().type().dtype().equals(Optional.of(wanted.type(DType.F32)))
                            || !found.get().shape()
                                    .equals(IntStream.of(shape.toArray()).mapToObj(Long::valueOf).toList())) {
                        return false;
                    }
                }
            }
            return true;
        }
    }

    private static String name(int branch, int slot) {
        return "branches." + branch + ".slots." + slot;
    }

    /** The first rows of one sequence's history, [rows,1,…]. */
    private static Tensor rows(Tensor mine, int count) {
        return mine.reshape(mine.shape().with(0, mine.dim(1)).with(1, 1)).slice(0, count);
    }

    private static Shape shape(Slot slot, long position) {
        return switch (slot) {
            case Slot.Fixed fixed -> fixed.shape().prepend(1);
            case Slot.Growing growing -> growing.row().prepend(1).prepend(Math.toIntExact(position));
            case Slot.Chunk chunk -> chunk.row().prepend(1).prepend(chunk.rows(position));
            case Slot.Ring ring -> ring.row().prepend(ring.length()).prepend(1);
        };
    }

    void requireModel(LanguageModel model) {
        if (!model.fingerprint().equals(fingerprint)) {
            throw new IllegalArgumentException("this state belongs to the model with fingerprint " + fingerprint
                    + ", not to the one with fingerprint " + model.fingerprint()
                    + "; load the model it was saved from");
        }
        List<StateLayout> others = model.network().stateLayouts();
        for (int branch = 0; branch < others.size(); branch++) {
            List<Slot> own = layouts.get(branch).slots();
            List<Slot> wanted = others.get(branch).slots();
            boolean same = wanted.size() == own.size();
            for (int i = 0; same && i < wanted.size(); i++) {
                same = own.get(i).getClass() == wanted.get(i).getClass()
                        && own.get(i).type(DType.F32) == wanted.get(i).type(DType.F32)
                        && shape(own.get(i), position).equals(shape(wanted.get(i), position));
            }
            if (!same) {
                throw new IllegalArgumentException("this state holds " + own + " for branch " + branch
                        + ", but the model as it was opened remembers " + wanted
                        + "; open it with the cache that the state was made with");
            }
        }
    }

    @FunctionalInterface
    private interface SlotVisitor {
        /** @param n which of the branch's slots that grow, or of those that do not */
        void visit(int branch, int slot, Slot layout, int n);
    }

    private void eachSlot(SlotVisitor visitor) {
        for (int branch = 0; branch < layouts.size(); branch++) {
            int fixed = 0;
            int growing = 0;
            List<Slot> all = layouts.get(branch).slots();
            for (int slot = 0; slot < all.size(); slot++) {
                visitor.visit(branch, slot, all.get(slot),
                        all.get(slot) instanceof Slot.Growing ? growing++ : fixed++);
            }
        }
    }

    /** While it lasts, the snapshot's memory stays where it is. */
    final class Use implements AutoCloseable {
        private Use() {
        }

        void writeTo(ModelState state, int row) {
            Snapshot.this.writeTo(state, row);
        }

        @Override
        public void close() {
            release();
        }
    }

    /** @throws IllegalStateException if the snapshot is closed */
    Use use() {
        if (closed.get() || users.getAndUpdate(n -> n == 0 ? 0 : n + 1) == 0) {
            throw new IllegalStateException("the snapshot is closed; use it before closing it");
        }
        return new Use();
    }

    private void release() {
        if (users.decrementAndGet() == 0) {
            memory.close();
            history.release();
        }
    }

    private void writeTo(ModelState state, int row) {
        eachSlot((branch, slot, layout, n) -> {
            Tensor target = state.states().get(branch).slots().get(slot).slice(row, row + 1);
            if (layout instanceof Slot.Growing) {
                history.copyTo(branch, n, target);
            } else {
                Tensor own = slots.get(branch).get(n);
                target.data().asSlice(0, own.bytes()).copyFrom(own.data());
            }
        });
        state.ages()[row] = position;
    }

    /** Gives its memory back, after those calls that read it in other threads. Closing twice does nothing. */
    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            release();
        }
    }
}

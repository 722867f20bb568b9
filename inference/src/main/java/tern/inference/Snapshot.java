package tern.inference;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.zip.CRC32C;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.StateFile;
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
 * hold exactly the rows that count. Immutable; release it with {@link #close}.
 */
public final class Snapshot implements AutoCloseable {
    private static final String LOGITS = "logits";
    private static final String TOKENS = "tokens";
    private static final String CHECKSUM = "crc32c";
    private static final long LARGEST_BUFFER = 1L << 30;

    private final String fingerprint;
    private final long position;
    private final Memory memory;
    private final List<List<Tensor>> slots;
    private final float[] logits;

    private Snapshot(String fingerprint, long position, Memory memory, List<List<Tensor>> slots, float[] logits) {
        this.fingerprint = fingerprint;
        this.position = position;
        this.memory = memory;
        this.slots = slots;
        this.logits = logits.clone();
    }

    static Snapshot of(LanguageModel model, ModelState state, int row, float[] logits) {
        Memory memory = new Memory();
        int position = Math.toIntExact(state.ages()[row]);
        List<List<Tensor>> branches = new ArrayList<>();
        for (State branch : state.states()) {
            List<Tensor> own = new ArrayList<>();
            for (int i = 0; i < branch.slots().size(); i++) {
                Tensor mine = branch.slots().get(i).slice(row, row + 1);
                Tensor part = switch (branch.layout().slots().get(i)) {
                    case Slot.Fixed ignored -> mine;
                    case Slot.Ring ignored -> mine;
                    case Slot.Growing ignored -> rows(mine, position);
                    case Slot.Chunk chunk -> rows(mine, chunk.rows(position));
                };
                own.add(memory.copyOf(part));
            }
            branches.add(own);
        }
        return new Snapshot(model.fingerprint(), position, memory, branches, logits);
    }

    /**
     * A state as large as that of a sequence of this age, with small random contents: what a step costs does not depend on
     * what is remembered, so benchmarks need not read a long prompt first. Use it for nothing else.
     */
    public static Snapshot random(LanguageModel model, int position, long seed) {
        Memory memory = new Memory();
        SplittableRandom random = new SplittableRandom(seed);
        List<List<Tensor>> branches = new ArrayList<>();
        for (StateLayout layout : model.network().stateLayouts()) {
            List<Tensor> own = new ArrayList<>();
            for (Slot slot : layout.slots()) {
                Tensor tensor = memory.zeros(slot.type(DType.F32), shape(slot, position));
                for (long i = 0; tensor.dtype() == DType.F32 && i < tensor.elements(); i++) {
                    tensor.data().setAtIndex(Tensor.FLOAT, i, random.nextFloat() - 0.5f);
                }
                if (tensor.dtype() == DType.I16 || tensor.dtype() == DType.I32) {
                    // Identifiers as unevenly spread as words are.
                    double most = Math.log(model.network().config().vocabulary());
                    for (long i = 0; i < tensor.elements(); i++) {
                        int id = (int) (Math.exp(most * random.nextDouble()) - 1);
                        tensor.set(i, tensor.dtype() == DType.I16 ? (short) id : id);
                    }
                }
                own.add(tensor);
            }
            branches.add(own);
        }
        return new Snapshot(model.fingerprint(), position, memory, branches, new float[0]);
    }

    /** Number of tokens read when it was taken. */
    public long position() {
        return position;
    }

    /** Fingerprint of the model it belongs to. */
    public String fingerprint() {
        return fingerprint;
    }

    /** Bytes held in native memory. */
    public long bytes() {
        return memory.bytes();
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
        try (Memory scratch = new Memory()) {
            Map<String, Tensor> all = new LinkedHashMap<>();
            for (int branch = 0; branch < slots.size(); branch++) {
                for (int slot = 0; slot < slots.get(branch).size(); slot++) {
                    all.put(name(branch, slot), slots.get(branch).get(slot));
                }
            }
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
            new StateFile(fingerprint, position, all, noted).save(path);
        }
    }

    /** CRC-32C over names, contents and notes: a flipped bit in a state would otherwise go unnoticed. */
    private static String checksum(long position, Map<String, Tensor> all, Map<String, String> notes) {
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
     * Reads a snapshot of this model.
     *
     * @throws IOException if the file cannot be read, is damaged, or belongs to another model (both fingerprints are named)
     */
    public static Snapshot load(Path path, LanguageModel model) throws IOException {
        return loadSaved(path, model).snapshot();
    }

    /** {@link #load} with what was saved beside the state. */
    public static Saved loadSaved(Path path, LanguageModel model) throws IOException {
        Memory memory = new Memory();
        try {
            StateFile file = StateFile.load(path, model.fingerprint(), memory);
            Map<String, String> notes = new TreeMap<>(file.notes());
            String expectedSum = notes.remove(CHECKSUM);
            if (expectedSum != null && !expectedSum.equals(checksum(file.position(), file.slots(), notes))) {
                throw new MalformedFileException(path
                        + ": the contents do not have the checksum that was saved with them; the file is damaged, take"
                        + " another copy");
            }
            List<List<Tensor>> branches = new ArrayList<>();
            List<StateLayout> layouts = model.network().stateLayouts();
            for (int branch = 0; branch < layouts.size(); branch++) {
                List<Tensor> own = new ArrayList<>();
                for (int slot = 0; slot < layouts.get(branch).slots().size(); slot++) {
                    Slot wanted = layouts.get(branch).slots().get(slot);
                    DType type = wanted.type(DType.F32);
                    Shape expected = shape(wanted, Math.toIntExact(file.position()));
                    Tensor found = file.slots().get(name(branch, slot));
                    if (found == null || found.dtype() != type || !found.shape().equals(expected)) {
                        throw new MalformedFileException(
                                path + ": state " + name(branch, slot) + " should be " + type + expected
                                        + ", found " + (found == null ? "none" : found)
                                        + "; load it with the cache it was saved with, or save the state again");
                    }
                    own.add(found);
                }
                branches.add(own);
            }
            Tensor logits = file.slots().get(LOGITS);
            Tensor tokens = file.slots().get(TOKENS);
            Snapshot snapshot = new Snapshot(file.fingerprint(), file.position(), memory, branches,
                    logits == null ? new float[0] : logits.toFloats());
            return new Saved(snapshot,
                    tokens == null ? new int[0] : tokens.data().asSlice(0, tokens.bytes()).toArray(Tensor.INT), notes);
        } catch (IOException | RuntimeException refused) {
            memory.close();
            throw refused;
        }
    }

    private static String name(int branch, int slot) {
        return "branches." + branch + ".slots." + slot;
    }

    /** The first rows of one sequence's history, [rows,1,…]. */
    private static Tensor rows(Tensor mine, int count) {
        return mine.reshape(mine.shape().with(0, mine.dim(1)).with(1, 1)).slice(0, count);
    }

    private static Shape shape(Slot slot, int position) {
        return switch (slot) {
            case Slot.Fixed fixed -> fixed.shape().prepend(1);
            case Slot.Growing growing -> growing.row().prepend(1).prepend(position);
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
        List<StateLayout> layouts = model.network().stateLayouts();
        for (int branch = 0; branch < layouts.size(); branch++) {
            List<Slot> wanted = layouts.get(branch).slots();
            boolean same = wanted.size() == slots.get(branch).size();
            for (int i = 0; same && i < wanted.size(); i++) {
                Tensor own = slots.get(branch).get(i);
                same = own.dtype() == wanted.get(i).type(DType.F32)
                        && own.shape().equals(shape(wanted.get(i), Math.toIntExact(position)));
            }
            if (!same) {
                throw new IllegalArgumentException("this state holds " + slots.get(branch) + " for branch " + branch
                        + ", but the model as it was opened remembers " + wanted
                        + "; open it with the cache that the state was made with");
            }
        }
    }

    void writeTo(ModelState state, int row) {
        for (int branch = 0; branch < slots.size(); branch++) {
            List<Tensor> own = slots.get(branch);
            for (int i = 0; i < own.size(); i++) {
                Tensor target = state.states().get(branch).slots().get(i).slice(row, row + 1);
                target.data().asSlice(0, own.get(i).bytes()).copyFrom(own.get(i).data());
            }
        }
        state.ages()[row] = position;
    }

    @Override
    public void close() {
        memory.close();
    }
}

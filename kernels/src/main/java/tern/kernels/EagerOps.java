package tern.kernels;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

import tern.kernels.attention.Attention;
import tern.kernels.attention.CrossAttention;
import tern.kernels.attention.TiledAttention;
import tern.kernels.attention.Turning;
import tern.kernels.cells.UnitScan;
import tern.kernels.history.Histories;
import tern.kernels.maximum.MaximumScan;
import tern.kernels.memory.MemoryScan;
import tern.kernels.modal.Poles;
import tern.kernels.norm.BatchNorm;
import tern.kernels.norm.TimestepNorm;
import tern.kernels.recurrence.Damping;
import tern.kernels.recurrence.HeldModes;
import tern.kernels.recurrence.ScanInputs;
import tern.ops.Activation;
import tern.ops.Attended;
import tern.ops.Cell;
import tern.ops.Chunks;
import tern.ops.Convolved;
import tern.ops.Diagonal;
import tern.ops.Dilated;
import tern.ops.Dilations;
import tern.ops.Dropped;
import tern.ops.FilterNorm;
import tern.ops.KeysAndValues;
import tern.ops.LinearMap;
import tern.ops.Modes;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.ops.Selection;
import tern.ops.Solved;
import tern.ops.Spans;
import tern.ops.UnitCell;
import tern.tensor.Allocator;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * {@link Ops} carried out at once. F32 goes to the kernel set given, F64 to the reference bodies. Results live in the
 * workspace given; state tensors are updated in place. Confined to one thread (the team's threads are its own affair).
 */
public final class EagerOps implements Ops, AutoCloseable {
    /** Up to so many rows of x the bodies of a linear map do nothing after their one region, which may then be put off. */
    private static final int MOST_ROWS_TOGETHER = 8;
    /** From so many rows of x on a map is carried out in parts; fewer rows are copied sooner than met by several maps. */
    private static final int FEWEST_ROWS_IN_PARTS = 64;
    /** Bytes that a task copies of slices. */
    private static final long COPIED_AT_ONCE = 1 << 17;

    private final KernelSet fast;
    private final KernelSet reference = KernelSet.reference();
    private final ThreadTeam team;
    private final Allocator results;
    private final Workspace scratch;
    /** What segments leave behind, where a step is run segment by segment in the same memory. */
    private final Optional<Workspace> left;
    /** By model; what belongs to none that was named, by this. */
    private final Map<Object, Derived> derivedOf = new IdentityHashMap<>();
    private Derived derived = new Derived();
    private final List<Note> notes = new ArrayList<>();
    private long keptRowsLimit = 64L << 20;
    private long keptRowsBytes;

    /**
     * Operations by these kernels.
     *
     * @param fast bodies for F32
     * @param team threads to use; not closed by this object
     * @param results where results live until the caller resets it; not closed by this object
     */
    public EagerOps(KernelSet fast, ThreadTeam team, Workspace results) {
        this(fast, team, results, results, Optional.empty());
    }

    /**
     * Operations of a model's steps: all segments of a step use the same memory, and what each gives back is copied out of it, so
     * that a step needs no more than its largest segment and the outputs of all. {@link #begin} begins a step.
     *
     * @param results where results live within a segment
     * @param left where the outputs of segments live until the next step
     */
    public static EagerOps bySegments(KernelSet fast, ThreadTeam team, Workspace results, Workspace left) {
        return new EagerOps(fast, team, results, results, Optional.of(left));
    }

    /**
     * Operations by these kernels whose results go elsewhere than what they need for a moment.
     *
     * @param fast bodies for F32
     * @param team threads to use; not closed by this object
     * @param results where results live
     * @param scratch where an operation keeps what it needs until it returns; not closed by this object
     */
    public EagerOps(KernelSet fast, ThreadTeam team, Allocator results, Workspace scratch) {
        this(fast, team, results, scratch, Optional.empty());
    }

    private EagerOps(KernelSet fast, ThreadTeam team, Allocator results, Workspace scratch, Optional<Workspace> left) {
        this.left = left;
        this.fast = fast;
        this.team = team;
        this.results = results;
        this.scratch = scratch;
        derivedOf.put(this, derived);
    }

    /** The bodies for tensors of this type. */
    public KernelSet kernels(DType dtype) {
        return dtype == DType.F64 ? reference : fast;
    }

    /** Where results live, unless they were given a place of their own. */
    public Workspace results() {
        return scratch;
    }

    /** Takes back what the step before this one computed. */
    public void begin() {
        scratch.reset();
        left.ifPresent(Workspace::reset);
    }

    /**
     * Begins a step of one of several models, for which what is derived from its parameters is kept apart until {@link #forget}.
     *
     * @param model known by identity
     */
    public void begin(Object model) {
        begin();
        derived = derivedOf.computeIfAbsent(model, ignored -> new Derived());
    }

    /** Releases what was derived from the parameters of a model that is not used any more. */
    public void forget(Object model) {
        Derived gone = derivedOf.remove(model);
        if (gone != null) {
            keptRowsBytes -= gone.rowBytes();
            gone.close();
        }
    }

    @Override
    public boolean steady() {
        return fast.isSteady();
    }

    @Override
    public List<Tensor> segment(List<Tensor> inputs, UnaryOperator<List<Tensor>> part) {
        if (left.isEmpty()) {
            return part.apply(inputs);
        }
        Workspace.Mark before = scratch.mark();
        List<Tensor> outputs = part.apply(inputs);
        List<Tensor> kept = new ArrayList<>(outputs.size());
        for (Tensor output : outputs) {
            kept.add(scratch.handedOutSince(before, output) ? copied(output, left.get()) : output);
        }
        scratch.reuse(before);
        return kept;
    }

    private Tensor copied(Tensor x, Workspace to) {
        Tensor y = to.allocate(x.dtype(), x.shape());
        long bytes = x.bytes();
        if (bytes <= COPIED_AT_ONCE) {
            return y.copyFrom(x);
        }
        team.run(Math.toIntExact((bytes + COPIED_AT_ONCE - 1) / COPIED_AT_ONCE), (index, scratch) -> {
            long from = index * COPIED_AT_ONCE;
            MemorySegment.copy(x.data(), from, y.data(), from, Math.min(COPIED_AT_ONCE, bytes - from));
        });
        return y;
    }

    /**
     * Changes how many bytes {@link #derivedRows} may keep, 64 MiB at first; what is kept already stays.
     *
     * @param bytes 0 to compute all rows each time
     */
    public void limitKeptRows(long bytes) {
        keptRowsLimit = bytes;
    }

    /** Bytes that {@link #derivedRows} keeps. */
    public long keptRowsBytes() {
        return keptRowsBytes;
    }

    /** What layers took note of since this was asked for last, in the order in which they first did. */
    public List<Note> takeNotes() {
        List<Note> taken = List.copyOf(notes);
        notes.clear();
        return taken;
    }

    @Override
    public void note(Object owner, String name, double sum, double count) {
        for (int i = 0; i < notes.size(); i++) {
            Note known = notes.get(i);
            if (known.owner() == owner && known.name().equals(name)) {
                notes.set(i, new Note(owner, name, known.sum() + sum, known.count() + count));
                return;
            }
        }
        notes.add(new Note(owner, name, sum, count));
    }

    /** Forgets what was derived from parameters; call it when they change. */
    public void parametersChanged() {
        if (!derived.isEmpty() || derivedOf.size() > 1) {
            close();
            derivedOf.clear();
            derived = new Derived();
            derivedOf.put(this, derived);
        }
    }

    /** Releases what was derived from parameters. */
    @Override
    public void close() {
        derivedOf.values().forEach(Derived::close);
        keptRowsBytes = 0;
    }

    /** A vector of no elements: the bias of a linear map that has none. */
    public static Tensor none(DType dtype) {
        return Tensor.over(dtype, Shape.of(0), MemorySegment.NULL);
    }

    // ── memory ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Tensor zeros(DType dtype, Shape shape) {
        return results.zeros(dtype, shape);
    }

    @Override
    public Tensor derived(Object owner, String name, Supplier<Tensor> compute) {
        return derived.tensor(owner, name, compute, scratch);
    }

    @Override
    public Tensor derivedRows(Object owner, String name, Tensor ids, Function<Tensor, Tensor> compute) {
        requireIdentifiers(ids);
        return derived.rows(owner, name, ids, compute, scratch, this::takeKept);
    }

    private boolean takeKept(long bytes) {
        if (keptRowsBytes + bytes > keptRowsLimit) {
            return false;
        }
        keptRowsBytes += bytes;
        return true;
    }

    /** Checks the identifiers of {@link #derivedRows}. */
    public static void requireIdentifiers(Tensor ids) {
        if (ids.dtype() != DType.I32 || ids.shape().rank() != 2 || ids.dim(1) < 1 || ids.dim(1) > 2) {
            throw new IllegalArgumentException(
                    "derivedRows: identifiers must be I32[N,1] or I32[N,2], found " + ids);
        }
    }

    @Override
    public Tensor append(Tensor rows, Tensor history, long[] ages) {
        requireRank("append", "rows", rows, 3);
        require("append", "history", history, rows.dim(0), history.dim(1),
                Histories.rowLength(history.dtype(), rows.dim(2)));
        requireRoom("append", history, ages, rows.dim(1));
        Histories.append(rows, history, ages);
        return history;
    }

    @Override
    public Tensor recall(Tensor history, int from, int to, DType type) {
        requireRank("recall", "history", history, 3);
        if (from < 0 || to < from || to > history.dim(1)) {
            throw new IllegalArgumentException(
                    "recall: rows " + from + ".." + to + " do not lie within " + history.shape());
        }
        Tensor rows = results.allocate(type,
                Shape.of(history.dim(0), to - from, Histories.numbers(history.dtype(), history.dim(2))));
        Histories.recall(history, from, rows);
        return rows;
    }

    @Override
    public Tensor stored(Tensor x, DType type) {
        if (type == x.dtype()) {
            return x;
        }
        Tensor y = like(x);
        Histories.round(asRows(x), type, asRows(y));
        return y;
    }

    // ── shapes ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Tensor reshape(Tensor x, Shape shape) {
        return x.reshape(shape);
    }

    @Override
    public Tensor slice(Tensor x, int axis, int from, int to) {
        int at = axis < 0 ? x.shape().rank() + axis : axis;
        int length = x.dim(at);
        if (from < 0 || to < from || to > length) {
            throw new IllegalArgumentException("slice: " + from + ".." + to + " does not lie within axis " + at + " of "
                    + x.shape());
        }
        if (from == 0 && to == length) {
            return x;
        }
        Strides strides = Strides.of(x, at);
        if (strides.outer == 1) {
            Shape part = x.shape().with(at, to - from);
            return Tensor.over(x.dtype(), part, x.data().asSlice(from * strides.inner, (to - from) * strides.inner));
        }
        Tensor y = results.allocate(x.dtype(), x.shape().with(at, to - from));
        long bytes = (to - from) * strides.inner;
        copyRows(team, x.data(), from * strides.inner, length * strides.inner, y.data(), 0, bytes, strides.outer,
                bytes);
        return y;
    }

    /** Writes {@code part} back to where {@link #slice} took it from. */
    public static void unslice(ThreadTeam team, Tensor part, Tensor whole, int axis, int from) {
        int at = axis < 0 ? whole.shape().rank() + axis : axis;
        Strides strides = Strides.of(whole, at);
        long bytes = part.dim(at) * strides.inner;
        copyRows(team, part.data(), 0, bytes, whole.data(), from * strides.inner, whole.dim(at) * strides.inner,
                strides.outer, bytes);
    }

    /** Rows of as many bytes, which lie a stride apart on each side. */
    private static void copyRows(ThreadTeam team, MemorySegment from, long at, long stride, MemorySegment into, long to,
            long step, long rows, long bytes) {
        long each = Math.max(1, COPIED_AT_ONCE / Math.max(1, bytes));
        if (rows <= each) {
            copyRows(from, at, stride, into, to, step, rows, bytes);
            return;
        }
        team.run(Math.toIntExact((rows + each - 1) / each), (index, scratch) -> {
            long first = index * each;
            copyRows(from, at + first * stride, stride, into, to + first * step, step, Math.min(each, rows - first),
                    bytes);
        });
    }

    private static void copyRows(MemorySegment from, long at, long stride, MemorySegment into, long to, long step,
            long rows, long bytes) {
        for (long row = 0; row < rows; row++) {
            MemorySegment.copy(from, at + row * stride, into, to + row * step, bytes);
        }
    }

    @Override
    public Tensor concat(List<Tensor> parts, int axis) {
        Tensor first = parts.getFirst();
        if (parts.size() == 1) {
            return first;
        }
        int at = axis < 0 ? first.shape().rank() + axis : axis;
        int total = 0;
        for (Tensor part : parts) {
            if (part.dtype() != first.dtype() || !part.shape().with(at, 0).equals(first.shape().with(at, 0))) {
                throw new IllegalArgumentException("concat along axis " + at + ": " + part + " does not fit " + first);
            }
            total += part.dim(at);
        }
        Tensor y = results.allocate(first.dtype(), first.shape().with(at, total));
        int from = 0;
        for (Tensor part : parts) {
            unslice(team, part, y, at, from);
            from += part.dim(at);
        }
        return y;
    }

    private record Strides(long outer, long inner) {
        static Strides of(Tensor x, int axis) {
            long outer = 1;
            for (int i = 0; i < axis; i++) {
                outer *= x.dim(i);
            }
            long inner = x.dtype().bytes();
            for (int i = axis + 1; i < x.shape().rank(); i++) {
                inner *= x.dim(i);
            }
            return new Strides(outer, inner);
        }
    }

    @Override
    public Tensor masked(Tensor x, int[] lengths) {
        requireLengths("masked", x, lengths);
        Tensor y = like(x);
        long row = rowBytes(x);
        long sequence = row * x.dim(1);
        for (int b = 0; b < x.dim(0); b++) {
            long valid = row * (lengths.length == 0 ? x.dim(1) : lengths[b]);
            MemorySegment.copy(x.data(), sequence * b, y.data(), sequence * b, valid);
            y.data().asSlice(sequence * b + valid, sequence - valid).fill((byte) 0);
        }
        return y;
    }

    @Override
    public Tensor reversed(Tensor x, int[] lengths) {
        requireLengths("reversed", x, lengths);
        Tensor y = like(x);
        long row = rowBytes(x);
        long sequence = row * x.dim(1);
        for (int b = 0; b < x.dim(0); b++) {
            int valid = lengths.length == 0 ? x.dim(1) : lengths[b];
            for (int t = 0; t < valid; t++) {
                MemorySegment.copy(x.data(), sequence * b + row * (valid - 1 - t), y.data(), sequence * b + row * t,
                        row);
            }
            y.data().asSlice(sequence * b + row * valid, sequence - row * valid).fill((byte) 0);
        }
        return y;
    }

    /** Bytes of one position of one sequence of [B,T,…]. */
    private static long rowBytes(Tensor x) {
        return x.bytes() / Math.max(1, (long) x.dim(0) * x.dim(1));
    }

    private static void requireLengths(String operation, Tensor x, int[] lengths) {
        boolean fits = x.shape().rank() >= 2 && (lengths.length == 0 || lengths.length == x.dim(0));
        for (int length : lengths) {
            fits &= length >= 0 && fits && length <= x.dim(1);
        }
        if (!fits) {
            throw new IllegalArgumentException(
                    operation + ": expected [batch,time,…] and for each sequence a length within"
                            + " its time, or none, found " + x.shape() + " and lengths " + Arrays.toString(lengths));
        }
    }

    // ── elementwise ─────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Tensor add(Tensor a, Tensor b) {
        Tensor y = like(a);
        if (meetsEach("add", a, b)) {
            set(a).channels().add(team, a, b, y);
        } else {
            set(a).elementwise().add(team, a, b, y);
        }
        return y;
    }

    @Override
    public Tensor multiply(Tensor a, Tensor b) {
        Tensor y = like(a);
        if (meetsEach("multiply", a, b)) {
            set(a).channels().multiply(team, a, b, y);
        } else {
            set(a).elementwise().multiply(team, a, b, y);
        }
        return y;
    }

    @Override
    public Tensor scale(Tensor x, double factor) {
        Tensor y = like(x);
        set(x).elementwise().scale(team, x, factor, y);
        return y;
    }

    @Override
    public Tensor activate(Tensor x, Activation f) {
        if (f == Activation.IDENTITY) {
            return x;
        }
        Tensor y = like(x);
        set(x).elementwise().activate(team, x, f, y);
        return y;
    }

    /** x itself: nothing is trained here. */
    @Override
    public Tensor dropout(Tensor x, double rate, boolean wholeChannels) {
        return x;
    }

    @Override
    public Tensor gate(Tensor gate, Tensor value, Activation f) {
        requireSame("gate", gate, value);
        Tensor y = like(gate);
        set(gate).elementwise().gate(team, gate, value, f, y);
        return y;
    }

    // ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Tensor linear(Tensor x, Tensor weight) {
        return linear(x, weight, none(x.dtype()));
    }

    @Override
    public Tensor linear(Tensor x, Tensor weight, Tensor bias) {
        if (weight.shape().rank() != 2 || x.shape().last() != weight.dim(1)) {
            throw new IllegalArgumentException(
                    "linear: input " + x.shape() + " ends in " + x.shape().last() + " but weight "
                            + weight.shape() + " takes " + weight.shape().last() + "; weights are [out,in]");
        }
        if (bias.elements() != 0) {
            require("linear", "bias", bias, weight.dim(0));
        }
        Tensor y = results.allocate(x.dtype(), x.shape().withLast(weight.dim(0)));
        if (weight.dtype().isComputed()) {
            set(x).matmul().linear(team, asRows(x), weight, bias, asRows(y));
        } else {
            set(x).stored().linear(team, asRows(x), weight, bias, asRows(y));
        }
        return y;
    }

    @Override
    public List<Tensor> linears(List<LinearMap> maps) {
        for (LinearMap map : maps) {
            if (map.x().dtype() != DType.F32 || map.x().shape().rows() > MOST_ROWS_TOGETHER) {
                return Ops.super.linears(maps);
            }
        }
        List<Tensor> results = new ArrayList<>(maps.size());
        team.together(() -> {
            for (LinearMap map : maps) {
                results.add(linear(map.x(), map.weight(), map.bias().orElseGet(() -> none(DType.F32))));
            }
        });
        return results;
    }

    @Override
    public List<Tensor> linearParts(LinearMap map, int... widths) {
        Tensor x = map.x(), weight = map.weight();
        // Where a position shall have the same bits wherever time is cut, columns keep their neighbours.
        if (steady() || x.dtype() != DType.F32 || weight.shape().rank() != 2
                || x.shape().rows() < FEWEST_ROWS_IN_PARTS
                || Arrays.stream(widths).asLongStream().sum() > weight.dim(0)) {
            return Ops.super.linearParts(map, widths);
        }
        Tensor bias = map.bias().orElseGet(() -> none(DType.F32));
        if (bias.elements() != 0) {
            require("linear", "bias", bias, weight.dim(0));
        }
        List<Tensor> parts = new ArrayList<>(widths.length);
        int from = 0;
        for (int width : widths) {
            int to = from + width;
            parts.add(linear(x, weight.slice(from, to), bias.elements() == 0 ? bias : bias.slice(from, to)));
            from = to;
        }
        return parts;
    }

    @Override
    public Tensor embed(Tensor table, Tensor ids) {
        if (ids.dtype() != DType.I32 || ids.shape().rank() != 2 || table.shape().rank() != 2) {
            throw new IllegalArgumentException(
                    "embed: expected ids I32[batch,time] and a table [vocabulary,width], found "
                            + ids + " and " + table);
        }
        boolean computed = table.dtype().isComputed();
        Tensor y = results.allocate(computed ? table.dtype() : DType.F32,
                Shape.of(ids.dim(0), ids.dim(1), table.dim(1)));
        Tensor positions = ids.reshape(Math.toIntExact(ids.elements()));
        if (computed) {
            set(table).embedding().forward(team, table, positions, asRows(y));
        } else {
            set(y).stored().rows(team, table, positions, asRows(y));
        }
        return y;
    }

    @Override
    public Tensor layerNorm(Tensor x, Tensor gain, Tensor bias, double epsilon) {
        require("layerNorm", "gain", gain, x.shape().last());
        require("layerNorm", "bias", bias, x.shape().last());
        Tensor y = like(x);
        set(x).norm().layer(team, asRows(x), gain, bias, epsilon, asRows(y));
        return y;
    }

    @Override
    public Tensor rmsNorm(Tensor x, Tensor gain, double epsilon) {
        require("rmsNorm", "gain", gain, x.shape().last());
        Tensor y = like(x);
        set(x).norm().rms(team, asRows(x), gain, epsilon, asRows(y));
        return y;
    }

    @Override
    public Tensor groupNorm(Tensor x, int groups, Tensor gain, Tensor bias, double epsilon) {
        int width = x.shape().last();
        if (groups < 1 || width % groups != 0) {
            throw new IllegalArgumentException(
                    "groupNorm: " + groups + " groups do not divide " + width + " channels of " + x.shape());
        }
        require("groupNorm", "gain", gain, width);
        require("groupNorm", "bias", bias, width);
        Tensor y = like(x);
        set(x).heads().groupNorm(team, asRows(x), groups, gain, bias, epsilon, asRows(y));
        return y;
    }

    @Override
    public Tensor batchNorm(Tensor x, Tensor gain, Tensor bias, Tensor mean, Tensor variance, double epsilon,
            int[] lengths) {
        requireBatchNorm(x, gain, bias, mean, variance, lengths);
        Tensor y = like(x);
        BatchNorm.apply(team, x, gain, bias, mean, variance, epsilon, y);
        return y;
    }

    /** Checks the arguments of {@link #batchNorm}. */
    public static void requireBatchNorm(Tensor x, Tensor gain, Tensor bias, Tensor mean, Tensor variance,
            int[] lengths) {
        String operation = "batchNorm";
        requireRank(operation, "x", x, 3);
        int width = x.shape().last();
        require(operation, "gain", gain, width);
        require(operation, "bias", bias, width);
        require(operation, "mean", mean, width);
        require(operation, "variance", variance, width);
        requireLengths(operation, x, lengths);
    }

    @Override
    public Scanned timestepNorm(Tensor x, int groups, Tensor gain, Tensor bias, double epsilon, long[] ages,
            Tensor state) {
        requireTimestepNorm(x, groups, gain, bias, ages, state);
        Tensor y = like(x);
        TimestepNorm.forward(team, x, groups, gain, bias, epsilon, ages, state, y);
        return new Scanned(y, state);
    }

    /** Checks the arguments of {@link #timestepNorm}. */
    public static void requireTimestepNorm(Tensor x, int groups, Tensor gain, Tensor bias, long[] ages, Tensor state) {
        String operation = "timestepNorm";
        requireRank(operation, "x", x, 3);
        int width = x.shape().last();
        if (groups < 1 || width % groups != 0) {
            throw new IllegalArgumentException(
                    operation + ": " + groups + " groups do not divide " + width + " channels of " + x.shape());
        }
        require(operation, "gain", gain, width);
        require(operation, "bias", bias, width);
        require(operation, "state", state, x.dim(0), 2, groups);
        if (ages.length != x.dim(0)) {
            throw new IllegalArgumentException(
                    operation + ": " + x.dim(0) + " sequences but " + ages.length + " ages");
        }
    }

    @Override
    public Tensor unit(Tensor x, double floor) {
        Tensor y = like(x);
        set(x).heads().unit(team, asRows(x), floor, asRows(y));
        return y;
    }

    @Override
    public Tensor scaleRows(Tensor x, Tensor factor) {
        return rows("scaleRows", x, factor, false);
    }

    @Override
    public Tensor divideRows(Tensor x, Tensor divisor) {
        return rows("divideRows", x, divisor, true);
    }

    private Tensor rows(String operation, Tensor x, Tensor factor, boolean divide) {
        if (factor.dtype() != x.dtype() || !factor.shape().equals(x.shape().withLast(1))) {
            throw new IllegalArgumentException(operation + ": expected " + x.shape().withLast(1) + " for " + x
                    + ", one number a row, found " + factor);
        }
        Tensor y = like(x);
        set(x).heads().scaleRows(team, asRows(x), asRows(factor), divide, asRows(y));
        return y;
    }

    @Override
    public Tensor softmax(Tensor x) {
        Tensor y = like(x);
        set(x).heads().softmax(team, asRows(x), asRows(y));
        return y;
    }

    @Override
    public Tensor interpolate(Tensor x, Tensor towards, Tensor weight) {
        requireSame("interpolate", x, towards);
        if (weight.dtype() != x.dtype()
                || !weight.shape().equals(x.shape()) && !weight.shape().equals(Shape.of(x.shape().last()))) {
            throw new IllegalArgumentException("interpolate: weight must be " + x + " or "
                    + Shape.of(x.shape().last()) + ", found " + weight);
        }
        Tensor y = like(x);
        set(x).channels().interpolate(team, x, towards, weight, y);
        return y;
    }

    @Override
    public Tensor mixPositions(Tensor map, Tensor x) {
        requireRank("mixPositions", "map", map, 2);
        require("mixPositions", "x", x, x.dim(0), map.dim(1), x.shape().last());
        requireType("mixPositions", "map", map, x);
        Tensor y = results.allocate(x.dtype(), x.shape().with(1, map.dim(0)));
        for (int b = 0; b < x.dim(0); b++) {
            set(x).matmul().multiply(team, map, false, sequence(x, b), false, sequence(y, b), 0);
        }
        return y;
    }

    /** Sequence b of [B,T,D] as [T,D]. */
    public static Tensor sequence(Tensor x, int b) {
        return x.slice(b, b + 1).reshape(x.dim(1), x.dim(2));
    }

    @Override
    public Tensor bonus(Tensor query, Tensor key, Tensor bonus, Tensor value) {
        requireSame("bonus", query, key);
        require("bonus", "bonus", bonus, query.dim(2), query.dim(3));
        require("bonus", "value", value, query.dim(0), query.dim(1), query.dim(2), value.shape().last());
        Tensor y = like(value);
        set(query).heads().bonus(team, asHeads(query), asHeads(key), bonus, asHeads(value), asHeads(y));
        return y;
    }

    // ── convolutions ────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Scanned shift(Tensor x, Tensor before) {
        require("shift", "x", x, x.dim(0), x.dim(1), x.dim(2));
        require("shift", "before", before, x.dim(0), 1, x.dim(2));
        Tensor y = like(x);
        long row = before.bytes() / Math.max(1, x.dim(0));
        long sequence = row * x.dim(1);
        for (int b = 0; x.dim(1) > 0 && b < x.dim(0); b++) {
            MemorySegment.copy(before.data(), row * b, y.data(), sequence * b, row);
            MemorySegment.copy(x.data(), sequence * b, y.data(), sequence * b + row, sequence - row);
            MemorySegment.copy(x.data(), sequence * (b + 1) - row, before.data(), row * b, row);
        }
        return new Scanned(y, before);
    }

    @Override
    public Scanned shortConvolution(Tensor x, Tensor weight, Tensor bias, Tensor history) {
        require("shortConvolution", "x", x, x.dim(0), x.dim(1), weight.dim(0));
        require("shortConvolution", "bias", bias, weight.dim(0));
        require("shortConvolution", "history", history, x.dim(0), weight.dim(1) - 1, weight.dim(0));
        Tensor y = like(x);
        set(x).shortConvolution().forward(team, x, weight, bias, history, y, history);
        return new Scanned(y, history);
    }

    @Override
    public Dilated dilatedConvolution(Tensor x, Dilations layers, List<Tensor> rings, long[] ages) {
        return dilatedConvolution(x, layers, List.of(), rings, ages);
    }

    /**
     * {@link #dilatedConvolution(Tensor, Dilations, List, long[])}, which also gives what layers read.
     *
     * @param inner what layers 1 … read [B,T,…] each, written; empty if nobody wants it
     */
    public Dilated dilatedConvolution(Tensor x, Dilations layers, List<Tensor> inner, List<Tensor> rings,
            long[] ages) {
        requireDilated(x, layers, rings, ages);
        Tensor y = results.allocate(x.dtype(), x.shape().withLast(layers.outputs()));
        set(x).dilatedConvolution().forward(team, x, layers, inner, rings, ages, y);
        return new Dilated(y, rings);
    }

    private static void requireDilated(Tensor x, Dilations layers, List<Tensor> rings, long[] ages) {
        requireRank("dilatedConvolution", "x", x, 3);
        layers.requireInputs(x.dim(2));
        if (rings.size() != layers.layers().size() || ages.length != x.dim(0)) {
            throw new IllegalArgumentException("dilatedConvolution: " + layers.layers().size() + " layers and "
                    + x.dim(0) + " sequences, but " + rings.size() + " rings and " + ages.length + " ages");
        }
        boolean kept = Arrays.stream(ages).anyMatch(age -> age != 0)
                || rings.stream().anyMatch(ring -> ring.shape().rank() == 3 && ring.dim(1) > 0);
        int channels = x.dim(2);
        for (int l = 0; l < rings.size(); l++) {
            Dilations.Layer layer = layers.layers().get(l);
            requireType("dilatedConvolution", "weight", layer.weight(), x);
            requireType("dilatedConvolution", "ring", rings.get(l), x);
            require("dilatedConvolution", "ring " + l, rings.get(l), x.dim(0), kept ? layer.reach() : 0, channels);
            channels = layer.outputs();
        }
    }

    @Override
    public Tensor sine(Tensor x, Tensor frequency) {
        require("sine", "frequency", frequency, x.shape().last());
        Tensor y = like(x);
        set(x).filters().sine(team, asRows(x), frequency, asRows(y));
        return y;
    }

    @Override
    public Tensor decayWindow(Tensor g, Tensor delta, int span, double shift) {
        require("decayWindow", "delta", delta, g.shape().last());
        if (g.shape().rank() != 2 || span < 2) {
            throw new IllegalArgumentException(
                    "decayWindow: expected filters [time,filters] and a span of 2 or more, found "
                            + g.shape() + " and " + span);
        }
        Tensor y = like(g);
        set(g).filters().window(team, g, delta, span, shift, y);
        return y;
    }

    @Override
    public Tensor normaliseFilters(Tensor taps, FilterNorm norm) {
        if (norm == FilterNorm.NONE) {
            return taps;
        }
        Tensor y = like(taps);
        set(taps).filters().normalise(team, taps, norm, y);
        return y;
    }

    @Override
    public Convolved longConvolution(Tensor x, Tensor taps, Tensor skip, Tensor history, long[] ages, Tensor pending) {
        int channels = x.shape().last();
        require("longConvolution", "taps", taps, taps.dim(0), channels);
        require("longConvolution", "skip", skip, channels);
        require("longConvolution", "history", history, x.dim(0), history.dim(1), channels);
        require("longConvolution", "pending", pending, x.dim(0), pending.dim(1), channels);
        requireRoom("longConvolution", history, ages, x.dim(1));
        Tensor y = like(x);
        set(x).longConvolution().forward(team, x, taps, skip, history, ages, pending, y);
        return new Convolved(y, history, pending);
    }

    @Override
    public Attended headConvolution(Tensor query, Tensor key, Tensor value, Tensor taps, Tensor skip, Tensor keys,
            Tensor values, long[] ages) {
        requireSame("headConvolution", query, key);
        requireSame("headConvolution", query, value);
        require("headConvolution", "taps", taps, taps.dim(0), query.dim(2));
        require("headConvolution", "skip", skip, query.dim(2));
        require("headConvolution", "keys", keys, query.dim(0), keys.dim(1), query.dim(2), query.dim(3));
        requireSame("headConvolution", keys, values);
        requireRoom("headConvolution", keys, ages, query.dim(1));
        Tensor y = like(query);
        set(query).headConvolution().forward(team, query, key, value, taps, skip, keys, values, ages, y);
        return new Attended(y, keys, values);
    }

    // ── recurrences ─────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Scanned modalConvolution(Tensor x, Modes modes, Tensor passThrough, Tensor state) {
        require("modalConvolution", "x", x, x.dim(0), x.dim(1), modes.filters());
        require("modalConvolution", "passThrough", passThrough, modes.filters());
        require("modalConvolution", "state", state, x.dim(0), modes.order());
        Tensor y = like(x);
        set(x).modal().forward(team, x, modes, poles(modes), passThrough, state, y, state);
        return new Scanned(y, state);
    }

    @Override
    public Scanned modalHeads(Tensor query, Tensor key, Tensor value, Modes modes, Tensor passThrough, Tensor state) {
        requireSame("modalHeads", query, key);
        requireSame("modalHeads", query, value);
        require("modalHeads", "query", query, query.dim(0), query.dim(1), modes.filters(), query.shape().last());
        require("modalHeads", "passThrough", passThrough, modes.filters());
        require("modalHeads", "state", state, query.dim(0), modes.order(), query.dim(3), query.dim(3));
        Tensor y = like(query);
        set(query).modal().forwardHeads(team, query, key, value, modes, poles(modes), passThrough, state, y, state);
        return new Scanned(y, state);
    }

    @Override
    public Scanned gatedScan(Tensor query, Tensor key, Tensor value, Tensor logDecay, Tensor state) {
        requireRank("gatedScan", "query", query, 4);
        requireRank("gatedScan", "value", value, 4);
        if (query.dim(2) < 1 || value.dim(2) % query.dim(2) != 0) {
            throw new IllegalArgumentException(
                    "gatedScan: " + value.dim(2) + " heads of values do not divide evenly among "
                            + query.dim(2) + " heads of queries and keys");
        }
        return scan("gatedScan", ScanInputs.gated(query, key, value, logDecay), state);
    }

    @Override
    public Scanned bonusScan(Tensor query, Tensor key, Tensor value, Tensor logDecay, Tensor bonus, Tensor state) {
        requireRank("bonusScan", "query", query, 4);
        requireHeads("bonusScan", query, value);
        require("bonusScan", "bonus", bonus, query.dim(2), query.dim(3));
        requireType("bonusScan", "bonus", bonus, query);
        return scan("bonusScan", ScanInputs.bonus(query, key, value, logDecay, bonus), state);
    }

    @Override
    public Scanned rankOneScan(Tensor query, Tensor key, Tensor value, Tensor logDecay, Tensor probe, Tensor rewrite,
            Tensor state) {
        requireSame("rankOneScan", query, probe);
        requireSame("rankOneScan", query, rewrite);
        requireHeads("rankOneScan", query, value);
        return scan("rankOneScan", ScanInputs.rankOne(query, key, value, logDecay, probe, rewrite), state);
    }

    private static void requireHeads(String operation, Tensor query, Tensor value) {
        requireRank(operation, "query", query, 4);
        require(operation, "value", value, query.dim(0), query.dim(1), query.dim(2), value.shape().last());
    }

    private Scanned scan(String operation, ScanInputs in, Tensor state) {
        requireRank(operation, "query", in.query(), 4);
        requireRank(operation, "value", in.value(), 4);
        requireSame(operation, in.query(), in.key());
        require(operation, "value", in.value(), in.batch(), in.time(), in.heads(), in.valueWidth());
        requireType(operation, "value", in.value(), in.query());
        requireDecay(operation, in);
        require(operation, "state", state, in.batch(), in.heads(), in.keyWidth(), in.valueWidth());
        requireType(operation, "state", state, in.query());
        Tensor y = like(in.value());
        set(y).stateScan().forward(team, in, state, y, state);
        return new Scanned(y, state);
    }

    private static void requireDecay(String operation, ScanInputs in) {
        Shape shape = in.logDecay().shape();
        requireType(operation, "logDecay", in.logDecay(), in.query());
        if (shape.rank() != 4 || !isOneOr(shape.dim(0), in.batch()) || !isOneOr(shape.dim(1), in.time())
                || shape.dim(2) != in.heads() || !isOneOr(shape.dim(3), in.keyWidth())) {
            throw new IllegalArgumentException(
                    operation + ": logDecay must be " + in.query().shape().with(2, in.heads())
                            + ", where batch, time and key width may be 1, found " + shape);
        }
    }

    private static boolean isOneOr(int found, int expected) {
        return found == 1 || found == expected;
    }

    @Override
    public Scanned averageScan(Tensor key, Tensor value, Tensor decay, Tensor bonus, Tensor state) {
        requireRank("averageScan", "key", key, 3);
        requireSame("averageScan", key, value);
        require("averageScan", "decay", decay, key.dim(2));
        requireType("averageScan", "decay", decay, key);
        require("averageScan", "bonus", bonus, key.dim(2));
        requireType("averageScan", "bonus", bonus, key);
        require("averageScan", "state", state, key.dim(0), 3, key.dim(2));
        requireType("averageScan", "state", state, key);
        Tensor y = like(key);
        set(key).averageScan().forward(team, key, value, decay, bonus, state, y, state);
        return new Scanned(y, state);
    }

    @Override
    public Tensor dampedLogDecay(Tensor delta, Tensor alpha) {
        requireSame("dampedLogDecay", delta, alpha);
        Tensor y = like(delta);
        Damping.logDecay(delta, alpha, y);
        return y;
    }

    @Override
    public Scanned diagonalScan(Tensor x, Diagonal system, Tensor state) {
        require("diagonalScan", "x", x, x.dim(0), x.dim(1), system.width());
        require("diagonalScan", "state", state, x.dim(0), system.order(), system.width());
        requireType("diagonalScan", "decay", system.decay(), x);
        requireType("diagonalScan", "state", state, x);
        Tensor y = like(x);
        set(x).diagonalScan().forward(team, x, system, state, y, state);
        return new Scanned(y, state);
    }

    @Override
    public Tensor diagonalTaps(Tensor logDecay, Tensor phase, Tensor gain, Tensor weight, Tensor weightImaginary,
            int length) {
        int modes = logDecay.dim(0);
        int width = logDecay.dim(1);
        require("diagonalTaps", "phase", phase, phase.dim(0) == 0 ? 0 : modes, width);
        require("diagonalTaps", "gain", gain, modes, width);
        require("diagonalTaps", "weight", weight, modes, width);
        require("diagonalTaps", "weightImaginary", weightImaginary, phase.dim(0), width);
        Tensor taps = results.allocate(gain.dtype(), Shape.of(length, width));
        set(gain).diagonalScan().taps(team, logDecay, phase, gain, weight, weightImaginary, taps);
        return taps;
    }

    @Override
    public Tensor held(Tensor logRate, Tensor phase, Tensor logStep) {
        requireSame("held", logRate, phase);
        if (!logStep.shape().equals(phase.shape())) {
            require("held", "logStep", logStep, phase.shape().last());
        }
        int[] parts = new int[phase.shape().rank() + 1];
        parts[0] = HeldModes.PARTS;
        for (int axis = 1; axis < parts.length; axis++) {
            parts[axis] = phase.dim(axis - 1);
        }
        Tensor out = results.allocate(phase.dtype(), Shape.of(parts));
        HeldModes.forward(team, logRate, phase, logStep, out);
        return out;
    }

    @Override
    public Scanned affineScan(Tensor decay, Tensor turn, Tensor x, Tensor state) {
        requireRank("affineScan", "x", x, 3);
        requireRank("affineScan", "decay", decay, 3);
        int channels = decay.dim(2);
        int parts = turn.shape().last() == 0 ? 1 : 2;
        require("affineScan", "decay", decay, decay.dim(0) == 1 ? 1 : x.dim(0), decay.dim(1) == 1 ? 1 : x.dim(1),
                channels);
        require("affineScan", "turn", turn, decay.dim(0), decay.dim(1), (parts - 1) * channels);
        require("affineScan", "x", x, x.dim(0), x.dim(1), parts * channels);
        require("affineScan", "state", state, x.dim(0), 1, x.dim(2));
        requireType("affineScan", "decay", decay, x);
        requireType("affineScan", "turn", turn, x);
        requireType("affineScan", "state", state, x);
        Tensor y = like(x);
        set(x).affineScan().forward(team, decay, turn, x, state, y, state);
        return new Scanned(y, state);
    }

    @Override
    public Scanned selectiveScan(Selection in, Tensor state) {
        require("selectiveScan", "state", state, in.x().dim(0), in.states(), in.width());
        requireType("selectiveScan", "step", in.step(), in.x());
        requireType("selectiveScan", "rate", in.rate(), in.x());
        requireType("selectiveScan", "write", in.write(), in.x());
        requireType("selectiveScan", "read", in.read(), in.x());
        requireType("selectiveScan", "skip", in.skip(), in.x());
        requireType("selectiveScan", "state", state, in.x());
        Tensor y = like(in.x());
        set(y).selectiveScan().forward(team, in, state, y, state);
        return new Scanned(y, state);
    }

    @Override
    public Tensor maximumScan(Tensor logDecay, Tensor x, Tensor before) {
        requireRank("maximumScan", "x", x, 3);
        requireSame("maximumScan", x, logDecay);
        require("maximumScan", "before", before, x.dim(0), 1, x.dim(2));
        requireType("maximumScan", "before", before, x);
        Tensor y = like(x);
        MaximumScan.forward(logDecay, x, before, y);
        return y;
    }

    @Override
    public Scanned cellScan(Cell cell, Tensor x, Tensor weight, Tensor bias, Tensor state) {
        return cellScan(cell, x, weight, bias, state, results.allocate(x.dtype(), Shape.of(0)));
    }

    /**
     * {@link Ops#cellScan} that keeps what its backward reads.
     *
     * @param kept [B,T,H,{@link Cell#kept},K], or [0] to keep nothing
     */
    public Scanned cellScan(Cell cell, Tensor x, Tensor weight, Tensor bias, Tensor state, Tensor kept) {
        requireRank("cellScan", "x", x, 5);
        int heads = x.dim(2);
        int units = x.dim(4);
        require("cellScan", "x", x, x.dim(0), x.dim(1), heads, cell.gates(), units);
        require("cellScan", "weight", weight, heads, cell.gates(), units, units);
        require("cellScan", "bias", bias, cell.biased() ? heads : 0, units);
        require("cellScan", "state", state, x.dim(0), cell.states(), heads * units);
        requireType("cellScan", "weight", weight, x);
        requireType("cellScan", "bias", bias, x);
        requireType("cellScan", "state", state, x);
        Tensor y = results.allocate(x.dtype(), Shape.of(x.dim(0), x.dim(1), heads * units));
        set(x).cellScan().forward(team, cell, x, weight, bias, state, y, state, kept);
        return new Scanned(y, state);
    }

    @Override
    public Scanned unitScan(UnitCell cell, Tensor x, Tensor weight, Tensor state) {
        requireUnits("unitScan", cell, x, weight, state);
        Tensor y = results.allocate(x.dtype(), Shape.of(x.dim(0), x.dim(1), x.dim(3)));
        set(x).unitScan().forward(team, cell, x, weight, state, y, state);
        return new Scanned(y, state);
    }

    @Override
    public Solved unitNewton(UnitCell cell, Tensor x, Tensor weight, Tensor state, int limit, double tolerance) {
        requireUnits("unitNewton", cell, x, weight, state);
        if (limit < 0 || !(tolerance >= 0)) {
            throw new IllegalArgumentException("unitNewton: limit " + limit + " and tolerance " + tolerance
                    + " must be 0 or more");
        }
        Tensor y = results.allocate(x.dtype(), Shape.of(x.dim(0), x.dim(1), x.dim(3)));
        UnitScan.Convergence went = set(x).unitScan().newton(team, cell, x, weight, state, limit,
                tolerance == 0 ? UnitScan.finest(x.dtype()) : tolerance, y, state);
        return new Solved(y, state, went.iterations(), went.residual());
    }

    private static void requireUnits(String operation, UnitCell cell, Tensor x, Tensor weight, Tensor state) {
        requireRank(operation, "x", x, 4);
        int units = x.dim(3);
        require(operation, "x", x, x.dim(0), x.dim(1), cell.gates(), units);
        require(operation, "weight", weight, cell.weights(), units);
        require(operation, "state", state, x.dim(0), cell.states(), units);
        requireType(operation, "weight", weight, x);
        requireType(operation, "state", state, x);
    }

    @Override
    public Scanned memoryScan(Tensor query, Tensor key, Tensor value, Tensor rate, Tensor momentum, Tensor keep,
            int chunk, long[] ages, Tensor state) {
        String operation = "memoryScan";
        requireRank(operation, "query", query, 4);
        int heads = query.dim(2);
        requireSame(operation, query, key);
        require(operation, "value", value, query.dim(0), query.dim(1), heads, value.shape().last());
        requireType(operation, "value", value, query);
        for (Tensor gate : List.of(rate, momentum, keep)) {
            require(operation, "each gate", gate, query.dim(0), query.dim(1), heads, 1);
            requireType(operation, "each gate", gate, query);
        }
        require(operation, "state", state, query.dim(0), heads, 3, query.dim(3), value.dim(3));
        requireType(operation, "state", state, query);
        if (chunk < 1 || ages.length != query.dim(0)) {
            throw new IllegalArgumentException(operation + ": expected chunks of 1 position or more and "
                    + query.dim(0) + " ages, found " + chunk + " and " + ages.length);
        }
        Tensor y = results.allocate(value.dtype(), value.shape());
        set(query).memoryScan().forward(team,
                new MemoryScan.Inputs(query, key, value, rate, momentum, keep, chunk, ages), state, y, state);
        return new Scanned(y, state);
    }

    /** Evaluated once until parameters change: decoding would spend more time on exponentials than on the recurrence. */
    private Tensor poles(Modes modes) {
        return derived(modes, "poles", () -> Poles.evaluate(modes, scratch));
    }

    // ── attention ───────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Tensor rotary(Tensor x, long[] ages, double base) {
        return rotary(x, ages, Attention.speeds(base, x.shape().last()));
    }

    @Override
    public Tensor rotary(Tensor x, long[] ages, double[] speeds) {
        if (x.shape().rank() != 4 || x.shape().last() != 2 * speeds.length
                || ages.length != x.dim(0)) {
            throw new IllegalArgumentException(
                    "rotary: expected [batch,time,heads,even width], a speed for two channels and one age per sequence,"
                            + " found " + x.shape() + ", " + speeds.length + " speeds and " + ages.length + " ages");
        }
        Tensor y = like(x);
        set(x).attention().rotary(team, x, ages, speeds, y);
        return y;
    }

    @Override
    public Tensor turn(Tensor x, long[] ages, double[] speeds) {
        requireTurn(x, ages, speeds);
        Tensor y = like(x);
        Turning.turn(x, ages, speeds, 1, y);
        return y;
    }

    private static void requireTurn(Tensor x, long[] ages, double[] speeds) {
        if (x.shape().rank() != 4 || x.shape().last() != 2 * speeds.length || ages.length != x.dim(0)) {
            throw new IllegalArgumentException("turn: expected [batch,time,heads," + 2 * speeds.length
                    + "], two channels for each speed, and one age per sequence, found " + x.shape() + " and "
                    + ages.length + " ages");
        }
    }

    @Override
    public Tensor tiledAttention(Tensor query, Tensor key, Tensor value, int rows, IntFunction<KeysAndValues> tiles,
            long[] ages) {
        Tensor none = scratch.allocate(key.dtype(), key.shape().with(1, 0));
        Tensor noValues = scratch.allocate(value.dtype(), value.shape().with(1, 0));
        requireAttention(query, key, value, none, noValues, new long[query.dim(0)]);
        if (set(query).attention().positionsAlone() && query.dim(1) > 1) {
            return new LonePositions(set(query).attention(), team, scratch, results).tiled(query, key, value, rows,
                    tiles, ages);
        }
        Tensor y = results.allocate(query.dtype(), query.shape().withLast(value.shape().last()));
        Workspace.Mark kept = scratch.mark();
        Tensor logSum = scratch.allocate(query.dtype(), Shape.of(query.dim(0), query.dim(2), query.dim(1)));
        TiledAttention attention = new TiledAttention(set(query).attention(), team, scratch);
        attention.own(query, key, value, y, logSum);
        for (int i = 0; i < TiledAttention.count(ages, rows); i++) {
            Workspace.Mark before = scratch.mark();
            KeysAndValues tile = tiles.apply(i);
            attention.join(query, tile.keys(), tile.values(), ages, (long) i * rows, y, logSum);
            scratch.release(before);
        }
        scratch.release(kept);
        return y;
    }

    @Override
    public Attended causalAttention(Tensor query, Tensor key, Tensor value, Tensor keys, Tensor values, long[] ages) {
        requireAttention(query, key, value, keys, values, ages);
        Tensor y = results.allocate(query.dtype(), query.shape().withLast(value.shape().last()));
        Workspace.Mark kept = scratch.mark();
        Tensor logSum = scratch.allocate(query.dtype(), Shape.of(query.dim(0), query.dim(2), query.dim(1)));
        set(query).attention().forward(team, query, key, value, keys, values, ages, y, logSum);
        scratch.release(kept);
        return new Attended(y, keys, values);
    }

    @Override
    public Attended chunkedAttention(Tensor query, Tensor key, Tensor value, Tensor bias, Chunks how, Tensor keys,
            Tensor values, long[] ages, int[] lengths) {
        requireChunked(query, key, value, bias, how, keys, values, ages, lengths);
        Tensor y = results.allocate(query.dtype(), query.shape().withLast(value.shape().last()));
        Workspace.Mark kept = scratch.mark();
        Tensor logSum = scratch.allocate(query.dtype(), Shape.of(query.dim(0), query.dim(2), query.dim(1)));
        set(query).chunkedAttention().forward(team, query, key, value, bias, how.with(Dropped.NOTHING), keys, values,
                ages, lengths, y, logSum);
        scratch.release(kept);
        return new Attended(y, keys, values);
    }

    @Override
    public Tensor crossAttention(Tensor query, Tensor key, Tensor value, Tensor bias, Spans spans) {
        String operation = "crossAttention";
        requireRank(operation, "query", query, 4);
        requireRank(operation, "key", key, 4);
        int heads = query.dim(2);
        require(operation, "key", key, query.dim(0), key.dim(1), heads, query.dim(3));
        require(operation, "value", value, query.dim(0), key.dim(1), heads, value.shape().last());
        require(operation, "bias", bias, heads, bias.shape().last());
        for (Tensor other : List.of(key, value, bias)) {
            requireType(operation, "key, value or bias", other, query);
        }
        int queries = query.dim(0) * query.dim(1);
        if (spans.first().length != queries) {
            throw new IllegalArgumentException(operation + ": " + spans.first().length + " spans for " + queries
                    + " queries, expected one for each");
        }
        for (int i = 0; i < queries; i++) {
            int first = spans.first()[i];
            int count = spans.count()[i];
            if (count < 0 || count > key.dim(1) || first < 0 || count > 0 && first >= key.dim(1)) {
                throw new IllegalArgumentException(operation + ": query " + i + " reads " + count + " rows from "
                        + first + " on, expected at most all of the " + key.dim(1) + " rows, from one of them on");
            }
        }
        Tensor y = results.allocate(query.dtype(), query.shape().withLast(value.shape().last()));
        set(query).crossAttention().forward(team, new CrossAttention.Inputs(query, key, value, bias, spans), y);
        return y;
    }

    /** Checks the arguments of {@link #chunkedAttention}. */
    public static void requireChunked(Tensor query, Tensor key, Tensor value, Tensor bias, Chunks how, Tensor keys,
            Tensor values, long[] ages, int[] lengths) {
        String operation = "chunkedAttention";
        requireRank(operation, "query", query, 4);
        int time = query.dim(1);
        require(operation, "key", key, query.dim(0), time, query.dim(2), query.dim(3));
        require(operation, "value", value, query.dim(0), time, query.dim(2), value.dim(3));
        require(operation, "keys", keys, query.dim(0), keys.dim(1), query.dim(2), query.dim(3));
        require(operation, "values", values, query.dim(0), keys.dim(1), query.dim(2), value.dim(3));
        requireLengths(operation, query, lengths);
        if (ages.length != query.dim(0)) {
            throw new IllegalArgumentException(
                    operation + ": " + query.dim(0) + " sequences but " + ages.length + " ages");
        }
        long most = 0;
        long kept = 0;
        for (long age : ages) {
            if (age != 0 && !how.causal()) {
                throw new IllegalArgumentException(operation + ": a sequence is " + age
                        + " positions old, but attention in both directions reads whole sequences only");
            }
            most = Math.max(most, age + time);
            kept = Math.max(kept, how.before(age));
        }
        long rows = how.length() == 0 ? most : Math.min(most, how.length());
        if (keys.dim(1) < rows && (keys.dim(1) > 0 || kept > 0)) {
            throw new IllegalArgumentException(operation + ": the cache has room for " + keys.dim(1) + " positions, "
                    + rows + " are needed; reserve the state before the call");
        }
        if (bias.shape().rank() != 1 || bias.dim(0) > 0 && (bias.dim(0) % 2 == 0 || (bias.dim(0) + 1) / 2 < rows)) {
            throw new IllegalArgumentException(operation + ": bias is " + bias.shape() + ", which is for "
                    + (bias.dim(0) + 1) / 2 + " positions, but a chunk has " + rows + ", which takes " + (2 * rows - 1)
                    + "; shorten the input or choose a smaller chunk");
        }
    }

    /** Checks the arguments of {@link #causalAttention}. */
    public static void requireAttention(Tensor query, Tensor key, Tensor value, Tensor keys, Tensor values,
            long[] ages) {
        int groups = key.dim(2);
        if (groups == 0 || query.dim(2) % groups != 0) {
            throw new IllegalArgumentException(
                    "causalAttention: " + query.dim(2) + " query heads are not a multiple of "
                            + groups + " key heads");
        }
        require("causalAttention", "key", key, query.dim(0), query.dim(1), groups, query.dim(3));
        require("causalAttention", "value", value, query.dim(0), query.dim(1), groups, value.dim(3));
        require("causalAttention", "keys", keys, query.dim(0), keys.dim(1), groups, query.dim(3));
        require("causalAttention", "values", values, query.dim(0), keys.dim(1), groups, value.dim(3));
        requireRoom("causalAttention", keys, ages, query.dim(1));
    }

    // ── losses ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Tensor crossEntropy(Tensor hidden, Tensor head, Tensor targets, double cap, double wrap) {
        requireCrossEntropy(hidden, head, targets);
        Tensor losses = results.allocate(hidden.dtype(), targets.shape());
        Workspace.Mark kept = scratch.mark();
        Tensor logSum = scratch.allocate(hidden.dtype(), targets.shape());
        set(hidden).crossEntropy().forward(team, hidden, head, targets, cap, losses, logSum);
        scratch.release(kept);
        return losses;
    }

    /** Checks the arguments of {@link #crossEntropy}. */
    public static void requireCrossEntropy(Tensor hidden, Tensor head, Tensor targets) {
        if (targets.dtype() != DType.I32) {
            throw new IllegalArgumentException("crossEntropy: targets must be I32, found " + targets);
        }
        require("crossEntropy", "hidden", hidden, hidden.dim(0), head.dim(1));
        require("crossEntropy", "targets", targets, hidden.dim(0));
    }

    @Override
    public Tensor mean(Tensor x, double count) {
        Tensor y = results.allocate(x.dtype(), Shape.of(1));
        y.set(0, set(x).elementwise().sum(team, x) / count);
        return y;
    }

    // ── checks ──────────────────────────────────────────────────────────────────────────────────────────────────────

    private KernelSet set(Tensor x) {
        if (!x.dtype().isComputed()) {
            throw new IllegalArgumentException(
                    "operations compute in F32 or F64, found " + x + "; convert the tensor first");
        }
        return kernels(x.dtype());
    }

    private Tensor like(Tensor x) {
        return results.allocate(x.dtype(), x.shape());
    }

    /** The tensor with all but its last axis flattened. */
    public static Tensor asRows(Tensor x) {
        return x.shape().rank() == 2 ? x : x.reshape(x.shape().rows(), x.shape().last());
    }

    /** The tensor [B,T,H,K] as [B·T,H,K]. */
    public static Tensor asHeads(Tensor x) {
        return x.reshape(x.dim(0) * x.dim(1), x.dim(2), x.dim(3));
    }

    /** Whether b meets each part of a that has its shape; false if both have one shape. */
    private static boolean meetsEach(String operation, Tensor a, Tensor b) {
        int more = a.shape().rank() - b.shape().rank();
        boolean fits = a.dtype() == b.dtype() && more >= 0;
        for (int axis = 0; fits && axis < b.shape().rank(); axis++) {
            fits = a.dim(more + axis) == b.dim(axis);
        }
        if (!fits) {
            throw new IllegalArgumentException(operation
                    + ": the second input must have the type of the first and its shape or that of its last axes, found "
                    + a + " and " + b);
        }
        return more > 0;
    }

    private static void requireSame(String operation, Tensor a, Tensor b) {
        if (a.dtype() != b.dtype() || !a.shape().equals(b.shape())) {
            throw new IllegalArgumentException(
                    operation + ": both inputs must have one type and shape, found " + a + " and "
                            + b);
        }
    }

    private static void require(String operation, String what, Tensor found, int... expected) {
        boolean fits = found.shape().rank() == expected.length;
        for (int axis = 0; fits && axis < expected.length; axis++) {
            fits = found.dim(axis) == expected[axis];
        }
        if (!fits) {
            throw new IllegalArgumentException(operation + ": " + what + " must be " + Shape.of(expected) + ", found "
                    + found.shape());
        }
    }

    private static void requireRank(String operation, String what, Tensor found, int rank) {
        if (found.shape().rank() != rank) {
            throw new IllegalArgumentException(
                    operation + ": " + what + " must have " + rank + " axes, found " + found.shape());
        }
    }

    private static void requireType(String operation, String what, Tensor found, Tensor like) {
        if (found.dtype() != like.dtype()) {
            throw new IllegalArgumentException(
                    operation + ": " + what + " must be " + like.dtype() + " like the other inputs, found " + found);
        }
    }

    private static void requireRoom(String operation, Tensor history, long[] ages, int time) {
        if (ages.length != history.dim(0)) {
            throw new IllegalArgumentException(
                    operation + ": " + history.dim(0) + " sequences but " + ages.length + " ages");
        }
        long needed = 0;
        for (long age : ages) {
            needed = Math.max(needed, age + time);
        }
        boolean unkept = history.dim(1) == 0 && needed == time;
        if (!unkept && history.dim(1) < needed) {
            throw new IllegalArgumentException(
                    operation + ": the history has room for " + history.dim(1) + " positions, "
                            + needed + " are needed; reserve the state before the call");
        }
    }
}

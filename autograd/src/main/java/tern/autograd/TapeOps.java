package tern.autograd;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.kernels.attention.Attention;
import tern.kernels.attention.Caches;
import tern.kernels.attention.CrossAttention;
import tern.kernels.attention.TiledAttention;
import tern.kernels.attention.Turning;
import tern.kernels.convolution.DilatedConvolution;
import tern.kernels.elementwise.Dropout;
import tern.kernels.maximum.MaximumScan;
import tern.kernels.memory.MemoryScan;
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
import tern.ops.Modes;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.ops.Selection;
import tern.ops.Solved;
import tern.ops.Spans;
import tern.ops.UnitCell;
import tern.tensor.Allocator;
import tern.tensor.DType;
import tern.tensor.Pool;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * {@link Ops} carried out and recorded, so that {@link #backward} can chain the hand-written backward of each operation in
 * reverse order. States are copied before an operation updates them, so every tensor of the step keeps its value.
 *
 * <p>Memory goes back as early as can be told. What was computed within a {@link #segment} and is not its output goes when
 * the segment ends, unless a backward will read it; what a backward reads goes when it has run, and so does the gradient of
 * its result, which nothing adds to any more. After {@link #backward} only parameters' gradients ({@link Gradients}), those
 * of tensors asked for with {@link #watch} ({@link #gradient}) and the tensors it began from are left; {@link #clear} takes
 * those too, but for the parameters' gradients. Confined to one thread.
 */
public final class TapeOps implements Ops, AutoCloseable {
    private static final double SHARE_OF_NEW = 0.1;
    /** Pieces of memory that a slice may lie in for its gradient to be added where it stands. */
    private static final int MOST_PIECES = 16;

    private final ThreadTeam team;
    private final Workspace scratch;
    private final Pool pool = new Pool();
    private final Allocator results = this::take;
    /** What callers may still read, the newest last: each is held once. */
    private final List<Tensor> open = new ArrayList<>();
    private final EagerOps eager;
    private final Gradients parameters;
    private final boolean recompute;
    private double penaltyShare = 1;
    private Frame frame = new Frame(true, 0);
    /** What this forward pass leaves numbers out by; nothing while a model is only judged. */
    private OptionalLong dropping = OptionalLong.empty();
    /** What batch norms met in this pass, by the tensor that follows it; a segment that is computed again says the same again. */
    private final Map<Tensor, double[]> measured = new IdentityHashMap<>();
    /** How often numbers have been left out in this pass: the same in a segment's first run and when it is computed again. */
    private long droppings;

    /** What is known of one stretch of the tape; a recomputed segment has a frame of its own. Holds what it lists. */
    private static final class Frame {
        private final boolean recording;
        /** How much was open when it began. */
        private final int since;
        private final List<Node> nodes = new ArrayList<>();
        private final Map<Tensor, Tensor> gradients = new IdentityHashMap<>();
        private final Set<Tensor> active = Collections.newSetFromMap(new IdentityHashMap<>());
        private final Set<Tensor> watched = Collections.newSetFromMap(new IdentityHashMap<>());
        private final Map<Object, Map<String, Tensor>> derived = new IdentityHashMap<>();

        private Frame(boolean recording, int since) {
            this.recording = recording;
            this.since = since;
        }
    }

    private record Node(List<Tensor> outputs, List<Tensor> reads, Runnable backward) {
    }

    /**
     * A tape.
     *
     * @param fast bodies for F32; F64 goes to the reference bodies
     * @param team threads to use; not closed by this object
     * @param scratch where an operation keeps what it needs until it returns; not closed by this object
     * @param parameters gradients of trained parameters
     * @param recompute whether {@link #segment} keeps only its inputs and outputs and runs again in the backward pass
     */
    public TapeOps(KernelSet fast, ThreadTeam team, Workspace scratch, Gradients parameters, boolean recompute) {
        this.team = team;
        this.scratch = scratch;
        this.eager = new EagerOps(fast, team, results, scratch);
        this.parameters = parameters;
        this.recompute = recompute;
    }

    /**
     * Until {@link #clear} this is a training pass: {@link #dropout} and dropped weights of attention leave numbers out, and
     * {@link #batchNorm} measures what it reads.
     *
     * @param key which ones: the same calls with the same key leave out the same, on any number of threads
     */
    public void drop(long key) {
        dropping = OptionalLong.of(key);
        droppings = 0;
    }

    /** What the next use leaves out at a rate. */
    private Dropped dropped(double rate) {
        if (rate == 0 || dropping.isEmpty()) {
            return Dropped.NOTHING;
        }
        droppings++;
        return new Dropped(rate, new SplittableRandom(dropping.getAsLong() + droppings).nextLong());
    }

    /** Forgets everything recorded and derived, keeping the parameters' gradients; parameters may change afterwards. */
    public void clear() {
        dropping = OptionalLong.empty();
        frame = new Frame(true, 0);
        open.clear();
        pool.reset();
        eager.parametersChanged();
    }

    /** The most bytes that activations and their gradients have taken at once, up to now. */
    public long activations() {
        return pool.peak();
    }

    /** Bytes held from the operating system. */
    public long bytes() {
        return pool.bytes();
    }

    @Override
    public void close() {
        eager.close();
        pool.close();
    }

    /** Asks for the gradient of a tensor that is neither parameter nor result. */
    public Tensor watch(Tensor leaf) {
        frame.active.add(leaf);
        frame.watched.add(leaf);
        return leaf;
    }

    /**
     * What share of a penalty counts: 1 over the number of tapes' losses whose gradients are added up. 1 at first.
     *
     * @see Ops#penalised
     */
    public void penaltyShare(double share) {
        penaltyShare = share;
    }

    /** The gradient of a tensor after {@link #backward}; empty if the loss does not depend on it. */
    public Optional<Tensor> gradient(Tensor of) {
        Optional<Tensor> parameter = parameters.of(of);
        return parameter.isPresent() ? parameter : Optional.ofNullable(frame.gradients.get(of));
    }

    /** Backward from a scalar [1] whose own gradient is {@code seed}. */
    public void backward(Tensor loss, double seed) {
        backward(List.of(loss), List.of(like(loss).fill(seed)));
    }

    /** Backward from several tensors with the gradients given, once for what was recorded. */
    public void backward(List<Tensor> outputs, List<Tensor> outputGradients) {
        for (int i = 0; i < outputs.size(); i++) {
            contribute(outputs.get(i), outputGradients.get(i));
        }
        giveBack(frame.since, outputs);
        while (!frame.nodes.isEmpty()) {
            Node node = frame.nodes.removeLast();
            if (anyKnown(node.outputs)) {
                int before = open.size();
                node.backward.run();
                giveBack(before, List.of());
            }
            node.reads.forEach(pool::release);
            for (Tensor output : node.outputs) {
                // All that reads an output ran before, so its gradient is done with.
                Tensor gradient = frame.watched.contains(output) ? null : frame.gradients.remove(output);
                if (gradient != null) {
                    pool.release(gradient);
                }
            }
        }
    }

    private boolean anyKnown(List<Tensor> outputs) {
        for (Tensor output : outputs) {
            if (frame.gradients.containsKey(output)) {
                return true;
            }
        }
        return false;
    }

    /** Runs something that needs no gradients: nothing is recorded, and each segment keeps nothing but its outputs. */
    public <T> T withoutGradients(Supplier<T> work) {
        return within(new Frame(false, open.size()), work);
    }

    // ── bookkeeping ─────────────────────────────────────────────────────────────────────────────────────────────────

    private Tensor take(DType dtype, Shape shape) {
        Tensor taken = pool.allocate(dtype, shape);
        open.add(taken);
        return taken;
    }

    /** Ends the time for which callers may read what was made when more than {@code since} was open, but for these. */
    private void giveBack(int since, List<Tensor> but) {
        but.forEach(pool::hold);
        while (open.size() > since) {
            pool.release(open.removeLast());
        }
        open.addAll(but);
    }

    private boolean isActive(Tensor tensor) {
        return frame.active.contains(tensor) || parameters.of(tensor).isPresent();
    }

    /**
     * Records an operation.
     *
     * @param reads all tensors whose contents the backward reads; those of other tensors will be gone by then
     */
    private void record(List<Tensor> inputs, List<Tensor> outputs, List<Tensor> reads, Runnable backward) {
        for (Tensor input : inputs) {
            if (frame.recording && isActive(input)) {
                frame.active.addAll(outputs);
                reads.forEach(pool::hold);
                frame.nodes.add(new Node(outputs, reads, backward));
                return;
            }
        }
    }

    /** The gradient of an output, zeros if nothing reads it. */
    private Tensor given(Tensor output) {
        Tensor known = frame.gradients.get(output);
        if (known == null) {
            known = results.zeros(output.dtype(), output.shape());
            pool.hold(known);
            frame.gradients.put(output, known);
        }
        return known;
    }

    /** Adds to a tensor's gradient; the contribution may be kept as it is, so nobody may write it afterwards. */
    private void contribute(Tensor to, Tensor contribution) {
        Optional<Tensor> parameter = parameters.of(to);
        if (parameter.isPresent()) {
            set(to).elementwise().add(team, parameter.get(), contribution, parameter.get());
        } else if (frame.active.contains(to)) {
            Tensor known = frame.gradients.get(to);
            if (known == null) {
                pool.hold(contribution);
                frame.gradients.put(to, contribution);
            } else if (pool.holds(known) == 1) {
                // Nobody else sees it.
                set(to).elementwise().add(team, known, contribution, known);
            } else {
                Tensor sum = like(to);
                set(to).elementwise().add(team, known, contribution, sum);
                pool.hold(sum);
                frame.gradients.put(to, sum);
                pool.release(known);
            }
        }
    }

    /** Where a kernel accumulates the gradient of something in the place of a parameter. */
    private Tensor target(Tensor parameter) {
        return parameters.of(parameter).orElseGet(() -> results.zeros(parameter.dtype(), parameter.shape()));
    }

    /** To be called after a kernel has accumulated into {@link #target}. */
    private void settle(Tensor parameter, Tensor target) {
        if (parameters.of(parameter).isEmpty()) {
            contribute(parameter, target);
        }
    }

    private KernelSet set(Tensor x) {
        return eager.kernels(x.dtype());
    }

    private static void requireTrainable(String operation, String what, Tensor found) {
        if (!found.dtype().isComputed()) {
            throw new IllegalArgumentException(operation + ": " + what + " " + found
                    + " is as a file holds it and has no gradient, expected F32 or F64; convert it to F32 to train");
        }
    }

    private Tensor like(Tensor x) {
        return results.allocate(x.dtype(), x.shape());
    }

    // ── memory ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Tensor zeros(DType dtype, Shape shape) {
        return eager.zeros(dtype, shape);
    }

    @Override
    public Tensor derived(Object owner, String name, Supplier<Tensor> compute) {
        Map<String, Tensor> own = frame.derived.computeIfAbsent(owner, ignored -> new HashMap<>());
        Tensor known = own.get(name);
        if (known == null) {
            int before = open.size();
            known = compute.get();
            giveBack(before, List.of(known));
            pool.hold(known);
            own.put(name, known);
        }
        return known;
    }

    @Override
    public Tensor derivedRows(Object owner, String name, Tensor ids, Function<Tensor, Tensor> compute) {
        EagerOps.requireIdentifiers(ids);
        return compute.apply(ids);
    }

    @Override
    public Tensor append(Tensor rows, Tensor history, long[] ages) {
        Tensor after = eager.append(rows, results.copyOf(history), ages);
        if (isNumber(rows)) {
            record(List.of(rows, history), List.of(after), List.of(), () -> {
                Tensor dRows = results.zeros(rows.dtype(), rows.shape());
                Tensor dHistory = results.zeros(rows.dtype(), history.shape());
                historyBackward(rows, history, after, ages, dRows, dHistory);
            });
        }
        return after;
    }

    /** Whether a gradient means anything: not for identifiers. */
    private static boolean isNumber(Tensor x) {
        return x.dtype().isComputed();
    }

    @Override
    public Tensor recall(Tensor history, int from, int to, DType type) {
        Tensor rows = eager.recall(history, from, to, type);
        if (history.dtype() == type && isNumber(rows)) {
            record(List.of(history), List.of(rows), List.of(), () -> {
                Tensor dHistory = results.zeros(type, history.shape());
                EagerOps.unslice(team, given(rows), dHistory, 1, from);
                contribute(history, dHistory);
            });
        }
        return rows;
    }

    @Override
    public Tensor stored(Tensor x, DType type) {
        Tensor y = eager.stored(x, type);
        if (y != x) {
            record(List.of(x), List.of(y), List.of(), () -> contribute(x, given(y)));
        }
        return y;
    }

    @Override
    public List<Tensor> segment(List<Tensor> inputs, UnaryOperator<List<Tensor>> part) {
        if (!recompute || !frame.recording) {
            int before = open.size();
            List<Tensor> outputs = part.apply(inputs);
            giveBack(before, outputs);
            return outputs;
        }
        long before = droppings;
        List<Tensor> outputs = keepOnlyResult(new Frame(false, open.size()), () -> part.apply(inputs));
        outputs.stream().filter(TapeOps::isNumber).forEach(frame.active::add);
        inputs.forEach(pool::hold);
        frame.nodes.add(new Node(outputs, inputs, () -> {
            droppings = before;
            List<Tensor> wanted = inputs.stream().filter(this::isActive).distinct().toList();
            List<Tensor> outer = outputs.stream().map(this::given).toList();
            List<Tensor> found = keepOnlyResult(new Frame(true, open.size()), () -> {
                wanted.forEach(this::watch);
                backward(part.apply(inputs), outer);
                return wanted.stream().map(this::given).toList();
            });
            for (int i = 0; i < wanted.size(); i++) {
                contribute(wanted.get(i), found.get(i));
            }
        }));
        return outputs;
    }

    private <T> T within(Frame inner, Supplier<T> work) {
        Frame outer = frame;
        frame = inner;
        try {
            return work.get();
        } finally {
            frame = outer;
        }
    }

    /** Runs something in a frame of its own and gives back all the memory it took, except for the result. */
    private List<Tensor> keepOnlyResult(Frame inner, Supplier<List<Tensor>> work) {
        List<Tensor> computed = within(inner, work);
        giveBack(inner.since, computed);
        inner.gradients.values().forEach(pool::release);
        inner.derived.values().forEach(own -> own.values().forEach(pool::release));
        return computed;
    }

    // ── shapes ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Tensor reshape(Tensor x, Shape shape) {
        Tensor y = eager.reshape(x, shape);
        if (y != x) {
            record(List.of(x), List.of(y), List.of(), () -> contribute(x, given(y).reshape(x.shape())));
        }
        return y;
    }

    @Override
    public Tensor slice(Tensor x, int axis, int from, int to) {
        Tensor y = eager.slice(x, axis, from, to);
        if (y != x) {
            record(List.of(x), List.of(y), List.of(), () -> {
                if (addInPlace(given(y), x, axis < 0 ? x.shape().rank() + axis : axis, from)) {
                    return;
                }
                Tensor dx = results.zeros(x.dtype(), x.shape());
                EagerOps.unslice(team, given(y), dx, axis, from);
                contribute(x, dx);
            });
        }
        return y;
    }

    /**
     * Adds what a slice was given to its part of the whole's gradient, if that is there already: what is cut into many would
     * else be gone through once for each.
     */
    private boolean addInPlace(Tensor part, Tensor whole, int axis, int from) {
        long outer = 1;
        for (int i = 0; i < axis; i++) {
            outer *= whole.dim(i);
        }
        Optional<Tensor> known = parameters.of(whole)
                .or(() -> Optional.ofNullable(frame.gradients.get(whole)).filter(one -> pool.holds(one) == 1));
        if (known.isEmpty() || part.elements() == 0) {
            return false;
        }
        if (outer > MOST_PIECES) {
            int inner = Math.toIntExact(whole.elements() / outer / whole.dim(axis));
            Tensor sums = known.get();
            set(whole).elementwise().addToColumns(team, rows(part, outer), rows(sums, outer), from * inner);
            return true;
        }
        long length = part.bytes() / outer;
        long step = whole.bytes() / outer;
        long first = step / whole.dim(axis) * from;
        Shape shape = Shape.of(Math.toIntExact(part.elements() / outer));
        for (long piece = 0; piece < outer; piece++) {
            Tensor into = Tensor.over(whole.dtype(), shape,
                    known.get().data().asSlice(piece * step + first, length));
            set(whole).elementwise().add(team, into,
                    Tensor.over(part.dtype(), shape, part.data().asSlice(piece * length, length)), into);
        }
        return true;
    }

    private static Tensor rows(Tensor x, long rows) {
        return x.reshape(Math.toIntExact(rows), Math.toIntExact(x.elements() / rows));
    }

    @Override
    public Tensor concat(List<Tensor> parts, int axis) {
        Tensor y = eager.concat(parts, axis);
        if (parts.size() > 1) {
            record(parts, List.of(y), List.of(), () -> {
                int from = 0;
                for (Tensor part : parts) {
                    int length = part.dim(axis);
                    contribute(part, eager.slice(given(y), axis, from, from + length));
                    from += length;
                }
            });
        }
        return y;
    }

    @Override
    public Tensor masked(Tensor x, int[] lengths) {
        Tensor y = eager.masked(x, lengths);
        record(List.of(x), List.of(y), List.of(), () -> contribute(x, eager.masked(given(y), lengths)));
        return y;
    }

    @Override
    public Tensor reversed(Tensor x, int[] lengths) {
        Tensor y = eager.reversed(x, lengths);
        record(List.of(x), List.of(y), List.of(), () -> contribute(x, eager.reversed(given(y), lengths)));
        return y;
    }

    // ── elementwise ─────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Tensor add(Tensor a, Tensor b) {
        Tensor y = eager.add(a, b);
        record(List.of(a, b), List.of(y), List.of(), () -> {
            contribute(a, given(y));
            if (b.shape().equals(a.shape())) {
                contribute(b, given(y));
            } else {
                Tensor db = target(b);
                set(a).channels().addBackward(team, given(y), db);
                settle(b, db);
            }
        });
        return y;
    }

    @Override
    public Tensor multiply(Tensor a, Tensor b) {
        Tensor y = eager.multiply(a, b);
        record(List.of(a, b), List.of(y), List.of(a, b), () -> {
            Tensor da = like(a);
            if (b.shape().equals(a.shape())) {
                Tensor db = like(b);
                set(a).elementwise().multiplyBackward(team, a, b, given(y), da, db);
                contribute(b, db);
            } else {
                Tensor db = target(b);
                set(a).channels().multiplyBackward(team, a, b, given(y), da, db);
                settle(b, db);
            }
            contribute(a, da);
        });
        return y;
    }

    @Override
    public Tensor scale(Tensor x, double factor) {
        Tensor y = eager.scale(x, factor);
        record(List.of(x), List.of(y), List.of(), () -> {
            Tensor dx = like(x);
            set(x).elementwise().scale(team, given(y), factor, dx);
            contribute(x, dx);
        });
        return y;
    }

    @Override
    public Tensor activate(Tensor x, Activation f) {
        Tensor y = eager.activate(x, f);
        if (y != x) {
            record(List.of(x), List.of(y), List.of(x), () -> {
                Tensor dx = like(x);
                set(x).elementwise().activateBackward(team, x, f, given(y), dx);
                contribute(x, dx);
            });
        }
        return y;
    }

    @Override
    public Tensor dropout(Tensor x, double rate, boolean wholeChannels) {
        Dropped dropped = dropped(rate);
        if (!dropped.any()) {
            return x;
        }
        Tensor y = like(x);
        Dropout.apply(team, x, dropped, wholeChannels, y);
        record(List.of(x), List.of(y), List.of(), () -> {
            Tensor dx = like(x);
            Dropout.apply(team, given(y), dropped, wholeChannels, dx);
            contribute(x, dx);
        });
        return y;
    }

    @Override
    public Tensor gate(Tensor gate, Tensor value, Activation f) {
        Tensor y = eager.gate(gate, value, f);
        record(List.of(gate, value), List.of(y), List.of(gate, value), () -> {
            Tensor dGate = like(gate);
            Tensor dValue = like(value);
            set(gate).elementwise().gateBackward(team, gate, value, f, given(y), dGate, dValue);
            contribute(gate, dGate);
            contribute(value, dValue);
        });
        return y;
    }

    // ── rows ────────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Tensor linear(Tensor x, Tensor weight) {
        return linear(x, weight, EagerOps.none(x.dtype()));
    }

    @Override
    public Tensor linear(Tensor x, Tensor weight, Tensor bias) {
        requireTrainable("linear", "weight", weight);
        Tensor y = eager.linear(x, weight, bias);
        record(List.of(x, weight, bias), List.of(y), List.of(x, weight), () -> {
            Tensor dx = like(x);
            Tensor dWeight = target(weight);
            Tensor dBias = target(bias);
            set(x).matmul().linearBackward(team, EagerOps.asRows(x), weight, EagerOps.asRows(given(y)),
                    EagerOps.asRows(dx),
                    dWeight, dBias);
            contribute(x, dx);
            settle(weight, dWeight);
            settle(bias, dBias);
        });
        return y;
    }

    @Override
    public Tensor embed(Tensor table, Tensor ids) {
        requireTrainable("embed", "table", table);
        Tensor y = eager.embed(table, ids);
        record(List.of(table), List.of(y), List.of(ids), () -> {
            Tensor dTable = target(table);
            set(table).embedding().backward(team, ids.reshape(y.shape().rows()), EagerOps.asRows(given(y)), dTable);
            settle(table, dTable);
        });
        return y;
    }

    @Override
    public Tensor layerNorm(Tensor x, Tensor gain, Tensor bias, double epsilon) {
        Tensor y = eager.layerNorm(x, gain, bias, epsilon);
        record(List.of(x, gain, bias), List.of(y), List.of(x, gain), () -> {
            Tensor dx = like(x);
            Tensor dGain = target(gain);
            Tensor dBias = target(bias);
            set(x).norm().layerBackward(team, EagerOps.asRows(x), gain, epsilon, EagerOps.asRows(given(y)),
                    EagerOps.asRows(dx), dGain, dBias);
            contribute(x, dx);
            settle(gain, dGain);
            settle(bias, dBias);
        });
        return y;
    }

    @Override
    public Tensor rmsNorm(Tensor x, Tensor gain, double epsilon) {
        Tensor y = eager.rmsNorm(x, gain, epsilon);
        record(List.of(x, gain), List.of(y), List.of(x, gain), () -> {
            Tensor dx = like(x);
            Tensor dGain = target(gain);
            set(x).norm().rmsBackward(team, EagerOps.asRows(x), gain, epsilon, EagerOps.asRows(given(y)),
                    EagerOps.asRows(dx), dGain);
            contribute(x, dx);
            settle(gain, dGain);
        });
        return y;
    }

    @Override
    public Tensor groupNorm(Tensor x, int groups, Tensor gain, Tensor bias, double epsilon) {
        Tensor y = eager.groupNorm(x, groups, gain, bias, epsilon);
        record(List.of(x, gain, bias), List.of(y), List.of(x, gain), () -> {
            Tensor dx = like(x);
            Tensor dGain = target(gain);
            Tensor dBias = target(bias);
            set(x).heads().groupNormBackward(team, EagerOps.asRows(x), groups, gain, epsilon,
                    EagerOps.asRows(given(y)), EagerOps.asRows(dx), dGain, dBias);
            contribute(x, dx);
            settle(gain, dGain);
            settle(bias, dBias);
        });
        return y;
    }

    @Override
    public Tensor batchNorm(Tensor x, Tensor gain, Tensor bias, Tensor mean, Tensor variance, double epsilon,
            int[] lengths) {
        EagerOps.requireBatchNorm(x, gain, bias, mean, variance, lengths);
        boolean measures = dropping.isPresent();
        Tensor own = measures ? results.allocate(x.dtype(), mean.shape()) : mean;
        Tensor spread = measures ? results.allocate(x.dtype(), mean.shape()) : variance;
        if (measures) {
            BatchNorm.measure(team, x, lengths, own, spread);
            measured.put(mean, boxed(own, 1));
            // What is expected of all positions, of which these are a sample.
            double count = BatchNorm.count(x, lengths);
            measured.put(variance, boxed(spread, count > 1 ? count / (count - 1) : 1));
        }
        Tensor y = like(x);
        BatchNorm.apply(team, x, gain, bias, own, spread, epsilon, y);
        record(List.of(x, gain, bias), List.of(y), List.of(x, gain, own, spread), () -> {
            Tensor dx = like(x);
            Tensor dGain = target(gain);
            Tensor dBias = target(bias);
            BatchNorm.backward(team, x, lengths, gain, own, spread, measures, epsilon, given(y), dx, dGain, dBias);
            contribute(x, dx);
            settle(gain, dGain);
            settle(bias, dBias);
        });
        return y;
    }

    private static double[] boxed(Tensor of, double factor) {
        double[] values = new double[Math.toIntExact(of.elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = factor * of.get(i);
        }
        return values;
    }

    /**
     * Moves the means and variances of {@link #batchNorm} a tenth of the way to what the last training pass met, and forgets it. To
     * be called after its backward pass, if its update is made.
     */
    public void settleMeasured() {
        measured.forEach((running, met) -> {
            for (int i = 0; i < met.length; i++) {
                running.set(i, running.get(i) + SHARE_OF_NEW * (met[i] - running.get(i)));
            }
        });
        measured.clear();
    }

    @Override
    public Scanned timestepNorm(Tensor x, int groups, Tensor gain, Tensor bias, double epsilon, long[] ages,
            Tensor state) {
        EagerOps.requireTimestepNorm(x, groups, gain, bias, ages, state);
        Tensor y = like(x);
        Tensor next = results.copyOf(state);
        TimestepNorm.forward(team, x, groups, gain, bias, epsilon, ages, next, y);
        record(List.of(x, gain, bias, state), List.of(y, next), List.of(x, gain, state), () -> {
            Tensor dx = like(x);
            Tensor dState = like(state);
            Tensor dGain = target(gain);
            Tensor dBias = target(bias);
            TimestepNorm.backward(team, x, groups, gain, epsilon, ages, state, given(y), given(next), dx, dState, dGain,
                    dBias);
            contribute(x, dx);
            contribute(state, dState);
            settle(gain, dGain);
            settle(bias, dBias);
        });
        return new Scanned(y, next);
    }

    @Override
    public Tensor unit(Tensor x, double floor) {
        Tensor y = eager.unit(x, floor);
        record(List.of(x), List.of(y), List.of(x), () -> {
            Tensor dx = like(x);
            set(x).heads().unitBackward(team, EagerOps.asRows(x), floor, EagerOps.asRows(given(y)),
                    EagerOps.asRows(dx));
            contribute(x, dx);
        });
        return y;
    }

    @Override
    public Tensor scaleRows(Tensor x, Tensor factor) {
        return rows(x, factor, false, eager.scaleRows(x, factor));
    }

    @Override
    public Tensor divideRows(Tensor x, Tensor divisor) {
        return rows(x, divisor, true, eager.divideRows(x, divisor));
    }

    private Tensor rows(Tensor x, Tensor factor, boolean divide, Tensor y) {
        record(List.of(x, factor), List.of(y), List.of(x, factor), () -> {
            Tensor dx = like(x);
            Tensor dFactor = like(factor);
            set(x).heads().scaleRowsBackward(team, EagerOps.asRows(x), EagerOps.asRows(factor), divide,
                    EagerOps.asRows(given(y)), EagerOps.asRows(dx), EagerOps.asRows(dFactor));
            contribute(x, dx);
            contribute(factor, dFactor);
        });
        return y;
    }

    @Override
    public Tensor softmax(Tensor x) {
        Tensor y = eager.softmax(x);
        record(List.of(x), List.of(y), List.of(y), () -> {
            Tensor dx = like(x);
            set(x).heads().softmaxBackward(team, EagerOps.asRows(y), EagerOps.asRows(given(y)), EagerOps.asRows(dx));
            contribute(x, dx);
        });
        return y;
    }

    @Override
    public Tensor interpolate(Tensor x, Tensor towards, Tensor weight) {
        Tensor y = eager.interpolate(x, towards, weight);
        record(List.of(x, towards, weight), List.of(y), List.of(x, towards, weight), () -> {
            Tensor dx = like(x);
            Tensor dTowards = like(x);
            Tensor dWeight = target(weight);
            set(x).channels().interpolateBackward(team, x, towards, weight, given(y), dx, dTowards, dWeight);
            contribute(x, dx);
            contribute(towards, dTowards);
            settle(weight, dWeight);
        });
        return y;
    }

    @Override
    public Tensor mixPositions(Tensor map, Tensor x) {
        Tensor y = eager.mixPositions(map, x);
        record(List.of(map, x), List.of(y), List.of(map, x), () -> {
            Tensor dx = like(x);
            Tensor dMap = target(map);
            boolean wanted = isActive(map);
            for (int b = 0; b < x.dim(0); b++) {
                Tensor dy = EagerOps.sequence(given(y), b);
                set(x).matmul().multiply(team, map, true, dy, false, EagerOps.sequence(dx, b), 0);
                if (wanted) {
                    set(x).matmul().multiply(team, dy, false, EagerOps.sequence(x, b), true, dMap, 1);
                }
            }
            contribute(x, dx);
            settle(map, dMap);
        });
        return y;
    }

    @Override
    public Tensor bonus(Tensor query, Tensor key, Tensor bonus, Tensor value) {
        Tensor y = eager.bonus(query, key, bonus, value);
        record(List.of(query, key, bonus, value), List.of(y), List.of(query, key, bonus, value), () -> {
            Tensor dQuery = like(query);
            Tensor dKey = like(key);
            Tensor dValue = like(value);
            Tensor dBonus = target(bonus);
            set(query).heads().bonusBackward(team, EagerOps.asHeads(query), EagerOps.asHeads(key), bonus,
                    EagerOps.asHeads(value), EagerOps.asHeads(given(y)), EagerOps.asHeads(dQuery),
                    EagerOps.asHeads(dKey), EagerOps.asHeads(dValue), dBonus);
            contribute(query, dQuery);
            contribute(key, dKey);
            contribute(value, dValue);
            settle(bonus, dBonus);
        });
        return y;
    }

    // ── convolutions ────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Scanned shift(Tensor x, Tensor before) {
        Scanned shifted = eager.shift(x, results.copyOf(before));
        record(List.of(x, before), List.of(shifted.y(), shifted.state()), List.of(), () -> {
            if (x.dim(1) == 0) {
                contribute(before, given(shifted.state()));
                return;
            }
            Tensor dBefore = eager.slice(given(shifted.y()), 1, 0, 1);
            // What comes back through y belongs to the position before, the last one's to the state: a shift the other way.
            Tensor dx = eager.concat(List.of(eager.slice(given(shifted.y()), 1, 1, x.dim(1)), given(shifted.state())),
                    1);
            contribute(x, dx);
            contribute(before, dBefore);
        });
        return shifted;
    }

    @Override
    public Scanned shortConvolution(Tensor x, Tensor weight, Tensor bias, Tensor history) {
        Scanned scanned = eager.shortConvolution(x, weight, bias, results.copyOf(history));
        record(List.of(x, weight, bias, history), List.of(scanned.y(), scanned.state()), List.of(x, weight, history),
                () -> {
                    Tensor dx = like(x);
                    Tensor dHistory = like(history);
                    Tensor dWeight = target(weight);
                    Tensor dBias = target(bias);
                    set(x).shortConvolution().backward(team, x, weight, history, given(scanned.y()),
                            given(scanned.state()), dx,
                            dWeight, dBias, dHistory);
                    contribute(x, dx);
                    contribute(history, dHistory);
                    settle(weight, dWeight);
                    settle(bias, dBias);
                });
        return scanned;
    }

    @Override
    public Dilated dilatedConvolution(Tensor x, Dilations layers, List<Tensor> rings, long[] ages) {
        List<Tensor> inputs = new ArrayList<>(rings);
        inputs.add(x);
        layers.layers().forEach(layer -> inputs.addAll(List.of(layer.weight(), layer.bias())));
        boolean wanted = frame.recording && inputs.stream().anyMatch(this::isActive);
        List<Tensor> inner = new ArrayList<>();
        boolean read = wanted && set(x).dilatedConvolution().readsInner(x, layers, rings);
        for (Dilations.Layer layer : layers.layers().subList(0, read ? layers.layers().size() - 1 : 0)) {
            inner.add(results.allocate(x.dtype(), x.shape().withLast(layer.outputs())));
        }
        Dilated dilated = eager.dilatedConvolution(x, layers, inner, rings.stream().map(results::copyOf).toList(),
                ages);
        List<Tensor> outputs = new ArrayList<>(dilated.rings());
        outputs.add(dilated.y());
        List<Tensor> reads = new ArrayList<>(inner);
        reads.addAll(inputs);
        record(inputs, outputs, reads, () -> {
            Tensor dx = like(x);
            List<Tensor> dWeights = layers.layers().stream().map(layer -> target(layer.weight())).toList();
            List<Tensor> dBiases = layers.layers().stream().map(layer -> target(layer.bias())).toList();
            List<Tensor> dRings = rings.stream().anyMatch(this::isActive) ? rings.stream().map(this::like).toList()
                    : List.of();
            set(x).dilatedConvolution().backward(team, x, layers, inner, rings, ages, given(dilated.y()),
                    dilated.rings().stream().map(this::givenOrNothing).toList(),
                    new DilatedConvolution.Slopes(dx, dWeights, dBiases, dRings));
            contribute(x, dx);
            for (int l = 0; l < rings.size(); l++) {
                settle(layers.layers().get(l).weight(), dWeights.get(l));
                settle(layers.layers().get(l).bias(), dBiases.get(l));
                if (!dRings.isEmpty()) {
                    contribute(rings.get(l), dRings.get(l));
                }
            }
        });
        return dilated;
    }

    /** The gradient of an output, without rows if nothing reads it. */
    private Tensor givenOrNothing(Tensor output) {
        Tensor known = frame.gradients.get(output);
        return known == null ? results.allocate(output.dtype(), output.shape().with(1, 0)) : known;
    }

    @Override
    public Tensor sine(Tensor x, Tensor frequency) {
        Tensor y = eager.sine(x, frequency);
        record(List.of(x, frequency), List.of(y), List.of(x, frequency), () -> {
            Tensor dx = like(x);
            Tensor dFrequency = target(frequency);
            set(x).filters().sineBackward(team, EagerOps.asRows(x), frequency, EagerOps.asRows(given(y)),
                    EagerOps.asRows(dx), dFrequency);
            contribute(x, dx);
            settle(frequency, dFrequency);
        });
        return y;
    }

    @Override
    public Tensor decayWindow(Tensor g, Tensor delta, int span, double shift) {
        Tensor y = eager.decayWindow(g, delta, span, shift);
        record(List.of(g, delta), List.of(y), List.of(g, delta), () -> {
            Tensor dg = like(g);
            Tensor dDelta = target(delta);
            set(g).filters().windowBackward(team, g, delta, span, shift, given(y), dg, dDelta);
            contribute(g, dg);
            settle(delta, dDelta);
        });
        return y;
    }

    @Override
    public Tensor normaliseFilters(Tensor taps, FilterNorm norm) {
        Tensor y = eager.normaliseFilters(taps, norm);
        if (y != taps) {
            record(List.of(taps), List.of(y), List.of(taps), () -> {
                Tensor dTaps = like(taps);
                set(taps).filters().normaliseBackward(team, taps, norm, given(y), dTaps);
                contribute(taps, dTaps);
            });
        }
        return y;
    }

    @Override
    public Convolved longConvolution(Tensor x, Tensor taps, Tensor skip, Tensor history, long[] ages, Tensor pending) {
        // What is pending is a function of the history; without it the kernel reads the history, as the gradient does.
        Tensor nothingPending = results.allocate(x.dtype(), pending.shape().with(1, 0));
        Convolved made = eager.longConvolution(x, taps, skip, results.copyOf(history), ages, nothingPending);
        Convolved convolved = new Convolved(made.y(), made.history(), results.copyOf(pending));
        record(List.of(x, taps, skip, history), List.of(convolved.y(), convolved.history()),
                List.of(x, taps, skip, history), () -> {
                    Tensor dx = like(x);
                    Tensor dTaps = target(taps);
                    Tensor dSkip = target(skip);
                    Tensor dHistory = results.zeros(history.dtype(), history.shape());
                    set(x).longConvolution().backward(team, x, taps, skip, history, ages, given(convolved.y()), dx,
                            dTaps,
                            dSkip,
                            dHistory);
                    settle(taps, dTaps);
                    settle(skip, dSkip);
                    historyBackward(x, history, convolved.history(), ages, dx, dHistory);
                });
        return convolved;
    }

    @Override
    public Attended headConvolution(Tensor query, Tensor key, Tensor value, Tensor taps, Tensor skip, Tensor keys,
            Tensor values, long[] ages) {
        Attended attended = eager.headConvolution(query, key, value, taps, skip, results.copyOf(keys),
                results.copyOf(values), ages);
        record(List.of(query, key, value, taps, skip, keys, values),
                List.of(attended.y(), attended.keys(), attended.values()),
                List.of(query, key, value, taps, skip, keys, values), () -> {
                    Tensor dQuery = like(query);
                    Tensor dKey = like(key);
                    Tensor dValue = like(value);
                    Tensor dTaps = target(taps);
                    Tensor dSkip = target(skip);
                    Tensor dKeys = results.zeros(keys.dtype(), keys.shape());
                    Tensor dValues = results.zeros(values.dtype(), values.shape());
                    set(query).headConvolution().backward(team, query, key, value, taps, skip, keys, values, ages,
                            given(attended.y()), dQuery, dKey, dValue, dTaps, dSkip, dKeys, dValues);
                    settle(taps, dTaps);
                    settle(skip, dSkip);
                    contribute(query, dQuery);
                    historyBackward(key, keys, attended.keys(), ages, dKey, dKeys);
                    historyBackward(value, values, attended.values(), ages, dValue, dValues);
                });
        return attended;
    }

    /**
     * Contributes to the rows written and to the history they were written into: what the operation itself found, plus what
     * came back through the history that was given back.
     */
    private void historyBackward(Tensor rows, Tensor before, Tensor after, long[] ages, Tensor dRows, Tensor dBefore) {
        if (before.dim(1) > 0 && frame.gradients.containsKey(after)) {
            Tensor dAfter = given(after);
            for (int b = 0; b < ages.length; b++) {
                int age = Math.toIntExact(ages[b]);
                Tensor through = dAfter.slice(b, b + 1).reshape(dAfter.shape().with(0, dAfter.dim(1)).with(1, 1));
                Tensor kept = dBefore.slice(b, b + 1).reshape(through.shape());
                Tensor written = dRows.slice(b, b + 1).reshape(dRows.shape().with(0, dRows.dim(1)).with(1, 1));
                addInto(through.slice(0, age), kept.slice(0, age));
                addInto(through.slice(age, age + rows.dim(1)), written);
                int rest = age + rows.dim(1);
                addInto(through.slice(rest, through.dim(0)), kept.slice(rest, through.dim(0)));
            }
        }
        contribute(rows, dRows);
        contribute(before, dBefore);
    }

    private void addInto(Tensor contribution, Tensor sum) {
        set(sum).elementwise().add(team, sum, contribution, sum);
    }

    // ── recurrences ─────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Scanned modalConvolution(Tensor x, Modes modes, Tensor passThrough, Tensor state) {
        Scanned scanned = eager.modalConvolution(x, modes, passThrough, results.copyOf(state));
        List<Tensor> inputs = with(modes, x, passThrough, state);
        record(inputs, List.of(scanned.y(), scanned.state()), inputs, () -> {
            Tensor dx = like(x);
            Tensor dState = like(state);
            Modes dModes = targets(modes);
            Tensor dPassThrough = target(passThrough);
            set(x).modal().backward(team, x, modes, passThrough, state, given(scanned.y()), given(scanned.state()), dx,
                    dModes, dPassThrough, dState);
            contribute(x, dx);
            contribute(state, dState);
            settle(modes, dModes);
            settle(passThrough, dPassThrough);
        });
        return scanned;
    }

    @Override
    public Scanned modalHeads(Tensor query, Tensor key, Tensor value, Modes modes, Tensor passThrough, Tensor state) {
        Scanned scanned = eager.modalHeads(query, key, value, modes, passThrough, results.copyOf(state));
        List<Tensor> inputs = with(modes, query, key, value, passThrough, state);
        record(inputs, List.of(scanned.y(), scanned.state()), inputs, () -> {
            Tensor dQuery = like(query);
            Tensor dKey = like(key);
            Tensor dValue = like(value);
            Tensor dState = like(state);
            Modes dModes = targets(modes);
            Tensor dPassThrough = target(passThrough);
            set(query).modal().backwardHeads(team, query, key, value, modes, passThrough, state, given(scanned.y()),
                    given(scanned.state()), dQuery, dKey, dValue, dModes, dPassThrough, dState);
            contribute(query, dQuery);
            contribute(key, dKey);
            contribute(value, dValue);
            contribute(state, dState);
            settle(modes, dModes);
            settle(passThrough, dPassThrough);
        });
        return scanned;
    }

    @Override
    public Scanned gatedScan(Tensor query, Tensor key, Tensor value, Tensor logDecay, Tensor state) {
        int heads = value.dim(2), shared = query.dim(2);
        if (shared < heads && shared > 0 && heads % shared == 0) {
            // Backward wants the rows of every head, whose gradients then meet in those they were repeated from.
            return gatedScan(repeated(query, heads / shared), repeated(key, heads / shared), value, logDecay, state);
        }
        Scanned scanned = eager.gatedScan(query, key, value, logDecay, results.copyOf(state));
        recordScan(ScanInputs.gated(query, key, value, logDecay), List.of(query, key, value, logDecay, state), state,
                scanned);
        return scanned;
    }

    /** Each head so many times. */
    private Tensor repeated(Tensor x, int times) {
        List<Tensor> all = new ArrayList<>();
        for (int head = 0; head < x.dim(2); head++) {
            all.addAll(Collections.nCopies(times, slice(x, 2, head, head + 1)));
        }
        return concat(all, 2);
    }

    @Override
    public Scanned bonusScan(Tensor query, Tensor key, Tensor value, Tensor logDecay, Tensor bonus, Tensor state) {
        Scanned scanned = eager.bonusScan(query, key, value, logDecay, bonus, results.copyOf(state));
        recordScan(ScanInputs.bonus(query, key, value, logDecay, bonus),
                List.of(query, key, value, logDecay, bonus, state), state, scanned);
        return scanned;
    }

    @Override
    public Scanned rankOneScan(Tensor query, Tensor key, Tensor value, Tensor logDecay, Tensor probe, Tensor rewrite,
            Tensor state) {
        Scanned scanned = eager.rankOneScan(query, key, value, logDecay, probe, rewrite, results.copyOf(state));
        recordScan(ScanInputs.rankOne(query, key, value, logDecay, probe, rewrite),
                List.of(query, key, value, logDecay, probe, rewrite, state), state, scanned);
        return scanned;
    }

    private void recordScan(ScanInputs in, List<Tensor> inputs, Tensor state, Scanned scanned) {
        record(inputs, List.of(scanned.y(), scanned.state()), inputs, () -> {
            ScanInputs dIn = in.blank(results).withBonus(in.readsBefore() ? target(in.bonus()) : in.bonus());
            Tensor dState = like(state);
            set(state).stateScan().backward(team, in, state, given(scanned.y()), given(scanned.state()), dIn, dState);
            contribute(in.query(), dIn.query());
            contribute(in.key(), dIn.key());
            contribute(in.value(), dIn.value());
            contribute(in.logDecay(), dIn.logDecay());
            contribute(state, dState);
            if (in.readsBefore()) {
                settle(in.bonus(), dIn.bonus());
            }
            if (in.hasRankOne()) {
                contribute(in.probe(), dIn.probe());
                contribute(in.rewrite(), dIn.rewrite());
            }
        });
    }

    @Override
    public Scanned averageScan(Tensor key, Tensor value, Tensor decay, Tensor bonus, Tensor state) {
        Scanned scanned = eager.averageScan(key, value, decay, bonus, results.copyOf(state));
        record(List.of(key, value, decay, bonus, state), List.of(scanned.y(), scanned.state()),
                List.of(key, value, decay, bonus, state), () -> {
                    Tensor dKey = like(key);
                    Tensor dValue = like(value);
                    Tensor dState = like(state);
                    Tensor dDecay = target(decay);
                    Tensor dBonus = target(bonus);
                    set(key).averageScan().backward(team, key, value, decay, bonus, state, given(scanned.y()),
                            given(scanned.state()), dKey, dValue, dDecay, dBonus, dState);
                    contribute(key, dKey);
                    contribute(value, dValue);
                    contribute(state, dState);
                    settle(decay, dDecay);
                    settle(bonus, dBonus);
                });
        return scanned;
    }

    @Override
    public Scanned cellScan(Cell cell, Tensor x, Tensor weight, Tensor bias, Tensor state) {
        List<Tensor> inputs = List.of(x, weight, bias, state);
        boolean wanted = frame.recording && inputs.stream().anyMatch(this::isActive);
        Tensor kept = results.allocate(x.dtype(), wanted ? x.shape().with(3, cell.kept()) : Shape.of(0));
        Scanned scanned = eager.cellScan(cell, x, weight, bias, results.copyOf(state), kept);
        record(inputs, List.of(scanned.y(), scanned.state()), List.of(weight, bias, state, scanned.y(), kept), () -> {
            Tensor dx = like(x);
            Tensor dState = like(state);
            Tensor dWeight = target(weight);
            Tensor dBias = target(bias);
            set(x).cellScan().backward(team, cell, weight, bias, state, scanned.y(), kept, given(scanned.y()),
                    given(scanned.state()), dx, dWeight, dBias, dState);
            contribute(x, dx);
            contribute(state, dState);
            settle(weight, dWeight);
            settle(bias, dBias);
        });
        return scanned;
    }

    @Override
    public Scanned unitScan(UnitCell cell, Tensor x, Tensor weight, Tensor state) {
        Scanned scanned = eager.unitScan(cell, x, weight, results.copyOf(state));
        recordUnits(cell, x, weight, state, scanned);
        return scanned;
    }

    @Override
    public Solved unitNewton(UnitCell cell, Tensor x, Tensor weight, Tensor state, int limit, double tolerance) {
        Solved solved = eager.unitNewton(cell, x, weight, results.copyOf(state), limit, tolerance);
        recordUnits(cell, x, weight, state, new Scanned(solved.y(), solved.state()));
        return solved;
    }

    private void recordUnits(UnitCell cell, Tensor x, Tensor weight, Tensor state, Scanned scanned) {
        record(List.of(x, weight, state), List.of(scanned.y(), scanned.state()),
                List.of(x, weight, state, scanned.y()), () -> {
                    Tensor dx = like(x);
                    Tensor dState = like(state);
                    Tensor dWeight = target(weight);
                    set(x).unitScan().backward(team, cell, x, weight, state, scanned.y(), given(scanned.y()),
                            given(scanned.state()), dx, dWeight, dState);
                    contribute(x, dx);
                    contribute(state, dState);
                    settle(weight, dWeight);
                });
    }

    @Override
    public Tensor crossAttention(Tensor query, Tensor key, Tensor value, Tensor bias, Spans spans) {
        Tensor y = eager.crossAttention(query, key, value, bias, spans);
        List<Tensor> inputs = List.of(query, key, value, bias);
        record(inputs, List.of(y), inputs, () -> {
            List<Tensor> slopes = inputs.stream().map(this::like).toList();
            set(query).crossAttention().backward(team,
                    new CrossAttention.Inputs(query, key, value, bias, spans), given(y), slopes.get(0),
                    slopes.get(1), slopes.get(2), slopes.get(3));
            for (int i = 0; i < slopes.size(); i++) {
                contribute(inputs.get(i), slopes.get(i));
            }
        });
        return y;
    }

    @Override
    public Scanned memoryScan(Tensor query, Tensor key, Tensor value, Tensor rate, Tensor momentum, Tensor keep,
            int chunk, long[] ages, Tensor state) {
        Scanned scanned = eager.memoryScan(query, key, value, rate, momentum, keep, chunk, ages,
                results.copyOf(state));
        List<Tensor> inputs = List.of(query, key, value, rate, momentum, keep);
        List<Tensor> all = new ArrayList<>(inputs);
        all.add(state);
        record(all, List.of(scanned.y(), scanned.state()), all, () -> {
            List<Tensor> slopes = inputs.stream().map(this::like).toList();
            Tensor dState = like(state);
            set(state).memoryScan().backward(team,
                    new MemoryScan.Inputs(query, key, value, rate, momentum, keep, chunk, ages), state,
                    given(scanned.y()), given(scanned.state()), new MemoryScan.Inputs(slopes.get(0), slopes.get(1),
                            slopes.get(2), slopes.get(3), slopes.get(4), slopes.get(5), chunk, ages),
                    dState);
            for (int i = 0; i < slopes.size(); i++) {
                contribute(inputs.get(i), slopes.get(i));
            }
            contribute(state, dState);
        });
        return scanned;
    }

    @Override
    public Tensor dampedLogDecay(Tensor delta, Tensor alpha) {
        Tensor y = eager.dampedLogDecay(delta, alpha);
        record(List.of(delta, alpha), List.of(y), List.of(delta, alpha), () -> {
            Tensor dDelta = like(delta);
            Tensor dAlpha = like(alpha);
            Damping.logDecayBackward(delta, alpha, given(y), dDelta, dAlpha);
            contribute(delta, dDelta);
            contribute(alpha, dAlpha);
        });
        return y;
    }

    @Override
    public Scanned diagonalScan(Tensor x, Diagonal system, Tensor state) {
        Scanned scanned = eager.diagonalScan(x, system, results.copyOf(state));
        List<Tensor> inputs = List.of(x, system.decay(), system.decayImaginary(), system.gain(), system.weight(),
                system.weightImaginary(), state);
        record(inputs, List.of(scanned.y(), scanned.state()), inputs, () -> {
            Tensor dx = like(x);
            Tensor dState = like(state);
            Diagonal found = new Diagonal(target(system.decay()), target(system.decayImaginary()),
                    target(system.gain()), target(system.weight()), target(system.weightImaginary()));
            set(x).diagonalScan().backward(team, x, system, state, given(scanned.y()), given(scanned.state()), dx,
                    found, dState);
            contribute(x, dx);
            contribute(state, dState);
            settle(system.decay(), found.decay());
            settle(system.decayImaginary(), found.decayImaginary());
            settle(system.gain(), found.gain());
            settle(system.weight(), found.weight());
            settle(system.weightImaginary(), found.weightImaginary());
        });
        return scanned;
    }

    @Override
    public Tensor diagonalTaps(Tensor logDecay, Tensor phase, Tensor gain, Tensor weight, Tensor weightImaginary,
            int length) {
        Tensor taps = eager.diagonalTaps(logDecay, phase, gain, weight, weightImaginary, length);
        List<Tensor> inputs = List.of(logDecay, phase, gain, weight, weightImaginary);
        record(inputs, List.of(taps), inputs, () -> {
            List<Tensor> found = inputs.stream().map(this::target).toList();
            set(gain).diagonalScan().tapsBackward(team, logDecay, phase, gain, weight, weightImaginary, given(taps),
                    found.get(0), found.get(1), found.get(2), found.get(3), found.get(4));
            for (int i = 0; i < inputs.size(); i++) {
                settle(inputs.get(i), found.get(i));
            }
        });
        return taps;
    }

    @Override
    public Tensor held(Tensor logRate, Tensor phase, Tensor logStep) {
        Tensor out = eager.held(logRate, phase, logStep);
        List<Tensor> inputs = List.of(logRate, phase, logStep);
        record(inputs, List.of(out), inputs, () -> {
            List<Tensor> found = inputs.stream().map(this::target).toList();
            HeldModes.backward(team, logRate, phase, logStep, given(out), found.get(0), found.get(1), found.get(2));
            for (int i = 0; i < inputs.size(); i++) {
                settle(inputs.get(i), found.get(i));
            }
        });
        return out;
    }

    @Override
    public Scanned affineScan(Tensor decay, Tensor turn, Tensor x, Tensor state) {
        Scanned scanned = eager.affineScan(decay, turn, x, results.copyOf(state));
        record(List.of(decay, turn, x, state), List.of(scanned.y(), scanned.state()),
                List.of(decay, turn, state, scanned.y()), () -> {
                    Tensor dx = like(x);
                    Tensor dState = like(state);
                    Tensor dDecay = target(decay);
                    Tensor dTurn = target(turn);
                    set(x).affineScan().backward(team, decay, turn, state, scanned.y(), given(scanned.y()),
                            given(scanned.state()), dDecay, dTurn, dx, dState);
                    contribute(x, dx);
                    contribute(state, dState);
                    settle(decay, dDecay);
                    settle(turn, dTurn);
                });
        return scanned;
    }

    @Override
    public Scanned selectiveScan(Selection in, Tensor state) {
        Scanned scanned = eager.selectiveScan(in, results.copyOf(state));
        List<Tensor> inputs = List.of(in.x(), in.step(), in.rate(), in.write(), in.read(), in.skip(), state);
        record(inputs, List.of(scanned.y(), scanned.state()), inputs, () -> {
            Selection found = new Selection(like(in.x()), like(in.step()), target(in.rate()), like(in.write()),
                    like(in.read()), target(in.skip()));
            Tensor dState = like(state);
            set(state).selectiveScan().backward(team, in, state, given(scanned.y()), given(scanned.state()), found,
                    dState);
            contribute(in.x(), found.x());
            contribute(in.step(), found.step());
            contribute(in.write(), found.write());
            contribute(in.read(), found.read());
            contribute(state, dState);
            settle(in.rate(), found.rate());
            settle(in.skip(), found.skip());
        });
        return scanned;
    }

    private static List<Tensor> trained(Modes modes) {
        return List.of(modes.decay(), modes.phase(), modes.residueReal(), modes.residueImaginary(), modes.realDecay(),
                modes.realResidue());
    }

    private static List<Tensor> with(Modes modes, Tensor... others) {
        List<Tensor> all = new ArrayList<>(trained(modes));
        all.addAll(List.of(others));
        return all;
    }

    private Modes targets(Modes modes) {
        return new Modes(target(modes.decay()), target(modes.phase()), target(modes.residueReal()),
                target(modes.residueImaginary()), target(modes.realDecay()), modes.realSign(),
                target(modes.realResidue()),
                modes.pairStart(), modes.realStart());
    }

    private void settle(Modes modes, Modes targets) {
        List<Tensor> of = trained(modes);
        List<Tensor> found = trained(targets);
        for (int i = 0; i < of.size(); i++) {
            settle(of.get(i), found.get(i));
        }
    }

    @Override
    public Tensor maximumScan(Tensor logDecay, Tensor x, Tensor before) {
        Tensor y = eager.maximumScan(logDecay, x, before);
        record(List.of(logDecay, x, before), List.of(y), List.of(logDecay, x, before, y), () -> {
            Tensor dLogDecay = like(x);
            Tensor dx = like(x);
            Tensor dBefore = like(before);
            MaximumScan.backward(logDecay, x, before, y, given(y), dLogDecay, dx, dBefore);
            contribute(logDecay, dLogDecay);
            contribute(x, dx);
            contribute(before, dBefore);
        });
        return y;
    }

    // ── attention ───────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Tensor rotary(Tensor x, long[] ages, double base) {
        return rotary(x, ages, Attention.speeds(base, x.shape().last()));
    }

    @Override
    public Tensor rotary(Tensor x, long[] ages, double[] speeds) {
        Tensor y = eager.rotary(x, ages, speeds);
        record(List.of(x), List.of(y), List.of(), () -> {
            Tensor dx = like(x);
            set(x).attention().rotaryBackward(team, given(y), ages, speeds, dx);
            contribute(x, dx);
        });
        return y;
    }

    @Override
    public Tensor turn(Tensor x, long[] ages, double[] speeds) {
        Tensor y = eager.turn(x, ages, speeds);
        record(List.of(x), List.of(y), List.of(), () -> {
            Tensor dx = like(x);
            Turning.turn(given(y), ages, speeds, -1, dx);
            contribute(x, dx);
        });
        return y;
    }

    @Override
    public Tensor tiledAttention(Tensor query, Tensor key, Tensor value, int rows, IntFunction<KeysAndValues> tiles,
            long[] ages) {
        EagerOps.requireAttention(query, key, value, results.allocate(key.dtype(), key.shape().with(1, 0)),
                results.allocate(value.dtype(), value.shape().with(1, 0)), new long[query.dim(0)]);
        Tensor y = results.allocate(query.dtype(), query.shape().withLast(value.shape().last()));
        Tensor logSum = results.allocate(query.dtype(), Shape.of(query.dim(0), query.dim(2), query.dim(1)));
        TiledAttention attention = new TiledAttention(set(query).attention(), team, scratch);
        attention.own(query, key, value, y, logSum);
        List<KeysAndValues> made = new ArrayList<>();
        List<Tensor> inputs = new ArrayList<>(List.of(query, key, value));
        for (int i = 0; i < TiledAttention.count(ages, rows); i++) {
            KeysAndValues tile = tiles.apply(i);
            attention.join(query, tile.keys(), tile.values(), ages, (long) i * rows, y, logSum);
            made.add(tile);
            inputs.add(tile.keys());
            inputs.add(tile.values());
        }
        List<Tensor> reads = new ArrayList<>(inputs);
        reads.add(y);
        reads.add(logSum);
        record(inputs, List.of(y), reads, () -> {
            Tensor dQuery = like(query);
            Tensor dKey = like(key);
            Tensor dValue = like(value);
            attention.ownBackward(query, key, value, y, logSum, given(y), dQuery, dKey, dValue);
            for (int i = 0; i < made.size(); i++) {
                KeysAndValues tile = made.get(i);
                Tensor dKeys = like(tile.keys());
                Tensor dValues = like(tile.values());
                attention.joinBackward(query, tile.keys(), tile.values(), ages, (long) i * rows, y, logSum, given(y),
                        dQuery, dKeys, dValues);
                contribute(tile.keys(), dKeys);
                contribute(tile.values(), dValues);
            }
            contribute(query, dQuery);
            contribute(key, dKey);
            contribute(value, dValue);
        });
        return y;
    }

    @Override
    public Attended causalAttention(Tensor query, Tensor key, Tensor value, Tensor keys, Tensor values, long[] ages) {
        EagerOps.requireAttention(query, key, value, keys, values, ages);
        Tensor y = results.allocate(query.dtype(), query.shape().withLast(value.shape().last()));
        Tensor logSum = results.allocate(query.dtype(), Shape.of(query.dim(0), query.dim(2), query.dim(1)));
        Attended attended = new Attended(y, results.copyOf(keys), results.copyOf(values));
        set(query).attention().forward(team, query, key, value, attended.keys(), attended.values(), ages, y, logSum);
        record(List.of(query, key, value, keys, values), List.of(y, attended.keys(), attended.values()),
                List.of(query, key, value, keys, values, y, logSum), () -> {
                    Tensor dQuery = like(query);
                    Tensor dKey = like(key);
                    Tensor dValue = like(value);
                    Tensor dKeys = results.zeros(keys.dtype(), keys.shape());
                    Tensor dValues = results.zeros(values.dtype(), values.shape());
                    set(query).attention().backward(team, query, key, value, keys, values, ages, y, logSum, given(y),
                            dQuery,
                            dKey,
                            dValue, dKeys, dValues);
                    contribute(query, dQuery);
                    historyBackward(key, keys, attended.keys(), ages, dKey, dKeys);
                    historyBackward(value, values, attended.values(), ages, dValue, dValues);
                });
        return attended;
    }

    @Override
    public Attended chunkedAttention(Tensor query, Tensor key, Tensor value, Tensor bias, Chunks chunks, Tensor keys,
            Tensor values, long[] ages, int[] lengths) {
        EagerOps.requireChunked(query, key, value, bias, chunks, keys, values, ages, lengths);
        Chunks how = chunks.with(dropped(chunks.dropped().rate()));
        Tensor y = results.allocate(query.dtype(), query.shape().withLast(value.shape().last()));
        Tensor logSum = results.allocate(query.dtype(), Shape.of(query.dim(0), query.dim(2), query.dim(1)));
        Attended attended = new Attended(y, results.copyOf(keys), results.copyOf(values));
        set(query).chunkedAttention().forward(team, query, key, value, bias, how, attended.keys(), attended.values(),
                ages, lengths, y, logSum);
        record(List.of(query, key, value, bias, keys, values), List.of(y, attended.keys(), attended.values()),
                List.of(query, key, value, bias, keys, values, y, logSum), () -> {
                    Tensor dQuery = like(query);
                    Tensor dKey = like(key);
                    Tensor dValue = like(value);
                    Tensor dBias = target(bias);
                    Tensor dKeys = results.zeros(keys.dtype(), keys.shape());
                    Tensor dValues = results.zeros(values.dtype(), values.shape());
                    set(query).chunkedAttention().backward(team, query, key, value, bias, how, keys, values, ages,
                            lengths, y, logSum, given(y), dQuery, dKey, dValue, dBias, dKeys, dValues);
                    contribute(query, dQuery);
                    settle(bias, dBias);
                    cacheBackward(key, keys, attended.keys(), how, ages, dKey, dKeys);
                    cacheBackward(value, values, attended.values(), how, ages, dValue, dValues);
                });
        return attended;
    }

    /** {@link #historyBackward} of a cache that is emptied at the end of a chunk. */
    private void cacheBackward(Tensor rows, Tensor before, Tensor after, Chunks how, long[] ages, Tensor dRows,
            Tensor dBefore) {
        if (before.dim(1) > 0 && frame.gradients.containsKey(after)) {
            Caches.appendBackward(given(after), dRows, dBefore, how, ages);
        }
        contribute(rows, dRows);
        contribute(before, dBefore);
    }

    // ── losses ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Tensor crossEntropy(Tensor hidden, Tensor head, Tensor targets, double cap, double wrap) {
        EagerOps.requireCrossEntropy(hidden, head, targets);
        requireTrainable("crossEntropy", "head", head);
        Tensor losses = results.allocate(hidden.dtype(), targets.shape());
        Tensor logSum = results.allocate(hidden.dtype(), targets.shape());
        set(hidden).crossEntropy().forward(team, hidden, head, targets, cap, losses, logSum);
        record(List.of(hidden, head), List.of(losses), List.of(hidden, head, targets, logSum), () -> {
            Tensor dHidden = like(hidden);
            Tensor dHead = target(head);
            set(hidden).crossEntropy().backward(team, hidden, head, targets, cap, wrap, logSum, given(losses),
                    dHidden, dHead);
            contribute(hidden, dHidden);
            settle(head, dHead);
        });
        return losses;
    }

    @Override
    public Tensor penalised(Tensor y, Supplier<Tensor> penalty) {
        Tensor cost = penalty.get();
        Tensor out = eager.scale(y, 1);
        record(List.of(y, cost), List.of(out), List.of(), () -> {
            contribute(y, given(out));
            contribute(cost, like(cost).fill(penaltyShare));
        });
        return out;
    }

    @Override
    public Tensor mean(Tensor x, double count) {
        Tensor y = eager.mean(x, count);
        record(List.of(x), List.of(y), List.of(), () -> contribute(x, like(x).fill(given(y).get(0) / count)));
        return y;
    }
}

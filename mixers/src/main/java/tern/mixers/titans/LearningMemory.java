package tern.mixers.titans;

import java.util.List;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.mixers.parts.ReadNorm;
import tern.mixers.parts.ShortFilter;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Slot;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * The memory of all arrangements: rows in, what was read of them out. Parameters: {@code projection.weight} [3D,D], rows of q, k, v; {@code
 * short.weight} [3D,taps]; {@code gates.weight} [3H,D], {@code gates.bias}, rows of θ, η, 1 − α; {@code norm.gain} [D]. Momentum starts at 0.5,
 * and 1 in 100 is forgotten a position. Immutable.
 */
final class LearningMemory {
    private static final double EPSILON = 1e-5;
    private static final double FLOOR = 1e-6;
    private static final double MOMENTUM = 0.5;
    private static final double KEPT = 0.99;

    private final int heads;
    private final int width;
    private final int chunk;
    private final double largestRate;
    private final Projection projection;
    private final ShortFilter filter;
    private final Projection gates;
    private final ReadNorm norm;
    private final Slot slot;

    /**
     * Declares the parameters.
     *
     * @param largestRate what θ stays below; at 1/2 one step along a key of length 1 does not overshoot, n steps at once along the same
     *            key at 1/(2n)
     * @param rate where θ starts
     */
    LearningMemory(int heads, int width, int chunk, int taps, double largestRate, double rate, ParameterScope scope) {
        this.heads = heads;
        this.width = width;
        this.chunk = chunk;
        this.largestRate = largestRate;
        this.projection = Projection.into(scope.child("projection"), width, 3 * width, false);
        this.filter = new ShortFilter(scope.child("short"), 3 * width, taps, false);
        this.gates = Projection.biased(scope.child("gates"), width, 3 * heads, Initialiser.fanIn(width),
                Initialiser.of(row -> start(row < heads ? rate / largestRate : row < 2L * heads ? MOMENTUM : KEPT)));
        int units = width / heads;
        this.norm = new ReadNorm(ReadNorm.Kind.HEAD_LAYER, scope.child("norm"), heads, units, EPSILON);
        this.slot = new Slot.Fixed("memory", Shape.of(heads, 3, units, units));
    }

    /** The bias whose sigmoid is this. */
    private static double start(double value) {
        return Math.log(value / (1 - value));
    }

    /** Of the filter's last inputs, and of M, S and the anchor [H,3,K,K]. */
    List<Slot> slots() {
        return List.of(filter.slot(), slot);
    }

    /** What was read [B,T,D] and the next contents of both slots. */
    record Learnt(Tensor read, Tensor filter, Tensor memory) {
    }

    /** Learns x [B,T,D] and reads of it. */
    Learnt apply(Ops ops, Tensor x, long[] ages, Tensor history, Tensor memory) {
        Scanned filtered = filter.apply(ops, projection.apply(ops, x), history);
        List<Tensor> streams = Heads.cut(ops, filtered.y(), width, width, width);
        List<Tensor> opened = Heads.cut(ops, ops.activate(gates.apply(ops, x), Activation.SIGMOID), heads, heads,
                heads);
        Scanned learnt = ops.memoryScan(unit(ops, streams.get(0)), unit(ops, streams.get(1)),
                Heads.split(ops, streams.get(2), heads),
                Heads.split(ops, ops.scale(opened.get(0), largestRate), heads),
                Heads.split(ops, opened.get(1), heads), Heads.split(ops, opened.get(2), heads), chunk, ages, memory);
        return new Learnt(norm.apply(ops, learnt.y()), filtered.state(), learnt.state());
    }

    /** Rows [B,T,D] as heads of length 1. */
    Tensor unit(Ops ops, Tensor x) {
        return ops.unit(Heads.split(ops, x, heads), FLOOR);
    }
}

package tern.kernels.recurrence;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.first;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

import tern.ops.Selection;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * What a block of positions needs of some vectors of neighbouring channels, in one array on the Java heap: a <em>stream</em> has a
 * row of one vector a position. Loops over a block are so short that what the compiler does to check memory before one takes longer
 * than the loop; an array's bounds cost next to nothing. Confined to one thread.
 */
final class SelectionRows {
    /** Positions of a block. */
    static final int BLOCK = 64;
    /** Vectors of channels, read and written together, so that memory gives whole stretches. */
    static final int VECTORS = 4;
    /**
     * Floats from one stream to the next. One row more than there are, and streams that are written before those that are read at
     * the same time: a row waits for one that was written a moment before if their addresses end alike.
     */
    static final int STREAM = (BLOCK + 1) * LENGTH;

    /** Floats from a vector's state to the next state. */
    static final int NEXT = VECTORS * LENGTH;

    /** Sums of outputs, or x: as many streams as there are vectors, and so on. */
    static final int SUMS = 0;
    /** What has decayed of some states. */
    static final int DECAYED = VECTORS * STREAM;
    /** Decays of some states. */
    static final int DECAYS = 2 * VECTORS * STREAM;
    /** Δx. */
    static final int INPUTS = 3 * VECTORS * STREAM;
    /** Δ. */
    static final int STEPS = 4 * VECTORS * STREAM;
    /** Floats of those. */
    static final int OWN = 5 * VECTORS * STREAM;

    // 2^f = 1 + f·p(f) on |f| ≤ ½, minimax relative to 2^f: error 1e-8.
    static final float POWER_1 = 0.6931472f;
    static final float POWER_2 = 0.24022649f;
    static final float POWER_3 = 0.05550362f;
    static final float POWER_4 = 0.009618078f;
    static final float POWER_5 = 0.0013391157f;
    static final float POWER_6 = 0.00015470933f;
    static final float LOG2_E = 1.44269504f;
    // Adding 1.5·2^23 rounds to an integer, which is then found in the low bits of the sum.
    static final float ROUND = 12582912;
    /** Powers of 2 below this are taken as 0. */
    static final float LOWEST = -125;

    /** The streams. */
    final float[] x;
    /** A, times log2 e, state by state; of each state as many vectors as there are. */
    final float[] rates;
    /** What states are, likewise. */
    final float[] states;
    /** B and C of the block, position by position. */
    final float[] writes;
    final float[] reads;

    private final Selection in;
    private final long stride;
    /** The longest steps of the block, and a vector of factors. */
    private final float[] most;
    private final float[] factor;
    private int b;
    private int channel;
    private int vectors;

    /**
     * Scratch for any group.
     *
     * @param more floats of streams besides {@link #OWN}
     */
    SelectionRows(Selection in, int more, Workspace scratch) {
        this.in = in;
        this.stride = 4L * in.width();
        this.x = scratch.floats(OWN + more);
        this.rates = scratch.floats(in.states() * VECTORS * LENGTH);
        this.states = scratch.floats(in.states() * VECTORS * LENGTH);
        this.writes = scratch.floats(BLOCK * in.states());
        this.reads = scratch.floats(BLOCK * in.states());
        this.most = scratch.floats(VECTORS * LENGTH);
        this.factor = scratch.floats(LENGTH);
    }

    /** Goes over to the group of channels that begins with {@code first}, of sequence {@code sequence}. */
    SelectionRows at(int sequence, int first) {
        b = sequence;
        channel = first;
        vectors = Math.min(VECTORS, (in.width() - first + LENGTH - 1) / LENGTH);
        load(in.rate().data(), 0, LOG2_E, rates);
        return this;
    }

    /** The sums of vector v, which are x, become what goes past the states. */
    void skip(int v, int count) {
        skips(v);
        times(x, SUMS + v * STREAM, factor, 0, count);
    }

    /** D of vector v. */
    float[] skips(int v) {
        fromMemorySegment(SPECIES, in.skip().data(), 4L * channel + (long) v * BYTES, ORDER, mask(v)).intoArray(factor,
                0);
        return factor;
    }

    private static void times(float[] x, int at, float[] factors, int factorAt, int count) {
        FloatVector factor = FloatVector.fromArray(SPECIES, factors, factorAt);
        for (int row = at; row < at + count * LENGTH; row += LENGTH) {
            FloatVector.fromArray(SPECIES, x, row).mul(factor).intoArray(x, row);
        }
    }

    /** Vectors of the group. */
    int vectors() {
        return vectors;
    }

    /** Where a state of a vector is in {@link #rates} and {@link #states}. */
    static int place(int v, int n) {
        return (n * VECTORS + v) * LENGTH;
    }

    /** Reads the group's part of a tensor [B,N,E] of states. */
    void loadStates(Tensor from) {
        load(from.data(), stride * b * in.states(), 1, states);
    }

    /** Writes it. */
    void storeStates(Tensor to) {
        for (int n = 0; n < in.states(); n++) {
            for (int v = 0; v < vectors; v++) {
                long at = stride * ((long) b * in.states() + n) + 4L * channel + (long) v * BYTES;
                FloatVector.fromArray(SPECIES, states, place(v, n)).intoMemorySegment(to.data(), at, ORDER, mask(v));
            }
        }
    }

    private void load(MemorySegment from, long begin, float factor, float[] into) {
        for (int n = 0; n < in.states(); n++) {
            for (int v = 0; v < vectors; v++) {
                long at = begin + stride * n + 4L * channel + (long) v * BYTES;
                fromMemorySegment(SPECIES, from, at, ORDER, mask(v)).mul(factor).intoArray(into, place(v, n));
            }
        }
    }

    private VectorMask<Float> mask(int v) {
        return first(in.width() - channel - v * LENGTH);
    }

    /** Reads what a block's positions write to the states with, and read them with. */
    void readVectors(int begin, int count) {
        long at = (long) in.states() * ((long) b * in.x().dim(1) + begin);
        MemorySegment.copy(in.write().data(), FLOAT, 4 * at, writes, 0, count * in.states());
        MemorySegment.copy(in.read().data(), FLOAT, 4 * at, reads, 0, count * in.states());
    }

    /** Reads steps, and x in the place of the sums, and makes Δx. */
    void readRows(int begin, int count) {
        gather(in.step().data(), begin, count, STEPS);
        gather(in.x().data(), begin, count, SUMS);
        for (int v = 0; v < vectors; v++) {
            multiply(x, STEPS + v * STREAM, SUMS + v * STREAM, count, INPUTS + v * STREAM, most, v * LENGTH);
        }
    }

    // Products, and the highest of the first factors.
    private static void multiply(float[] x, int a, int b, int count, int to, float[] most, int mostAt) {
        FloatVector highest = FloatVector.zero(SPECIES);
        for (int t = 0; t < count * LENGTH; t += LENGTH) {
            FloatVector factor = FloatVector.fromArray(SPECIES, x, a + t);
            highest = highest.max(factor);
            factor.mul(FloatVector.fromArray(SPECIES, x, b + t)).intoArray(x, to + t);
        }
        highest.intoArray(most, mostAt);
    }

    /** Rows of a block from a tensor [B,T,E]. */
    void gather(MemorySegment from, int begin, int count, int to) {
        long at = row(begin);
        if (channel + VECTORS * LENGTH <= in.width()) {
            gatherAll(from, at, stride, count, x, to);
            return;
        }
        for (int v = 0; v < vectors; v++) {
            gather(from, at + (long) v * BYTES, stride, count, mask(v), x, to + v * STREAM);
        }
    }

    private long row(int t) {
        return ((long) b * in.x().dim(1) + t) * stride + 4L * channel;
    }

    private static void gatherAll(MemorySegment from, long begin, long stride, int count, float[] x, int to) {
        long at = begin;
        for (int row = to; row < to + count * LENGTH; row += LENGTH) {
            fromMemorySegment(SPECIES, from, at, ORDER).intoArray(x, row);
            fromMemorySegment(SPECIES, from, at + BYTES, ORDER).intoArray(x, row + STREAM);
            fromMemorySegment(SPECIES, from, at + 2L * BYTES, ORDER).intoArray(x, row + 2 * STREAM);
            fromMemorySegment(SPECIES, from, at + 3L * BYTES, ORDER).intoArray(x, row + 3 * STREAM);
            at += stride;
        }
    }

    private static void gather(MemorySegment from, long begin, long stride, int count, VectorMask<Float> mask,
            float[] x, int to) {
        for (int t = 0; t < count; t++) {
            fromMemorySegment(SPECIES, from, begin + t * stride, ORDER, mask).intoArray(x, to + t * LENGTH);
        }
    }

    /** Rows of a block to a tensor [B,T,E]. */
    void scatter(int from, MemorySegment into, int begin, int count) {
        long at = row(begin);
        if (channel + VECTORS * LENGTH <= in.width()) {
            scatterAll(x, from, into, at, stride, count);
            return;
        }
        for (int v = 0; v < vectors; v++) {
            scatter(x, from + v * STREAM, into, at + (long) v * BYTES, stride, count, mask(v));
        }
    }

    private static void scatterAll(float[] x, int from, MemorySegment into, long begin, long stride, int count) {
        long at = begin;
        for (int row = from; row < from + count * LENGTH; row += LENGTH) {
            FloatVector.fromArray(SPECIES, x, row).intoMemorySegment(into, at, ORDER);
            FloatVector.fromArray(SPECIES, x, row + STREAM).intoMemorySegment(into, at + BYTES, ORDER);
            FloatVector.fromArray(SPECIES, x, row + 2 * STREAM).intoMemorySegment(into, at + 2L * BYTES, ORDER);
            FloatVector.fromArray(SPECIES, x, row + 3 * STREAM).intoMemorySegment(into, at + 3L * BYTES, ORDER);
            at += stride;
        }
    }

    private static void scatter(float[] x, int from, MemorySegment into, long begin, long stride, int count,
            VectorMask<Float> mask) {
        for (int t = 0; t < count; t++) {
            FloatVector.fromArray(SPECIES, x, from + t * LENGTH).intoMemorySegment(into, begin + t * stride, ORDER,
                    mask);
        }
    }

    /** e^(ΔA) of a state of vector v for a block, into a stream. */
    void decay(int v, int n, int count, int to) {
        int rate = place(v, n);
        boolean all = FloatVector.fromArray(SPECIES, most, v * LENGTH)
                .mul(FloatVector.fromArray(SPECIES, rates, rate)).compare(VectorOperators.GE, LOWEST).allTrue();
        if (all) {
            powers(x, STEPS + v * STREAM, rates, rate, count, to);
        } else {
            powersOrNone(x, STEPS + v * STREAM, rates, rate, count, to);
        }
    }

    // Powers of 2 that are not below the lowest.
    private static void powers(float[] x, int steps, float[] rates, int rateAt, int count, int to) {
        FloatVector rate = FloatVector.fromArray(SPECIES, rates, rateAt);
        FloatVector p6 = FloatVector.broadcast(SPECIES, POWER_6);
        FloatVector p5 = FloatVector.broadcast(SPECIES, POWER_5);
        FloatVector p4 = FloatVector.broadcast(SPECIES, POWER_4);
        FloatVector p3 = FloatVector.broadcast(SPECIES, POWER_3);
        FloatVector p2 = FloatVector.broadcast(SPECIES, POWER_2);
        FloatVector p1 = FloatVector.broadcast(SPECIES, POWER_1);
        FloatVector one = FloatVector.broadcast(SPECIES, 1);
        FloatVector round = FloatVector.broadcast(SPECIES, ROUND);
        for (int t = 0; t < count * LENGTH; t += LENGTH) {
            FloatVector step = FloatVector.fromArray(SPECIES, x, steps + t);
            FloatVector rounded = step.fma(rate, round);
            FloatVector f = step.fma(rate, round.sub(rounded));
            FloatVector q = f.fma(p6, p5).fma(f, p4).fma(f, p3).fma(f, p2).fma(f, p1).fma(f, one);
            q.reinterpretAsInts().add(rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
                    .reinterpretAsFloats().intoArray(x, to + t);
        }
    }

    // The same, or 0 below it.
    private static void powersOrNone(float[] x, int steps, float[] rates, int rateAt, int count, int to) {
        FloatVector rate = FloatVector.fromArray(SPECIES, rates, rateAt);
        FloatVector p6 = FloatVector.broadcast(SPECIES, POWER_6);
        FloatVector p5 = FloatVector.broadcast(SPECIES, POWER_5);
        FloatVector p4 = FloatVector.broadcast(SPECIES, POWER_4);
        FloatVector p3 = FloatVector.broadcast(SPECIES, POWER_3);
        FloatVector p2 = FloatVector.broadcast(SPECIES, POWER_2);
        FloatVector p1 = FloatVector.broadcast(SPECIES, POWER_1);
        FloatVector one = FloatVector.broadcast(SPECIES, 1);
        FloatVector round = FloatVector.broadcast(SPECIES, ROUND);
        for (int t = 0; t < count * LENGTH; t += LENGTH) {
            FloatVector step = FloatVector.fromArray(SPECIES, x, steps + t);
            FloatVector rounded = step.fma(rate, round);
            FloatVector f = step.fma(rate, round.sub(rounded));
            FloatVector q = f.fma(p6, p5).fma(f, p4).fma(f, p3).fma(f, p2).fma(f, p1).fma(f, one);
            q.reinterpretAsInts().add(rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
                    .reinterpretAsFloats().blend(0, step.mul(rate).compare(VectorOperators.LT, LOWEST))
                    .intoArray(x, to + t);
        }
    }
}

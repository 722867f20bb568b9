package tern.kernels.recurrence;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.first;
import static tern.kernels.recurrence.SelectionBackward.SLICE;
import static tern.kernels.recurrence.SelectionRows.BLOCK;
import static tern.kernels.recurrence.SelectionRows.DECAYS;
import static tern.kernels.recurrence.SelectionRows.INPUTS;
import static tern.kernels.recurrence.SelectionRows.LOG2_E;
import static tern.kernels.recurrence.SelectionRows.LOWEST;
import static tern.kernels.recurrence.SelectionRows.NEXT;
import static tern.kernels.recurrence.SelectionRows.POWER_1;
import static tern.kernels.recurrence.SelectionRows.POWER_2;
import static tern.kernels.recurrence.SelectionRows.POWER_3;
import static tern.kernels.recurrence.SelectionRows.POWER_4;
import static tern.kernels.recurrence.SelectionRows.POWER_5;
import static tern.kernels.recurrence.SelectionRows.POWER_6;
import static tern.kernels.recurrence.SelectionRows.ROUND;
import static tern.kernels.recurrence.SelectionRows.STREAM;
import static tern.kernels.recurrence.SelectionRows.SUMS;
import static tern.kernels.recurrence.SelectionRows.VECTORS;
import static tern.kernels.recurrence.SelectionRows.place;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

import tern.kernels.ThreadTeam;
import tern.ops.Selection;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32, channels in the lanes, time in blocks. A group is some vectors of neighbouring channels, whose rows are read
 * and written together, so that memory gives whole stretches. The decays of a block and state are computed at once, in a loop of
 * exponentials alone, and stay in the first-level cache; then four states at a time run through the block in registers. Forward: a
 * task is a group of one sequence. Backward ({@link SelectionBackward}): a task is some groups of one sequence.
 */
public final class VectorSelectiveScan implements SelectiveScan {
    /** A state's step at one position costs as much as so many numbers touched. */
    private static final int STEP_WORK = 4;
    /** Gradients of B and C that a task adds up. */
    private static final int AT_ONCE = 1 << 13;

    /** A body without state. */
    public VectorSelectiveScan() {
    }

    private static long work(Selection in) {
        return in.x().elements() * in.states();
    }

    // ── forward ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public void forward(ThreadTeam team, Selection in, Tensor state, Tensor y, Tensor nextState) {
        int wide = VECTORS * LENGTH;
        int groups = (in.width() + wide - 1) / wide;
        int time = in.x().dim(1);
        if (nextState != state) {
            nextState.copyFrom(state);
        }
        if (time == 1) {
            step(team, in, groups, y, nextState);
            return;
        }
        Regions.run(team, in.x().dim(0) * groups, work(in), (index, scratch) -> {
            SelectionRows rows = new SelectionRows(in, 0, scratch).at(index / groups, index % groups * wide);
            rows.loadStates(nextState);
            for (int from = 0; from < time; from += BLOCK) {
                int count = Math.min(BLOCK, time - from);
                rows.readVectors(from, count);
                rows.readRows(from, count);
                for (int v = 0; v < rows.vectors(); v++) {
                    rows.skip(v, count);
                    advance(rows, v, count, in.states());
                }
                rows.scatter(SUMS, y.data(), from, count);
            }
            rows.storeStates(nextState);
        });
    }

    /** One position: the same numbers in the same order as {@link #advance}, the decays of all states at once. */
    private static void step(ThreadTeam team, Selection in, int groups, Tensor y, Tensor state) {
        int wide = VECTORS * LENGTH;
        Regions.run(team, in.x().dim(0) * groups, STEP_WORK * work(in), (index, scratch) -> {
            int from = index % groups * wide;
            MemorySegment decays = scratch.floatMemory((long) in.states() * LENGTH);
            for (int channel = from; channel < Math.min(in.width(), from + wide); channel += LENGTH) {
                step(in, index / groups, channel, decays, y.data(), state.data(), first(in.width() - channel));
            }
        });
    }

    private static void step(Selection in, int b, int channel, MemorySegment decays, MemorySegment y,
            MemorySegment state, VectorMask<Float> mask) {
        long stride = 4L * in.width();
        long at = b * stride + 4L * channel;
        stepPowers(in.step().data(), at, in.rate().data(), 4L * channel, stride, in.states(), decays, mask);
        stepStates(in, at, 4L * in.states() * b, stride * b * in.states() + 4L * channel, stride, decays, y, state,
                mask);
    }

    private static void stepPowers(MemorySegment steps, long at, MemorySegment rates, long rateAt, long stride,
            int states, MemorySegment into, VectorMask<Float> mask) {
        FloatVector step = fromMemorySegment(SPECIES, steps, at, ORDER, mask);
        FloatVector p6 = FloatVector.broadcast(SPECIES, POWER_6);
        FloatVector p5 = FloatVector.broadcast(SPECIES, POWER_5);
        FloatVector p4 = FloatVector.broadcast(SPECIES, POWER_4);
        FloatVector p3 = FloatVector.broadcast(SPECIES, POWER_3);
        FloatVector p2 = FloatVector.broadcast(SPECIES, POWER_2);
        FloatVector p1 = FloatVector.broadcast(SPECIES, POWER_1);
        FloatVector one = FloatVector.broadcast(SPECIES, 1);
        FloatVector round = FloatVector.broadcast(SPECIES, ROUND);
        for (int n = 0; n < states; n++) {
            FloatVector rate = fromMemorySegment(SPECIES, rates, rateAt + n * stride, ORDER, mask).mul(LOG2_E);
            FloatVector rounded = step.fma(rate, round);
            FloatVector f = step.fma(rate, round.sub(rounded));
            FloatVector q = f.fma(p6, p5).fma(f, p4).fma(f, p3).fma(f, p2).fma(f, p1).fma(f, one);
            q.reinterpretAsInts().add(rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
                    .reinterpretAsFloats().blend(0, step.mul(rate).compare(VectorOperators.LT, LOWEST))
                    .intoMemorySegment(into, (long) n * BYTES, ORDER);
        }
    }

    private static void stepStates(Selection in, long at, long vector, long own, long stride, MemorySegment decays,
            MemorySegment y, MemorySegment state, VectorMask<Float> mask) {
        MemorySegment write = in.write().data();
        MemorySegment read = in.read().data();
        int states = in.states();
        FloatVector x = fromMemorySegment(SPECIES, in.x().data(), at, ORDER, mask);
        FloatVector input = fromMemorySegment(SPECIES, in.step().data(), at, ORDER, mask).mul(x);
        FloatVector sum = x.mul(fromMemorySegment(SPECIES, in.skip().data(), at % stride, ORDER, mask));
        for (int n = 0; n < states; n++) {
            FloatVector h = fromMemorySegment(SPECIES, decays, (long) n * BYTES, ORDER).fma(
                    fromMemorySegment(SPECIES, state, own + n * stride, ORDER, mask),
                    input.mul(write.get(Tensor.FLOAT, vector + 4L * n)));
            h.intoMemorySegment(state, own + n * stride, ORDER, mask);
            sum = h.fma(FloatVector.broadcast(SPECIES, read.get(Tensor.FLOAT, vector + 4L * n)), sum);
        }
        sum.intoMemorySegment(y, at, ORDER, mask);
    }

    private static void advance(SelectionRows rows, int v, int count, int states) {
        int sums = SUMS + v * STREAM;
        int inputs = INPUTS + v * STREAM;
        int n = 0;
        for (; n + 4 <= states; n += 4) {
            for (int k = 0; k < 4; k++) {
                rows.decay(v, n + k, count, DECAYS + k * STREAM);
            }
            four(rows.x, sums, inputs, rows.writes, rows.reads, n, states, count, rows.states, place(v, n));
        }
        for (; n < states; n++) {
            rows.decay(v, n, count, DECAYS);
            one(rows.x, sums, inputs, rows.writes, rows.reads, n, states, count, rows.states, place(v, n));
        }
    }

    private static void four(float[] x, int sums, int inputs, float[] write, float[] read, int first, int states,
            int count, float[] state, int at) {
        FloatVector h0 = FloatVector.fromArray(SPECIES, state, at);
        FloatVector h1 = FloatVector.fromArray(SPECIES, state, at + NEXT);
        FloatVector h2 = FloatVector.fromArray(SPECIES, state, at + 2 * NEXT);
        FloatVector h3 = FloatVector.fromArray(SPECIES, state, at + 3 * NEXT);
        int n = first;
        for (int row = 0; row < count * LENGTH; row += LENGTH) {
            int decay = DECAYS + row;
            FloatVector input = FloatVector.fromArray(SPECIES, x, inputs + row);
            h0 = FloatVector.fromArray(SPECIES, x, decay).fma(h0, input.mul(write[n]));
            h1 = FloatVector.fromArray(SPECIES, x, decay + STREAM).fma(h1, input.mul(write[n + 1]));
            h2 = FloatVector.fromArray(SPECIES, x, decay + 2 * STREAM).fma(h2, input.mul(write[n + 2]));
            h3 = FloatVector.fromArray(SPECIES, x, decay + 3 * STREAM).fma(h3, input.mul(write[n + 3]));
            FloatVector sum = h0.fma(FloatVector.broadcast(SPECIES, read[n]),
                    FloatVector.fromArray(SPECIES, x, sums + row));
            sum = h1.fma(FloatVector.broadcast(SPECIES, read[n + 1]), sum);
            sum = h2.fma(FloatVector.broadcast(SPECIES, read[n + 2]), sum);
            h3.fma(FloatVector.broadcast(SPECIES, read[n + 3]), sum).intoArray(x, sums + row);
            n += states;
        }
        h0.intoArray(state, at);
        h1.intoArray(state, at + NEXT);
        h2.intoArray(state, at + 2 * NEXT);
        h3.intoArray(state, at + 3 * NEXT);
    }

    private static void one(float[] x, int sums, int inputs, float[] write, float[] read, int first, int states,
            int count, float[] state, int at) {
        FloatVector h = FloatVector.fromArray(SPECIES, state, at);
        int n = first;
        for (int row = 0; row < count * LENGTH; row += LENGTH) {
            FloatVector input = FloatVector.fromArray(SPECIES, x, inputs + row);
            h = FloatVector.fromArray(SPECIES, x, DECAYS + row).fma(h, input.mul(write[n]));
            h.fma(FloatVector.broadcast(SPECIES, read[n]), FloatVector.fromArray(SPECIES, x, sums + row)).intoArray(x,
                    sums + row);
            n += states;
        }
        h.intoArray(state, at);
    }

    // ── backward ────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public void backward(ThreadTeam team, Selection in, Tensor state, Tensor dy, Tensor dNextState, Selection dIn,
            Tensor dState) {
        int batch = in.x().dim(0);
        int time = in.x().dim(1);
        int states = in.states();
        int slices = (in.width() + SLICE - 1) / SLICE;
        Workspace.Mark mark = team.scratch().mark();
        long rows = (long) batch * time * states;
        MemorySegment dVectors = team.scratch().floatMemory(2 * rows * slices);
        // Of every sequence: N rows of dA and one of dD.
        MemorySegment totals = team.scratch().doubleMemory((long) batch * (states + 1) * slices * SLICE);
        totals.fill((byte) 0);
        dState.copyFrom(dNextState);
        Regions.run(team, batch * slices, work(in), (index, scratch) -> {
            int b = index / slices;
            int slice = index % slices;
            long shared = 4 * ((long) slice * 2 * rows + (long) b * time * states);
            MemorySegment own = totals.asSlice(8L * index * (states + 1) * SLICE, 8L * (states + 1) * SLICE);
            new SelectionBackward(in, b, slice * SLICE, scratch).run(state, dy, dIn, dState, dVectors, shared,
                    shared + 4 * rows, own);
        });
        int parts = Math.toIntExact((rows + AT_ONCE - 1) / AT_ONCE);
        Regions.run(team, 2 * parts, 2 * rows * slices, (index, scratch) -> {
            long from = (long) index / 2 * AT_ONCE;
            Tensor into = index % 2 == 0 ? dIn.write() : dIn.read();
            sum(dVectors, index % 2 * rows + from, 2 * rows, slices, into.data(), from,
                    (int) Math.min(AT_ONCE, rows - from), scratch);
        });
        settle(in, dIn, totals, slices);
        team.scratch().release(mark);
    }

    // What all slices give, in their order.
    private static void sum(MemorySegment parts, long at, long stride, int slices, MemorySegment into, long to,
            int count, Workspace scratch) {
        float[] sums = scratch.floats(count);
        float[] next = scratch.floats(count);
        MemorySegment.copy(parts, Tensor.FLOAT, 4 * at, sums, 0, count);
        for (int slice = 1; slice < slices; slice++) {
            MemorySegment.copy(parts, Tensor.FLOAT, 4 * (at + slice * stride), next, 0, count);
            for (int i = 0; i < count; i++) {
                sums[i] += next[i];
            }
        }
        MemorySegment.copy(sums, 0, into, Tensor.FLOAT, 4 * to, count);
    }

    private static void settle(Selection in, Selection dIn, MemorySegment totals, int slices) {
        int states = in.states();
        for (int e = 0; e < in.width(); e++) {
            for (int n = 0; n <= states; n++) {
                double sum = 0;
                for (int b = 0; b < in.x().dim(0); b++) {
                    long task = (long) b * slices + e / SLICE;
                    sum += totals.get(Tensor.DOUBLE, 8 * ((task * (states + 1) + n) * SLICE + e % SLICE));
                }
                Tensor into = n < states ? dIn.rate() : dIn.skip();
                long at = n < states ? (long) n * in.width() + e : e;
                into.set(at, into.get(at) + sum);
            }
        }
    }
}

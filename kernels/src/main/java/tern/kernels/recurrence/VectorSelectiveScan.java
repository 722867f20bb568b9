package tern.kernels.recurrence;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.first;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

import tern.kernels.ThreadTeam;
import tern.kernels.lanes.Lanes;
import tern.ops.Selection;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32, channels in the lanes, time in blocks of 64. A group is some vectors of neighbouring channels, whose rows
 * are read and written together, so that memory gives whole stretches. The decays of a block and state are computed at once, in a
 * loop of exponentials alone, and stay in the first-level cache; then two states at a time run through the block in registers.
 * Forward: a task is a group of one sequence. Backward: a task is eight vectors of channels of one sequence; it keeps the states
 * at the beginnings of blocks and computes those between again, and sums what all channels give to B and C lane by lane before
 * it adds lanes up.
 */
public final class VectorSelectiveScan implements SelectiveScan {
    static final int BLOCK = 64;
    private static final int TOGETHER = 2;
    private static final int VECTORS = 4;
    private static final int SLICE = 8 * LENGTH;
    /** A state's step at one position costs as much as so many numbers touched. */
    private static final int STEP_WORK = 4;

    // 2^f = 1 + f·p(f) on |f| ≤ ½, minimax relative to 2^f: error 2e-9.
    private static final float POWER_1 = 0.69314718f;
    private static final float POWER_2 = 0.24022648f;
    private static final float POWER_3 = 0.05550332f;
    private static final float POWER_4 = 0.009618437f;
    private static final float POWER_5 = 0.0013398876f;
    private static final float POWER_6 = 0.00015353359f;
    private static final float LOG2_E = 1.44269504f;
    // Adding 1.5·2^23 rounds to an integer, which is then found in the low bits of the sum.
    private static final float ROUND = 12582912;
    /** Powers of 2 below this are taken as 0. */
    private static final float LOWEST = -125;

    /** A body without state. */
    public VectorSelectiveScan() {
    }

    /** A group of one sequence, with scratch rows of a block: steps, Δx and sums of each vector, and decays. */
    private static final class Group {
        private final Selection in;
        private final int b;
        private final int channel;
        private final int vectors;
        private final long stride;
        /** Bytes from a vector's rows in scratch to the next one's. */
        private final long span;
        private final MemorySegment steps;
        private final MemorySegment inputs;
        private final MemorySegment sums;
        private final MemorySegment decays;

        private Group(Selection in, int b, int channel, long span, MemorySegment steps, MemorySegment inputs,
                MemorySegment sums, MemorySegment decays) {
            this.in = in;
            this.b = b;
            this.channel = channel;
            this.vectors = Math.min(VECTORS, (in.width() - channel + LENGTH - 1) / LENGTH);
            this.stride = 4L * in.width();
            this.span = span;
            this.steps = steps;
            this.inputs = inputs;
            this.sums = sums;
            this.decays = decays;
        }

        static Group of(Selection in, int b, int channel, int time, Workspace scratch) {
            // One row more than there are: rows of streams whose addresses end alike wait for each other.
            long rows = Math.min(BLOCK, time) + 1L;
            long floats = rows * LENGTH;
            return new Group(in, b, channel, rows * BYTES, scratch.floatMemory(VECTORS * floats),
                    scratch.floatMemory(VECTORS * floats), scratch.floatMemory(VECTORS * floats),
                    scratch.floatMemory(TOGETHER * floats));
        }

        Group at(int other) {
            return new Group(in, b, other, span, steps, inputs, sums, decays);
        }

        VectorMask<Float> mask(int v) {
            return first(in.width() - channel - v * LENGTH);
        }

        /** Byte offset of position t in tensors of E numbers a row. */
        long row(int t) {
            return ((long) b * in.x().dim(1) + t) * stride + 4L * channel;
        }

        /** Byte offset of state 0 of position t in tensors of N numbers a row. */
        long vectors(int t) {
            return 4L * in.states() * ((long) b * in.x().dim(1) + t);
        }

        /** Byte offset of state n of vector v. */
        long stateAt(int v, int n) {
            return stride * ((long) b * in.states() + n) + 4L * channel + (long) v * BYTES;
        }

        /** Reads rows of a block, vector by vector. */
        void gather(MemorySegment from, int begin, int count, MemorySegment into) {
            if (channel + VECTORS * LENGTH <= in.width()) {
                gatherAll(from, row(begin), stride, count, into, span);
                return;
            }
            for (int v = 0; v < vectors; v++) {
                gather(from, row(begin) + (long) v * BYTES, stride, count, mask(v), into, v * span);
            }
        }

        private static void gatherAll(MemorySegment from, long at, long stride, int count, MemorySegment into,
                long span) {
            for (int t = 0; t < count; t++) {
                long row = (long) t * BYTES;
                fromMemorySegment(SPECIES, from, at, ORDER).intoMemorySegment(into, row, ORDER);
                fromMemorySegment(SPECIES, from, at + BYTES, ORDER).intoMemorySegment(into, row + span, ORDER);
                fromMemorySegment(SPECIES, from, at + 2L * BYTES, ORDER).intoMemorySegment(into, row + 2 * span, ORDER);
                fromMemorySegment(SPECIES, from, at + 3L * BYTES, ORDER).intoMemorySegment(into, row + 3 * span, ORDER);
                at += stride;
            }
        }

        private static void gather(MemorySegment from, long at, long stride, int count, VectorMask<Float> mask,
                MemorySegment into, long intoAt) {
            for (int t = 0; t < count; t++) {
                fromMemorySegment(SPECIES, from, at + t * stride, ORDER, mask).intoMemorySegment(into,
                        intoAt + (long) t * BYTES, ORDER);
            }
        }

        /** Writes rows of a block. */
        void scatter(MemorySegment from, MemorySegment into, int begin, int count) {
            if (channel + VECTORS * LENGTH <= in.width()) {
                scatterAll(from, span, into, row(begin), stride, count);
                return;
            }
            for (int v = 0; v < vectors; v++) {
                scatter(from, v * span, into, row(begin) + (long) v * BYTES, stride, count, mask(v));
            }
        }

        private static void scatterAll(MemorySegment from, long span, MemorySegment into, long at, long stride,
                int count) {
            for (int t = 0; t < count; t++) {
                long row = (long) t * BYTES;
                fromMemorySegment(SPECIES, from, row, ORDER).intoMemorySegment(into, at, ORDER);
                fromMemorySegment(SPECIES, from, row + span, ORDER).intoMemorySegment(into, at + BYTES, ORDER);
                fromMemorySegment(SPECIES, from, row + 2 * span, ORDER).intoMemorySegment(into, at + 2L * BYTES, ORDER);
                fromMemorySegment(SPECIES, from, row + 3 * span, ORDER).intoMemorySegment(into, at + 3L * BYTES, ORDER);
                at += stride;
            }
        }

        private static void scatter(MemorySegment from, long fromAt, MemorySegment into, long at, long stride,
                int count, VectorMask<Float> mask) {
            for (int t = 0; t < count; t++) {
                fromMemorySegment(SPECIES, from, fromAt + (long) t * BYTES, ORDER).intoMemorySegment(into,
                        at + t * stride, ORDER, mask);
            }
        }

        /** Reads steps and x of a block into steps and sums, and makes Δx. */
        void read(int begin, int count) {
            gather(in.step().data(), begin, count, steps);
            gather(in.x().data(), begin, count, sums);
            for (int v = 0; v < vectors; v++) {
                multiply(steps, sums, v * span, count, inputs);
            }
        }

        private static void multiply(MemorySegment a, MemorySegment b, long at, int count, MemorySegment into) {
            for (int t = 0; t < count; t++) {
                long row = at + (long) t * BYTES;
                fromMemorySegment(SPECIES, a, row, ORDER).mul(fromMemorySegment(SPECIES, b, row, ORDER))
                        .intoMemorySegment(into, row, ORDER);
            }
        }

        /** e^(ΔA) of up to {@link #TOGETHER} states of vector v for a block, state by state. */
        void decay(int v, int n, int together, int count) {
            for (int k = 0; k < together; k++) {
                powers(in.rate().data(), stride * (n + k) + 4L * channel + (long) v * BYTES, mask(v), steps, v * span,
                        count, decays, k * span);
            }
        }

        private static void powers(MemorySegment rates, long rateAt, VectorMask<Float> mask, MemorySegment steps,
                long stepsAt, int count, MemorySegment into, long at) {
            FloatVector rate = fromMemorySegment(SPECIES, rates, rateAt, ORDER, mask).mul(LOG2_E);
            FloatVector p5 = FloatVector.broadcast(SPECIES, POWER_5);
            FloatVector p4 = FloatVector.broadcast(SPECIES, POWER_4);
            FloatVector p3 = FloatVector.broadcast(SPECIES, POWER_3);
            FloatVector p2 = FloatVector.broadcast(SPECIES, POWER_2);
            FloatVector p1 = FloatVector.broadcast(SPECIES, POWER_1);
            FloatVector one = FloatVector.broadcast(SPECIES, 1);
            for (int t = 0; t < count; t++) {
                FloatVector x = fromMemorySegment(SPECIES, steps, stepsAt + (long) t * BYTES, ORDER).mul(rate);
                FloatVector rounded = x.add(ROUND);
                FloatVector f = x.sub(rounded.sub(ROUND));
                FloatVector q = f.mul(POWER_6).add(p5).fma(f, p4).fma(f, p3).fma(f, p2).fma(f, p1).fma(f, one);
                q.reinterpretAsInts().add(rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
                        .reinterpretAsFloats().blend(0, x.compare(VectorOperators.LT, LOWEST))
                        .intoMemorySegment(into, at + (long) t * BYTES, ORDER);
            }
        }
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
            Group group = Group.of(in, index / groups, index % groups * wide, time, scratch);
            for (int from = 0; from < time; from += BLOCK) {
                int count = Math.min(BLOCK, time - from);
                group.read(from, count);
                for (int v = 0; v < group.vectors; v++) {
                    times(in.skip().data(), 4L * group.channel + (long) v * BYTES, group.mask(v), group.sums,
                            v * group.span, count);
                    advance(group, v, from, count, nextState.data());
                }
                group.scatter(group.sums, y.data(), from, count);
            }
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
        FloatVector p5 = FloatVector.broadcast(SPECIES, POWER_5);
        FloatVector p4 = FloatVector.broadcast(SPECIES, POWER_4);
        FloatVector p3 = FloatVector.broadcast(SPECIES, POWER_3);
        FloatVector p2 = FloatVector.broadcast(SPECIES, POWER_2);
        FloatVector p1 = FloatVector.broadcast(SPECIES, POWER_1);
        FloatVector one = FloatVector.broadcast(SPECIES, 1);
        for (int n = 0; n < states; n++) {
            FloatVector x = step.mul(fromMemorySegment(SPECIES, rates, rateAt + n * stride, ORDER, mask).mul(LOG2_E));
            FloatVector rounded = x.add(ROUND);
            FloatVector f = x.sub(rounded.sub(ROUND));
            FloatVector q = f.mul(POWER_6).add(p5).fma(f, p4).fma(f, p3).fma(f, p2).fma(f, p1).fma(f, one);
            q.reinterpretAsInts().add(rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
                    .reinterpretAsFloats().blend(0, x.compare(VectorOperators.LT, LOWEST))
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

    private static void times(MemorySegment factors, long factorAt, VectorMask<Float> mask, MemorySegment x, long at,
            int count) {
        FloatVector factor = fromMemorySegment(SPECIES, factors, factorAt, ORDER, mask);
        for (int t = 0; t < count; t++) {
            long row = at + (long) t * BYTES;
            fromMemorySegment(SPECIES, x, row, ORDER).mul(factor).intoMemorySegment(x, row, ORDER);
        }
    }

    private static void advance(Group group, int v, int from, int count, MemorySegment state) {
        int states = group.in.states();
        MemorySegment write = group.in.write().data();
        MemorySegment read = group.in.read().data();
        long base = v * group.span;
        for (int n = 0; n < states; n += TOGETHER) {
            int together = Math.min(TOGETHER, states - n);
            group.decay(v, n, together, count);
            long at = group.vectors(from) + 4L * n;
            if (together == 2) {
                two(group.inputs, base, group.decays, group.span, write, read, at, 4L * states, count, group.sums,
                        state, group.stateAt(v, n), group.stride, group.mask(v));
            } else {
                one(group.inputs, base, group.decays, write, read, at, 4L * states, count, group.sums, state,
                        group.stateAt(v, n), group.mask(v));
            }
        }
    }

    private static void two(MemorySegment inputs, long base, MemorySegment decays, long span, MemorySegment write,
            MemorySegment read, long at, long stride, int count, MemorySegment sums, MemorySegment state, long stateAt,
            long stateStride, VectorMask<Float> mask) {
        FloatVector h0 = fromMemorySegment(SPECIES, state, stateAt, ORDER, mask);
        FloatVector h1 = fromMemorySegment(SPECIES, state, stateAt + stateStride, ORDER, mask);
        long vector = at;
        for (int t = 0; t < count; t++) {
            long row = (long) t * BYTES;
            FloatVector input = fromMemorySegment(SPECIES, inputs, base + row, ORDER);
            h0 = fromMemorySegment(SPECIES, decays, row, ORDER).fma(h0, input.mul(write.get(Tensor.FLOAT, vector)));
            h1 = fromMemorySegment(SPECIES, decays, row + span, ORDER).fma(h1,
                    input.mul(write.get(Tensor.FLOAT, vector + 4)));
            FloatVector sum = h0.fma(FloatVector.broadcast(SPECIES, read.get(Tensor.FLOAT, vector)),
                    fromMemorySegment(SPECIES, sums, base + row, ORDER));
            h1.fma(FloatVector.broadcast(SPECIES, read.get(Tensor.FLOAT, vector + 4)), sum).intoMemorySegment(sums,
                    base + row, ORDER);
            vector += stride;
        }
        h0.intoMemorySegment(state, stateAt, ORDER, mask);
        h1.intoMemorySegment(state, stateAt + stateStride, ORDER, mask);
    }

    private static void one(MemorySegment inputs, long base, MemorySegment decays, MemorySegment write,
            MemorySegment read, long at, long stride, int count, MemorySegment sums, MemorySegment state, long stateAt,
            VectorMask<Float> mask) {
        FloatVector h = fromMemorySegment(SPECIES, state, stateAt, ORDER, mask);
        for (int t = 0; t < count; t++) {
            long row = (long) t * BYTES;
            long vector = at + t * stride;
            h = fromMemorySegment(SPECIES, decays, row, ORDER).fma(h,
                    fromMemorySegment(SPECIES, inputs, base + row, ORDER).mul(write.get(Tensor.FLOAT, vector)));
            h.fma(FloatVector.broadcast(SPECIES, read.get(Tensor.FLOAT, vector)),
                    fromMemorySegment(SPECIES, sums, base + row, ORDER)).intoMemorySegment(sums, base + row, ORDER);
        }
        h.intoMemorySegment(state, stateAt, ORDER, mask);
    }

    // ── backward ────────────────────────────────────────────────────────────────────────────────────────────────────

    /** What a task of backward has at hand besides its group's rows. */
    private record Slice(Selection dIn, MemorySegment dy, MemorySegment carried, MemorySegment states,
            MemorySegment dInputs, MemorySegment dSteps, MemorySegment given, MemorySegment dWrite, MemorySegment dRead,
            MemorySegment totals, MemorySegment sums) {
    }

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
            backward(in, b, slice * SLICE, Math.min(in.width(), (slice + 1) * SLICE), state, dy, dIn, dState, dVectors,
                    shared, shared + 4 * rows, own, scratch);
        });
        gather(dIn, dVectors, rows, slices);
        settle(in, dIn, totals, slices);
        team.scratch().release(mark);
    }

    private static void gather(Selection dIn, MemorySegment dVectors, long rows, int slices) {
        for (long i = 0; i < rows; i++) {
            float write = 0;
            float read = 0;
            for (int slice = 0; slice < slices; slice++) {
                write += dVectors.get(Tensor.FLOAT, 4 * (2 * slice * rows + i));
                read += dVectors.get(Tensor.FLOAT, 4 * ((2L * slice + 1) * rows + i));
            }
            dIn.write().set(i, write);
            dIn.read().set(i, read);
        }
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

    private static void backward(Selection in, int b, int from, int to, Tensor state, Tensor dy, Selection dIn,
            Tensor dState, MemorySegment dVectors, long dWriteAt, long dReadAt, MemorySegment totals,
            Workspace scratch) {
        int time = in.x().dim(1);
        int states = in.states();
        int vectors = (to - from + LENGTH - 1) / LENGTH;
        int blocks = (time + BLOCK - 1) / BLOCK;
        int most = Math.min(BLOCK, time);
        long perVector = (long) states * BYTES;
        long rows = VECTORS * (most + 1L) * LENGTH;
        MemorySegment starts = scratch.floatMemory((long) blocks * vectors * states * LENGTH);
        Slice slice = new Slice(dIn, dy.data(), scratch.floatMemory((long) vectors * states * LENGTH),
                scratch.floatMemory((most + 1L) * LENGTH), scratch.floatMemory(rows), scratch.floatMemory(rows),
                scratch.floatMemory(rows), scratch.floatMemory((long) most * states * LENGTH),
                scratch.floatMemory((long) most * states * LENGTH), totals, scratch.floatMemory(LENGTH));
        Group group = Group.of(in, b, from, time, scratch);
        for (int v = 0; v < vectors; v += VECTORS) {
            Group own = group.at(from + v * LENGTH);
            copyStates(state.data(), own, slice.carried, v * perVector, true);
            for (int block = 0; block < blocks; block++) {
                MemorySegment.copy(slice.carried, v * perVector, starts, ((long) block * vectors + v) * perVector,
                        own.vectors * perVector);
                if (block < blocks - 1) {
                    own.read(block * BLOCK, BLOCK);
                    for (int u = 0; u < own.vectors; u++) {
                        forwardOnly(own, u, block * BLOCK, slice.carried, (v + u) * perVector);
                    }
                }
            }
            copyStates(dState.data(), own, slice.carried, v * perVector, true);
        }
        for (int block = blocks - 1; block >= 0; block--) {
            int begin = block * BLOCK;
            int count = Math.min(BLOCK, time - begin);
            slice.dWrite.fill((byte) 0);
            slice.dRead.fill((byte) 0);
            for (int v = 0; v < vectors; v += VECTORS) {
                block(slice, group.at(from + v * LENGTH), begin, count, starts,
                        ((long) block * vectors + v) * perVector, v);
            }
            for (long i = 0; i < (long) count * states; i++) {
                dVectors.set(Tensor.FLOAT, dWriteAt + 4 * ((long) begin * states + i), sum(slice.dWrite, i * BYTES));
                dVectors.set(Tensor.FLOAT, dReadAt + 4 * ((long) begin * states + i), sum(slice.dRead, i * BYTES));
            }
        }
        for (int v = 0; v < vectors; v += VECTORS) {
            copyStates(dState.data(), group.at(from + v * LENGTH), slice.carried, v * perVector, false);
        }
    }

    private static float sum(MemorySegment from, long at) {
        return Lanes.sum(fromMemorySegment(SPECIES, from, at, ORDER));
    }

    /** Between a state's tensor and rows of a vector's states one after another. */
    private static void copyStates(MemorySegment tensor, Group group, MemorySegment rows, long at, boolean read) {
        for (int v = 0; v < group.vectors; v++) {
            VectorMask<Float> mask = group.mask(v);
            for (int n = 0; n < group.in.states(); n++) {
                long row = at + ((long) v * group.in.states() + n) * BYTES;
                if (read) {
                    fromMemorySegment(SPECIES, tensor, group.stateAt(v, n), ORDER, mask).intoMemorySegment(rows, row,
                            ORDER);
                } else {
                    fromMemorySegment(SPECIES, rows, row, ORDER).intoMemorySegment(tensor, group.stateAt(v, n), ORDER,
                            mask);
                }
            }
        }
    }

    private static void forwardOnly(Group group, int v, int from, MemorySegment current, long currentAt) {
        int states = group.in.states();
        for (int n = 0; n < states; n += TOGETHER) {
            int together = Math.min(TOGETHER, states - n);
            group.decay(v, n, together, BLOCK);
            for (int k = 0; k < together; k++) {
                pass(group.inputs, v * group.span, group.decays, k * group.span, group.in.write().data(),
                        group.vectors(from) + 4L * (n + k), 4L * states, BLOCK, current,
                        currentAt + (long) (n + k) * BYTES);
            }
        }
    }

    private static void pass(MemorySegment inputs, long base, MemorySegment decays, long decaysAt, MemorySegment write,
            long at, long stride, int count, MemorySegment state, long stateAt) {
        FloatVector h = fromMemorySegment(SPECIES, state, stateAt, ORDER);
        for (int t = 0; t < count; t++) {
            long row = (long) t * BYTES;
            h = fromMemorySegment(SPECIES, decays, decaysAt + row, ORDER).fma(h,
                    fromMemorySegment(SPECIES, inputs, base + row, ORDER)
                            .mul(write.get(Tensor.FLOAT, at + t * stride)));
        }
        h.intoMemorySegment(state, stateAt, ORDER);
    }

    private static void block(Slice slice, Group group, int begin, int count, MemorySegment starts, long startsAt,
            int first) {
        int states = group.in.states();
        group.read(begin, count);
        group.gather(slice.dy, begin, count, slice.given);
        for (int v = 0; v < group.vectors; v++) {
            long totals = 8L * (first + v) * LENGTH;
            long base = v * group.span;
            // What goes past the states, and x in the sums' place.
            dot(slice.given, group.sums, base, count, slice.sums);
            add(slice.sums, slice.totals, totals + 8L * states * SLICE);
            clear(slice.dInputs, slice.dSteps, base, count);
            for (int n = 0; n < states; n += TOGETHER) {
                int together = Math.min(TOGETHER, states - n);
                group.decay(v, n, together, count);
                for (int k = 0; k < together; k++) {
                    long vector = group.vectors(begin) + 4L * (n + k);
                    long row = ((long) v * states + n + k) * BYTES;
                    keep(group.inputs, base, group.decays, k * group.span, group.in.write().data(), vector,
                            4L * states, count, starts, startsAt + row, slice.states);
                    long own = (long) first * states * BYTES + row;
                    back(group, slice, base, k * group.span, vector, count, own, (long) (n + k) * BYTES,
                            group.stride * (n + k) + 4L * group.channel + (long) v * BYTES, group.mask(v));
                    add(slice.sums, slice.totals, totals + 8L * (n + k) * SLICE);
                }
            }
            end(group.in.skip().data(), 4L * group.channel + (long) v * BYTES, group.mask(v), slice.dInputs,
                    slice.dSteps, slice.given, group, base, count);
        }
        group.scatter(slice.dInputs, slice.dIn.x().data(), begin, count);
        group.scatter(slice.dSteps, slice.dIn.step().data(), begin, count);
    }

    private static void dot(MemorySegment a, MemorySegment b, long at, int count, MemorySegment into) {
        FloatVector sum = FloatVector.zero(SPECIES);
        for (int t = 0; t < count; t++) {
            long row = at + (long) t * BYTES;
            sum = fromMemorySegment(SPECIES, a, row, ORDER).fma(fromMemorySegment(SPECIES, b, row, ORDER), sum);
        }
        sum.intoMemorySegment(into, 0, ORDER);
    }

    private static void clear(MemorySegment a, MemorySegment b, long at, int count) {
        for (int t = 0; t < count; t++) {
            FloatVector.zero(SPECIES).intoMemorySegment(a, at + (long) t * BYTES, ORDER);
            FloatVector.zero(SPECIES).intoMemorySegment(b, at + (long) t * BYTES, ORDER);
        }
    }

    private static void add(MemorySegment sums, MemorySegment totals, long at) {
        for (int lane = 0; lane < LENGTH; lane++) {
            totals.set(Tensor.DOUBLE, at + 8L * lane,
                    totals.get(Tensor.DOUBLE, at + 8L * lane) + sums.get(Tensor.FLOAT, 4L * lane));
        }
    }

    /** One state before the block and after each of its positions. */
    private static void keep(MemorySegment inputs, long base, MemorySegment decays, long decaysAt, MemorySegment write,
            long at, long stride, int count, MemorySegment start, long startAt, MemorySegment states) {
        FloatVector h = fromMemorySegment(SPECIES, start, startAt, ORDER);
        h.intoMemorySegment(states, 0, ORDER);
        for (int t = 0; t < count; t++) {
            long row = (long) t * BYTES;
            h = fromMemorySegment(SPECIES, decays, decaysAt + row, ORDER).fma(h,
                    fromMemorySegment(SPECIES, inputs, base + row, ORDER)
                            .mul(write.get(Tensor.FLOAT, at + t * stride)));
            h.intoMemorySegment(states, row + BYTES, ORDER);
        }
    }

    private static void back(Group group, Slice slice, long base, long decaysAt, long vectorAt, int count,
            long carriedAt, long sumsAt, long rateAt, VectorMask<Float> mask) {
        MemorySegment dRead = slice.dRead;
        MemorySegment dWrite = slice.dWrite;
        MemorySegment dInputs = slice.dInputs;
        MemorySegment dSteps = slice.dSteps;
        MemorySegment states = slice.states;
        long stride = 4L * group.in.states();
        long sumsStride = (long) group.in.states() * BYTES;
        FloatVector later = fromMemorySegment(SPECIES, slice.carried, carriedAt, ORDER);
        FloatVector rate = fromMemorySegment(SPECIES, group.in.rate().data(), rateAt, ORDER, mask);
        FloatVector dRate = FloatVector.zero(SPECIES);
        for (int t = count - 1; t >= 0; t--) {
            long row = (long) t * BYTES;
            long vector = vectorAt + t * stride;
            long sumAt = sumsAt + t * sumsStride;
            FloatVector given = fromMemorySegment(SPECIES, slice.given, base + row, ORDER);
            given.fma(fromMemorySegment(SPECIES, states, row + BYTES, ORDER),
                    fromMemorySegment(SPECIES, dRead, sumAt, ORDER)).intoMemorySegment(dRead, sumAt, ORDER);
            FloatVector found = given.fma(broadcast(group.in.read().data(), vector), later);
            found.fma(fromMemorySegment(SPECIES, group.inputs, base + row, ORDER),
                    fromMemorySegment(SPECIES, dWrite, sumAt, ORDER)).intoMemorySegment(dWrite, sumAt, ORDER);
            found.fma(broadcast(group.in.write().data(), vector),
                    fromMemorySegment(SPECIES, dInputs, base + row, ORDER)).intoMemorySegment(dInputs, base + row,
                            ORDER);
            later = found.mul(fromMemorySegment(SPECIES, group.decays, decaysAt + row, ORDER));
            FloatVector dExponent = later.mul(fromMemorySegment(SPECIES, states, row, ORDER));
            dExponent.fma(rate, fromMemorySegment(SPECIES, dSteps, base + row, ORDER)).intoMemorySegment(dSteps,
                    base + row, ORDER);
            dRate = dExponent.fma(fromMemorySegment(SPECIES, group.steps, base + row, ORDER), dRate);
        }
        later.intoMemorySegment(slice.carried, carriedAt, ORDER);
        dRate.intoMemorySegment(slice.sums, 0, ORDER);
    }

    private static FloatVector broadcast(MemorySegment from, long at) {
        return FloatVector.broadcast(SPECIES, from.get(Tensor.FLOAT, at));
    }

    /** The gradients of x and of the steps from those of Δx and of what steps did to decays; x lies in the group's sums. */
    private static void end(MemorySegment skips, long skipAt, VectorMask<Float> mask, MemorySegment dInputs,
            MemorySegment dSteps, MemorySegment given, Group group, long base, int count) {
        FloatVector skip = fromMemorySegment(SPECIES, skips, skipAt, ORDER, mask);
        for (int t = 0; t < count; t++) {
            long row = base + (long) t * BYTES;
            FloatVector dInput = fromMemorySegment(SPECIES, dInputs, row, ORDER);
            dInput.fma(fromMemorySegment(SPECIES, group.sums, row, ORDER),
                    fromMemorySegment(SPECIES, dSteps, row, ORDER)).intoMemorySegment(dSteps, row, ORDER);
            dInput.fma(fromMemorySegment(SPECIES, group.steps, row, ORDER),
                    fromMemorySegment(SPECIES, given, row, ORDER).mul(skip)).intoMemorySegment(dInputs, row, ORDER);
        }
    }
}

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

import tern.kernels.ThreadTeam;
import tern.kernels.elementwise.ActivationLanes;
import tern.kernels.lanes.Lanes;
import tern.ops.Activation;
import tern.ops.Selection;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32, channels in the lanes, time in blocks of 64. A block's decays of four states are computed at once, in a
 * loop of exponentials alone, and stay in the first-level cache; then these states run through the block in registers. Forward:
 * a task is one vector of channels of one sequence. Backward: a task is eight vectors of channels of one sequence; it keeps the
 * states at the beginnings of blocks and computes those between again, and sums what all channels give to B and C lane by lane
 * before it adds lanes up.
 */
public final class VectorSelectiveScan implements SelectiveScan {
    static final int BLOCK = 64;
    private static final int TOGETHER = 4;
    private static final int SLICE = 8 * LENGTH;

    /** A body without state. */
    public VectorSelectiveScan() {
    }

    /** One vector of channels of one sequence, with scratch rows of a block: steps, Δx, sums and decays. */
    private static final class Group {
        private final Selection in;
        private final int b;
        private final int channel;
        private final VectorMask<Float> mask;
        private final long stride;
        private final MemorySegment steps;
        private final MemorySegment inputs;
        private final MemorySegment sums;
        private final MemorySegment decays;

        Group(Selection in, int b, int channel, MemorySegment steps, MemorySegment inputs, MemorySegment sums,
                MemorySegment decays) {
            this.in = in;
            this.b = b;
            this.channel = channel;
            this.mask = first(in.width() - channel);
            this.stride = 4L * in.width();
            this.steps = steps;
            this.inputs = inputs;
            this.sums = sums;
            this.decays = decays;
        }

        static Group of(Selection in, int b, int channel, int time, Workspace scratch) {
            long floats = (Math.min(BLOCK, time) + 1L) * LENGTH;
            return new Group(in, b, channel, scratch.floatMemory(floats), scratch.floatMemory(floats),
                    scratch.floatMemory(floats), scratch.floatMemory(TOGETHER * floats));
        }

        Group at(int other) {
            return new Group(in, b, other, steps, inputs, sums, decays);
        }

        /** Byte offset of position t in tensors of E numbers a row. */
        long row(int t) {
            return ((long) b * in.x().dim(1) + t) * stride + 4L * channel;
        }

        /** Byte offset of state 0 of position t in tensors of N numbers a row. */
        long vectors(int t) {
            return 4L * in.states() * ((long) b * in.x().dim(1) + t);
        }

        long stateAt() {
            return stride * b * in.states() + 4L * channel;
        }

        /** Reads the steps and inputs of a block. */
        void read(int from, int count) {
            read(in.step().data(), in.x().data(), row(from), stride, count, mask, steps, inputs);
        }

        private static void read(MemorySegment step, MemorySegment x, long at, long stride, int count,
                VectorMask<Float> mask, MemorySegment steps, MemorySegment inputs) {
            for (int t = 0; t < count; t++) {
                FloatVector duration = fromMemorySegment(SPECIES, step, at + t * stride, ORDER, mask);
                duration.intoMemorySegment(steps, (long) t * BYTES, ORDER);
                duration.mul(fromMemorySegment(SPECIES, x, at + t * stride, ORDER, mask)).intoMemorySegment(inputs,
                        (long) t * BYTES, ORDER);
            }
        }

        /** e^(ΔA) of {@code together} states for a block, state by state. */
        void decay(int n, int together, int count) {
            for (int k = 0; k < together; k++) {
                times(in.rate().data(), stride * (n + k) + 4L * channel, mask, steps, count, decays,
                        k * Group.span(count));
            }
            int floats = (int) (together * span(count) / Float.BYTES);
            ActivationLanes.valueAndAdd(Activation.EXP, decays, 0, false, decays, 0, floats);
        }

        /**
         * Bytes from a state's decays in a block to the next one's: one row more than there are, since rows of several streams
         * whose addresses end alike wait for each other.
         */
        static long span(int count) {
            return (count + 1L) * BYTES;
        }

        private static void times(MemorySegment rates, long rateAt, VectorMask<Float> mask, MemorySegment steps,
                int count,
                MemorySegment into, long at) {
            FloatVector rate = fromMemorySegment(SPECIES, rates, rateAt, ORDER, mask);
            FloatVector.zero(SPECIES).intoMemorySegment(into, at + (long) count * BYTES, ORDER);
            for (int t = 0; t < count; t++) {
                rate.mul(fromMemorySegment(SPECIES, steps, (long) t * BYTES, ORDER)).intoMemorySegment(into,
                        at + (long) t * BYTES, ORDER);
            }
        }
    }

    private static int groups(Selection in) {
        return (in.width() + LENGTH - 1) / LENGTH;
    }

    private static long work(Selection in) {
        return in.x().elements() * in.states();
    }

    // ── forward ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public void forward(ThreadTeam team, Selection in, Tensor state, Tensor y, Tensor nextState) {
        int groups = groups(in);
        int time = in.x().dim(1);
        if (nextState != state) {
            nextState.copyFrom(state);
        }
        Regions.run(team, in.x().dim(0) * groups, work(in), (index, scratch) -> {
            Group group = Group.of(in, index / groups, index % groups * LENGTH, time, scratch);
            for (int from = 0; from < time; from += BLOCK) {
                int count = Math.min(BLOCK, time - from);
                group.read(from, count);
                begin(in.skip().data(), 4L * group.channel, in.x().data(), group.row(from), group.stride, count,
                        group.mask, group.sums);
                advance(group, from, count, nextState.data());
                scatter(group.sums, y.data(), group.row(from), group.stride, count, group.mask);
            }
        });
    }

    private static void begin(MemorySegment skips, long skipAt, MemorySegment x, long at, long stride, int count,
            VectorMask<Float> mask, MemorySegment sums) {
        FloatVector skip = fromMemorySegment(SPECIES, skips, skipAt, ORDER, mask);
        for (int t = 0; t < count; t++) {
            skip.mul(fromMemorySegment(SPECIES, x, at + t * stride, ORDER, mask)).intoMemorySegment(sums,
                    (long) t * BYTES, ORDER);
        }
    }

    private static void scatter(MemorySegment from, MemorySegment into, long at, long stride, int count,
            VectorMask<Float> mask) {
        for (int t = 0; t < count; t++) {
            fromMemorySegment(SPECIES, from, (long) t * BYTES, ORDER).intoMemorySegment(into, at + t * stride, ORDER,
                    mask);
        }
    }

    private static void advance(Group group, int from, int count, MemorySegment state) {
        int states = group.in.states();
        MemorySegment write = group.in.write().data();
        MemorySegment read = group.in.read().data();
        long stateAt = group.stateAt();
        for (int n = 0; n < states;) {
            int together = Math.min(TOGETHER, states - n);
            group.decay(n, together, count);
            long at = group.vectors(from) + 4L * n;
            long own = stateAt + n * group.stride;
            int k = 0;
            for (; k + 1 < together; k += 2) {
                two(group.inputs, group.decays, k * Group.span(count), write, read, at + 4L * k, 4L * states, count,
                        group.sums, state, own + k * group.stride, group.stride, group.mask);
            }
            if (k < together) {
                one(group.inputs, group.decays, k * Group.span(count), write, read, at + 4L * k, 4L * states, count,
                        group.sums, state, own + k * group.stride, group.mask);
            }
            n += together;
        }
    }

    private static void two(MemorySegment inputs, MemorySegment decays, long decaysAt, MemorySegment write,
            MemorySegment read, long at, long stride, int count, MemorySegment sums, MemorySegment state, long stateAt,
            long stateStride, VectorMask<Float> mask) {
        FloatVector h0 = fromMemorySegment(SPECIES, state, stateAt, ORDER, mask);
        FloatVector h1 = fromMemorySegment(SPECIES, state, stateAt + stateStride, ORDER, mask);
        long span = Group.span(count);
        for (int t = 0; t < count; t++) {
            long row = (long) t * BYTES;
            long vector = at + t * stride;
            FloatVector input = fromMemorySegment(SPECIES, inputs, row, ORDER);
            h0 = fromMemorySegment(SPECIES, decays, decaysAt + row, ORDER).fma(h0,
                    input.mul(write.get(Tensor.FLOAT, vector)));
            h1 = fromMemorySegment(SPECIES, decays, decaysAt + row + span, ORDER).fma(h1,
                    input.mul(write.get(Tensor.FLOAT, vector + 4)));
            FloatVector sum = h0.fma(FloatVector.broadcast(SPECIES, read.get(Tensor.FLOAT, vector)),
                    fromMemorySegment(SPECIES, sums, row, ORDER));
            h1.fma(FloatVector.broadcast(SPECIES, read.get(Tensor.FLOAT, vector + 4)), sum).intoMemorySegment(sums, row,
                    ORDER);
        }
        h0.intoMemorySegment(state, stateAt, ORDER, mask);
        h1.intoMemorySegment(state, stateAt + stateStride, ORDER, mask);
    }

    private static void one(MemorySegment inputs, MemorySegment decays, long decaysAt, MemorySegment write,
            MemorySegment read, long at, long stride, int count, MemorySegment sums, MemorySegment state, long stateAt,
            VectorMask<Float> mask) {
        FloatVector h = fromMemorySegment(SPECIES, state, stateAt, ORDER, mask);
        for (int t = 0; t < count; t++) {
            long row = (long) t * BYTES;
            long vector = at + t * stride;
            h = fromMemorySegment(SPECIES, decays, decaysAt + row, ORDER).fma(h,
                    fromMemorySegment(SPECIES, inputs, row, ORDER)
                            .mul(FloatVector.broadcast(SPECIES, write.get(Tensor.FLOAT, vector))));
            h.fma(FloatVector.broadcast(SPECIES, read.get(Tensor.FLOAT, vector)),
                    fromMemorySegment(SPECIES, sums, row, ORDER)).intoMemorySegment(sums, row, ORDER);
        }
        h.intoMemorySegment(state, stateAt, ORDER, mask);
    }

    // ── backward ────────────────────────────────────────────────────────────────────────────────────────────────────

    /** What a task of backward has at hand besides its group's rows. */
    private record Slice(Selection in, Selection dIn, MemorySegment dy, MemorySegment starts, MemorySegment carried,
            MemorySegment states, MemorySegment dInputs, MemorySegment dSteps, MemorySegment given,
            MemorySegment dWrite, MemorySegment dRead, MemorySegment totals, MemorySegment sums) {
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
        long perGroup = (long) states * BYTES;
        Slice slice = new Slice(in, dIn, dy.data(), scratch.floatMemory((long) blocks * vectors * states * LENGTH),
                scratch.floatMemory((long) vectors * states * LENGTH),
                scratch.floatMemory(2L * (most + 1) * LENGTH), scratch.floatMemory((long) most * LENGTH),
                scratch.floatMemory((long) most * LENGTH), scratch.floatMemory((long) most * LENGTH),
                scratch.floatMemory((long) most * states * LENGTH), scratch.floatMemory((long) most * states * LENGTH),
                totals, scratch.floatMemory(2L * LENGTH));
        Group group = Group.of(in, b, from, time, scratch);
        for (int v = 0; v < vectors; v++) {
            Group own = group.at(from + v * LENGTH);
            MemorySegment current = slice.carried.asSlice(v * perGroup, perGroup);
            rows(state.data(), own, current);
            for (int block = 0; block < blocks; block++) {
                MemorySegment.copy(current, 0, slice.starts, ((long) block * vectors + v) * perGroup, perGroup);
                int count = Math.min(BLOCK, time - block * BLOCK);
                own.read(block * BLOCK, count);
                if (block < blocks - 1) {
                    forwardOnly(own, block * BLOCK, count, current);
                }
            }
            rows(dState.data(), own, current);
        }
        for (int block = blocks - 1; block >= 0; block--) {
            int begin = block * BLOCK;
            int count = Math.min(BLOCK, time - begin);
            slice.dWrite.fill((byte) 0);
            slice.dRead.fill((byte) 0);
            for (int v = 0; v < vectors; v++) {
                long at = ((long) block * vectors + v) * perGroup;
                block(slice, group.at(from + v * LENGTH), begin, count, slice.starts.asSlice(at, perGroup),
                        slice.carried.asSlice(v * perGroup, perGroup), v);
            }
            for (long i = 0; i < (long) count * states; i++) {
                dVectors.set(Tensor.FLOAT, dWriteAt + 4 * ((long) begin * states + i),
                        Lanes.sum(fromMemorySegment(SPECIES, slice.dWrite, i * BYTES, ORDER)));
                dVectors.set(Tensor.FLOAT, dReadAt + 4 * ((long) begin * states + i),
                        Lanes.sum(fromMemorySegment(SPECIES, slice.dRead, i * BYTES, ORDER)));
            }
        }
        for (int v = 0; v < vectors; v++) {
            Group own = group.at(from + v * LENGTH);
            for (int n = 0; n < states; n++) {
                fromMemorySegment(SPECIES, slice.carried, v * perGroup + (long) n * BYTES, ORDER)
                        .intoMemorySegment(dState.data(), own.stateAt() + n * own.stride, ORDER, own.mask);
            }
        }
    }

    private static void rows(MemorySegment state, Group group, MemorySegment into) {
        for (int n = 0; n < group.in.states(); n++) {
            fromMemorySegment(SPECIES, state, group.stateAt() + n * group.stride, ORDER, group.mask)
                    .intoMemorySegment(into, (long) n * BYTES, ORDER);
        }
    }

    private static void forwardOnly(Group group, int from, int count, MemorySegment current) {
        int states = group.in.states();
        for (int n = 0; n < states;) {
            int together = Math.min(TOGETHER, states - n);
            group.decay(n, together, count);
            for (int k = 0; k < together; k++) {
                pass(group.inputs, group.decays, k * Group.span(count), group.in.write().data(),
                        group.vectors(from) + 4L * (n + k), 4L * states, count, current, (long) (n + k) * BYTES);
            }
            n += together;
        }
    }

    private static void pass(MemorySegment inputs, MemorySegment decays, long decaysAt, MemorySegment write, long at,
            long stride, int count, MemorySegment state, long stateAt) {
        FloatVector h = fromMemorySegment(SPECIES, state, stateAt, ORDER);
        for (int t = 0; t < count; t++) {
            long row = (long) t * BYTES;
            h = fromMemorySegment(SPECIES, decays, decaysAt + row, ORDER).fma(h,
                    fromMemorySegment(SPECIES, inputs, row, ORDER)
                            .mul(FloatVector.broadcast(SPECIES, write.get(Tensor.FLOAT, at + t * stride))));
        }
        h.intoMemorySegment(state, stateAt, ORDER);
    }

    private static void block(Slice slice, Group group, int begin, int count, MemorySegment start,
            MemorySegment carried, int v) {
        int states = group.in.states();
        group.read(begin, count);
        beginBack(slice, group, begin, count, v);
        for (int n = 0; n < states;) {
            int together = Math.min(TOGETHER, states - n);
            group.decay(n, together, count);
            for (int k = 0; k < together; k++) {
                int state = n + k;
                long decaysAt = k * Group.span(count);
                long vector = group.vectors(begin) + 4L * state;
                keep(group.inputs, group.decays, decaysAt, group.in.write().data(), vector, 4L * states, count, start,
                        (long) state * BYTES, slice.states);
                back(slice, group, decaysAt, vector, count, carried, (long) state * BYTES, group.stride * state);
                add(slice.sums, slice.totals, 8L * (state * SLICE + v * LENGTH));
            }
            n += together;
        }
        endBack(slice, group, begin, count);
    }

    /** dy, and what goes past the states. */
    private static void beginBack(Slice slice, Group group, int begin, int count, int v) {
        FloatVector dSkip = FloatVector.zero(SPECIES);
        for (int t = 0; t < count; t++) {
            long at = group.row(begin + t);
            FloatVector given = fromMemorySegment(SPECIES, slice.dy, at, ORDER, group.mask);
            given.intoMemorySegment(slice.given, (long) t * BYTES, ORDER);
            FloatVector.zero(SPECIES).intoMemorySegment(slice.dInputs, (long) t * BYTES, ORDER);
            FloatVector.zero(SPECIES).intoMemorySegment(slice.dSteps, (long) t * BYTES, ORDER);
            dSkip = given.fma(fromMemorySegment(SPECIES, group.in.x().data(), at, ORDER, group.mask), dSkip);
        }
        dSkip.intoMemorySegment(slice.sums, 0, ORDER);
        add(slice.sums, slice.totals, 8L * (group.in.states() * SLICE + v * LENGTH));
    }

    private static void add(MemorySegment sums, MemorySegment totals, long at) {
        for (int lane = 0; lane < LENGTH; lane++) {
            totals.set(Tensor.DOUBLE, at + 8L * lane,
                    totals.get(Tensor.DOUBLE, at + 8L * lane) + sums.get(Tensor.FLOAT, 4L * lane));
        }
    }

    /** One state before the block and after each of its positions. */
    private static void keep(MemorySegment inputs, MemorySegment decays, long decaysAt, MemorySegment write, long at,
            long stride, int count, MemorySegment start, long startAt, MemorySegment states) {
        FloatVector h = fromMemorySegment(SPECIES, start, startAt, ORDER);
        h.intoMemorySegment(states, 0, ORDER);
        for (int t = 0; t < count; t++) {
            long row = (long) t * BYTES;
            h = fromMemorySegment(SPECIES, decays, decaysAt + row, ORDER).fma(h,
                    fromMemorySegment(SPECIES, inputs, row, ORDER)
                            .mul(FloatVector.broadcast(SPECIES, write.get(Tensor.FLOAT, at + t * stride))));
            h.intoMemorySegment(states, row + BYTES, ORDER);
        }
    }

    private static void back(Slice slice, Group group, long decaysAt, long vector, int count, MemorySegment carried,
            long carriedAt, long rateRow) {
        int states = group.in.states();
        back(new Rows(group.inputs, group.steps, group.decays, decaysAt, slice.states, slice.given,
                group.in.write().data(), group.in.read().data(), vector, 4L * states), count, group.in.rate().data(),
                rateRow + 4L * group.channel, group.mask, slice.dInputs,
                slice.dSteps, slice.dWrite, slice.dRead, carriedAt, (long) states * BYTES, carried, slice.sums);
    }

    /** What one state's way back reads. */
    private record Rows(MemorySegment inputs, MemorySegment steps, MemorySegment decays, long decaysAt,
            MemorySegment states, MemorySegment given, MemorySegment write, MemorySegment read, long vector,
            long stride) {
    }

    private static void back(Rows in, int count, MemorySegment rates, long rateAt, VectorMask<Float> mask,
            MemorySegment dInputs, MemorySegment dSteps,
            MemorySegment dWrite, MemorySegment dRead, long vectorAt, long vectorStride, MemorySegment carried,
            MemorySegment sums) {
        FloatVector later = fromMemorySegment(SPECIES, carried, vectorAt, ORDER);
        FloatVector rate = fromMemorySegment(SPECIES, rates, rateAt, ORDER, mask);
        FloatVector dRate = FloatVector.zero(SPECIES);
        for (int t = count - 1; t >= 0; t--) {
            long row = (long) t * BYTES;
            long vector = in.vector + t * in.stride;
            long sumAt = vectorAt + t * vectorStride;
            FloatVector given = fromMemorySegment(SPECIES, in.given, row, ORDER);
            given.fma(fromMemorySegment(SPECIES, in.states, row + BYTES, ORDER),
                    fromMemorySegment(SPECIES, dRead, sumAt, ORDER)).intoMemorySegment(dRead, sumAt, ORDER);
            FloatVector found = given.fma(FloatVector.broadcast(SPECIES, in.read.get(Tensor.FLOAT, vector)), later);
            found.fma(fromMemorySegment(SPECIES, in.inputs, row, ORDER),
                    fromMemorySegment(SPECIES, dWrite, sumAt, ORDER)).intoMemorySegment(dWrite, sumAt, ORDER);
            found.fma(FloatVector.broadcast(SPECIES, in.write.get(Tensor.FLOAT, vector)),
                    fromMemorySegment(SPECIES, dInputs, row, ORDER)).intoMemorySegment(dInputs, row, ORDER);
            later = found.mul(fromMemorySegment(SPECIES, in.decays, in.decaysAt + row, ORDER));
            FloatVector dExponent = later.mul(fromMemorySegment(SPECIES, in.states, row, ORDER));
            dExponent.fma(rate, fromMemorySegment(SPECIES, dSteps, row, ORDER)).intoMemorySegment(dSteps, row, ORDER);
            dRate = dExponent.fma(fromMemorySegment(SPECIES, in.steps, row, ORDER), dRate);
        }
        later.intoMemorySegment(carried, vectorAt, ORDER);
        dRate.intoMemorySegment(sums, 0, ORDER);
    }

    private static void endBack(Slice slice, Group group, int begin, int count) {
        FloatVector skip = fromMemorySegment(SPECIES, group.in.skip().data(), 4L * group.channel, ORDER, group.mask);
        for (int t = 0; t < count; t++) {
            long row = (long) t * BYTES;
            long at = group.row(begin + t);
            FloatVector dInput = fromMemorySegment(SPECIES, slice.dInputs, row, ORDER);
            FloatVector x = fromMemorySegment(SPECIES, group.in.x().data(), at, ORDER, group.mask);
            dInput.fma(fromMemorySegment(SPECIES, group.steps, row, ORDER),
                    fromMemorySegment(SPECIES, slice.given, row, ORDER).mul(skip))
                    .intoMemorySegment(slice.dIn.x().data(), at, ORDER, group.mask);
            dInput.fma(x, fromMemorySegment(SPECIES, slice.dSteps, row, ORDER))
                    .intoMemorySegment(slice.dIn.step().data(), at, ORDER, group.mask);
        }
    }
}

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
import tern.kernels.lanes.Lanes;
import tern.ops.Diagonal;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32: channels in the lanes, time in blocks. Within a block two modes at a time keep their states in
 * registers and add to the block's outputs, which stay in the first-level cache. Forward: a task is a group of channels of
 * one sequence. Backward: a task is a group of channels of all sequences; it keeps the states at the beginnings of blocks, and
 * computes those in between again. Gradients of parameters are sums of a block in F32, of all blocks in F64.
 */
public final class VectorDiagonalScan implements DiagonalScan {
    private static final int BLOCK = 64;
    /** Taps between two powers in double precision. */
    private static final int ANCHOR = 16;
    // Floats below which a region's start would cost more than the second thread gains.
    private static final long WORTH_A_REGION = 1 << 15;

    /** A body without state. */
    public VectorDiagonalScan() {
    }

    private static int groups(int width) {
        return (width + LENGTH - 1) / LENGTH;
    }

    private static void run(ThreadTeam team, int tasks, long work, ThreadTeam.Task task) {
        if (work >= WORTH_A_REGION) {
            team.run(tasks, task);
            return;
        }
        for (int index = 0; index < tasks; index++) {
            Workspace.Mark mark = team.scratch().mark();
            task.run(index, team.scratch());
            team.scratch().release(mark);
        }
    }

    // ── forward ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public void forward(ThreadTeam team, Tensor x, Diagonal system, Tensor state, Tensor y, Tensor nextState) {
        int groups = groups(x.dim(2));
        if (nextState != state) {
            nextState.copyFrom(state);
        }
        run(team, x.dim(0) * groups, x.elements() * system.order(), (index, scratch) -> {
            int d = index % groups * LENGTH;
            forward(x, system, nextState, y, index / groups, d, first(x.dim(2) - d), scratch);
        });
    }

    private static void forward(Tensor x, Diagonal system, Tensor state, Tensor y, int b, int d,
            VectorMask<Float> mask, Workspace scratch) {
        int time = x.dim(1);
        int width = x.dim(2);
        long stride = 4L * width;
        int modes = system.modes();
        MemorySegment inputs = scratch.floatMemory(BLOCK * LENGTH);
        MemorySegment sums = scratch.floatMemory(BLOCK * LENGTH);
        long stateAt = 4L * ((long) b * system.order() * width + d);
        for (int from = 0; from < time; from += BLOCK) {
            int count = Math.min(BLOCK, time - from);
            long at = 4L * (((long) b * time + from) * width + d);
            gather(x.data(), at, stride, inputs, count, mask);
            sums.fill((byte) 0);
            for (int n = 0; n < modes; n++) {
                long mode = stride * n + 4L * d;
                long own = stateAt + stride * n;
                if (system.complex()) {
                    turn(system, mode, inputs, sums, count, state.data(), own, own + stride * modes, mask);
                } else if (n + 1 < modes) {
                    advanceTwo(system, mode, stride, inputs, sums, count, state.data(), own, mask);
                    n++;
                } else {
                    advance(system, mode, inputs, sums, count, state.data(), own, mask);
                }
            }
            scatter(sums, y.data(), at, stride, count, mask);
        }
    }

    private static void gather(MemorySegment from, long at, long stride, MemorySegment into, int count,
            VectorMask<Float> mask) {
        for (int t = 0; t < count; t++) {
            fromMemorySegment(SPECIES, from, at + t * stride, ORDER, mask).intoMemorySegment(into, (long) t * BYTES,
                    ORDER);
        }
    }

    private static void scatter(MemorySegment from, MemorySegment into, long at, long stride, int count,
            VectorMask<Float> mask) {
        for (int t = 0; t < count; t++) {
            fromMemorySegment(SPECIES, from, (long) t * BYTES, ORDER).intoMemorySegment(into, at + t * stride, ORDER,
                    mask);
        }
    }

    private static void advance(Diagonal system, long mode, MemorySegment inputs, MemorySegment sums, int count,
            MemorySegment state, long stateAt, VectorMask<Float> mask) {
        FloatVector decay = fromMemorySegment(SPECIES, system.decay().data(), mode, ORDER, mask);
        FloatVector gain = fromMemorySegment(SPECIES, system.gain().data(), mode, ORDER, mask);
        FloatVector weight = fromMemorySegment(SPECIES, system.weight().data(), mode, ORDER, mask);
        FloatVector h = fromMemorySegment(SPECIES, state, stateAt, ORDER, mask);
        for (int t = 0; t < count; t++) {
            long row = (long) t * BYTES;
            h = decay.fma(h, gain.mul(fromMemorySegment(SPECIES, inputs, row, ORDER)));
            weight.fma(h, fromMemorySegment(SPECIES, sums, row, ORDER)).intoMemorySegment(sums, row, ORDER);
        }
        h.intoMemorySegment(state, stateAt, ORDER, mask);
    }

    private static void advanceTwo(Diagonal system, long mode, long next, MemorySegment inputs, MemorySegment sums,
            int count, MemorySegment state, long stateAt, VectorMask<Float> mask) {
        FloatVector decay = fromMemorySegment(SPECIES, system.decay().data(), mode, ORDER, mask);
        FloatVector gain = fromMemorySegment(SPECIES, system.gain().data(), mode, ORDER, mask);
        FloatVector weight = fromMemorySegment(SPECIES, system.weight().data(), mode, ORDER, mask);
        FloatVector decay1 = fromMemorySegment(SPECIES, system.decay().data(), mode + next, ORDER, mask);
        FloatVector gain1 = fromMemorySegment(SPECIES, system.gain().data(), mode + next, ORDER, mask);
        FloatVector weight1 = fromMemorySegment(SPECIES, system.weight().data(), mode + next, ORDER, mask);
        FloatVector h = fromMemorySegment(SPECIES, state, stateAt, ORDER, mask);
        FloatVector h1 = fromMemorySegment(SPECIES, state, stateAt + next, ORDER, mask);
        for (int t = 0; t < count; t++) {
            long row = (long) t * BYTES;
            FloatVector x = fromMemorySegment(SPECIES, inputs, row, ORDER);
            h = decay.fma(h, gain.mul(x));
            h1 = decay1.fma(h1, gain1.mul(x));
            weight1.fma(h1, weight.fma(h, fromMemorySegment(SPECIES, sums, row, ORDER))).intoMemorySegment(sums, row,
                    ORDER);
        }
        h.intoMemorySegment(state, stateAt, ORDER, mask);
        h1.intoMemorySegment(state, stateAt + next, ORDER, mask);
    }

    private static void turn(Diagonal system, long mode, MemorySegment inputs, MemorySegment sums, int count,
            MemorySegment state, long realAt, long imaginaryAt, VectorMask<Float> mask) {
        FloatVector decay = fromMemorySegment(SPECIES, system.decay().data(), mode, ORDER, mask);
        FloatVector turn = fromMemorySegment(SPECIES, system.decayImaginary().data(), mode, ORDER, mask);
        FloatVector gain = fromMemorySegment(SPECIES, system.gain().data(), mode, ORDER, mask);
        FloatVector weight = fromMemorySegment(SPECIES, system.weight().data(), mode, ORDER, mask);
        FloatVector against = fromMemorySegment(SPECIES, system.weightImaginary().data(), mode, ORDER, mask).neg();
        FloatVector back = turn.neg();
        FloatVector real = fromMemorySegment(SPECIES, state, realAt, ORDER, mask);
        FloatVector imaginary = fromMemorySegment(SPECIES, state, imaginaryAt, ORDER, mask);
        for (int t = 0; t < count; t++) {
            long row = (long) t * BYTES;
            FloatVector turned = decay.fma(real,
                    back.fma(imaginary, gain.mul(fromMemorySegment(SPECIES, inputs, row, ORDER))));
            imaginary = decay.fma(imaginary, turn.mul(real));
            real = turned;
            against.fma(imaginary, weight.fma(real, fromMemorySegment(SPECIES, sums, row, ORDER)))
                    .intoMemorySegment(sums, row, ORDER);
        }
        real.intoMemorySegment(state, realAt, ORDER, mask);
        imaginary.intoMemorySegment(state, imaginaryAt, ORDER, mask);
    }

    // ── backward ────────────────────────────────────────────────────────────────────────────────────────────────────

    // What one mode adds to the gradients of its parameters: decay, turn, gain, weight, imaginary weight.
    private static final int PARTS = 5;

    @Override
    public void backward(ThreadTeam team, Tensor x, Diagonal system, Tensor state, Tensor dy, Tensor dNextState,
            Tensor dx, Diagonal dSystem, Tensor dState) {
        int groups = groups(x.dim(2));
        dState.copyFrom(dNextState);
        run(team, groups, x.elements() * system.order(), (index, scratch) -> {
            int d = index * LENGTH;
            VectorMask<Float> mask = first(x.dim(2) - d);
            Tensor totals = scratch.allocate(DType.F64, Shape.of(PARTS * system.modes(), LENGTH)).fill(0);
            for (int b = 0; b < x.dim(0); b++) {
                Workspace.Mark mark = scratch.mark();
                backward(x, system, state, dy, dx, dState, totals, b, d, mask, scratch);
                scratch.release(mark);
            }
            for (int n = 0; n < system.modes(); n++) {
                add(totals, n, 0, dSystem.decay(), d);
                add(totals, n, 2, dSystem.gain(), d);
                add(totals, n, 3, dSystem.weight(), d);
                if (system.complex()) {
                    add(totals, n, 1, dSystem.decayImaginary(), d);
                    add(totals, n, 4, dSystem.weightImaginary(), d);
                }
            }
        });
    }

    private static void add(Tensor totals, int n, int part, Tensor into, int d) {
        int width = into.dim(1);
        for (int lane = 0; lane < Math.min(LENGTH, width - d); lane++) {
            long at = (long) n * width + d + lane;
            into.set(at, into.get(at) + totals.get(((long) n * PARTS + part) * LENGTH + lane));
        }
    }

    private static void backward(Tensor x, Diagonal system, Tensor state, Tensor dy, Tensor dx, Tensor dState,
            Tensor totals, int b, int d, VectorMask<Float> mask, Workspace scratch) {
        int time = x.dim(1);
        int width = x.dim(2);
        long stride = 4L * width;
        int order = system.order();
        int modes = system.modes();
        int blocks = (time + BLOCK - 1) / BLOCK;
        long rowBytes = (long) order * BYTES;
        MemorySegment begins = scratch.floatMemory(Math.multiplyExact(blocks + 1, order * LENGTH));
        MemorySegment inputs = scratch.floatMemory(BLOCK * LENGTH);
        MemorySegment given = scratch.floatMemory(BLOCK * LENGTH);
        MemorySegment found = scratch.floatMemory(BLOCK * LENGTH);
        MemorySegment states = scratch.floatMemory(2 * (BLOCK + 1) * LENGTH);
        MemorySegment parts = scratch.floatMemory(PARTS * LENGTH);
        long stateAt = 4L * ((long) b * order * width + d);
        gather(state.data(), stateAt, stride, begins, order, mask);
        for (int block = 0; block + 1 < blocks; block++) {
            gather(x.data(), 4L * (((long) b * time + block * BLOCK) * width + d), stride, inputs, BLOCK, mask);
            for (int n = 0; n < modes; n++) {
                long at = block * rowBytes + (long) n * BYTES;
                states(system, stride * n + 4L * d, inputs, BLOCK, begins, at, at + (long) modes * BYTES, begins,
                        at + rowBytes, 0, mask);
            }
        }
        for (int block = blocks - 1; block >= 0; block--) {
            int from = block * BLOCK;
            int count = Math.min(BLOCK, time - from);
            long at = 4L * (((long) b * time + from) * width + d);
            gather(x.data(), at, stride, inputs, count, mask);
            gather(dy.data(), at, stride, given, count, mask);
            found.fill((byte) 0);
            for (int n = 0; n < modes; n++) {
                long mode = stride * n + 4L * d;
                long begin = block * rowBytes + (long) n * BYTES;
                long own = stateAt + stride * n;
                states(system, mode, inputs, count, begins, begin, begin + (long) modes * BYTES, states, 2L * BYTES,
                        2L * BYTES, mask);
                if (system.complex()) {
                    turnBack(system, mode, inputs, given, found, count, states, dState.data(), own,
                            own + stride * modes, parts, mask);
                } else {
                    retreat(system, mode, inputs, given, found, count, states, dState.data(), own, parts, mask);
                }
                total(parts, totals, n, system.complex());
            }
            scatter(found, dx.data(), at, stride, count, mask);
        }
    }

    // From one mode's state before a block: after each position a row (real, imaginary), or the last one over and over if
    // step is 0, then as a row of begins.
    private static void states(Diagonal system, long mode, MemorySegment inputs, int count, MemorySegment begins,
            long realAt, long imaginaryAt, MemorySegment into, long intoAt, long step, VectorMask<Float> mask) {
        if (system.complex()) {
            turningStates(system, mode, inputs, count, begins, realAt, imaginaryAt, into, intoAt, step,
                    step == 0 ? imaginaryAt - realAt : BYTES, mask);
            return;
        }
        FloatVector decay = fromMemorySegment(SPECIES, system.decay().data(), mode, ORDER, mask);
        FloatVector gain = fromMemorySegment(SPECIES, system.gain().data(), mode, ORDER, mask);
        FloatVector h = fromMemorySegment(SPECIES, begins, realAt, ORDER);
        if (step > 0) {
            h.intoMemorySegment(into, intoAt - step, ORDER);
        }
        for (int t = 0; t < count; t++) {
            h = decay.fma(h, gain.mul(fromMemorySegment(SPECIES, inputs, (long) t * BYTES, ORDER)));
            h.intoMemorySegment(into, intoAt + t * step, ORDER);
        }
    }

    private static void turningStates(Diagonal system, long mode, MemorySegment inputs, int count,
            MemorySegment begins, long realAt, long imaginaryAt, MemorySegment into, long intoAt, long step,
            long imaginaryStep, VectorMask<Float> mask) {
        FloatVector decay = fromMemorySegment(SPECIES, system.decay().data(), mode, ORDER, mask);
        FloatVector turn = fromMemorySegment(SPECIES, system.decayImaginary().data(), mode, ORDER, mask);
        FloatVector back = turn.neg();
        FloatVector gain = fromMemorySegment(SPECIES, system.gain().data(), mode, ORDER, mask);
        FloatVector real = fromMemorySegment(SPECIES, begins, realAt, ORDER);
        FloatVector imaginary = fromMemorySegment(SPECIES, begins, imaginaryAt, ORDER);
        if (step > 0) {
            real.intoMemorySegment(into, intoAt - step, ORDER);
            imaginary.intoMemorySegment(into, intoAt - step + imaginaryStep, ORDER);
        }
        for (int t = 0; t < count; t++) {
            FloatVector turned = decay.fma(real,
                    back.fma(imaginary, gain.mul(fromMemorySegment(SPECIES, inputs, (long) t * BYTES, ORDER))));
            imaginary = decay.fma(imaginary, turn.mul(real));
            real = turned;
            real.intoMemorySegment(into, intoAt + t * step, ORDER);
            imaginary.intoMemorySegment(into, intoAt + t * step + imaginaryStep, ORDER);
        }
    }

    // λ_t = w·dy_t + q·λ_(t+1): what reaches the state after position t.
    private static void retreat(Diagonal system, long mode, MemorySegment inputs, MemorySegment given,
            MemorySegment found, int count, MemorySegment states, MemorySegment dState, long dStateAt,
            MemorySegment parts, VectorMask<Float> mask) {
        FloatVector decay = fromMemorySegment(SPECIES, system.decay().data(), mode, ORDER, mask);
        FloatVector gain = fromMemorySegment(SPECIES, system.gain().data(), mode, ORDER, mask);
        FloatVector weight = fromMemorySegment(SPECIES, system.weight().data(), mode, ORDER, mask);
        FloatVector dDecay = FloatVector.zero(SPECIES);
        FloatVector dGain = FloatVector.zero(SPECIES);
        FloatVector dWeight = FloatVector.zero(SPECIES);
        FloatVector carried = fromMemorySegment(SPECIES, dState, dStateAt, ORDER, mask);
        for (int t = count - 1; t >= 0; t--) {
            long row = (long) t * BYTES;
            FloatVector dy = fromMemorySegment(SPECIES, given, row, ORDER);
            dWeight = dy.fma(fromMemorySegment(SPECIES, states, 2 * row + 2L * BYTES, ORDER), dWeight);
            carried = weight.fma(dy, carried);
            gain.fma(carried, fromMemorySegment(SPECIES, found, row, ORDER)).intoMemorySegment(found, row, ORDER);
            dGain = carried.fma(fromMemorySegment(SPECIES, inputs, row, ORDER), dGain);
            dDecay = carried.fma(fromMemorySegment(SPECIES, states, 2 * row, ORDER), dDecay);
            carried = decay.mul(carried);
        }
        carried.intoMemorySegment(dState, dStateAt, ORDER, mask);
        dDecay.intoMemorySegment(parts, 0, ORDER);
        dGain.intoMemorySegment(parts, 2L * BYTES, ORDER);
        dWeight.intoMemorySegment(parts, 3L * BYTES, ORDER);
    }

    private static void turnBack(Diagonal system, long mode, MemorySegment inputs, MemorySegment given,
            MemorySegment found, int count, MemorySegment states, MemorySegment dState, long realAt, long imaginaryAt,
            MemorySegment parts, VectorMask<Float> mask) {
        FloatVector decay = fromMemorySegment(SPECIES, system.decay().data(), mode, ORDER, mask);
        FloatVector turn = fromMemorySegment(SPECIES, system.decayImaginary().data(), mode, ORDER, mask);
        FloatVector gain = fromMemorySegment(SPECIES, system.gain().data(), mode, ORDER, mask);
        FloatVector weight = fromMemorySegment(SPECIES, system.weight().data(), mode, ORDER, mask);
        FloatVector against = fromMemorySegment(SPECIES, system.weightImaginary().data(), mode, ORDER, mask).neg();
        FloatVector dDecay = FloatVector.zero(SPECIES);
        FloatVector dTurn = FloatVector.zero(SPECIES);
        FloatVector dGain = FloatVector.zero(SPECIES);
        FloatVector dWeight = FloatVector.zero(SPECIES);
        FloatVector dAgainst = FloatVector.zero(SPECIES);
        FloatVector real = fromMemorySegment(SPECIES, dState, realAt, ORDER, mask);
        FloatVector imaginary = fromMemorySegment(SPECIES, dState, imaginaryAt, ORDER, mask);
        for (int t = count - 1; t >= 0; t--) {
            long row = (long) t * BYTES;
            FloatVector dy = fromMemorySegment(SPECIES, given, row, ORDER);
            dWeight = dy.fma(fromMemorySegment(SPECIES, states, 2 * row + 2L * BYTES, ORDER), dWeight);
            dAgainst = dy.fma(fromMemorySegment(SPECIES, states, 2 * row + 3L * BYTES, ORDER), dAgainst);
            real = weight.fma(dy, real);
            imaginary = against.fma(dy, imaginary);
            gain.fma(real, fromMemorySegment(SPECIES, found, row, ORDER)).intoMemorySegment(found, row, ORDER);
            dGain = real.fma(fromMemorySegment(SPECIES, inputs, row, ORDER), dGain);
            FloatVector before = fromMemorySegment(SPECIES, states, 2 * row, ORDER);
            FloatVector beforeImaginary = fromMemorySegment(SPECIES, states, 2 * row + BYTES, ORDER);
            dDecay = real.fma(before, imaginary.fma(beforeImaginary, dDecay));
            dTurn = imaginary.fma(before, dTurn).sub(real.mul(beforeImaginary));
            FloatVector back = decay.fma(real, turn.mul(imaginary));
            imaginary = decay.mul(imaginary).sub(turn.mul(real));
            real = back;
        }
        real.intoMemorySegment(dState, realAt, ORDER, mask);
        imaginary.intoMemorySegment(dState, imaginaryAt, ORDER, mask);
        dDecay.intoMemorySegment(parts, 0, ORDER);
        dTurn.intoMemorySegment(parts, BYTES, ORDER);
        dGain.intoMemorySegment(parts, 2L * BYTES, ORDER);
        dWeight.intoMemorySegment(parts, 3L * BYTES, ORDER);
        dAgainst.neg().intoMemorySegment(parts, 4L * BYTES, ORDER);
    }

    private static void total(MemorySegment parts, Tensor totals, int n, boolean complex) {
        MemorySegment into = totals.data();
        for (int part = 0; part < PARTS; part++) {
            if (complex || part != 1 && part != 4) {
                for (int lane = 0; lane < LENGTH; lane++) {
                    long at = 8L * (((long) n * PARTS + part) * LENGTH + lane);
                    into.set(Tensor.DOUBLE, at, into.get(Tensor.DOUBLE, at)
                            + parts.get(Tensor.FLOAT, (long) part * BYTES + 4L * lane));
                }
            }
        }
    }

    // ── taps ────────────────────────────────────────────────────────────────────────────────────────────────────────

    // λ^(16a + b) is a power that is carried on in double precision, exact every 256 lags, times one of 16 small powers.
    @Override
    public void taps(ThreadTeam team, Tensor logDecay, Tensor phase, Tensor gain, Tensor weight, Tensor weightImaginary,
            Tensor taps) {
        int width = gain.dim(1);
        int modes = gain.dim(0);
        run(team, groups(width), taps.elements() * modes, (index, scratch) -> {
            int d = index * LENGTH;
            VectorMask<Float> mask = first(width - d);
            Powers powers = new Powers(logDecay, phase, d, scratch);
            powers.times(gain, weight, weightImaginary);
            MemorySegment large = scratch.floatMemory(2L * modes * LENGTH);
            for (int anchor = 0; anchor < taps.dim(0); anchor += ANCHOR) {
                powers.moveTo(anchor);
                powers.round(large);
                for (int lag = 0; lag < Math.min(ANCHOR, taps.dim(0) - anchor); lag++) {
                    tap(large, powers.small, 2L * lag * BYTES, modes, powers.complex, taps.data(),
                            4L * ((long) (anchor + lag) * width + d), mask);
                }
            }
        });
    }

    private static void tap(MemorySegment large, MemorySegment small, long smallAt, int modes, boolean complex,
            MemorySegment taps, long at, VectorMask<Float> mask) {
        FloatVector sum = FloatVector.zero(SPECIES);
        for (int n = 0; n < modes; n++) {
            sum = fromMemorySegment(SPECIES, large, 2L * n * BYTES, ORDER)
                    .fma(fromMemorySegment(SPECIES, small, smallAt + 2L * n * ANCHOR * BYTES, ORDER), sum);
        }
        for (int n = 0; complex && n < modes; n++) {
            sum = sum.sub(fromMemorySegment(SPECIES, large, (2L * n + 1) * BYTES, ORDER)
                    .mul(fromMemorySegment(SPECIES, small, smallAt + (2L * n * ANCHOR + 1) * BYTES, ORDER)));
        }
        sum.intoMemorySegment(taps, at, ORDER, mask);
    }

    @Override
    public void tapsBackward(ThreadTeam team, Tensor logDecay, Tensor phase, Tensor gain, Tensor weight,
            Tensor weightImaginary, Tensor dTaps, Tensor dLogDecay, Tensor dPhase, Tensor dGain, Tensor dWeight,
            Tensor dWeightImaginary) {
        int width = gain.dim(1);
        int modes = gain.dim(0);
        run(team, groups(width), dTaps.elements() * modes, (index, scratch) -> {
            int d = index * LENGTH;
            VectorMask<Float> mask = first(width - d);
            Powers powers = new Powers(logDecay, phase, d, scratch);
            MemorySegment block = scratch.floatMemory(ANCHOR * LENGTH);
            MemorySegment found = scratch.floatMemory(4 * LENGTH);
            Tensor totals = scratch.allocate(DType.F64, Shape.of(4 * modes, LENGTH)).fill(0);
            for (int anchor = 0; anchor < dTaps.dim(0); anchor += ANCHOR) {
                int count = Math.min(ANCHOR, dTaps.dim(0) - anchor);
                powers.moveTo(anchor);
                gather(dTaps.data(), 4L * ((long) anchor * width + d), 4L * width, block, count, mask);
                for (int n = 0; n < modes; n++) {
                    correlate(block, powers.small, 2L * n * ANCHOR * BYTES, count, powers.complex, found);
                    powers.join(found, n, anchor, totals);
                }
            }
            for (int n = 0; n < modes; n++) {
                for (int lane = 0; lane < Math.min(LENGTH, width - d); lane++) {
                    long at = (long) n * width + d + lane;
                    long from = 4L * n * LENGTH + lane;
                    double real = totals.get(from);
                    double imaginary = totals.get(from + LENGTH);
                    double laterReal = totals.get(from + 2L * LENGTH);
                    double laterImaginary = totals.get(from + 3L * LENGTH);
                    double b = gain.get(at);
                    double w = weight.get(at);
                    double v = powers.complex ? weightImaginary.get(at) : 0;
                    dWeight.set(at, dWeight.get(at) + b * real);
                    dGain.set(at, dGain.get(at) + w * real - v * imaginary);
                    dLogDecay.set(at, dLogDecay.get(at) + b * (w * laterReal - v * laterImaginary));
                    if (powers.complex) {
                        dWeightImaginary.set(at, dWeightImaginary.get(at) - b * imaginary);
                        dPhase.set(at, dPhase.get(at) - b * (w * laterImaginary + v * laterReal));
                    }
                }
            }
        });
    }

    // Σ dk·λ^b and Σ b·dk·λ^b over one anchor's lags b: real parts, imaginary parts, likewise of the second.
    private static void correlate(MemorySegment dTaps, MemorySegment small, long smallAt, int count, boolean complex,
            MemorySegment found) {
        FloatVector real = FloatVector.zero(SPECIES);
        FloatVector imaginary = FloatVector.zero(SPECIES);
        FloatVector laterReal = FloatVector.zero(SPECIES);
        FloatVector laterImaginary = FloatVector.zero(SPECIES);
        for (int lag = 0; lag < count; lag++) {
            FloatVector given = fromMemorySegment(SPECIES, dTaps, (long) lag * BYTES, ORDER);
            FloatVector part = given.mul(fromMemorySegment(SPECIES, small, smallAt + 2L * lag * BYTES, ORDER));
            real = real.add(part);
            laterReal = part.fma(Lanes.all(lag), laterReal);
            if (complex) {
                FloatVector turned = given
                        .mul(fromMemorySegment(SPECIES, small, smallAt + (2L * lag + 1) * BYTES, ORDER));
                imaginary = imaginary.add(turned);
                laterImaginary = turned.fma(Lanes.all(lag), laterImaginary);
            }
        }
        real.intoMemorySegment(found, 0, ORDER);
        imaginary.intoMemorySegment(found, BYTES, ORDER);
        laterReal.intoMemorySegment(found, 2L * BYTES, ORDER);
        laterImaginary.intoMemorySegment(found, 3L * BYTES, ORDER);
    }

    /**
     * Powers of λ for one group of channels, times a factor: large ones that move on by 16 lags at a time, and the 16 small ones
     * without the factor. Doubles lie mode by mode: real parts of all lanes, then imaginary parts.
     */
    private static final class Powers {
        private static final int EXACT_EVERY = 16 * ANCHOR;
        private static final long ROW = 8L * LENGTH;

        private final Tensor logDecay;
        private final Tensor phase;
        private final boolean complex;
        private final int modes;
        private final int width;
        private final int d;
        private final int lanes;
        /** λ^b, b = 0 … 15, for each mode: real parts and imaginary parts, in floats. */
        private final MemorySegment small;
        private final MemorySegment factor;
        private final MemorySegment stride;
        private final MemorySegment current;

        Powers(Tensor logDecay, Tensor phase, int d, Workspace scratch) {
            this.logDecay = logDecay;
            this.phase = phase;
            this.complex = phase.dim(0) > 0;
            this.modes = logDecay.dim(0);
            this.width = logDecay.dim(1);
            this.d = d;
            this.lanes = Math.min(LENGTH, width - d);
            this.small = scratch.floatMemory(2L * modes * ANCHOR * LENGTH).fill((byte) 0);
            this.factor = scratch.doubleMemory(2L * modes * LENGTH).fill((byte) 0);
            this.stride = scratch.doubleMemory(2L * modes * LENGTH).fill((byte) 0);
            this.current = scratch.doubleMemory(2L * modes * LENGTH).fill((byte) 0);
            for (int n = 0; n < modes; n++) {
                for (int lane = 0; lane < lanes; lane++) {
                    factor.set(Tensor.DOUBLE, 2L * n * ROW + 8L * lane, 1);
                }
            }
            evaluate(ANCHOR, stride);
            for (int lag = 0; lag < ANCHOR; lag++) {
                evaluate(lag, current);
                for (int n = 0; n < modes; n++) {
                    narrow(current, 2L * n * ROW, small, 2L * (n * ANCHOR + lag) * BYTES);
                    narrow(current, (2L * n + 1) * ROW, small, (2L * (n * ANCHOR + lag) + 1) * BYTES);
                }
            }
        }

        private static void narrow(MemorySegment from, long at, MemorySegment into, long intoAt) {
            for (int lane = 0; lane < LENGTH; lane++) {
                into.set(Tensor.FLOAT, intoAt + 4L * lane, (float) from.get(Tensor.DOUBLE, at + 8L * lane));
            }
        }

        /** Makes the factor w·b. */
        void times(Tensor gain, Tensor weight, Tensor weightImaginary) {
            for (int n = 0; n < modes; n++) {
                for (int lane = 0; lane < lanes; lane++) {
                    long at = (long) n * width + d + lane;
                    long to = 2L * n * ROW + 8L * lane;
                    factor.set(Tensor.DOUBLE, to, gain.get(at) * weight.get(at));
                    factor.set(Tensor.DOUBLE, to + ROW, complex ? gain.get(at) * weightImaginary.get(at) : 0);
                }
            }
        }

        private void evaluate(int lag, MemorySegment into) {
            for (int n = 0; n < modes; n++) {
                for (int lane = 0; lane < lanes; lane++) {
                    long at = (long) n * width + d + lane;
                    double size = Math.exp(lag * logDecay.get(at));
                    double angle = complex ? lag * phase.get(at) : 0;
                    into.set(Tensor.DOUBLE, 2L * n * ROW + 8L * lane, size * Math.cos(angle));
                    into.set(Tensor.DOUBLE, (2L * n + 1) * ROW + 8L * lane, size * Math.sin(angle));
                }
            }
        }

        /** The next anchor: 0, 16, 32 … in order. */
        void moveTo(int anchor) {
            boolean exact = anchor % EXACT_EVERY == 0;
            if (exact) {
                evaluate(anchor, current);
            }
            MemorySegment by = exact ? factor : stride;
            for (int n = 0; n < modes; n++) {
                if (complex) {
                    turnOn(by, 2L * n * ROW);
                } else {
                    moveOn(by, 2L * n * ROW);
                }
            }
        }

        private void moveOn(MemorySegment by, long row) {
            for (int lane = 0; lane < LENGTH; lane++) {
                long at = row + 8L * lane;
                current.set(Tensor.DOUBLE, at, current.get(Tensor.DOUBLE, at) * by.get(Tensor.DOUBLE, at));
            }
        }

        private void turnOn(MemorySegment by, long row) {
            for (int lane = 0; lane < LENGTH; lane++) {
                long at = row + 8L * lane;
                double real = current.get(Tensor.DOUBLE, at);
                double imaginary = current.get(Tensor.DOUBLE, at + ROW);
                double byReal = by.get(Tensor.DOUBLE, at);
                double byImaginary = by.get(Tensor.DOUBLE, at + ROW);
                current.set(Tensor.DOUBLE, at, real * byReal - imaginary * byImaginary);
                current.set(Tensor.DOUBLE, at + ROW, real * byImaginary + imaginary * byReal);
            }
        }

        /** The current powers of all modes as floats, rounded once. */
        void round(MemorySegment into) {
            for (int n = 0; n < modes; n++) {
                narrow(current, 2L * n * ROW, into, 2L * n * BYTES);
                if (complex) {
                    narrow(current, (2L * n + 1) * ROW, into, (2L * n + 1) * BYTES);
                }
            }
        }

        /** Adds what one anchor's lags found to sums over all lags τ: of dk·λ^τ and of τ·dk·λ^τ. */
        void join(MemorySegment found, int n, int anchor, Tensor totals) {
            MemorySegment into = totals.data();
            for (int lane = 0; lane < LENGTH; lane++) {
                double real = found.get(Tensor.FLOAT, 4L * lane);
                double laterReal = anchor * real + found.get(Tensor.FLOAT, 2L * BYTES + 4L * lane);
                double x = current.get(Tensor.DOUBLE, 2L * n * ROW + 8L * lane);
                long at = 4L * n * ROW + 8L * lane;
                add(into, at, x * real);
                add(into, at + 2 * ROW, x * laterReal);
                if (complex) {
                    double imaginary = found.get(Tensor.FLOAT, BYTES + 4L * lane);
                    double laterImaginary = anchor * imaginary + found.get(Tensor.FLOAT, 3L * BYTES + 4L * lane);
                    double y = current.get(Tensor.DOUBLE, (2L * n + 1) * ROW + 8L * lane);
                    add(into, at, -y * imaginary);
                    add(into, at + ROW, x * imaginary + y * real);
                    add(into, at + 2 * ROW, -y * laterImaginary);
                    add(into, at + 3 * ROW, x * laterImaginary + y * laterReal);
                }
            }
        }

        private static void add(MemorySegment into, long at, double value) {
            into.set(Tensor.DOUBLE, at, into.get(Tensor.DOUBLE, at) + value);
        }
    }
}

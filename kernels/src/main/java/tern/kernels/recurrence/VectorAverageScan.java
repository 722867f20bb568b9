package tern.kernels.recurrence;

import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.exp;
import static tern.kernels.lanes.Lanes.load;
import static tern.kernels.lanes.Lanes.store;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

import tern.kernels.ThreadTeam;
import tern.kernels.lanes.Lanes;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32, channels in the lanes. A task is one vector of channels of one sequence. Backward computes the sums
 * again from those kept every 256 positions; the gradients of decay and bonus are summed over positions in single precision
 * within such a stretch, over stretches and sequences in double.
 */
public final class VectorAverageScan implements AverageScan {
    private static final int STRETCH = 256;
    private static final int ROW = 3 * BYTES;
    // Exponentials below which a region's start would cost more than the second thread gains.
    private static final long WORTH_A_REGION = 1 << 12;

    /** A body without state. */
    public VectorAverageScan() {
    }

    @Override
    public void forward(ThreadTeam team, Tensor key, Tensor value, Tensor decay, Tensor bonus, Tensor state, Tensor y,
            Tensor nextState) {
        int groups = groups(key);
        run(team, key, (index, scratch) -> {
            int d = index % groups * LENGTH;
            VectorMask<Float> mask = Lanes.first(key.dim(2) - d);
            MemorySegment sums = scratch.floatMemory(4 * LENGTH);
            begin(state, index / groups, d, mask, decay, sums);
            forward(key, value, load(bonus.data(), 4L * d, mask), y, index / groups, d, mask, sums);
            end(sums, key.dim(1), state, nextState, index / groups, d, mask);
        });
    }

    private static int groups(Tensor key) {
        return (key.dim(2) + LENGTH - 1) / LENGTH;
    }

    private static void run(ThreadTeam team, Tensor key, ThreadTeam.Task task) {
        int tasks = key.dim(0) * groups(key);
        if (key.elements() >= WORTH_A_REGION) {
            team.run(tasks, task);
            return;
        }
        for (int index = 0; index < tasks; index++) {
            Workspace.Mark mark = team.scratch().mark();
            task.run(index, team.scratch());
            team.scratch().release(mark);
        }
    }

    private static long at(Tensor x, int b, int t, int d) {
        return 4 * (((long) b * x.dim(1) + t) * x.dim(2) + d);
    }

    // Lanes of a, b, p and w.
    private static void begin(Tensor state, int b, int d, VectorMask<Float> mask, Tensor decay, MemorySegment sums) {
        FloatVector denominator = load(state.data(), at(state, b, 1, d), mask);
        FloatVector logarithm = load(state.data(), at(state, b, 2, d), mask);
        store(load(state.data(), at(state, b, 0, d), mask), sums, 0);
        store(denominator, sums, BYTES);
        store(logarithm.blend(NOTHING, denominator.compare(VectorOperators.EQ, 0)), sums, 2L * BYTES);
        for (int lane = 0; lane < LENGTH; lane++) {
            double rate = d + lane < decay.dim(0) ? rate(decay, d + lane) : 1;
            sums.set(Tensor.FLOAT, 3L * BYTES + 4L * lane, (float) rate);
        }
    }

    private static double rate(Tensor decay, int d) {
        return Math.min(Math.exp(decay.get(d)), HIGHEST_RATE);
    }

    private static void forward(Tensor key, Tensor value, FloatVector bonus, Tensor y, int b, int d,
            VectorMask<Float> mask, MemorySegment sums) {
        FloatVector numerator = load(sums, 0);
        FloatVector denominator = load(sums, BYTES);
        FloatVector logarithm = load(sums, 2L * BYTES);
        FloatVector rate = load(sums, 3L * BYTES);
        for (int t = 0; t < key.dim(1); t++) {
            long at = at(key, b, t, d);
            FloatVector k = load(key.data(), at, mask);
            FloatVector v = load(value.data(), at, mask);
            FloatVector own = bonus.add(k);
            FloatVector most = logarithm.max(own);
            FloatVector old = exp(logarithm.sub(most));
            FloatVector fresh = exp(own.sub(most));
            store(old.fma(numerator, fresh.mul(v)).div(old.fma(denominator, fresh)), y.data(), at, mask);
            FloatVector decayed = logarithm.sub(rate);
            logarithm = decayed.max(k);
            old = exp(decayed.sub(logarithm));
            fresh = exp(k.sub(logarithm));
            numerator = old.fma(numerator, fresh.mul(v));
            denominator = old.fma(denominator, fresh);
        }
        store(numerator, sums, 0);
        store(denominator, sums, BYTES);
        store(logarithm, sums, 2L * BYTES);
    }

    private static void end(MemorySegment sums, int time, Tensor state, Tensor nextState, int b, int d,
            VectorMask<Float> mask) {
        for (int row = 0; row < 3; row++) {
            FloatVector last = time == 0 ? load(state.data(), at(state, b, row, d), mask)
                    : load(sums, (long) row * BYTES);
            store(last, nextState.data(), at(state, b, row, d), mask);
        }
    }

    // ── backward ────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public void backward(ThreadTeam team, Tensor key, Tensor value, Tensor decay, Tensor bonus, Tensor state, Tensor dy,
            Tensor dNextState, Tensor dKey, Tensor dValue, Tensor dDecay, Tensor dBonus, Tensor dState) {
        Workspace.Mark mark = team.scratch().mark();
        int width = key.dim(2);
        int batch = key.dim(0);
        int groups = groups(key);
        Tensor dRates = team.scratch().zeros(DType.F64, Shape.of(batch, groups * LENGTH));
        Tensor dBonuses = team.scratch().zeros(DType.F64, Shape.of(batch, groups * LENGTH));
        run(team, key, (index, scratch) -> backward(key, value, decay, bonus, state, dy, dNextState, dKey, dValue,
                dRates, dBonuses, dState, index / groups, index % groups * LENGTH, scratch));
        for (int d = 0; d < width; d++) {
            double dRate = 0;
            double dOwn = 0;
            for (int b = 0; b < batch; b++) {
                dRate += dRates.get((long) b * groups * LENGTH + d);
                dOwn += dBonuses.get((long) b * groups * LENGTH + d);
            }
            dDecay.set(d, dDecay.get(d) + dRate * rate(decay, d));
            dBonus.set(d, dBonus.get(d) + dOwn);
        }
        team.scratch().release(mark);
    }

    private static void backward(Tensor key, Tensor value, Tensor decay, Tensor bonus, Tensor state, Tensor dy,
            Tensor dNextState, Tensor dKey, Tensor dValue, Tensor dRates, Tensor dBonuses, Tensor dState, int b, int d,
            Workspace scratch) {
        int time = key.dim(1);
        VectorMask<Float> mask = Lanes.first(key.dim(2) - d);
        int stretches = (time + STRETCH - 1) / STRETCH;
        MemorySegment checkpoints = scratch.floatMemory((stretches + 1) * ROW / 4);
        MemorySegment states = scratch.floatMemory((Math.min(time, STRETCH) + 1) * ROW / 4);
        MemorySegment sums = scratch.floatMemory(4 * LENGTH);
        MemorySegment gradient = scratch.floatMemory(5 * LENGTH);
        begin(state, b, d, mask, decay, sums);
        FloatVector rate = load(sums, 3L * BYTES);
        MemorySegment.copy(sums, 0, checkpoints, 0, ROW);
        for (int stretch = 0; stretch < stretches; stretch++) {
            int from = stretch * STRETCH;
            advance(key, value, rate, b, from, Math.min(from + STRETCH, time), d, mask, checkpoints,
                    (long) stretch * ROW, checkpoints, (long) (stretch + 1) * ROW, 0);
        }
        beginGradient(dNextState, checkpoints, (long) stretches * ROW, b, d, mask, gradient);
        for (int stretch = stretches - 1; stretch >= 0; stretch--) {
            int from = stretch * STRETCH;
            int to = Math.min(from + STRETCH, time);
            MemorySegment.copy(checkpoints, (long) stretch * ROW, states, 0, ROW);
            advance(key, value, rate, b, from, to, d, mask, states, 0, states, ROW, ROW);
            store(FloatVector.zero(SPECIES), gradient, 3L * BYTES);
            store(FloatVector.zero(SPECIES), gradient, 4L * BYTES);
            retreat(key, value, rate, load(bonus.data(), 4L * d, mask), dy, dKey, dValue, b, from, to, d, mask, states,
                    gradient);
            for (int lane = 0; lane < LENGTH; lane++) {
                long at = (long) b * groups(key) * LENGTH + d + lane;
                dRates.set(at, dRates.get(at) + gradient.get(Tensor.FLOAT, 3L * BYTES + 4L * lane));
                dBonuses.set(at, dBonuses.get(at) + gradient.get(Tensor.FLOAT, 4L * BYTES + 4L * lane));
            }
        }
        endGradient(checkpoints, gradient, time, dNextState, dState, b, d, mask);
    }

    // From a, b, p before position {@code from}; written after each position, or over and over if step is 0.
    private static void advance(Tensor key, Tensor value, FloatVector rate, int b, int from, int to, int d,
            VectorMask<Float> mask, MemorySegment start, long startAt, MemorySegment into, long intoAt, long step) {
        FloatVector numerator = load(start, startAt);
        FloatVector denominator = load(start, startAt + BYTES);
        FloatVector logarithm = load(start, startAt + 2L * BYTES);
        for (int t = from; t < to; t++) {
            long at = at(key, b, t, d);
            FloatVector k = load(key.data(), at, mask);
            FloatVector decayed = logarithm.sub(rate);
            logarithm = decayed.max(k);
            FloatVector old = exp(decayed.sub(logarithm));
            FloatVector fresh = exp(k.sub(logarithm));
            numerator = old.fma(numerator, fresh.mul(load(value.data(), at, mask)));
            denominator = old.fma(denominator, fresh);
            long row = intoAt + (t - from) * step;
            store(numerator, into, row);
            store(denominator, into, row + BYTES);
            store(logarithm, into, row + 2L * BYTES);
        }
    }

    // Gradients of a and b, and of p less a·da + b·db.
    private static void beginGradient(Tensor dNextState, MemorySegment last, long lastAt, int b, int d,
            VectorMask<Float> mask, MemorySegment gradient) {
        FloatVector dNumerator = load(dNextState.data(), at(dNextState, b, 0, d), mask);
        FloatVector dDenominator = load(dNextState.data(), at(dNextState, b, 1, d), mask);
        FloatVector dLogarithm = load(dNextState.data(), at(dNextState, b, 2, d), mask);
        store(dNumerator, gradient, 0);
        store(dDenominator, gradient, BYTES);
        FloatVector known = load(last, lastAt).fma(dNumerator, load(last, lastAt + BYTES).mul(dDenominator));
        store(dLogarithm.sub(known), gradient, 2L * BYTES);
    }

    private static void retreat(Tensor key, Tensor value, FloatVector rate, FloatVector bonus, Tensor dy, Tensor dKey,
            Tensor dValue, int b, int from, int to, int d, VectorMask<Float> mask, MemorySegment states,
            MemorySegment gradient) {
        for (int t = to - 1; t >= from; t--) {
            long at = at(key, b, t, d);
            long row = (long) (t - from) * ROW;
            writeBackward(load(key.data(), at, mask), load(value.data(), at, mask), rate, states, row, gradient,
                    dKey.data(), dValue.data(), at, mask);
            readBackward(load(key.data(), at, mask), load(value.data(), at, mask), bonus,
                    load(dy.data(), at, mask), states, row, gradient, dKey.data(), dValue.data(), at, mask);
        }
    }

    // Through a, b, p after the position to those before.
    private static void writeBackward(FloatVector k, FloatVector v, FloatVector rate, MemorySegment states, long row,
            MemorySegment gradient, MemorySegment dKey, MemorySegment dValue, long at, VectorMask<Float> mask) {
        FloatVector dNumerator = load(gradient, 0);
        FloatVector dDenominator = load(gradient, BYTES);
        FloatVector rest = load(gradient, 2L * BYTES);
        FloatVector decayed = load(states, row + 2L * BYTES).sub(rate);
        FloatVector most = decayed.max(k);
        FloatVector old = exp(decayed.sub(most));
        FloatVector fresh = exp(k.sub(most));
        VectorMask<Float> renewed = decayed.compare(VectorOperators.LT, k);
        FloatVector zero = FloatVector.zero(SPECIES);
        store(fresh.mul(dNumerator), dValue, at, mask);
        store(fresh.fma(v.fma(dNumerator, dDenominator), zero.blend(rest, renewed)), dKey, at, mask);
        rest = rest.blend(zero, renewed);
        FloatVector dOldNumerator = old.mul(dNumerator);
        FloatVector dOldDenominator = old.mul(dDenominator);
        FloatVector known = load(states, row).fma(dOldNumerator, load(states, row + BYTES).mul(dOldDenominator));
        store(load(gradient, 3L * BYTES).sub(known.add(rest)), gradient, 3L * BYTES);
        store(dOldNumerator, gradient, 0);
        store(dOldDenominator, gradient, BYTES);
        store(rest, gradient, 2L * BYTES);
    }

    // Through the output to a, b, p before the position.
    private static void readBackward(FloatVector k, FloatVector v, FloatVector bonus, FloatVector dy,
            MemorySegment states, long row, MemorySegment gradient, MemorySegment dKey, MemorySegment dValue, long at,
            VectorMask<Float> mask) {
        FloatVector logarithm = load(states, row + 2L * BYTES);
        FloatVector own = bonus.add(k);
        FloatVector most = logarithm.max(own);
        FloatVector old = exp(logarithm.sub(most));
        FloatVector fresh = exp(own.sub(most));
        FloatVector sum = old.fma(load(states, row + BYTES), fresh);
        FloatVector y = old.fma(load(states, row), fresh.mul(v)).div(sum);
        FloatVector alpha = dy.div(sum);
        FloatVector dFresh = fresh.mul(alpha);
        FloatVector dOld = old.mul(alpha);
        FloatVector dOwn = dFresh.mul(v.sub(y));
        store(load(gradient, 0).add(dOld), gradient, 0);
        store(load(gradient, BYTES).sub(dOld.mul(y)), gradient, BYTES);
        store(load(gradient, 4L * BYTES).add(dOwn), gradient, 4L * BYTES);
        store(load(dKey, at, mask).add(dOwn), dKey, at, mask);
        store(load(dValue, at, mask).add(dFresh), dValue, at, mask);
    }

    private static void endGradient(MemorySegment first, MemorySegment gradient, int time, Tensor dNextState,
            Tensor dState, int b, int d, VectorMask<Float> mask) {
        if (time == 0) {
            for (int row = 0; row < 3; row++) {
                store(load(dNextState.data(), at(dState, b, row, d), mask), dState.data(), at(dState, b, row, d), mask);
            }
            return;
        }
        FloatVector dNumerator = load(gradient, 0);
        FloatVector dDenominator = load(gradient, BYTES);
        FloatVector denominator = load(first, BYTES);
        FloatVector known = load(first, 0).fma(dNumerator, denominator.mul(dDenominator));
        FloatVector dLogarithm = load(gradient, 2L * BYTES).add(known);
        store(dNumerator, dState.data(), at(dState, b, 0, d), mask);
        store(dDenominator, dState.data(), at(dState, b, 1, d), mask);
        store(dLogarithm.blend(0, denominator.compare(VectorOperators.EQ, 0)), dState.data(), at(dState, b, 2, d),
                mask);
    }
}

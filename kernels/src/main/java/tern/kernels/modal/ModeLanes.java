package tern.kernels.modal;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.all;
import static tern.kernels.lanes.Lanes.first;
import static tern.kernels.lanes.Lanes.load;
import static tern.kernels.lanes.Lanes.store;
import static tern.kernels.lanes.Lanes.sum;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import tern.ops.Modes;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Scalar modal filters, the modes of a filter in the lanes: one vector of pairs or real poles runs through all positions in
 * registers, then the next.
 *
 * @param time T
 * @param poles [order], see {@link Poles}
 */
record ModeLanes(int time, Modes modes, Tensor poles, Tensor passThrough) {
    private static final int BYTES = 4 * LENGTH;
    private static final int CHUNK = VectorModalScan.CHUNK;

    void forward(int b, int filter, Tensor x, Tensor state, Tensor y) {
        int filters = modes.filters();
        long at = 4L * ((long) b * time * filters + filter);
        long step = 4L * filters;
        long row = 4L * b * modes.order();
        float h0 = passThrough.data().get(Tensor.FLOAT, 4L * filter);
        for (int t = 0; t < time; t++) {
            y.data().set(Tensor.FLOAT, at + t * step, h0 * x.data().get(Tensor.FLOAT, at + t * step));
        }
        int pairs = modes.pairs();
        for (int n = modes.pairStart()[filter]; n < modes.pairStart()[filter + 1]; n += LENGTH) {
            pairs(n, first(modes.pairStart()[filter + 1] - n), x.data(), y.data(), at, step, state.data(), row + 4L * n,
                    row + 4L * (pairs + n));
        }
        for (int m = modes.realStart()[filter]; m < modes.realStart()[filter + 1]; m += LENGTH) {
            reals(m, first(modes.realStart()[filter + 1] - m), x.data(), y.data(), at, step, state.data(),
                    row + 4L * (2L * pairs + m));
        }
    }

    private void pairs(int n, VectorMask<Float> mask, MemorySegment x, MemorySegment y, long at, long step,
            MemorySegment state, long realAt, long imaginaryAt) {
        FloatVector a = load(poles.data(), 4L * n, mask);
        FloatVector b = load(poles.data(), 4L * (modes.pairs() + n), mask);
        FloatVector c = load(modes.residueReal().data(), 4L * n, mask);
        FloatVector d = load(modes.residueImaginary().data(), 4L * n, mask);
        FloatVector re = load(state, realAt, mask);
        FloatVector im = load(state, imaginaryAt, mask);
        for (int t = 0; t < time; t++) {
            long now = at + t * step;
            FloatVector read = c.mul(re).sub(d.mul(im));
            y.set(Tensor.FLOAT, now, y.get(Tensor.FLOAT, now) + sum(read));
            FloatVector next = a.fma(re, b.mul(im).neg().add(x.get(Tensor.FLOAT, now)));
            im = a.fma(im, b.mul(re));
            re = next;
        }
        store(re, state, realAt, mask);
        store(im, state, imaginaryAt, mask);
    }

    private void reals(int m, VectorMask<Float> mask, MemorySegment x, MemorySegment y, long at, long step,
            MemorySegment state, long stateAt) {
        FloatVector pole = load(poles.data(), 4L * (2L * modes.pairs() + m), mask);
        FloatVector residue = load(modes.realResidue().data(), 4L * m, mask);
        FloatVector s = load(state, stateAt, mask);
        for (int t = 0; t < time; t++) {
            long now = at + t * step;
            y.set(Tensor.FLOAT, now, y.get(Tensor.FLOAT, now) + sum(residue.mul(s)));
            s = pole.fma(s, all(x.get(Tensor.FLOAT, now)));
        }
        store(s, state, stateAt, mask);
    }

    /** Accumulates into dModes, dPoles and dPassThrough; dState holds the gradient of the next state and is overwritten. */
    void backward(int b, int filter, Tensor x, Tensor state, Tensor dy, Tensor dx, Modes dModes, Tensor dPoles,
            Tensor dPassThrough, Tensor dState, Workspace scratch) {
        int filters = modes.filters();
        long at = 4L * ((long) b * time * filters + filter);
        long step = 4L * filters;
        long row = 4L * b * modes.order();
        float h0 = passThrough.data().get(Tensor.FLOAT, 4L * filter);
        double dPass = 0;
        for (int t = 0; t < time; t++) {
            float slope = dy.data().get(Tensor.FLOAT, at + t * step);
            dPass += slope * x.data().get(Tensor.FLOAT, at + t * step);
            dx.data().set(Tensor.FLOAT, at + t * step, h0 * slope);
        }
        dPassThrough.set(filter, dPassThrough.get(filter) + dPass);
        Workspace.Mark mark = scratch.mark();
        int kept = (time + CHUNK - 1) / CHUNK;
        MemorySegment starts = VectorModalScan.floats(scratch, Math.max(1, kept) * 2 * LENGTH);
        MemorySegment trace = VectorModalScan.floats(scratch, CHUNK * 2 * LENGTH);
        Run run = new Run(x.data(), dy.data(), dx.data(), at, step, starts, trace);
        int pairs = modes.pairs();
        for (int n = modes.pairStart()[filter]; n < modes.pairStart()[filter + 1]; n += LENGTH) {
            pairsBackward(n, first(modes.pairStart()[filter + 1] - n), run, state.data(), dState.data(), row + 4L * n,
                    row + 4L * (pairs + n), dModes, dPoles);
        }
        for (int m = modes.realStart()[filter]; m < modes.realStart()[filter + 1]; m += LENGTH) {
            realsBackward(m, first(modes.realStart()[filter + 1] - m), run, state.data(), dState.data(),
                    row + 4L * (2L * pairs + m), dModes, dPoles);
        }
        scratch.release(mark);
    }

    /** What backward of one filter and sequence reads and writes at every position. */
    private record Run(MemorySegment x, MemorySegment dy, MemorySegment dx, long at, long step, MemorySegment starts,
            MemorySegment trace) {
    }

    private void pairsBackward(int n, VectorMask<Float> mask, Run run, MemorySegment state, MemorySegment dState,
            long realAt,
            long imaginaryAt, Modes dModes, Tensor dPoles) {
        store(load(state, realAt, mask), run.starts, 0);
        store(load(state, imaginaryAt, mask), run.starts, BYTES);
        for (int from = 0; from + CHUNK < time; from += CHUNK) {
            traceOfPairs(n, mask, run, from, from + CHUNK, run.starts, 2L * BYTES * (from / CHUNK + 1), true);
        }
        for (int from = (time - 1) / CHUNK * CHUNK; from >= 0 && time > 0; from -= CHUNK) {
            int to = Math.min(time, from + CHUNK);
            traceOfPairs(n, mask, run, from, to, run.starts, 0, false);
            chunkOfPairs(n, mask, run, from, to, dState, realAt, imaginaryAt, dModes, dPoles);
        }
    }

    /** Runs the state from the start of a chunk on; keeps either every state of the chunk or only the one after it. */
    private void traceOfPairs(int n, VectorMask<Float> mask, Run run, int from, int to, MemorySegment after,
            long afterAt,
            boolean onlyLast) {
        FloatVector a = load(poles.data(), 4L * n, mask);
        FloatVector b = load(poles.data(), 4L * (modes.pairs() + n), mask);
        long start = 2L * BYTES * (from / CHUNK);
        FloatVector re = load(run.starts, start);
        FloatVector im = load(run.starts, start + BYTES);
        for (int t = from; t < to; t++) {
            if (!onlyLast) {
                long kept = 2L * BYTES * (t - from);
                store(re, run.trace, kept);
                store(im, run.trace, kept + BYTES);
            }
            FloatVector next = a.fma(re, b.mul(im).neg().add(run.x.get(Tensor.FLOAT, run.at + t * run.step)));
            im = a.fma(im, b.mul(re));
            re = next;
        }
        if (onlyLast) {
            store(re, after, afterAt);
            store(im, after, afterAt + BYTES);
        }
    }

    private void chunkOfPairs(int n, VectorMask<Float> mask, Run run, int from, int to, MemorySegment dState,
            long realAt,
            long imaginaryAt, Modes dModes, Tensor dPoles) {
        FloatVector a = load(poles.data(), 4L * n, mask);
        FloatVector b = load(poles.data(), 4L * (modes.pairs() + n), mask);
        FloatVector c = load(modes.residueReal().data(), 4L * n, mask);
        FloatVector d = load(modes.residueImaginary().data(), 4L * n, mask);
        FloatVector gRe = load(dState, realAt, mask);
        FloatVector gIm = load(dState, imaginaryAt, mask);
        FloatVector da = all(0);
        FloatVector db = da;
        FloatVector dc = da;
        FloatVector dd = da;
        for (int t = to - 1; t >= from; t--) {
            long now = run.at + t * run.step;
            long kept = 2L * BYTES * (t - from);
            FloatVector re = load(run.trace, kept);
            FloatVector im = load(run.trace, kept + BYTES);
            float slope = run.dy.get(Tensor.FLOAT, now);
            run.dx.set(Tensor.FLOAT, now, run.dx.get(Tensor.FLOAT, now) + sum(gRe));
            da = gRe.fma(re, gIm.fma(im, da));
            db = gIm.fma(re, db.sub(gRe.mul(im)));
            dc = re.fma(all(slope), dc);
            dd = im.fma(all(-slope), dd);
            FloatVector next = a.fma(gRe, b.fma(gIm, c.mul(slope)));
            gIm = a.fma(gIm, b.mul(gRe).neg().sub(d.mul(slope)));
            gRe = next;
        }
        store(gRe, dState, realAt, mask);
        store(gIm, dState, imaginaryAt, mask);
        add(da, dPoles.data(), 4L * n, mask);
        add(db, dPoles.data(), 4L * (modes.pairs() + n), mask);
        add(dc, dModes.residueReal().data(), 4L * n, mask);
        add(dd, dModes.residueImaginary().data(), 4L * n, mask);
    }

    private void realsBackward(int m, VectorMask<Float> mask, Run run, MemorySegment state, MemorySegment dState,
            long stateAt,
            Modes dModes, Tensor dPoles) {
        store(load(state, stateAt, mask), run.starts, 0);
        for (int from = 0; from + CHUNK < time; from += CHUNK) {
            FloatVector last = traceOfReals(m, mask, run, from, from + CHUNK);
            store(last, run.starts, 2L * BYTES * (from / CHUNK + 1));
        }
        for (int from = (time - 1) / CHUNK * CHUNK; from >= 0 && time > 0; from -= CHUNK) {
            int to = Math.min(time, from + CHUNK);
            FloatVector unusedBecauseOnlyTheTraceIsRead = traceOfReals(m, mask, run, from, to);
            chunkOfReals(m, mask, run, from, to, dState, stateAt, dModes, dPoles);
        }
    }

    private FloatVector traceOfReals(int m, VectorMask<Float> mask, Run run, int from, int to) {
        FloatVector pole = load(poles.data(), 4L * (2L * modes.pairs() + m), mask);
        FloatVector s = load(run.starts, 2L * BYTES * (from / CHUNK));
        for (int t = from; t < to; t++) {
            store(s, run.trace, 2L * BYTES * (t - from));
            s = pole.fma(s, all(run.x.get(Tensor.FLOAT, run.at + t * run.step)));
        }
        return s;
    }

    private void chunkOfReals(int m, VectorMask<Float> mask, Run run, int from, int to, MemorySegment dState,
            long stateAt,
            Modes dModes, Tensor dPoles) {
        FloatVector pole = load(poles.data(), 4L * (2L * modes.pairs() + m), mask);
        FloatVector residue = load(modes.realResidue().data(), 4L * m, mask);
        FloatVector g = load(dState, stateAt, mask);
        FloatVector dPole = all(0);
        FloatVector dResidue = dPole;
        for (int t = to - 1; t >= from; t--) {
            long now = run.at + t * run.step;
            FloatVector s = load(run.trace, 2L * BYTES * (t - from));
            float slope = run.dy.get(Tensor.FLOAT, now);
            run.dx.set(Tensor.FLOAT, now, run.dx.get(Tensor.FLOAT, now) + sum(g.blend(0, mask.not())));
            dPole = g.fma(s, dPole);
            dResidue = s.fma(all(slope), dResidue);
            g = pole.fma(g, residue.mul(slope));
        }
        store(g, dState, stateAt, mask);
        add(dPole, dPoles.data(), 4L * (2L * modes.pairs() + m), mask);
        add(dResidue, dModes.realResidue().data(), 4L * m, mask);
    }

    private static void add(FloatVector value, MemorySegment into, long at, VectorMask<Float> mask) {
        store(load(into, at, mask).add(value), into, at, mask);
    }
}

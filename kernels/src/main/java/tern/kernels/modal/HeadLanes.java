package tern.kernels.modal;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.all;
import static tern.kernels.lanes.Lanes.broadcast;
import static tern.kernels.lanes.Lanes.first;
import static tern.kernels.lanes.Lanes.load;
import static tern.kernels.lanes.Lanes.padded;
import static tern.kernels.lanes.Lanes.store;
import static tern.kernels.lanes.Lanes.sum;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import tern.ops.Modes;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Modal filters over outer products, the N² entries of a head in the lanes and its modes outside. Small matrices (one
 * position's outer product, read-out and their gradients) stand in scratch memory, padded to whole vectors.
 *
 * @param time T
 * @param width N
 * @param poles [order], see {@link Poles}
 */
record HeadLanes(int time, int width, Modes modes, Tensor poles, Tensor passThrough) {
    private static final int BYTES = 4 * LENGTH;
    private static final int CHUNK = VectorModalScan.CHUNK;

    /** Where the rows of one filter's state begin: real parts and imaginary parts of its pairs, and its real poles. */
    private record Rows(MemorySegment data, long re, long im, long real) {
    }

    private int entries() {
        return width * width;
    }

    private int pairs(int filter) {
        return modes.pairStart()[filter + 1] - modes.pairStart()[filter];
    }

    private int reals(int filter) {
        return modes.realStart()[filter + 1] - modes.realStart()[filter];
    }

    /** The rows of a filter in a state [B,order,N,N]. */
    private Rows rowsOf(Tensor state, int b, int filter) {
        long row = 4L * entries();
        long base = row * b * modes.order();
        return new Rows(state.data(), base + row * modes.pairStart()[filter],
                base + row * (modes.pairs() + modes.pairStart()[filter]),
                base + row * (2L * modes.pairs() + modes.realStart()[filter]));
    }

    /** The rows of a filter's state kept on its own, {@code index} states behind the first. */
    private Rows rowsOf(MemorySegment data, int index, int filter) {
        long row = 4L * entries();
        long base = row * index * (2L * pairs(filter) + reals(filter));
        return new Rows(data, base, base + row * pairs(filter), base + 2 * row * pairs(filter));
    }

    void forward(int b, int filter, Tensor query, Tensor key, Tensor value, Tensor state, Tensor y, Workspace scratch) {
        MemorySegment added = VectorModalScan.floats(scratch, padded(entries()));
        MemorySegment read = VectorModalScan.floats(scratch, padded(entries()));
        Rows rows = rowsOf(state, b, filter);
        for (int t = 0; t < time; t++) {
            long at = at(b, t, filter);
            outer(key.data(), value.data(), at, added);
            advance(filter, rows, rows, added, read);
            readOut(filter, query.data(), key.data(), value.data(), at, read, y.data());
        }
    }

    private long at(int b, int t, int filter) {
        return 4L * (((long) b * time + t) * modes.filters() + filter) * width;
    }

    /** into[i,j] ← left_i·right_j. */
    private void outer(MemorySegment left, MemorySegment right, long at, MemorySegment into) {
        for (int i = 0; i < width; i++) {
            float factor = left.get(Tensor.FLOAT, at + 4L * i);
            for (int j = 0; j < width; j++) {
                into.set(Tensor.FLOAT, 4L * (i * width + j), factor * right.get(Tensor.FLOAT, at + 4L * j));
            }
        }
    }

    /** read ← Re Σ R·S + Σ c·S; S ← λ·S + added, from one set of rows to another, which may be the same. */
    private void advance(int filter, Rows from, Rows to, MemorySegment added, MemorySegment read) {
        for (int e = 0; e < entries(); e += LENGTH) {
            VectorMask<Float> mask = first(entries() - e);
            FloatVector entry = load(added, 4L * e);
            FloatVector sum = advancePairs(filter, from, to, 4L * e, entry, mask);
            store(advanceReals(filter, from, to, 4L * e, entry, mask, sum), read, 4L * e);
        }
    }

    private FloatVector advancePairs(int filter, Rows from, Rows to, long e, FloatVector entry,
            VectorMask<Float> mask) {
        FloatVector sum = all(0);
        long imaginary = 4L * modes.pairs();
        for (int p = 0, n = modes.pairStart()[filter]; p < pairs(filter); p++, n++) {
            long row = 4L * p * entries() + e;
            FloatVector re = load(from.data, from.re + row, mask);
            FloatVector im = load(from.data, from.im + row, mask);
            FloatVector a = broadcast(poles.data(), 4L * n);
            FloatVector b = broadcast(poles.data(), imaginary + 4L * n);
            sum = re.fma(broadcast(modes.residueReal().data(), 4L * n), sum);
            sum = sum.sub(im.mul(broadcast(modes.residueImaginary().data(), 4L * n)));
            store(a.fma(re, entry.sub(b.mul(im))), to.data, to.re + row, mask);
            store(a.fma(im, b.mul(re)), to.data, to.im + row, mask);
        }
        return sum;
    }

    private FloatVector advanceReals(int filter, Rows from, Rows to, long e, FloatVector entry, VectorMask<Float> mask,
            FloatVector before) {
        FloatVector sum = before;
        for (int p = 0, m = modes.realStart()[filter]; p < reals(filter); p++, m++) {
            long row = 4L * p * entries() + e;
            FloatVector s = load(from.data, from.real + row, mask);
            sum = s.fma(broadcast(modes.realResidue().data(), 4L * m), sum);
            store(s.fma(broadcast(poles.data(), 4L * (2L * modes.pairs() + m)), entry), to.data, to.real + row, mask);
        }
        return sum;
    }

    /** y_j ← Σ_i q_i·read_ij + h_0·(q·k)·v_j. */
    private void readOut(int filter, MemorySegment query, MemorySegment key, MemorySegment value, long at,
            MemorySegment read,
            MemorySegment y) {
        float score = passThrough.data().get(Tensor.FLOAT, 4L * filter) * dot(query, key, at);
        for (int j = 0; j < width; j++) {
            float sum = score * value.get(Tensor.FLOAT, at + 4L * j);
            for (int i = 0; i < width; i++) {
                sum += query.get(Tensor.FLOAT, at + 4L * i) * read.get(Tensor.FLOAT, 4L * (i * width + j));
            }
            y.set(Tensor.FLOAT, at + 4L * j, sum);
        }
    }

    private float dot(MemorySegment a, MemorySegment b, long at) {
        float sum = 0;
        for (int i = 0; i < width; i++) {
            sum += a.get(Tensor.FLOAT, at + 4L * i) * b.get(Tensor.FLOAT, at + 4L * i);
        }
        return sum;
    }

    /** Accumulates into dModes, dPoles and dPassThrough; dState holds the gradient of the next state and is overwritten. */
    void backward(int b, int filter, Tensor query, Tensor key, Tensor value, Tensor state, Tensor dy, Tensor dQuery,
            Tensor dKey, Tensor dValue, Modes dModes, Tensor dPoles, Tensor dPassThrough, Tensor dState,
            Workspace scratch) {
        Workspace.Mark mark = scratch.mark();
        int floats = (2 * pairs(filter) + reals(filter)) * entries();
        int kept = Math.max(1, (time + CHUNK - 1) / CHUNK);
        MemorySegment starts = VectorModalScan.floats(scratch, Math.max(1, kept * floats));
        MemorySegment trace = VectorModalScan.floats(scratch, Math.max(1, (CHUNK + 1) * floats));
        MemorySegment reads = VectorModalScan.floats(scratch, CHUNK * padded(entries()));
        MemorySegment added = VectorModalScan.floats(scratch, padded(entries()));
        MemorySegment dRead = VectorModalScan.floats(scratch, padded(entries()));
        MemorySegment dAdded = VectorModalScan.floats(scratch, padded(entries()));
        MemorySegment sums = VectorModalScan.zeros(scratch, (4 * pairs(filter) + 2 * reals(filter) + 1) * LENGTH);
        copyRows(filter, rowsOf(state, b, filter), rowsOf(starts, 0, filter));
        copyRows(filter, rowsOf(state, b, filter), rowsOf(trace, 0, filter));
        for (int t = 0; t + CHUNK < (time + CHUNK - 1) / CHUNK * CHUNK; t++) {
            outer(key.data(), value.data(), at(b, t, filter), added);
            advance(filter, rowsOf(trace, 0, filter), rowsOf(trace, 0, filter), added, dRead);
            if ((t + 1) % CHUNK == 0) {
                copyRows(filter, rowsOf(trace, 0, filter), rowsOf(starts, (t + 1) / CHUNK, filter));
            }
        }
        Rows gradient = rowsOf(dState, b, filter);
        double dPass = 0;
        for (int from = (time - 1) / CHUNK * CHUNK; from >= 0 && time > 0; from -= CHUNK) {
            int to = Math.min(time, from + CHUNK);
            copyRows(filter, rowsOf(starts, from / CHUNK, filter), rowsOf(trace, 0, filter));
            for (int t = from; t < to; t++) {
                outer(key.data(), value.data(), at(b, t, filter), added);
                MemorySegment read = reads.asSlice(4L * (t - from) * padded(entries()), 4L * padded(entries()));
                advance(filter, rowsOf(trace, t - from, filter), rowsOf(trace, t - from + 1, filter), added, read);
            }
            for (int t = to - 1; t >= from; t--) {
                long at = at(b, t, filter);
                outer(query.data(), dy.data(), at, dRead);
                retreat(filter, rowsOf(trace, t - from, filter), gradient, dRead, dAdded, sums);
                MemorySegment read = reads.asSlice(4L * (t - from) * padded(entries()), 4L * padded(entries()));
                dPass += position(filter, query.data(), key.data(), value.data(), dy.data(), at, read, dAdded,
                        dQuery.data(),
                        dKey.data(), dValue.data());
            }
        }
        dPassThrough.set(filter, dPassThrough.get(filter) + dPass);
        settle(filter, sums, dModes, dPoles);
        scratch.release(mark);
    }

    private void copyRows(int filter, Rows from, Rows to) {
        long pairs = 4L * pairs(filter) * entries();
        MemorySegment.copy(from.data, from.re, to.data, to.re, pairs);
        MemorySegment.copy(from.data, from.im, to.data, to.im, pairs);
        MemorySegment.copy(from.data, from.real, to.data, to.real, 4L * reals(filter) * entries());
    }

    /** One position back: the gradient of the state, of what was added to it, and sums over positions for each mode. */
    private void retreat(int filter, Rows state, Rows gradient, MemorySegment dRead, MemorySegment dAdded,
            MemorySegment sums) {
        for (int e = 0; e < entries(); e += LENGTH) {
            VectorMask<Float> mask = first(entries() - e);
            FloatVector slope = load(dRead, 4L * e).blend(0, mask.not());
            FloatVector into = all(0);
            for (int p = 0; p < pairs(filter); p++) {
                into = into.add(
                        retreatPair(modes.pairStart()[filter] + p, state, gradient, 4L * (p * entries() + e), slope,
                                mask, sums, 4L * BYTES * p));
            }
            for (int p = 0; p < reals(filter); p++) {
                into = into.add(
                        retreatReal(modes.realStart()[filter] + p, state, gradient, 4L * (p * entries() + e), slope,
                                mask, sums, 4L * BYTES * pairs(filter) + 2L * BYTES * p));
            }
            store(into, dAdded, 4L * e);
        }
    }

    private FloatVector retreatPair(int n, Rows state, Rows gradient, long row, FloatVector slope,
            VectorMask<Float> mask,
            MemorySegment sums, long sumAt) {
        FloatVector re = load(state.data, state.re + row, mask);
        FloatVector im = load(state.data, state.im + row, mask);
        FloatVector gRe = load(gradient.data, gradient.re + row, mask);
        FloatVector gIm = load(gradient.data, gradient.im + row, mask);
        store(gRe.fma(re, gIm.fma(im, load(sums, sumAt))), sums, sumAt);
        store(gIm.fma(re, load(sums, sumAt + BYTES).sub(gRe.mul(im))), sums, sumAt + BYTES);
        store(slope.fma(re, load(sums, sumAt + 2 * BYTES)), sums, sumAt + 2 * BYTES);
        store(load(sums, sumAt + 3 * BYTES).sub(slope.mul(im)), sums, sumAt + 3 * BYTES);
        FloatVector a = broadcast(poles.data(), 4L * n);
        FloatVector b = broadcast(poles.data(), 4L * (modes.pairs() + n));
        FloatVector c = broadcast(modes.residueReal().data(), 4L * n);
        FloatVector d = broadcast(modes.residueImaginary().data(), 4L * n);
        store(a.fma(gRe, b.fma(gIm, c.mul(slope))), gradient.data, gradient.re + row, mask);
        store(a.fma(gIm, b.mul(gRe).neg().sub(d.mul(slope))), gradient.data, gradient.im + row, mask);
        return gRe;
    }

    private FloatVector retreatReal(int m, Rows state, Rows gradient, long row, FloatVector slope,
            VectorMask<Float> mask,
            MemorySegment sums, long sumAt) {
        FloatVector s = load(state.data, state.real + row, mask);
        FloatVector g = load(gradient.data, gradient.real + row, mask);
        store(g.fma(s, load(sums, sumAt)), sums, sumAt);
        store(slope.fma(s, load(sums, sumAt + BYTES)), sums, sumAt + BYTES);
        FloatVector pole = broadcast(poles.data(), 4L * (2L * modes.pairs() + m));
        FloatVector residue = broadcast(modes.realResidue().data(), 4L * m);
        store(pole.fma(g, residue.mul(slope)), gradient.data, gradient.real + row, mask);
        return g;
    }

    /** dQuery, dKey and dValue of one position; gives back what it adds to the gradient of h_0. */
    private double position(int filter, MemorySegment query, MemorySegment key, MemorySegment value, MemorySegment dy,
            long at,
            MemorySegment read, MemorySegment dAdded, MemorySegment dQuery, MemorySegment dKey, MemorySegment dValue) {
        float h0 = passThrough.data().get(Tensor.FLOAT, 4L * filter);
        float score = dot(query, key, at);
        float dScore = dot(value, dy, at);
        for (int i = 0; i < width; i++) {
            float dq = h0 * dScore * key.get(Tensor.FLOAT, at + 4L * i);
            float dk = h0 * dScore * query.get(Tensor.FLOAT, at + 4L * i);
            for (int j = 0; j < width; j++) {
                long entry = 4L * (i * width + j);
                dq += read.get(Tensor.FLOAT, entry) * dy.get(Tensor.FLOAT, at + 4L * j);
                dk += dAdded.get(Tensor.FLOAT, entry) * value.get(Tensor.FLOAT, at + 4L * j);
            }
            dQuery.set(Tensor.FLOAT, at + 4L * i, dq);
            dKey.set(Tensor.FLOAT, at + 4L * i, dk);
        }
        for (int j = 0; j < width; j++) {
            float dv = h0 * score * dy.get(Tensor.FLOAT, at + 4L * j);
            for (int i = 0; i < width; i++) {
                dv += dAdded.get(Tensor.FLOAT, 4L * (i * width + j)) * key.get(Tensor.FLOAT, at + 4L * i);
            }
            dValue.set(Tensor.FLOAT, at + 4L * j, dv);
        }
        return (double) score * dScore;
    }

    private void settle(int filter, MemorySegment sums, Modes dModes, Tensor dPoles) {
        for (int p = 0, n = modes.pairStart()[filter]; p < pairs(filter); p++, n++) {
            long at = 4L * BYTES * p;
            add(dPoles, n, sums, at);
            add(dPoles, modes.pairs() + n, sums, at + BYTES);
            add(dModes.residueReal(), n, sums, at + 2 * BYTES);
            add(dModes.residueImaginary(), n, sums, at + 3 * BYTES);
        }
        for (int p = 0, m = modes.realStart()[filter]; p < reals(filter); p++, m++) {
            long at = 4L * BYTES * pairs(filter) + 2L * BYTES * p;
            add(dPoles, 2 * modes.pairs() + m, sums, at);
            add(dModes.realResidue(), m, sums, at + BYTES);
        }
    }

    private static void add(Tensor into, int index, MemorySegment sums, long at) {
        into.set(index, into.get(index) + sum(load(sums, at)));
    }
}

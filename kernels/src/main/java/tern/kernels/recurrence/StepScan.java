package tern.kernels.recurrence;

import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.broadcast;
import static tern.kernels.lanes.Lanes.load;
import static tern.kernels.lanes.Lanes.store;
import static tern.tensor.Tensor.INT;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import tern.kernels.lanes.Lanes;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Position after position of one head: each row of S passes once through the registers, four vectors of values at a time,
 * which is all that a single position leaves to do. Columns of S are independent of each other, so what does not fill four
 * vectors goes one vector at a time, the last of them masked. Stateless.
 */
final class StepScan {
    /** Values that are stepped at once. */
    static final int WIDE = 4 * LENGTH;
    private static final int AHEAD = 16;
    // Floats of a cache line.
    private static final int LINE = 16;

    private StepScan() {
    }

    /**
     * All positions of heads that lie side by side in sequence b; states are taken from {@code state} and left in
     * {@code nextState}. Several heads take turns, so that their rows are fetched together.
     */
    static void forward(ScanInputs in, Tensor state, Tensor y, Tensor nextState, int b, int firstHead, int heads,
            Workspace scratch) {
        long entries = 4L * in.keyWidth() * in.valueWidth();
        long at = (b * in.heads() + firstHead) * entries;
        MemorySegment s = nextState.data();
        if (state.data().address() != s.address()) {
            MemorySegment.copy(state.data(), at, s, at, heads * entries);
        }
        MemorySegment decays = scratch.floatMemory(Lanes.padded(in.keyWidth()));
        if (heads == 1) {
            positions(in, y, s, at, b, 0, in.time(), firstHead, decays, in.time() > AHEAD);
            return;
        }
        RowsAhead ahead = new RowsAhead(in, y, firstHead, heads);
        int block = ahead.block() > 0 ? ahead.block() : AHEAD;
        for (int from = 0; from < in.time(); from += block) {
            decays.set(INT, 0, ahead.fetch(b, from));
            for (int i = 0; i < heads; i++) {
                positions(in, y, s, at + i * entries, b, from, Math.min(from + block, in.time()), firstHead + i, decays,
                        false);
            }
        }
    }

    private static void positions(ScanInputs in, Tensor y, MemorySegment s, long at, int b, int from, int to, int h,
            MemorySegment decays, boolean alone) {
        int values = in.valueWidth();
        for (int t = from; t < to; t++) {
            if (alone && t % AHEAD == 0) {
                decays.set(INT, 0, fetch(in, y, b, t, Math.min(AHEAD, to - t), h));
            }
            decays(in, b, t, h, decays);
            int j = 0;
            for (; j + WIDE <= values; j += WIDE) {
                four(in, b, t, h, decays, s, at + 4L * j, j, y);
            }
            for (; j + LENGTH <= values; j += LENGTH) {
                whole(in, b, t, h, decays, s, at + 4L * j, j, y);
            }
            if (j < values) {
                one(in, b, t, h, decays, s, at + 4L * j, j, y, Lanes.first(values - j));
            }
        }
    }

    /**
     * Reads a number of each cache line of the next positions. Their rows lie far apart, and a pass over the state is too long
     * for the processor to see the next position's rows behind it: one wait for all of them replaces one for each. Measured on
     * 8,192 positions of 4 heads of 64: half the time.
     *
     * @return something to be stored, so that the reading is not left out
     */
    static int fetch(ScanInputs in, Tensor y, int b, int t, int rows, int h) {
        long keyAt = in.keyAt(b, t, h);
        long valueAt = in.valueAt(b, t, h);
        int sum = fetch(in.query(), keyAt, in.keyWidth(), in.keyHeads(), rows)
                | fetch(in.key(), keyAt, in.keyWidth(), in.keyHeads(), rows)
                | fetch(in.value(), valueAt, in.valueWidth(), in.heads(), rows)
                | fetch(y, valueAt, in.valueWidth(), in.heads(), rows);
        if (in.logDecay().dim(1) > 1) {
            sum |= fetch(in.logDecay(), in.decayAt(b, t, h), in.decayWidth(), in.heads(), rows);
        }
        if (in.hasRankOne()) {
            sum |= fetch(in.probe(), keyAt, in.keyWidth(), in.heads(), rows)
                    | fetch(in.rewrite(), keyAt, in.keyWidth(), in.heads(), rows);
        }
        return sum;
    }

    private static int fetch(Tensor x, long at, int width, int heads, int rows) {
        MemorySegment data = x.data();
        int sum = 0;
        for (int i = 0; i < width; i += LINE) {
            long from = 4 * (at + i);
            for (int t = 0; t < rows; t++) {
                sum |= data.get(INT, from + 4L * t * heads * width);
            }
        }
        return sum;
    }

    /** e^g of a position, one for each key. */
    static void decays(ScanInputs in, int b, int t, int h, MemorySegment into) {
        long at = 4 * in.decayAt(b, t, h);
        MemorySegment g = in.logDecay().data();
        if (in.decayWidth() == 1) {
            FloatVector decay = Lanes.exp(broadcast(g, at));
            for (int i = 0; i < in.keyWidth(); i += LENGTH) {
                store(decay, into, 4L * i);
            }
        } else {
            exponentials(g, at, in.keyWidth(), into, 0);
        }
    }

    /** Exponentials of n numbers, written up to a whole vector. */
    static void exponentials(MemorySegment g, long at, int n, MemorySegment into, long to) {
        int i = 0;
        for (; i + LENGTH <= n; i += LENGTH) {
            store(Lanes.exp(load(g, at + 4L * i)), into, to + 4L * i);
        }
        if (i < n) {
            store(Lanes.exp(load(g, at + 4L * i, Lanes.first(n - i))), into, to + 4L * i);
        }
    }

    private static void four(ScanInputs in, int b, int t, int h, MemorySegment decays, MemorySegment s, long at, int j,
            Tensor y) {
        int keys = in.keyWidth();
        long row = 4L * in.valueWidth();
        long keyAt = 4 * in.keyAt(b, t, h);
        long valueAt = 4 * (in.valueAt(b, t, h) + j);
        MemorySegment query = in.query().data();
        MemorySegment key = in.key().data();
        MemorySegment value = in.value().data();
        if (in.hasRankOne()) {
            probeFour(in.probe().data(), keyAt, keys, s, at, row, y.data(), valueAt);
            rankOneFour(query, key, in.rewrite().data(), keyAt, keys, value, valueAt, decays, s, at, row, y.data());
        } else if (in.readsBefore()) {
            float own = own(query, key, keyAt, in.bonus().data(), 4L * h * keys, keys);
            beforeFour(query, key, keyAt, keys, value, valueAt, decays, s, at, row, y.data(), own);
        } else {
            afterFour(query, key, keyAt, keys, value, valueAt, decays, s, at, row, y.data());
        }
    }

    private static void afterFour(MemorySegment query, MemorySegment key, long keyAt, int keys, MemorySegment value,
            long valueAt, MemorySegment decays, MemorySegment s, long at, long row, MemorySegment y) {
        FloatVector v0 = load(value, valueAt);
        FloatVector v1 = load(value, valueAt + BYTES);
        FloatVector v2 = load(value, valueAt + 2L * BYTES);
        FloatVector v3 = load(value, valueAt + 3L * BYTES);
        FloatVector y0 = FloatVector.zero(SPECIES);
        FloatVector y1 = y0;
        FloatVector y2 = y0;
        FloatVector y3 = y0;
        for (int i = 0; i < keys; i++) {
            long here = at + i * row;
            FloatVector w = broadcast(decays, 4L * i);
            FloatVector k = broadcast(key, keyAt + 4L * i);
            FloatVector q = broadcast(query, keyAt + 4L * i);
            FloatVector s0 = k.fma(v0, load(s, here).mul(w));
            FloatVector s1 = k.fma(v1, load(s, here + BYTES).mul(w));
            FloatVector s2 = k.fma(v2, load(s, here + 2L * BYTES).mul(w));
            FloatVector s3 = k.fma(v3, load(s, here + 3L * BYTES).mul(w));
            y0 = q.fma(s0, y0);
            y1 = q.fma(s1, y1);
            y2 = q.fma(s2, y2);
            y3 = q.fma(s3, y3);
            s0.intoMemorySegment(s, here, ORDER);
            s1.intoMemorySegment(s, here + BYTES, ORDER);
            s2.intoMemorySegment(s, here + 2L * BYTES, ORDER);
            s3.intoMemorySegment(s, here + 3L * BYTES, ORDER);
        }
        y0.intoMemorySegment(y, valueAt, ORDER);
        y1.intoMemorySegment(y, valueAt + BYTES, ORDER);
        y2.intoMemorySegment(y, valueAt + 2L * BYTES, ORDER);
        y3.intoMemorySegment(y, valueAt + 3L * BYTES, ORDER);
    }

    private static void beforeFour(MemorySegment query, MemorySegment key, long keyAt, int keys, MemorySegment value,
            long valueAt, MemorySegment decays, MemorySegment s, long at, long row, MemorySegment y, float own) {
        FloatVector v0 = load(value, valueAt);
        FloatVector v1 = load(value, valueAt + BYTES);
        FloatVector v2 = load(value, valueAt + 2L * BYTES);
        FloatVector v3 = load(value, valueAt + 3L * BYTES);
        FloatVector y0 = v0.mul(own);
        FloatVector y1 = v1.mul(own);
        FloatVector y2 = v2.mul(own);
        FloatVector y3 = v3.mul(own);
        for (int i = 0; i < keys; i++) {
            long here = at + i * row;
            FloatVector w = broadcast(decays, 4L * i);
            FloatVector k = broadcast(key, keyAt + 4L * i);
            FloatVector q = broadcast(query, keyAt + 4L * i);
            FloatVector s0 = load(s, here);
            FloatVector s1 = load(s, here + BYTES);
            FloatVector s2 = load(s, here + 2L * BYTES);
            FloatVector s3 = load(s, here + 3L * BYTES);
            y0 = q.fma(s0, y0);
            y1 = q.fma(s1, y1);
            y2 = q.fma(s2, y2);
            y3 = q.fma(s3, y3);
            k.fma(v0, s0.mul(w)).intoMemorySegment(s, here, ORDER);
            k.fma(v1, s1.mul(w)).intoMemorySegment(s, here + BYTES, ORDER);
            k.fma(v2, s2.mul(w)).intoMemorySegment(s, here + 2L * BYTES, ORDER);
            k.fma(v3, s3.mul(w)).intoMemorySegment(s, here + 3L * BYTES, ORDER);
        }
        y0.intoMemorySegment(y, valueAt, ORDER);
        y1.intoMemorySegment(y, valueAt + BYTES, ORDER);
        y2.intoMemorySegment(y, valueAt + 2L * BYTES, ORDER);
        y3.intoMemorySegment(y, valueAt + 3L * BYTES, ORDER);
    }

    // What the probe finds goes where the output will be written.
    private static void probeFour(MemorySegment probe, long keyAt, int keys, MemorySegment s, long at, long row,
            MemorySegment found, long foundAt) {
        FloatVector y0 = FloatVector.zero(SPECIES);
        FloatVector y1 = y0;
        FloatVector y2 = y0;
        FloatVector y3 = y0;
        for (int i = 0; i < keys; i++) {
            long here = at + i * row;
            FloatVector a = broadcast(probe, keyAt + 4L * i);
            y0 = a.fma(load(s, here), y0);
            y1 = a.fma(load(s, here + BYTES), y1);
            y2 = a.fma(load(s, here + 2L * BYTES), y2);
            y3 = a.fma(load(s, here + 3L * BYTES), y3);
        }
        y0.intoMemorySegment(found, foundAt, ORDER);
        y1.intoMemorySegment(found, foundAt + BYTES, ORDER);
        y2.intoMemorySegment(found, foundAt + 2L * BYTES, ORDER);
        y3.intoMemorySegment(found, foundAt + 3L * BYTES, ORDER);
    }

    private static void rankOneFour(MemorySegment query, MemorySegment key, MemorySegment rewrite, long keyAt, int keys,
            MemorySegment value, long valueAt, MemorySegment decays, MemorySegment s, long at, long row,
            MemorySegment y) {
        FloatVector v0 = load(value, valueAt);
        FloatVector v1 = load(value, valueAt + BYTES);
        FloatVector v2 = load(value, valueAt + 2L * BYTES);
        FloatVector v3 = load(value, valueAt + 3L * BYTES);
        FloatVector p0 = load(y, valueAt);
        FloatVector p1 = load(y, valueAt + BYTES);
        FloatVector p2 = load(y, valueAt + 2L * BYTES);
        FloatVector p3 = load(y, valueAt + 3L * BYTES);
        FloatVector y0 = FloatVector.zero(SPECIES);
        FloatVector y1 = y0;
        FloatVector y2 = y0;
        FloatVector y3 = y0;
        for (int i = 0; i < keys; i++) {
            long here = at + i * row;
            FloatVector w = broadcast(decays, 4L * i);
            FloatVector k = broadcast(key, keyAt + 4L * i);
            FloatVector b = broadcast(rewrite, keyAt + 4L * i);
            FloatVector q = broadcast(query, keyAt + 4L * i);
            FloatVector s0 = b.fma(p0, k.fma(v0, load(s, here).mul(w)));
            y0 = q.fma(s0, y0);
            s0.intoMemorySegment(s, here, ORDER);
            s0 = b.fma(p1, k.fma(v1, load(s, here + BYTES).mul(w)));
            y1 = q.fma(s0, y1);
            s0.intoMemorySegment(s, here + BYTES, ORDER);
            s0 = b.fma(p2, k.fma(v2, load(s, here + 2L * BYTES).mul(w)));
            y2 = q.fma(s0, y2);
            s0.intoMemorySegment(s, here + 2L * BYTES, ORDER);
            s0 = b.fma(p3, k.fma(v3, load(s, here + 3L * BYTES).mul(w)));
            y3 = q.fma(s0, y3);
            s0.intoMemorySegment(s, here + 3L * BYTES, ORDER);
        }
        y0.intoMemorySegment(y, valueAt, ORDER);
        y1.intoMemorySegment(y, valueAt + BYTES, ORDER);
        y2.intoMemorySegment(y, valueAt + 2L * BYTES, ORDER);
        y3.intoMemorySegment(y, valueAt + 3L * BYTES, ORDER);
    }

    // One vector of values: two rows of the state at a time, so that there are two chains of sums.
    private static void whole(ScanInputs in, int b, int t, int h, MemorySegment decays, MemorySegment s, long at, int j,
            Tensor y) {
        int keys = in.keyWidth();
        long row = 4L * in.valueWidth();
        long keyAt = 4 * in.keyAt(b, t, h);
        long valueAt = 4 * (in.valueAt(b, t, h) + j);
        MemorySegment query = in.query().data();
        MemorySegment key = in.key().data();
        MemorySegment value = in.value().data();
        if (in.hasRankOne()) {
            probeWhole(in.probe().data(), keyAt, keys, s, at, row, y.data(), valueAt);
            rankOneWhole(query, key, in.rewrite().data(), keyAt, keys, value, valueAt, decays, s, at, row, y.data());
        } else if (in.readsBefore()) {
            float own = own(query, key, keyAt, in.bonus().data(), 4L * h * keys, keys);
            beforeWhole(query, key, keyAt, keys, value, valueAt, decays, s, at, row, y.data(), own);
        } else {
            afterWhole(query, key, keyAt, keys, value, valueAt, decays, s, at, row, y.data());
        }
    }

    private static void afterWhole(MemorySegment query, MemorySegment key, long keyAt, int keys, MemorySegment value,
            long valueAt, MemorySegment decays, MemorySegment s, long at, long row, MemorySegment y) {
        FloatVector v = load(value, valueAt);
        FloatVector even = FloatVector.zero(SPECIES);
        FloatVector odd = even;
        for (int i = 0; i < keys; i++) {
            long here = at + i * row;
            FloatVector next = broadcast(key, keyAt + 4L * i).fma(v, load(s, here).mul(broadcast(decays, 4L * i)));
            FloatVector sum = broadcast(query, keyAt + 4L * i).fma(next, odd);
            odd = even;
            even = sum;
            next.intoMemorySegment(s, here, ORDER);
        }
        even.add(odd).intoMemorySegment(y, valueAt, ORDER);
    }

    private static void beforeWhole(MemorySegment query, MemorySegment key, long keyAt, int keys, MemorySegment value,
            long valueAt, MemorySegment decays, MemorySegment s, long at, long row, MemorySegment y, float own) {
        FloatVector v = load(value, valueAt);
        FloatVector even = v.mul(own);
        FloatVector odd = FloatVector.zero(SPECIES);
        for (int i = 0; i < keys; i++) {
            long here = at + i * row;
            FloatVector old = load(s, here);
            FloatVector sum = broadcast(query, keyAt + 4L * i).fma(old, odd);
            odd = even;
            even = sum;
            broadcast(key, keyAt + 4L * i).fma(v, old.mul(broadcast(decays, 4L * i))).intoMemorySegment(s, here, ORDER);
        }
        even.add(odd).intoMemorySegment(y, valueAt, ORDER);
    }

    private static void probeWhole(MemorySegment probe, long keyAt, int keys, MemorySegment s, long at, long row,
            MemorySegment found, long foundAt) {
        FloatVector even = FloatVector.zero(SPECIES);
        FloatVector odd = even;
        for (int i = 0; i < keys; i++) {
            FloatVector sum = broadcast(probe, keyAt + 4L * i).fma(load(s, at + i * row), odd);
            odd = even;
            even = sum;
        }
        even.add(odd).intoMemorySegment(found, foundAt, ORDER);
    }

    private static void rankOneWhole(MemorySegment query, MemorySegment key, MemorySegment rewrite, long keyAt,
            int keys,
            MemorySegment value, long valueAt, MemorySegment decays, MemorySegment s, long at, long row,
            MemorySegment y) {
        FloatVector v = load(value, valueAt);
        FloatVector probed = load(y, valueAt);
        FloatVector even = FloatVector.zero(SPECIES);
        FloatVector odd = even;
        for (int i = 0; i < keys; i++) {
            long here = at + i * row;
            FloatVector kept = load(s, here).mul(broadcast(decays, 4L * i));
            FloatVector next = broadcast(rewrite, keyAt + 4L * i).fma(probed,
                    broadcast(key, keyAt + 4L * i).fma(v, kept));
            FloatVector sum = broadcast(query, keyAt + 4L * i).fma(next, odd);
            odd = even;
            even = sum;
            next.intoMemorySegment(s, here, ORDER);
        }
        even.add(odd).intoMemorySegment(y, valueAt, ORDER);
    }

    private static void one(ScanInputs in, int b, int t, int h, MemorySegment decays, MemorySegment s, long at, int j,
            Tensor y, VectorMask<Float> mask) {
        int keys = in.keyWidth();
        long row = 4L * in.valueWidth();
        long keyAt = 4 * in.keyAt(b, t, h);
        long valueAt = 4 * (in.valueAt(b, t, h) + j);
        MemorySegment query = in.query().data();
        MemorySegment key = in.key().data();
        MemorySegment value = in.value().data();
        if (in.hasRankOne()) {
            probeOne(in.probe().data(), keyAt, keys, s, at, row, y.data(), valueAt, mask);
            rankOneOne(query, key, in.rewrite().data(), keyAt, keys, value, valueAt, decays, s, at, row, y.data(),
                    mask);
        } else if (in.readsBefore()) {
            float own = own(query, key, keyAt, in.bonus().data(), 4L * h * keys, keys);
            beforeOne(query, key, keyAt, keys, value, valueAt, decays, s, at, row, y.data(), own, mask);
        } else {
            afterOne(query, key, keyAt, keys, value, valueAt, decays, s, at, row, y.data(), mask);
        }
    }

    private static void afterOne(MemorySegment query, MemorySegment key, long keyAt, int keys, MemorySegment value,
            long valueAt, MemorySegment decays, MemorySegment s, long at, long row, MemorySegment y,
            VectorMask<Float> mask) {
        FloatVector v = load(value, valueAt, mask);
        FloatVector sum = FloatVector.zero(SPECIES);
        for (int i = 0; i < keys; i++) {
            long here = at + i * row;
            FloatVector next = broadcast(key, keyAt + 4L * i).fma(v,
                    load(s, here, mask).mul(broadcast(decays, 4L * i)));
            sum = broadcast(query, keyAt + 4L * i).fma(next, sum);
            store(next, s, here, mask);
        }
        store(sum, y, valueAt, mask);
    }

    private static void beforeOne(MemorySegment query, MemorySegment key, long keyAt, int keys, MemorySegment value,
            long valueAt, MemorySegment decays, MemorySegment s, long at, long row, MemorySegment y, float own,
            VectorMask<Float> mask) {
        FloatVector v = load(value, valueAt, mask);
        FloatVector sum = v.mul(own);
        for (int i = 0; i < keys; i++) {
            long here = at + i * row;
            FloatVector old = load(s, here, mask);
            sum = broadcast(query, keyAt + 4L * i).fma(old, sum);
            store(broadcast(key, keyAt + 4L * i).fma(v, old.mul(broadcast(decays, 4L * i))), s, here, mask);
        }
        store(sum, y, valueAt, mask);
    }

    private static void probeOne(MemorySegment probe, long keyAt, int keys, MemorySegment s, long at, long row,
            MemorySegment found, long foundAt, VectorMask<Float> mask) {
        FloatVector sum = FloatVector.zero(SPECIES);
        for (int i = 0; i < keys; i++) {
            sum = broadcast(probe, keyAt + 4L * i).fma(load(s, at + i * row, mask), sum);
        }
        store(sum, found, foundAt, mask);
    }

    private static void rankOneOne(MemorySegment query, MemorySegment key, MemorySegment rewrite, long keyAt, int keys,
            MemorySegment value, long valueAt, MemorySegment decays, MemorySegment s, long at, long row,
            MemorySegment y, VectorMask<Float> mask) {
        FloatVector v = load(value, valueAt, mask);
        FloatVector probed = load(y, valueAt, mask);
        FloatVector sum = FloatVector.zero(SPECIES);
        for (int i = 0; i < keys; i++) {
            long here = at + i * row;
            FloatVector kept = load(s, here, mask).mul(broadcast(decays, 4L * i));
            FloatVector next = broadcast(rewrite, keyAt + 4L * i).fma(probed,
                    broadcast(key, keyAt + 4L * i).fma(v, kept));
            sum = broadcast(query, keyAt + 4L * i).fma(next, sum);
            store(next, s, here, mask);
        }
        store(sum, y, valueAt, mask);
    }

    // q·(u ⊙ k).
    private static float own(MemorySegment query, MemorySegment key, long keyAt, MemorySegment bonus, long bonusAt,
            int keys) {
        FloatVector sum = FloatVector.zero(SPECIES);
        for (int i = 0; i < keys; i += LENGTH) {
            VectorMask<Float> mask = Lanes.first(keys - i);
            FloatVector k = load(key, keyAt + 4L * i, mask).mul(load(bonus, bonusAt + 4L * i, mask));
            sum = load(query, keyAt + 4L * i, mask).fma(k, sum);
        }
        return Lanes.sum(sum);
    }
}

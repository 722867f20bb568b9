package tern.kernels.recurrence;

import static jdk.incubator.vector.VectorOperators.MUL;
import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.broadcast;
import static tern.kernels.lanes.Lanes.first;
import static tern.kernels.lanes.Lanes.load;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * The pairs of positions within a chunk, positions in the lanes: a chunk is one vector long. A row belongs to a key channel;
 * the decay of each position multiplies the lanes that it lies between, so that every pair meets the product of the decays
 * between its two positions, never a quotient. Four positions a pass: their sums and masks fit the registers, and the methods
 * the compiler. Other operands ("per position") are matrices with a row a position, of which single numbers are read. Offsets
 * and strides are bytes. Stateless.
 */
final class AgeChains {
    /** Positions in a pass. */
    static final int PASS = 4;

    private AgeChains() {
    }

    /**
     * Scores of positions i … i + 3 as queries that see what they write: keys of earlier positions shrink by the position's
     * decay, then score_i ← Σ_d x_i·key. Lanes after the position are 0.
     *
     * @param keys [n] rows of lanes, as they are after position i − 1; left as they are after i + 3
     * @param w decays per position, from position i on
     * @param x queries per position, likewise
     */
    static void scoresAfter(MemorySegment keys, long keysAt, long keysRow, MemorySegment w, long wAt, MemorySegment x,
            long xAt, long row, int i, int n, MemorySegment scores, long at, long scoresRow) {
        VectorMask<Float> m0 = first(i);
        VectorMask<Float> m1 = first(i + 1);
        VectorMask<Float> m2 = first(i + 2);
        VectorMask<Float> m3 = first(i + 3);
        FloatVector s0 = FloatVector.zero(SPECIES);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        for (int d = 0; d < n; d++) {
            long here = keysAt + d * keysRow;
            long decay = wAt + 4L * d;
            long query = xAt + 4L * d;
            FloatVector k = load(keys, here).lanewise(MUL, broadcast(w, decay), m0);
            s0 = broadcast(x, query).fma(k, s0);
            k = k.lanewise(MUL, broadcast(w, decay + row), m1);
            s1 = broadcast(x, query + row).fma(k, s1);
            k = k.lanewise(MUL, broadcast(w, decay + 2 * row), m2);
            s2 = broadcast(x, query + 2 * row).fma(k, s2);
            k = k.lanewise(MUL, broadcast(w, decay + 3 * row), m3);
            s3 = broadcast(x, query + 3 * row).fma(k, s3);
            k.intoMemorySegment(keys, here, ORDER);
        }
        store(s0, s1, s2, s3, i + 1, scores, at, scoresRow);
    }

    /** {@link #scoresAfter} of queries that see the keys before the position's decay and write; so lane i is 0 too. */
    static void scoresBefore(MemorySegment keys, long keysAt, long keysRow, MemorySegment w, long wAt, MemorySegment x,
            long xAt, long row, int i, int n, MemorySegment scores, long at, long scoresRow) {
        VectorMask<Float> m0 = first(i);
        VectorMask<Float> m1 = first(i + 1);
        VectorMask<Float> m2 = first(i + 2);
        VectorMask<Float> m3 = first(i + 3);
        FloatVector s0 = FloatVector.zero(SPECIES);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        for (int d = 0; d < n; d++) {
            long here = keysAt + d * keysRow;
            long decay = wAt + 4L * d;
            long query = xAt + 4L * d;
            FloatVector k = load(keys, here);
            s0 = broadcast(x, query).fma(k, s0);
            k = k.lanewise(MUL, broadcast(w, decay), m0);
            s1 = broadcast(x, query + row).fma(k, s1);
            k = k.lanewise(MUL, broadcast(w, decay + row), m1);
            s2 = broadcast(x, query + 2 * row).fma(k, s2);
            k = k.lanewise(MUL, broadcast(w, decay + 2 * row), m2);
            s3 = broadcast(x, query + 3 * row).fma(k, s3);
            k = k.lanewise(MUL, broadcast(w, decay + 3 * row), m3);
            k.intoMemorySegment(keys, here, ORDER);
        }
        store(s0, s1, s2, s3, i, scores, at, scoresRow);
    }

    // Lanes from {@code lanes}, one more for each row, become 0.
    private static void store(FloatVector s0, FloatVector s1, FloatVector s2, FloatVector s3, int lanes,
            MemorySegment scores, long at, long row) {
        FloatVector zero = FloatVector.zero(SPECIES);
        zero.blend(s0, first(lanes)).intoMemorySegment(scores, at, ORDER);
        zero.blend(s1, first(lanes + 1)).intoMemorySegment(scores, at + row, ORDER);
        zero.blend(s2, first(lanes + 2)).intoMemorySegment(scores, at + 2 * row, ORDER);
        zero.blend(s3, first(lanes + 3)).intoMemorySegment(scores, at + 3 * row, ORDER);
    }

    /**
     * Gradients of keys from queries after them, ascending: sum ← sum + (dScore_i ⊙ age)·x_i where age, in the lane of a key,
     * is what has become of it. Positions i … i + 3.
     *
     * @param age [n] rows of lanes; begins with ones and ends with the decay from each position to the end
     * @param sum [n] rows of lanes
     * @param dScores rows of lanes, from position i on
     */
    static void keysAfter(MemorySegment age, MemorySegment sum, MemorySegment w, long wAt, MemorySegment x, long xAt,
            long row, int i, int n, MemorySegment dScores) {
        VectorMask<Float> m0 = first(i);
        VectorMask<Float> m1 = first(i + 1);
        VectorMask<Float> m2 = first(i + 2);
        VectorMask<Float> m3 = first(i + 3);
        FloatVector d0 = load(dScores, (long) i * BYTES);
        FloatVector d1 = load(dScores, (i + 1L) * BYTES);
        FloatVector d2 = load(dScores, (i + 2L) * BYTES);
        FloatVector d3 = load(dScores, (i + 3L) * BYTES);
        for (int d = 0; d < n; d++) {
            long here = (long) d * BYTES;
            long decay = wAt + 4L * d;
            long query = xAt + 4L * d;
            FloatVector s = load(sum, here);
            FloatVector e = load(age, here).lanewise(MUL, broadcast(w, decay), m0);
            s = d0.mul(e).fma(broadcast(x, query), s);
            e = e.lanewise(MUL, broadcast(w, decay + row), m1);
            s = d1.mul(e).fma(broadcast(x, query + row), s);
            e = e.lanewise(MUL, broadcast(w, decay + 2 * row), m2);
            s = d2.mul(e).fma(broadcast(x, query + 2 * row), s);
            e = e.lanewise(MUL, broadcast(w, decay + 3 * row), m3);
            s = d3.mul(e).fma(broadcast(x, query + 3 * row), s);
            e.intoMemorySegment(age, here, ORDER);
            s.intoMemorySegment(sum, here, ORDER);
        }
    }

    /** {@link #keysAfter} for queries that see the keys before the position's decay. */
    static void keysBefore(MemorySegment age, MemorySegment sum, MemorySegment w, long wAt, MemorySegment x, long xAt,
            long row, int i, int n, MemorySegment dScores) {
        VectorMask<Float> m0 = first(i);
        VectorMask<Float> m1 = first(i + 1);
        VectorMask<Float> m2 = first(i + 2);
        VectorMask<Float> m3 = first(i + 3);
        FloatVector d0 = load(dScores, (long) i * BYTES);
        FloatVector d1 = load(dScores, (i + 1L) * BYTES);
        FloatVector d2 = load(dScores, (i + 2L) * BYTES);
        FloatVector d3 = load(dScores, (i + 3L) * BYTES);
        for (int d = 0; d < n; d++) {
            long here = (long) d * BYTES;
            long decay = wAt + 4L * d;
            long query = xAt + 4L * d;
            FloatVector e = load(age, here);
            FloatVector s = d0.mul(e).fma(broadcast(x, query), load(sum, here));
            e = e.lanewise(MUL, broadcast(w, decay), m0);
            s = d1.mul(e).fma(broadcast(x, query + row), s);
            e = e.lanewise(MUL, broadcast(w, decay + row), m1);
            s = d2.mul(e).fma(broadcast(x, query + 2 * row), s);
            e = e.lanewise(MUL, broadcast(w, decay + 2 * row), m2);
            s = d3.mul(e).fma(broadcast(x, query + 3 * row), s);
            e = e.lanewise(MUL, broadcast(w, decay + 3 * row), m3);
            e.intoMemorySegment(age, here, ORDER);
            s.intoMemorySegment(sum, here, ORDER);
        }
    }

    /**
     * Gradients of queries from keys before them, descending: sum ← sum + (dScore_j ⊙ age)·key_j where age, in the lane of a
     * query, is the decay from position j to it. Positions j + 3 … j.
     *
     * @param later 0 for queries that see what they write, 1 for those that see the keys before the position's decay
     * @param age [n] rows of lanes; begins with ones and ends with the decay from the beginning to each position
     * @param sum [n] rows of lanes
     * @param dScores turned: a row a key position, queries in the lanes
     */
    static void queries(int later, MemorySegment age, MemorySegment sum, MemorySegment w, long wAt, MemorySegment keys,
            long keysAt, long row, int j, int n, MemorySegment dScores) {
        VectorMask<Float> m0 = first(j + later).not();
        VectorMask<Float> m1 = first(j + later + 1).not();
        VectorMask<Float> m2 = first(j + later + 2).not();
        VectorMask<Float> m3 = first(j + later + 3).not();
        FloatVector d0 = load(dScores, (long) j * BYTES);
        FloatVector d1 = load(dScores, (j + 1L) * BYTES);
        FloatVector d2 = load(dScores, (j + 2L) * BYTES);
        FloatVector d3 = load(dScores, (j + 3L) * BYTES);
        for (int d = 0; d < n; d++) {
            long here = (long) d * BYTES;
            long decay = wAt + 4L * d;
            long key = keysAt + 4L * d;
            FloatVector e = load(age, here);
            FloatVector s = d3.mul(e).fma(broadcast(keys, key + 3 * row), load(sum, here));
            e = e.lanewise(MUL, broadcast(w, decay + 3 * row), m3);
            s = d2.mul(e).fma(broadcast(keys, key + 2 * row), s);
            e = e.lanewise(MUL, broadcast(w, decay + 2 * row), m2);
            s = d1.mul(e).fma(broadcast(keys, key + row), s);
            e = e.lanewise(MUL, broadcast(w, decay + row), m1);
            s = d0.mul(e).fma(broadcast(keys, key), s);
            e = e.lanewise(MUL, broadcast(w, decay), m0);
            e.intoMemorySegment(age, here, ORDER);
            s.intoMemorySegment(sum, here, ORDER);
        }
    }

    /** C ← A·B where B and C are one vector wide: eight rows of A (or four) at a time. */
    static void narrow(MemorySegment a, long aAt, long aRow, MemorySegment b, long bAt, MemorySegment c, long cAt,
            int rows, int k) {
        int i = 0;
        for (; i + 8 <= rows; i += 8) {
            eight(a, aAt + i * aRow, aRow, b, bAt, c, cAt + (long) i * BYTES, k);
        }
        for (; i < rows; i += 4) {
            narrowFour(a, aAt + i * aRow, aRow, b, bAt, c, cAt + (long) i * BYTES, k);
        }
    }

    private static void eight(MemorySegment a, long aAt, long aRow, MemorySegment b, long bAt, MemorySegment c,
            long cAt, int k) {
        FloatVector c0 = FloatVector.zero(SPECIES);
        FloatVector c1 = c0;
        FloatVector c2 = c0;
        FloatVector c3 = c0;
        FloatVector c4 = c0;
        FloatVector c5 = c0;
        FloatVector c6 = c0;
        FloatVector c7 = c0;
        for (int p = 0; p < k; p++) {
            long left = aAt + 4L * p;
            FloatVector x = load(b, bAt + (long) p * BYTES);
            c0 = broadcast(a, left).fma(x, c0);
            c1 = broadcast(a, left + aRow).fma(x, c1);
            c2 = broadcast(a, left + 2 * aRow).fma(x, c2);
            c3 = broadcast(a, left + 3 * aRow).fma(x, c3);
            c4 = broadcast(a, left + 4 * aRow).fma(x, c4);
            c5 = broadcast(a, left + 5 * aRow).fma(x, c5);
            c6 = broadcast(a, left + 6 * aRow).fma(x, c6);
            c7 = broadcast(a, left + 7 * aRow).fma(x, c7);
        }
        c0.intoMemorySegment(c, cAt, ORDER);
        c1.intoMemorySegment(c, cAt + BYTES, ORDER);
        c2.intoMemorySegment(c, cAt + 2L * BYTES, ORDER);
        c3.intoMemorySegment(c, cAt + 3L * BYTES, ORDER);
        c4.intoMemorySegment(c, cAt + 4L * BYTES, ORDER);
        c5.intoMemorySegment(c, cAt + 5L * BYTES, ORDER);
        c6.intoMemorySegment(c, cAt + 6L * BYTES, ORDER);
        c7.intoMemorySegment(c, cAt + 7L * BYTES, ORDER);
    }

    private static void narrowFour(MemorySegment a, long aAt, long aRow, MemorySegment b, long bAt, MemorySegment c,
            long cAt, int k) {
        FloatVector c0 = FloatVector.zero(SPECIES);
        FloatVector c1 = c0;
        FloatVector c2 = c0;
        FloatVector c3 = c0;
        for (int p = 0; p < k; p++) {
            long left = aAt + 4L * p;
            FloatVector x = load(b, bAt + (long) p * BYTES);
            c0 = broadcast(a, left).fma(x, c0);
            c1 = broadcast(a, left + aRow).fma(x, c1);
            c2 = broadcast(a, left + 2 * aRow).fma(x, c2);
            c3 = broadcast(a, left + 3 * aRow).fma(x, c3);
        }
        c0.intoMemorySegment(c, cAt, ORDER);
        c1.intoMemorySegment(c, cAt + BYTES, ORDER);
        c2.intoMemorySegment(c, cAt + 2L * BYTES, ORDER);
        c3.intoMemorySegment(c, cAt + 3L * BYTES, ORDER);
    }

    /** Row i keeps its first i lanes, those of earlier positions; lane i goes to {@code own}. */
    static void mask(MemorySegment scores, MemorySegment own) {
        FloatVector zero = FloatVector.zero(SPECIES);
        for (int i = 0; i < LENGTH; i++) {
            long row = (long) i * BYTES;
            own.set(FLOAT, 4L * i, scores.get(FLOAT, row + 4L * i));
            zero.blend(load(scores, row), first(i)).intoMemorySegment(scores, row, ORDER);
        }
    }
}

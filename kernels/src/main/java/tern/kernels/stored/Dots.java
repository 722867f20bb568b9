package tern.kernels.stored;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

import tern.kernels.lanes.Lanes;
import tern.tensor.Tensor;

/**
 * Inner products of some rows of x with four rows of decoded weights, which lie in the first- or second-level cache. A sum
 * runs along one chain of vectors, its lanes are added at the end and the numbers after the last whole vector follow one by
 * one, so its bits depend on its two rows only. Rows of W follow each other without gaps. Stateless.
 */
final class Dots {
    /** Rows of W. */
    static final int ROWS = 4;

    private Dots() {
    }

    /**
     * m by {@link #ROWS} sums of k products, stored at {@code y}.
     *
     * @param bias one number for each row of W from {@code biasAt} on; empty for none
     */
    static void multiply(int m, int k, MemorySegment x, long xAt, MemorySegment w, MemorySegment bias, long biasAt,
            MemorySegment y, long yAt, long yRow) {
        long row = 4L * k;
        int i = 0;
        for (; i <= m - 4; i += 4) {
            fourByFour(k, x, xAt + i * row, w, y, yAt + i * yRow, yRow);
        }
        for (; i <= m - 2; i += 2) {
            twoByFour(k, x, xAt + i * row, w, y, yAt + i * yRow, yRow);
        }
        if (i < m) {
            oneByFour(k, x, xAt + i * row, w, y, yAt + i * yRow);
        }
        if (Lanes.bound(k) < k) {
            for (i = 0; i < m; i++) {
                for (int j = 0; j < ROWS; j++) {
                    addTail(k, x, xAt + i * row, w, j * row, y, yAt + i * yRow + 4 * j);
                }
            }
        }
        if (bias.byteSize() > 0) {
            for (i = 0; i < m; i++) {
                addBias(bias, biasAt, y, yAt + i * yRow);
            }
        }
    }

    /** One sum, the same bits as {@link #multiply} gives. */
    static float one(int k, MemorySegment x, long xAt, MemorySegment w, long wAt) {
        FloatVector sum = FloatVector.zero(Lanes.SPECIES);
        int bound = Lanes.bound(k);
        for (int p = 0; p < bound; p += Lanes.LENGTH) {
            sum = Lanes.load(x, xAt + 4L * p).fma(Lanes.load(w, wAt + 4L * p), sum);
        }
        return tail(k, x, xAt, w, wAt, Lanes.sum(sum));
    }

    private static void addTail(int k, MemorySegment x, long xAt, MemorySegment w, long wAt, MemorySegment y,
            long yAt) {
        y.set(Tensor.FLOAT, yAt, tail(k, x, xAt, w, wAt, y.get(Tensor.FLOAT, yAt)));
    }

    private static float tail(int k, MemorySegment x, long xAt, MemorySegment w, long wAt, float sum) {
        for (int p = Lanes.bound(k); p < k; p++) {
            sum += x.get(Tensor.FLOAT, xAt + 4L * p) * w.get(Tensor.FLOAT, wAt + 4L * p);
        }
        return sum;
    }

    /** Adds {@link #ROWS} numbers. */
    static void addBias(MemorySegment bias, long biasAt, MemorySegment y, long yAt) {
        for (int j = 0; j < ROWS; j++) {
            long at = yAt + 4 * j;
            y.set(Tensor.FLOAT, at, y.get(Tensor.FLOAT, at) + bias.get(Tensor.FLOAT, biasAt + 4 * j));
        }
    }

    /** Stores the sums of the lanes of four vectors. */
    static void store(FloatVector a, FloatVector b, FloatVector c, FloatVector d, MemorySegment y, long yAt) {
        y.set(Tensor.FLOAT, yAt, Lanes.sum(a));
        y.set(Tensor.FLOAT, yAt + 4, Lanes.sum(b));
        y.set(Tensor.FLOAT, yAt + 8, Lanes.sum(c));
        y.set(Tensor.FLOAT, yAt + 12, Lanes.sum(d));
    }

    private static void fourByFour(int k, MemorySegment x, long xAt, MemorySegment w, MemorySegment y, long yAt,
            long yRow) {
        FloatVector a0 = FloatVector.zero(Lanes.SPECIES), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0,
                c0 = a0, c1 = a0, c2 = a0, c3 = a0, d0 = a0, d1 = a0, d2 = a0, d3 = a0;
        long row = 4L * k;
        int bound = Lanes.bound(k);
        for (int p = 0; p < bound; p += Lanes.LENGTH) {
            long xp = xAt + 4L * p, wp = 4L * p;
            FloatVector a = Lanes.load(x, xp), b = Lanes.load(x, xp + row), c = Lanes.load(x, xp + 2 * row),
                    d = Lanes.load(x, xp + 3 * row);
            FloatVector w0 = Lanes.load(w, wp);
            a0 = a.fma(w0, a0);
            b0 = b.fma(w0, b0);
            c0 = c.fma(w0, c0);
            d0 = d.fma(w0, d0);
            FloatVector w1 = Lanes.load(w, wp + row);
            a1 = a.fma(w1, a1);
            b1 = b.fma(w1, b1);
            c1 = c.fma(w1, c1);
            d1 = d.fma(w1, d1);
            FloatVector w2 = Lanes.load(w, wp + 2 * row);
            a2 = a.fma(w2, a2);
            b2 = b.fma(w2, b2);
            c2 = c.fma(w2, c2);
            d2 = d.fma(w2, d2);
            FloatVector w3 = Lanes.load(w, wp + 3 * row);
            a3 = a.fma(w3, a3);
            b3 = b.fma(w3, b3);
            c3 = c.fma(w3, c3);
            d3 = d.fma(w3, d3);
        }
        store(a0, a1, a2, a3, y, yAt);
        store(b0, b1, b2, b3, y, yAt + yRow);
        store(c0, c1, c2, c3, y, yAt + 2 * yRow);
        store(d0, d1, d2, d3, y, yAt + 3 * yRow);
    }

    private static void twoByFour(int k, MemorySegment x, long xAt, MemorySegment w, MemorySegment y, long yAt,
            long yRow) {
        FloatVector a0 = FloatVector.zero(Lanes.SPECIES), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
        long row = 4L * k;
        int bound = Lanes.bound(k);
        for (int p = 0; p < bound; p += Lanes.LENGTH) {
            long xp = xAt + 4L * p, wp = 4L * p;
            FloatVector a = Lanes.load(x, xp), b = Lanes.load(x, xp + row);
            FloatVector w0 = Lanes.load(w, wp), w1 = Lanes.load(w, wp + row);
            a0 = a.fma(w0, a0);
            b0 = b.fma(w0, b0);
            a1 = a.fma(w1, a1);
            b1 = b.fma(w1, b1);
            FloatVector w2 = Lanes.load(w, wp + 2 * row), w3 = Lanes.load(w, wp + 3 * row);
            a2 = a.fma(w2, a2);
            b2 = b.fma(w2, b2);
            a3 = a.fma(w3, a3);
            b3 = b.fma(w3, b3);
        }
        store(a0, a1, a2, a3, y, yAt);
        store(b0, b1, b2, b3, y, yAt + yRow);
    }

    private static void oneByFour(int k, MemorySegment x, long xAt, MemorySegment w, MemorySegment y, long yAt) {
        FloatVector a0 = FloatVector.zero(Lanes.SPECIES), a1 = a0, a2 = a0, a3 = a0;
        long row = 4L * k;
        int bound = Lanes.bound(k);
        for (int p = 0; p < bound; p += Lanes.LENGTH) {
            long wp = 4L * p;
            FloatVector a = Lanes.load(x, xAt + wp);
            a0 = a.fma(Lanes.load(w, wp), a0);
            a1 = a.fma(Lanes.load(w, wp + row), a1);
            a2 = a.fma(Lanes.load(w, wp + 2 * row), a2);
            a3 = a.fma(Lanes.load(w, wp + 3 * row), a3);
        }
        store(a0, a1, a2, a3, y, yAt);
    }
}

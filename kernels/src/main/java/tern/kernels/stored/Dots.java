package tern.kernels.stored;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

import tern.kernels.lanes.Lanes;
import tern.tensor.Tensor;

/**
 * Inner products of some rows of x with some rows of decoded weights, which lie in the second-level cache. A sum
 * runs along one chain of vectors, its lanes are added at the end and the numbers after the last whole vector follow one by
 * one, so its bits depend on its two rows only. Rows of W follow each other without gaps. Stateless.
 */
final class Dots {
    /** Rows of W that are multiplied together. */
    static final int ROWS = 4;
    /** Rows of W that share what is read of x. */
    static final int MOST_ROWS = 2 * ROWS;
    /** Rows of x. */
    static final int MOST = 16;
    /** Floats of scratch: a vector for each sum. */
    static final int SPARE = MOST * MOST_ROWS * Lanes.LENGTH;
    /** Steps after which the next rows of x are taken: with {@link #MOST} of them 48 KiB are read again and again. */
    private static final int PART = 1024;

    private Dots() {
    }

    /**
     * m by {@link #MOST_ROWS} sums of k products, stored at {@code y}: first what stays in the first-level cache of both
     * sides, then the next part of their rows.
     *
     * @param m at most {@link #MOST}
     * @param rows of W, a multiple of {@link #ROWS}, at most {@link #MOST_ROWS}
     * @param bias one number for each row of W from {@code biasAt} on; empty for none
     * @param spare {@link #SPARE} floats
     */
    static void multiply(int m, int rows, int k, MemorySegment x, long xAt, MemorySegment w, MemorySegment bias,
            long biasAt, MemorySegment y, long yAt, long yRow, MemorySegment spare) {
        clear(m * rows, spare);
        int bound = Lanes.bound(k);
        for (int p = 0; p < bound; p += PART) {
            part(m, rows, k, Math.min(PART, bound - p), x, xAt + 4L * p, w, 4L * p, spare);
        }
        addUp(m, rows, spare, y, yAt, yRow);
        if (bound < k) {
            addTails(m, rows, k, x, xAt, w, y, yAt, yRow);
        }
        if (bias.byteSize() > 0) {
            for (int i = 0; i < m; i++) {
                addBias(rows, bias, biasAt, y, yAt + i * yRow);
            }
        }
    }

    private static void clear(int vectors, MemorySegment spare) {
        FloatVector zero = FloatVector.zero(Lanes.SPECIES);
        for (int i = 0; i < vectors; i++) {
            Lanes.store(zero, spare, (long) i * Lanes.BYTES);
        }
    }

    private static void part(int m, int rows, int k, int steps, MemorySegment x, long xAt, MemorySegment w, long wAt,
            MemorySegment spare) {
        long row = 4L * k, sums = (long) rows * Lanes.BYTES;
        int i = 0;
        for (; i <= m - 2; i += 2) {
            for (int j = 0; j < rows; j += ROWS) {
                twoByFour(steps, row, x, xAt + i * row, w, wAt + j * row, spare, i * sums + (long) j * Lanes.BYTES,
                        sums);
            }
        }
        if (i < m) {
            for (int j = 0; j < rows; j += ROWS) {
                oneByFour(steps, row, x, xAt + i * row, w, wAt + j * row, spare, i * sums + (long) j * Lanes.BYTES);
            }
        }
    }

    /** One sum, the same bits as {@link #multiply} gives. */
    static float one(int k, MemorySegment x, long xAt, MemorySegment w, long wAt, MemorySegment spare) {
        FloatVector sum = FloatVector.zero(Lanes.SPECIES);
        int bound = Lanes.bound(k);
        for (int p = 0; p < bound; p += Lanes.LENGTH) {
            sum = Lanes.load(x, xAt + 4L * p).fma(Lanes.load(w, wAt + 4L * p), sum);
        }
        Lanes.store(sum, spare, 0);
        return tail(k, x, xAt, w, wAt, sum(spare, 0));
    }

    private static void addTails(int m, int rows, int k, MemorySegment x, long xAt, MemorySegment w, MemorySegment y,
            long yAt, long yRow) {
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < rows; j++) {
                long at = yAt + i * yRow + 4 * j;
                y.set(Tensor.FLOAT, at, tail(k, x, xAt + 4L * i * k, w, 4L * j * k, y.get(Tensor.FLOAT, at)));
            }
        }
    }

    private static float tail(int k, MemorySegment x, long xAt, MemorySegment w, long wAt, float sum) {
        for (int p = Lanes.bound(k); p < k; p++) {
            sum += x.get(Tensor.FLOAT, xAt + 4L * p) * w.get(Tensor.FLOAT, wAt + 4L * p);
        }
        return sum;
    }

    /** Adds a number to each of {@code rows}. */
    static void addBias(int rows, MemorySegment bias, long biasAt, MemorySegment y, long yAt) {
        for (int j = 0; j < rows; j++) {
            long at = yAt + 4 * j;
            y.set(Tensor.FLOAT, at, y.get(Tensor.FLOAT, at) + bias.get(Tensor.FLOAT, biasAt + 4 * j));
        }
    }

    /**
     * The sums of the lanes of each vector stored: {@code rows} for each of m rows of y. A method of its own, so that those
     * that multiply stay small enough to be compiled with their vectors in registers.
     */
    static void addUp(int m, int rows, MemorySegment spare, MemorySegment y, long yAt, long yRow) {
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < rows; j++) {
                long at = (long) (rows * i + j) * Lanes.BYTES;
                y.set(Tensor.FLOAT, yAt + i * yRow + 4 * j, sum(spare, at));
            }
        }
    }

    /** One by one: a method that takes a vector may be called with a boxed one, and this is hardly slower. */
    private static float sum(MemorySegment spare, long at) {
        float a = 0, b = 0, c = 0, d = 0;
        for (int i = 0; i < Lanes.BYTES; i += 16) {
            a += spare.get(Tensor.FLOAT, at + i);
            b += spare.get(Tensor.FLOAT, at + i + 4);
            c += spare.get(Tensor.FLOAT, at + i + 8);
            d += spare.get(Tensor.FLOAT, at + i + 12);
        }
        return a + b + (c + d);
    }

    private static void twoByFour(int steps, long row, MemorySegment x, long xAt, MemorySegment w, long wAt,
            MemorySegment spare, long sumAt, long sumRow) {
        FloatVector a0 = Lanes.load(spare, sumAt), a1 = Lanes.load(spare, sumAt + Lanes.BYTES),
                a2 = Lanes.load(spare, sumAt + 2 * Lanes.BYTES), a3 = Lanes.load(spare, sumAt + 3 * Lanes.BYTES);
        long bAt = sumAt + sumRow;
        FloatVector b0 = Lanes.load(spare, bAt), b1 = Lanes.load(spare, bAt + Lanes.BYTES),
                b2 = Lanes.load(spare, bAt + 2 * Lanes.BYTES), b3 = Lanes.load(spare, bAt + 3 * Lanes.BYTES);
        for (int p = 0; p < steps; p += Lanes.LENGTH) {
            long xp = xAt + 4L * p, wp = wAt + 4L * p;
            FloatVector a = Lanes.load(x, xp), b = Lanes.load(x, xp + row);
            FloatVector w0 = Lanes.load(w, wp);
            a0 = a.fma(w0, a0);
            b0 = b.fma(w0, b0);
            FloatVector w1 = Lanes.load(w, wp + row);
            a1 = a.fma(w1, a1);
            b1 = b.fma(w1, b1);
            FloatVector w2 = Lanes.load(w, wp + 2 * row);
            a2 = a.fma(w2, a2);
            b2 = b.fma(w2, b2);
            FloatVector w3 = Lanes.load(w, wp + 3 * row);
            a3 = a.fma(w3, a3);
            b3 = b.fma(w3, b3);
        }
        Lanes.store(a0, spare, sumAt);
        Lanes.store(a1, spare, sumAt + Lanes.BYTES);
        Lanes.store(a2, spare, sumAt + 2 * Lanes.BYTES);
        Lanes.store(a3, spare, sumAt + 3 * Lanes.BYTES);
        Lanes.store(b0, spare, bAt);
        Lanes.store(b1, spare, bAt + Lanes.BYTES);
        Lanes.store(b2, spare, bAt + 2 * Lanes.BYTES);
        Lanes.store(b3, spare, bAt + 3 * Lanes.BYTES);
    }

    private static void oneByFour(int steps, long row, MemorySegment x, long xAt, MemorySegment w, long wAt,
            MemorySegment spare, long sumAt) {
        FloatVector a0 = Lanes.load(spare, sumAt), a1 = Lanes.load(spare, sumAt + Lanes.BYTES),
                a2 = Lanes.load(spare, sumAt + 2 * Lanes.BYTES), a3 = Lanes.load(spare, sumAt + 3 * Lanes.BYTES);
        for (int p = 0; p < steps; p += Lanes.LENGTH) {
            long xp = xAt + 4L * p, wp = wAt + 4L * p;
            FloatVector a = Lanes.load(x, xp);
            FloatVector w0 = Lanes.load(w, wp);
            a0 = a.fma(w0, a0);
            FloatVector w1 = Lanes.load(w, wp + row);
            a1 = a.fma(w1, a1);
            FloatVector w2 = Lanes.load(w, wp + 2 * row);
            a2 = a.fma(w2, a2);
            FloatVector w3 = Lanes.load(w, wp + 3 * row);
            a3 = a.fma(w3, a3);
        }
        Lanes.store(a0, spare, sumAt);
        Lanes.store(a1, spare, sumAt + Lanes.BYTES);
        Lanes.store(a2, spare, sumAt + 2 * Lanes.BYTES);
        Lanes.store(a3, spare, sumAt + 3 * Lanes.BYTES);
    }
}

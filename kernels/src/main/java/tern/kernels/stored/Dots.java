package tern.kernels.stored;

import static tern.kernels.stored.StoredLanes.LENGTH;
import static tern.kernels.stored.StoredLanes.load;

import jdk.incubator.vector.FloatVector;

import tern.kernels.lanes.Lanes;

/**
 * Inner products of rows of x with {@link #ROWS} decoded rows of W, which lie in the nearest cache, up to four rows of x at a
 * time: sixteen chains of multiply–adds for eight loads. A sum runs along two chains of vectors, one of the first, third, … and one
 * of the second, fourth, …, so its bits depend on its two rows only. Stateless.
 */
final class Dots {
    /** Rows of W that are multiplied together. */
    static final int ROWS = 4;
    /** Rows of x. */
    static final int MOST = 16;
    /** Floats that {@link #MOST} rows need for their vectors. */
    static final int VECTORS = MOST * ROWS * LENGTH;

    private Dots() {
    }

    /**
     * Adds {@code steps} products, whole vectors, to each of m by {@link #ROWS} sums that are spread over the lanes of two vectors.
     * Where one call goes on from another, that one's steps were an even number of vectors.
     *
     * @param x rows one after the other, {@code xRow} apart, from {@code xAt} on
     * @param wRow from one row of W to the next
     * @param vectors those of the first row of x, then those of the second, and so on; from {@link #VECTORS} on the second
     *            chains of all; read and written
     */
    static void add(int m, int steps, float[] x, int xAt, int xRow, float[] w, int wRow, float[] vectors) {
        for (int chain = 0; chain < 2; chain++) {
            int from = chain * LENGTH, to = chain * VECTORS, i = 0;
            for (; i <= m - 4; i += 4) {
                fourByFour(from, steps, x, xAt + i * xRow, xRow, w, wRow, vectors, to + i * ROWS * LENGTH);
            }
            if (i <= m - 2) {
                twoByFour(from, steps, x, xAt + i * xRow, xRow, w, wRow, vectors, to + i * ROWS * LENGTH);
                i += 2;
            }
            if (i < m) {
                oneByFour(from, steps, x, xAt + i * xRow, w, wRow, vectors, to + i * ROWS * LENGTH);
            }
        }
    }

    /** Adds the second chain of each of the sums to the first. */
    static void addChains(int m, float[] vectors) {
        for (int at = 0; at < m * ROWS * LENGTH; at += LENGTH) {
            load(vectors, at).add(load(vectors, at + VECTORS)).intoArray(vectors, at);
        }
    }

    private static void fourByFour(int from, int steps, float[] x, int xAt, int xRow, float[] w, int wRow, float[] v,
            int at) {
        FloatVector a0 = load(v, at), a1 = load(v, at + LENGTH), a2 = load(v, at + 2 * LENGTH),
                a3 = load(v, at + 3 * LENGTH), b0 = load(v, at + 4 * LENGTH), b1 = load(v, at + 5 * LENGTH),
                b2 = load(v, at + 6 * LENGTH), b3 = load(v, at + 7 * LENGTH), c0 = load(v, at + 8 * LENGTH),
                c1 = load(v, at + 9 * LENGTH), c2 = load(v, at + 10 * LENGTH), c3 = load(v, at + 11 * LENGTH),
                d0 = load(v, at + 12 * LENGTH), d1 = load(v, at + 13 * LENGTH), d2 = load(v, at + 14 * LENGTH),
                d3 = load(v, at + 15 * LENGTH);
        for (int p = from; p < steps; p += 2 * LENGTH) {
            int xp = xAt + p;
            FloatVector a = load(x, xp), b = load(x, xp + xRow), c = load(x, xp + 2 * xRow), d = load(x, xp + 3 * xRow);
            FloatVector w0 = load(w, p);
            a0 = a.fma(w0, a0);
            b0 = b.fma(w0, b0);
            c0 = c.fma(w0, c0);
            d0 = d.fma(w0, d0);
            FloatVector w1 = load(w, p + wRow);
            a1 = a.fma(w1, a1);
            b1 = b.fma(w1, b1);
            c1 = c.fma(w1, c1);
            d1 = d.fma(w1, d1);
            FloatVector w2 = load(w, p + 2 * wRow);
            a2 = a.fma(w2, a2);
            b2 = b.fma(w2, b2);
            c2 = c.fma(w2, c2);
            d2 = d.fma(w2, d2);
            FloatVector w3 = load(w, p + 3 * wRow);
            a3 = a.fma(w3, a3);
            b3 = b.fma(w3, b3);
            c3 = c.fma(w3, c3);
            d3 = d.fma(w3, d3);
        }
        a0.intoArray(v, at);
        a1.intoArray(v, at + LENGTH);
        a2.intoArray(v, at + 2 * LENGTH);
        a3.intoArray(v, at + 3 * LENGTH);
        b0.intoArray(v, at + 4 * LENGTH);
        b1.intoArray(v, at + 5 * LENGTH);
        b2.intoArray(v, at + 6 * LENGTH);
        b3.intoArray(v, at + 7 * LENGTH);
        c0.intoArray(v, at + 8 * LENGTH);
        c1.intoArray(v, at + 9 * LENGTH);
        c2.intoArray(v, at + 10 * LENGTH);
        c3.intoArray(v, at + 11 * LENGTH);
        d0.intoArray(v, at + 12 * LENGTH);
        d1.intoArray(v, at + 13 * LENGTH);
        d2.intoArray(v, at + 14 * LENGTH);
        d3.intoArray(v, at + 15 * LENGTH);
    }

    private static void twoByFour(int from, int steps, float[] x, int xAt, int xRow, float[] w, int wRow, float[] v,
            int at) {
        FloatVector a0 = load(v, at), a1 = load(v, at + LENGTH), a2 = load(v, at + 2 * LENGTH),
                a3 = load(v, at + 3 * LENGTH), b0 = load(v, at + 4 * LENGTH), b1 = load(v, at + 5 * LENGTH),
                b2 = load(v, at + 6 * LENGTH), b3 = load(v, at + 7 * LENGTH);
        for (int p = from; p < steps; p += 2 * LENGTH) {
            FloatVector a = load(x, xAt + p), b = load(x, xAt + p + xRow);
            FloatVector w0 = load(w, p);
            a0 = a.fma(w0, a0);
            b0 = b.fma(w0, b0);
            FloatVector w1 = load(w, p + wRow);
            a1 = a.fma(w1, a1);
            b1 = b.fma(w1, b1);
            FloatVector w2 = load(w, p + 2 * wRow);
            a2 = a.fma(w2, a2);
            b2 = b.fma(w2, b2);
            FloatVector w3 = load(w, p + 3 * wRow);
            a3 = a.fma(w3, a3);
            b3 = b.fma(w3, b3);
        }
        a0.intoArray(v, at);
        a1.intoArray(v, at + LENGTH);
        a2.intoArray(v, at + 2 * LENGTH);
        a3.intoArray(v, at + 3 * LENGTH);
        b0.intoArray(v, at + 4 * LENGTH);
        b1.intoArray(v, at + 5 * LENGTH);
        b2.intoArray(v, at + 6 * LENGTH);
        b3.intoArray(v, at + 7 * LENGTH);
    }

    private static void oneByFour(int from, int steps, float[] x, int xAt, float[] w, int wRow, float[] v, int at) {
        FloatVector a0 = load(v, at), a1 = load(v, at + LENGTH), a2 = load(v, at + 2 * LENGTH),
                a3 = load(v, at + 3 * LENGTH);
        for (int p = from; p < steps; p += 2 * LENGTH) {
            FloatVector a = load(x, xAt + p);
            a0 = a.fma(load(w, p), a0);
            a1 = a.fma(load(w, p + wRow), a1);
            a2 = a.fma(load(w, p + 2 * wRow), a2);
            a3 = a.fma(load(w, p + 3 * wRow), a3);
        }
        a0.intoArray(v, at);
        a1.intoArray(v, at + LENGTH);
        a2.intoArray(v, at + 2 * LENGTH);
        a3.intoArray(v, at + 3 * LENGTH);
    }
}

package tern.kernels.stored;

import static tern.kernels.stored.StoredLanes.LENGTH;
import static tern.kernels.stored.StoredLanes.load;

import jdk.incubator.vector.FloatVector;

import tern.kernels.lanes.Lanes;

/**
 * Inner products of rows of x with {@link #ROWS} decoded rows of W, which lie in the nearest cache, two rows of x at a
 * time: sixteen chains of multiply–adds. A sum runs along two chains of vectors, one of the first, third, … and one
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
        int i = 0;
        for (; i <= m - 2; i += 2) {
            twoByFour(steps, x, xAt + i * xRow, xRow, w, wRow, vectors, i * ROWS * LENGTH);
        }
        if (i < m) {
            oneByFour(steps, x, xAt + i * xRow, w, wRow, vectors, i * ROWS * LENGTH);
        }
    }

    /** Adds the second chain of each of the sums to the first. */
    static void addChains(int m, float[] vectors) {
        for (int at = 0; at < m * ROWS * LENGTH; at += LENGTH) {
            load(vectors, at).add(load(vectors, at + VECTORS)).intoArray(vectors, at);
        }
    }

    /** Letters are rows of x, numbers rows of W; e and f are the second chains of a and b. */
    private static void twoByFour(int steps, float[] x, int xAt, int xRow, float[] w, int wRow, float[] v, int at) {
        int second = at + VECTORS;
        FloatVector a0 = load(v, at), a1 = load(v, at + LENGTH), a2 = load(v, at + 2 * LENGTH),
                a3 = load(v, at + 3 * LENGTH), b0 = load(v, at + 4 * LENGTH), b1 = load(v, at + 5 * LENGTH),
                b2 = load(v, at + 6 * LENGTH), b3 = load(v, at + 7 * LENGTH);
        FloatVector e0 = load(v, second), e1 = load(v, second + LENGTH), e2 = load(v, second + 2 * LENGTH),
                e3 = load(v, second + 3 * LENGTH), f0 = load(v, second + 4 * LENGTH),
                f1 = load(v, second + 5 * LENGTH), f2 = load(v, second + 6 * LENGTH),
                f3 = load(v, second + 7 * LENGTH);
        int pairs = steps - steps % (2 * LENGTH);
        for (int p = 0; p < pairs; p += 2 * LENGTH) {
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
            a = load(x, xAt + p + LENGTH);
            b = load(x, xAt + p + xRow + LENGTH);
            w0 = load(w, p + LENGTH);
            e0 = a.fma(w0, e0);
            f0 = b.fma(w0, f0);
            w1 = load(w, p + wRow + LENGTH);
            e1 = a.fma(w1, e1);
            f1 = b.fma(w1, f1);
            w2 = load(w, p + 2 * wRow + LENGTH);
            e2 = a.fma(w2, e2);
            f2 = b.fma(w2, f2);
            w3 = load(w, p + 3 * wRow + LENGTH);
            e3 = a.fma(w3, e3);
            f3 = b.fma(w3, f3);
        }
        if (pairs < steps) {
            FloatVector a = load(x, xAt + pairs), b = load(x, xAt + pairs + xRow);
            a0 = a.fma(load(w, pairs), a0);
            b0 = b.fma(load(w, pairs), b0);
            a1 = a.fma(load(w, pairs + wRow), a1);
            b1 = b.fma(load(w, pairs + wRow), b1);
            a2 = a.fma(load(w, pairs + 2 * wRow), a2);
            b2 = b.fma(load(w, pairs + 2 * wRow), b2);
            a3 = a.fma(load(w, pairs + 3 * wRow), a3);
            b3 = b.fma(load(w, pairs + 3 * wRow), b3);
        }
        a0.intoArray(v, at);
        a1.intoArray(v, at + LENGTH);
        a2.intoArray(v, at + 2 * LENGTH);
        a3.intoArray(v, at + 3 * LENGTH);
        b0.intoArray(v, at + 4 * LENGTH);
        b1.intoArray(v, at + 5 * LENGTH);
        b2.intoArray(v, at + 6 * LENGTH);
        b3.intoArray(v, at + 7 * LENGTH);
        e0.intoArray(v, second);
        e1.intoArray(v, second + LENGTH);
        e2.intoArray(v, second + 2 * LENGTH);
        e3.intoArray(v, second + 3 * LENGTH);
        f0.intoArray(v, second + 4 * LENGTH);
        f1.intoArray(v, second + 5 * LENGTH);
        f2.intoArray(v, second + 6 * LENGTH);
        f3.intoArray(v, second + 7 * LENGTH);
    }

    private static void oneByFour(int steps, float[] x, int xAt, float[] w, int wRow, float[] v, int at) {
        int second = at + VECTORS;
        FloatVector a0 = load(v, at), a1 = load(v, at + LENGTH), a2 = load(v, at + 2 * LENGTH),
                a3 = load(v, at + 3 * LENGTH), e0 = load(v, second), e1 = load(v, second + LENGTH),
                e2 = load(v, second + 2 * LENGTH), e3 = load(v, second + 3 * LENGTH);
        int pairs = steps - steps % (2 * LENGTH);
        for (int p = 0; p < pairs; p += 2 * LENGTH) {
            FloatVector a = load(x, xAt + p), next = load(x, xAt + p + LENGTH);
            a0 = a.fma(load(w, p), a0);
            a1 = a.fma(load(w, p + wRow), a1);
            a2 = a.fma(load(w, p + 2 * wRow), a2);
            a3 = a.fma(load(w, p + 3 * wRow), a3);
            e0 = next.fma(load(w, p + LENGTH), e0);
            e1 = next.fma(load(w, p + wRow + LENGTH), e1);
            e2 = next.fma(load(w, p + 2 * wRow + LENGTH), e2);
            e3 = next.fma(load(w, p + 3 * wRow + LENGTH), e3);
        }
        if (pairs < steps) {
            FloatVector a = load(x, xAt + pairs);
            a0 = a.fma(load(w, pairs), a0);
            a1 = a.fma(load(w, pairs + wRow), a1);
            a2 = a.fma(load(w, pairs + 2 * wRow), a2);
            a3 = a.fma(load(w, pairs + 3 * wRow), a3);
        }
        a0.intoArray(v, at);
        a1.intoArray(v, at + LENGTH);
        a2.intoArray(v, at + 2 * LENGTH);
        a3.intoArray(v, at + 3 * LENGTH);
        e0.intoArray(v, second);
        e1.intoArray(v, second + LENGTH);
        e2.intoArray(v, second + 2 * LENGTH);
        e3.intoArray(v, second + 3 * LENGTH);
    }
}

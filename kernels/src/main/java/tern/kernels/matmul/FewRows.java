package tern.kernels.matmul;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

import tern.tensor.Tensor;

/**
 * y = x·Wᵀ + bias for few rows of x, as decoding has them: inner products straight from the rows of W, each read once and
 * in order, because then memory is the limit. Four rows of W a pass keep enough loads under way, and up to four rows of x
 * share them. Stateless.
 */
final class FewRows {
    /** More rows than this are worth packing W. */
    static final int MOST = 16;
    private static final VectorSpecies<Float> LANES = Tile.LANES;
    private static final long WIDTH = LANES.vectorByteSize();
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    private static final ValueLayout.OfFloat FLOAT = Tensor.FLOAT;

    private FewRows() {
    }

    /**
     * Columns {@code from} to {@code to} of y: m rows, k inner products each. Offsets and row lengths are in bytes; they are
     * those of the whole matrices.
     *
     * @param bias one number for each row of W; empty for none
     */
    static void multiply(int m, int k, int from, int to, MemorySegment x, long xAt, long xRow, MemorySegment w,
            long wAt,
            long wRow, MemorySegment bias, MemorySegment y, long yAt, long yRow) {
        int j = from;
        for (; j <= to - 4; j += 4) {
            long row = wAt + j * wRow, biasAt = 4L * j, column = yAt + 4L * j;
            int i = 0;
            for (; i <= m - 4; i += 4) {
                fourByFour(k, x, xAt + i * xRow, xRow, w, row, wRow, bias, biasAt, y, column + i * yRow, yRow);
            }
            if (i <= m - 2) {
                twoByFour(k, x, xAt + i * xRow, xRow, w, row, wRow, bias, biasAt, y, column + i * yRow, yRow);
                i += 2;
            }
            if (i < m) {
                oneByFour(k, x, xAt + i * xRow, w, row, wRow, bias, biasAt, y, column + i * yRow);
            }
        }
        for (; j < to; j++) {
            for (int i = 0; i < m; i++) {
                oneByOne(k, x, xAt + i * xRow, w, wAt + j * wRow, bias, 4L * j, y, yAt + i * yRow + 4L * j);
            }
        }
    }

    /** One row of x, two chains for each row of W. */
    private static void oneByFour(int k, MemorySegment x, long xAt, MemorySegment w, long wAt, long wRow,
            MemorySegment bias, long biasAt, MemorySegment y, long yAt) {
        FloatVector a0 = FloatVector.zero(LANES), a1 = a0, a2 = a0, a3 = a0;
        FloatVector a0Odd = a0, a1Odd = a0, a2Odd = a0, a3Odd = a0;
        int lanes = LANES.length(), p = 0;
        for (; p <= k - 2 * lanes; p += 2 * lanes) {
            long xp = xAt + 4L * p, wp = wAt + 4L * p;
            FloatVector a = FloatVector.fromMemorySegment(LANES, x, xp, NATIVE);
            FloatVector w0 = FloatVector.fromMemorySegment(LANES, w, wp, NATIVE);
            a0 = a.fma(w0, a0);
            FloatVector w1 = FloatVector.fromMemorySegment(LANES, w, wp + wRow, NATIVE);
            a1 = a.fma(w1, a1);
            FloatVector w2 = FloatVector.fromMemorySegment(LANES, w, wp + 2 * wRow, NATIVE);
            a2 = a.fma(w2, a2);
            FloatVector w3 = FloatVector.fromMemorySegment(LANES, w, wp + 3 * wRow, NATIVE);
            a3 = a.fma(w3, a3);
            FloatVector aOdd = FloatVector.fromMemorySegment(LANES, x, xp + WIDTH, NATIVE);
            FloatVector w0Odd = FloatVector.fromMemorySegment(LANES, w, wp + WIDTH, NATIVE);
            a0Odd = aOdd.fma(w0Odd, a0Odd);
            FloatVector w1Odd = FloatVector.fromMemorySegment(LANES, w, wp + wRow + WIDTH, NATIVE);
            a1Odd = aOdd.fma(w1Odd, a1Odd);
            FloatVector w2Odd = FloatVector.fromMemorySegment(LANES, w, wp + 2 * wRow + WIDTH, NATIVE);
            a2Odd = aOdd.fma(w2Odd, a2Odd);
            FloatVector w3Odd = FloatVector.fromMemorySegment(LANES, w, wp + 3 * wRow + WIDTH, NATIVE);
            a3Odd = aOdd.fma(w3Odd, a3Odd);
        }
        a0 = a0.add(a0Odd);
        a1 = a1.add(a1Odd);
        a2 = a2.add(a2Odd);
        a3 = a3.add(a3Odd);
        for (; p <= k - lanes; p += lanes) {
            long xp = xAt + 4L * p, wp = wAt + 4L * p;
            FloatVector a = FloatVector.fromMemorySegment(LANES, x, xp, NATIVE);
            FloatVector w0 = FloatVector.fromMemorySegment(LANES, w, wp, NATIVE);
            a0 = a.fma(w0, a0);
            FloatVector w1 = FloatVector.fromMemorySegment(LANES, w, wp + wRow, NATIVE);
            a1 = a.fma(w1, a1);
            FloatVector w2 = FloatVector.fromMemorySegment(LANES, w, wp + 2 * wRow, NATIVE);
            a2 = a.fma(w2, a2);
            FloatVector w3 = FloatVector.fromMemorySegment(LANES, w, wp + 3 * wRow, NATIVE);
            a3 = a.fma(w3, a3);
        }
        if (p < k) {
            long xp = xAt + 4L * p, wp = wAt + 4L * p;
            VectorMask<Float> mask = LANES.indexInRange(p, k);
            FloatVector a = FloatVector.fromMemorySegment(LANES, x, xp, NATIVE, mask);
            FloatVector w0 = FloatVector.fromMemorySegment(LANES, w, wp, NATIVE, mask);
            a0 = a.fma(w0, a0);
            FloatVector w1 = FloatVector.fromMemorySegment(LANES, w, wp + wRow, NATIVE, mask);
            a1 = a.fma(w1, a1);
            FloatVector w2 = FloatVector.fromMemorySegment(LANES, w, wp + 2 * wRow, NATIVE, mask);
            a2 = a.fma(w2, a2);
            FloatVector w3 = FloatVector.fromMemorySegment(LANES, w, wp + 3 * wRow, NATIVE, mask);
            a3 = a.fma(w3, a3);
        }
        boolean biased = bias.byteSize() > 0;
        float bias0 = biased ? bias.get(FLOAT, biasAt) : 0;
        float bias1 = biased ? bias.get(FLOAT, biasAt + 4) : 0;
        float bias2 = biased ? bias.get(FLOAT, biasAt + 8) : 0;
        float bias3 = biased ? bias.get(FLOAT, biasAt + 12) : 0;
        y.set(FLOAT, yAt, a0.reduceLanes(VectorOperators.ADD) + bias0);
        y.set(FLOAT, yAt + 4, a1.reduceLanes(VectorOperators.ADD) + bias1);
        y.set(FLOAT, yAt + 8, a2.reduceLanes(VectorOperators.ADD) + bias2);
        y.set(FLOAT, yAt + 12, a3.reduceLanes(VectorOperators.ADD) + bias3);
    }

    /** Eight chains. */
    private static void twoByFour(int k, MemorySegment x, long xAt, long xRow, MemorySegment w, long wAt, long wRow,
            MemorySegment bias, long biasAt, MemorySegment y, long yAt, long yRow) {
        FloatVector a0 = FloatVector.zero(LANES), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
        int lanes = LANES.length(), p = 0;
        for (; p <= k - lanes; p += lanes) {
            long xp = xAt + 4L * p, wp = wAt + 4L * p;
            FloatVector a = FloatVector.fromMemorySegment(LANES, x, xp, NATIVE);
            FloatVector b = FloatVector.fromMemorySegment(LANES, x, xp + xRow, NATIVE);
            FloatVector w0 = FloatVector.fromMemorySegment(LANES, w, wp, NATIVE);
            a0 = a.fma(w0, a0);
            b0 = b.fma(w0, b0);
            FloatVector w1 = FloatVector.fromMemorySegment(LANES, w, wp + wRow, NATIVE);
            a1 = a.fma(w1, a1);
            b1 = b.fma(w1, b1);
            FloatVector w2 = FloatVector.fromMemorySegment(LANES, w, wp + 2 * wRow, NATIVE);
            a2 = a.fma(w2, a2);
            b2 = b.fma(w2, b2);
            FloatVector w3 = FloatVector.fromMemorySegment(LANES, w, wp + 3 * wRow, NATIVE);
            a3 = a.fma(w3, a3);
            b3 = b.fma(w3, b3);
        }
        if (p < k) {
            long xp = xAt + 4L * p, wp = wAt + 4L * p;
            VectorMask<Float> mask = LANES.indexInRange(p, k);
            FloatVector a = FloatVector.fromMemorySegment(LANES, x, xp, NATIVE, mask);
            FloatVector b = FloatVector.fromMemorySegment(LANES, x, xp + xRow, NATIVE, mask);
            FloatVector w0 = FloatVector.fromMemorySegment(LANES, w, wp, NATIVE, mask);
            a0 = a.fma(w0, a0);
            b0 = b.fma(w0, b0);
            FloatVector w1 = FloatVector.fromMemorySegment(LANES, w, wp + wRow, NATIVE, mask);
            a1 = a.fma(w1, a1);
            b1 = b.fma(w1, b1);
            FloatVector w2 = FloatVector.fromMemorySegment(LANES, w, wp + 2 * wRow, NATIVE, mask);
            a2 = a.fma(w2, a2);
            b2 = b.fma(w2, b2);
            FloatVector w3 = FloatVector.fromMemorySegment(LANES, w, wp + 3 * wRow, NATIVE, mask);
            a3 = a.fma(w3, a3);
            b3 = b.fma(w3, b3);
        }
        boolean biased = bias.byteSize() > 0;
        float bias0 = biased ? bias.get(FLOAT, biasAt) : 0;
        float bias1 = biased ? bias.get(FLOAT, biasAt + 4) : 0;
        float bias2 = biased ? bias.get(FLOAT, biasAt + 8) : 0;
        float bias3 = biased ? bias.get(FLOAT, biasAt + 12) : 0;
        y.set(FLOAT, yAt, a0.reduceLanes(VectorOperators.ADD) + bias0);
        y.set(FLOAT, yAt + 4, a1.reduceLanes(VectorOperators.ADD) + bias1);
        y.set(FLOAT, yAt + 8, a2.reduceLanes(VectorOperators.ADD) + bias2);
        y.set(FLOAT, yAt + 12, a3.reduceLanes(VectorOperators.ADD) + bias3);
        y.set(FLOAT, yAt + yRow, b0.reduceLanes(VectorOperators.ADD) + bias0);
        y.set(FLOAT, yAt + yRow + 4, b1.reduceLanes(VectorOperators.ADD) + bias1);
        y.set(FLOAT, yAt + yRow + 8, b2.reduceLanes(VectorOperators.ADD) + bias2);
        y.set(FLOAT, yAt + yRow + 12, b3.reduceLanes(VectorOperators.ADD) + bias3);
    }

    /** Sixteen chains. */
    private static void fourByFour(int k, MemorySegment x, long xAt, long xRow, MemorySegment w, long wAt, long wRow,
            MemorySegment bias, long biasAt, MemorySegment y, long yAt, long yRow) {
        FloatVector a0 = FloatVector.zero(LANES), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0,
                c0 = a0, c1 = a0, c2 = a0, c3 = a0, d0 = a0, d1 = a0, d2 = a0, d3 = a0;
        int lanes = LANES.length(), p = 0;
        for (; p <= k - lanes; p += lanes) {
            long xp = xAt + 4L * p, wp = wAt + 4L * p;
            FloatVector a = FloatVector.fromMemorySegment(LANES, x, xp, NATIVE);
            FloatVector b = FloatVector.fromMemorySegment(LANES, x, xp + xRow, NATIVE);
            FloatVector c = FloatVector.fromMemorySegment(LANES, x, xp + 2 * xRow, NATIVE);
            FloatVector d = FloatVector.fromMemorySegment(LANES, x, xp + 3 * xRow, NATIVE);
            FloatVector w0 = FloatVector.fromMemorySegment(LANES, w, wp, NATIVE);
            a0 = a.fma(w0, a0);
            b0 = b.fma(w0, b0);
            c0 = c.fma(w0, c0);
            d0 = d.fma(w0, d0);
            FloatVector w1 = FloatVector.fromMemorySegment(LANES, w, wp + wRow, NATIVE);
            a1 = a.fma(w1, a1);
            b1 = b.fma(w1, b1);
            c1 = c.fma(w1, c1);
            d1 = d.fma(w1, d1);
            FloatVector w2 = FloatVector.fromMemorySegment(LANES, w, wp + 2 * wRow, NATIVE);
            a2 = a.fma(w2, a2);
            b2 = b.fma(w2, b2);
            c2 = c.fma(w2, c2);
            d2 = d.fma(w2, d2);
            FloatVector w3 = FloatVector.fromMemorySegment(LANES, w, wp + 3 * wRow, NATIVE);
            a3 = a.fma(w3, a3);
            b3 = b.fma(w3, b3);
            c3 = c.fma(w3, c3);
            d3 = d.fma(w3, d3);
        }
        if (p < k) {
            long xp = xAt + 4L * p, wp = wAt + 4L * p;
            VectorMask<Float> mask = LANES.indexInRange(p, k);
            FloatVector a = FloatVector.fromMemorySegment(LANES, x, xp, NATIVE, mask);
            FloatVector b = FloatVector.fromMemorySegment(LANES, x, xp + xRow, NATIVE, mask);
            FloatVector c = FloatVector.fromMemorySegment(LANES, x, xp + 2 * xRow, NATIVE, mask);
            FloatVector d = FloatVector.fromMemorySegment(LANES, x, xp + 3 * xRow, NATIVE, mask);
            FloatVector w0 = FloatVector.fromMemorySegment(LANES, w, wp, NATIVE, mask);
            a0 = a.fma(w0, a0);
            b0 = b.fma(w0, b0);
            c0 = c.fma(w0, c0);
            d0 = d.fma(w0, d0);
            FloatVector w1 = FloatVector.fromMemorySegment(LANES, w, wp + wRow, NATIVE, mask);
            a1 = a.fma(w1, a1);
            b1 = b.fma(w1, b1);
            c1 = c.fma(w1, c1);
            d1 = d.fma(w1, d1);
            FloatVector w2 = FloatVector.fromMemorySegment(LANES, w, wp + 2 * wRow, NATIVE, mask);
            a2 = a.fma(w2, a2);
            b2 = b.fma(w2, b2);
            c2 = c.fma(w2, c2);
            d2 = d.fma(w2, d2);
            FloatVector w3 = FloatVector.fromMemorySegment(LANES, w, wp + 3 * wRow, NATIVE, mask);
            a3 = a.fma(w3, a3);
            b3 = b.fma(w3, b3);
            c3 = c.fma(w3, c3);
            d3 = d.fma(w3, d3);
        }
        boolean biased = bias.byteSize() > 0;
        float bias0 = biased ? bias.get(FLOAT, biasAt) : 0;
        float bias1 = biased ? bias.get(FLOAT, biasAt + 4) : 0;
        float bias2 = biased ? bias.get(FLOAT, biasAt + 8) : 0;
        float bias3 = biased ? bias.get(FLOAT, biasAt + 12) : 0;
        y.set(FLOAT, yAt, a0.reduceLanes(VectorOperators.ADD) + bias0);
        y.set(FLOAT, yAt + 4, a1.reduceLanes(VectorOperators.ADD) + bias1);
        y.set(FLOAT, yAt + 8, a2.reduceLanes(VectorOperators.ADD) + bias2);
        y.set(FLOAT, yAt + 12, a3.reduceLanes(VectorOperators.ADD) + bias3);
        y.set(FLOAT, yAt + yRow, b0.reduceLanes(VectorOperators.ADD) + bias0);
        y.set(FLOAT, yAt + yRow + 4, b1.reduceLanes(VectorOperators.ADD) + bias1);
        y.set(FLOAT, yAt + yRow + 8, b2.reduceLanes(VectorOperators.ADD) + bias2);
        y.set(FLOAT, yAt + yRow + 12, b3.reduceLanes(VectorOperators.ADD) + bias3);
        y.set(FLOAT, yAt + 2 * yRow, c0.reduceLanes(VectorOperators.ADD) + bias0);
        y.set(FLOAT, yAt + 2 * yRow + 4, c1.reduceLanes(VectorOperators.ADD) + bias1);
        y.set(FLOAT, yAt + 2 * yRow + 8, c2.reduceLanes(VectorOperators.ADD) + bias2);
        y.set(FLOAT, yAt + 2 * yRow + 12, c3.reduceLanes(VectorOperators.ADD) + bias3);
        y.set(FLOAT, yAt + 3 * yRow, d0.reduceLanes(VectorOperators.ADD) + bias0);
        y.set(FLOAT, yAt + 3 * yRow + 4, d1.reduceLanes(VectorOperators.ADD) + bias1);
        y.set(FLOAT, yAt + 3 * yRow + 8, d2.reduceLanes(VectorOperators.ADD) + bias2);
        y.set(FLOAT, yAt + 3 * yRow + 12, d3.reduceLanes(VectorOperators.ADD) + bias3);
    }

    /** The last rows of W. */
    private static void oneByOne(int k, MemorySegment x, long xAt, MemorySegment w, long wAt,
            MemorySegment bias, long biasAt, MemorySegment y, long yAt) {
        FloatVector a0 = FloatVector.zero(LANES);
        FloatVector a0Odd = a0;
        int lanes = LANES.length(), p = 0;
        for (; p <= k - 2 * lanes; p += 2 * lanes) {
            long xp = xAt + 4L * p, wp = wAt + 4L * p;
            FloatVector a = FloatVector.fromMemorySegment(LANES, x, xp, NATIVE);
            FloatVector w0 = FloatVector.fromMemorySegment(LANES, w, wp, NATIVE);
            a0 = a.fma(w0, a0);
            FloatVector aOdd = FloatVector.fromMemorySegment(LANES, x, xp + WIDTH, NATIVE);
            FloatVector w0Odd = FloatVector.fromMemorySegment(LANES, w, wp + WIDTH, NATIVE);
            a0Odd = aOdd.fma(w0Odd, a0Odd);
        }
        a0 = a0.add(a0Odd);
        for (; p <= k - lanes; p += lanes) {
            long xp = xAt + 4L * p, wp = wAt + 4L * p;
            FloatVector a = FloatVector.fromMemorySegment(LANES, x, xp, NATIVE);
            FloatVector w0 = FloatVector.fromMemorySegment(LANES, w, wp, NATIVE);
            a0 = a.fma(w0, a0);
        }
        if (p < k) {
            long xp = xAt + 4L * p, wp = wAt + 4L * p;
            VectorMask<Float> mask = LANES.indexInRange(p, k);
            FloatVector a = FloatVector.fromMemorySegment(LANES, x, xp, NATIVE, mask);
            FloatVector w0 = FloatVector.fromMemorySegment(LANES, w, wp, NATIVE, mask);
            a0 = a.fma(w0, a0);
        }
        boolean biased = bias.byteSize() > 0;
        float bias0 = biased ? bias.get(FLOAT, biasAt) : 0;
        y.set(FLOAT, yAt, a0.reduceLanes(VectorOperators.ADD) + bias0);
    }
}

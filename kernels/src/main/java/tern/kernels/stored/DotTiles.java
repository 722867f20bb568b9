package tern.kernels.stored;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

import tern.kernels.lanes.Lanes;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * {@link Dots} where there are thirty-two registers of sixteen lanes: tiles of four rows of x by three of W, each sum in two
 * chains, so that fourteen vectors fetched serve twenty-four multiply–adds. The bits are those of {@link Dots}. Stateless.
 *
 * <p>Measured on one core, 768 columns, eight rows of x, rows of W in Q4_0: decoding takes 27 ns a row of W, the tiles 67;
 * two rows of x by four of W take 120 where these take 67. Vectors of an array on the heap mostly straddle two cache
 * lines, which is why the fetches, not the multiply–adds, are the limit here.
 */
final class DotTiles {
    /** Rows of x of a tile. */
    static final int DOWN = 4;
    /** Rows of W of a tile. */
    private static final int ACROSS = 3;
    /** Rows of W whose sums are added up together: their vectors are a multiple of {@link Sums#TOGETHER}. */
    static final int GROUP = 4 * ACROSS;
    private static final VectorSpecies<Float> LANES = Lanes.SPECIES;
    private static final int LENGTH = Lanes.LENGTH;
    private static final int FEWEST = 3;

    private DotTiles() {
    }

    /** Whether tiles are the way for so many rows of x. */
    static boolean takes(int m, int k) {
        return LENGTH == Sums.TOGETHER && m >= FEWEST && k % (2 * LENGTH) == 0;
    }

    /** Rows of x with those that fill the last tile. */
    static int padded(int m) {
        return (m + DOWN - 1) / DOWN * DOWN;
    }

    /**
     * Rows {@code from} to {@code to} of W with m rows of x.
     *
     * @param x {@link #padded} rows, of which what is behind the first m goes nowhere
     * @param piece rows of W that are fetched from memory at once, a multiple of {@link #GROUP}
     * @param y of the first row of x, rows {@code yRow} bytes apart
     */
    static void multiply(DType type, int m, int k, float[] x, MemorySegment w, int row, int piece, int from, int to,
            MemorySegment bias, MemorySegment y, long yRow, Workspace scratch) {
        // Few instructions decode these, so many lines of memory are in sight without a copy.
        boolean direct = type == DType.BF16;
        byte[] near = scratch.bytes((direct ? 0 : piece * row) + Decoder.SMALL);
        float[] decoded = scratch.floats(ACROSS * k), scales = scratch.floats(Decoder.SPARE);
        int sums = padded(m) * GROUP, all = to - from;
        float[] vectors = scratch.floats(sums * LENGTH + sums), results = scratch.floats(m * all);
        for (int next = from, count; next < to; next += count) {
            count = Math.min(piece, to - next);
            if (!direct) {
                MemorySegment.copy(w, ValueLayout.JAVA_BYTE, (long) next * row, near, 0, count * row);
            }
            for (int j = 0; j < count; j += GROUP) {
                int valid = Math.min(GROUP, count - j);
                for (int t = 0, v = 0; t < valid; t += ACROSS) {
                    for (int r = 0; r < Math.min(ACROSS, valid - t); r++) {
                        int which = j + t + r;
                        if (direct) {
                            Decoder.brains(w, (long) (next + which) * row, k, decoded, r * k);
                        } else {
                            Decoder.decode(type, near, which * row, k, decoded, r * k, scales, near, piece * row);
                        }
                    }
                    for (int i = 0; i < m; i += DOWN, v += DOWN * ACROSS * LENGTH) {
                        fourByThree(k, x, i * k, decoded, vectors, v);
                    }
                }
                for (int v = 0; v < sums; v += Sums.TOGETHER) {
                    Sums.addUp(vectors, v * LENGTH, sums * LENGTH + v);
                }
                for (int i = 0; i < m; i++) {
                    gather(vectors, sums * LENGTH, padded(m), i, valid, results, i * all + next - from + j);
                }
            }
        }
        for (int i = 0; i < m; i++) {
            if (bias.byteSize() > 0) {
                for (int j = 0; j < all; j++) {
                    results[i * all + j] += bias.get(Tensor.FLOAT, 4L * (from + j));
                }
            }
            MemorySegment.copy(results, i * all, y, Tensor.FLOAT, i * yRow + 4L * from, all);
        }
    }

    /** The sums of one row of x, side by side. */
    private static void gather(float[] sums, int at, int rows, int i, int valid, float[] results, int to) {
        int first = at + i / DOWN * DOWN * ACROSS + i % DOWN * ACROSS;
        for (int j = 0; j < valid; j++) {
            results[to + j] = sums[first + j / ACROSS * rows * ACROSS + j % ACROSS];
        }
    }

    /**
     * Twelve sums, each added up from its two chains; rows are multiples of two vectors long.
     *
     * @param x rows one after the other from {@code xAt} on
     * @param v the sums of the first row of x with each row of W, then those of the second, and so on, a vector each
     */
    private static void fourByThree(int k, float[] x, int xAt, float[] w, float[] v, int at) {
        int x1 = xAt + k, x2 = x1 + k, x3 = x2 + k, w2 = 2 * k;
        FloatVector a0 = FloatVector.zero(LANES), a1 = a0, a2 = a0, b0 = a0, b1 = a0, b2 = a0, c0 = a0, c1 = a0,
                c2 = a0, d0 = a0, d1 = a0, d2 = a0, e0 = a0, e1 = a0, e2 = a0, f0 = a0, f1 = a0, f2 = a0, g0 = a0,
                g1 = a0, g2 = a0, h0 = a0, h1 = a0, h2 = a0;
        for (int p = 0; p < k; p += 2 * LENGTH) {
            FloatVector u0 = FloatVector.fromArray(LANES, w, p), u1 = FloatVector.fromArray(LANES, w, k + p),
                    u2 = FloatVector.fromArray(LANES, w, w2 + p);
            FloatVector y0 = FloatVector.fromArray(LANES, x, xAt + p);
            a0 = y0.fma(u0, a0);
            a1 = y0.fma(u1, a1);
            a2 = y0.fma(u2, a2);
            FloatVector y1 = FloatVector.fromArray(LANES, x, x1 + p);
            b0 = y1.fma(u0, b0);
            b1 = y1.fma(u1, b1);
            b2 = y1.fma(u2, b2);
            FloatVector y2 = FloatVector.fromArray(LANES, x, x2 + p);
            c0 = y2.fma(u0, c0);
            c1 = y2.fma(u1, c1);
            c2 = y2.fma(u2, c2);
            FloatVector y3 = FloatVector.fromArray(LANES, x, x3 + p);
            d0 = y3.fma(u0, d0);
            d1 = y3.fma(u1, d1);
            d2 = y3.fma(u2, d2);
            u0 = FloatVector.fromArray(LANES, w, p + LENGTH);
            u1 = FloatVector.fromArray(LANES, w, k + p + LENGTH);
            u2 = FloatVector.fromArray(LANES, w, w2 + p + LENGTH);
            y0 = FloatVector.fromArray(LANES, x, xAt + p + LENGTH);
            e0 = y0.fma(u0, e0);
            e1 = y0.fma(u1, e1);
            e2 = y0.fma(u2, e2);
            y1 = FloatVector.fromArray(LANES, x, x1 + p + LENGTH);
            f0 = y1.fma(u0, f0);
            f1 = y1.fma(u1, f1);
            f2 = y1.fma(u2, f2);
            y2 = FloatVector.fromArray(LANES, x, x2 + p + LENGTH);
            g0 = y2.fma(u0, g0);
            g1 = y2.fma(u1, g1);
            g2 = y2.fma(u2, g2);
            y3 = FloatVector.fromArray(LANES, x, x3 + p + LENGTH);
            h0 = y3.fma(u0, h0);
            h1 = y3.fma(u1, h1);
            h2 = y3.fma(u2, h2);
        }
        a0.add(e0).intoArray(v, at + 0 * LENGTH);
        a1.add(e1).intoArray(v, at + 1 * LENGTH);
        a2.add(e2).intoArray(v, at + 2 * LENGTH);
        b0.add(f0).intoArray(v, at + 3 * LENGTH);
        b1.add(f1).intoArray(v, at + 4 * LENGTH);
        b2.add(f2).intoArray(v, at + 5 * LENGTH);
        c0.add(g0).intoArray(v, at + 6 * LENGTH);
        c1.add(g1).intoArray(v, at + 7 * LENGTH);
        c2.add(g2).intoArray(v, at + 8 * LENGTH);
        d0.add(h0).intoArray(v, at + 9 * LENGTH);
        d1.add(h1).intoArray(v, at + 10 * LENGTH);
        d2.add(h2).intoArray(v, at + 11 * LENGTH);
    }
}

package tern.kernels.matmul;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

import tern.kernels.lanes.Lanes;
import tern.tensor.Tensor;

/**
 * y = x·Wᵀ + bias for few rows of x, as decoding has them: inner products straight from the rows of W, each read once and
 * in order, because then memory is the limit. Eight rows of W a pass (four where there are sixteen vector registers) keep
 * enough loads under way for one row of x or two. More rows share a pass in {@link Wide} tiles, because then arithmetic comes
 * near to being the limit. The lanes of all sums of a pass are added together at its end, in an order that is the same however
 * the methods were compiled and however many rows there are. Stateless.
 */
final class FewRows {
    /** More rows than this are worth packing W. */
    static final int MOST = 16;
    private static final VectorSpecies<Float> LANES = Tile.LANES;
    private static final boolean HAS_SIXTEEN = LANES.length() == 16;
    private static final VectorSpecies<Float> SIXTEEN = FloatVector.SPECIES_512;
    private static final long WIDTH = LANES.vectorByteSize();
    /** Up to so many numbers a row is short. */
    private static final int SHORT = 256;
    /** Larger matrices are likely to come from memory. */
    static final long IN_CACHES_BYTES = 1L << 21;
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    private static final VectorShuffle<Float> SWAP_1 = Panels.SWAP_1, SWAP_2 = Panels.SWAP_2, SWAP_4 = Panels.SWAP_4,
            SWAP_8 = Panels.SWAP_8;
    private static final VectorMask<Float> ODD_1 = Panels.ODD_1, ODD_2 = Panels.ODD_2, ODD_4 = Panels.ODD_4,
            ODD_8 = Panels.ODD_8;
    private static final VectorMask<Float> LOWER = VectorMask.fromLong(SIXTEEN, 0x00FF);

    /** Rows of W a pass. */
    static final int PASS = HAS_SIXTEEN ? 8 : 4;
    /** Floats of scratch that a pass needs: a vector for each sum, and the sums. */
    static final int SPARE = 32 * LANES.length();

    private FewRows() {
    }

    /**
     * Columns {@code from} to {@code to} of y: m rows, k steps each. Offsets and row lengths are in bytes; they are those of
     * the whole matrices.
     *
     * @param bias one number for each row of W; empty for none
     * @param spare {@link #SPARE} floats
     */
    static void multiply(int m, int k, int from, int to, MemorySegment x, long xAt, long xRow, MemorySegment w,
            long wAt,
            long wRow, MemorySegment bias, MemorySegment y, long yAt, long yRow, MemorySegment spare) {
        if (to - from < PASS) {
            for (int j = from; j < to; j++) {
                float added = bias.byteSize() > 0 ? bias.get(Tensor.FLOAT, 4L * j) : 0;
                for (int i = 0; i < m; i++) {
                    y.set(Tensor.FLOAT, yAt + i * yRow + 4L * j, one(k, x, xAt + i * xRow, w, wAt + j * wRow) + added);
                }
            }
        }
        for (int next = from; next < to && to - from >= PASS; next += PASS) {
            // The last pass may go over rows once more, with the same results.
            int j = Math.min(next, to - PASS), rows;
            for (int i = 0; i < m; i += rows) {
                rows = Math.min(2, m - i);
                pass(rows, k, x, xAt + i * xRow, xRow, w, wAt + j * wRow, wRow, bias, 4L * j, y,
                        yAt + i * yRow + 4L * j, yRow, spare);
            }
        }
        int whole = k - k % LANES.length();
        if (whole < k) {
            addTails(m, k - whole, from, to, x, xAt + 4L * whole, xRow, w, wAt + 4L * whole, wRow, y, yAt, yRow);
        }
    }

    /** Steps after the last whole vector. */
    static void addTails(int m, int k, int from, int to, MemorySegment x, long xAt, long xRow, MemorySegment w,
            long wAt, long wRow, MemorySegment y, long yAt, long yRow) {
        VectorMask<Float> mask = LANES.indexInRange(0, k);
        for (int i = 0; i < m; i++) {
            FloatVector a = FloatVector.fromMemorySegment(LANES, x, xAt + i * xRow, NATIVE, mask);
            for (int j = from; j < to; j++) {
                FloatVector b = FloatVector.fromMemorySegment(LANES, w, wAt + j * wRow, NATIVE, mask);
                long at = yAt + i * yRow + 4L * j;
                y.set(Tensor.FLOAT, at, y.get(Tensor.FLOAT, at) + Lanes.sum(a.mul(b)));
            }
        }
    }

    private static void pass(int rows, int k, MemorySegment x, long xAt, long xRow, MemorySegment w, long wAt,
            long wRow,
            MemorySegment bias, long biasAt, MemorySegment y, long yAt, long yRow, MemorySegment spare) {
        if (!HAS_SIXTEEN) {
            if (rows == 2) {
                fourByTwo(k, x, xAt, xRow, w, wAt, wRow, spare);
            } else {
                fourByOne(k, x, xAt, w, wAt, wRow, spare);
            }
            for (int i = 0; i < rows; i++) {
                storeSums(spare, PASS * WIDTH * i, bias, biasAt, y, yAt + i * yRow);
            }
        } else if (rows == 2) {
            eightByTwo(k, x, xAt, xRow, w, wAt, wRow, spare);
            storeSixteen(spare, bias, biasAt, y, yAt, yAt + yRow);
        } else {
            if (w.byteSize() > IN_CACHES_BYTES && k % (4 * LANES.length()) == 0) {
                oneByOneInFours(k, x, xAt, w, wAt, wRow, spare);
            } else if (k <= SHORT) {
                oneByOne(k, x, xAt, w, wAt, wRow, spare);
            } else {
                eightByOne(k, x, xAt, w, wAt, wRow, spare);
            }
            storeEight(spare, bias, biasAt, y, yAt);
        }
    }

    /** Sixteen chains, nineteen registers. */
    private static void eightByTwo(int k, MemorySegment x, long xAt, long xRow, MemorySegment w, long wAt, long wRow,
            MemorySegment spare) {
        FloatVector a0 = FloatVector.zero(LANES), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0,
                b0 = a0, b1 = a0, b2 = a0, b3 = a0, b4 = a0, b5 = a0, b6 = a0, b7 = a0;
        int lanes = LANES.length();
        for (int p = 0; p <= k - lanes; p += lanes) {
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
            FloatVector w4 = FloatVector.fromMemorySegment(LANES, w, wp + 4 * wRow, NATIVE);
            a4 = a.fma(w4, a4);
            b4 = b.fma(w4, b4);
            FloatVector w5 = FloatVector.fromMemorySegment(LANES, w, wp + 5 * wRow, NATIVE);
            a5 = a.fma(w5, a5);
            b5 = b.fma(w5, b5);
            FloatVector w6 = FloatVector.fromMemorySegment(LANES, w, wp + 6 * wRow, NATIVE);
            a6 = a.fma(w6, a6);
            b6 = b.fma(w6, b6);
            FloatVector w7 = FloatVector.fromMemorySegment(LANES, w, wp + 7 * wRow, NATIVE);
            a7 = a.fma(w7, a7);
            b7 = b.fma(w7, b7);
        }
        a0.intoMemorySegment(spare, 0, NATIVE);
        a1.intoMemorySegment(spare, WIDTH, NATIVE);
        a2.intoMemorySegment(spare, 2 * WIDTH, NATIVE);
        a3.intoMemorySegment(spare, 3 * WIDTH, NATIVE);
        a4.intoMemorySegment(spare, 4 * WIDTH, NATIVE);
        a5.intoMemorySegment(spare, 5 * WIDTH, NATIVE);
        a6.intoMemorySegment(spare, 6 * WIDTH, NATIVE);
        a7.intoMemorySegment(spare, 7 * WIDTH, NATIVE);
        b0.intoMemorySegment(spare, 8 * WIDTH, NATIVE);
        b1.intoMemorySegment(spare, 9 * WIDTH, NATIVE);
        b2.intoMemorySegment(spare, 10 * WIDTH, NATIVE);
        b3.intoMemorySegment(spare, 11 * WIDTH, NATIVE);
        b4.intoMemorySegment(spare, 12 * WIDTH, NATIVE);
        b5.intoMemorySegment(spare, 13 * WIDTH, NATIVE);
        b6.intoMemorySegment(spare, 14 * WIDTH, NATIVE);
        b7.intoMemorySegment(spare, 15 * WIDTH, NATIVE);
    }

    /**
     * Row after row, which a processor that fetches ahead follows better than several rows beside each other. The loop ends by
     * {@code !=}, so that it is not unrolled beyond the length of a row.
     */
    private static void oneByOne(int k, MemorySegment x, long xAt, MemorySegment w, long wAt, long wRow,
            MemorySegment spare) {
        int whole = k - k % LANES.length();
        for (int j = 0; j < PASS; j++) {
            FloatVector a = FloatVector.zero(LANES);
            long wp = wAt + j * wRow;
            for (int p = 0; p != whole; p += LANES.length()) {
                a = FloatVector.fromMemorySegment(LANES, x, xAt + 4L * p, NATIVE)
                        .fma(FloatVector.fromMemorySegment(LANES, w, wp + 4L * p, NATIVE), a);
            }
            a.intoMemorySegment(spare, j * WIDTH, NATIVE);
        }
    }

    /**
     * {@link #oneByOne} for rows of a multiple of four vectors. Over a mapped file, whose pages are small, eight rows beside each
     * other are eight runs of pages; what lies in the caches goes faster in that way.
     */
    private static void oneByOneInFours(int k, MemorySegment x, long xAt, MemorySegment w, long wAt, long wRow,
            MemorySegment spare) {
        for (int j = 0; j < PASS; j++) {
            FloatVector a = FloatVector.zero(LANES);
            long xp = xAt, wp = wAt + j * wRow;
            for (int p = 0; p != k; p += 4 * LANES.length()) {
                a = FloatVector.fromMemorySegment(LANES, x, xp, NATIVE)
                        .fma(FloatVector.fromMemorySegment(LANES, w, wp, NATIVE), a);
                a = FloatVector.fromMemorySegment(LANES, x, xp + WIDTH, NATIVE)
                        .fma(FloatVector.fromMemorySegment(LANES, w, wp + WIDTH, NATIVE), a);
                a = FloatVector.fromMemorySegment(LANES, x, xp + 2 * WIDTH, NATIVE)
                        .fma(FloatVector.fromMemorySegment(LANES, w, wp + 2 * WIDTH, NATIVE), a);
                a = FloatVector.fromMemorySegment(LANES, x, xp + 3 * WIDTH, NATIVE)
                        .fma(FloatVector.fromMemorySegment(LANES, w, wp + 3 * WIDTH, NATIVE), a);
                xp += 4 * WIDTH;
                wp += 4 * WIDTH;
            }
            a.intoMemorySegment(spare, j * WIDTH, NATIVE);
        }
    }

    /** Eight chains. */
    private static void eightByOne(int k, MemorySegment x, long xAt, MemorySegment w, long wAt, long wRow,
            MemorySegment spare) {
        FloatVector a0 = FloatVector.zero(LANES), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
        int lanes = LANES.length();
        for (int p = 0; p <= k - lanes; p += lanes) {
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
            FloatVector w4 = FloatVector.fromMemorySegment(LANES, w, wp + 4 * wRow, NATIVE);
            a4 = a.fma(w4, a4);
            FloatVector w5 = FloatVector.fromMemorySegment(LANES, w, wp + 5 * wRow, NATIVE);
            a5 = a.fma(w5, a5);
            FloatVector w6 = FloatVector.fromMemorySegment(LANES, w, wp + 6 * wRow, NATIVE);
            a6 = a.fma(w6, a6);
            FloatVector w7 = FloatVector.fromMemorySegment(LANES, w, wp + 7 * wRow, NATIVE);
            a7 = a.fma(w7, a7);
        }
        a0.intoMemorySegment(spare, 0, NATIVE);
        a1.intoMemorySegment(spare, WIDTH, NATIVE);
        a2.intoMemorySegment(spare, 2 * WIDTH, NATIVE);
        a3.intoMemorySegment(spare, 3 * WIDTH, NATIVE);
        a4.intoMemorySegment(spare, 4 * WIDTH, NATIVE);
        a5.intoMemorySegment(spare, 5 * WIDTH, NATIVE);
        a6.intoMemorySegment(spare, 6 * WIDTH, NATIVE);
        a7.intoMemorySegment(spare, 7 * WIDTH, NATIVE);
    }

    /** Eight chains, eleven registers. */
    private static void fourByTwo(int k, MemorySegment x, long xAt, long xRow, MemorySegment w, long wAt, long wRow,
            MemorySegment spare) {
        FloatVector a0 = FloatVector.zero(LANES), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
        int lanes = LANES.length();
        for (int p = 0; p <= k - lanes; p += lanes) {
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
        a0.intoMemorySegment(spare, 0, NATIVE);
        a1.intoMemorySegment(spare, WIDTH, NATIVE);
        a2.intoMemorySegment(spare, 2 * WIDTH, NATIVE);
        a3.intoMemorySegment(spare, 3 * WIDTH, NATIVE);
        b0.intoMemorySegment(spare, 4 * WIDTH, NATIVE);
        b1.intoMemorySegment(spare, 5 * WIDTH, NATIVE);
        b2.intoMemorySegment(spare, 6 * WIDTH, NATIVE);
        b3.intoMemorySegment(spare, 7 * WIDTH, NATIVE);
    }

    /** Four chains. */
    private static void fourByOne(int k, MemorySegment x, long xAt, MemorySegment w, long wAt, long wRow,
            MemorySegment spare) {
        FloatVector a0 = FloatVector.zero(LANES), a1 = a0, a2 = a0, a3 = a0;
        int lanes = LANES.length();
        for (int p = 0; p <= k - lanes; p += lanes) {
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
        a0.intoMemorySegment(spare, 0, NATIVE);
        a1.intoMemorySegment(spare, WIDTH, NATIVE);
        a2.intoMemorySegment(spare, 2 * WIDTH, NATIVE);
        a3.intoMemorySegment(spare, 3 * WIDTH, NATIVE);
    }

    /** The last rows of W where they are fewer than a pass. */
    private static float one(int k, MemorySegment x, long xAt, MemorySegment w, long wAt) {
        FloatVector sum = FloatVector.zero(LANES);
        int lanes = LANES.length();
        for (int p = 0; p <= k - lanes; p += lanes) {
            sum = FloatVector.fromMemorySegment(LANES, x, xAt + 4L * p, NATIVE)
                    .fma(FloatVector.fromMemorySegment(LANES, w, wAt + 4L * p, NATIVE), sum);
        }
        return Lanes.sum(sum);
    }

    /** Adds up the lanes of {@link #PASS} vectors one by one. */
    private static void storeSums(MemorySegment spare, long at, MemorySegment bias, long biasAt, MemorySegment y,
            long yAt) {
        for (int j = 0; j < PASS; j++) {
            float sum = Lanes.sum(FloatVector.fromMemorySegment(LANES, spare, at + WIDTH * j, NATIVE));
            y.set(Tensor.FLOAT, yAt + 4L * j,
                    bias.byteSize() > 0 ? sum + bias.get(Tensor.FLOAT, biasAt + 4L * j) : sum);
        }
    }

    /** Adds up the lanes of sixteen vectors, eight for each of two rows of y. */
    private static void storeSixteen(MemorySegment spare, MemorySegment bias, long biasAt, MemorySegment y, long yAt,
            long nextAt) {
        addSixteen(spare, 0, 0);
        FloatVector first = FloatVector.fromMemorySegment(SIXTEEN, spare, 0, NATIVE);
        FloatVector second = first.rearrange(SWAP_8);
        if (bias.byteSize() > 0) {
            FloatVector added = FloatVector.fromMemorySegment(SIXTEEN, bias, biasAt, NATIVE, LOWER);
            first = first.add(added);
            second = second.add(added);
        }
        first.intoMemorySegment(y, yAt, NATIVE, LOWER);
        second.intoMemorySegment(y, nextAt, NATIVE, LOWER);
    }

    /**
     * Adds up the lanes of sixteen vectors: a transposition by halves ({@link Panels}) that adds the two vectors of each
     * exchange, so that lane i of the last one is the sum of vector i.
     *
     * @param to offset at which the sums are stored; may be {@code from}
     */
    static void addSixteen(MemorySegment spare, long from, long to) {
        FloatVector a0 = FloatVector.fromMemorySegment(SIXTEEN, spare, from, NATIVE);
        FloatVector a1 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + WIDTH, NATIVE);
        FloatVector a2 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 2 * WIDTH, NATIVE);
        FloatVector a3 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 3 * WIDTH, NATIVE);
        FloatVector a4 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 4 * WIDTH, NATIVE);
        FloatVector a5 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 5 * WIDTH, NATIVE);
        FloatVector a6 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 6 * WIDTH, NATIVE);
        FloatVector a7 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 7 * WIDTH, NATIVE);
        FloatVector a8 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 8 * WIDTH, NATIVE);
        FloatVector a9 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 9 * WIDTH, NATIVE);
        FloatVector a10 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 10 * WIDTH, NATIVE);
        FloatVector a11 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 11 * WIDTH, NATIVE);
        FloatVector a12 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 12 * WIDTH, NATIVE);
        FloatVector a13 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 13 * WIDTH, NATIVE);
        FloatVector a14 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 14 * WIDTH, NATIVE);
        FloatVector a15 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 15 * WIDTH, NATIVE);
        FloatVector b0 = a0.blend(a1.rearrange(SWAP_1), ODD_1).add(a0.rearrange(SWAP_1).blend(a1, ODD_1));
        FloatVector b1 = a2.blend(a3.rearrange(SWAP_1), ODD_1).add(a2.rearrange(SWAP_1).blend(a3, ODD_1));
        FloatVector b2 = a4.blend(a5.rearrange(SWAP_1), ODD_1).add(a4.rearrange(SWAP_1).blend(a5, ODD_1));
        FloatVector b3 = a6.blend(a7.rearrange(SWAP_1), ODD_1).add(a6.rearrange(SWAP_1).blend(a7, ODD_1));
        FloatVector b4 = a8.blend(a9.rearrange(SWAP_1), ODD_1).add(a8.rearrange(SWAP_1).blend(a9, ODD_1));
        FloatVector b5 = a10.blend(a11.rearrange(SWAP_1), ODD_1).add(a10.rearrange(SWAP_1).blend(a11, ODD_1));
        FloatVector b6 = a12.blend(a13.rearrange(SWAP_1), ODD_1).add(a12.rearrange(SWAP_1).blend(a13, ODD_1));
        FloatVector b7 = a14.blend(a15.rearrange(SWAP_1), ODD_1).add(a14.rearrange(SWAP_1).blend(a15, ODD_1));
        FloatVector c0 = b0.blend(b1.rearrange(SWAP_2), ODD_2).add(b0.rearrange(SWAP_2).blend(b1, ODD_2));
        FloatVector c1 = b2.blend(b3.rearrange(SWAP_2), ODD_2).add(b2.rearrange(SWAP_2).blend(b3, ODD_2));
        FloatVector c2 = b4.blend(b5.rearrange(SWAP_2), ODD_2).add(b4.rearrange(SWAP_2).blend(b5, ODD_2));
        FloatVector c3 = b6.blend(b7.rearrange(SWAP_2), ODD_2).add(b6.rearrange(SWAP_2).blend(b7, ODD_2));
        FloatVector d0 = c0.blend(c1.rearrange(SWAP_4), ODD_4).add(c0.rearrange(SWAP_4).blend(c1, ODD_4));
        FloatVector d1 = c2.blend(c3.rearrange(SWAP_4), ODD_4).add(c2.rearrange(SWAP_4).blend(c3, ODD_4));
        d0.blend(d1.rearrange(SWAP_8), ODD_8).add(d0.rearrange(SWAP_8).blend(d1, ODD_8)).intoMemorySegment(spare, to,
                NATIVE);
    }

    /** {@link #storeSixteen} for one row of y. */
    private static void storeEight(MemorySegment spare, MemorySegment bias, long biasAt, MemorySegment y, long yAt) {
        addEight(spare, 0, 0);
        FloatVector sum = FloatVector.fromMemorySegment(SIXTEEN, spare, 0, NATIVE);
        if (bias.byteSize() > 0) {
            sum = sum.add(FloatVector.fromMemorySegment(SIXTEEN, bias, biasAt, NATIVE, LOWER));
        }
        sum.intoMemorySegment(y, yAt, NATIVE, LOWER);
    }

    /** {@link #addSixteen} for eight vectors; their sums are stored twice, side by side. */
    static void addEight(MemorySegment spare, long from, long to) {
        FloatVector a0 = FloatVector.fromMemorySegment(SIXTEEN, spare, from, NATIVE);
        FloatVector a1 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + WIDTH, NATIVE);
        FloatVector a2 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 2 * WIDTH, NATIVE);
        FloatVector a3 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 3 * WIDTH, NATIVE);
        FloatVector a4 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 4 * WIDTH, NATIVE);
        FloatVector a5 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 5 * WIDTH, NATIVE);
        FloatVector a6 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 6 * WIDTH, NATIVE);
        FloatVector a7 = FloatVector.fromMemorySegment(SIXTEEN, spare, from + 7 * WIDTH, NATIVE);
        FloatVector b0 = a0.blend(a1.rearrange(SWAP_1), ODD_1).add(a0.rearrange(SWAP_1).blend(a1, ODD_1));
        FloatVector b1 = a2.blend(a3.rearrange(SWAP_1), ODD_1).add(a2.rearrange(SWAP_1).blend(a3, ODD_1));
        FloatVector b2 = a4.blend(a5.rearrange(SWAP_1), ODD_1).add(a4.rearrange(SWAP_1).blend(a5, ODD_1));
        FloatVector b3 = a6.blend(a7.rearrange(SWAP_1), ODD_1).add(a6.rearrange(SWAP_1).blend(a7, ODD_1));
        FloatVector c0 = b0.blend(b1.rearrange(SWAP_2), ODD_2).add(b0.rearrange(SWAP_2).blend(b1, ODD_2));
        FloatVector c1 = b2.blend(b3.rearrange(SWAP_2), ODD_2).add(b2.rearrange(SWAP_2).blend(b3, ODD_2));
        FloatVector d0 = c0.blend(c1.rearrange(SWAP_4), ODD_4).add(c0.rearrange(SWAP_4).blend(c1, ODD_4));
        d0.add(d0.rearrange(SWAP_8)).intoMemorySegment(spare, to, NATIVE);
    }
}

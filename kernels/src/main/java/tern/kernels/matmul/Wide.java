package tern.kernels.matmul;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link FewRows} for three rows of x and more, where there are thirty-two registers of sixteen lanes: tiles of twenty-four
 * sums, four rows of x by six of W, so that a number fetched serves several multiply–adds and a row of W is fetched from memory
 * once. The bits are those of {@link FewRows}. Stateless.
 *
 * <p>x is copied with the vectors of a tile's four rows side by side: rows of a power of two would all fall into the same few
 * lines of the first-level cache, and drive each other and W out.
 */
final class Wide {
    private static final VectorSpecies<Float> LANES = Tile.LANES;
    private static final long WIDTH = LANES.vectorByteSize();
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    private static final int FEWEST = 3;
    /** More could not be counted in bytes. */
    private static final int MOST_STEPS = 1 << 29;
    /** Rows of x of a tile. */
    private static final int DOWN = 4;
    /** Rows of W of a tile. */
    static final int ACROSS = 6;
    /** Bytes of a W that is likely to be in memory when it is needed. */
    private static final long FROM_MEMORY_BYTES = 1L << 22;
    private static final ValueLayout.OfInt ANY = ValueLayout.JAVA_INT_UNALIGNED;
    /** A place of {@link FewRows#SPARE} that the sums of a tile leave. */
    private static final long FETCHED = DOWN * ACROSS * WIDTH;

    private Wide() {
    }

    /** Whether tiles are the way for so many rows of x and of W, and steps. */
    static boolean takes(int m, int n, int k) {
        return LANES.length() == 16 && k < MOST_STEPS && m >= FEWEST && m <= FewRows.MOST && n >= FewRows.PASS;
    }

    /** Floats of the copy of x. */
    static long leftFloats(int m, int k) {
        return (m + DOWN - 1L) / DOWN * DOWN * k;
    }

    /** Copies the whole vectors of x; rows that the last tile has too many repeat the last. */
    static void pack(int m, int k, MemorySegment x, long xAt, long xRow, MemorySegment left) {
        int vectors = k / LANES.length();
        for (int i = 0; i < m; i += DOWN) {
            for (int r = 0; r < DOWN; r++) {
                packRow(vectors, x, xAt + Math.min(i + r, m - 1) * xRow, left, WIDTH * ((long) i * vectors + r));
            }
        }
    }

    private static void packRow(int vectors, MemorySegment x, long from, MemorySegment left, long to) {
        for (int p = 0; p < vectors; p++) {
            FloatVector.fromMemorySegment(LANES, x, from + WIDTH * p, NATIVE).intoMemorySegment(left,
                    to + DOWN * WIDTH * p, NATIVE);
        }
    }

    /**
     * Columns {@code from} to {@code to} of y, as {@link FewRows#multiply}.
     *
     * @param n rows of W, enough for a tile
     * @param left x as {@link #pack} left it
     * @param spare {@link FewRows#SPARE} floats
     */
    static void multiply(int m, int n, int k, int from, int to, MemorySegment left, MemorySegment x, long xAt,
            long xRow,
            MemorySegment w, long wAt, long wRow, MemorySegment bias, MemorySegment y, long yAt, long yRow,
            MemorySegment spare) {
        int vectors = k / LANES.length(), bytes = Math.toIntExact(WIDTH * vectors);
        for (int next = from; next < to; next += ACROSS) {
            // The last rows of W are reached by beginning before them; what is not asked for is not stored.
            int j = Math.min(next, n - ACROSS);
            VectorMask<Float> asked = LANES.indexInRange(0, Math.min(ACROSS, to - j))
                    .and(VectorMask.fromLong(LANES, -1L << next - j));
            if (n * wRow >= FROM_MEMORY_BYTES) {
                spare.set(ANY, FETCHED, fetch(wAt + j * wRow, wAt + (j + ACROSS) * wRow, w));
            }
            for (int i = 0; i < m; i += DOWN) {
                fourBySix(bytes, left, WIDTH * i * vectors, w, wAt + j * wRow, wRow, spare);
                FewRows.addSixteen(spare, 0, 0);
                FewRows.addEight(spare, 16 * WIDTH, WIDTH);
                store(Math.min(DOWN, m - i), spare, asked, bias, 4L * j, y, yAt + i * yRow + 4L * j, yRow);
            }
        }
        int whole = vectors * LANES.length();
        if (whole < k) {
            FewRows.addTails(m, k - whole, from, to, x, xAt + 4L * whole, xRow, w, wAt + 4L * whole, wRow, y, yAt,
                    yRow);
        }
    }

    /**
     * Reads a number of every cache line in order, which brings them from memory faster than the first tile would, since that
     * reads six rows at once and multiplies meanwhile. Measured with W in memory: 15 % faster for sixteen rows.
     *
     * @return a sum that is to be stored somewhere, or the compiler would leave the loop out
     */
    private static int fetch(long from, long to, MemorySegment w) {
        int a = 0, b = 0, c = 0, d = 0;
        for (long at = from; at <= to - 4 * WIDTH; at += 4 * WIDTH) {
            a += w.get(ANY, at);
            b += w.get(ANY, at + WIDTH);
            c += w.get(ANY, at + 2 * WIDTH);
            d += w.get(ANY, at + 3 * WIDTH);
        }
        return a + b + c + d;
    }

    private static void store(int rows, MemorySegment spare, VectorMask<Float> asked, MemorySegment bias, long biasAt,
            MemorySegment y, long yAt, long yRow) {
        boolean biased = bias.byteSize() > 0;
        for (int r = 0; r < rows; r++) {
            FloatVector sum = FloatVector.fromMemorySegment(LANES, spare, 4L * r * ACROSS, NATIVE);
            if (biased) {
                sum = sum.add(FloatVector.fromMemorySegment(LANES, bias, biasAt, NATIVE, asked));
            }
            sum.intoMemorySegment(y, yAt + r * yRow, NATIVE, asked);
        }
    }

    /**
     * Twenty-four chains, and registers for six vectors of W and one of x. The loop runs to where it meets its end, so that it is
     * not counted: entering one that is costs 150 cycles, as much as twelve of its rounds.
     */
    private static void fourBySix(int bytes, MemorySegment x, long xAt, MemorySegment w, long wAt, long wRow,
            MemorySegment spare) {
        FloatVector a0 = FloatVector.zero(LANES), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, b0 = a0, b1 = a0,
                b2 = a0, b3 = a0, b4 = a0, b5 = a0, c0 = a0, c1 = a0, c2 = a0, c3 = a0, c4 = a0, c5 = a0, d0 = a0,
                d1 = a0, d2 = a0, d3 = a0, d4 = a0, d5 = a0;
        for (int p = 0; p != bytes; p += (int) WIDTH) {
            long at = wAt + p, xp = xAt + 4L * p;
            FloatVector w0 = FloatVector.fromMemorySegment(LANES, w, at, NATIVE);
            FloatVector w1 = FloatVector.fromMemorySegment(LANES, w, at + wRow, NATIVE);
            FloatVector w2 = FloatVector.fromMemorySegment(LANES, w, at + 2 * wRow, NATIVE);
            FloatVector w3 = FloatVector.fromMemorySegment(LANES, w, at + 3 * wRow, NATIVE);
            FloatVector w4 = FloatVector.fromMemorySegment(LANES, w, at + 4 * wRow, NATIVE);
            FloatVector w5 = FloatVector.fromMemorySegment(LANES, w, at + 5 * wRow, NATIVE);
            FloatVector x0 = FloatVector.fromMemorySegment(LANES, x, xp, NATIVE);
            a0 = x0.fma(w0, a0);
            a1 = x0.fma(w1, a1);
            a2 = x0.fma(w2, a2);
            a3 = x0.fma(w3, a3);
            a4 = x0.fma(w4, a4);
            a5 = x0.fma(w5, a5);
            FloatVector x1 = FloatVector.fromMemorySegment(LANES, x, xp + WIDTH, NATIVE);
            b0 = x1.fma(w0, b0);
            b1 = x1.fma(w1, b1);
            b2 = x1.fma(w2, b2);
            b3 = x1.fma(w3, b3);
            b4 = x1.fma(w4, b4);
            b5 = x1.fma(w5, b5);
            FloatVector x2 = FloatVector.fromMemorySegment(LANES, x, xp + 2 * WIDTH, NATIVE);
            c0 = x2.fma(w0, c0);
            c1 = x2.fma(w1, c1);
            c2 = x2.fma(w2, c2);
            c3 = x2.fma(w3, c3);
            c4 = x2.fma(w4, c4);
            c5 = x2.fma(w5, c5);
            FloatVector x3 = FloatVector.fromMemorySegment(LANES, x, xp + 3 * WIDTH, NATIVE);
            d0 = x3.fma(w0, d0);
            d1 = x3.fma(w1, d1);
            d2 = x3.fma(w2, d2);
            d3 = x3.fma(w3, d3);
            d4 = x3.fma(w4, d4);
            d5 = x3.fma(w5, d5);
        }
        a0.intoMemorySegment(spare, 0, NATIVE);
        a1.intoMemorySegment(spare, WIDTH, NATIVE);
        a2.intoMemorySegment(spare, 2 * WIDTH, NATIVE);
        a3.intoMemorySegment(spare, 3 * WIDTH, NATIVE);
        a4.intoMemorySegment(spare, 4 * WIDTH, NATIVE);
        a5.intoMemorySegment(spare, 5 * WIDTH, NATIVE);
        b0.intoMemorySegment(spare, 6 * WIDTH, NATIVE);
        b1.intoMemorySegment(spare, 7 * WIDTH, NATIVE);
        b2.intoMemorySegment(spare, 8 * WIDTH, NATIVE);
        b3.intoMemorySegment(spare, 9 * WIDTH, NATIVE);
        b4.intoMemorySegment(spare, 10 * WIDTH, NATIVE);
        b5.intoMemorySegment(spare, 11 * WIDTH, NATIVE);
        c0.intoMemorySegment(spare, 12 * WIDTH, NATIVE);
        c1.intoMemorySegment(spare, 13 * WIDTH, NATIVE);
        c2.intoMemorySegment(spare, 14 * WIDTH, NATIVE);
        c3.intoMemorySegment(spare, 15 * WIDTH, NATIVE);
        c4.intoMemorySegment(spare, 16 * WIDTH, NATIVE);
        c5.intoMemorySegment(spare, 17 * WIDTH, NATIVE);
        d0.intoMemorySegment(spare, 18 * WIDTH, NATIVE);
        d1.intoMemorySegment(spare, 19 * WIDTH, NATIVE);
        d2.intoMemorySegment(spare, 20 * WIDTH, NATIVE);
        d3.intoMemorySegment(spare, 21 * WIDTH, NATIVE);
        d4.intoMemorySegment(spare, 22 * WIDTH, NATIVE);
        d5.intoMemorySegment(spare, 23 * WIDTH, NATIVE);
    }
}

package tern.kernels.matmul;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

import tern.tensor.Tensor;

/**
 * Copies blocks of A and B into panels as {@link Tile} walks them: for each step of the inner product the numbers of one
 * tile side by side. Where a matrix is stored the other way round, blocks of sixteen by sixteen are transposed in registers
 * (0.25 cycles a number; a loop over single numbers takes 1.2). Panels at the edge of a matrix repeat its last row or hold
 * zeros; what they give is never stored. Stateless.
 */
final class Panels {
    private static final VectorSpecies<Float> LANES = Tile.LANES;
    private static final VectorSpecies<Float> SIXTEEN = FloatVector.SPECIES_512;
    private static final boolean HAS_SIXTEEN = LANES.length() == 16;
    private static final boolean EIGHT_OF_SIXTEEN = HAS_SIXTEEN && Tile.ROWS == 8;
    private static final long WIDTH = LANES.vectorByteSize();
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    private static final ValueLayout.OfFloat FLOAT = Tensor.FLOAT;

    // A transposition by halves: stage s swaps lane i of row j with lane i xor s of row j xor s where just one of the bits is set.
    static final VectorShuffle<Float> SWAP_1 = VectorShuffle.fromOp(SIXTEEN, i -> i ^ 1);
    static final VectorShuffle<Float> SWAP_2 = VectorShuffle.fromOp(SIXTEEN, i -> i ^ 2);
    static final VectorShuffle<Float> SWAP_4 = VectorShuffle.fromOp(SIXTEEN, i -> i ^ 4);
    static final VectorShuffle<Float> SWAP_8 = VectorShuffle.fromOp(SIXTEEN, i -> i ^ 8);
    static final VectorMask<Float> ODD_1 = VectorMask.fromLong(SIXTEEN, 0xAAAA);
    static final VectorMask<Float> ODD_2 = VectorMask.fromLong(SIXTEEN, 0xCCCC);
    static final VectorMask<Float> ODD_4 = VectorMask.fromLong(SIXTEEN, 0xF0F0);
    static final VectorMask<Float> ODD_8 = VectorMask.fromLong(SIXTEEN, 0xFF00);

    private Panels() {
    }

    /** Bytes of one panel of A: transposing stores whole vectors, so the last step spills over into a gap. */
    static long leftBytes(int k) {
        return 4L * Tile.ROWS * k + WIDTH;
    }

    /** Bytes of one panel of B. */
    static long rightBytes(int k) {
        return 4L * Tile.COLUMNS * k;
    }

    /** Number of panels of A. */
    static int leftPanels(int m) {
        return (m + Tile.ROWS - 1) / Tile.ROWS;
    }

    /** Number of panels of B. */
    static int rightPanels(int n) {
        return (n + Tile.COLUMNS - 1) / Tile.COLUMNS;
    }

    /**
     * alpha·A as panels: m rows, k steps.
     *
     * @param at offset of the first number in bytes
     * @param row bytes from one stored row to the next
     * @param transposed whether a stored row is a step, not a row of A
     */
    static void packLeft(MemorySegment a, long at, long row, boolean transposed, int m, int k, float alpha,
            MemorySegment to,
            long toAt) {
        int i = 0;
        if (transposed && EIGHT_OF_SIXTEEN) {
            for (; i <= m - 4 * Tile.ROWS; i += 4 * Tile.ROWS, toAt += 4 * leftBytes(k)) {
                copyFourPanels(a, at + 4L * i, row, k, alpha, to, toAt, leftBytes(k));
            }
        }
        for (; i < m; i += Tile.ROWS, toAt += leftBytes(k)) {
            int rows = Math.min(Tile.ROWS, m - i);
            if (!transposed) {
                transpose(a, at + i * row, row, rows, Tile.ROWS, k, alpha, to, toAt, 4L * Tile.ROWS);
            } else if (Tile.ROWS <= LANES.length()) {
                copyOne(a, at + 4L * i, row, rows, k, alpha, to, toAt, 4L * Tile.ROWS);
            } else {
                copySingly(a, at + 4L * i, row, rows, k, alpha, to, toAt, 4L * Tile.ROWS);
            }
        }
    }

    /**
     * Four panels of eight rows at a time, so that a cache line is read once: stored rows that lie a power of two apart
     * share few places in the cache and would not stay there. Each half of a vector is stored as a whole one; what is too
     * much is overwritten by the next step.
     */
    private static void copyFourPanels(MemorySegment from, long at, long row, int k, float alpha, MemorySegment to,
            long toAt,
            long panel) {
        for (int p = 0; p < k; p++) {
            long x = at + p * row, y = toAt + 32L * p;
            FloatVector left = FloatVector.fromMemorySegment(SIXTEEN, from, x, NATIVE).mul(alpha);
            FloatVector right = FloatVector.fromMemorySegment(SIXTEEN, from, x + 64, NATIVE).mul(alpha);
            left.intoMemorySegment(to, y, NATIVE);
            left.rearrange(SWAP_8).intoMemorySegment(to, y + panel, NATIVE);
            right.intoMemorySegment(to, y + 2 * panel, NATIVE);
            right.rearrange(SWAP_8).intoMemorySegment(to, y + 3 * panel, NATIVE);
        }
    }

    /**
     * B as panels: n columns, k steps.
     *
     * @param at offset of the first number in bytes
     * @param row bytes from one stored row to the next
     * @param transposed whether a stored row is a column of B, not a step
     */
    static void packRight(MemorySegment b, long at, long row, boolean transposed, int n, int k, MemorySegment to,
            long toAt) {
        int lanes = LANES.length();
        for (int j = 0; j < n; j += Tile.COLUMNS, toAt += rightBytes(k)) {
            int columns = Math.min(Tile.COLUMNS, n - j);
            if (!transposed) {
                copyTwo(b, at + 4L * j, row, columns, k, to, toAt);
            } else {
                long step = 4L * Tile.COLUMNS;
                transpose(b, at + j * row, row, Math.min(lanes, columns), lanes, k, 1, to, toAt, step);
                if (columns > lanes) {
                    transpose(b, at + (j + lanes) * row, row, columns - lanes, lanes, k, 1, to, toAt + WIDTH, step);
                }
            }
        }
    }

    /** Two vectors a step. */
    private static void copyTwo(MemorySegment from, long at, long row, int columns, int k, MemorySegment to,
            long toAt) {
        if (columns == Tile.COLUMNS) {
            for (int p = 0; p < k; p++) {
                long x = at + p * row, y = toAt + 2 * WIDTH * p;
                FloatVector.fromMemorySegment(LANES, from, x, NATIVE).intoMemorySegment(to, y, NATIVE);
                FloatVector.fromMemorySegment(LANES, from, x + WIDTH, NATIVE).intoMemorySegment(to, y + WIDTH, NATIVE);
            }
            return;
        }
        copyOne(from, at, row, Math.min(columns, LANES.length()), k, 1, to, toAt, 2 * WIDTH);
        if (columns > LANES.length()) {
            copyOne(from, at + WIDTH, row, columns - LANES.length(), k, 1, to, toAt + WIDTH, 2 * WIDTH);
        }
    }

    /** One vector a step, of which only {@code valid} lanes are read. */
    private static void copyOne(MemorySegment from, long at, long row, int valid, int k, float alpha, MemorySegment to,
            long toAt, long step) {
        VectorMask<Float> mask = LANES.indexInRange(0, valid);
        for (int p = 0; p < k; p++) {
            FloatVector.fromMemorySegment(LANES, from, at + p * row, NATIVE, mask).mul(alpha).intoMemorySegment(to,
                    toAt + step * p, NATIVE);
        }
    }

    private static void copySingly(MemorySegment from, long at, long row, int valid, int k, float alpha,
            MemorySegment to,
            long toAt, long step) {
        for (int p = 0; p < k; p++) {
            for (int i = 0; i < valid; i++) {
                to.set(FLOAT, toAt + step * p + 4L * i, from.get(FLOAT, at + p * row + 4L * i) * alpha);
            }
        }
    }

    /** Rows of k numbers become k steps of {@code width} numbers, of which {@code valid} are those of a row. */
    private static void transpose(MemorySegment from, long at, long row, int valid, int width, int k, float alpha,
            MemorySegment to, long toAt, long step) {
        int done = 0;
        if (HAS_SIXTEEN) {
            transposeSixteen(from, at, row, valid - 1, k, alpha, to, toAt, step);
            done = k & -16;
        }
        if (done < k) {
            transposeSingly(from, at, row, valid, width, done, k, alpha, to, toAt, step);
        }
    }

    private static void transposeSingly(MemorySegment from, long at, long row, int valid, int width, int first, int k,
            float alpha, MemorySegment to, long toAt, long step) {
        for (int i = 0; i < width; i++) {
            long x = at + Math.min(i, valid - 1) * row, y = toAt + 4L * i;
            for (int p = first; p < k; p++) {
                to.set(FLOAT, y + step * p, from.get(FLOAT, x + 4L * p) * alpha);
            }
        }
    }

    /** Whole blocks of sixteen steps; rows past the last repeat it. */
    private static void transposeSixteen(MemorySegment from, long at, long row, int last, int k, float alpha,
            MemorySegment to,
            long toAt, long step) {
        long r1 = Math.min(1, last) * row, r2 = Math.min(2, last) * row, r3 = Math.min(3, last) * row,
                r4 = Math.min(4, last) * row, r5 = Math.min(5, last) * row, r6 = Math.min(6, last) * row,
                r7 = Math.min(7, last) * row, r8 = Math.min(8, last) * row, r9 = Math.min(9, last) * row,
                r10 = Math.min(10, last) * row, r11 = Math.min(11, last) * row, r12 = Math.min(12, last) * row,
                r13 = Math.min(13, last) * row, r14 = Math.min(14, last) * row, r15 = Math.min(15, last) * row;
        int whole = k & -16;
        for (int p = 0; p < whole; p += 16) {
            long x = at + 4L * p, y = toAt + step * p;
            FloatVector a0 = FloatVector.fromMemorySegment(SIXTEEN, from, x, NATIVE);
            FloatVector a1 = FloatVector.fromMemorySegment(SIXTEEN, from, x + r1, NATIVE);
            FloatVector a2 = FloatVector.fromMemorySegment(SIXTEEN, from, x + r2, NATIVE);
            FloatVector a3 = FloatVector.fromMemorySegment(SIXTEEN, from, x + r3, NATIVE);
            FloatVector a4 = FloatVector.fromMemorySegment(SIXTEEN, from, x + r4, NATIVE);
            FloatVector a5 = FloatVector.fromMemorySegment(SIXTEEN, from, x + r5, NATIVE);
            FloatVector a6 = FloatVector.fromMemorySegment(SIXTEEN, from, x + r6, NATIVE);
            FloatVector a7 = FloatVector.fromMemorySegment(SIXTEEN, from, x + r7, NATIVE);
            FloatVector a8 = FloatVector.fromMemorySegment(SIXTEEN, from, x + r8, NATIVE);
            FloatVector a9 = FloatVector.fromMemorySegment(SIXTEEN, from, x + r9, NATIVE);
            FloatVector a10 = FloatVector.fromMemorySegment(SIXTEEN, from, x + r10, NATIVE);
            FloatVector a11 = FloatVector.fromMemorySegment(SIXTEEN, from, x + r11, NATIVE);
            FloatVector a12 = FloatVector.fromMemorySegment(SIXTEEN, from, x + r12, NATIVE);
            FloatVector a13 = FloatVector.fromMemorySegment(SIXTEEN, from, x + r13, NATIVE);
            FloatVector a14 = FloatVector.fromMemorySegment(SIXTEEN, from, x + r14, NATIVE);
            FloatVector a15 = FloatVector.fromMemorySegment(SIXTEEN, from, x + r15, NATIVE);
            FloatVector b0 = a0.blend(a1.rearrange(SWAP_1), ODD_1), b1 = a0.rearrange(SWAP_1).blend(a1, ODD_1);
            FloatVector b2 = a2.blend(a3.rearrange(SWAP_1), ODD_1), b3 = a2.rearrange(SWAP_1).blend(a3, ODD_1);
            FloatVector b4 = a4.blend(a5.rearrange(SWAP_1), ODD_1), b5 = a4.rearrange(SWAP_1).blend(a5, ODD_1);
            FloatVector b6 = a6.blend(a7.rearrange(SWAP_1), ODD_1), b7 = a6.rearrange(SWAP_1).blend(a7, ODD_1);
            FloatVector b8 = a8.blend(a9.rearrange(SWAP_1), ODD_1), b9 = a8.rearrange(SWAP_1).blend(a9, ODD_1);
            FloatVector b10 = a10.blend(a11.rearrange(SWAP_1), ODD_1), b11 = a10.rearrange(SWAP_1).blend(a11, ODD_1);
            FloatVector b12 = a12.blend(a13.rearrange(SWAP_1), ODD_1), b13 = a12.rearrange(SWAP_1).blend(a13, ODD_1);
            FloatVector b14 = a14.blend(a15.rearrange(SWAP_1), ODD_1), b15 = a14.rearrange(SWAP_1).blend(a15, ODD_1);
            FloatVector c0 = b0.blend(b2.rearrange(SWAP_2), ODD_2), c2 = b0.rearrange(SWAP_2).blend(b2, ODD_2);
            FloatVector c1 = b1.blend(b3.rearrange(SWAP_2), ODD_2), c3 = b1.rearrange(SWAP_2).blend(b3, ODD_2);
            FloatVector c4 = b4.blend(b6.rearrange(SWAP_2), ODD_2), c6 = b4.rearrange(SWAP_2).blend(b6, ODD_2);
            FloatVector c5 = b5.blend(b7.rearrange(SWAP_2), ODD_2), c7 = b5.rearrange(SWAP_2).blend(b7, ODD_2);
            FloatVector c8 = b8.blend(b10.rearrange(SWAP_2), ODD_2), c10 = b8.rearrange(SWAP_2).blend(b10, ODD_2);
            FloatVector c9 = b9.blend(b11.rearrange(SWAP_2), ODD_2), c11 = b9.rearrange(SWAP_2).blend(b11, ODD_2);
            FloatVector c12 = b12.blend(b14.rearrange(SWAP_2), ODD_2), c14 = b12.rearrange(SWAP_2).blend(b14, ODD_2);
            FloatVector c13 = b13.blend(b15.rearrange(SWAP_2), ODD_2), c15 = b13.rearrange(SWAP_2).blend(b15, ODD_2);
            FloatVector d0 = c0.blend(c4.rearrange(SWAP_4), ODD_4), d4 = c0.rearrange(SWAP_4).blend(c4, ODD_4);
            FloatVector d1 = c1.blend(c5.rearrange(SWAP_4), ODD_4), d5 = c1.rearrange(SWAP_4).blend(c5, ODD_4);
            FloatVector d2 = c2.blend(c6.rearrange(SWAP_4), ODD_4), d6 = c2.rearrange(SWAP_4).blend(c6, ODD_4);
            FloatVector d3 = c3.blend(c7.rearrange(SWAP_4), ODD_4), d7 = c3.rearrange(SWAP_4).blend(c7, ODD_4);
            FloatVector d8 = c8.blend(c12.rearrange(SWAP_4), ODD_4), d12 = c8.rearrange(SWAP_4).blend(c12, ODD_4);
            FloatVector d9 = c9.blend(c13.rearrange(SWAP_4), ODD_4), d13 = c9.rearrange(SWAP_4).blend(c13, ODD_4);
            FloatVector d10 = c10.blend(c14.rearrange(SWAP_4), ODD_4), d14 = c10.rearrange(SWAP_4).blend(c14, ODD_4);
            FloatVector d11 = c11.blend(c15.rearrange(SWAP_4), ODD_4), d15 = c11.rearrange(SWAP_4).blend(c15, ODD_4);
            FloatVector e0 = d0.blend(d8.rearrange(SWAP_8), ODD_8), e8 = d0.rearrange(SWAP_8).blend(d8, ODD_8);
            FloatVector e1 = d1.blend(d9.rearrange(SWAP_8), ODD_8), e9 = d1.rearrange(SWAP_8).blend(d9, ODD_8);
            FloatVector e2 = d2.blend(d10.rearrange(SWAP_8), ODD_8), e10 = d2.rearrange(SWAP_8).blend(d10, ODD_8);
            FloatVector e3 = d3.blend(d11.rearrange(SWAP_8), ODD_8), e11 = d3.rearrange(SWAP_8).blend(d11, ODD_8);
            FloatVector e4 = d4.blend(d12.rearrange(SWAP_8), ODD_8), e12 = d4.rearrange(SWAP_8).blend(d12, ODD_8);
            FloatVector e5 = d5.blend(d13.rearrange(SWAP_8), ODD_8), e13 = d5.rearrange(SWAP_8).blend(d13, ODD_8);
            FloatVector e6 = d6.blend(d14.rearrange(SWAP_8), ODD_8), e14 = d6.rearrange(SWAP_8).blend(d14, ODD_8);
            FloatVector e7 = d7.blend(d15.rearrange(SWAP_8), ODD_8), e15 = d7.rearrange(SWAP_8).blend(d15, ODD_8);
            e0.mul(alpha).intoMemorySegment(to, y, NATIVE);
            e1.mul(alpha).intoMemorySegment(to, y + step, NATIVE);
            e2.mul(alpha).intoMemorySegment(to, y + 2 * step, NATIVE);
            e3.mul(alpha).intoMemorySegment(to, y + 3 * step, NATIVE);
            e4.mul(alpha).intoMemorySegment(to, y + 4 * step, NATIVE);
            e5.mul(alpha).intoMemorySegment(to, y + 5 * step, NATIVE);
            e6.mul(alpha).intoMemorySegment(to, y + 6 * step, NATIVE);
            e7.mul(alpha).intoMemorySegment(to, y + 7 * step, NATIVE);
            e8.mul(alpha).intoMemorySegment(to, y + 8 * step, NATIVE);
            e9.mul(alpha).intoMemorySegment(to, y + 9 * step, NATIVE);
            e10.mul(alpha).intoMemorySegment(to, y + 10 * step, NATIVE);
            e11.mul(alpha).intoMemorySegment(to, y + 11 * step, NATIVE);
            e12.mul(alpha).intoMemorySegment(to, y + 12 * step, NATIVE);
            e13.mul(alpha).intoMemorySegment(to, y + 13 * step, NATIVE);
            e14.mul(alpha).intoMemorySegment(to, y + 14 * step, NATIVE);
            e15.mul(alpha).intoMemorySegment(to, y + 15 * step, NATIVE);
        }
    }
}

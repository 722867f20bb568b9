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
 * Copies blocks of A and B into arrays as {@link Tile} walks them: rows of A one after the other, each with its steps side by
 * side; for B the numbers of one panel side by side for each step. Where a matrix is stored the other way round, blocks of
 * sixteen by sixteen are transposed in registers (0.35 cycles a number; a loop over single numbers takes 1.2). Stateless.
 */
final class Panels {
    private static final VectorSpecies<Float> LANES = Tile.LANES;
    private static final VectorSpecies<Float> SIXTEEN = FloatVector.SPECIES_512;
    private static final boolean HAS_SIXTEEN = LANES.length() == 16;
    private static final int BLOCK = 16;
    /** Numbers of a row from which a copy of the whole row is faster than one vector by vector. */
    private static final int LONG_ROW = 256;
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

    /**
     * Rows to rows: number (r, c) goes to {@code toAt + r·toRow + c}.
     *
     * @param at offset of the first number in bytes
     * @param row bytes from one stored row to the next
     */
    static void copy(MemorySegment from, long at, long row, int rows, int columns, float[] to, int toAt, int toRow) {
        if (columns >= LONG_ROW) {
            for (int r = 0; r < rows; r++) {
                MemorySegment.copy(from, FLOAT, at + r * row, to, toAt + r * toRow, columns);
            }
            return;
        }
        int lanes = LANES.length(), c = 0;
        for (; c <= columns - 4 * lanes; c += 4 * lanes) {
            copyFour(from, at + 4L * c, row, rows, to, toAt + c, toRow);
        }
        for (; c < columns; c += lanes) {
            copyOne(from, at + 4L * c, row, rows, Math.min(lanes, columns - c), to, toAt + c, toRow);
        }
    }

    private static void copyFour(MemorySegment from, long at, long row, int rows, float[] to, int toAt, int toRow) {
        int lanes = LANES.length();
        for (int r = 0; r < rows; r++) {
            long x = at + r * row;
            int y = toAt + r * toRow;
            FloatVector.fromMemorySegment(LANES, from, x, NATIVE).intoArray(to, y);
            FloatVector.fromMemorySegment(LANES, from, x + WIDTH, NATIVE).intoArray(to, y + lanes);
            FloatVector.fromMemorySegment(LANES, from, x + 2 * WIDTH, NATIVE).intoArray(to, y + 2 * lanes);
            FloatVector.fromMemorySegment(LANES, from, x + 3 * WIDTH, NATIVE).intoArray(to, y + 3 * lanes);
        }
    }

    private static void copyOne(MemorySegment from, long at, long row, int rows, int valid, float[] to, int toAt,
            int toRow) {
        VectorMask<Float> mask = LANES.indexInRange(0, valid);
        for (int r = 0; r < rows; r++) {
            FloatVector.fromMemorySegment(LANES, from, at + r * row, NATIVE, mask).intoArray(to, toAt + r * toRow,
                    mask);
        }
    }

    /**
     * Rows to columns: number (r, c) goes to {@code toAt + c·toColumn + r}.
     *
     * @param at offset of the first number in bytes
     * @param row bytes from one stored row to the next
     * @param padded whether each column has room for sixteen rows, of which those past the last then hold anything
     */
    static void transpose(MemorySegment from, long at, long row, int rows, int columns, float[] to, int toAt,
            int toColumn, boolean padded) {
        if (!HAS_SIXTEEN || columns < BLOCK || rows < BLOCK && !padded) {
            transposeSingly(from, at, row, rows, columns, to, toAt, toColumn);
            return;
        }
        // The last block of an axis may go over numbers once more.
        for (int next = 0; next < rows; next += BLOCK) {
            int r = Math.max(0, Math.min(next, rows - BLOCK)), last = Math.min(BLOCK, rows) - 1;
            for (int step = 0; step < columns; step += BLOCK) {
                int c = Math.min(step, columns - BLOCK);
                transposeBlock(from, at + r * row + 4L * c, row, last, to, toAt + c * toColumn + r, toColumn);
            }
        }
    }

    /** One number after the other, in blocks whose lines stay in the first-level cache. */
    private static void transposeSingly(MemorySegment from, long at, long row, int rows, int columns, float[] to,
            int toAt, int step) {
        for (int c = 0; c < columns; c += BLOCK) {
            for (int r = 0; r < rows; r++) {
                transposePart(from, at + r * row + 4L * c, Math.min(BLOCK, columns - c), to, toAt + c * step + r, step);
            }
        }
    }

    private static void transposePart(MemorySegment from, long at, int columns, float[] to, int toAt, int step) {
        for (int c = 0; c < columns; c++) {
            to[toAt + c * step] = from.get(FLOAT, at + 4L * c);
        }
    }

    /** A block of sixteen by sixteen; rows past the last repeat it. No loop, so that nothing has to be checked before one. */
    private static void transposeBlock(MemorySegment from, long at, long row, int last, float[] to, int toAt,
            int step) {
        long r1 = Math.min(1, last) * row, r2 = Math.min(2, last) * row, r3 = Math.min(3, last) * row,
                r4 = Math.min(4, last) * row, r5 = Math.min(5, last) * row, r6 = Math.min(6, last) * row,
                r7 = Math.min(7, last) * row, r8 = Math.min(8, last) * row, r9 = Math.min(9, last) * row,
                r10 = Math.min(10, last) * row, r11 = Math.min(11, last) * row, r12 = Math.min(12, last) * row,
                r13 = Math.min(13, last) * row, r14 = Math.min(14, last) * row, r15 = Math.min(15, last) * row;
        FloatVector a0 = FloatVector.fromMemorySegment(SIXTEEN, from, at, NATIVE);
        FloatVector a1 = FloatVector.fromMemorySegment(SIXTEEN, from, at + r1, NATIVE);
        FloatVector a2 = FloatVector.fromMemorySegment(SIXTEEN, from, at + r2, NATIVE);
        FloatVector a3 = FloatVector.fromMemorySegment(SIXTEEN, from, at + r3, NATIVE);
        FloatVector a4 = FloatVector.fromMemorySegment(SIXTEEN, from, at + r4, NATIVE);
        FloatVector a5 = FloatVector.fromMemorySegment(SIXTEEN, from, at + r5, NATIVE);
        FloatVector a6 = FloatVector.fromMemorySegment(SIXTEEN, from, at + r6, NATIVE);
        FloatVector a7 = FloatVector.fromMemorySegment(SIXTEEN, from, at + r7, NATIVE);
        FloatVector a8 = FloatVector.fromMemorySegment(SIXTEEN, from, at + r8, NATIVE);
        FloatVector a9 = FloatVector.fromMemorySegment(SIXTEEN, from, at + r9, NATIVE);
        FloatVector a10 = FloatVector.fromMemorySegment(SIXTEEN, from, at + r10, NATIVE);
        FloatVector a11 = FloatVector.fromMemorySegment(SIXTEEN, from, at + r11, NATIVE);
        FloatVector a12 = FloatVector.fromMemorySegment(SIXTEEN, from, at + r12, NATIVE);
        FloatVector a13 = FloatVector.fromMemorySegment(SIXTEEN, from, at + r13, NATIVE);
        FloatVector a14 = FloatVector.fromMemorySegment(SIXTEEN, from, at + r14, NATIVE);
        FloatVector a15 = FloatVector.fromMemorySegment(SIXTEEN, from, at + r15, NATIVE);
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
        e0.intoArray(to, toAt);
        e1.intoArray(to, toAt + step);
        e2.intoArray(to, toAt + 2 * step);
        e3.intoArray(to, toAt + 3 * step);
        e4.intoArray(to, toAt + 4 * step);
        e5.intoArray(to, toAt + 5 * step);
        e6.intoArray(to, toAt + 6 * step);
        e7.intoArray(to, toAt + 7 * step);
        e8.intoArray(to, toAt + 8 * step);
        e9.intoArray(to, toAt + 9 * step);
        e10.intoArray(to, toAt + 10 * step);
        e11.intoArray(to, toAt + 11 * step);
        e12.intoArray(to, toAt + 12 * step);
        e13.intoArray(to, toAt + 13 * step);
        e14.intoArray(to, toAt + 14 * step);
        e15.intoArray(to, toAt + 15 * step);
    }
}

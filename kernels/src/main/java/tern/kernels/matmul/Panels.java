package tern.kernels.matmul;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

import tern.tensor.Tensor;

/**
 * Copies blocks of A and B into arrays as {@link Tile} walks them: rows of A one after the other, each with its steps side by
 * side; for B the numbers of one panel side by side for each step. Where a matrix is stored the other way round, blocks of
 * sixteen by sixteen are transposed in registers (0.3 cycles a number; a loop over single numbers takes 1.2). Stateless.
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

    private static final VectorSpecies<Integer> NUMBERS = IntVector.SPECIES_512;
    // The same with one instruction for each row, where both rows of an exchange are needed: an entry of 16 and more is of the other.
    private static final IntVector LOW_1 = lower(1), HIGH_1 = upper(1), LOW_2 = lower(2), HIGH_2 = upper(2);
    private static final IntVector LOW_4 = lower(4), HIGH_4 = upper(4), LOW_8 = lower(8), HIGH_8 = upper(8);

    private Panels() {
    }

    /** Where the lanes of the first row of an exchange of stage {@code s} come from. */
    private static IntVector lower(int s) {
        return IntVector.fromArray(NUMBERS, IntStream.range(0, BLOCK).map(i -> (i & s) == 0 ? i : BLOCK + (i ^ s))
                .toArray(), 0);
    }

    /** Likewise of the second. */
    private static IntVector upper(int s) {
        return IntVector.fromArray(NUMBERS, IntStream.range(0, BLOCK).map(i -> (i & s) == 0 ? i ^ s : BLOCK + i)
                .toArray(), 0);
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
        IntVector a0 = IntVector.fromMemorySegment(NUMBERS, from, at, NATIVE);
        IntVector a1 = IntVector.fromMemorySegment(NUMBERS, from, at + r1, NATIVE);
        IntVector a2 = IntVector.fromMemorySegment(NUMBERS, from, at + r2, NATIVE);
        IntVector a3 = IntVector.fromMemorySegment(NUMBERS, from, at + r3, NATIVE);
        IntVector a4 = IntVector.fromMemorySegment(NUMBERS, from, at + r4, NATIVE);
        IntVector a5 = IntVector.fromMemorySegment(NUMBERS, from, at + r5, NATIVE);
        IntVector a6 = IntVector.fromMemorySegment(NUMBERS, from, at + r6, NATIVE);
        IntVector a7 = IntVector.fromMemorySegment(NUMBERS, from, at + r7, NATIVE);
        IntVector a8 = IntVector.fromMemorySegment(NUMBERS, from, at + r8, NATIVE);
        IntVector a9 = IntVector.fromMemorySegment(NUMBERS, from, at + r9, NATIVE);
        IntVector a10 = IntVector.fromMemorySegment(NUMBERS, from, at + r10, NATIVE);
        IntVector a11 = IntVector.fromMemorySegment(NUMBERS, from, at + r11, NATIVE);
        IntVector a12 = IntVector.fromMemorySegment(NUMBERS, from, at + r12, NATIVE);
        IntVector a13 = IntVector.fromMemorySegment(NUMBERS, from, at + r13, NATIVE);
        IntVector a14 = IntVector.fromMemorySegment(NUMBERS, from, at + r14, NATIVE);
        IntVector a15 = IntVector.fromMemorySegment(NUMBERS, from, at + r15, NATIVE);
        IntVector b0 = LOW_1.selectFrom(a0, a1), b1 = HIGH_1.selectFrom(a0, a1);
        IntVector b2 = LOW_1.selectFrom(a2, a3), b3 = HIGH_1.selectFrom(a2, a3);
        IntVector b4 = LOW_1.selectFrom(a4, a5), b5 = HIGH_1.selectFrom(a4, a5);
        IntVector b6 = LOW_1.selectFrom(a6, a7), b7 = HIGH_1.selectFrom(a6, a7);
        IntVector b8 = LOW_1.selectFrom(a8, a9), b9 = HIGH_1.selectFrom(a8, a9);
        IntVector b10 = LOW_1.selectFrom(a10, a11), b11 = HIGH_1.selectFrom(a10, a11);
        IntVector b12 = LOW_1.selectFrom(a12, a13), b13 = HIGH_1.selectFrom(a12, a13);
        IntVector b14 = LOW_1.selectFrom(a14, a15), b15 = HIGH_1.selectFrom(a14, a15);
        IntVector c0 = LOW_2.selectFrom(b0, b2), c2 = HIGH_2.selectFrom(b0, b2);
        IntVector c1 = LOW_2.selectFrom(b1, b3), c3 = HIGH_2.selectFrom(b1, b3);
        IntVector c4 = LOW_2.selectFrom(b4, b6), c6 = HIGH_2.selectFrom(b4, b6);
        IntVector c5 = LOW_2.selectFrom(b5, b7), c7 = HIGH_2.selectFrom(b5, b7);
        IntVector c8 = LOW_2.selectFrom(b8, b10), c10 = HIGH_2.selectFrom(b8, b10);
        IntVector c9 = LOW_2.selectFrom(b9, b11), c11 = HIGH_2.selectFrom(b9, b11);
        IntVector c12 = LOW_2.selectFrom(b12, b14), c14 = HIGH_2.selectFrom(b12, b14);
        IntVector c13 = LOW_2.selectFrom(b13, b15), c15 = HIGH_2.selectFrom(b13, b15);
        IntVector d0 = LOW_4.selectFrom(c0, c4), d4 = HIGH_4.selectFrom(c0, c4);
        IntVector d1 = LOW_4.selectFrom(c1, c5), d5 = HIGH_4.selectFrom(c1, c5);
        IntVector d2 = LOW_4.selectFrom(c2, c6), d6 = HIGH_4.selectFrom(c2, c6);
        IntVector d3 = LOW_4.selectFrom(c3, c7), d7 = HIGH_4.selectFrom(c3, c7);
        IntVector d8 = LOW_4.selectFrom(c8, c12), d12 = HIGH_4.selectFrom(c8, c12);
        IntVector d9 = LOW_4.selectFrom(c9, c13), d13 = HIGH_4.selectFrom(c9, c13);
        IntVector d10 = LOW_4.selectFrom(c10, c14), d14 = HIGH_4.selectFrom(c10, c14);
        IntVector d11 = LOW_4.selectFrom(c11, c15), d15 = HIGH_4.selectFrom(c11, c15);
        IntVector e0 = LOW_8.selectFrom(d0, d8), e8 = HIGH_8.selectFrom(d0, d8);
        IntVector e1 = LOW_8.selectFrom(d1, d9), e9 = HIGH_8.selectFrom(d1, d9);
        IntVector e2 = LOW_8.selectFrom(d2, d10), e10 = HIGH_8.selectFrom(d2, d10);
        IntVector e3 = LOW_8.selectFrom(d3, d11), e11 = HIGH_8.selectFrom(d3, d11);
        IntVector e4 = LOW_8.selectFrom(d4, d12), e12 = HIGH_8.selectFrom(d4, d12);
        IntVector e5 = LOW_8.selectFrom(d5, d13), e13 = HIGH_8.selectFrom(d5, d13);
        IntVector e6 = LOW_8.selectFrom(d6, d14), e14 = HIGH_8.selectFrom(d6, d14);
        IntVector e7 = LOW_8.selectFrom(d7, d15), e15 = HIGH_8.selectFrom(d7, d15);
        e0.reinterpretAsFloats().intoArray(to, toAt);
        e1.reinterpretAsFloats().intoArray(to, toAt + step);
        e2.reinterpretAsFloats().intoArray(to, toAt + 2 * step);
        e3.reinterpretAsFloats().intoArray(to, toAt + 3 * step);
        e4.reinterpretAsFloats().intoArray(to, toAt + 4 * step);
        e5.reinterpretAsFloats().intoArray(to, toAt + 5 * step);
        e6.reinterpretAsFloats().intoArray(to, toAt + 6 * step);
        e7.reinterpretAsFloats().intoArray(to, toAt + 7 * step);
        e8.reinterpretAsFloats().intoArray(to, toAt + 8 * step);
        e9.reinterpretAsFloats().intoArray(to, toAt + 9 * step);
        e10.reinterpretAsFloats().intoArray(to, toAt + 10 * step);
        e11.reinterpretAsFloats().intoArray(to, toAt + 11 * step);
        e12.reinterpretAsFloats().intoArray(to, toAt + 12 * step);
        e13.reinterpretAsFloats().intoArray(to, toAt + 13 * step);
        e14.reinterpretAsFloats().intoArray(to, toAt + 14 * step);
        e15.reinterpretAsFloats().intoArray(to, toAt + 15 * step);
    }
}

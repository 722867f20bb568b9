package tern.kernels.lanes;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.broadcast;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Products of small matrices that lie in the caches as they are, without packing: C ← A·B or C ← C + A·B. The rows of B
 * and C are contiguous and a whole number of vectors long; A may lie in any way, so it may be a transpose. Offsets and
 * strides are bytes. All loops are in one order, so an entry depends on its operands alone.
 */
public final class Tiles {
    /** Rows come in groups of this many. */
    public static final int ROWS = 4;
    // Vectors of a row in one pass: 4 × 4 sums need 16 of 32 registers; machines with 8 lanes have 16 registers in all.
    private static final int WIDEST = LENGTH == 8 ? 2 : 4;

    private Tiles() {
    }

    /** {@code m} rounded up to whole groups of rows. */
    public static int paddedRows(int m) {
        return (m + ROWS - 1) / ROWS * ROWS;
    }

    /** Floats of scratch that {@link #accumulate} needs. */
    public static int scratchLength() {
        return ROWS * WIDEST * LENGTH;
    }

    /**
     * C ← A·B.
     *
     * @param aRow from one row of A to the next
     * @param aStep from one column of A to the next
     * @param bRow from one row of B to the next
     * @param cRow from one row of C to the next
     * @param m rows, a multiple of {@link #ROWS}
     * @param n columns, a multiple of {@link Lanes#LENGTH}
     * @param k what is summed over
     */
    public static void product(MemorySegment a, long aAt, long aRow, long aStep, MemorySegment b, long bAt, long bRow,
            MemorySegment c, long cAt, long cRow, int m, int n, int k) {
        assert m % ROWS == 0 && n % LENGTH == 0;
        for (int j = 0; j < n;) {
            int vectors = vectors(n - j);
            for (int i = 0; i < m; i += ROWS) {
                tile(vectors, a, aAt + i * aRow, aRow, aStep, b, bAt + 4L * j, bRow, c, cAt + i * cRow + 4L * j, cRow,
                        k);
            }
            j += vectors * LENGTH;
        }
    }

    /**
     * C ← C + A·B, as {@link #product}.
     *
     * @param scratch {@link #scratchLength} floats
     */
    public static void accumulate(MemorySegment a, long aAt, long aRow, long aStep, MemorySegment b, long bAt,
            long bRow,
            MemorySegment c, long cAt, long cRow, int m, int n, int k, MemorySegment scratch) {
        assert m % ROWS == 0 && n % LENGTH == 0;
        for (int j = 0; j < n;) {
            int vectors = vectors(n - j);
            long row = (long) vectors * BYTES;
            for (int i = 0; i < m; i += ROWS) {
                tile(vectors, a, aAt + i * aRow, aRow, aStep, b, bAt + 4L * j, bRow, scratch, 0, row, k);
                add(scratch, row, vectors, c, cAt + i * cRow + 4L * j, cRow);
            }
            j += vectors * LENGTH;
        }
    }

    private static int vectors(int columns) {
        int left = columns / LENGTH;
        return left >= WIDEST ? WIDEST : left >= 2 ? 2 : 1;
    }

    private static void tile(int vectors, MemorySegment a, long aAt, long aRow, long aStep, MemorySegment b, long bAt,
            long bRow, MemorySegment c, long cAt, long cRow, int k) {
        switch (vectors) {
            case 4 -> four(a, aAt, aRow, aStep, b, bAt, bRow, c, cAt, cRow, k);
            case 2 -> two(a, aAt, aRow, aStep, b, bAt, bRow, c, cAt, cRow, k);
            default -> one(a, aAt, aRow, aStep, b, bAt, bRow, c, cAt, cRow, k);
        }
    }

    private static void add(MemorySegment tile, long tileRow, int vectors, MemorySegment c, long cAt, long cRow) {
        for (int i = 0; i < ROWS; i++) {
            for (int j = 0; j < vectors; j++) {
                long at = cAt + i * cRow + (long) j * BYTES;
                fromMemorySegment(SPECIES, c, at, ORDER)
                        .add(fromMemorySegment(SPECIES, tile, i * tileRow + (long) j * BYTES, ORDER))
                        .intoMemorySegment(c, at, ORDER);
            }
        }
    }

    // The bodies start from zero and overwrite: one that began with what C holds keeps too many vectors for the compiler,
    // which then leaves them all on the heap (measured 8 times slower). The last stores go
    // by the vector's own method, which is inlined however long the body has become.

    // Four rows, four vectors.
    private static void four(MemorySegment a, long aAt, long aRow, long aStep, MemorySegment b, long bAt, long bRow,
            MemorySegment c, long cAt, long cRow, int k) {
        FloatVector zero = FloatVector.zero(SPECIES);
        FloatVector c00 = zero;
        FloatVector c01 = zero;
        FloatVector c02 = zero;
        FloatVector c03 = zero;
        FloatVector c10 = zero;
        FloatVector c11 = zero;
        FloatVector c12 = zero;
        FloatVector c13 = zero;
        FloatVector c20 = zero;
        FloatVector c21 = zero;
        FloatVector c22 = zero;
        FloatVector c23 = zero;
        FloatVector c30 = zero;
        FloatVector c31 = zero;
        FloatVector c32 = zero;
        FloatVector c33 = zero;
        for (int p = 0; p < k; p++) {
            long left = aAt + p * aStep;
            long right = bAt + p * bRow;
            FloatVector b0 = fromMemorySegment(SPECIES, b, right, ORDER);
            FloatVector b1 = fromMemorySegment(SPECIES, b, right + BYTES, ORDER);
            FloatVector b2 = fromMemorySegment(SPECIES, b, right + 2L * BYTES, ORDER);
            FloatVector b3 = fromMemorySegment(SPECIES, b, right + 3L * BYTES, ORDER);
            FloatVector x = broadcast(a, left);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            c02 = x.fma(b2, c02);
            c03 = x.fma(b3, c03);
            x = broadcast(a, left + aRow);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            c12 = x.fma(b2, c12);
            c13 = x.fma(b3, c13);
            x = broadcast(a, left + 2 * aRow);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            c22 = x.fma(b2, c22);
            c23 = x.fma(b3, c23);
            x = broadcast(a, left + 3 * aRow);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
            c32 = x.fma(b2, c32);
            c33 = x.fma(b3, c33);
        }
        long row = cAt;
        c00.intoMemorySegment(c, row, ORDER);
        c01.intoMemorySegment(c, row + BYTES, ORDER);
        c02.intoMemorySegment(c, row + 2L * BYTES, ORDER);
        c03.intoMemorySegment(c, row + 3L * BYTES, ORDER);
        row += cRow;
        c10.intoMemorySegment(c, row, ORDER);
        c11.intoMemorySegment(c, row + BYTES, ORDER);
        c12.intoMemorySegment(c, row + 2L * BYTES, ORDER);
        c13.intoMemorySegment(c, row + 3L * BYTES, ORDER);
        row += cRow;
        c20.intoMemorySegment(c, row, ORDER);
        c21.intoMemorySegment(c, row + BYTES, ORDER);
        c22.intoMemorySegment(c, row + 2L * BYTES, ORDER);
        c23.intoMemorySegment(c, row + 3L * BYTES, ORDER);
        row += cRow;
        c30.intoMemorySegment(c, row, ORDER);
        c31.intoMemorySegment(c, row + BYTES, ORDER);
        c32.intoMemorySegment(c, row + 2L * BYTES, ORDER);
        c33.intoMemorySegment(c, row + 3L * BYTES, ORDER);
    }

    // Four rows, two vectors.
    private static void two(MemorySegment a, long aAt, long aRow, long aStep, MemorySegment b, long bAt, long bRow,
            MemorySegment c, long cAt, long cRow, int k) {
        FloatVector zero = FloatVector.zero(SPECIES);
        FloatVector c00 = zero;
        FloatVector c01 = zero;
        FloatVector c10 = zero;
        FloatVector c11 = zero;
        FloatVector c20 = zero;
        FloatVector c21 = zero;
        FloatVector c30 = zero;
        FloatVector c31 = zero;
        for (int p = 0; p < k; p++) {
            long left = aAt + p * aStep;
            long right = bAt + p * bRow;
            FloatVector b0 = fromMemorySegment(SPECIES, b, right, ORDER);
            FloatVector b1 = fromMemorySegment(SPECIES, b, right + BYTES, ORDER);
            FloatVector x = broadcast(a, left);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            x = broadcast(a, left + aRow);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            x = broadcast(a, left + 2 * aRow);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            x = broadcast(a, left + 3 * aRow);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
        }
        long row = cAt;
        c00.intoMemorySegment(c, row, ORDER);
        c01.intoMemorySegment(c, row + BYTES, ORDER);
        row += cRow;
        c10.intoMemorySegment(c, row, ORDER);
        c11.intoMemorySegment(c, row + BYTES, ORDER);
        row += cRow;
        c20.intoMemorySegment(c, row, ORDER);
        c21.intoMemorySegment(c, row + BYTES, ORDER);
        row += cRow;
        c30.intoMemorySegment(c, row, ORDER);
        c31.intoMemorySegment(c, row + BYTES, ORDER);
    }

    // Four rows, one vector.
    private static void one(MemorySegment a, long aAt, long aRow, long aStep, MemorySegment b, long bAt, long bRow,
            MemorySegment c, long cAt, long cRow, int k) {
        FloatVector zero = FloatVector.zero(SPECIES);
        FloatVector c00 = zero;
        FloatVector c10 = zero;
        FloatVector c20 = zero;
        FloatVector c30 = zero;
        for (int p = 0; p < k; p++) {
            long left = aAt + p * aStep;
            long right = bAt + p * bRow;
            FloatVector b0 = fromMemorySegment(SPECIES, b, right, ORDER);
            FloatVector x = broadcast(a, left);
            c00 = x.fma(b0, c00);
            x = broadcast(a, left + aRow);
            c10 = x.fma(b0, c10);
            x = broadcast(a, left + 2 * aRow);
            c20 = x.fma(b0, c20);
            x = broadcast(a, left + 3 * aRow);
            c30 = x.fma(b0, c30);
        }
        long row = cAt;
        c00.intoMemorySegment(c, row, ORDER);
        row += cRow;
        c10.intoMemorySegment(c, row, ORDER);
        row += cRow;
        c20.intoMemorySegment(c, row, ORDER);
        row += cRow;
        c30.intoMemorySegment(c, row, ORDER);
    }
}

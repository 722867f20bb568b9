package tern.kernels.matmul;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

import tern.tensor.Tensor;

/**
 * The innermost loop of a matrix product: a tile of C, {@link #ROWS} rows by two vectors, held in registers while it runs
 * along one panel of A and one of B ({@link Panels}). Each step broadcasts one number of A per row and loads two vectors of
 * B, so the multiply–adds, not the loads, are the limit. Bodies are written out because vectors must stay in locals, and
 * they are methods of their own because one that is too large to inline keeps its registers.
 *
 * <p>Measured in one run, of the peak: with thirty-two 512-bit registers 8 by 2 reaches 95 % and 12 by 2, which is too large
 * for the JVM's first compiler, 98 %; with sixteen of 256 bits 6 by 2 reaches 93 %, 4 by 2 35 %, and 8 by 2 spills.
 * Stateless.
 */
final class Tile {
    static final VectorSpecies<Float> LANES = FloatVector.SPECIES_PREFERRED;
    /** Rows of a tile: eight where the machine has thirty-two vector registers. */
    static final int ROWS = LANES.vectorBitSize() == 512 || System.getProperty("os.arch", "").equals("aarch64") ? 8
            : 6;
    /** Columns of a tile. */
    static final int COLUMNS = 2 * LANES.length();
    private static final long WIDTH = LANES.vectorByteSize();
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    private static final ValueLayout.OfFloat FLOAT = Tensor.FLOAT;

    private Tile() {
    }

    /**
     * A whole tile of C ← A·B, or C += A·B.
     *
     * @param k steps
     * @param aAt offset of the panel of A in bytes: {@code ROWS} floats for each step
     * @param bAt offset of the panel of B in bytes: {@code COLUMNS} floats for each step
     * @param cAt offset of the tile in bytes
     * @param cRow bytes from one row of C to the next
     * @param spare room for one tile, used to accumulate: the product itself must stay small enough for the JVM's first
     *            compiler, or a method once compiled without profile is never compiled well
     */
    static void multiply(int k, MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment c, long cAt,
            long cRow,
            boolean accumulate, MemorySegment spare) {
        if (accumulate) {
            product(k, a, aAt, b, bAt, spare, 0, 2 * WIDTH);
            addSpare(spare, c, cAt, cRow);
        } else {
            product(k, a, aAt, b, bAt, c, cAt, cRow);
        }
    }

    private static void product(int k, MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment c, long cAt,
            long cRow) {
        if (ROWS == 8) {
            eightByTwo(k, a, aAt, b, bAt, c, cAt, cRow);
        } else {
            sixByTwo(k, a, aAt, b, bAt, c, cAt, cRow);
        }
    }

    private static void addSpare(MemorySegment spare, MemorySegment c, long cAt, long cRow) {
        for (int r = 0; r < ROWS; r++) {
            long from = 2 * WIDTH * r, to = cAt + r * cRow;
            FloatVector.fromMemorySegment(LANES, c, to, NATIVE)
                    .add(FloatVector.fromMemorySegment(LANES, spare, from, NATIVE))
                    .intoMemorySegment(c, to, NATIVE);
            FloatVector.fromMemorySegment(LANES, c, to + WIDTH, NATIVE)
                    .add(FloatVector.fromMemorySegment(LANES, spare, from + WIDTH, NATIVE))
                    .intoMemorySegment(c, to + WIDTH, NATIVE);
        }
    }

    /**
     * The upper left part of a tile, for the edges of C.
     *
     * @param spare room for one tile
     */
    static void multiplyPart(int rows, int columns, int k, MemorySegment a, long aAt, MemorySegment b, long bAt,
            MemorySegment c, long cAt, long cRow, boolean accumulate, MemorySegment spare) {
        product(k, a, aAt, b, bAt, spare, 0, 2 * WIDTH);
        VectorMask<Float> left = LANES.indexInRange(0, columns), right = LANES.indexInRange(LANES.length(), columns);
        for (int r = 0; r < rows; r++) {
            long from = 2 * WIDTH * r, to = cAt + r * cRow;
            FloatVector v = FloatVector.fromMemorySegment(LANES, spare, from, NATIVE);
            if (accumulate) {
                v = v.add(FloatVector.fromMemorySegment(LANES, c, to, NATIVE, left));
            }
            v.intoMemorySegment(c, to, NATIVE, left);
            if (right.anyTrue()) {
                FloatVector w = FloatVector.fromMemorySegment(LANES, spare, from + WIDTH, NATIVE);
                if (accumulate) {
                    w = w.add(FloatVector.fromMemorySegment(LANES, c, to + WIDTH, NATIVE, right));
                }
                w.intoMemorySegment(c, to + WIDTH, NATIVE, right);
            }
        }
    }

    /** Sixteen accumulators, two vectors of B and a broadcast: nineteen registers. */
    private static void eightByTwo(int k, MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment c,
            long cAt,
            long cRow) {
        FloatVector a0 = FloatVector.zero(LANES), b0 = a0, a1 = a0, b1 = a0, a2 = a0, b2 = a0, a3 = a0, b3 = a0,
                a4 = a0, b4 = a0, a5 = a0, b5 = a0, a6 = a0, b6 = a0, a7 = a0, b7 = a0;
        for (int p = 0; p < k; p++) {
            long left = aAt + 32L * p, right = bAt + 2 * WIDTH * p;
            FloatVector v = FloatVector.fromMemorySegment(LANES, b, right, NATIVE);
            FloatVector w = FloatVector.fromMemorySegment(LANES, b, right + WIDTH, NATIVE);
            FloatVector x0 = FloatVector.broadcast(LANES, a.get(FLOAT, left));
            a0 = x0.fma(v, a0);
            b0 = x0.fma(w, b0);
            FloatVector x1 = FloatVector.broadcast(LANES, a.get(FLOAT, left + 4));
            a1 = x1.fma(v, a1);
            b1 = x1.fma(w, b1);
            FloatVector x2 = FloatVector.broadcast(LANES, a.get(FLOAT, left + 8));
            a2 = x2.fma(v, a2);
            b2 = x2.fma(w, b2);
            FloatVector x3 = FloatVector.broadcast(LANES, a.get(FLOAT, left + 12));
            a3 = x3.fma(v, a3);
            b3 = x3.fma(w, b3);
            FloatVector x4 = FloatVector.broadcast(LANES, a.get(FLOAT, left + 16));
            a4 = x4.fma(v, a4);
            b4 = x4.fma(w, b4);
            FloatVector x5 = FloatVector.broadcast(LANES, a.get(FLOAT, left + 20));
            a5 = x5.fma(v, a5);
            b5 = x5.fma(w, b5);
            FloatVector x6 = FloatVector.broadcast(LANES, a.get(FLOAT, left + 24));
            a6 = x6.fma(v, a6);
            b6 = x6.fma(w, b6);
            FloatVector x7 = FloatVector.broadcast(LANES, a.get(FLOAT, left + 28));
            a7 = x7.fma(v, a7);
            b7 = x7.fma(w, b7);
        }
        long row0 = cAt;
        long row1 = cAt + cRow;
        long row2 = cAt + 2 * cRow;
        long row3 = cAt + 3 * cRow;
        long row4 = cAt + 4 * cRow;
        long row5 = cAt + 5 * cRow;
        long row6 = cAt + 6 * cRow;
        long row7 = cAt + 7 * cRow;
        a0.intoMemorySegment(c, row0, NATIVE);
        b0.intoMemorySegment(c, row0 + WIDTH, NATIVE);
        a1.intoMemorySegment(c, row1, NATIVE);
        b1.intoMemorySegment(c, row1 + WIDTH, NATIVE);
        a2.intoMemorySegment(c, row2, NATIVE);
        b2.intoMemorySegment(c, row2 + WIDTH, NATIVE);
        a3.intoMemorySegment(c, row3, NATIVE);
        b3.intoMemorySegment(c, row3 + WIDTH, NATIVE);
        a4.intoMemorySegment(c, row4, NATIVE);
        b4.intoMemorySegment(c, row4 + WIDTH, NATIVE);
        a5.intoMemorySegment(c, row5, NATIVE);
        b5.intoMemorySegment(c, row5 + WIDTH, NATIVE);
        a6.intoMemorySegment(c, row6, NATIVE);
        b6.intoMemorySegment(c, row6 + WIDTH, NATIVE);
        a7.intoMemorySegment(c, row7, NATIVE);
        b7.intoMemorySegment(c, row7 + WIDTH, NATIVE);
    }

    /** Twelve accumulators, two vectors of B and a broadcast: fifteen registers. */
    private static void sixByTwo(int k, MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment c, long cAt,
            long cRow) {
        FloatVector a0 = FloatVector.zero(LANES), b0 = a0, a1 = a0, b1 = a0, a2 = a0, b2 = a0, a3 = a0, b3 = a0,
                a4 = a0, b4 = a0, a5 = a0, b5 = a0;
        for (int p = 0; p < k; p++) {
            long left = aAt + 24L * p, right = bAt + 2 * WIDTH * p;
            FloatVector v = FloatVector.fromMemorySegment(LANES, b, right, NATIVE);
            FloatVector w = FloatVector.fromMemorySegment(LANES, b, right + WIDTH, NATIVE);
            FloatVector x0 = FloatVector.broadcast(LANES, a.get(FLOAT, left));
            a0 = x0.fma(v, a0);
            b0 = x0.fma(w, b0);
            FloatVector x1 = FloatVector.broadcast(LANES, a.get(FLOAT, left + 4));
            a1 = x1.fma(v, a1);
            b1 = x1.fma(w, b1);
            FloatVector x2 = FloatVector.broadcast(LANES, a.get(FLOAT, left + 8));
            a2 = x2.fma(v, a2);
            b2 = x2.fma(w, b2);
            FloatVector x3 = FloatVector.broadcast(LANES, a.get(FLOAT, left + 12));
            a3 = x3.fma(v, a3);
            b3 = x3.fma(w, b3);
            FloatVector x4 = FloatVector.broadcast(LANES, a.get(FLOAT, left + 16));
            a4 = x4.fma(v, a4);
            b4 = x4.fma(w, b4);
            FloatVector x5 = FloatVector.broadcast(LANES, a.get(FLOAT, left + 20));
            a5 = x5.fma(v, a5);
            b5 = x5.fma(w, b5);
        }
        long row0 = cAt;
        long row1 = cAt + cRow;
        long row2 = cAt + 2 * cRow;
        long row3 = cAt + 3 * cRow;
        long row4 = cAt + 4 * cRow;
        long row5 = cAt + 5 * cRow;
        a0.intoMemorySegment(c, row0, NATIVE);
        b0.intoMemorySegment(c, row0 + WIDTH, NATIVE);
        a1.intoMemorySegment(c, row1, NATIVE);
        b1.intoMemorySegment(c, row1 + WIDTH, NATIVE);
        a2.intoMemorySegment(c, row2, NATIVE);
        b2.intoMemorySegment(c, row2 + WIDTH, NATIVE);
        a3.intoMemorySegment(c, row3, NATIVE);
        b3.intoMemorySegment(c, row3 + WIDTH, NATIVE);
        a4.intoMemorySegment(c, row4, NATIVE);
        b4.intoMemorySegment(c, row4 + WIDTH, NATIVE);
        a5.intoMemorySegment(c, row5, NATIVE);
        b5.intoMemorySegment(c, row5 + WIDTH, NATIVE);
    }
}

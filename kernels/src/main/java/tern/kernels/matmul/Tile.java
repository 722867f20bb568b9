package tern.kernels.matmul;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/**
 * The innermost loop of a matrix product: a tile of C, {@link #ROWS} rows by four vectors or by two, held in registers while
 * it runs along rows of A and one panel of B ({@link Panels}). Each step broadcasts one number of A per row and loads the
 * vectors of B, so the multiply–adds, not the loads, are the limit. Bodies are written out because vectors must stay in
 * locals, and they are methods of their own because one that is too large to inline keeps its registers.
 *
 * <p>A and B lie in arrays on the Java heap, because the compiler moves an array's checks out of the loop for next to nothing,
 * while those of memory segments, which have long offsets, cost some 150 cycles each time the loop is entered. Measured in
 * one run, of the peak: with thirty-two 512-bit registers 6 by 4 reaches 97 % in 512 steps and 91 % in 64, with segments 95
 * and 85 %; with sixteen of 256 bits 4 by 2 reaches 94 %, while the compiler unrolls 6 by 2 and then spills. Stateless.
 */
final class Tile {
    static final VectorSpecies<Float> LANES = FloatVector.SPECIES_PREFERRED;
    private static final boolean MANY_REGISTERS = LANES.vectorBitSize() == 512
            || System.getProperty("os.arch", "").equals("aarch64");
    /** Rows of a tile: six where the machine has thirty-two vector registers. */
    static final int ROWS = MANY_REGISTERS ? 6 : 4;
    /** Rows of a short tile, for what is left below the others. */
    static final int SHORT = 4;
    /** Columns of a narrow tile. */
    static final int NARROW = 2 * LANES.length();
    /** Columns of a tile: four vectors where the machine has thirty-two vector registers, else no more than a narrow one. */
    static final int COLUMNS = MANY_REGISTERS ? 2 * NARROW : NARROW;
    private static final long WIDTH = LANES.vectorByteSize();
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();

    private Tile() {
    }

    /** Columns of the panel that begins where this many columns are left. */
    static int panelColumns(int left) {
        return left <= NARROW ? NARROW : COLUMNS;
    }

    /**
     * A whole tile of C ← alpha·A·B + F. Each number is rounded as in one chain of fused multiply–adds along the steps, the
     * last of them with alpha and F, whatever the width of the tile.
     *
     * @param rows of the tile: {@link #ROWS} or {@link #SHORT}
     * @param columns of the tile and of a step of B: {@link #COLUMNS} or {@link #NARROW}
     * @param k steps
     * @param aAt index of the first row of A, whose steps lie side by side
     * @param aRow numbers from one row of A to the next
     * @param bAt index of the panel of B
     * @param fromAt offset of the tile of F in bytes; F may be C
     * @param fromRow bytes from one row of F to the next; 0 to add one row everywhere
     * @param cAt offset of the tile in bytes
     * @param cRow bytes from one row of C to the next
     */
    static void multiply(int rows, int columns, int k, float[] a, int aAt, int aRow, float[] b, int bAt, float alpha,
            MemorySegment from, long fromAt, long fromRow, MemorySegment c, long cAt, long cRow) {
        boolean few = rows == SHORT;
        if (columns == NARROW) {
            if (few) {
                fourByTwo(k, a, aAt, aRow, b, bAt, alpha, from, fromAt, fromRow, c, cAt, cRow);
            } else {
                sixByTwo(k, a, aAt, aRow, b, bAt, alpha, from, fromAt, fromRow, c, cAt, cRow);
            }
        } else if (few) {
            fourByFour(k, a, aAt, aRow, b, bAt, alpha, from, fromAt, fromRow, c, cAt, cRow);
        } else {
            sixByFour(k, a, aAt, aRow, b, bAt, alpha, from, fromAt, fromRow, c, cAt, cRow);
        }
    }

    /** Copies the upper left part of a tile of F to a whole one, for the edges of C; the other columns are 0, the other rows anything. */
    static void intoSpare(int rows, int valid, int columns, MemorySegment from, long fromAt, long fromRow,
            MemorySegment spare) {
        for (int r = 0; r < rows; r++) {
            copyRow(from, fromAt + r * fromRow, valid, spare, 4L * r * columns, columns);
        }
    }

    /** Copies the upper left part of a whole tile to C. */
    static void outOfSpare(int rows, int valid, int columns, MemorySegment spare, MemorySegment c, long cAt,
            long cRow) {
        for (int r = 0; r < rows; r++) {
            copyRow(spare, 4L * r * columns, valid, c, cAt + r * cRow, valid);
        }
    }

    /** Writes as many numbers as {@code written}; those from {@code valid} on are 0. */
    private static void copyRow(MemorySegment from, long at, int valid, MemorySegment to, long toAt, int written) {
        for (int j = 0; j < written; j += LANES.length()) {
            VectorMask<Float> read = LANES.indexInRange(j, valid), write = LANES.indexInRange(j, written);
            FloatVector.fromMemorySegment(LANES, from, at + 4L * j, NATIVE, read).intoMemorySegment(to, toAt + 4L * j,
                    NATIVE, write);
        }
    }

    /** Twenty-four accumulators, four vectors of B and a broadcast: twenty-nine registers. */
    private static void sixByFour(int k, float[] a, int aAt, int aRow, float[] b, int bAt, float alpha,
            MemorySegment from, long fromAt, long fromRow, MemorySegment c, long cAt, long cRow) {
        FloatVector c0 = FloatVector.zero(LANES), d0 = c0, e0 = c0, f0 = c0, c1 = c0, d1 = c0, e1 = c0, f1 = c0,
                c2 = c0, d2 = c0, e2 = c0, f2 = c0, c3 = c0, d3 = c0, e3 = c0, f3 = c0, c4 = c0, d4 = c0, e4 = c0,
                f4 = c0, c5 = c0, d5 = c0, e5 = c0, f5 = c0;
        int lanes = LANES.length(), row1 = aAt + aRow, row2 = row1 + aRow, row3 = row2 + aRow, row4 = row3 + aRow,
                row5 = row4 + aRow;
        for (int p = 0; p < k; p++) {
            int right = bAt + 4 * lanes * p;
            FloatVector v0 = FloatVector.fromArray(LANES, b, right);
            FloatVector v1 = FloatVector.fromArray(LANES, b, right + lanes);
            FloatVector v2 = FloatVector.fromArray(LANES, b, right + 2 * lanes);
            FloatVector v3 = FloatVector.fromArray(LANES, b, right + 3 * lanes);
            FloatVector x0 = FloatVector.broadcast(LANES, a[aAt + p]);
            c0 = x0.fma(v0, c0);
            d0 = x0.fma(v1, d0);
            e0 = x0.fma(v2, e0);
            f0 = x0.fma(v3, f0);
            FloatVector x1 = FloatVector.broadcast(LANES, a[row1 + p]);
            c1 = x1.fma(v0, c1);
            d1 = x1.fma(v1, d1);
            e1 = x1.fma(v2, e1);
            f1 = x1.fma(v3, f1);
            FloatVector x2 = FloatVector.broadcast(LANES, a[row2 + p]);
            c2 = x2.fma(v0, c2);
            d2 = x2.fma(v1, d2);
            e2 = x2.fma(v2, e2);
            f2 = x2.fma(v3, f2);
            FloatVector x3 = FloatVector.broadcast(LANES, a[row3 + p]);
            c3 = x3.fma(v0, c3);
            d3 = x3.fma(v1, d3);
            e3 = x3.fma(v2, e3);
            f3 = x3.fma(v3, f3);
            FloatVector x4 = FloatVector.broadcast(LANES, a[row4 + p]);
            c4 = x4.fma(v0, c4);
            d4 = x4.fma(v1, d4);
            e4 = x4.fma(v2, e4);
            f4 = x4.fma(v3, f4);
            FloatVector x5 = FloatVector.broadcast(LANES, a[row5 + p]);
            c5 = x5.fma(v0, c5);
            d5 = x5.fma(v1, d5);
            e5 = x5.fma(v2, e5);
            f5 = x5.fma(v3, f5);
        }
        FloatVector scale = FloatVector.broadcast(LANES, alpha);
        c0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt, NATIVE)).intoMemorySegment(c, cAt, NATIVE);
        d0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + WIDTH, NATIVE)).intoMemorySegment(c,
                cAt + WIDTH, NATIVE);
        e0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * WIDTH, NATIVE)).intoMemorySegment(c,
                cAt + 2 * WIDTH, NATIVE);
        f0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * WIDTH, NATIVE)).intoMemorySegment(c,
                cAt + 3 * WIDTH, NATIVE);
        c1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow, NATIVE)).intoMemorySegment(c,
                cAt + cRow, NATIVE);
        d1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + WIDTH, NATIVE)).intoMemorySegment(c,
                cAt + cRow + WIDTH, NATIVE);
        e1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + cRow + 2 * WIDTH, NATIVE);
        f1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + cRow + 3 * WIDTH, NATIVE);
        c2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow, NATIVE)).intoMemorySegment(c,
                cAt + 2 * cRow, NATIVE);
        d2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + WIDTH, NATIVE);
        e2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + 2 * WIDTH, NATIVE);
        f2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + 3 * WIDTH, NATIVE);
        c3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow, NATIVE)).intoMemorySegment(c,
                cAt + 3 * cRow, NATIVE);
        d3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + WIDTH, NATIVE);
        e3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + 2 * WIDTH, NATIVE);
        f3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + 3 * WIDTH, NATIVE);
        c4.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 4 * fromRow, NATIVE)).intoMemorySegment(c,
                cAt + 4 * cRow, NATIVE);
        d4.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 4 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 4 * cRow + WIDTH, NATIVE);
        e4.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 4 * fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 4 * cRow + 2 * WIDTH, NATIVE);
        f4.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 4 * fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 4 * cRow + 3 * WIDTH, NATIVE);
        c5.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 5 * fromRow, NATIVE)).intoMemorySegment(c,
                cAt + 5 * cRow, NATIVE);
        d5.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 5 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 5 * cRow + WIDTH, NATIVE);
        e5.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 5 * fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 5 * cRow + 2 * WIDTH, NATIVE);
        f5.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 5 * fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 5 * cRow + 3 * WIDTH, NATIVE);
    }

    /** Sixteen accumulators, four vectors of B and a broadcast: for what is left below tiles of six rows. */
    private static void fourByFour(int k, float[] a, int aAt, int aRow, float[] b, int bAt, float alpha,
            MemorySegment from, long fromAt, long fromRow, MemorySegment c, long cAt, long cRow) {
        FloatVector c0 = FloatVector.zero(LANES), d0 = c0, e0 = c0, f0 = c0, c1 = c0, d1 = c0, e1 = c0, f1 = c0,
                c2 = c0, d2 = c0, e2 = c0, f2 = c0, c3 = c0, d3 = c0, e3 = c0, f3 = c0;
        int lanes = LANES.length(), row1 = aAt + aRow, row2 = row1 + aRow, row3 = row2 + aRow;
        for (int p = 0; p < k; p++) {
            int right = bAt + 4 * lanes * p;
            FloatVector v0 = FloatVector.fromArray(LANES, b, right);
            FloatVector v1 = FloatVector.fromArray(LANES, b, right + lanes);
            FloatVector v2 = FloatVector.fromArray(LANES, b, right + 2 * lanes);
            FloatVector v3 = FloatVector.fromArray(LANES, b, right + 3 * lanes);
            FloatVector x0 = FloatVector.broadcast(LANES, a[aAt + p]);
            c0 = x0.fma(v0, c0);
            d0 = x0.fma(v1, d0);
            e0 = x0.fma(v2, e0);
            f0 = x0.fma(v3, f0);
            FloatVector x1 = FloatVector.broadcast(LANES, a[row1 + p]);
            c1 = x1.fma(v0, c1);
            d1 = x1.fma(v1, d1);
            e1 = x1.fma(v2, e1);
            f1 = x1.fma(v3, f1);
            FloatVector x2 = FloatVector.broadcast(LANES, a[row2 + p]);
            c2 = x2.fma(v0, c2);
            d2 = x2.fma(v1, d2);
            e2 = x2.fma(v2, e2);
            f2 = x2.fma(v3, f2);
            FloatVector x3 = FloatVector.broadcast(LANES, a[row3 + p]);
            c3 = x3.fma(v0, c3);
            d3 = x3.fma(v1, d3);
            e3 = x3.fma(v2, e3);
            f3 = x3.fma(v3, f3);
        }
        FloatVector scale = FloatVector.broadcast(LANES, alpha);
        c0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt, NATIVE)).intoMemorySegment(c, cAt, NATIVE);
        d0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + WIDTH, NATIVE)).intoMemorySegment(c,
                cAt + WIDTH, NATIVE);
        e0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * WIDTH, NATIVE)).intoMemorySegment(c,
                cAt + 2 * WIDTH, NATIVE);
        f0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * WIDTH, NATIVE)).intoMemorySegment(c,
                cAt + 3 * WIDTH, NATIVE);
        c1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow, NATIVE)).intoMemorySegment(c,
                cAt + cRow, NATIVE);
        d1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + WIDTH, NATIVE)).intoMemorySegment(c,
                cAt + cRow + WIDTH, NATIVE);
        e1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + cRow + 2 * WIDTH, NATIVE);
        f1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + cRow + 3 * WIDTH, NATIVE);
        c2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow, NATIVE)).intoMemorySegment(c,
                cAt + 2 * cRow, NATIVE);
        d2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + WIDTH, NATIVE);
        e2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + 2 * WIDTH, NATIVE);
        f2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + 3 * WIDTH, NATIVE);
        c3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow, NATIVE)).intoMemorySegment(c,
                cAt + 3 * cRow, NATIVE);
        d3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + WIDTH, NATIVE);
        e3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + 2 * WIDTH, NATIVE);
        f3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + 3 * WIDTH, NATIVE);
    }

    /** Twelve accumulators, two vectors of B and a broadcast: fifteen registers. */
    private static void sixByTwo(int k, float[] a, int aAt, int aRow, float[] b, int bAt, float alpha,
            MemorySegment from, long fromAt, long fromRow, MemorySegment c, long cAt, long cRow) {
        FloatVector c0 = FloatVector.zero(LANES), d0 = c0, c1 = c0, d1 = c0, c2 = c0, d2 = c0, c3 = c0, d3 = c0,
                c4 = c0, d4 = c0, c5 = c0, d5 = c0;
        int lanes = LANES.length(), row1 = aAt + aRow, row2 = row1 + aRow, row3 = row2 + aRow, row4 = row3 + aRow,
                row5 = row4 + aRow;
        for (int p = 0; p < k; p++) {
            int right = bAt + 2 * lanes * p;
            FloatVector v0 = FloatVector.fromArray(LANES, b, right);
            FloatVector v1 = FloatVector.fromArray(LANES, b, right + lanes);
            FloatVector x0 = FloatVector.broadcast(LANES, a[aAt + p]);
            c0 = x0.fma(v0, c0);
            d0 = x0.fma(v1, d0);
            FloatVector x1 = FloatVector.broadcast(LANES, a[row1 + p]);
            c1 = x1.fma(v0, c1);
            d1 = x1.fma(v1, d1);
            FloatVector x2 = FloatVector.broadcast(LANES, a[row2 + p]);
            c2 = x2.fma(v0, c2);
            d2 = x2.fma(v1, d2);
            FloatVector x3 = FloatVector.broadcast(LANES, a[row3 + p]);
            c3 = x3.fma(v0, c3);
            d3 = x3.fma(v1, d3);
            FloatVector x4 = FloatVector.broadcast(LANES, a[row4 + p]);
            c4 = x4.fma(v0, c4);
            d4 = x4.fma(v1, d4);
            FloatVector x5 = FloatVector.broadcast(LANES, a[row5 + p]);
            c5 = x5.fma(v0, c5);
            d5 = x5.fma(v1, d5);
        }
        FloatVector scale = FloatVector.broadcast(LANES, alpha);
        c0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt, NATIVE)).intoMemorySegment(c, cAt, NATIVE);
        d0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + WIDTH, NATIVE)).intoMemorySegment(c,
                cAt + WIDTH, NATIVE);
        c1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow, NATIVE)).intoMemorySegment(c,
                cAt + cRow, NATIVE);
        d1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + WIDTH, NATIVE)).intoMemorySegment(c,
                cAt + cRow + WIDTH, NATIVE);
        c2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow, NATIVE)).intoMemorySegment(c,
                cAt + 2 * cRow, NATIVE);
        d2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + WIDTH, NATIVE);
        c3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow, NATIVE)).intoMemorySegment(c,
                cAt + 3 * cRow, NATIVE);
        d3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + WIDTH, NATIVE);
        c4.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 4 * fromRow, NATIVE)).intoMemorySegment(c,
                cAt + 4 * cRow, NATIVE);
        d4.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 4 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 4 * cRow + WIDTH, NATIVE);
        c5.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 5 * fromRow, NATIVE)).intoMemorySegment(c,
                cAt + 5 * cRow, NATIVE);
        d5.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 5 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 5 * cRow + WIDTH, NATIVE);
    }

    /** Eight accumulators, two vectors of B and a broadcast: eleven registers, and as many again once the compiler unrolls it. */
    private static void fourByTwo(int k, float[] a, int aAt, int aRow, float[] b, int bAt, float alpha,
            MemorySegment from, long fromAt, long fromRow, MemorySegment c, long cAt, long cRow) {
        FloatVector c0 = FloatVector.zero(LANES), d0 = c0, c1 = c0, d1 = c0, c2 = c0, d2 = c0, c3 = c0, d3 = c0;
        int lanes = LANES.length(), row1 = aAt + aRow, row2 = row1 + aRow, row3 = row2 + aRow;
        for (int p = 0; p < k; p++) {
            int right = bAt + 2 * lanes * p;
            FloatVector v0 = FloatVector.fromArray(LANES, b, right);
            FloatVector v1 = FloatVector.fromArray(LANES, b, right + lanes);
            FloatVector x0 = FloatVector.broadcast(LANES, a[aAt + p]);
            c0 = x0.fma(v0, c0);
            d0 = x0.fma(v1, d0);
            FloatVector x1 = FloatVector.broadcast(LANES, a[row1 + p]);
            c1 = x1.fma(v0, c1);
            d1 = x1.fma(v1, d1);
            FloatVector x2 = FloatVector.broadcast(LANES, a[row2 + p]);
            c2 = x2.fma(v0, c2);
            d2 = x2.fma(v1, d2);
            FloatVector x3 = FloatVector.broadcast(LANES, a[row3 + p]);
            c3 = x3.fma(v0, c3);
            d3 = x3.fma(v1, d3);
        }
        FloatVector scale = FloatVector.broadcast(LANES, alpha);
        c0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt, NATIVE)).intoMemorySegment(c, cAt, NATIVE);
        d0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + WIDTH, NATIVE)).intoMemorySegment(c,
                cAt + WIDTH, NATIVE);
        c1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow, NATIVE)).intoMemorySegment(c,
                cAt + cRow, NATIVE);
        d1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + WIDTH, NATIVE)).intoMemorySegment(c,
                cAt + cRow + WIDTH, NATIVE);
        c2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow, NATIVE)).intoMemorySegment(c,
                cAt + 2 * cRow, NATIVE);
        d2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + WIDTH, NATIVE);
        c3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow, NATIVE)).intoMemorySegment(c,
                cAt + 3 * cRow, NATIVE);
        d3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + WIDTH, NATIVE);
    }
}

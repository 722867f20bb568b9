package tern.kernels.matmul;

import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The tiles of {@link Tile} with A where it lies instead of copied: for products so small that each number of A is met a few times
 * only. Rows and steps of A are any distance apart, so that a transposed A costs no more. The loop is counted by the array
 * of B; the checks of A's places are not taken out of it, and hide behind the multiply–adds. The same bits. Stateless.
 */
final class TileInPlace {
    private static final VectorSpecies<Float> LANES = Tile.LANES;
    private static final long WIDTH = LANES.vectorByteSize();
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();

    private TileInPlace() {
    }

    /**
     * As {@link Tile#multiply}.
     *
     * @param valid rows of A; those of the tile after them repeat the last
     * @param aAt offset of the first row of A in bytes
     * @param aRow bytes from one row of A to the next
     * @param aStep bytes from one step to the next
     */
    static void multiply(int rows, int valid, int columns, int k, MemorySegment a, long aAt, long aRow, long aStep,
            float[] b, int bAt, float alpha, MemorySegment from, long fromAt, long fromRow, MemorySegment c, long cAt,
            long cRow) {
        int last = valid - 1;
        boolean few = rows == Tile.SHORT;
        if (columns == Tile.NARROW) {
            if (few) {
                fourByTwo(last, k, a, aAt, aRow, aStep, b, bAt, alpha, from, fromAt, fromRow, c, cAt, cRow);
            } else {
                sixByTwo(last, k, a, aAt, aRow, aStep, b, bAt, alpha, from, fromAt, fromRow, c, cAt, cRow);
            }
        } else if (few) {
            fourByFour(last, k, a, aAt, aRow, aStep, b, bAt, alpha, from, fromAt, fromRow, c, cAt, cRow);
        } else {
            sixByFour(last, k, a, aAt, aRow, aStep, b, bAt, alpha, from, fromAt, fromRow, c, cAt, cRow);
        }
    }

    /** Twenty-four accumulators, four vectors of B and a broadcast. */
    private static void sixByFour(int last, int k, MemorySegment a, long aAt, long aRow, long aStep, float[] b, int bAt,
            float alpha, MemorySegment from, long fromAt, long fromRow, MemorySegment c, long cAt, long cRow) {
        FloatVector c0 = FloatVector.zero(LANES), d0 = c0, e0 = c0, f0 = c0, c1 = c0, d1 = c0, e1 = c0, f1 = c0,
                c2 = c0, d2 = c0, e2 = c0, f2 = c0, c3 = c0, d3 = c0, e3 = c0, f3 = c0, c4 = c0, d4 = c0, e4 = c0,
                f4 = c0,
                c5 = c0, d5 = c0, e5 = c0, f5 = c0;
        long row1 = Math.min(1, last) * aRow, row2 = Math.min(2, last) * aRow, row3 = Math.min(3, last) * aRow,
                row4 = Math.min(4, last) * aRow, row5 = Math.min(5, last) * aRow, left = aAt;
        int lanes = LANES.length(), end = bAt + 4 * lanes * k;
        for (int right = bAt; right < end; right += 4 * lanes) {
            FloatVector v0 = FloatVector.fromArray(LANES, b, right);
            FloatVector v1 = FloatVector.fromArray(LANES, b, right + lanes);
            FloatVector v2 = FloatVector.fromArray(LANES, b, right + 2 * lanes);
            FloatVector v3 = FloatVector.fromArray(LANES, b, right + 3 * lanes);
            FloatVector x0 = FloatVector.broadcast(LANES, a.get(FLOAT, left));
            c0 = x0.fma(v0, c0);
            d0 = x0.fma(v1, d0);
            e0 = x0.fma(v2, e0);
            f0 = x0.fma(v3, f0);
            FloatVector x1 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row1));
            c1 = x1.fma(v0, c1);
            d1 = x1.fma(v1, d1);
            e1 = x1.fma(v2, e1);
            f1 = x1.fma(v3, f1);
            FloatVector x2 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row2));
            c2 = x2.fma(v0, c2);
            d2 = x2.fma(v1, d2);
            e2 = x2.fma(v2, e2);
            f2 = x2.fma(v3, f2);
            FloatVector x3 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row3));
            c3 = x3.fma(v0, c3);
            d3 = x3.fma(v1, d3);
            e3 = x3.fma(v2, e3);
            f3 = x3.fma(v3, f3);
            FloatVector x4 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row4));
            c4 = x4.fma(v0, c4);
            d4 = x4.fma(v1, d4);
            e4 = x4.fma(v2, e4);
            f4 = x4.fma(v3, f4);
            FloatVector x5 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row5));
            c5 = x5.fma(v0, c5);
            d5 = x5.fma(v1, d5);
            e5 = x5.fma(v2, e5);
            f5 = x5.fma(v3, f5);
            left += aStep;
        }
        FloatVector scale = FloatVector.broadcast(LANES, alpha);
        c0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt, NATIVE)).intoMemorySegment(c, cAt, NATIVE);
        d0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + WIDTH, NATIVE);
        e0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * WIDTH, NATIVE);
        f0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * WIDTH, NATIVE);
        c1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow, NATIVE))
                .intoMemorySegment(c, cAt + cRow, NATIVE);
        d1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + cRow + WIDTH, NATIVE);
        e1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + cRow + 2 * WIDTH, NATIVE);
        f1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + cRow + 3 * WIDTH, NATIVE);
        c2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow, NATIVE);
        d2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + WIDTH, NATIVE);
        e2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + 2 * WIDTH, NATIVE);
        f2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + 3 * WIDTH, NATIVE);
        c3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow, NATIVE);
        d3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + WIDTH, NATIVE);
        e3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + 2 * WIDTH, NATIVE);
        f3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + 3 * WIDTH, NATIVE);
        c4.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 4 * fromRow, NATIVE))
                .intoMemorySegment(c, cAt + 4 * cRow, NATIVE);
        d4.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 4 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 4 * cRow + WIDTH, NATIVE);
        e4.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 4 * fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 4 * cRow + 2 * WIDTH, NATIVE);
        f4.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 4 * fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 4 * cRow + 3 * WIDTH, NATIVE);
        c5.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 5 * fromRow, NATIVE))
                .intoMemorySegment(c, cAt + 5 * cRow, NATIVE);
        d5.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 5 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 5 * cRow + WIDTH, NATIVE);
        e5.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 5 * fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 5 * cRow + 2 * WIDTH, NATIVE);
        f5.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 5 * fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 5 * cRow + 3 * WIDTH, NATIVE);
    }

    /** Sixteen accumulators, four vectors of B and a broadcast. */
    private static void fourByFour(int last, int k, MemorySegment a, long aAt, long aRow, long aStep, float[] b,
            int bAt,
            float alpha, MemorySegment from, long fromAt, long fromRow, MemorySegment c, long cAt, long cRow) {
        FloatVector c0 = FloatVector.zero(LANES), d0 = c0, e0 = c0, f0 = c0, c1 = c0, d1 = c0, e1 = c0, f1 = c0,
                c2 = c0, d2 = c0, e2 = c0, f2 = c0, c3 = c0, d3 = c0, e3 = c0, f3 = c0;
        long row1 = Math.min(1, last) * aRow, row2 = Math.min(2, last) * aRow, row3 = Math.min(3, last) * aRow,
                left = aAt;
        int lanes = LANES.length(), end = bAt + 4 * lanes * k;
        for (int right = bAt; right < end; right += 4 * lanes) {
            FloatVector v0 = FloatVector.fromArray(LANES, b, right);
            FloatVector v1 = FloatVector.fromArray(LANES, b, right + lanes);
            FloatVector v2 = FloatVector.fromArray(LANES, b, right + 2 * lanes);
            FloatVector v3 = FloatVector.fromArray(LANES, b, right + 3 * lanes);
            FloatVector x0 = FloatVector.broadcast(LANES, a.get(FLOAT, left));
            c0 = x0.fma(v0, c0);
            d0 = x0.fma(v1, d0);
            e0 = x0.fma(v2, e0);
            f0 = x0.fma(v3, f0);
            FloatVector x1 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row1));
            c1 = x1.fma(v0, c1);
            d1 = x1.fma(v1, d1);
            e1 = x1.fma(v2, e1);
            f1 = x1.fma(v3, f1);
            FloatVector x2 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row2));
            c2 = x2.fma(v0, c2);
            d2 = x2.fma(v1, d2);
            e2 = x2.fma(v2, e2);
            f2 = x2.fma(v3, f2);
            FloatVector x3 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row3));
            c3 = x3.fma(v0, c3);
            d3 = x3.fma(v1, d3);
            e3 = x3.fma(v2, e3);
            f3 = x3.fma(v3, f3);
            left += aStep;
        }
        FloatVector scale = FloatVector.broadcast(LANES, alpha);
        c0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt, NATIVE)).intoMemorySegment(c, cAt, NATIVE);
        d0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + WIDTH, NATIVE);
        e0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * WIDTH, NATIVE);
        f0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * WIDTH, NATIVE);
        c1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow, NATIVE))
                .intoMemorySegment(c, cAt + cRow, NATIVE);
        d1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + cRow + WIDTH, NATIVE);
        e1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + cRow + 2 * WIDTH, NATIVE);
        f1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + cRow + 3 * WIDTH, NATIVE);
        c2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow, NATIVE);
        d2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + WIDTH, NATIVE);
        e2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + 2 * WIDTH, NATIVE);
        f2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + 3 * WIDTH, NATIVE);
        c3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow, NATIVE);
        d3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + WIDTH, NATIVE);
        e3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + 2 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + 2 * WIDTH, NATIVE);
        f3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + 3 * WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + 3 * WIDTH, NATIVE);
    }

    /** Twelve accumulators, two vectors of B and a broadcast. */
    private static void sixByTwo(int last, int k, MemorySegment a, long aAt, long aRow, long aStep, float[] b, int bAt,
            float alpha, MemorySegment from, long fromAt, long fromRow, MemorySegment c, long cAt, long cRow) {
        FloatVector c0 = FloatVector.zero(LANES), d0 = c0, c1 = c0, d1 = c0, c2 = c0, d2 = c0, c3 = c0, d3 = c0,
                c4 = c0, d4 = c0, c5 = c0, d5 = c0;
        long row1 = Math.min(1, last) * aRow, row2 = Math.min(2, last) * aRow, row3 = Math.min(3, last) * aRow,
                row4 = Math.min(4, last) * aRow, row5 = Math.min(5, last) * aRow, left = aAt;
        int lanes = LANES.length(), end = bAt + 2 * lanes * k;
        for (int right = bAt; right < end; right += 2 * lanes) {
            FloatVector v0 = FloatVector.fromArray(LANES, b, right);
            FloatVector v1 = FloatVector.fromArray(LANES, b, right + lanes);
            FloatVector x0 = FloatVector.broadcast(LANES, a.get(FLOAT, left));
            c0 = x0.fma(v0, c0);
            d0 = x0.fma(v1, d0);
            FloatVector x1 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row1));
            c1 = x1.fma(v0, c1);
            d1 = x1.fma(v1, d1);
            FloatVector x2 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row2));
            c2 = x2.fma(v0, c2);
            d2 = x2.fma(v1, d2);
            FloatVector x3 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row3));
            c3 = x3.fma(v0, c3);
            d3 = x3.fma(v1, d3);
            FloatVector x4 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row4));
            c4 = x4.fma(v0, c4);
            d4 = x4.fma(v1, d4);
            FloatVector x5 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row5));
            c5 = x5.fma(v0, c5);
            d5 = x5.fma(v1, d5);
            left += aStep;
        }
        FloatVector scale = FloatVector.broadcast(LANES, alpha);
        c0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt, NATIVE)).intoMemorySegment(c, cAt, NATIVE);
        d0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + WIDTH, NATIVE);
        c1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow, NATIVE))
                .intoMemorySegment(c, cAt + cRow, NATIVE);
        d1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + cRow + WIDTH, NATIVE);
        c2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow, NATIVE);
        d2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + WIDTH, NATIVE);
        c3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow, NATIVE);
        d3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + WIDTH, NATIVE);
        c4.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 4 * fromRow, NATIVE))
                .intoMemorySegment(c, cAt + 4 * cRow, NATIVE);
        d4.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 4 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 4 * cRow + WIDTH, NATIVE);
        c5.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 5 * fromRow, NATIVE))
                .intoMemorySegment(c, cAt + 5 * cRow, NATIVE);
        d5.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 5 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 5 * cRow + WIDTH, NATIVE);
    }

    /** Eight accumulators, two vectors of B and a broadcast. */
    private static void fourByTwo(int last, int k, MemorySegment a, long aAt, long aRow, long aStep, float[] b, int bAt,
            float alpha, MemorySegment from, long fromAt, long fromRow, MemorySegment c, long cAt, long cRow) {
        FloatVector c0 = FloatVector.zero(LANES), d0 = c0, c1 = c0, d1 = c0, c2 = c0, d2 = c0, c3 = c0, d3 = c0;
        long row1 = Math.min(1, last) * aRow, row2 = Math.min(2, last) * aRow, row3 = Math.min(3, last) * aRow,
                left = aAt;
        int lanes = LANES.length(), end = bAt + 2 * lanes * k;
        for (int right = bAt; right < end; right += 2 * lanes) {
            FloatVector v0 = FloatVector.fromArray(LANES, b, right);
            FloatVector v1 = FloatVector.fromArray(LANES, b, right + lanes);
            FloatVector x0 = FloatVector.broadcast(LANES, a.get(FLOAT, left));
            c0 = x0.fma(v0, c0);
            d0 = x0.fma(v1, d0);
            FloatVector x1 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row1));
            c1 = x1.fma(v0, c1);
            d1 = x1.fma(v1, d1);
            FloatVector x2 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row2));
            c2 = x2.fma(v0, c2);
            d2 = x2.fma(v1, d2);
            FloatVector x3 = FloatVector.broadcast(LANES, a.get(FLOAT, left + row3));
            c3 = x3.fma(v0, c3);
            d3 = x3.fma(v1, d3);
            left += aStep;
        }
        FloatVector scale = FloatVector.broadcast(LANES, alpha);
        c0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt, NATIVE)).intoMemorySegment(c, cAt, NATIVE);
        d0.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + WIDTH, NATIVE);
        c1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow, NATIVE))
                .intoMemorySegment(c, cAt + cRow, NATIVE);
        d1.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + cRow + WIDTH, NATIVE);
        c2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow, NATIVE);
        d2.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 2 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 2 * cRow + WIDTH, NATIVE);
        c3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow, NATIVE);
        d3.fma(scale, FloatVector.fromMemorySegment(LANES, from, fromAt + 3 * fromRow + WIDTH, NATIVE))
                .intoMemorySegment(c, cAt + 3 * cRow + WIDTH, NATIVE);
    }
}

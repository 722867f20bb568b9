package tern.kernels.cells;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.SPECIES;

import jdk.incubator.vector.FloatVector;

/**
 * The innermost loop of recurrent products: rows of numbers times a panel of weights, four vectors or one beside each other, held
 * in registers while it runs along the rows. As in {@code matmul.Tile} all lies in arrays on the Java heap, and each body is a
 * method of its own. Stateless.
 */
final class CellTile {
    /** Rows of a tile; rows come in multiples of it, but for one alone. */
    static final int ROWS = 4;
    /** Units up to which panels are one vector wide. */
    private static final int NARROW = 2 * LENGTH;

    private CellTile() {
    }

    /** Units of a panel of a head with so many. */
    static int panelUnits(int units) {
        return units <= NARROW ? LENGTH : 4 * LENGTH;
    }

    /** Rows with which tiles do so many: one, or a multiple of {@link #ROWS}. */
    static int paddedRows(int rows) {
        return rows == 1 ? 1 : (rows + ROWS - 1) / ROWS * ROWS;
    }

    /**
     * out ← a·w.
     *
     * @param rows 1 or a multiple of {@link #ROWS}
     * @param steps numbers of a row
     * @param a rows from {@code aAt}, {@code aRow} apart
     * @param w a panel from {@code wAt}, {@code wide} numbers a step
     * @param wide {@link #panelUnits}
     * @param out rows of {@code wide} numbers
     */
    static void multiply(int rows, int steps, float[] a, int aAt, int aRow, float[] w, int wAt, int wide, float[] out,
            int outAt) {
        if (rows == 1 && wide == LENGTH) {
            oneByOne(steps, a, aAt, w, wAt, out, outAt);
        } else if (rows == 1) {
            oneByFour(steps, a, aAt, w, wAt, out, outAt);
        } else {
            for (int r = 0; r < rows; r += ROWS) {
                if (wide == LENGTH) {
                    fourByOne(steps, a, aAt + r * aRow, aRow, w, wAt, out, outAt + r * wide);
                } else {
                    fourByFour(steps, a, aAt + r * aRow, aRow, w, wAt, out, outAt + r * wide);
                }
            }
        }
    }

    private static void fourByFour(int steps, float[] a, int row0, int aRow, float[] w, int wAt, float[] out,
            int outAt) {
        FloatVector c0 = FloatVector.zero(SPECIES), d0 = c0, e0 = c0, f0 = c0, c1 = c0, d1 = c0, e1 = c0, f1 = c0,
                c2 = c0, d2 = c0, e2 = c0, f2 = c0, c3 = c0, d3 = c0, e3 = c0, f3 = c0;
        int row1 = row0 + aRow, row2 = row1 + aRow, row3 = row2 + aRow;
        for (int p = 0; p < steps; p++) {
            int right = wAt + 4 * LENGTH * p;
            FloatVector v0 = FloatVector.fromArray(SPECIES, w, right);
            FloatVector v1 = FloatVector.fromArray(SPECIES, w, right + LENGTH);
            FloatVector v2 = FloatVector.fromArray(SPECIES, w, right + 2 * LENGTH);
            FloatVector v3 = FloatVector.fromArray(SPECIES, w, right + 3 * LENGTH);
            FloatVector x0 = FloatVector.broadcast(SPECIES, a[row0 + p]);
            c0 = x0.fma(v0, c0);
            d0 = x0.fma(v1, d0);
            e0 = x0.fma(v2, e0);
            f0 = x0.fma(v3, f0);
            FloatVector x1 = FloatVector.broadcast(SPECIES, a[row1 + p]);
            c1 = x1.fma(v0, c1);
            d1 = x1.fma(v1, d1);
            e1 = x1.fma(v2, e1);
            f1 = x1.fma(v3, f1);
            FloatVector x2 = FloatVector.broadcast(SPECIES, a[row2 + p]);
            c2 = x2.fma(v0, c2);
            d2 = x2.fma(v1, d2);
            e2 = x2.fma(v2, e2);
            f2 = x2.fma(v3, f2);
            FloatVector x3 = FloatVector.broadcast(SPECIES, a[row3 + p]);
            c3 = x3.fma(v0, c3);
            d3 = x3.fma(v1, d3);
            e3 = x3.fma(v2, e3);
            f3 = x3.fma(v3, f3);
        }
        store(c0, d0, e0, f0, out, outAt);
        store(c1, d1, e1, f1, out, outAt + 4 * LENGTH);
        store(c2, d2, e2, f2, out, outAt + 8 * LENGTH);
        store(c3, d3, e3, f3, out, outAt + 12 * LENGTH);
    }

    private static void store(FloatVector c, FloatVector d, FloatVector e, FloatVector f, float[] out, int at) {
        c.intoArray(out, at);
        d.intoArray(out, at + LENGTH);
        e.intoArray(out, at + 2 * LENGTH);
        f.intoArray(out, at + 3 * LENGTH);
    }

    /** Two chains for each vector of the result hide the latency of multiply–adds. */
    private static void oneByFour(int steps, float[] a, int aAt, float[] w, int wAt, float[] out, int outAt) {
        FloatVector c0 = FloatVector.zero(SPECIES), d0 = c0, e0 = c0, f0 = c0, c1 = c0, d1 = c0, e1 = c0, f1 = c0;
        int pairs = steps / 2;
        for (int p = 0; p < pairs; p++) {
            int right = wAt + 8 * LENGTH * p;
            FloatVector x0 = FloatVector.broadcast(SPECIES, a[aAt + 2 * p]);
            c0 = x0.fma(FloatVector.fromArray(SPECIES, w, right), c0);
            d0 = x0.fma(FloatVector.fromArray(SPECIES, w, right + LENGTH), d0);
            e0 = x0.fma(FloatVector.fromArray(SPECIES, w, right + 2 * LENGTH), e0);
            f0 = x0.fma(FloatVector.fromArray(SPECIES, w, right + 3 * LENGTH), f0);
            FloatVector x1 = FloatVector.broadcast(SPECIES, a[aAt + 2 * p + 1]);
            c1 = x1.fma(FloatVector.fromArray(SPECIES, w, right + 4 * LENGTH), c1);
            d1 = x1.fma(FloatVector.fromArray(SPECIES, w, right + 5 * LENGTH), d1);
            e1 = x1.fma(FloatVector.fromArray(SPECIES, w, right + 6 * LENGTH), e1);
            f1 = x1.fma(FloatVector.fromArray(SPECIES, w, right + 7 * LENGTH), f1);
        }
        if (steps % 2 != 0) {
            int right = wAt + 4 * LENGTH * (steps - 1);
            FloatVector x0 = FloatVector.broadcast(SPECIES, a[aAt + steps - 1]);
            c0 = x0.fma(FloatVector.fromArray(SPECIES, w, right), c0);
            d0 = x0.fma(FloatVector.fromArray(SPECIES, w, right + LENGTH), d0);
            e0 = x0.fma(FloatVector.fromArray(SPECIES, w, right + 2 * LENGTH), e0);
            f0 = x0.fma(FloatVector.fromArray(SPECIES, w, right + 3 * LENGTH), f0);
        }
        store(c0.add(c1), d0.add(d1), e0.add(e1), f0.add(f1), out, outAt);
    }

    private static void fourByOne(int steps, float[] a, int row0, int aRow, float[] w, int wAt, float[] out,
            int outAt) {
        FloatVector c0 = FloatVector.zero(SPECIES), c1 = c0, c2 = c0, c3 = c0;
        int row1 = row0 + aRow, row2 = row1 + aRow, row3 = row2 + aRow;
        for (int p = 0; p < steps; p++) {
            FloatVector v = FloatVector.fromArray(SPECIES, w, wAt + LENGTH * p);
            c0 = FloatVector.broadcast(SPECIES, a[row0 + p]).fma(v, c0);
            c1 = FloatVector.broadcast(SPECIES, a[row1 + p]).fma(v, c1);
            c2 = FloatVector.broadcast(SPECIES, a[row2 + p]).fma(v, c2);
            c3 = FloatVector.broadcast(SPECIES, a[row3 + p]).fma(v, c3);
        }
        store(c0, c1, c2, c3, out, outAt);
    }

    private static void oneByOne(int steps, float[] a, int aAt, float[] w, int wAt, float[] out, int outAt) {
        FloatVector c0 = FloatVector.zero(SPECIES), c1 = c0;
        int pairs = steps / 2;
        for (int p = 0; p < pairs; p++) {
            int right = wAt + 2 * LENGTH * p;
            c0 = FloatVector.broadcast(SPECIES, a[aAt + 2 * p]).fma(FloatVector.fromArray(SPECIES, w, right), c0);
            c1 = FloatVector.broadcast(SPECIES, a[aAt + 2 * p + 1])
                    .fma(FloatVector.fromArray(SPECIES, w, right + LENGTH), c1);
        }
        if (steps % 2 != 0) {
            FloatVector v = FloatVector.fromArray(SPECIES, w, wAt + LENGTH * (steps - 1));
            c0 = FloatVector.broadcast(SPECIES, a[aAt + steps - 1]).fma(v, c0);
        }
        c0.add(c1).intoArray(out, outAt);
    }
}

package tern.kernels.recurrence;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.SPECIES;

import jdk.incubator.vector.FloatVector;

/**
 * Products of the small matrices of a chunk, in arrays on the Java heap, whose bounds cost next to nothing to check. A matrix
 * lies in <em>panels</em> of {@link #PANEL} columns, one after another, in each its rows {@link #PANEL} floats apart, whatever
 * part of them is used: a stride that the compiler knows is worth a tenth of the time, two tenths where few steps are
 * summed. A <em>narrow</em> matrix has one vector of columns and rows that follow each other at once. A is read number by
 * number, by rows that lie anywhere or by columns of a panel. Numbers of rows are multiples of four.
 *
 * <p>Tiles call the vectors' own methods: one that went through short methods of its own was compiled with its vectors on the
 * heap, measured at a fifth of the speed. Of the speed of a large matrix product, measured on one core with 512-bit
 * vectors: 99 % over 80 steps, 90 % over the 16 of a chunk with C read and written. Stateless.
 */
final class PanelProducts {
    /** Vectors of a panel: as many as keep sixteen sums in registers, and four on machines with sixteen registers. */
    private static final int VECTORS = LENGTH == 8 ? 2 : 4;
    /** Columns of a panel. */
    static final int PANEL = VECTORS * LENGTH;
    private static final int ROWS = 4;

    private PanelProducts() {
    }

    /** Floats of a matrix in panels. */
    static int length(int rows, int columns) {
        return (columns + PANEL - 1) / PANEL * PANEL * rows;
    }

    /** Floats of scratch that products need. */
    static int scratchLength() {
        return ROWS * PANEL;
    }

    /**
     * C ← A·B, A by rows.
     *
     * @param aRow floats from one row of A to the next
     * @param bRows rows of B's panels
     * @param cRows rows of C's panels
     * @param rows of C that are written, from {@code cFirst} on
     * @param columns of B and C, whole vectors
     * @param k rows of B, from {@code bFirst} on
     * @param add whether the product is added to C
     */
    static void rows(float[] a, int aAt, int aRow, float[] b, int bFirst, int bRows, float[] c, int cFirst, int cRows,
            int rows, int columns, int k, boolean add, float[] scratch) {
        for (int j = 0; j < columns; j += PANEL) {
            int right = j * bRows + bFirst * PANEL;
            int to = j * cRows + cFirst * PANEL;
            boolean whole = columns - j >= PANEL && VECTORS == 4;
            for (int i = 0; i < rows; i += ROWS) {
                int left = aAt + i * aRow;
                int at = to + i * PANEL;
                if (!whole) {
                    part(a, left, aRow, 1, b, right, Math.min(PANEL, columns - j) / LENGTH, k, scratch);
                    store(scratch, c, at, Math.min(PANEL, columns - j), add);
                } else if (add) {
                    fourRowsAdd(a, left, aRow, b, right, c, at, k);
                } else {
                    fourRows(a, left, aRow, b, right, c, at, k);
                }
            }
        }
    }

    /** C ← A·B, A and C in panels of {@code rows} rows. */
    static void rowsOfPanels(float[] a, int rows, float[] b, int bRows, float[] c, int columns, int k,
            float[] scratch) {
        for (int p = 0; p < k; p += PANEL) {
            rows(a, p * rows, PANEL, b, p, bRows, c, 0, rows, rows, columns, Math.min(PANEL, k - p), p > 0, scratch);
        }
    }

    /** C ← A·B, A by columns: row i of C is made with column i of a matrix in panels of {@code aRows} rows, from row 0 on. */
    static void columns(float[] a, int aRows, float[] b, int bFirst, int bRows, float[] c, int cRows, int rows,
            int columns, int k, float[] scratch) {
        for (int j = 0; j < columns; j += PANEL) {
            boolean whole = columns - j >= PANEL && VECTORS == 4;
            int right = j * bRows + bFirst * PANEL;
            for (int i = 0; i < rows; i += ROWS) {
                int left = i / PANEL * PANEL * aRows + i % PANEL;
                int at = j * cRows + i * PANEL;
                if (whole) {
                    fourColumns(a, left, b, right, c, at, k);
                } else {
                    part(a, left, 1, PANEL, b, right, Math.min(PANEL, columns - j) / LENGTH, k, scratch);
                    store(scratch, c, at, Math.min(PANEL, columns - j), false);
                }
            }
        }
    }

    /** C ← diag(decay)·C + A·B, as {@link #columns}; C begins with row 0. */
    static void decayRows(float[] a, int aRows, float[] b, int bFirst, int bRows, float[] decay, float[] c, int cRows,
            int rows, int columns, int k, float[] scratch) {
        for (int j = 0; j < columns; j += PANEL) {
            boolean whole = columns - j >= PANEL && VECTORS == 4;
            int right = j * bRows + bFirst * PANEL;
            for (int i = 0; i < rows; i += ROWS) {
                int left = i / PANEL * PANEL * aRows + i % PANEL;
                int at = j * cRows + i * PANEL;
                if (whole) {
                    fourColumnsRowDecay(a, left, b, right, decay, i, c, at, k);
                } else {
                    part(a, left, 1, PANEL, b, right, Math.min(PANEL, columns - j) / LENGTH, k, scratch);
                    storeRowDecay(scratch, decay, i, c, at, Math.min(PANEL, columns - j));
                }
            }
        }
    }

    /**
     * C ← D·diag(decay) + A·B, as {@link #columns}; C and D in panels of {@code rows} rows, or the same.
     *
     * @param dFirst the row of d's array that D begins with, a whole number of matrices before it; likewise cFirst
     */
    static void decayColumns(float[] a, int aRows, float[] b, int bRows, float[] decay, float[] d, int dFirst,
            float[] c,
            int cFirst, int rows, int columns, int k, float[] scratch) {
        for (int j = 0; j < columns; j += PANEL) {
            boolean whole = columns - j >= PANEL && VECTORS == 4;
            int right = j * bRows;
            for (int i = 0; i < rows; i += ROWS) {
                int left = i / PANEL * PANEL * aRows + i % PANEL;
                int from = j * rows + (dFirst + i) * PANEL;
                int at = j * rows + (cFirst + i) * PANEL;
                if (whole) {
                    fourColumnsColumnDecay(a, left, b, right, decay, j, d, from, c, at, k);
                } else {
                    part(a, left, 1, PANEL, b, right, Math.min(PANEL, columns - j) / LENGTH, k, scratch);
                    storeColumnDecay(scratch, decay, j, d, from, c, at, Math.min(PANEL, columns - j));
                }
            }
        }
    }

    /**
     * C ← A·B, B and C narrow, A by rows of a matrix in panels.
     *
     * @param aFirst the first row of A's that counts
     * @param aRows rows of A's panels
     * @param rows of C
     * @param k columns of A and rows of B
     */
    static void narrow(float[] a, int aFirst, int aRows, float[] b, float[] c, int cAt, int rows, int k) {
        for (int p = 0; p < k; p += PANEL) {
            int steps = Math.min(PANEL, k - p);
            int left = p * aRows + aFirst * PANEL;
            int i = 0;
            for (; p == 0 && i + 16 <= rows && LENGTH == 16; i += 16) {
                sixteenRows(a, left + i * PANEL, b, c, cAt + i * LENGTH, steps);
            }
            for (; i + 8 <= rows; i += 8) {
                if (p == 0) {
                    eightRows(a, left + i * PANEL, PANEL, b, 0, c, cAt + i * LENGTH, steps);
                } else {
                    eightRowsAdd(a, left + i * PANEL, PANEL, b, p * LENGTH, c, cAt + i * LENGTH, steps);
                }
            }
            for (; i < rows; i += ROWS) {
                narrowPart(a, left + i * PANEL, PANEL, 1, b, p * LENGTH, c, cAt + i * LENGTH, steps, p > 0);
            }
        }
    }

    /** C ← C + A·B, B and C narrow, A by columns of a matrix in panels of {@code aRows} rows, of which k from {@code aFirst}. */
    static void narrowColumns(float[] a, int aFirst, int aRows, float[] b, int bAt, float[] c, int rows, int k) {
        int i = 0;
        for (; i + 8 <= rows; i += 8) {
            eightColumnsAdd(a, (i / PANEL * aRows + aFirst) * PANEL + i % PANEL, b, bAt, c, i * LENGTH, k);
        }
        for (; i < rows; i += ROWS) {
            narrowPart(a, (i / PANEL * aRows + aFirst) * PANEL + i % PANEL, 1, PANEL, b, bAt, c, i * LENGTH, k, true);
        }
    }

    /** C ← A·B + D·E, as {@link #narrow} from A's first row on and as {@link #narrowColumns}. */
    static void narrow(float[] a, int aRows, float[] b, float[] d, int dRows, float[] e, int eAt, float[] c, int rows,
            int k, int steps) {
        int i = 0;
        for (; i + 16 <= rows && k <= PANEL && LENGTH == 16; i += 16) {
            sixteenRowsAndColumns(a, i * PANEL, b, k, d, i / PANEL * PANEL * dRows + i % PANEL, e, eAt, steps, c,
                    i * LENGTH);
        }
        if (i < rows) {
            narrow(a, 0, aRows, b, c, 0, rows, k);
            narrowColumns(d, 0, dRows, e, eAt, c, rows, steps);
        }
    }

    private static void store(float[] tile, float[] c, int at, int columns, boolean add) {
        for (int i = 0; i < ROWS; i++) {
            for (int j = i * PANEL; j < i * PANEL + columns; j += LENGTH) {
                FloatVector sum = FloatVector.fromArray(SPECIES, tile, j);
                (add ? sum.add(FloatVector.fromArray(SPECIES, c, at + j)) : sum).intoArray(c, at + j);
            }
        }
    }

    private static void storeRowDecay(float[] tile, float[] decay, int decayAt, float[] c, int at, int columns) {
        for (int i = 0; i < ROWS; i++) {
            FloatVector factor = FloatVector.broadcast(SPECIES, decay[decayAt + i]);
            for (int j = i * PANEL; j < i * PANEL + columns; j += LENGTH) {
                factor.fma(FloatVector.fromArray(SPECIES, c, at + j), FloatVector.fromArray(SPECIES, tile, j))
                        .intoArray(c, at + j);
            }
        }
    }

    private static void storeColumnDecay(float[] tile, float[] decay, int decayAt, float[] d, int from, float[] c,
            int at, int columns) {
        for (int i = 0; i < ROWS; i++) {
            for (int j = 0; j < columns; j += LENGTH) {
                int here = i * PANEL + j;
                FloatVector.fromArray(SPECIES, decay, decayAt + j)
                        .fma(FloatVector.fromArray(SPECIES, d, from + here), FloatVector.fromArray(SPECIES, tile, here))
                        .intoArray(c, at + here);
            }
        }
    }

    // Part of a panel's vectors, by twos, into a tile of its own.
    private static void part(float[] a, int aAt, int aRow, int aStep, float[] b, int bAt, int vectors, int k,
            float[] tile) {
        int j = 0;
        for (; j + 2 <= vectors; j += 2) {
            two(a, aAt, aRow, aStep, b, bAt + j * LENGTH, tile, j * LENGTH, k);
        }
        if (j < vectors) {
            one(a, aAt, aRow, aStep, b, bAt + j * LENGTH, tile, j * LENGTH, k);
        }
    }

    // Four rows of C, four vectors; A by rows.
    private static void fourRows(float[] a, int aAt, int aRow, float[] b, int bAt, float[] c, int cAt, int k) {
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
        int row1 = aAt + aRow;
        int row2 = row1 + aRow;
        int row3 = row2 + aRow;
        for (int p = 0; p < k; p++) {
            int right = bAt + p * PANEL;
            FloatVector b0 = FloatVector.fromArray(SPECIES, b, right);
            FloatVector b1 = FloatVector.fromArray(SPECIES, b, right + LENGTH);
            FloatVector b2 = FloatVector.fromArray(SPECIES, b, right + 2 * LENGTH);
            FloatVector b3 = FloatVector.fromArray(SPECIES, b, right + 3 * LENGTH);
            FloatVector x = FloatVector.broadcast(SPECIES, a[aAt + p]);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            c02 = x.fma(b2, c02);
            c03 = x.fma(b3, c03);
            x = FloatVector.broadcast(SPECIES, a[row1 + p]);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            c12 = x.fma(b2, c12);
            c13 = x.fma(b3, c13);
            x = FloatVector.broadcast(SPECIES, a[row2 + p]);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            c22 = x.fma(b2, c22);
            c23 = x.fma(b3, c23);
            x = FloatVector.broadcast(SPECIES, a[row3 + p]);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
            c32 = x.fma(b2, c32);
            c33 = x.fma(b3, c33);
        }
        int to = cAt;
        c00.intoArray(c, to);
        c01.intoArray(c, to + LENGTH);
        c02.intoArray(c, to + 2 * LENGTH);
        c03.intoArray(c, to + 3 * LENGTH);
        to += PANEL;
        c10.intoArray(c, to);
        c11.intoArray(c, to + LENGTH);
        c12.intoArray(c, to + 2 * LENGTH);
        c13.intoArray(c, to + 3 * LENGTH);
        to += PANEL;
        c20.intoArray(c, to);
        c21.intoArray(c, to + LENGTH);
        c22.intoArray(c, to + 2 * LENGTH);
        c23.intoArray(c, to + 3 * LENGTH);
        to += PANEL;
        c30.intoArray(c, to);
        c31.intoArray(c, to + LENGTH);
        c32.intoArray(c, to + 2 * LENGTH);
        c33.intoArray(c, to + 3 * LENGTH);
    }

    // The same, added.
    private static void fourRowsAdd(float[] a, int aAt, int aRow, float[] b, int bAt, float[] c, int cAt, int k) {
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
        int row1 = aAt + aRow;
        int row2 = row1 + aRow;
        int row3 = row2 + aRow;
        for (int p = 0; p < k; p++) {
            int right = bAt + p * PANEL;
            FloatVector b0 = FloatVector.fromArray(SPECIES, b, right);
            FloatVector b1 = FloatVector.fromArray(SPECIES, b, right + LENGTH);
            FloatVector b2 = FloatVector.fromArray(SPECIES, b, right + 2 * LENGTH);
            FloatVector b3 = FloatVector.fromArray(SPECIES, b, right + 3 * LENGTH);
            FloatVector x = FloatVector.broadcast(SPECIES, a[aAt + p]);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            c02 = x.fma(b2, c02);
            c03 = x.fma(b3, c03);
            x = FloatVector.broadcast(SPECIES, a[row1 + p]);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            c12 = x.fma(b2, c12);
            c13 = x.fma(b3, c13);
            x = FloatVector.broadcast(SPECIES, a[row2 + p]);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            c22 = x.fma(b2, c22);
            c23 = x.fma(b3, c23);
            x = FloatVector.broadcast(SPECIES, a[row3 + p]);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
            c32 = x.fma(b2, c32);
            c33 = x.fma(b3, c33);
        }
        int to = cAt;
        c00.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        c01.add(FloatVector.fromArray(SPECIES, c, to + LENGTH)).intoArray(c, to + LENGTH);
        c02.add(FloatVector.fromArray(SPECIES, c, to + 2 * LENGTH)).intoArray(c, to + 2 * LENGTH);
        c03.add(FloatVector.fromArray(SPECIES, c, to + 3 * LENGTH)).intoArray(c, to + 3 * LENGTH);
        to += PANEL;
        c10.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        c11.add(FloatVector.fromArray(SPECIES, c, to + LENGTH)).intoArray(c, to + LENGTH);
        c12.add(FloatVector.fromArray(SPECIES, c, to + 2 * LENGTH)).intoArray(c, to + 2 * LENGTH);
        c13.add(FloatVector.fromArray(SPECIES, c, to + 3 * LENGTH)).intoArray(c, to + 3 * LENGTH);
        to += PANEL;
        c20.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        c21.add(FloatVector.fromArray(SPECIES, c, to + LENGTH)).intoArray(c, to + LENGTH);
        c22.add(FloatVector.fromArray(SPECIES, c, to + 2 * LENGTH)).intoArray(c, to + 2 * LENGTH);
        c23.add(FloatVector.fromArray(SPECIES, c, to + 3 * LENGTH)).intoArray(c, to + 3 * LENGTH);
        to += PANEL;
        c30.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        c31.add(FloatVector.fromArray(SPECIES, c, to + LENGTH)).intoArray(c, to + LENGTH);
        c32.add(FloatVector.fromArray(SPECIES, c, to + 2 * LENGTH)).intoArray(c, to + 2 * LENGTH);
        c33.add(FloatVector.fromArray(SPECIES, c, to + 3 * LENGTH)).intoArray(c, to + 3 * LENGTH);
    }

    // Four rows of C, four vectors; A by columns.
    private static void fourColumns(float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int k) {
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
            int left = aAt + p * PANEL;
            int right = bAt + p * PANEL;
            FloatVector b0 = FloatVector.fromArray(SPECIES, b, right);
            FloatVector b1 = FloatVector.fromArray(SPECIES, b, right + LENGTH);
            FloatVector b2 = FloatVector.fromArray(SPECIES, b, right + 2 * LENGTH);
            FloatVector b3 = FloatVector.fromArray(SPECIES, b, right + 3 * LENGTH);
            FloatVector x = FloatVector.broadcast(SPECIES, a[left]);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            c02 = x.fma(b2, c02);
            c03 = x.fma(b3, c03);
            x = FloatVector.broadcast(SPECIES, a[left + 1]);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            c12 = x.fma(b2, c12);
            c13 = x.fma(b3, c13);
            x = FloatVector.broadcast(SPECIES, a[left + 2]);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            c22 = x.fma(b2, c22);
            c23 = x.fma(b3, c23);
            x = FloatVector.broadcast(SPECIES, a[left + 3]);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
            c32 = x.fma(b2, c32);
            c33 = x.fma(b3, c33);
        }
        int to = cAt;
        c00.intoArray(c, to);
        c01.intoArray(c, to + LENGTH);
        c02.intoArray(c, to + 2 * LENGTH);
        c03.intoArray(c, to + 3 * LENGTH);
        to += PANEL;
        c10.intoArray(c, to);
        c11.intoArray(c, to + LENGTH);
        c12.intoArray(c, to + 2 * LENGTH);
        c13.intoArray(c, to + 3 * LENGTH);
        to += PANEL;
        c20.intoArray(c, to);
        c21.intoArray(c, to + LENGTH);
        c22.intoArray(c, to + 2 * LENGTH);
        c23.intoArray(c, to + 3 * LENGTH);
        to += PANEL;
        c30.intoArray(c, to);
        c31.intoArray(c, to + LENGTH);
        c32.intoArray(c, to + 2 * LENGTH);
        c33.intoArray(c, to + 3 * LENGTH);
    }

    // The same, added to rows of C that decay each by a number.
    private static void fourColumnsRowDecay(float[] a, int aAt, float[] b, int bAt, float[] decay, int decayAt,
            float[] c, int cAt, int k) {
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
            int left = aAt + p * PANEL;
            int right = bAt + p * PANEL;
            FloatVector b0 = FloatVector.fromArray(SPECIES, b, right);
            FloatVector b1 = FloatVector.fromArray(SPECIES, b, right + LENGTH);
            FloatVector b2 = FloatVector.fromArray(SPECIES, b, right + 2 * LENGTH);
            FloatVector b3 = FloatVector.fromArray(SPECIES, b, right + 3 * LENGTH);
            FloatVector x = FloatVector.broadcast(SPECIES, a[left]);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            c02 = x.fma(b2, c02);
            c03 = x.fma(b3, c03);
            x = FloatVector.broadcast(SPECIES, a[left + 1]);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            c12 = x.fma(b2, c12);
            c13 = x.fma(b3, c13);
            x = FloatVector.broadcast(SPECIES, a[left + 2]);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            c22 = x.fma(b2, c22);
            c23 = x.fma(b3, c23);
            x = FloatVector.broadcast(SPECIES, a[left + 3]);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
            c32 = x.fma(b2, c32);
            c33 = x.fma(b3, c33);
        }
        int to = cAt;
        FloatVector factor = FloatVector.broadcast(SPECIES, decay[decayAt]);
        factor.fma(FloatVector.fromArray(SPECIES, c, to), c00).intoArray(c, to);
        factor.fma(FloatVector.fromArray(SPECIES, c, to + LENGTH), c01).intoArray(c, to + LENGTH);
        factor.fma(FloatVector.fromArray(SPECIES, c, to + 2 * LENGTH), c02).intoArray(c, to + 2 * LENGTH);
        factor.fma(FloatVector.fromArray(SPECIES, c, to + 3 * LENGTH), c03).intoArray(c, to + 3 * LENGTH);
        to += PANEL;
        factor = FloatVector.broadcast(SPECIES, decay[decayAt + 1]);
        factor.fma(FloatVector.fromArray(SPECIES, c, to), c10).intoArray(c, to);
        factor.fma(FloatVector.fromArray(SPECIES, c, to + LENGTH), c11).intoArray(c, to + LENGTH);
        factor.fma(FloatVector.fromArray(SPECIES, c, to + 2 * LENGTH), c12).intoArray(c, to + 2 * LENGTH);
        factor.fma(FloatVector.fromArray(SPECIES, c, to + 3 * LENGTH), c13).intoArray(c, to + 3 * LENGTH);
        to += PANEL;
        factor = FloatVector.broadcast(SPECIES, decay[decayAt + 2]);
        factor.fma(FloatVector.fromArray(SPECIES, c, to), c20).intoArray(c, to);
        factor.fma(FloatVector.fromArray(SPECIES, c, to + LENGTH), c21).intoArray(c, to + LENGTH);
        factor.fma(FloatVector.fromArray(SPECIES, c, to + 2 * LENGTH), c22).intoArray(c, to + 2 * LENGTH);
        factor.fma(FloatVector.fromArray(SPECIES, c, to + 3 * LENGTH), c23).intoArray(c, to + 3 * LENGTH);
        to += PANEL;
        factor = FloatVector.broadcast(SPECIES, decay[decayAt + 3]);
        factor.fma(FloatVector.fromArray(SPECIES, c, to), c30).intoArray(c, to);
        factor.fma(FloatVector.fromArray(SPECIES, c, to + LENGTH), c31).intoArray(c, to + LENGTH);
        factor.fma(FloatVector.fromArray(SPECIES, c, to + 2 * LENGTH), c32).intoArray(c, to + 2 * LENGTH);
        factor.fma(FloatVector.fromArray(SPECIES, c, to + 3 * LENGTH), c33).intoArray(c, to + 3 * LENGTH);
    }

    // The same, added to rows of C whose columns decay.
    private static void fourColumnsColumnDecay(float[] a, int aAt, float[] b, int bAt, float[] decay, int decayAt,
            float[] d, int dAt, float[] c, int cAt, int k) {
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
            int left = aAt + p * PANEL;
            int right = bAt + p * PANEL;
            FloatVector b0 = FloatVector.fromArray(SPECIES, b, right);
            FloatVector b1 = FloatVector.fromArray(SPECIES, b, right + LENGTH);
            FloatVector b2 = FloatVector.fromArray(SPECIES, b, right + 2 * LENGTH);
            FloatVector b3 = FloatVector.fromArray(SPECIES, b, right + 3 * LENGTH);
            FloatVector x = FloatVector.broadcast(SPECIES, a[left]);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            c02 = x.fma(b2, c02);
            c03 = x.fma(b3, c03);
            x = FloatVector.broadcast(SPECIES, a[left + 1]);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            c12 = x.fma(b2, c12);
            c13 = x.fma(b3, c13);
            x = FloatVector.broadcast(SPECIES, a[left + 2]);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            c22 = x.fma(b2, c22);
            c23 = x.fma(b3, c23);
            x = FloatVector.broadcast(SPECIES, a[left + 3]);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
            c32 = x.fma(b2, c32);
            c33 = x.fma(b3, c33);
        }
        FloatVector d0 = FloatVector.fromArray(SPECIES, decay, decayAt);
        FloatVector d1 = FloatVector.fromArray(SPECIES, decay, decayAt + LENGTH);
        FloatVector d2 = FloatVector.fromArray(SPECIES, decay, decayAt + 2 * LENGTH);
        FloatVector d3 = FloatVector.fromArray(SPECIES, decay, decayAt + 3 * LENGTH);
        int from = dAt;
        int to = cAt;
        d0.fma(FloatVector.fromArray(SPECIES, d, from), c00).intoArray(c, to);
        d1.fma(FloatVector.fromArray(SPECIES, d, from + LENGTH), c01).intoArray(c, to + LENGTH);
        d2.fma(FloatVector.fromArray(SPECIES, d, from + 2 * LENGTH), c02).intoArray(c, to + 2 * LENGTH);
        d3.fma(FloatVector.fromArray(SPECIES, d, from + 3 * LENGTH), c03).intoArray(c, to + 3 * LENGTH);
        from += PANEL;
        to += PANEL;
        d0.fma(FloatVector.fromArray(SPECIES, d, from), c10).intoArray(c, to);
        d1.fma(FloatVector.fromArray(SPECIES, d, from + LENGTH), c11).intoArray(c, to + LENGTH);
        d2.fma(FloatVector.fromArray(SPECIES, d, from + 2 * LENGTH), c12).intoArray(c, to + 2 * LENGTH);
        d3.fma(FloatVector.fromArray(SPECIES, d, from + 3 * LENGTH), c13).intoArray(c, to + 3 * LENGTH);
        from += PANEL;
        to += PANEL;
        d0.fma(FloatVector.fromArray(SPECIES, d, from), c20).intoArray(c, to);
        d1.fma(FloatVector.fromArray(SPECIES, d, from + LENGTH), c21).intoArray(c, to + LENGTH);
        d2.fma(FloatVector.fromArray(SPECIES, d, from + 2 * LENGTH), c22).intoArray(c, to + 2 * LENGTH);
        d3.fma(FloatVector.fromArray(SPECIES, d, from + 3 * LENGTH), c23).intoArray(c, to + 3 * LENGTH);
        from += PANEL;
        to += PANEL;
        d0.fma(FloatVector.fromArray(SPECIES, d, from), c30).intoArray(c, to);
        d1.fma(FloatVector.fromArray(SPECIES, d, from + LENGTH), c31).intoArray(c, to + LENGTH);
        d2.fma(FloatVector.fromArray(SPECIES, d, from + 2 * LENGTH), c32).intoArray(c, to + 2 * LENGTH);
        d3.fma(FloatVector.fromArray(SPECIES, d, from + 3 * LENGTH), c33).intoArray(c, to + 3 * LENGTH);
    }

    // Sixteen rows of C, one vector; A by rows of a panel. More rows than eight, so that no sum waits for the one before it.
    private static void sixteenRows(float[] a, int aAt, float[] b, float[] c, int cAt, int k) {
        FloatVector zero = FloatVector.zero(SPECIES);
        FloatVector c0 = zero;
        FloatVector c1 = zero;
        FloatVector c2 = zero;
        FloatVector c3 = zero;
        FloatVector c4 = zero;
        FloatVector c5 = zero;
        FloatVector c6 = zero;
        FloatVector c7 = zero;
        FloatVector c8 = zero;
        FloatVector c9 = zero;
        FloatVector c10 = zero;
        FloatVector c11 = zero;
        FloatVector c12 = zero;
        FloatVector c13 = zero;
        FloatVector c14 = zero;
        FloatVector c15 = zero;
        for (int p = 0; p < k; p++) {
            int left = aAt + p;
            FloatVector y = FloatVector.fromArray(SPECIES, b, p * LENGTH);
            c0 = FloatVector.broadcast(SPECIES, a[left]).fma(y, c0);
            c1 = FloatVector.broadcast(SPECIES, a[left + PANEL]).fma(y, c1);
            c2 = FloatVector.broadcast(SPECIES, a[left + 2 * PANEL]).fma(y, c2);
            c3 = FloatVector.broadcast(SPECIES, a[left + 3 * PANEL]).fma(y, c3);
            c4 = FloatVector.broadcast(SPECIES, a[left + 4 * PANEL]).fma(y, c4);
            c5 = FloatVector.broadcast(SPECIES, a[left + 5 * PANEL]).fma(y, c5);
            c6 = FloatVector.broadcast(SPECIES, a[left + 6 * PANEL]).fma(y, c6);
            c7 = FloatVector.broadcast(SPECIES, a[left + 7 * PANEL]).fma(y, c7);
            c8 = FloatVector.broadcast(SPECIES, a[left + 8 * PANEL]).fma(y, c8);
            c9 = FloatVector.broadcast(SPECIES, a[left + 9 * PANEL]).fma(y, c9);
            c10 = FloatVector.broadcast(SPECIES, a[left + 10 * PANEL]).fma(y, c10);
            c11 = FloatVector.broadcast(SPECIES, a[left + 11 * PANEL]).fma(y, c11);
            c12 = FloatVector.broadcast(SPECIES, a[left + 12 * PANEL]).fma(y, c12);
            c13 = FloatVector.broadcast(SPECIES, a[left + 13 * PANEL]).fma(y, c13);
            c14 = FloatVector.broadcast(SPECIES, a[left + 14 * PANEL]).fma(y, c14);
            c15 = FloatVector.broadcast(SPECIES, a[left + 15 * PANEL]).fma(y, c15);
        }
        c0.intoArray(c, cAt);
        c1.intoArray(c, cAt + LENGTH);
        c2.intoArray(c, cAt + 2 * LENGTH);
        c3.intoArray(c, cAt + 3 * LENGTH);
        c4.intoArray(c, cAt + 4 * LENGTH);
        c5.intoArray(c, cAt + 5 * LENGTH);
        c6.intoArray(c, cAt + 6 * LENGTH);
        c7.intoArray(c, cAt + 7 * LENGTH);
        c8.intoArray(c, cAt + 8 * LENGTH);
        c9.intoArray(c, cAt + 9 * LENGTH);
        c10.intoArray(c, cAt + 10 * LENGTH);
        c11.intoArray(c, cAt + 11 * LENGTH);
        c12.intoArray(c, cAt + 12 * LENGTH);
        c13.intoArray(c, cAt + 13 * LENGTH);
        c14.intoArray(c, cAt + 14 * LENGTH);
        c15.intoArray(c, cAt + 15 * LENGTH);
    }

    // Sixteen rows of C, one vector: A·B by rows of a panel and D·E by columns of one.
    private static void sixteenRowsAndColumns(float[] a, int aAt, float[] b, int steps, float[] d, int dAt, float[] e,
            int eAt, int k, float[] c, int cAt) {
        FloatVector zero = FloatVector.zero(SPECIES);
        FloatVector c0 = zero;
        FloatVector c1 = zero;
        FloatVector c2 = zero;
        FloatVector c3 = zero;
        FloatVector c4 = zero;
        FloatVector c5 = zero;
        FloatVector c6 = zero;
        FloatVector c7 = zero;
        FloatVector c8 = zero;
        FloatVector c9 = zero;
        FloatVector c10 = zero;
        FloatVector c11 = zero;
        FloatVector c12 = zero;
        FloatVector c13 = zero;
        FloatVector c14 = zero;
        FloatVector c15 = zero;
        for (int p = 0; p < steps; p++) {
            int left = aAt + p;
            FloatVector y = FloatVector.fromArray(SPECIES, b, p * LENGTH);
            c0 = FloatVector.broadcast(SPECIES, a[left]).fma(y, c0);
            c1 = FloatVector.broadcast(SPECIES, a[left + PANEL]).fma(y, c1);
            c2 = FloatVector.broadcast(SPECIES, a[left + 2 * PANEL]).fma(y, c2);
            c3 = FloatVector.broadcast(SPECIES, a[left + 3 * PANEL]).fma(y, c3);
            c4 = FloatVector.broadcast(SPECIES, a[left + 4 * PANEL]).fma(y, c4);
            c5 = FloatVector.broadcast(SPECIES, a[left + 5 * PANEL]).fma(y, c5);
            c6 = FloatVector.broadcast(SPECIES, a[left + 6 * PANEL]).fma(y, c6);
            c7 = FloatVector.broadcast(SPECIES, a[left + 7 * PANEL]).fma(y, c7);
            c8 = FloatVector.broadcast(SPECIES, a[left + 8 * PANEL]).fma(y, c8);
            c9 = FloatVector.broadcast(SPECIES, a[left + 9 * PANEL]).fma(y, c9);
            c10 = FloatVector.broadcast(SPECIES, a[left + 10 * PANEL]).fma(y, c10);
            c11 = FloatVector.broadcast(SPECIES, a[left + 11 * PANEL]).fma(y, c11);
            c12 = FloatVector.broadcast(SPECIES, a[left + 12 * PANEL]).fma(y, c12);
            c13 = FloatVector.broadcast(SPECIES, a[left + 13 * PANEL]).fma(y, c13);
            c14 = FloatVector.broadcast(SPECIES, a[left + 14 * PANEL]).fma(y, c14);
            c15 = FloatVector.broadcast(SPECIES, a[left + 15 * PANEL]).fma(y, c15);
        }
        for (int p = 0; p < k; p++) {
            int left = dAt + p * PANEL;
            FloatVector y = FloatVector.fromArray(SPECIES, e, eAt + p * LENGTH);
            c0 = FloatVector.broadcast(SPECIES, d[left]).fma(y, c0);
            c1 = FloatVector.broadcast(SPECIES, d[left + 1]).fma(y, c1);
            c2 = FloatVector.broadcast(SPECIES, d[left + 2]).fma(y, c2);
            c3 = FloatVector.broadcast(SPECIES, d[left + 3]).fma(y, c3);
            c4 = FloatVector.broadcast(SPECIES, d[left + 4]).fma(y, c4);
            c5 = FloatVector.broadcast(SPECIES, d[left + 5]).fma(y, c5);
            c6 = FloatVector.broadcast(SPECIES, d[left + 6]).fma(y, c6);
            c7 = FloatVector.broadcast(SPECIES, d[left + 7]).fma(y, c7);
            c8 = FloatVector.broadcast(SPECIES, d[left + 8]).fma(y, c8);
            c9 = FloatVector.broadcast(SPECIES, d[left + 9]).fma(y, c9);
            c10 = FloatVector.broadcast(SPECIES, d[left + 10]).fma(y, c10);
            c11 = FloatVector.broadcast(SPECIES, d[left + 11]).fma(y, c11);
            c12 = FloatVector.broadcast(SPECIES, d[left + 12]).fma(y, c12);
            c13 = FloatVector.broadcast(SPECIES, d[left + 13]).fma(y, c13);
            c14 = FloatVector.broadcast(SPECIES, d[left + 14]).fma(y, c14);
            c15 = FloatVector.broadcast(SPECIES, d[left + 15]).fma(y, c15);
        }
        c0.intoArray(c, cAt);
        c1.intoArray(c, cAt + LENGTH);
        c2.intoArray(c, cAt + 2 * LENGTH);
        c3.intoArray(c, cAt + 3 * LENGTH);
        c4.intoArray(c, cAt + 4 * LENGTH);
        c5.intoArray(c, cAt + 5 * LENGTH);
        c6.intoArray(c, cAt + 6 * LENGTH);
        c7.intoArray(c, cAt + 7 * LENGTH);
        c8.intoArray(c, cAt + 8 * LENGTH);
        c9.intoArray(c, cAt + 9 * LENGTH);
        c10.intoArray(c, cAt + 10 * LENGTH);
        c11.intoArray(c, cAt + 11 * LENGTH);
        c12.intoArray(c, cAt + 12 * LENGTH);
        c13.intoArray(c, cAt + 13 * LENGTH);
        c14.intoArray(c, cAt + 14 * LENGTH);
        c15.intoArray(c, cAt + 15 * LENGTH);
    }

    // Eight rows of C, one vector; A by rows.
    private static void eightRows(float[] a, int aAt, int aRow, float[] b, int bAt, float[] c, int cAt, int k) {
        FloatVector zero = FloatVector.zero(SPECIES);
        FloatVector c00 = zero;
        FloatVector c10 = zero;
        FloatVector c20 = zero;
        FloatVector c30 = zero;
        FloatVector c40 = zero;
        FloatVector c50 = zero;
        FloatVector c60 = zero;
        FloatVector c70 = zero;
        int row1 = aAt + aRow;
        int row2 = row1 + aRow;
        int row3 = row2 + aRow;
        int row4 = row3 + aRow;
        int row5 = row4 + aRow;
        int row6 = row5 + aRow;
        int row7 = row6 + aRow;
        for (int p = 0; p < k; p++) {
            int right = bAt + p * LENGTH;
            FloatVector b0 = FloatVector.fromArray(SPECIES, b, right);
            FloatVector x = FloatVector.broadcast(SPECIES, a[aAt + p]);
            c00 = x.fma(b0, c00);
            x = FloatVector.broadcast(SPECIES, a[row1 + p]);
            c10 = x.fma(b0, c10);
            x = FloatVector.broadcast(SPECIES, a[row2 + p]);
            c20 = x.fma(b0, c20);
            x = FloatVector.broadcast(SPECIES, a[row3 + p]);
            c30 = x.fma(b0, c30);
            x = FloatVector.broadcast(SPECIES, a[row4 + p]);
            c40 = x.fma(b0, c40);
            x = FloatVector.broadcast(SPECIES, a[row5 + p]);
            c50 = x.fma(b0, c50);
            x = FloatVector.broadcast(SPECIES, a[row6 + p]);
            c60 = x.fma(b0, c60);
            x = FloatVector.broadcast(SPECIES, a[row7 + p]);
            c70 = x.fma(b0, c70);
        }
        int to = cAt;
        c00.intoArray(c, to);
        to += LENGTH;
        c10.intoArray(c, to);
        to += LENGTH;
        c20.intoArray(c, to);
        to += LENGTH;
        c30.intoArray(c, to);
        to += LENGTH;
        c40.intoArray(c, to);
        to += LENGTH;
        c50.intoArray(c, to);
        to += LENGTH;
        c60.intoArray(c, to);
        to += LENGTH;
        c70.intoArray(c, to);
    }

    // The same, added.
    private static void eightRowsAdd(float[] a, int aAt, int aRow, float[] b, int bAt, float[] c, int cAt, int k) {
        FloatVector zero = FloatVector.zero(SPECIES);
        FloatVector c00 = zero;
        FloatVector c10 = zero;
        FloatVector c20 = zero;
        FloatVector c30 = zero;
        FloatVector c40 = zero;
        FloatVector c50 = zero;
        FloatVector c60 = zero;
        FloatVector c70 = zero;
        int row1 = aAt + aRow;
        int row2 = row1 + aRow;
        int row3 = row2 + aRow;
        int row4 = row3 + aRow;
        int row5 = row4 + aRow;
        int row6 = row5 + aRow;
        int row7 = row6 + aRow;
        for (int p = 0; p < k; p++) {
            int right = bAt + p * LENGTH;
            FloatVector b0 = FloatVector.fromArray(SPECIES, b, right);
            FloatVector x = FloatVector.broadcast(SPECIES, a[aAt + p]);
            c00 = x.fma(b0, c00);
            x = FloatVector.broadcast(SPECIES, a[row1 + p]);
            c10 = x.fma(b0, c10);
            x = FloatVector.broadcast(SPECIES, a[row2 + p]);
            c20 = x.fma(b0, c20);
            x = FloatVector.broadcast(SPECIES, a[row3 + p]);
            c30 = x.fma(b0, c30);
            x = FloatVector.broadcast(SPECIES, a[row4 + p]);
            c40 = x.fma(b0, c40);
            x = FloatVector.broadcast(SPECIES, a[row5 + p]);
            c50 = x.fma(b0, c50);
            x = FloatVector.broadcast(SPECIES, a[row6 + p]);
            c60 = x.fma(b0, c60);
            x = FloatVector.broadcast(SPECIES, a[row7 + p]);
            c70 = x.fma(b0, c70);
        }
        int to = cAt;
        c00.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        to += LENGTH;
        c10.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        to += LENGTH;
        c20.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        to += LENGTH;
        c30.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        to += LENGTH;
        c40.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        to += LENGTH;
        c50.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        to += LENGTH;
        c60.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        to += LENGTH;
        c70.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
    }

    // Eight rows of C, one vector, added; A by columns.
    private static void eightColumnsAdd(float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int k) {
        FloatVector zero = FloatVector.zero(SPECIES);
        FloatVector c00 = zero;
        FloatVector c10 = zero;
        FloatVector c20 = zero;
        FloatVector c30 = zero;
        FloatVector c40 = zero;
        FloatVector c50 = zero;
        FloatVector c60 = zero;
        FloatVector c70 = zero;
        for (int p = 0; p < k; p++) {
            int left = aAt + p * PANEL;
            int right = bAt + p * LENGTH;
            FloatVector b0 = FloatVector.fromArray(SPECIES, b, right);
            FloatVector x = FloatVector.broadcast(SPECIES, a[left]);
            c00 = x.fma(b0, c00);
            x = FloatVector.broadcast(SPECIES, a[left + 1]);
            c10 = x.fma(b0, c10);
            x = FloatVector.broadcast(SPECIES, a[left + 2]);
            c20 = x.fma(b0, c20);
            x = FloatVector.broadcast(SPECIES, a[left + 3]);
            c30 = x.fma(b0, c30);
            x = FloatVector.broadcast(SPECIES, a[left + 4]);
            c40 = x.fma(b0, c40);
            x = FloatVector.broadcast(SPECIES, a[left + 5]);
            c50 = x.fma(b0, c50);
            x = FloatVector.broadcast(SPECIES, a[left + 6]);
            c60 = x.fma(b0, c60);
            x = FloatVector.broadcast(SPECIES, a[left + 7]);
            c70 = x.fma(b0, c70);
        }
        int to = cAt;
        c00.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        to += LENGTH;
        c10.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        to += LENGTH;
        c20.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        to += LENGTH;
        c30.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        to += LENGTH;
        c40.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        to += LENGTH;
        c50.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        to += LENGTH;
        c60.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
        to += LENGTH;
        c70.add(FloatVector.fromArray(SPECIES, c, to)).intoArray(c, to);
    }

    // Four rows of C, two vectors; A in any way.
    private static void two(float[] a, int aAt, int aRow, int aStep, float[] b, int bAt, float[] c, int cAt, int k) {
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
            int left = aAt + p * aStep;
            FloatVector b0 = FloatVector.fromArray(SPECIES, b, bAt + p * PANEL);
            FloatVector b1 = FloatVector.fromArray(SPECIES, b, bAt + p * PANEL + LENGTH);
            FloatVector x = FloatVector.broadcast(SPECIES, a[left]);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            x = FloatVector.broadcast(SPECIES, a[left + aRow]);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            x = FloatVector.broadcast(SPECIES, a[left + 2 * aRow]);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            x = FloatVector.broadcast(SPECIES, a[left + 3 * aRow]);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
        }
        c00.intoArray(c, cAt);
        c01.intoArray(c, cAt + LENGTH);
        c10.intoArray(c, cAt + PANEL);
        c11.intoArray(c, cAt + PANEL + LENGTH);
        c20.intoArray(c, cAt + 2 * PANEL);
        c21.intoArray(c, cAt + 2 * PANEL + LENGTH);
        c30.intoArray(c, cAt + 3 * PANEL);
        c31.intoArray(c, cAt + 3 * PANEL + LENGTH);
    }

    // Four rows of C, one vector; A in any way.
    private static void one(float[] a, int aAt, int aRow, int aStep, float[] b, int bAt, float[] c, int cAt, int k) {
        FloatVector c0 = FloatVector.zero(SPECIES);
        FloatVector c1 = c0;
        FloatVector c2 = c0;
        FloatVector c3 = c0;
        for (int p = 0; p < k; p++) {
            int left = aAt + p * aStep;
            FloatVector x = FloatVector.fromArray(SPECIES, b, bAt + p * PANEL);
            c0 = FloatVector.broadcast(SPECIES, a[left]).fma(x, c0);
            c1 = FloatVector.broadcast(SPECIES, a[left + aRow]).fma(x, c1);
            c2 = FloatVector.broadcast(SPECIES, a[left + 2 * aRow]).fma(x, c2);
            c3 = FloatVector.broadcast(SPECIES, a[left + 3 * aRow]).fma(x, c3);
        }
        c0.intoArray(c, cAt);
        c1.intoArray(c, cAt + PANEL);
        c2.intoArray(c, cAt + 2 * PANEL);
        c3.intoArray(c, cAt + 3 * PANEL);
    }

    // Four rows of a narrow C, of which it takes eight otherwise; A in any way.
    private static void narrowPart(float[] a, int aAt, int aRow, int aStep, float[] b, int bAt, float[] c, int cAt,
            int k, boolean add) {
        for (int i = 0; i < ROWS; i++) {
            int to = cAt + i * LENGTH;
            FloatVector sum = add ? FloatVector.fromArray(SPECIES, c, to) : FloatVector.zero(SPECIES);
            for (int p = 0; p < k; p++) {
                sum = FloatVector.broadcast(SPECIES, a[aAt + i * aRow + p * aStep])
                        .fma(FloatVector.fromArray(SPECIES, b, bAt + p * LENGTH), sum);
            }
            sum.intoArray(c, to);
        }
    }
}

package tern.kernels.recurrence;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.recurrence.PanelProducts.PANEL;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/**
 * Transposes what lies in panels ({@link PanelProducts}) block by block, one vector wide and high, within the registers where
 * vectors have sixteen floats: rows exchange halves with rows that lie ever further apart. Stateless.
 */
final class Transposition {
    private static final boolean SIXTEEN = LENGTH == 16;
    private static final VectorShuffle<Float> SWAP_1 = swap(1);
    private static final VectorShuffle<Float> SWAP_2 = swap(2);
    private static final VectorShuffle<Float> SWAP_4 = swap(4);
    private static final VectorShuffle<Float> SWAP_8 = swap(8);
    private static final VectorMask<Float> ODD_1 = odd(1);
    private static final VectorMask<Float> ODD_2 = odd(2);
    private static final VectorMask<Float> ODD_4 = odd(4);
    private static final VectorMask<Float> ODD_8 = odd(8);

    private Transposition() {
    }

    private static VectorShuffle<Float> swap(int distance) {
        return VectorShuffle.fromOp(SPECIES, lane -> (lane ^ distance) % LENGTH);
    }

    private static VectorMask<Float> odd(int distance) {
        boolean[] lanes = new boolean[LENGTH];
        for (int lane = 0; lane < LENGTH; lane++) {
            lanes[lane] = (lane & distance) != 0;
        }
        return VectorMask.fromArray(SPECIES, lanes, 0);
    }

    /** into, narrow [columns], ← the vector of rows from {@code first} on of a matrix in panels of {@code rows} rows. */
    static void turn(float[] from, int first, int rows, int columns, float[] into) {
        for (int j = 0; j < columns; j += LENGTH) {
            block(from, (j / PANEL * rows + first) * PANEL + j % PANEL, PANEL, into, j * LENGTH, LENGTH);
        }
    }

    /** The other way round: a vector of rows from {@code first} on of a matrix in panels ← from, narrow [columns]. */
    static void turnBack(float[] from, int columns, float[] into, int first, int rows) {
        for (int j = 0; j < columns; j += LENGTH) {
            block(from, j * LENGTH, LENGTH, into, (j / PANEL * rows + first) * PANEL + j % PANEL, PANEL);
        }
    }

    /** into [columns,rows] ← from [rows,columns]ᵀ, both in panels, both sides whole vectors. */
    static void transpose(float[] from, int rows, int columns, float[] into) {
        for (int i = 0; i < rows; i += LENGTH) {
            for (int j = 0; j < columns; j += LENGTH) {
                block(from, (j / PANEL * rows + i) * PANEL + j % PANEL, PANEL, into,
                        (i / PANEL * columns + j) * PANEL + i % PANEL, PANEL);
            }
        }
    }

    /** One block, a vector wide and high. */
    static void block(float[] from, int at, int row, float[] into, int to, int intoRow) {
        if (SIXTEEN) {
            sixteen(from, at, row, into, to, intoRow);
            return;
        }
        for (int i = 0; i < LENGTH; i++) {
            for (int j = 0; j < LENGTH; j++) {
                into[to + j * intoRow + i] = from[at + i * row + j];
            }
        }
    }

    // No loop, so that nothing has to be checked before one.
    private static void sixteen(float[] from, int at, int row, float[] into, int to, int intoRow) {
        FloatVector a0 = FloatVector.fromArray(SPECIES, from, at);
        FloatVector a1 = FloatVector.fromArray(SPECIES, from, at + row);
        FloatVector a2 = FloatVector.fromArray(SPECIES, from, at + 2 * row);
        FloatVector a3 = FloatVector.fromArray(SPECIES, from, at + 3 * row);
        FloatVector a4 = FloatVector.fromArray(SPECIES, from, at + 4 * row);
        FloatVector a5 = FloatVector.fromArray(SPECIES, from, at + 5 * row);
        FloatVector a6 = FloatVector.fromArray(SPECIES, from, at + 6 * row);
        FloatVector a7 = FloatVector.fromArray(SPECIES, from, at + 7 * row);
        FloatVector a8 = FloatVector.fromArray(SPECIES, from, at + 8 * row);
        FloatVector a9 = FloatVector.fromArray(SPECIES, from, at + 9 * row);
        FloatVector a10 = FloatVector.fromArray(SPECIES, from, at + 10 * row);
        FloatVector a11 = FloatVector.fromArray(SPECIES, from, at + 11 * row);
        FloatVector a12 = FloatVector.fromArray(SPECIES, from, at + 12 * row);
        FloatVector a13 = FloatVector.fromArray(SPECIES, from, at + 13 * row);
        FloatVector a14 = FloatVector.fromArray(SPECIES, from, at + 14 * row);
        FloatVector a15 = FloatVector.fromArray(SPECIES, from, at + 15 * row);
        FloatVector b0 = a0.blend(a1.rearrange(SWAP_1), ODD_1);
        FloatVector b1 = a0.rearrange(SWAP_1).blend(a1, ODD_1);
        FloatVector b2 = a2.blend(a3.rearrange(SWAP_1), ODD_1);
        FloatVector b3 = a2.rearrange(SWAP_1).blend(a3, ODD_1);
        FloatVector b4 = a4.blend(a5.rearrange(SWAP_1), ODD_1);
        FloatVector b5 = a4.rearrange(SWAP_1).blend(a5, ODD_1);
        FloatVector b6 = a6.blend(a7.rearrange(SWAP_1), ODD_1);
        FloatVector b7 = a6.rearrange(SWAP_1).blend(a7, ODD_1);
        FloatVector b8 = a8.blend(a9.rearrange(SWAP_1), ODD_1);
        FloatVector b9 = a8.rearrange(SWAP_1).blend(a9, ODD_1);
        FloatVector b10 = a10.blend(a11.rearrange(SWAP_1), ODD_1);
        FloatVector b11 = a10.rearrange(SWAP_1).blend(a11, ODD_1);
        FloatVector b12 = a12.blend(a13.rearrange(SWAP_1), ODD_1);
        FloatVector b13 = a12.rearrange(SWAP_1).blend(a13, ODD_1);
        FloatVector b14 = a14.blend(a15.rearrange(SWAP_1), ODD_1);
        FloatVector b15 = a14.rearrange(SWAP_1).blend(a15, ODD_1);
        FloatVector c0 = b0.blend(b2.rearrange(SWAP_2), ODD_2);
        FloatVector c2 = b0.rearrange(SWAP_2).blend(b2, ODD_2);
        FloatVector c1 = b1.blend(b3.rearrange(SWAP_2), ODD_2);
        FloatVector c3 = b1.rearrange(SWAP_2).blend(b3, ODD_2);
        FloatVector c4 = b4.blend(b6.rearrange(SWAP_2), ODD_2);
        FloatVector c6 = b4.rearrange(SWAP_2).blend(b6, ODD_2);
        FloatVector c5 = b5.blend(b7.rearrange(SWAP_2), ODD_2);
        FloatVector c7 = b5.rearrange(SWAP_2).blend(b7, ODD_2);
        FloatVector c8 = b8.blend(b10.rearrange(SWAP_2), ODD_2);
        FloatVector c10 = b8.rearrange(SWAP_2).blend(b10, ODD_2);
        FloatVector c9 = b9.blend(b11.rearrange(SWAP_2), ODD_2);
        FloatVector c11 = b9.rearrange(SWAP_2).blend(b11, ODD_2);
        FloatVector c12 = b12.blend(b14.rearrange(SWAP_2), ODD_2);
        FloatVector c14 = b12.rearrange(SWAP_2).blend(b14, ODD_2);
        FloatVector c13 = b13.blend(b15.rearrange(SWAP_2), ODD_2);
        FloatVector c15 = b13.rearrange(SWAP_2).blend(b15, ODD_2);
        FloatVector d0 = c0.blend(c4.rearrange(SWAP_4), ODD_4);
        FloatVector d4 = c0.rearrange(SWAP_4).blend(c4, ODD_4);
        FloatVector d1 = c1.blend(c5.rearrange(SWAP_4), ODD_4);
        FloatVector d5 = c1.rearrange(SWAP_4).blend(c5, ODD_4);
        FloatVector d2 = c2.blend(c6.rearrange(SWAP_4), ODD_4);
        FloatVector d6 = c2.rearrange(SWAP_4).blend(c6, ODD_4);
        FloatVector d3 = c3.blend(c7.rearrange(SWAP_4), ODD_4);
        FloatVector d7 = c3.rearrange(SWAP_4).blend(c7, ODD_4);
        FloatVector d8 = c8.blend(c12.rearrange(SWAP_4), ODD_4);
        FloatVector d12 = c8.rearrange(SWAP_4).blend(c12, ODD_4);
        FloatVector d9 = c9.blend(c13.rearrange(SWAP_4), ODD_4);
        FloatVector d13 = c9.rearrange(SWAP_4).blend(c13, ODD_4);
        FloatVector d10 = c10.blend(c14.rearrange(SWAP_4), ODD_4);
        FloatVector d14 = c10.rearrange(SWAP_4).blend(c14, ODD_4);
        FloatVector d11 = c11.blend(c15.rearrange(SWAP_4), ODD_4);
        FloatVector d15 = c11.rearrange(SWAP_4).blend(c15, ODD_4);
        FloatVector e0 = d0.blend(d8.rearrange(SWAP_8), ODD_8);
        FloatVector e8 = d0.rearrange(SWAP_8).blend(d8, ODD_8);
        FloatVector e1 = d1.blend(d9.rearrange(SWAP_8), ODD_8);
        FloatVector e9 = d1.rearrange(SWAP_8).blend(d9, ODD_8);
        FloatVector e2 = d2.blend(d10.rearrange(SWAP_8), ODD_8);
        FloatVector e10 = d2.rearrange(SWAP_8).blend(d10, ODD_8);
        FloatVector e3 = d3.blend(d11.rearrange(SWAP_8), ODD_8);
        FloatVector e11 = d3.rearrange(SWAP_8).blend(d11, ODD_8);
        FloatVector e4 = d4.blend(d12.rearrange(SWAP_8), ODD_8);
        FloatVector e12 = d4.rearrange(SWAP_8).blend(d12, ODD_8);
        FloatVector e5 = d5.blend(d13.rearrange(SWAP_8), ODD_8);
        FloatVector e13 = d5.rearrange(SWAP_8).blend(d13, ODD_8);
        FloatVector e6 = d6.blend(d14.rearrange(SWAP_8), ODD_8);
        FloatVector e14 = d6.rearrange(SWAP_8).blend(d14, ODD_8);
        FloatVector e7 = d7.blend(d15.rearrange(SWAP_8), ODD_8);
        FloatVector e15 = d7.rearrange(SWAP_8).blend(d15, ODD_8);
        e0.intoArray(into, to);
        e1.intoArray(into, to + intoRow);
        e2.intoArray(into, to + 2 * intoRow);
        e3.intoArray(into, to + 3 * intoRow);
        e4.intoArray(into, to + 4 * intoRow);
        e5.intoArray(into, to + 5 * intoRow);
        e6.intoArray(into, to + 6 * intoRow);
        e7.intoArray(into, to + 7 * intoRow);
        e8.intoArray(into, to + 8 * intoRow);
        e9.intoArray(into, to + 9 * intoRow);
        e10.intoArray(into, to + 10 * intoRow);
        e11.intoArray(into, to + 11 * intoRow);
        e12.intoArray(into, to + 12 * intoRow);
        e13.intoArray(into, to + 13 * intoRow);
        e14.intoArray(into, to + 14 * intoRow);
        e15.intoArray(into, to + 15 * intoRow);
    }
}

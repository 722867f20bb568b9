package tern.kernels.recurrence;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.load;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

/**
 * Transposes matrices whose sides are whole vectors, in blocks of sixteen by sixteen within the registers where vectors have
 * sixteen floats: four rows at a time, by halves that lie far apart and then by those that lie near, so that methods stay
 * small. Stateless.
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
    private static final long BLOCK_ROW = 4L * LENGTH;

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

    /** Floats of scratch that {@link #transpose} needs. */
    static int scratchLength() {
        return LENGTH * LENGTH;
    }

    /**
     * into [columns,rows] ← from [rows,columns]ᵀ; rows and columns are whole vectors, offsets and strides bytes.
     *
     * @param block {@link #scratchLength} floats
     */
    static void transpose(MemorySegment from, long fromAt, long fromRow, int rows, int columns, MemorySegment into,
            long intoAt, long intoRow, MemorySegment block) {
        for (int i = 0; i < rows; i += LENGTH) {
            for (int j = 0; j < columns; j += LENGTH) {
                long at = fromAt + i * fromRow + 4L * j;
                long to = intoAt + j * intoRow + 4L * i;
                if (SIXTEEN) {
                    for (int r = 0; r < 4; r++) {
                        far(from, at + r * fromRow, fromRow, block, r * BLOCK_ROW);
                    }
                    for (int r = 0; r < 16; r += 4) {
                        near(block, r * BLOCK_ROW, into, to + r * intoRow, intoRow);
                    }
                } else {
                    singly(from, at, fromRow, into, to, intoRow);
                }
            }
        }
    }

    // Rows r, r + 4, r + 8 and r + 12.
    private static void far(MemorySegment from, long at, long row, MemorySegment into, long to) {
        FloatVector a0 = load(from, at);
        FloatVector a1 = load(from, at + 4 * row);
        FloatVector a2 = load(from, at + 8 * row);
        FloatVector a3 = load(from, at + 12 * row);
        FloatVector b0 = a0.blend(a2.rearrange(SWAP_8), ODD_8);
        FloatVector b1 = a1.blend(a3.rearrange(SWAP_8), ODD_8);
        FloatVector b2 = a0.rearrange(SWAP_8).blend(a2, ODD_8);
        FloatVector b3 = a1.rearrange(SWAP_8).blend(a3, ODD_8);
        b0.blend(b1.rearrange(SWAP_4), ODD_4).intoMemorySegment(into, to, ORDER);
        b0.rearrange(SWAP_4).blend(b1, ODD_4).intoMemorySegment(into, to + 4 * BLOCK_ROW, ORDER);
        b2.blend(b3.rearrange(SWAP_4), ODD_4).intoMemorySegment(into, to + 8 * BLOCK_ROW, ORDER);
        b2.rearrange(SWAP_4).blend(b3, ODD_4).intoMemorySegment(into, to + 12 * BLOCK_ROW, ORDER);
    }

    // Four rows after one another.
    private static void near(MemorySegment from, long at, MemorySegment into, long to, long row) {
        FloatVector a0 = load(from, at);
        FloatVector a1 = load(from, at + BLOCK_ROW);
        FloatVector a2 = load(from, at + 2 * BLOCK_ROW);
        FloatVector a3 = load(from, at + 3 * BLOCK_ROW);
        FloatVector b0 = a0.blend(a2.rearrange(SWAP_2), ODD_2);
        FloatVector b1 = a1.blend(a3.rearrange(SWAP_2), ODD_2);
        FloatVector b2 = a0.rearrange(SWAP_2).blend(a2, ODD_2);
        FloatVector b3 = a1.rearrange(SWAP_2).blend(a3, ODD_2);
        b0.blend(b1.rearrange(SWAP_1), ODD_1).intoMemorySegment(into, to, ORDER);
        b0.rearrange(SWAP_1).blend(b1, ODD_1).intoMemorySegment(into, to + row, ORDER);
        b2.blend(b3.rearrange(SWAP_1), ODD_1).intoMemorySegment(into, to + 2 * row, ORDER);
        b2.rearrange(SWAP_1).blend(b3, ODD_1).intoMemorySegment(into, to + 3 * row, ORDER);
    }

    private static void singly(MemorySegment from, long at, long row, MemorySegment into, long to, long intoRow) {
        for (int i = 0; i < LENGTH; i++) {
            for (int j = 0; j < LENGTH; j++) {
                into.set(FLOAT, to + j * intoRow + 4L * i, from.get(FLOAT, at + i * row + 4L * j));
            }
        }
    }
}

package tern.kernels.stored;

import static jdk.incubator.vector.VectorOperators.LSHR;
import static tern.kernels.stored.StoredLanes.LENGTH;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;

import tern.kernels.lanes.Lanes;
import tern.tensor.DType;

/**
 * The small scales of blocks of 256, multiplied out: for each block a factor for each group and, where the type has them, an
 * offset for each group, so that an element is factor·q + offset. Made for some blocks at a time, apart from the elements:
 * together they would make a method too large for the compiler to keep vectors in registers. Stateless.
 */
final class LargeScales {
    /** Floats of a block: sixteen factors, or eight and eight offsets, or sixteen and sixteen offsets. */
    static final int FLOATS = 32;
    /** Bytes that the small scales of a block take where a type packs them. */
    static final int PACKED = 16;
    private static final VectorMask<Float> UPPER = VectorMask.fromLong(Lanes.SPECIES, -1L << 8);
    private static final int SIX_BITS = 0x3F3F3F3F;
    private static final int FOUR_BITS = 0x0F0F0F0F;
    private static final int TWO_BITS = 0x03030303;

    private LargeScales() {
    }

    /** Whether the type has such blocks. */
    static boolean has(DType type) {
        return type.blockLength() == 256;
    }

    /**
     * Makes the scales of some blocks.
     *
     * @param spare {@link #FLOATS} a block, written
     * @param small room for {@link #PACKED} bytes a block from {@code smallAt} on
     */
    static void make(DType type, byte[] from, int at, int blocks, float[] spare, byte[] small, int smallAt) {
        switch (type) {
            case Q2_K -> twos(from, at, blocks, spare);
            case Q3_K -> {
                unpackThrees(from, at, blocks, small, smallAt);
                threes(from, at, blocks, small, smallAt, spare);
            }
            case Q4_K -> {
                unpack(from, at, 144, blocks, small, smallAt);
                pairs(from, at, 144, blocks, small, smallAt, spare);
            }
            case Q5_K -> {
                unpack(from, at, 176, blocks, small, smallAt);
                pairs(from, at, 176, blocks, small, smallAt, spare);
            }
            case Q6_K -> sixes(from, at, blocks, spare);
            default -> throw new AssertionError(type + " has no blocks of 256");
        }
    }

    private static void twos(byte[] from, int at, int blocks, float[] spare) {
        for (int b = 0; b < blocks; b++) {
            int block = at + 84 * b, to = FLOATS * b;
            float d = StoredLanes.scale(from, block + 80), least = -StoredLanes.scale(from, block + 82);
            for (int i = 0; i < 16; i += LENGTH) {
                IntVector both = StoredLanes.unsigned(from, block + i);
                StoredLanes.floats(both.and(15)).mul(d).intoArray(spare, to + i);
                StoredLanes.floats(both.lanewise(LSHR, 4)).mul(least).intoArray(spare, to + 16 + i);
            }
        }
    }

    /** Sixteen scales of six bits: eight bytes hold the lower four bits, four the upper two. */
    private static void unpackThrees(byte[] from, int at, int blocks, byte[] small, int smallAt) {
        for (int b = 0; b < blocks; b++) {
            int block = at + 110 * b + 96, to = smallAt + PACKED * b;
            int first = StoredLanes.word(from, block), second = StoredLanes.word(from, block + 4);
            int upper = StoredLanes.word(from, block + 8);
            StoredLanes.word(small, to, first & FOUR_BITS | (upper & TWO_BITS) << 4);
            StoredLanes.word(small, to + 4, second & FOUR_BITS | (upper >>> 2 & TWO_BITS) << 4);
            StoredLanes.word(small, to + 8, first >>> 4 & FOUR_BITS | (upper >>> 4 & TWO_BITS) << 4);
            StoredLanes.word(small, to + 12, second >>> 4 & FOUR_BITS | (upper >>> 6 & TWO_BITS) << 4);
        }
    }

    private static void threes(byte[] from, int at, int blocks, byte[] small, int smallAt, float[] spare) {
        for (int b = 0; b < blocks; b++) {
            float d = StoredLanes.scale(from, at + 110 * b + 108);
            for (int i = 0; i < 16; i += LENGTH) {
                IntVector own = StoredLanes.unsigned(small, smallAt + PACKED * b + i).sub(32);
                StoredLanes.floats(own).mul(d).intoArray(spare, FLOATS * b + i);
            }
        }
    }

    /**
     * Eight scales, then eight offsets, of six bits: the first four of each lie in the lower bits of the first eight bytes, of
     * the others the lower four bits share the last four bytes and the upper two lie at the top of the first eight.
     */
    private static void unpack(byte[] from, int at, int bytes, int blocks, byte[] small, int smallAt) {
        for (int b = 0; b < blocks; b++) {
            int block = at + bytes * b + 4, to = smallAt + PACKED * b;
            int scales = StoredLanes.word(from, block), offsets = StoredLanes.word(from, block + 4);
            int both = StoredLanes.word(from, block + 8);
            StoredLanes.word(small, to, scales & SIX_BITS);
            StoredLanes.word(small, to + 4, both & FOUR_BITS | (scales >>> 6 & TWO_BITS) << 4);
            StoredLanes.word(small, to + 8, offsets & SIX_BITS);
            StoredLanes.word(small, to + 12, both >>> 4 & FOUR_BITS | (offsets >>> 6 & TWO_BITS) << 4);
        }
    }

    private static void pairs(byte[] from, int at, int bytes, int blocks, byte[] small, int smallAt, float[] spare) {
        for (int b = 0; b < blocks; b++) {
            float d = StoredLanes.scale(from, at + bytes * b), least = -StoredLanes.scale(from, at + bytes * b + 2);
            for (int i = 0; i < 16; i += LENGTH) {
                StoredLanes.floats(StoredLanes.unsigned(small, smallAt + PACKED * b + i)).mul(factor(i, d, least))
                        .intoArray(spare, FLOATS * b + i);
            }
        }
    }

    /** d for the first eight, least for the others. */
    private static FloatVector factor(int i, float d, float least) {
        return LENGTH == 16 ? Lanes.all(d).blend(least, UPPER) : Lanes.all(i < 8 ? d : least);
    }

    private static void sixes(byte[] from, int at, int blocks, float[] spare) {
        for (int b = 0; b < blocks; b++) {
            int block = at + 210 * b;
            float d = StoredLanes.scale(from, block + 208);
            for (int i = 0; i < 16; i += LENGTH) {
                StoredLanes.floats(StoredLanes.signed(from, block + 192 + i)).mul(d).intoArray(spare, FLOATS * b + i);
            }
        }
    }
}

package tern.kernels.stored;

import static jdk.incubator.vector.VectorOperators.LSHR;
import static tern.kernels.stored.StoredLanes.LENGTH;

import java.lang.foreign.MemorySegment;
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
    /** Bytes of a block's factors and offsets. */
    static final long STRIDE = 4 * FLOATS;
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

    /** Bytes of scratch for the scales of some blocks, and for the small scales of types that pack them. */
    static long bytes(int blocks) {
        return (STRIDE + 16) * blocks;
    }

    /**
     * Makes the scales of some blocks.
     *
     * @param spare {@link #bytes}; the scales of block b begin at {@link #STRIDE}·b
     */
    static void make(DType type, MemorySegment from, long at, int blocks, MemorySegment spare) {
        switch (type) {
            case Q2_K -> twos(from, at, blocks, spare);
            case Q3_K -> {
                unpackThrees(from, at, blocks, spare);
                threes(from, at, blocks, spare);
            }
            case Q4_K -> {
                unpack(from, at, 144, blocks, spare);
                pairs(from, at, 144, blocks, spare);
            }
            case Q5_K -> {
                unpack(from, at, 176, blocks, spare);
                pairs(from, at, 176, blocks, spare);
            }
            case Q6_K -> sixes(from, at, blocks, spare);
            default -> throw new AssertionError(type + " has no blocks of 256");
        }
    }

    private static void twos(MemorySegment from, long at, int blocks, MemorySegment spare) {
        for (int b = 0; b < blocks; b++) {
            long block = at + 84L * b, to = STRIDE * b;
            float d = StoredLanes.scale(from, block + 80), least = -StoredLanes.scale(from, block + 82);
            for (int i = 0; i < 16; i += LENGTH) {
                IntVector both = StoredLanes.unsigned(from, block + i);
                Lanes.store(StoredLanes.floats(both.and(15)).mul(d), spare, to + 4 * i);
                Lanes.store(StoredLanes.floats(both.lanewise(LSHR, 4)).mul(least), spare, to + 64 + 4 * i);
            }
        }
    }

    /** Sixteen scales of six bits: eight bytes hold the lower four bits, four the upper two. */
    private static void unpackThrees(MemorySegment from, long at, int blocks, MemorySegment spare) {
        for (int b = 0; b < blocks; b++) {
            long block = at + 110L * b + 96, to = STRIDE * blocks + 16 * b;
            int first = from.get(StoredLanes.WORD, block), second = from.get(StoredLanes.WORD, block + 4);
            int upper = from.get(StoredLanes.WORD, block + 8);
            spare.set(StoredLanes.WORD, to, first & FOUR_BITS | (upper & TWO_BITS) << 4);
            spare.set(StoredLanes.WORD, to + 4, second & FOUR_BITS | (upper >>> 2 & TWO_BITS) << 4);
            spare.set(StoredLanes.WORD, to + 8, first >>> 4 & FOUR_BITS | (upper >>> 4 & TWO_BITS) << 4);
            spare.set(StoredLanes.WORD, to + 12, second >>> 4 & FOUR_BITS | (upper >>> 6 & TWO_BITS) << 4);
        }
    }

    private static void threes(MemorySegment from, long at, int blocks, MemorySegment spare) {
        for (int b = 0; b < blocks; b++) {
            float d = StoredLanes.scale(from, at + 110L * b + 108);
            for (int i = 0; i < 16; i += LENGTH) {
                IntVector small = StoredLanes.unsigned(spare, STRIDE * blocks + 16 * b + i).sub(32);
                Lanes.store(StoredLanes.floats(small).mul(d), spare, STRIDE * b + 4 * i);
            }
        }
    }

    /**
     * Eight scales, then eight offsets, of six bits: the first four of each lie in the lower bits of the first eight bytes, of
     * the others the lower four bits share the last four bytes and the upper two lie at the top of the first eight.
     */
    private static void unpack(MemorySegment from, long at, long bytes, int blocks, MemorySegment spare) {
        for (int b = 0; b < blocks; b++) {
            long block = at + bytes * b + 4, to = STRIDE * blocks + 16 * b;
            int scales = from.get(StoredLanes.WORD, block), offsets = from.get(StoredLanes.WORD, block + 4);
            int both = from.get(StoredLanes.WORD, block + 8);
            spare.set(StoredLanes.WORD, to, scales & SIX_BITS);
            spare.set(StoredLanes.WORD, to + 4, both & FOUR_BITS | (scales >>> 6 & TWO_BITS) << 4);
            spare.set(StoredLanes.WORD, to + 8, offsets & SIX_BITS);
            spare.set(StoredLanes.WORD, to + 12, both >>> 4 & FOUR_BITS | (offsets >>> 6 & TWO_BITS) << 4);
        }
    }

    private static void pairs(MemorySegment from, long at, long bytes, int blocks, MemorySegment spare) {
        for (int b = 0; b < blocks; b++) {
            float d = StoredLanes.scale(from, at + bytes * b), least = -StoredLanes.scale(from, at + bytes * b + 2);
            for (int i = 0; i < 16; i += LENGTH) {
                FloatVector small = StoredLanes
                        .floats(StoredLanes.unsigned(spare, STRIDE * blocks + 16 * b + i));
                Lanes.store(small.mul(factor(i, d, least)), spare, STRIDE * b + 4 * i);
            }
        }
    }

    /** d for the first eight, least for the others. */
    private static FloatVector factor(int i, float d, float least) {
        return LENGTH == 16 ? Lanes.all(d).blend(least, UPPER) : Lanes.all(i < 8 ? d : least);
    }

    private static void sixes(MemorySegment from, long at, int blocks, MemorySegment spare) {
        for (int b = 0; b < blocks; b++) {
            long block = at + 210L * b;
            float d = StoredLanes.scale(from, block + 208);
            for (int i = 0; i < 16; i += LENGTH) {
                Lanes.store(StoredLanes.floats(StoredLanes.signed(from, block + 192 + i)).mul(d), spare,
                        STRIDE * b + 4 * i);
            }
        }
    }
}

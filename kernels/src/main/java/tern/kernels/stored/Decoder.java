package tern.kernels.stored;

import static tern.kernels.stored.StoredLanes.BYTES;
import static tern.kernels.stored.StoredLanes.LENGTH;
import static tern.kernels.stored.StoredLanes.bits;
import static tern.kernels.stored.StoredLanes.floats;
import static tern.kernels.stored.StoredLanes.scale;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

import tern.kernels.lanes.Lanes;
import tern.tensor.DType;
import tern.tensor.Tensor;

/**
 * Runs of stored numbers written out as floats, with the values of {@link tern.tensor.Blocks}: offsets are folded into one
 * multiply–add, whose product is exact because scales are halves. Stateless.
 */
final class Decoder {
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;

    private Decoder() {
    }

    /**
     * Writes {@code count} numbers, whole blocks of the type.
     *
     * @param at offset of the first in bytes; likewise {@code toAt}
     */
    static void decode(DType type, MemorySegment from, long at, int count, MemorySegment to, long toAt) {
        long block = type.blockBytes(), floats = 4L * type.blockLength(), end = toAt + 4L * count;
        switch (type) {
            case BF16 -> brains(from, at, count, to, toAt);
            case F16 -> halves(from, at, count, to, toAt);
            case Q8_0 -> {
                for (; toAt < end; at += block, toAt += floats) {
                    eights(from, at, to, toAt);
                }
            }
            case Q4_0 -> {
                for (; toAt < end; at += block, toAt += floats) {
                    fours(from, at + 2, scale(from, at), -8 * scale(from, at), to, toAt);
                }
            }
            case Q4_1 -> {
                for (; toAt < end; at += block, toAt += floats) {
                    fours(from, at + 4, scale(from, at), scale(from, at + 2), to, toAt);
                }
            }
            case Q5_0 -> {
                for (; toAt < end; at += block, toAt += floats) {
                    fives(from, at + 2, scale(from, at), -16 * scale(from, at), to, toAt);
                }
            }
            case Q5_1 -> {
                for (; toAt < end; at += block, toAt += floats) {
                    fives(from, at + 4, scale(from, at), scale(from, at + 2), to, toAt);
                }
            }
            case Q2_K -> {
                for (; toAt < end; at += block, toAt += floats) {
                    largeTwos(from, at, to, toAt);
                }
            }
            case Q3_K -> {
                for (; toAt < end; at += block, toAt += floats) {
                    largeThrees(from, at, to, toAt);
                }
            }
            case Q4_K -> {
                for (; toAt < end; at += block, toAt += floats) {
                    largeFours(from, at, to, toAt);
                }
            }
            case Q5_K -> {
                for (; toAt < end; at += block, toAt += floats) {
                    largeFives(from, at, to, toAt);
                }
            }
            case Q6_K -> {
                for (; toAt < end; at += block, toAt += floats) {
                    largeSixes(from, at, to, toAt);
                }
            }
            case F64, F32, I64, I32, I16, I8, U8, BOOL -> throw new AssertionError(type + " is not a stored type");
        }
    }

    private static void brains(MemorySegment from, long at, int count, MemorySegment to, long toAt) {
        int bound = Lanes.bound(count), i = 0;
        for (; i < bound; i += LENGTH) {
            Lanes.store(StoredLanes.brain(from, at + 2L * i), to, toAt + 4L * i);
        }
        for (; i < count; i++) {
            to.set(Tensor.FLOAT, toAt + 4L * i, brain(from, at + 2L * i));
        }
    }

    private static void halves(MemorySegment from, long at, int count, MemorySegment to, long toAt) {
        int bound = Lanes.bound(count), i = 0;
        for (; i < bound; i += LENGTH) {
            Lanes.store(StoredLanes.half(from, at + 2L * i), to, toAt + 4L * i);
        }
        for (; i < count; i++) {
            to.set(Tensor.FLOAT, toAt + 4L * i, half(from, at + 2L * i));
        }
    }

    /** One BF16. */
    static float brain(MemorySegment from, long at) {
        return Float.intBitsToFloat(from.get(StoredLanes.NATIVE_HALF, at) << 16);
    }

    /** One F16. */
    static float half(MemorySegment from, long at) {
        return Float.float16ToFloat(from.get(StoredLanes.NATIVE_HALF, at));
    }

    private static void eights(MemorySegment from, long at, MemorySegment to, long toAt) {
        FloatVector d = Lanes.all(scale(from, at));
        for (int i = 0; i < 32; i += LENGTH) {
            Lanes.store(floats(StoredLanes.signed(from, at + 2 + i)).mul(d), to, toAt + 4L * i);
        }
    }

    /** Sixteen pairs: the low halves first. */
    private static void fours(MemorySegment from, long at, float scale, float offset, MemorySegment to, long toAt) {
        for (int shift = 0; shift < 8; shift += 4) {
            for (int i = 0; i < 16; i += LENGTH, toAt += BYTES) {
                store(bits(from, at + i, shift, 4), scale, offset, to, toAt);
            }
        }
    }

    /** Thirty-two fifth bits, then as {@link #fours}. */
    private static void fives(MemorySegment from, long at, float scale, float offset, MemorySegment to, long toAt) {
        int fifths = from.get(StoredLanes.WORD, at);
        for (int half = 0; half < 2; half++) {
            for (int i = 0; i < 16; i += LENGTH, toAt += BYTES) {
                IntVector q = bits(from, at + 4 + i, 4 * half, 4).or(StoredLanes.spread(fifths, 16 * half + i, 4));
                store(q, scale, offset, to, toAt);
            }
        }
    }

    private static void store(IntVector q, float scale, float offset, MemorySegment to, long toAt) {
        Lanes.store(floats(q).fma(Lanes.all(scale), Lanes.all(offset)), to, toAt);
    }

    private static void largeTwos(MemorySegment from, long at, MemorySegment to, long toAt) {
        float d = scale(from, at + 80), least = -scale(from, at + 82);
        for (int group = 0; group < 16; group++) {
            int scales = from.get(BYTE, at + group) & 0xFF;
            float factor = d * (scales & 15), offset = least * (scales >> 4);
            long quarters = at + 16 + quarters(group);
            for (int i = 0; i < 16; i += LENGTH, toAt += BYTES) {
                store(bits(from, quarters + i, shift(group), 2), factor, offset, to, toAt);
            }
        }
    }

    private static void largeThrees(MemorySegment from, long at, MemorySegment to, long toAt) {
        float d = scale(from, at + 108);
        for (int group = 0; group < 16; group++) {
            float factor = d * (thirdScale(from, at + 96, group) - 32);
            long quarters = at + 32 + quarters(group), thirds = at + group % 2 * 16;
            for (int i = 0; i < 16; i += LENGTH, toAt += BYTES) {
                IntVector third = bits(from, thirds + i, group / 2, 1);
                IntVector q = bits(from, quarters + i, shift(group), 2).add(third.mul(4));
                store(q, factor, -4 * factor, to, toAt);
            }
        }
    }

    private static int thirdScale(MemorySegment from, long at, int group) {
        int low = from.get(BYTE, at + group % 8) >> group / 8 * 4 & 15;
        return low | (from.get(BYTE, at + 8 + group % 4) >> 2 * (group / 4) & 3) << 4;
    }

    /** Where the two low bits of a group of 16 lie: 32 bytes for 128 elements. */
    private static int quarters(int group) {
        return group / 8 * 32 + group % 2 * 16;
    }

    private static int shift(int group) {
        return group % 8 / 2 * 2;
    }

    private static void largeFours(MemorySegment from, long at, MemorySegment to, long toAt) {
        float d = scale(from, at), least = -scale(from, at + 2);
        for (int group = 0; group < 8; group++) {
            float factor = d * LargeScales.scale(from, at + 4, group);
            float offset = least * LargeScales.offset(from, at + 4, group);
            long pairs = at + 16 + group / 2 * 32;
            for (int i = 0; i < 32; i += LENGTH, toAt += BYTES) {
                store(bits(from, pairs + i, group % 2 * 4, 4), factor, offset, to, toAt);
            }
        }
    }

    private static void largeFives(MemorySegment from, long at, MemorySegment to, long toAt) {
        float d = scale(from, at), least = -scale(from, at + 2);
        for (int group = 0; group < 8; group++) {
            float factor = d * LargeScales.scale(from, at + 4, group);
            float offset = least * LargeScales.offset(from, at + 4, group);
            long pairs = at + 48 + group / 2 * 32;
            for (int i = 0; i < 32; i += LENGTH, toAt += BYTES) {
                IntVector fifth = bits(from, at + 16 + i, group, 1);
                store(bits(from, pairs + i, group % 2 * 4, 4).add(fifth.mul(16)), factor, offset, to, toAt);
            }
        }
    }

    private static void largeSixes(MemorySegment from, long at, MemorySegment to, long toAt) {
        float d = scale(from, at + 208);
        for (int group = 0; group < 16; group++) {
            float factor = d * from.get(BYTE, at + 192 + group);
            int column = group % 8 / 2;
            long low = at + group / 8 * 64 + column % 2 * 32 + group % 2 * 16, high = at + 128 + quarters(group);
            for (int i = 0; i < 16; i += LENGTH, toAt += BYTES) {
                IntVector q = bits(from, low + i, column / 2 * 4, 4)
                        .or(bits(from, high + i, shift(group), 2).mul(16));
                store(q, factor, -32 * factor, to, toAt);
            }
        }
    }
}

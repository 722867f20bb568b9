package tern.kernels.stored;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static tern.kernels.stored.StoredLanes.BYTES;
import static tern.kernels.stored.StoredLanes.LENGTH;
import static tern.kernels.stored.StoredLanes.floats;
import static tern.kernels.stored.StoredLanes.scale;

import java.lang.foreign.MemorySegment;
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
    /** Blocks of 256 at a time. */
    private static final int LARGE_BLOCKS = 16;
    /** Floats of scratch. */
    static final int SPARE = Math.toIntExact(LargeScales.bytes(LARGE_BLOCKS) / 4);

    private Decoder() {
    }

    // Helpers that take or return vectors are one or two operations long: once compiled by themselves to more than 2,500 bytes
    // they are no longer taken in, and their vectors are boxed.

    /**
     * The loop of one type. They are called through this interface because C2 would take the bodies of several types into
     * one method otherwise, beyond the number of nodes where it begins to box vectors.
     */
    private interface Loop {
        void run(MemorySegment from, long at, int blocks, MemorySegment to, long toAt, MemorySegment spare);
    }

    private static final Loop[] LOOPS = new Loop[DType.values().length];

    static {
        for (DType type : DType.values()) {
            LOOPS[type.ordinal()] = switch (type) {
                case BF16 -> (from, at, blocks, to, toAt, spare) -> brains(from, at, blocks, to, toAt);
                case F16 -> (from, at, blocks, to, toAt, spare) -> halves(from, at, blocks, to, toAt);
                case Q8_0 -> (from, at, blocks, to, toAt, spare) -> eights(from, at, blocks, to, toAt);
                case Q4_0 -> (from, at, blocks, to, toAt, spare) -> foursByScale(from, at, blocks, to, toAt);
                case Q4_1 -> (from, at, blocks, to, toAt, spare) -> foursByOffset(from, at, blocks, to, toAt);
                case Q5_0 -> (from, at, blocks, to, toAt, spare) -> fivesByScale(from, at, blocks, to, toAt);
                case Q5_1 -> (from, at, blocks, to, toAt, spare) -> fivesByOffset(from, at, blocks, to, toAt);
                case Q2_K -> Decoder::largeTwos;
                case Q3_K -> Decoder::largeThrees;
                case Q4_K -> Decoder::largeFours;
                case Q5_K -> Decoder::largeFives;
                case Q6_K -> Decoder::largeSixes;
                case F64, F32, I64, I32, I16, I8, U8, BOOL -> (from, at, blocks, to, toAt, spare) -> {
                    throw new AssertionError(type + " is not a stored type");
                };
            };
        }
    }

    /**
     * Writes {@code count} numbers, whole blocks of the type.
     *
     * @param at offset of the first in bytes; likewise {@code toAt}
     * @param spare {@link #SPARE} floats
     */
    static void decode(DType type, MemorySegment from, long at, int count, MemorySegment to, long toAt,
            MemorySegment spare) {
        int blocks = count / type.blockLength();
        Loop loop = LOOPS[type.ordinal()];
        if (!LargeScales.has(type)) {
            loop.run(from, at, blocks, to, toAt, spare);
            return;
        }
        for (int done = 0; done < blocks; done += LARGE_BLOCKS) {
            int part = Math.min(LARGE_BLOCKS, blocks - done);
            long block = at + (long) type.blockBytes() * done;
            LargeScales.make(type, from, block, part, spare);
            loop.run(from, block, part, to, toAt + 1024L * done, spare);
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

    // Each type has a loop of its own over blocks: calls that are not taken in cost more than a block.

    private static void eights(MemorySegment from, long at, int blocks, MemorySegment to, long toAt) {
        for (int b = 0; b < blocks; b++) {
            long block = at + 34L * b, out = toAt + 128L * b;
            FloatVector d = Lanes.all(scale(from, block));
            for (int i = 0; i < 32; i += LENGTH) {
                Lanes.store(floats(StoredLanes.signed(from, block + 2 + i)).mul(d), to, out + 4L * i);
            }
        }
    }

    private static void foursByScale(MemorySegment from, long at, int blocks, MemorySegment to, long toAt) {
        for (int b = 0; b < blocks; b++) {
            long block = at + 18L * b;
            float d = scale(from, block);
            fours(from, block + 2, d, -8 * d, to, toAt + 128L * b);
        }
    }

    private static void foursByOffset(MemorySegment from, long at, int blocks, MemorySegment to, long toAt) {
        for (int b = 0; b < blocks; b++) {
            long block = at + 20L * b;
            fours(from, block + 4, scale(from, block), scale(from, block + 2), to, toAt + 128L * b);
        }
    }

    private static void fivesByScale(MemorySegment from, long at, int blocks, MemorySegment to, long toAt) {
        for (int b = 0; b < blocks; b++) {
            long block = at + 22L * b;
            float d = scale(from, block);
            fives(from, block + 2, d, -16 * d, to, toAt + 128L * b);
        }
    }

    private static void fivesByOffset(MemorySegment from, long at, int blocks, MemorySegment to, long toAt) {
        for (int b = 0; b < blocks; b++) {
            long block = at + 24L * b;
            fives(from, block + 4, scale(from, block), scale(from, block + 2), to, toAt + 128L * b);
        }
    }

    /** Sixteen pairs: the low halves first. */
    private static void fours(MemorySegment from, long at, float scale, float offset, MemorySegment to, long toAt) {
        for (int shift = 0; shift < 8; shift += 4) {
            for (int i = 0; i < 16; i += LENGTH, toAt += BYTES) {
                Lanes.store(floats(StoredLanes.unsigned(from, at + i).lanewise(LSHR, shift).and(15))
                        .fma(Lanes.all(scale), Lanes.all(offset)), to, toAt);
            }
        }
    }

    /** Thirty-two fifth bits, then as {@link #fours}. */
    private static void fives(MemorySegment from, long at, float scale, float offset, MemorySegment to, long toAt) {
        int fifths = from.get(StoredLanes.WORD, at);
        for (int half = 0; half < 2; half++) {
            for (int i = 0; i < 16; i += LENGTH, toAt += BYTES) {
                IntVector q = StoredLanes.unsigned(from, at + 4 + i).lanewise(LSHR, 4 * half).and(15)
                        .or(StoredLanes.spread(fifths, 16 * half + i, 4));
                Lanes.store(floats(q).fma(Lanes.all(scale), Lanes.all(offset)), to, toAt);
            }
        }
    }

    // Below, a block is two halves of 128, a half four columns of 32: bits of one byte belong to the same place of each column.

    private static void largeTwos(MemorySegment from, long at, int blocks, MemorySegment to, long toAt,
            MemorySegment scales) {
        for (int half = 0; half < 2 * blocks; half++) {
            long quarters = at + 84L * (half >> 1) + 16 + 32 * (half & 1), out = toAt + 512L * half;
            long own = LargeScales.STRIDE * (half >> 1) + 32 * (half & 1);
            for (int i = 0; i < 32; i += LENGTH) {
                long f = own + (i >> 4) * 4;
                IntVector q = StoredLanes.unsigned(from, quarters + i);
                Lanes.store(floats(q.and(3)).fma(Lanes.broadcast(scales, f), Lanes.broadcast(scales, f + 64)), to,
                        out + 4 * i);
                Lanes.store(floats(q.lanewise(LSHR, 2).and(3)).fma(Lanes.broadcast(scales, f + 8),
                        Lanes.broadcast(scales, f + 8 + 64)), to, out + 4 * i + 128);
                Lanes.store(floats(q.lanewise(LSHR, 4).and(3)).fma(Lanes.broadcast(scales, f + 16),
                        Lanes.broadcast(scales, f + 16 + 64)), to, out + 4 * i + 256);
                Lanes.store(floats(q.lanewise(LSHR, 6)).fma(Lanes.broadcast(scales, f + 24),
                        Lanes.broadcast(scales, f + 24 + 64)), to, out + 4 * i + 384);
            }
        }
    }

    /** Two columns at a time: all four are too much for one method. */
    private static void largeThrees(MemorySegment from, long at, int blocks, MemorySegment to, long toAt,
            MemorySegment scales) {
        for (int pair = 0; pair < 4 * blocks; pair++) {
            int half = pair >> 1 & 1, upper = pair & 1;
            long block = at + 110L * (pair >> 2), quarters = block + 32 + 32 * half, out = toAt + 256L * pair;
            long own = LargeScales.STRIDE * (pair >> 2) + 16 * (pair & 3);
            for (int i = 0; i < 32; i += LENGTH) {
                long f = own + (i >> 4) * 4;
                IntVector q = StoredLanes.unsigned(from, quarters + i).lanewise(LSHR, 4 * upper);
                IntVector third = StoredLanes.unsigned(from, block + i).lanewise(LSHR, 4 * half + 2 * upper);
                Lanes.store(floats(q.and(3).or(third.lanewise(LSHL, 2).and(4)).sub(4)).mul(Lanes.broadcast(scales, f)),
                        to, out + 4 * i);
                Lanes.store(floats(q.lanewise(LSHR, 2).and(3).or(third.lanewise(LSHL, 1).and(4)).sub(4))
                        .mul(Lanes.broadcast(scales, f + 8)), to, out + 4 * i + 128);
            }
        }
    }

    private static void largeFours(MemorySegment from, long at, int blocks, MemorySegment to, long toAt,
            MemorySegment scales) {
        for (int pair = 0; pair < 4 * blocks; pair++) {
            long own = LargeScales.STRIDE * (pair >> 2) + 8 * (pair & 3), out = toAt + 256L * pair;
            long pairs = at + 144L * (pair >> 2) + 16 + 32 * (pair & 3);
            FloatVector f0 = Lanes.broadcast(scales, own), f1 = Lanes.broadcast(scales, own + 4);
            FloatVector o0 = Lanes.broadcast(scales, own + 32), o1 = Lanes.broadcast(scales, own + 36);
            for (int i = 0; i < 32; i += LENGTH) {
                IntVector q = StoredLanes.unsigned(from, pairs + i);
                Lanes.store(floats(q.and(15)).fma(f0, o0), to, out + 4 * i);
                Lanes.store(floats(q.lanewise(LSHR, 4)).fma(f1, o1), to, out + 128 + 4 * i);
            }
        }
    }

    private static void largeFives(MemorySegment from, long at, int blocks, MemorySegment to, long toAt,
            MemorySegment scales) {
        for (int pair = 0; pair < 4 * blocks; pair++) {
            long own = LargeScales.STRIDE * (pair >> 2) + 8 * (pair & 3), out = toAt + 256L * pair;
            long block = at + 176L * (pair >> 2), pairs = block + 48 + 32 * (pair & 3);
            int first = 2 * (pair & 3);
            FloatVector f0 = Lanes.broadcast(scales, own), f1 = Lanes.broadcast(scales, own + 4);
            FloatVector o0 = Lanes.broadcast(scales, own + 32), o1 = Lanes.broadcast(scales, own + 36);
            for (int i = 0; i < 32; i += LENGTH) {
                IntVector q = StoredLanes.unsigned(from, pairs + i);
                IntVector fifth = StoredLanes.unsigned(from, block + 16 + i).lanewise(LSHR, first);
                IntVector lower = q.and(15).or(fifth.lanewise(LSHL, 4).and(16));
                IntVector upper = q.lanewise(LSHR, 4).or(fifth.lanewise(LSHL, 3).and(16));
                Lanes.store(floats(lower).fma(f0, o0), to, out + 4 * i);
                Lanes.store(floats(upper).fma(f1, o1), to, out + 128 + 4 * i);
            }
        }
    }

    /** Two columns at a time, those whose lower halves share bytes. */
    private static void largeSixes(MemorySegment from, long at, int blocks, MemorySegment to, long toAt,
            MemorySegment scales) {
        for (int pair = 0; pair < 4 * blocks; pair++) {
            int half = pair >> 1 & 1, odd = pair & 1;
            long block = at + 210L * (pair >> 2), low = block + 32 * (pair & 3), high = block + 128 + 32 * half;
            long own = LargeScales.STRIDE * (pair >> 2) + 32 * half + 8 * odd;
            long out = toAt + 512L * (pair >> 1) + 128 * odd;
            for (int i = 0; i < 32; i += LENGTH) {
                long f = own + (i >> 4) * 4;
                IntVector q = StoredLanes.unsigned(from, low + i);
                IntVector upper = StoredLanes.unsigned(from, high + i).lanewise(LSHR, 2 * odd);
                Lanes.store(
                        floats(q.and(15).or(upper.lanewise(LSHL, 4).and(48)).sub(32)).mul(Lanes.broadcast(scales, f)),
                        to, out + 4 * i);
                Lanes.store(floats(q.lanewise(LSHR, 4).or(upper.and(48)).sub(32)).mul(Lanes.broadcast(scales, f + 16)),
                        to, out + 4 * i + 256);
            }
        }
    }
}

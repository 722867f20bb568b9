package tern.kernels.stored;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static tern.kernels.stored.StoredLanes.LENGTH;
import static tern.kernels.stored.StoredLanes.floats;
import static tern.kernels.stored.StoredLanes.scale;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

import tern.kernels.lanes.Lanes;
import tern.tensor.DType;

/**
 * Runs of stored numbers written out as floats, with the values of {@link tern.tensor.Blocks}: offsets are folded into one
 * multiply–add, whose product is exact because scales are halves. Stateless.
 */
final class Decoder {
    /** Blocks of 256 at a time. */
    private static final int LARGE_BLOCKS = 16;
    /** Floats of scratch. */
    static final int SPARE = LargeScales.FLOATS * LARGE_BLOCKS;
    /** Bytes of scratch. */
    static final int SMALL = LargeScales.PACKED * LARGE_BLOCKS;

    private Decoder() {
    }

    // Helpers that take or return vectors are one or two operations long: once compiled by themselves to more than 2,500 bytes
    // they are no longer taken in, and their vectors are boxed.

    /** The loop of each type, called by a handle for the reason that {@link StoredDots} gives. */
    private static final MethodHandle[] LOOPS = new MethodHandle[DType.values().length];

    static {
        for (DType type : DType.values()) {
            String name = switch (type) {
                case BF16 -> "brains";
                case F16 -> "halves";
                case Q8_0 -> "eights";
                case Q4_0 -> StoredLanes.HAS_SIXTEEN ? "foursByTable" : "foursByScale";
                case Q4_1 -> "foursByOffset";
                case Q5_0 -> "fivesByScale";
                case Q5_1 -> "fivesByOffset";
                case Q2_K -> "largeTwos";
                case Q3_K -> "largeThrees";
                case Q4_K -> "largeFours";
                case Q5_K -> "largeFives";
                case Q6_K -> "largeSixes";
                case F64, F32, I64, I32, I16, I8, U8, BOOL -> "";
            };
            LOOPS[type.ordinal()] = name.isEmpty() ? null : loop(name);
        }
    }

    private static MethodHandle loop(String name) {
        try {
            return MethodHandles.lookup().findStatic(Decoder.class, name,
                    MethodType.methodType(void.class, byte[].class,
                            int.class, int.class, float[].class, int.class, float[].class));
        } catch (ReflectiveOperationException renamed) {
            throw new ExceptionInInitializerError(renamed);
        }
    }

    /**
     * Writes {@code count} numbers, whole blocks of the type.
     *
     * @param at of the first byte
     * @param toAt of the first float
     * @param spare {@link #SPARE} floats
     * @param small {@link #SMALL} bytes from {@code smallAt} on; may be of the same array as {@code from}
     */
    static void decode(DType type, byte[] from, int at, int count, float[] to, int toAt, float[] spare, byte[] small,
            int smallAt) {
        int blocks = count / type.blockLength();
        boolean large = LargeScales.has(type);
        MethodHandle loop = LOOPS[type.ordinal()];
        for (int done = 0, part; done < blocks; done += part) {
            part = large ? Math.min(LARGE_BLOCKS, blocks - done) : blocks;
            int block = at + type.blockBytes() * done;
            if (large) {
                LargeScales.make(type, from, block, part, spare, small, smallAt);
            }
            try {
                loop.invokeExact(from, block, part, to, toAt + 256 * done, spare);
            } catch (RuntimeException | Error thrown) {
                throw thrown;
            } catch (Throwable undeclared) {
                throw new AssertionError(undeclared);
            }
        }
    }

    // Loops of types without small scales need no scratch, but have the same parameters as the others.

    static void brains(byte[] from, int at, int count, float[] to, int toAt, float[] unused) {
        int bound = Lanes.bound(count), i = 0;
        for (; i < bound; i += LENGTH) {
            StoredLanes.brain(from, at + 2 * i).intoArray(to, toAt + i);
        }
        for (; i < count; i++) {
            to[toAt + i] = StoredLanes.oneBrain(from, at + 2 * i);
        }
    }

    /** BF16 straight from memory, whole vectors. */
    static void brains(MemorySegment from, long at, int count, float[] to, int toAt) {
        for (int i = 0; i < count; i += LENGTH) {
            StoredLanes.brain(from, at + 2L * i).intoArray(to, toAt + i);
        }
    }

    /** A plain loop, for which the compiler knows the instruction that converts halves; vectors have no such operation. */
    static void halves(byte[] from, int at, int count, float[] to, int toAt, float[] unused) {
        for (int i = 0; i < count; i++) {
            to[toAt + i] = StoredLanes.oneHalf(from, at + 2 * i);
        }
    }

    // Each type has a loop of its own over blocks: calls that are not taken in cost more than a block.

    static void eights(byte[] from, int at, int blocks, float[] to, int toAt, float[] unused) {
        for (int b = 0; b < blocks; b++) {
            int block = at + 34 * b, out = toAt + 32 * b;
            FloatVector d = Lanes.all(scale(from, block));
            for (int i = 0; i < 32; i += LENGTH) {
                floats(StoredLanes.signed(from, block + 2 + i)).mul(d).intoArray(to, out + i);
            }
        }
    }

    static void foursByScale(byte[] from, int at, int blocks, float[] to, int toAt, float[] unused) {
        for (int b = 0; b < blocks; b++) {
            int block = at + 18 * b;
            float d = scale(from, block);
            fours(from, block + 2, d, -8 * d, to, toAt + 32 * b);
        }
    }

    /** {@link #foursByScale} where a vector has a lane for each of the sixteen values of a block. */
    static void foursByTable(byte[] from, int at, int blocks, float[] to, int toAt, float[] unused) {
        for (int b = 0; b < blocks; b++) {
            int block = at + 18 * b, out = toAt + 32 * b;
            FloatVector values = StoredLanes.FOURS.mul(scale(from, block));
            IntVector pairs = StoredLanes.unsigned(from, block + 2);
            StoredLanes.pick(values, pairs).intoArray(to, out);
            StoredLanes.pick(values, pairs.lanewise(LSHR, 4)).intoArray(to, out + 16);
        }
    }

    static void foursByOffset(byte[] from, int at, int blocks, float[] to, int toAt, float[] unused) {
        for (int b = 0; b < blocks; b++) {
            int block = at + 20 * b;
            fours(from, block + 4, scale(from, block), scale(from, block + 2), to, toAt + 32 * b);
        }
    }

    static void fivesByScale(byte[] from, int at, int blocks, float[] to, int toAt, float[] unused) {
        for (int b = 0; b < blocks; b++) {
            int block = at + 22 * b;
            float d = scale(from, block);
            fives(from, block + 2, d, -16 * d, to, toAt + 32 * b);
        }
    }

    static void fivesByOffset(byte[] from, int at, int blocks, float[] to, int toAt, float[] unused) {
        for (int b = 0; b < blocks; b++) {
            int block = at + 24 * b;
            fives(from, block + 4, scale(from, block), scale(from, block + 2), to, toAt + 32 * b);
        }
    }

    /** Sixteen pairs: the low halves first. */
    private static void fours(byte[] from, int at, float scale, float offset, float[] to, int toAt) {
        for (int i = 0; i < 16; i += LENGTH) {
            IntVector pairs = StoredLanes.unsigned(from, at + i);
            floats(pairs.and(15)).fma(Lanes.all(scale), Lanes.all(offset)).intoArray(to, toAt + i);
            floats(pairs.lanewise(LSHR, 4)).fma(Lanes.all(scale), Lanes.all(offset)).intoArray(to, toAt + 16 + i);
        }
    }

    /** Thirty-two fifth bits, then as {@link #fours}. */
    private static void fives(byte[] from, int at, float scale, float offset, float[] to, int toAt) {
        int fifths = StoredLanes.word(from, at);
        for (int half = 0; half < 2; half++) {
            for (int i = 0; i < 16; i += LENGTH) {
                IntVector q = StoredLanes.unsigned(from, at + 4 + i).lanewise(LSHR, 4 * half).and(15)
                        .or(StoredLanes.spread(fifths, 16 * half + i, 4));
                floats(q).fma(Lanes.all(scale), Lanes.all(offset)).intoArray(to, toAt + 16 * half + i);
            }
        }
    }

    // Below, a block is two halves of 128, a half four columns of 32: bits of one byte belong to the same place of each column.

    private static FloatVector factor(float[] scales, int at) {
        return Lanes.all(scales[at]);
    }

    static void largeTwos(byte[] from, int at, int blocks, float[] to, int toAt, float[] scales) {
        for (int half = 0; half < 2 * blocks; half++) {
            int quarters = at + 84 * (half >> 1) + 16 + 32 * (half & 1), out = toAt + 128 * half;
            int own = LargeScales.FLOATS * (half >> 1) + 8 * (half & 1);
            for (int i = 0; i < 32; i += LENGTH) {
                int f = own + (i >> 4);
                IntVector q = StoredLanes.unsigned(from, quarters + i);
                floats(q.and(3)).fma(factor(scales, f), factor(scales, f + 16)).intoArray(to, out + i);
                floats(q.lanewise(LSHR, 2).and(3)).fma(factor(scales, f + 2), factor(scales, f + 18)).intoArray(to,
                        out + i + 32);
                floats(q.lanewise(LSHR, 4).and(3)).fma(factor(scales, f + 4), factor(scales, f + 20)).intoArray(to,
                        out + i + 64);
                floats(q.lanewise(LSHR, 6)).fma(factor(scales, f + 6), factor(scales, f + 22)).intoArray(to,
                        out + i + 96);
            }
        }
    }

    /** Two columns at a time: all four are too much for one method. */
    static void largeThrees(byte[] from, int at, int blocks, float[] to, int toAt, float[] scales) {
        for (int pair = 0; pair < 4 * blocks; pair++) {
            int half = pair >> 1 & 1, upper = pair & 1;
            int block = at + 110 * (pair >> 2), quarters = block + 32 + 32 * half, out = toAt + 64 * pair;
            int own = LargeScales.FLOATS * (pair >> 2) + 4 * (pair & 3);
            for (int i = 0; i < 32; i += LENGTH) {
                int f = own + (i >> 4);
                IntVector q = StoredLanes.unsigned(from, quarters + i).lanewise(LSHR, 4 * upper);
                IntVector third = StoredLanes.unsigned(from, block + i).lanewise(LSHR, 4 * half + 2 * upper);
                floats(q.and(3).or(third.lanewise(LSHL, 2).and(4)).sub(4)).mul(factor(scales, f)).intoArray(to,
                        out + i);
                floats(q.lanewise(LSHR, 2).and(3).or(third.lanewise(LSHL, 1).and(4)).sub(4)).mul(factor(scales, f + 2))
                        .intoArray(to, out + i + 32);
            }
        }
    }

    static void largeFours(byte[] from, int at, int blocks, float[] to, int toAt, float[] scales) {
        for (int pair = 0; pair < 4 * blocks; pair++) {
            int own = LargeScales.FLOATS * (pair >> 2) + 2 * (pair & 3), out = toAt + 64 * pair;
            int pairs = at + 144 * (pair >> 2) + 16 + 32 * (pair & 3);
            FloatVector f0 = factor(scales, own), f1 = factor(scales, own + 1);
            FloatVector o0 = factor(scales, own + 8), o1 = factor(scales, own + 9);
            for (int i = 0; i < 32; i += LENGTH) {
                IntVector q = StoredLanes.unsigned(from, pairs + i);
                floats(q.and(15)).fma(f0, o0).intoArray(to, out + i);
                floats(q.lanewise(LSHR, 4)).fma(f1, o1).intoArray(to, out + 32 + i);
            }
        }
    }

    static void largeFives(byte[] from, int at, int blocks, float[] to, int toAt, float[] scales) {
        for (int pair = 0; pair < 4 * blocks; pair++) {
            int own = LargeScales.FLOATS * (pair >> 2) + 2 * (pair & 3), out = toAt + 64 * pair;
            int block = at + 176 * (pair >> 2), pairs = block + 48 + 32 * (pair & 3), first = 2 * (pair & 3);
            FloatVector f0 = factor(scales, own), f1 = factor(scales, own + 1);
            FloatVector o0 = factor(scales, own + 8), o1 = factor(scales, own + 9);
            for (int i = 0; i < 32; i += LENGTH) {
                IntVector q = StoredLanes.unsigned(from, pairs + i);
                IntVector fifth = StoredLanes.unsigned(from, block + 16 + i).lanewise(LSHR, first);
                IntVector lower = q.and(15).or(fifth.lanewise(LSHL, 4).and(16));
                IntVector upper = q.lanewise(LSHR, 4).or(fifth.lanewise(LSHL, 3).and(16));
                floats(lower).fma(f0, o0).intoArray(to, out + i);
                floats(upper).fma(f1, o1).intoArray(to, out + 32 + i);
            }
        }
    }

    /** Two columns at a time, those whose lower halves share bytes. */
    static void largeSixes(byte[] from, int at, int blocks, float[] to, int toAt, float[] scales) {
        for (int pair = 0; pair < 4 * blocks; pair++) {
            int half = pair >> 1 & 1, odd = pair & 1;
            int block = at + 210 * (pair >> 2), low = block + 32 * (pair & 3), high = block + 128 + 32 * half;
            int own = LargeScales.FLOATS * (pair >> 2) + 8 * half + 2 * odd, out = toAt + 128 * (pair >> 1) + 32 * odd;
            for (int i = 0; i < 32; i += LENGTH) {
                int f = own + (i >> 4);
                IntVector q = StoredLanes.unsigned(from, low + i);
                IntVector upper = StoredLanes.unsigned(from, high + i).lanewise(LSHR, 2 * odd);
                floats(q.and(15).or(upper.lanewise(LSHL, 4).and(48)).sub(32)).mul(factor(scales, f)).intoArray(to,
                        out + i);
                floats(q.lanewise(LSHR, 4).or(upper.and(48)).sub(32)).mul(factor(scales, f + 4)).intoArray(to,
                        out + i + 64);
            }
        }
    }
}

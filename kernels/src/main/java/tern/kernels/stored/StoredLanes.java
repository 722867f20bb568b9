package tern.kernels.stored;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

import tern.kernels.lanes.Lanes;

/**
 * One vector's worth of stored numbers as floats or ints, read from an array or from memory. Each is the very value that
 * {@link tern.tensor.Blocks} decodes, except that a zero may have the other sign.
 *
 * <p>Where methods are large they read from arrays: a load from an array is a tenth of the nodes for the compiler, so bodies may
 * hold more of them.
 */
final class StoredLanes {
    static final VectorSpecies<Float> LANES = Lanes.SPECIES;
    static final int LENGTH = Lanes.LENGTH;
    private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, LANES.vectorShape());
    private static final VectorSpecies<Byte> PAIRS = VectorSpecies.of(byte.class, VectorShape.forBitSize(16 * LENGTH));
    /** Vectors of fewer than eight bytes do not exist; where a vector holds four floats, their bytes are read as one int. */
    private static final boolean HAS_BYTES = LENGTH >= 8;
    private static final VectorSpecies<Byte> EIGHTS = HAS_BYTES
            ? VectorSpecies.of(byte.class, VectorShape.forBitSize(8 * LENGTH))
            : ByteVector.SPECIES_64;
    /** Whether a vector has a lane for each number of four bits. */
    static final boolean HAS_SIXTEEN = LENGTH == 16;
    /** What a number of four bits stands for in lane of that number: eight less. */
    static final FloatVector FOURS = FloatVector.zero(LANES).addIndex(1).sub(8);
    /** Sign, exponent and fraction of a half that was widened with its sign and moved up by 13. */
    private static final int HALF_BITS = 0x8FFFE000;
    private static final float HALF_SCALE = 0x1p112f;
    private static final int HIGHEST_EXPONENT = 0x7F800000;
    private static final float ABOVE_HALVES = 0x1p16f;
    private static final IntVector TO_THE_TOP = IntVector.zero(INTS).addIndex(-8).add(24);
    private static final IntVector INDEX = IntVector.zero(INTS).addIndex(1);
    private static final VarHandle HALF = MethodHandles.byteArrayViewVarHandle(short[].class,
            ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle NATIVE_HALF = MethodHandles.byteArrayViewVarHandle(short[].class,
            ByteOrder.nativeOrder());

    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    private static final ValueLayout.OfShort HALF_AT = ValueLayout.JAVA_SHORT_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt WORD_AT = ValueLayout.JAVA_INT_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);

    private StoredLanes() {
    }

    /** As from an array. */
    static FloatVector brain(MemorySegment from, long at) {
        return ((IntVector) ByteVector.fromMemorySegment(PAIRS, from, at, NATIVE).reinterpretAsShorts()
                .convertShape(VectorOperators.S2I, INTS, 0)).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    /**
     * F16: fraction and exponent moved to their places in a float, which 2^112 then scales to what they mean, exactly and also where the
     * half is subnormal. What has the highest exponent of a half, infinite or no number, then is 2^16 or more and gets that of a
     * float.
     */
    static FloatVector half(MemorySegment from, long at) {
        IntVector bits = ((IntVector) ByteVector.fromMemorySegment(PAIRS, from, at, NATIVE).reinterpretAsShorts()
                .convertShape(VectorOperators.S2I, INTS, 0)).lanewise(VectorOperators.LSHL, 13).and(HALF_BITS);
        FloatVector value = bits.reinterpretAsFloats().mul(HALF_SCALE);
        return value.blend(bits.or(HIGHEST_EXPONENT).reinterpretAsFloats(),
                value.lanewise(VectorOperators.ABS).compare(VectorOperators.GE, ABOVE_HALVES));
    }

    /** As from an array. */
    static IntVector signed(MemorySegment from, long at) {
        if (HAS_BYTES) {
            return (IntVector) ByteVector.fromMemorySegment(EIGHTS, from, at, NATIVE)
                    .convertShape(VectorOperators.B2I, INTS, 0);
        }
        return spreadBytes(from.get(WORD_AT, at)).lanewise(VectorOperators.ASHR, 24);
    }

    /** As from an array. */
    static IntVector unsigned(MemorySegment from, long at) {
        if (HAS_BYTES) {
            return (IntVector) ByteVector.fromMemorySegment(EIGHTS, from, at, NATIVE)
                    .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
        }
        return spreadBytes(from.get(WORD_AT, at)).lanewise(VectorOperators.LSHR, 24);
    }

    /** As from an array. */
    static float scale(MemorySegment from, long at) {
        return Float.float16ToFloat(from.get(HALF_AT, at));
    }

    /** BF16: the upper half of a float. */
    static FloatVector brain(byte[] from, int at) {
        return shorts(from, at).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    private static IntVector shorts(byte[] from, int at) {
        return (IntVector) ByteVector.fromArray(PAIRS, from, at).reinterpretAsShorts()
                .convertShape(VectorOperators.S2I, INTS, 0);
    }

    /** Signed bytes. */
    static IntVector signed(byte[] from, int at) {
        if (HAS_BYTES) {
            return (IntVector) ByteVector.fromArray(EIGHTS, from, at).convertShape(VectorOperators.B2I, INTS, 0);
        }
        return spreadBytes(word(from, at)).lanewise(VectorOperators.ASHR, 24);
    }

    /** Unsigned bytes. */
    static IntVector unsigned(byte[] from, int at) {
        if (HAS_BYTES) {
            return (IntVector) ByteVector.fromArray(EIGHTS, from, at).convertShape(VectorOperators.ZERO_EXTEND_B2I,
                    INTS, 0);
        }
        return spreadBytes(word(from, at)).lanewise(VectorOperators.LSHR, 24);
    }

    private static IntVector spreadBytes(int word) {
        return IntVector.broadcast(INTS, word).lanewise(VectorOperators.LSHL, TO_THE_TOP);
    }

    /** Bit {@code first} of a word in lane 0, the next in lane 1, and so on, each moved to bit {@code to}. */
    static IntVector spread(int word, int first, int to) {
        return IntVector.broadcast(INTS, word).lanewise(VectorOperators.LSHR, INDEX.add(first)).and(1)
                .lanewise(VectorOperators.LSHL, to);
    }

    /** Small integers as floats. */
    static FloatVector floats(IntVector integers) {
        return (FloatVector) integers.convert(VectorOperators.I2F, 0);
    }

    /** For each lane the value that its lowest four bits name; where {@link #HAS_SIXTEEN}. */
    static FloatVector pick(FloatVector values, IntVector names) {
        return names.selectFrom(values.reinterpretAsInts()).reinterpretAsFloats();
    }

    /** Floats of an array. */
    static FloatVector load(float[] from, int at) {
        return FloatVector.fromArray(LANES, from, at);
    }

    /** The half at an offset, as blocks hold their scales. */
    static float scale(byte[] from, int at) {
        return Float.float16ToFloat((short) HALF.get(from, at));
    }

    /** Four bytes, the first lowest. */
    static int word(byte[] from, int at) {
        return (int) WORD.get(from, at);
    }

    /** Stores four bytes, the lowest first. */
    static void word(byte[] to, int at, int value) {
        WORD.set(to, at, value);
    }

    /** One BF16. */
    static float oneBrain(byte[] from, int at) {
        return Float.intBitsToFloat((short) NATIVE_HALF.get(from, at) << 16);
    }

    /** One F16. */
    static float oneHalf(byte[] from, int at) {
        return Float.float16ToFloat((short) NATIVE_HALF.get(from, at));
    }
}

package tern.kernels.stored;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

import tern.kernels.lanes.Lanes;

/**
 * One vector's worth of stored numbers as floats or ints, read from memory. Each is the very value that
 * {@link tern.tensor.Blocks} decodes, except that a zero may have the other sign.
 */
final class StoredLanes {
    static final VectorSpecies<Float> LANES = Lanes.SPECIES;
    static final int LENGTH = Lanes.LENGTH;
    static final int BYTES = Lanes.BYTES;
    private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, LANES.vectorShape());
    private static final VectorSpecies<Short> SHORTS = VectorSpecies.of(short.class,
            VectorShape.forBitSize(16 * LENGTH));
    /** Vectors of fewer than eight bytes do not exist; where a vector holds four floats, their bytes are read as one int. */
    private static final boolean HAS_BYTES = LENGTH >= 8;
    private static final VectorSpecies<Byte> EIGHTS = HAS_BYTES
            ? VectorSpecies.of(byte.class, VectorShape.forBitSize(8 * LENGTH))
            : ByteVector.SPECIES_64;
    private static final IntVector TO_THE_TOP = IntVector.zero(INTS).addIndex(-8).add(24);
    private static final IntVector INDEX = IntVector.zero(INTS).addIndex(1);
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfInt WORD = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfShort NATIVE_HALF = ValueLayout.JAVA_SHORT_UNALIGNED;

    // A half's exponent and mantissa, moved to where a float has them, are the value over 2^112.
    private static final int HALF_BITS = 0x8FFFFFFF;
    private static final float HALF_SCALE = 0x1p112f;
    private static final int HALF_SPECIAL = 0x7C00;
    private static final int FLOAT_SPECIAL = 0x7F800000;

    private StoredLanes() {
    }

    /** BF16: the upper half of a float. */
    static FloatVector brain(MemorySegment from, long at) {
        return shorts(from, at).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
    }

    /** F16: subnormals come out right because the product is exact; infinities and NaN are patched. */
    static FloatVector half(MemorySegment from, long at) {
        IntVector bits = shorts(from, at);
        VectorMask<Integer> special = bits.and(HALF_SPECIAL).compare(VectorOperators.EQ, HALF_SPECIAL);
        return bits.lanewise(VectorOperators.LSHL, 13).and(HALF_BITS).reinterpretAsFloats().mul(HALF_SCALE)
                .reinterpretAsInts().lanewise(VectorOperators.OR, FLOAT_SPECIAL, special).reinterpretAsFloats();
    }

    private static IntVector shorts(MemorySegment from, long at) {
        return (IntVector) ShortVector.fromMemorySegment(SHORTS, from, at, NATIVE).convertShape(VectorOperators.S2I,
                INTS, 0);
    }

    /** Signed bytes. */
    static IntVector signed(MemorySegment from, long at) {
        if (HAS_BYTES) {
            return (IntVector) ByteVector.fromMemorySegment(EIGHTS, from, at, NATIVE).convertShape(VectorOperators.B2I,
                    INTS, 0);
        }
        return word(from, at).lanewise(VectorOperators.LSHL, TO_THE_TOP).lanewise(VectorOperators.ASHR, 24);
    }

    /** Unsigned bytes. */
    static IntVector unsigned(MemorySegment from, long at) {
        if (HAS_BYTES) {
            return (IntVector) ByteVector.fromMemorySegment(EIGHTS, from, at, NATIVE)
                    .convertShape(VectorOperators.ZERO_EXTEND_B2I, INTS, 0);
        }
        return word(from, at).lanewise(VectorOperators.LSHL, TO_THE_TOP).lanewise(VectorOperators.LSHR, 24);
    }

    private static IntVector word(MemorySegment from, long at) {
        return IntVector.broadcast(INTS, from.get(WORD, at));
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

    /** The half at a byte offset, as blocks hold their scales. */
    static float scale(MemorySegment from, long at) {
        return Float.float16ToFloat(from.get(HALF, at));
    }
}

package tern.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;

/**
 * The blocked types of ggml: decoding all of them, bit for bit as ggml does, and encoding some. Halves are little-endian;
 * arithmetic is in single precision, in the order that ggml uses. Stateless; safe for use by several threads.
 *
 * <p>Layouts: ggml, {@code src/ggml-common.h} and {@code src/ggml-quants.c}.
 */
public final class Blocks {
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    private static final int AT_ONCE = 1024;
    private static final Set<DType> ENCODED = EnumSet.of(DType.Q8_0, DType.Q4_0, DType.Q4_1, DType.Q5_0, DType.Q5_1,
            DType.Q4_K, DType.Q5_K, DType.Q6_K);

    private Blocks() {
    }

    /** Whether {@link #encode} makes this type. */
    public static boolean encodes(DType dtype) {
        return ENCODED.contains(dtype);
    }

    /**
     * Decodes a run of elements.
     *
     * @param blocks data of a tensor of this type
     * @param from index of the first element, the first of a block
     * @param into where the values go, from {@code start} on
     * @param count number of elements, whole blocks
     * @throws IllegalArgumentException if the type is not blocked, or the run cuts a block
     */
    public static void decode(DType dtype, MemorySegment blocks, long from, float[] into, int start, int count) {
        checkRun(dtype, from, count);
        Objects.checkFromIndexSize(start, count, into.length);
        int length = dtype.blockLength();
        byte[] bytes = new byte[dtype.blockBytes() * (Math.min(count, AT_ONCE) / length)];
        for (int done = 0; done < count; done += AT_ONCE) {
            int part = Math.min(AT_ONCE, count - done);
            MemorySegment.copy(blocks, BYTE, dtype.bytes(from + done), bytes, 0, (int) dtype.bytes(part));
            for (int i = 0; i < part / length; i++) {
                decodeBlock(dtype, bytes, i * dtype.blockBytes(), into, start + done + i * length);
            }
        }
    }

    private static void decodeBlock(DType dtype, byte[] block, int at, float[] into, int start) {
        switch (dtype) {
            case Q8_0 -> SmallBlocks.decode8(block, at, into, start);
            case Q4_0 -> SmallBlocks.decode4(block, at, into, start);
            case Q4_1 -> SmallBlocks.decode4WithOffset(block, at, into, start);
            case Q5_0 -> SmallBlocks.decode5(block, at, into, start);
            case Q5_1 -> SmallBlocks.decode5WithOffset(block, at, into, start);
            case Q2_K -> LargeBlocks.decode2(block, at, into, start);
            case Q3_K -> LargeBlocks.decode3(block, at, into, start);
            case Q4_K -> LargeBlocks.decode4(block, at, into, start);
            case Q5_K -> LargeBlocks.decode5(block, at, into, start);
            case Q6_K -> LargeBlocks.decode6(block, at, into, start);
            case F64, F32, BF16, F16, I64, I32, I16, I8, U8, BOOL -> throw notBlocked(dtype);
        }
    }

    /** One element, at the price of its block. */
    static float get(DType dtype, MemorySegment blocks, long index) {
        int length = dtype.blockLength();
        float[] block = new float[length];
        decode(dtype, blocks, index - index % length, block, 0, length);
        return block[(int) (index % length)];
    }

    /**
     * Encodes a run of elements. {@link DType#Q8_0}, {@link DType#Q4_0}, {@link DType#Q4_1}, {@link DType#Q5_0} and
     * {@link DType#Q5_1} come out bit for bit as ggml's reference quantisers make them; {@link DType#Q4_K},
     * {@link DType#Q5_K} and {@link DType#Q6_K} by a search of our own that loses no more than ggml's.
     *
     * @param from holds the values, from {@code start} on
     * @param count number of elements, whole blocks
     * @param into data of a tensor of this type
     * @param at index of the first element in it, the first of a block
     * @throws IllegalArgumentException if the type is not {@linkplain #encodes encoded}, the run cuts a block, or a value is
     *             not finite or too large for the type's scales, which are halves
     */
    public static void encode(DType dtype, float[] from, int start, int count, MemorySegment into, long at) {
        checkRun(dtype, at, count);
        Objects.checkFromIndexSize(start, count, from.length);
        if (!encodes(dtype)) {
            throw new IllegalArgumentException(dtype + " can be read, not made; expected one of " + ENCODED);
        }
        for (int i = start; i < start + count; i++) {
            if (!Float.isFinite(from[i])) {
                throw new IllegalArgumentException("the value " + from[i] + " cannot be stored as " + dtype
                        + ", expected finite values; keep these weights in F32");
            }
        }
        byte[] block = new byte[dtype.blockBytes()];
        for (int done = 0; done < count; done += dtype.blockLength()) {
            encodeBlock(dtype, from, start + done, block);
            MemorySegment.copy(block, 0, into, BYTE, dtype.bytes(at + done), block.length);
        }
    }

    private static void encodeBlock(DType dtype, float[] from, int start, byte[] block) {
        switch (dtype) {
            case Q8_0 -> SmallBlocks.encode8(from, start, block);
            case Q4_0 -> SmallBlocks.encode4(from, start, block);
            case Q4_1 -> SmallBlocks.encode4WithOffset(from, start, block);
            case Q5_0 -> SmallBlocks.encode5(from, start, block);
            case Q5_1 -> SmallBlocks.encode5WithOffset(from, start, block);
            case Q4_K -> LargeBlockEncoder.encode4(from, start, block);
            case Q5_K -> LargeBlockEncoder.encode5(from, start, block);
            case Q6_K -> LargeBlockEncoder.encode6(from, start, block);
            case F64, F32, BF16, F16, I64, I32, I16, I8, U8, BOOL, Q2_K, Q3_K -> throw notBlocked(
                    dtype);
        }
    }

    private static void checkRun(DType dtype, long from, int count) {
        if (!dtype.isBlocked()) {
            throw notBlocked(dtype);
        }
        if (from < 0 || count < 0 || from % dtype.blockLength() != 0 || count % dtype.blockLength() != 0) {
            throw new IllegalArgumentException(dtype + ": a run of " + count + " elements from " + from
                    + ", expected whole blocks of " + dtype.blockLength());
        }
    }

    /**
     * Where the halves stand that all codes of a block are multiplied or shifted by, in bytes from its beginning.
     *
     * @throws IllegalArgumentException if the type is not blocked
     */
    public static int[] scales(DType dtype) {
        return switch (dtype) {
            case Q8_0, Q4_0, Q5_0 -> new int[] {0};
            case Q4_1, Q5_1, Q4_K, Q5_K -> new int[] {0, 2};
            case Q2_K -> new int[] {80, 82};
            case Q3_K -> new int[] {108};
            case Q6_K -> new int[] {208};
            case F64, F32, BF16, F16, I64, I32, I16, I8, U8, BOOL -> throw notBlocked(dtype);
        };
    }

    private static IllegalArgumentException notBlocked(DType dtype) {
        return new IllegalArgumentException(dtype + " is not a blocked type");
    }

    /** The half at a byte. */
    static float half(byte[] bytes, int at) {
        return Float.float16ToFloat((short) (bytes[at] & 0xFF | bytes[at + 1] << 8));
    }

    /** Stores a scale as a half; refuses one that a half cannot hold. */
    static void putHalf(byte[] bytes, int at, float scale) {
        short half = Float.floatToFloat16(scale);
        if (!Float.isFinite(Float.float16ToFloat(half))) {
            throw new IllegalArgumentException("values are too large: their scale, " + scale
                    + ", does not fit in a half; keep these weights in F32");
        }
        bytes[at] = (byte) half;
        bytes[at + 1] = (byte) (half >>> 8);
    }
}

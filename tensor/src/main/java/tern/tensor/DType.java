package tern.tensor;

/**
 * How the elements of a tensor are stored. Arithmetic is done on {@link #F32} (vector bodies) and {@link #F64} (reference
 * bodies); the other types are for identifiers and for weights as files hold them.
 *
 * <p>Plain types store each element by itself. <i>Blocked</i> types (Q…, as ggml defines them) store a run of
 * {@link #blockLength} neighbours along the last axis together in {@link #blockBytes} bytes: small integers and the scales
 * that they share. {@link Blocks} has their layouts.
 */
public enum DType {
    /** IEEE double precision; used by gradient checks and reference bodies. */
    F64(8),
    /** IEEE single precision; the type of activations, states and trained parameters. */
    F32(4),
    /** The upper half of an IEEE single; storage only. */
    BF16(2),
    /** IEEE half precision; storage only. */
    F16(2),
    /** Signed 64-bit integer. */
    I64(8),
    /** Signed 32-bit integer; token identifiers. */
    I32(4),
    /** Signed 16-bit integer; storage only. */
    I16(2),
    /** Signed 8-bit integer; storage only. */
    I8(1),
    /** Unsigned 8-bit integer; storage only. */
    U8(1),
    /** One byte, 0 or 1; storage only. */
    BOOL(1),
    /** 32 elements of 8 bits with one scale; storage only. */
    Q8_0(32, 34),
    /** 32 elements of 4 bits with one scale; storage only. */
    Q4_0(32, 18),
    /** 32 elements of 4 bits with a scale and an offset; storage only. */
    Q4_1(32, 20),
    /** 32 elements of 5 bits with one scale; storage only. */
    Q5_0(32, 22),
    /** 32 elements of 5 bits with a scale and an offset; storage only. */
    Q5_1(32, 24),
    /** 256 elements of 2 bits, 16 groups with a scale and an offset each; storage only. */
    Q2_K(256, 84),
    /** 256 elements of 3 bits, 16 groups with a scale each; storage only. */
    Q3_K(256, 110),
    /** 256 elements of 4 bits, 8 groups with a scale and an offset each; storage only. */
    Q4_K(256, 144),
    /** 256 elements of 5 bits, 8 groups with a scale and an offset each; storage only. */
    Q5_K(256, 176),
    /** 256 elements of 6 bits, 16 groups with a scale each; storage only. */
    Q6_K(256, 210);

    private final int blockLength;
    private final int blockBytes;

    DType(int bytes) {
        this(1, bytes);
    }

    DType(int blockLength, int blockBytes) {
        this.blockLength = blockLength;
        this.blockBytes = blockBytes;
    }

    /**
     * Bytes of one element.
     *
     * @throws IllegalStateException if the type {@linkplain #isBlocked is blocked}
     */
    public int bytes() {
        if (blockLength > 1) {
            throw new IllegalStateException(this + " stores " + blockLength + " elements in " + blockBytes
                    + " bytes, none of them alone; ask for the bytes of a number of elements");
        }
        return blockBytes;
    }

    /** Elements that are stored together; 1 for plain types. */
    public int blockLength() {
        return blockLength;
    }

    /** Bytes of {@link #blockLength} elements. */
    public int blockBytes() {
        return blockBytes;
    }

    /** Whether elements are stored in blocks that share scales. */
    public boolean isBlocked() {
        return blockLength > 1;
    }

    /**
     * Bytes of a number of elements.
     *
     * @throws IllegalArgumentException if they do not fill whole blocks, or are fewer than 0
     * @throws ArithmeticException if that is more than a long can count
     */
    public long bytes(long elements) {
        if (elements < 0 || blockLength > 1 && elements % blockLength != 0) {
            throw new IllegalArgumentException(elements + " elements of " + this + ", expected whole blocks of "
                    + blockLength);
        }
        return Math.multiplyExact(elements / blockLength, (long) blockBytes);
    }

    /** Whether kernels compute in this type. */
    public boolean isComputed() {
        return this == F32 || this == F64;
    }
}

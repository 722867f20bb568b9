package tern.checkpoint;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

import tern.tensor.DType;

/** How a file stores the elements of a tensor, by the names that safetensors and ggml use. */
public enum StorageType {
    /** IEEE double precision. */
    F64(DType.F64),
    /** IEEE single precision. */
    F32(DType.F32),
    /** Upper half of single precision. */
    BF16(DType.BF16),
    /** IEEE half precision. */
    F16(DType.F16),
    /** Signed integer of 64 bits. */
    I64(DType.I64),
    /** Signed integer of 32 bits. */
    I32(DType.I32),
    /** Signed integer of 16 bits. */
    I16(DType.I16),
    /** Signed integer of 8 bits. */
    I8(DType.I8),
    /** Unsigned integer of 8 bits. */
    U8(DType.U8),
    /** One byte, 0 or 1. */
    BOOL(DType.BOOL),
    /** Unsigned integer of 64 bits; listed, not read. */
    U64(1, 8),
    /** Unsigned integer of 32 bits; listed, not read. */
    U32(1, 4),
    /** Unsigned integer of 16 bits; listed, not read. */
    U16(1, 2),
    /** Two singles, real and imaginary part; listed, not read. */
    C64(1, 8),
    /** 8-bit float with 3 bits of mantissa; listed, not read. */
    F8_E4M3(1, 1),
    /** 8-bit float with 2 bits of mantissa; listed, not read. */
    F8_E5M2(1, 1),
    /** 8-bit power of two; listed, not read. */
    F8_E8M0(1, 1),
    /** 8-bit float with 3 bits of mantissa and no infinities; listed, not read. */
    F8_E4M3FNUZ(1, 1),
    /** 8-bit float with 2 bits of mantissa and no infinities; listed, not read. */
    F8_E5M2FNUZ(1, 1),
    /** 6-bit float with 3 bits of mantissa; listed, not read. */
    F6_E2M3(4, 3),
    /** 6-bit float with 2 bits of mantissa; listed, not read. */
    F6_E3M2(4, 3),
    /** 4-bit float; listed, not read. */
    F4(2, 1),
    /** ggml: blocks of 32, 8 bits. */
    Q8_0(DType.Q8_0),
    /** ggml: blocks of 32, 4 bits. */
    Q4_0(DType.Q4_0),
    /** ggml: blocks of 32, 4 bits and an offset. */
    Q4_1(DType.Q4_1),
    /** ggml: blocks of 32, 5 bits. */
    Q5_0(DType.Q5_0),
    /** ggml: blocks of 32, 5 bits and an offset. */
    Q5_1(DType.Q5_1),
    /** ggml: blocks of 256, 2 bits. */
    Q2_K(DType.Q2_K),
    /** ggml: blocks of 256, 3 bits. */
    Q3_K(DType.Q3_K),
    /** ggml: blocks of 256, 4 bits. */
    Q4_K(DType.Q4_K),
    /** ggml: blocks of 256, 5 bits. */
    Q5_K(DType.Q5_K),
    /** ggml: blocks of 256, 6 bits. */
    Q6_K(DType.Q6_K),
    /** ggml, for activations; listed, not read. */
    Q8_1(32, 36),
    /** ggml, for activations; listed, not read. */
    Q8_K(256, 292),
    /** ggml: 2 bits by a table; listed, not read. */
    IQ2_XXS(256, 66),
    /** ggml: 2 bits by a table; listed, not read. */
    IQ2_XS(256, 74),
    /** ggml: 3 bits by a table; listed, not read. */
    IQ3_XXS(256, 98),
    /** ggml: 1 bit by a table; listed, not read. */
    IQ1_S(256, 50),
    /** ggml: 4 bits by a table; listed, not read. */
    IQ4_NL(32, 18),
    /** ggml: 3 bits by a table; listed, not read. */
    IQ3_S(256, 110),
    /** ggml: 2 bits by a table; listed, not read. */
    IQ2_S(256, 82),
    /** ggml: 4 bits by a table; listed, not read. */
    IQ4_XS(256, 136),
    /** ggml: 1 bit by a table; listed, not read. */
    IQ1_M(256, 56),
    /** ggml: three values; listed, not read. */
    TQ1_0(256, 54),
    /** ggml: three values; listed, not read. */
    TQ2_0(256, 66),
    /** ggml: 4-bit floats with a power of two; listed, not read. */
    MXFP4(32, 17);

    private final int blockLength;
    private final int blockBytes;
    private final Optional<DType> dtype;

    StorageType(int blockLength, int blockBytes) {
        this.blockLength = blockLength;
        this.blockBytes = blockBytes;
        this.dtype = Optional.empty();
    }

    StorageType(DType dtype) {
        this.blockLength = dtype.blockLength();
        this.blockBytes = dtype.blockBytes();
        this.dtype = Optional.of(dtype);
    }

    /** Elements that are stored together; 1 where each has whole bytes of its own. */
    public int blockLength() {
        return blockLength;
    }

    /** Bytes of {@link #blockLength} elements. */
    public int blockBytes() {
        return blockBytes;
    }

    /** The element type of a tensor over such data, if there is one. */
    public Optional<DType> dtype() {
        return dtype;
    }

    /** Whether ggml defines the type, so that each row is whole blocks and safetensors has no name for it. */
    public boolean isBlockedByGgml() {
        return ordinal() >= Q8_0.ordinal();
    }

    /** The type that safetensors calls so, if there is one. */
    public static Optional<StorageType> inSafetensors(String name) {
        return Arrays.stream(values()).filter(type -> type.name().equals(name) && !type.isBlockedByGgml()).findFirst();
    }

    /** The type that stores elements of this type. */
    public static StorageType of(DType dtype) {
        return valueOf(dtype.name());
    }

    /** Names of the types that can be read, for messages. */
    public static String readable() {
        return Arrays.stream(values()).filter(type -> type.dtype.isPresent()).map(StorageType::name)
                .collect(Collectors.joining(", "));
    }
}

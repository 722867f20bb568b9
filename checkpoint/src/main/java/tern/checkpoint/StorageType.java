package tern.checkpoint;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

import tern.tensor.DType;

/** How a safetensors file stores the elements of a tensor, by the names that the format uses. */
public enum StorageType {
    /** IEEE double precision. */
    F64(64, DType.F64),
    /** IEEE single precision. */
    F32(32, DType.F32),
    /** Upper half of single precision. */
    BF16(16, DType.BF16),
    /** IEEE half precision. */
    F16(16, DType.F16),
    /** Signed integer of 64 bits. */
    I64(64, DType.I64),
    /** Signed integer of 32 bits. */
    I32(32, DType.I32),
    /** Signed integer of 16 bits. */
    I16(16, DType.I16),
    /** Signed integer of 8 bits. */
    I8(8, DType.I8),
    /** Unsigned integer of 8 bits. */
    U8(8, DType.U8),
    /** One byte, 0 or 1. */
    BOOL(8, DType.BOOL),
    /** Unsigned integer of 64 bits; listed, not read. */
    U64(64),
    /** Unsigned integer of 32 bits; listed, not read. */
    U32(32),
    /** Unsigned integer of 16 bits; listed, not read. */
    U16(16),
    /** Two singles, real and imaginary part; listed, not read. */
    C64(64),
    /** 8-bit float with 3 bits of mantissa; listed, not read. */
    F8_E4M3(8),
    /** 8-bit float with 2 bits of mantissa; listed, not read. */
    F8_E5M2(8),
    /** 8-bit power of two; listed, not read. */
    F8_E8M0(8),
    /** 8-bit float with 3 bits of mantissa and no infinities; listed, not read. */
    F8_E4M3FNUZ(8),
    /** 8-bit float with 2 bits of mantissa and no infinities; listed, not read. */
    F8_E5M2FNUZ(8),
    /** 6-bit float with 3 bits of mantissa; listed, not read. */
    F6_E2M3(6),
    /** 6-bit float with 2 bits of mantissa; listed, not read. */
    F6_E3M2(6),
    /** 4-bit float; listed, not read. */
    F4(4);

    private final int bits;
    private final Optional<DType> dtype;

    StorageType(int bits) {
        this.bits = bits;
        this.dtype = Optional.empty();
    }

    StorageType(int bits, DType dtype) {
        this.bits = bits;
        this.dtype = Optional.of(dtype);
    }

    /** Bits of one element. */
    public int bits() {
        return bits;
    }

    /** The element type of a tensor over such data, if there is one. */
    public Optional<DType> dtype() {
        return dtype;
    }

    /** The type of this name, if there is one. */
    public static Optional<StorageType> of(String name) {
        return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
    }

    /** The type that stores elements of this type. */
    public static StorageType of(DType dtype) {
        return valueOf(dtype.name());
    }

    /** Names of the types that can be read, for messages. */
    static String readable() {
        return Arrays.stream(values()).filter(type -> type.dtype.isPresent()).map(StorageType::name)
                .collect(Collectors.joining(", "));
    }
}

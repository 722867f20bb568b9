package tern.tensor;

/**
 * How one element of a tensor is stored. Arithmetic is done on {@link #F32} (vector bodies) and {@link #F64} (reference
 * bodies); the other types are for identifiers and for weights as files hold them.
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
    BOOL(1);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of one element. */
    public int bytes() {
        return bytes;
    }

    /** Whether kernels compute in this type. */
    public boolean isComputed() {
        return this == F32 || this == F64;
    }
}

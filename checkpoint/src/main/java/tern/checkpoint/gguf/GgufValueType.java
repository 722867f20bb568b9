package tern.checkpoint.gguf;

import java.util.Optional;

import tern.checkpoint.Metadatum.Precision;
import tern.checkpoint.Metadatum.Width;

/** GGUF's numbers for the types of metadata, in their order from 0. */
enum GgufValueType {
    U8(1), I8(1), U16(2), I16(2), U32(4), I32(4), F32(4), BOOL(1), STRING(8), ARRAY(12), U64(8), I64(8), F64(8);

    private final int leastBytes;

    GgufValueType(int leastBytes) {
        this.leastBytes = leastBytes;
    }

    /** Bytes of a value of fixed size, the fewest of others. */
    int leastBytes() {
        return leastBytes;
    }

    int code() {
        return ordinal();
    }

    static Optional<GgufValueType> of(long code) {
        return code >= 0 && code < values().length ? Optional.of(values()[(int) code]) : Optional.empty();
    }

    static GgufValueType of(Width width) {
        return switch (width) {
            case U8 -> U8;
            case I8 -> I8;
            case U16 -> U16;
            case I16 -> I16;
            case U32 -> U32;
            case I32 -> I32;
            case U64 -> U64;
            case I64 -> I64;
        };
    }

    static GgufValueType of(Precision precision) {
        return switch (precision) {
            case F32 -> F32;
            case F64 -> F64;
        };
    }
}

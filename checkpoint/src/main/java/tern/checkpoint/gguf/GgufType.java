package tern.checkpoint.gguf;

import java.util.Arrays;
import java.util.Optional;

import tern.checkpoint.StorageType;

/** ggml's numbers for the types of tensors. */
enum GgufType {
    F32(0, StorageType.F32), F16(1, StorageType.F16), Q4_0(2, StorageType.Q4_0), Q4_1(3, StorageType.Q4_1), Q5_0(6,
            StorageType.Q5_0), Q5_1(7, StorageType.Q5_1), Q8_0(8, StorageType.Q8_0), Q8_1(9, StorageType.Q8_1), Q2_K(10,
                    StorageType.Q2_K), Q3_K(11, StorageType.Q3_K), Q4_K(12, StorageType.Q4_K), Q5_K(13,
                            StorageType.Q5_K), Q6_K(14, StorageType.Q6_K), Q8_K(15, StorageType.Q8_K), IQ2_XXS(16,
                                    StorageType.IQ2_XXS), IQ2_XS(17, StorageType.IQ2_XS), IQ3_XXS(18,
                                            StorageType.IQ3_XXS), IQ1_S(19, StorageType.IQ1_S), IQ4_NL(20,
                                                    StorageType.IQ4_NL), IQ3_S(21, StorageType.IQ3_S), IQ2_S(22,
                                                            StorageType.IQ2_S), IQ4_XS(23, StorageType.IQ4_XS), I8(24,
                                                                    StorageType.I8), I16(25, StorageType.I16), I32(26,
                                                                            StorageType.I32), I64(27,
                                                                                    StorageType.I64), F64(28,
                                                                                            StorageType.F64), IQ1_M(29,
                                                                                                    StorageType.IQ1_M), BF16(
                                                                                                            30,
                                                                                                            StorageType.BF16), TQ1_0(
                                                                                                                    34,
                                                                                                                    StorageType.TQ1_0), TQ2_0(
                                                                                                                            35,
                                                                                                                            StorageType.TQ2_0), MXFP4(
                                                                                                                                    39,
                                                                                                                                    StorageType.MXFP4);

    private final int code;
    private final StorageType storage;

    GgufType(int code, StorageType storage) {
        this.code = code;
        this.storage = storage;
    }

    int code() {
        return code;
    }

    StorageType storage() {
        return storage;
    }

    /** The type of this number, if there is one. */
    static Optional<GgufType> of(long code) {
        return Arrays.stream(values()).filter(type -> type.code == code).findFirst();
    }

    /** The type that stores so, if GGUF has one. */
    static Optional<GgufType> of(StorageType storage) {
        return Arrays.stream(values()).filter(type -> type.storage == storage).findFirst();
    }
}

package tern.checkpoint;

import java.util.List;

/**
 * One entry of what a file carries beside its tensors. Formats that know only text have only {@link Text}; GGUF has all.
 * Lists may be views of the mapped file: they are read when asked, and not after the file is closed.
 */
public sealed interface Metadatum {
    /** How a whole number is stored. */
    enum Width {
        /** Unsigned, 8 bits. */
        U8,
        /** Signed, 8 bits. */
        I8,
        /** Unsigned, 16 bits. */
        U16,
        /** Signed, 16 bits. */
        I16,
        /** Unsigned, 32 bits. */
        U32,
        /** Signed, 32 bits. */
        I32,
        /** Unsigned, 64 bits; held as the long of the same bits. */
        U64,
        /** Signed, 64 bits. */
        I64
    }

    /** How a real number is stored. */
    enum Precision {
        /** IEEE single precision. */
        F32,
        /** IEEE double precision. */
        F64
    }

    /** Text. */
    record Text(String text) implements Metadatum {
    }

    /** A whole number. */
    record Whole(Width width, long value) implements Metadatum {
    }

    /** A real number. */
    record Real(Precision precision, double value) implements Metadatum {
    }

    /** True or false. */
    record Flag(boolean value) implements Metadatum {
    }

    /** Several texts. */
    record Texts(List<String> texts) implements Metadatum {
    }

    /** Several whole numbers. */
    record Wholes(Width width, List<Long> values) implements Metadatum {
    }

    /** Several real numbers. */
    record Reals(Precision precision, List<Double> values) implements Metadatum {
    }

    /** Several truths. */
    record Flags(List<Boolean> values) implements Metadatum {
    }

    /** The value on one line; of a list the first few and how many there are. */
    default String summary() {
        return switch (this) {
            case Text(String text) -> Summaries.quoted(text);
            case Whole(Width width, long value) -> width == Width.U64 ? Long.toUnsignedString(value)
                    : Long.toString(value);
            case Real(Precision precision, double value) -> precision == Precision.F32 ? Float.toString((float) value)
                    : Double.toString(value);
            case Flag(boolean value) -> Boolean.toString(value);
            case Texts(List<String> texts) -> Summaries.of(texts);
            case Wholes(Width _, List<Long> values) -> Summaries.of(values);
            case Reals(Precision _, List<Double> values) -> Summaries.of(values);
            case Flags(List<Boolean> values) -> Summaries.of(values);
        };
    }
}

package tern.checkpoint.gguf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.AbstractList;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.RandomAccess;
import java.util.function.IntFunction;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.Metadatum;
import tern.checkpoint.Metadatum.Precision;
import tern.checkpoint.Metadatum.Width;
import tern.checkpoint.mapped.ByteCursor;
import tern.checkpoint.mapped.Quoted;

/** Reads the typed entries before the tensors. Single values are copied, arrays are views of the file. */
final class GgufMetadata {
    private static final long LEAST_BYTES = 8 + 1 + 4 + 1;
    private static final long LONGEST_KEY = 65_535;
    private static final long LONGEST_TEXT = 1L << 30;
    private static final long MOST_ELEMENTS = 1L << 30;

    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final ByteCursor cursor;

    private GgufMetadata(ByteCursor cursor) {
        this.cursor = cursor;
    }

    /** Reads so many entries. */
    static Map<String, Metadatum> read(ByteCursor cursor, long count) throws MalformedFileException {
        GgufMetadata reading = new GgufMetadata(cursor);
        Map<String, Metadatum> entries = new LinkedHashMap<>();
        for (long i = 0; i < count; i++) {
            long at = cursor.at();
            String key = reading.key(i);
            Metadatum value = reading.value(key);
            if (entries.putIfAbsent(key, value) != null) {
                throw cursor.complaintAt(at, "key " + Quoted.name(key) + " occurs twice, expected once");
            }
        }
        return entries;
    }

    /** Fewest bytes that an entry takes. */
    static long leastBytes() {
        return LEAST_BYTES;
    }

    private String key(long index) throws MalformedFileException {
        String what = "the name of metadata entry " + index;
        long at = cursor.at();
        long length = cursor.size("the length of " + what);
        if (length == 0 || length > LONGEST_KEY) {
            throw cursor.complaintAt(at, what + " has " + length + " bytes, expected 1 to " + LONGEST_KEY);
        }
        return cursor.text(length, what);
    }

    private Metadatum value(String key) throws MalformedFileException {
        String what = "the value of " + Quoted.name(key);
        GgufValueType type = type(what);
        return switch (type) {
            case U8 -> new Metadatum.Whole(Width.U8, cursor.u8(what));
            case I8 -> new Metadatum.Whole(Width.I8, (byte) cursor.u8(what));
            case U16 -> new Metadatum.Whole(Width.U16, cursor.u16(what));
            case I16 -> new Metadatum.Whole(Width.I16, (short) cursor.u16(what));
            case U32 -> new Metadatum.Whole(Width.U32, cursor.u32(what));
            case I32 -> new Metadatum.Whole(Width.I32, cursor.i32(what));
            case U64 -> new Metadatum.Whole(Width.U64, cursor.i64(what));
            case I64 -> new Metadatum.Whole(Width.I64, cursor.i64(what));
            case F32 -> new Metadatum.Real(Precision.F32, Float.intBitsToFloat(cursor.i32(what)));
            case F64 -> new Metadatum.Real(Precision.F64, Double.longBitsToDouble(cursor.i64(what)));
            case BOOL -> new Metadatum.Flag(flag(what));
            case STRING -> new Metadatum.Text(text(what));
            case ARRAY -> array(what);
        };
    }

    private GgufValueType type(String what) throws MalformedFileException {
        long at = cursor.at();
        long code = cursor.u32("the type of " + what);
        return GgufValueType.of(code).orElseThrow(() -> cursor.complaintAt(at, what + " has type " + code
                + ", expected 0 to " + (GgufValueType.values().length - 1)));
    }

    private boolean flag(String what) throws MalformedFileException {
        int value = cursor.u8(what);
        if (value > 1) {
            throw cursor.complaintAt(cursor.at() - 1, what + " is the truth " + value + ", expected 0 or 1");
        }
        return value == 1;
    }

    private String text(String what) throws MalformedFileException {
        long at = cursor.at();
        long length = cursor.size("the length of " + what);
        if (length > LONGEST_TEXT) {
            throw cursor.complaintAt(at, what + " has " + length + " bytes, expected at most " + LONGEST_TEXT);
        }
        return cursor.text(length, what);
    }

    private Metadatum array(String what) throws MalformedFileException {
        GgufValueType type = type("an element of " + what);
        if (type == GgufValueType.ARRAY) {
            throw cursor.complaintAt(cursor.at() - 4, what + " is an array of arrays, expected one of plain values");
        }
        long at = cursor.at();
        long counted = cursor.count("the number of elements of " + what, type.leastBytes());
        if (counted > MOST_ELEMENTS) {
            throw cursor.complaintAt(at, what + " has " + counted + " elements, expected at most " + MOST_ELEMENTS);
        }
        int count = (int) counted;
        if (type == GgufValueType.STRING) {
            return texts(count, what);
        }
        if (type == GgufValueType.BOOL) {
            return flags(count, what);
        }
        MemorySegment data = cursor.take((long) count * type.leastBytes(), what);
        return switch (type) {
            case U8 -> wholes(Width.U8, count, i -> data.get(ValueLayout.JAVA_BYTE, i) & 0xFFL);
            case I8 -> wholes(Width.I8, count, i -> (long) data.get(ValueLayout.JAVA_BYTE, i));
            case U16 -> wholes(Width.U16, count, i -> data.get(SHORT, 2L * i) & 0xFFFFL);
            case I16 -> wholes(Width.I16, count, i -> (long) data.get(SHORT, 2L * i));
            case U32 -> wholes(Width.U32, count, i -> data.get(INT, 4L * i) & 0xFFFFFFFFL);
            case I32 -> wholes(Width.I32, count, i -> (long) data.get(INT, 4L * i));
            case U64 -> wholes(Width.U64, count, i -> data.get(LONG, 8L * i));
            case I64 -> wholes(Width.I64, count, i -> data.get(LONG, 8L * i));
            case F32 -> new Metadatum.Reals(Precision.F32,
                    new View<>(count, i -> (double) Float.intBitsToFloat(data.get(INT, 4L * i))));
            case F64 -> new Metadatum.Reals(Precision.F64,
                    new View<>(count, i -> Double.longBitsToDouble(data.get(LONG, 8L * i))));
            case BOOL, STRING, ARRAY -> throw new AssertionError(type + " is read above");
        };
    }

    private static Metadatum wholes(Width width, int count, IntFunction<Long> element) {
        return new Metadatum.Wholes(width, new View<>(count, element));
    }

    private Metadatum flags(int count, String what) throws MalformedFileException {
        long at = cursor.at();
        for (int i = 0; i < count; i++) {
            flag("element " + i + " of " + what);
        }
        cursor.moveTo(at);
        MemorySegment data = cursor.take(count, what);
        return new Metadatum.Flags(new View<>(count, i -> data.get(ValueLayout.JAVA_BYTE, i) == 1));
    }

    /** Walks over all of them, so that reading one later cannot fail; keeps where each begins. */
    private Metadatum texts(int count, String what) throws MalformedFileException {
        long from = cursor.at();
        long[] begins = new long[count + 1];
        for (int i = 0; i < count; i++) {
            begins[i] = cursor.at() - from;
            text("element " + i + " of " + what);
        }
        begins[count] = cursor.at() - from;
        cursor.moveTo(from);
        MemorySegment data = cursor.take(begins[count], what);
        return new Metadatum.Texts(new View<>(count, i -> {
            long text = begins[i] + 8;
            return StandardCharsets.UTF_8.decode(data.asSlice(text, begins[i + 1] - text).asByteBuffer()).toString();
        }));
    }

    /** A list whose elements are read from the file when they are asked for. */
    private static final class View<E> extends AbstractList<E> implements RandomAccess {
        private final int size;
        private final IntFunction<E> element;

        View(int size, IntFunction<E> element) {
            this.size = size;
            this.element = element;
        }

        @Override
        public E get(int index) {
            return element.apply(Objects.checkIndex(index, size));
        }

        @Override
        public int size() {
            return size;
        }
    }
}

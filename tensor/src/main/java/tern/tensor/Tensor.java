package tern.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * A dense row-major block of off-heap memory with a type and a shape: data and who owns it, no arithmetic. A tensor does
 * not own its memory; the {@link Memory}, {@link Workspace} or file mapping it came from does, and must outlive it.
 *
 * <p>Rows (runs along the last axis) of a {@linkplain DType#isBlocked blocked} type are whole blocks. Such a tensor is read
 * like any other, though one element costs as much as its block; it is written as a whole, by {@link #copyFrom}.
 *
 * <p>The object is immutable, its contents are not: reading from several threads is safe, writing needs one writer per
 * element and a happens-before edge to the readers.
 */
public final class Tensor {
    /** Element layout of {@link DType#F32}, without alignment demands. */
    public static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    /** Element layout of {@link DType#F64}, without alignment demands. */
    public static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED;
    /** Element layout of {@link DType#I32}, without alignment demands. */
    public static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    private static final int COPIED_AT_ONCE = 8192;
    private static final MemorySegment NOWHERE = nowhere();

    private final DType dtype;
    private final Shape shape;
    private final MemorySegment data;

    private Tensor(DType dtype, Shape shape, MemorySegment data) {
        this.dtype = dtype;
        this.shape = shape;
        this.data = data;
    }

    /**
     * A tensor over existing memory.
     *
     * @param data exactly {@code dtype.bytes(shape.elements())} bytes
     * @throws IllegalArgumentException if the segment has another size, or a row is not whole blocks of the type
     */
    public static Tensor over(DType dtype, Shape shape, MemorySegment data) {
        Objects.requireNonNull(dtype, "dtype");
        long bytes = bytes(dtype, shape);
        if (data.byteSize() != bytes) {
            throw new IllegalArgumentException(
                    "tensor " + dtype + shape + " needs " + bytes + " bytes, the memory given has "
                            + data.byteSize());
        }
        return new Tensor(dtype, shape, data);
    }

    /** A tensor without memory, for counting; reading or writing its elements throws {@link IllegalStateException}. */
    public static Tensor withoutMemory(DType dtype, Shape shape) {
        long bytes = bytes(dtype, shape);
        return new Tensor(dtype, shape, bytes == 0 ? MemorySegment.NULL : NOWHERE.asSlice(0, bytes));
    }

    /** All addresses there may be, and none that may be read. */
    private static MemorySegment nowhere() {
        try (Arena ended = Arena.ofShared()) {
            return MemorySegment.NULL.reinterpret(Long.MAX_VALUE, ended, null);
        }
    }

    /**
     * Bytes that a tensor of this type and shape takes.
     *
     * @throws IllegalArgumentException if a row is not whole blocks of the type
     */
    static long bytes(DType dtype, Shape shape) {
        if (dtype.isBlocked() && shape.last() % dtype.blockLength() != 0) {
            throw new IllegalArgumentException("tensor " + dtype + shape + ": rows have " + shape.last()
                    + " elements, expected a multiple of " + dtype.blockLength() + ", the block length of " + dtype);
        }
        return dtype.bytes(shape.elements());
    }

    /** Element type. */
    public DType dtype() {
        return dtype;
    }

    /** Axis lengths. */
    public Shape shape() {
        return shape;
    }

    /** The memory, exactly as long as the elements. */
    public MemorySegment data() {
        return data;
    }

    /** Length of an axis; negative counts from the end. */
    public int dim(int axis) {
        return shape.dim(axis);
    }

    /** Number of elements. */
    public long elements() {
        return shape.elements();
    }

    /** Size in bytes. */
    public long bytes() {
        return data.byteSize();
    }

    /** One element as a double, whatever the stored type. */
    public double get(long index) {
        return switch (dtype) {
            case F32 -> data.get(FLOAT, 4 * index);
            case F64 -> data.get(DOUBLE, 8 * index);
            case BF16 -> Float.intBitsToFloat(data.get(SHORT, 2 * index) << 16);
            case F16 -> Float.float16ToFloat(data.get(SHORT, 2 * index));
            case I64 -> data.get(LONG, 8 * index);
            case I32 -> data.get(INT, 4 * index);
            case I16 -> data.get(SHORT, 2 * index);
            case I8 -> data.get(BYTE, index);
            case U8, BOOL -> data.get(BYTE, index) & 0xFF;
            case Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K -> Blocks.get(dtype, data, index);
        };
    }

    /** One element as an int; for {@link DType#I32} identifiers. */
    public int getInt(long index) {
        return dtype == DType.I32 ? data.get(INT, 4 * index) : (int) get(index);
    }

    /**
     * Stores one element, rounded to the stored type (nearest, ties to even; integers towards zero).
     *
     * @throws IllegalStateException if the type is blocked
     */
    public void set(long index, double value) {
        switch (dtype) {
            case F32 -> data.set(FLOAT, 4 * index, (float) value);
            case F64 -> data.set(DOUBLE, 8 * index, value);
            case BF16 -> data.set(SHORT, 2 * index, toBrain((float) value));
            case F16 -> data.set(SHORT, 2 * index, Float.floatToFloat16((float) value));
            case I64 -> data.set(LONG, 8 * index, (long) value);
            case I32 -> data.set(INT, 4 * index, (int) value);
            case I16 -> data.set(SHORT, 2 * index, (short) value);
            case I8, U8 -> data.set(BYTE, index, (byte) value);
            case BOOL -> data.set(BYTE, index, (byte) (value == 0 ? 0 : 1));
            case Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K -> throw new IllegalStateException(
                    "one element of " + this + " cannot be stored by itself: " + dtype.blockLength()
                            + " share a scale; make the values in F32 and copy them with copyFrom");
        }
    }

    /** The upper half of a float, rounded to nearest even; a NaN stays a (quiet) NaN. */
    public static short toBrain(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) (bits >>> 16 | 0x0040);
        }
        return (short) (bits + 0x7FFF + (bits >>> 16 & 1) >>> 16);
    }

    /**
     * The same elements under another shape: a view.
     *
     * @throws IllegalArgumentException if the number of elements differs, or rows are no longer whole blocks of the type
     */
    public Tensor reshape(Shape other) {
        if (other.elements() != shape.elements()) {
            throw new IllegalArgumentException(
                    "cannot view " + shape + " (" + shape.elements() + " elements) as " + other + " ("
                            + other.elements() + ")");
        }
        return other.equals(shape) ? this : over(dtype, other, data);
    }

    /** {@link #reshape(Shape)} with the lengths written out. */
    public Tensor reshape(int... lengths) {
        return reshape(Shape.of(lengths));
    }

    /**
     * Part of the outermost axis: a view of entries {@code from} to {@code to} (exclusive).
     *
     * @throws IllegalArgumentException if the range does not lie within the axis, or cuts a block (of a blocked type, when
     *             the outermost axis is the last)
     */
    public Tensor slice(int from, int to) {
        int outer = shape.dim(0);
        if (from < 0 || to < from || to > outer) {
            throw new IllegalArgumentException("slice " + from + ".." + to + " of the outer axis of " + shape
                    + " does not lie within 0.." + outer);
        }
        Shape part = shape.with(0, to - from);
        long each = outer == 0 ? 0 : shape.elements() / outer;
        return over(dtype, part, data.asSlice(dtype.bytes(each * from), dtype.bytes(each * (to - from))));
    }

    /**
     * Copies all elements of another tensor of the same number of elements, converting types if they differ. Into a blocked
     * type values are rounded as {@link Blocks#encode} says.
     *
     * @throws IllegalArgumentException if the numbers of elements differ, or this is of a blocked type that cannot be
     *             written or hold the values
     */
    public Tensor copyFrom(Tensor source) {
        if (source.elements() != elements()) {
            throw new IllegalArgumentException(
                    "cannot copy " + source + " into " + this + ": different numbers of elements");
        }
        if (source.dtype == dtype) {
            MemorySegment.copy(source.data, 0, data, 0, data.byteSize());
        } else if (source.dtype.isBlocked() || dtype.isBlocked()) {
            float[] part = new float[(int) Math.min(COPIED_AT_ONCE, elements())];
            for (long at = 0; at < elements(); at += part.length) {
                int count = (int) Math.min(part.length, elements() - at);
                source.read(at, part, 0, count);
                write(at, part, 0, count);
            }
        } else {
            for (long i = 0; i < elements(); i++) {
                set(i, source.get(i));
            }
        }
        return this;
    }

    /**
     * Reads a run of elements as floats: the fast way to look at any type.
     *
     * @param from first element; of a blocked type, the first of a block
     * @param into where they go, from {@code start} on
     * @param count how many; of a blocked type, whole blocks
     * @throws IllegalArgumentException if that cuts a block
     */
    public void read(long from, float[] into, int start, int count) {
        Objects.checkFromIndexSize(from, (long) count, elements());
        Objects.checkFromIndexSize(start, count, into.length);
        if (dtype.isBlocked()) {
            Blocks.decode(dtype, data, from, into, start, count);
        } else if (dtype == DType.F32) {
            MemorySegment.copy(data, FLOAT, 4 * from, into, start, count);
        } else {
            for (int i = 0; i < count; i++) {
                into[start + i] = (float) get(from + i);
            }
        }
    }

    private void write(long at, float[] from, int start, int count) {
        if (dtype.isBlocked()) {
            Blocks.encode(dtype, from, start, count, data, at);
        } else if (dtype == DType.F32) {
            MemorySegment.copy(from, start, data, FLOAT, 4 * at, count);
        } else {
            for (int i = 0; i < count; i++) {
                set(at + i, from[start + i]);
            }
        }
    }

    /**
     * Sets every element.
     *
     * @throws IllegalStateException if the type is blocked and the value not 0
     */
    public Tensor fill(double value) {
        if (value == 0 && 1 / value > 0) {
            data.fill((byte) 0);
        } else {
            for (long i = 0; i < elements(); i++) {
                set(i, value);
            }
        }
        return this;
    }

    /** Stores the given values, one per element. */
    public Tensor setAll(double... values) {
        if (values.length != elements()) {
            throw new IllegalArgumentException(this + " takes " + elements() + " values, got " + values.length);
        }
        for (int i = 0; i < values.length; i++) {
            set(i, values[i]);
        }
        return this;
    }

    /** All elements as doubles, a fresh array. */
    public double[] toDoubles() {
        double[] values = new double[Math.toIntExact(elements())];
        if (dtype.isBlocked()) {
            float[] floats = toFloats();
            for (int i = 0; i < values.length; i++) {
                values[i] = floats[i];
            }
            return values;
        }
        for (int i = 0; i < values.length; i++) {
            values[i] = get(i);
        }
        return values;
    }

    /** All elements as floats, a fresh array. */
    public float[] toFloats() {
        if (dtype == DType.F32) {
            return data.toArray(FLOAT);
        }
        float[] values = new float[Math.toIntExact(elements())];
        read(0, values, 0, values.length);
        return values;
    }

    /** Type and shape, for messages. */
    @Override
    public String toString() {
        return dtype + shape.toString();
    }
}

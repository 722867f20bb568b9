package tern.kernels.history;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Rows into and out of histories of every storage type. {@link DType#I8} rows hold R numbers and, in two bytes more, the scale
 * that they are multiples of: the largest magnitude over 127, as {@link DType#BF16} rounded up. Stateless; safe for use by
 * several threads.
 */
public final class Histories {
    /** Bytes that a row of {@link DType#I8} has beside its numbers. */
    public static final int SCALE_BYTES = 2;
    private static final int LARGEST = 127;
    private static final ValueLayout.OfByte BYTE = ValueLayout.JAVA_BYTE;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

    private Histories() {
    }

    /** Length of a history's row that stores so many numbers. */
    public static int rowLength(DType type, int numbers) {
        return type == DType.I8 ? numbers + SCALE_BYTES : numbers;
    }

    /** Numbers that a history's row stores. */
    public static int numbers(DType type, int rowLength) {
        return type == DType.I8 ? rowLength - SCALE_BYTES : rowLength;
    }

    /** Writes rows [B,T,R] from each sequence's age on. */
    public static void append(Tensor rows, Tensor history, long[] ages) {
        int time = rows.dim(1);
        for (int b = 0; history.dim(1) > 0 && b < rows.dim(0); b++) {
            for (int t = 0; t < time; t++) {
                write(rows, (long) b * time + t, history, b * (long) history.dim(1) + ages[b] + t);
            }
        }
    }

    /** Reads rows {@code from}… of every sequence into [B,T,R]. */
    public static void recall(Tensor history, int from, Tensor rows) {
        int time = rows.dim(1);
        for (int b = 0; b < rows.dim(0); b++) {
            for (int t = 0; t < time; t++) {
                read(history, b * (long) history.dim(1) + from + t, rows, (long) b * time + t);
            }
        }
    }

    /** Rows [N,R] as they would come back from a history of this type. */
    public static void round(Tensor x, DType type, Tensor y) {
        int numbers = x.shape().last();
        Shape one = Shape.of(1, rowLength(type, numbers));
        Tensor row = Tensor.over(type, one, MemorySegment.ofArray(new byte[(int) type.bytes(one.elements())]));
        for (long i = 0; i < x.shape().rows(); i++) {
            write(x, i, row, 0);
            read(row, 0, y, i);
        }
    }

    private static void write(Tensor rows, long row, Tensor history, long at) {
        int numbers = rows.shape().last();
        long to = at * history.shape().last();
        if (history.dtype() == rows.dtype()) {
            long bytes = rows.dtype().bytes(numbers);
            MemorySegment.copy(rows.data(), row * bytes, history.data(), at * bytes, bytes);
        } else if (history.dtype() == DType.I8) {
            scaled(rows, row * numbers, numbers, history.data(), to);
        } else if (history.dtype() == DType.I16) {
            for (int i = 0; i < numbers; i++) {
                history.data().set(SHORT, 2 * (to + i), (short) rows.getInt(row * numbers + i));
            }
        } else {
            for (int i = 0; i < numbers; i++) {
                history.set(to + i, rows.get(row * numbers + i));
            }
        }
    }

    private static void scaled(Tensor rows, long from, int numbers, MemorySegment to, long at) {
        double largest = 0;
        for (int i = 0; i < numbers; i++) {
            largest = Math.max(largest, Math.abs(rows.get(from + i)));
        }
        float exact = (float) (largest / LARGEST);
        short scale = Tensor.toBrain(exact);
        if (brain(scale) < exact) {
            scale++;
        }
        double step = brain(scale);
        for (int i = 0; i < numbers; i++) {
            to.set(BYTE, at + i, step == 0 ? 0 : (byte) Math.rint(rows.get(from + i) / step));
        }
        to.set(SHORT, at + numbers, scale);
    }

    private static float brain(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    private static void read(Tensor history, long at, Tensor rows, long row) {
        int numbers = rows.shape().last();
        long from = at * history.shape().last();
        if (history.dtype() == rows.dtype()) {
            long bytes = rows.dtype().bytes(numbers);
            MemorySegment.copy(history.data(), at * bytes, rows.data(), row * bytes, bytes);
        } else if (history.dtype() == DType.I8) {
            double step = brain(history.data().get(SHORT, from + numbers));
            for (int i = 0; i < numbers; i++) {
                rows.set(row * numbers + i, step * history.data().get(BYTE, from + i));
            }
        } else if (history.dtype() == DType.I16) {
            for (int i = 0; i < numbers; i++) {
                rows.set(row * numbers + i, history.data().get(SHORT, 2 * (from + i)) & 0xFFFF);
            }
        } else {
            for (int i = 0; i < numbers; i++) {
                rows.set(row * numbers + i, history.get(from + i));
            }
        }
    }
}

package tern.text;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.zip.DataFormatException;

/**
 * Bits of a Zstandard stream that is read from its end towards its beginning (RFC 8878, section 4.1). Reading on past the
 * beginning gives zeros, and {@link #left} turns negative.
 */
final class ZstdBits {
    /** Bytes behind the data that may be read, whatever they are. */
    static final int SLACK = 8;

    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private final byte[] data;
    private final int from;
    private int left;

    /**
     * A stream over {@code data[from..to)}.
     *
     * @throws DataFormatException if it lacks the bit that marks its end
     */
    ZstdBits(byte[] data, int from, int to) throws DataFormatException {
        if (to <= from || data[to - 1] == 0) {
            throw new DataFormatException("a bit stream without end mark");
        }
        this.data = data;
        this.from = from;
        this.left = 8 * (to - from) - (Integer.numberOfLeadingZeros(data[to - 1] & 0xFF) - 24) - 1;
    }

    /** Bits not yet read; negative after reading past the beginning. */
    int left() {
        return left;
    }

    /** The next bits, up to 32, as a number. */
    long read(int count) {
        left -= count;
        return at(left, count);
    }

    /** The next bits without consuming them. */
    int peek(int count) {
        return (int) at(left - count, count);
    }

    /** Consumes bits that were peeked. */
    void skip(int count) {
        left -= count;
    }

    private long at(int position, int count) {
        long mask = (1L << count) - 1;
        if (position >= 0) {
            return (long) LONG.get(data, from + (position >>> 3)) >>> (position & 7) & mask;
        }
        return position <= -count ? 0 : (long) LONG.get(data, from) << -position & mask;
    }
}

package tern.text;

import java.util.zip.DataFormatException;

/** A decoding table of finite state entropy coding (RFC 8878, section 4.1). Immutable. */
final class ZstdTable {
    private static final int LESS_THAN_ONE = -1;

    private final int accuracy;
    private final byte[] symbol;
    private final byte[] bits;
    private final short[] base;

    private ZstdTable(int accuracy) {
        this.accuracy = accuracy;
        this.symbol = new byte[1 << accuracy];
        this.bits = new byte[1 << accuracy];
        this.base = new short[1 << accuracy];
    }

    /** A table that knows one symbol and reads no bits. */
    static ZstdTable single(int symbol) {
        ZstdTable table = new ZstdTable(0);
        table.symbol[0] = (byte) symbol;
        return table;
    }

    /**
     * The table of a distribution of symbols.
     *
     * @param shares share of each symbol out of {@code 2^accuracy}; -1 stands for less than one
     */
    static ZstdTable of(int accuracy, int[] shares) throws DataFormatException {
        ZstdTable table = new ZstdTable(accuracy);
        int size = 1 << accuracy;
        int[] next = new int[shares.length];
        int high = size - 1;
        for (int s = 0; s < shares.length; s++) {
            if (shares[s] == LESS_THAN_ONE) {
                table.symbol[high--] = (byte) s;
                next[s] = 1;
            } else {
                next[s] = shares[s];
            }
        }
        int step = (size >> 1) + (size >> 3) + 3;
        int position = 0;
        for (int s = 0; s < shares.length; s++) {
            for (int i = 0; i < shares[s]; i++) {
                table.symbol[position] = (byte) s;
                do {
                    position = position + step & size - 1;
                } while (position > high);
            }
        }
        if (position != 0) {
            throw new DataFormatException("an entropy table whose shares do not fill it");
        }
        for (int state = 0; state < size; state++) {
            int value = next[table.symbol[state] & 0xFF]++;
            int width = accuracy - (31 - Integer.numberOfLeadingZeros(value));
            table.bits[state] = (byte) width;
            table.base[state] = (short) ((value << width) - size);
        }
        return table;
    }

    /** The state that a stream begins with. */
    int start(ZstdBits stream) {
        return (int) stream.read(accuracy);
    }

    /** The symbol of a state. */
    int symbol(int state) {
        return symbol[state] & 0xFF;
    }

    /** Bits that {@link #next} reads. */
    int bits(int state) {
        return bits[state];
    }

    /** The state after a state. */
    int next(int state, ZstdBits stream) {
        return (base[state] & 0xFFFF) + (int) stream.read(bits[state]);
    }

    /** A table read from its description in a block. */
    record Described(ZstdTable table, int end) {
    }

    /**
     * Reads the description that begins at {@code data[from]}.
     *
     * @param to end of the data that may belong to it
     * @param largestAccuracy accuracy that the format allows here
     * @param largestSymbol symbol that the format allows here
     */
    static Described read(byte[] data, int from, int to, int largestAccuracy, int largestSymbol)
            throws DataFormatException {
        if (from >= to) {
            throw new DataFormatException("an entropy table is missing");
        }
        long position = 8L * from;
        int accuracy = (data[from] & 15) + 5;
        position += 4;
        if (accuracy > largestAccuracy) {
            throw new DataFormatException("an entropy table of accuracy " + accuracy + ", at most " + largestAccuracy
                    + " is allowed");
        }
        int[] shares = new int[largestSymbol + 1];
        int remaining = 1 << accuracy;
        int s = 0;
        while (remaining > 0) {
            if (s > largestSymbol) {
                throw new DataFormatException("an entropy table with more symbols than there are");
            }
            int width = 32 - Integer.numberOfLeadingZeros(remaining + 1);
            int value = bitsAt(data, position, width, to);
            int low = value & (1 << width - 1) - 1;
            int threshold = (1 << width) - 2 - remaining;
            if (low < threshold) {
                position += width - 1;
                value = low;
            } else {
                position += width;
                if (value >= 1 << width - 1) {
                    value -= threshold;
                }
            }
            shares[s++] = value - 1;
            remaining -= Math.abs(value - 1);
            if (value == 1) {
                int repeat;
                do {
                    repeat = bitsAt(data, position, 2, to);
                    position += 2;
                    s += repeat;
                } while (repeat == 3 && s <= largestSymbol);
            }
        }
        int end = (int) (position + 7 >> 3);
        if (remaining < 0 || end > to) {
            throw new DataFormatException("an entropy table that does not end where it should");
        }
        return new Described(of(accuracy, shares), end);
    }

    private static int bitsAt(byte[] data, long position, int width, int to) {
        int value = 0;
        for (int i = 0; i < width; i++) {
            int at = (int) (position + i >> 3);
            if (at < to) {
                value |= (data[at] >> (int) (position + i & 7) & 1) << i;
            }
        }
        return value;
    }
}

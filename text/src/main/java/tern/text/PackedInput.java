package tern.text;

import java.io.IOException;
import java.io.InputStream;
import java.util.zip.Inflater;

/** A buffered stream of packed bytes that knows its position and says in every complaint which file it is reading. */
final class PackedInput implements AutoCloseable {
    private final String name;
    private final String format;
    private final InputStream in;
    private final byte[] buffer = new byte[1 << 16];
    private int next;
    private int limit;
    private long base;

    PackedInput(String name, String format, InputStream in) {
        this.name = name;
        this.format = format;
        this.in = in;
    }

    /** Bytes consumed so far. */
    long position() {
        return base + next;
    }

    /** Whether nothing is left. */
    boolean atEnd() throws IOException {
        return !fill();
    }

    private boolean fill() throws IOException {
        while (next == limit) {
            base += limit;
            next = 0;
            limit = Math.max(0, in.read(buffer, 0, buffer.length));
            if (limit == 0) {
                return false;
            }
        }
        return true;
    }

    /** The next byte, 0 to 255. */
    int read() throws IOException {
        if (!fill()) {
            throw truncated();
        }
        return buffer[next++] & 0xFF;
    }

    /** The next byte without consuming it. */
    int peek() throws IOException {
        if (!fill()) {
            throw truncated();
        }
        return buffer[next] & 0xFF;
    }

    /** A little-endian number of up to eight bytes. */
    long readNumber(int bytes) throws IOException {
        long value = 0;
        for (int i = 0; i < bytes; i++) {
            value |= (long) read() << 8 * i;
        }
        return value;
    }

    /** Exactly {@code count} bytes. */
    void read(byte[] into, int at, int count) throws IOException {
        int done = 0;
        while (done < count) {
            if (!fill()) {
                throw truncated();
            }
            int part = Math.min(count - done, limit - next);
            System.arraycopy(buffer, next, into, at + done, part);
            next += part;
            done += part;
        }
    }

    /** Passes over bytes. */
    void skip(long count) throws IOException {
        for (long left = count; left > 0;) {
            if (!fill()) {
                throw truncated();
            }
            long part = Math.min(left, limit - next);
            next += (int) part;
            left -= part;
        }
    }

    /** Hands the bytes at hand to an inflater; {@link #consumedAllBut} says afterwards how many it left. */
    void lendTo(Inflater inflater) throws IOException {
        if (!fill()) {
            throw truncated();
        }
        inflater.setInput(buffer, next, limit - next);
    }

    /** The inflater left this many of the bytes lent to it. */
    void consumedAllBut(int left) {
        next = limit - left;
    }

    IOException truncated() {
        return new IOException(name + ": the " + format + " data ends at byte " + position()
                + " in the middle of the archive; the file is truncated, get it again");
    }

    IOException corrupt(String what) {
        return new IOException(name + ": the " + format + " data is corrupt near byte " + position() + " (" + what
                + "); get the file again");
    }

    IOException refused(String why) {
        return new IOException(name + ": the " + format + " data " + why);
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}

package tern.text;

import java.io.IOException;
import java.io.InputStream;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Unpacks gzip (RFC 1952), members one after another. Unlike the JDK's stream it says where a file is damaged, and does
 * not take a damaged second member for the end of the file.
 */
final class GzipStream extends InputStream {
    private static final int HEADER_CHECK = 2;
    private static final int EXTRA = 4;
    private static final int NAME = 8;
    private static final int COMMENT = 16;
    private static final int RESERVED = 0xE0;

    private final PackedInput in;
    private final Inflater inflater = new Inflater(true);
    private final CRC32 crc = new CRC32();
    private boolean inMember;
    private boolean ended;

    GzipStream(String name, InputStream packed) {
        this.in = new PackedInput(name, "gzip", packed);
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] into, int at, int count) throws IOException {
        if (count == 0) {
            return 0;
        }
        while (!ended) {
            if (!inMember) {
                readHeader();
            }
            int got = inflate(into, at, count);
            if (inflater.finished()) {
                readTrailer();
            }
            if (got > 0) {
                return got;
            }
        }
        return -1;
    }

    private int inflate(byte[] into, int at, int count) throws IOException {
        try {
            int got = 0;
            while (got == 0 && !inflater.finished()) {
                if (inflater.needsInput()) {
                    in.lendTo(inflater);
                }
                got = inflater.inflate(into, at, count);
                in.consumedAllBut(inflater.getRemaining());
                if (inflater.needsDictionary()) {
                    throw in.corrupt("it asks for a preset dictionary");
                }
            }
            crc.update(into, at, got);
            return got;
        } catch (DataFormatException bad) {
            throw in.corrupt(String.valueOf(bad.getMessage()));
        }
    }

    private void readHeader() throws IOException {
        if (in.readNumber(2) != 0x8B1F) {
            throw in.corrupt("a member does not begin with the gzip signature");
        }
        if (in.read() != 8) {
            throw in.corrupt("unknown compression method");
        }
        int flags = in.read();
        if ((flags & RESERVED) != 0) {
            throw in.corrupt("reserved flags are set");
        }
        in.skip(6);
        if ((flags & EXTRA) != 0) {
            in.skip(in.readNumber(2));
        }
        if ((flags & NAME) != 0) {
            skipText();
        }
        if ((flags & COMMENT) != 0) {
            skipText();
        }
        if ((flags & HEADER_CHECK) != 0) {
            in.skip(2);
        }
        inflater.reset();
        crc.reset();
        inMember = true;
    }

    private void skipText() throws IOException {
        while (in.read() != 0) {
            // a name or comment has no use here
        }
    }

    private void readTrailer() throws IOException {
        long check = in.readNumber(4);
        if (check != crc.getValue()) {
            throw in.corrupt(
                    "checksum is " + Long.toHexString(crc.getValue()) + ", expected " + Long.toHexString(check));
        }
        long length = in.readNumber(4);
        if (length != (inflater.getBytesWritten() & 0xFFFFFFFFL)) {
            throw in.corrupt("length is " + inflater.getBytesWritten() + ", expected " + length);
        }
        inMember = false;
        ended = !anotherMember();
    }

    /** Whether more follows; zeros at the end are padding, as tapes have it. */
    private boolean anotherMember() throws IOException {
        while (!in.atEnd()) {
            if (in.peek() != 0) {
                return true;
            }
            in.skip(1);
        }
        return false;
    }

    @Override
    public void close() throws IOException {
        inflater.end();
        in.close();
    }
}

package tern.checkpoint.mapped;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.StorageType;

/**
 * Reads a header, little-endian, from one byte to another of a file. Every length is checked against what remains before
 * anything is allocated; every complaint names the file, the byte and what was being read. Confined to one thread.
 */
public final class ByteCursor {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final String where;
    private final MemorySegment bytes;
    private final long end;
    private long at;

    /**
     * A cursor over part of a file.
     *
     * @param where the file, or the part of it, as messages shall call it
     * @param bytes all of the file
     * @param from first byte to read
     * @param to byte behind the last
     */
    public ByteCursor(String where, MemorySegment bytes, long from, long to) {
        this.where = where;
        this.bytes = bytes;
        this.at = from;
        this.end = to;
    }

    /** A cursor over all of a file. */
    public static ByteCursor over(MappedFile file) {
        return new ByteCursor(file.path().toString(), file.bytes(), 0, file.size());
    }

    /** Position, counted from the beginning of the file. */
    public long at() {
        return at;
    }

    /** Bytes left. */
    public long remaining() {
        return end - at;
    }

    /** Moves to a byte of the part. */
    public void moveTo(long position) throws MalformedFileException {
        if (position < 0 || position > end) {
            throw complaint("points to byte " + position + ", beyond the end at " + end);
        }
        at = position;
    }

    /** An unsigned byte. */
    public int u8(String what) throws MalformedFileException {
        return bytes.get(ValueLayout.JAVA_BYTE, step(1, what)) & 0xFF;
    }

    /** An unsigned number of 16 bits. */
    public int u16(String what) throws MalformedFileException {
        return bytes.get(SHORT, step(2, what)) & 0xFFFF;
    }

    /** A signed number of 32 bits. */
    public int i32(String what) throws MalformedFileException {
        return bytes.get(INT, step(4, what));
    }

    /** An unsigned number of 32 bits. */
    public long u32(String what) throws MalformedFileException {
        return i32(what) & 0xFFFFFFFFL;
    }

    /** A number of 64 bits, as it is. */
    public long i64(String what) throws MalformedFileException {
        return bytes.get(LONG, step(8, what));
    }

    /**
     * A size or number of things, 64 bits unsigned.
     *
     * @throws MalformedFileException if it is beyond any file
     */
    public long size(String what) throws MalformedFileException {
        long size = i64(what);
        if (size < 0) {
            throw complaintAt(at - 8, what + " is " + Long.toUnsignedString(size) + ", beyond any file");
        }
        return size;
    }

    /**
     * A number of things of which each takes some bytes at least.
     *
     * @throws MalformedFileException if the file is too short for so many
     */
    public long count(String what, long leastBytesEach) throws MalformedFileException {
        long count = size(what);
        if (count > remaining() / leastBytesEach) {
            throw complaintAt(at - 8, what + " is " + count + ", expected at most " + remaining() / leastBytesEach
                    + " in the " + remaining() + " bytes that follow; the file is truncated or damaged");
        }
        return count;
    }

    /** Text of so many bytes, UTF-8. */
    public String text(long length, String what) throws MalformedFileException {
        long from = at;
        MemorySegment taken = take(length, what);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(taken.asByteBuffer()).toString();
        } catch (CharacterCodingException bad) {
            throw (MalformedFileException) complaintAt(from, what + " is not UTF-8 text").initCause(bad);
        }
    }

    /** The next bytes, as a view. */
    public MemorySegment take(long length, String what) throws MalformedFileException {
        return bytes.asSlice(step(length, what), length);
    }

    private long step(long length, String what) throws MalformedFileException {
        if (length < 0 || length > end - at) {
            throw complaint(what + " takes " + Long.toUnsignedString(length) + " bytes, but " + (end - at)
                    + " remain; the file is truncated or damaged");
        }
        long from = at;
        at += length;
        return from;
    }

    /**
     * Bytes that the elements of a tensor take.
     *
     * @param position where the tensor is described
     * @param tensor what it is called in messages
     * @param shape lengths of 0 or more, outermost first
     * @throws MalformedFileException if rows are not whole blocks of the type, or the size is beyond 64 bits
     */
    public long tensorBytes(long position, String tensor, StorageType type, List<Long> shape)
            throws MalformedFileException {
        long last = shape.isEmpty() ? 1 : shape.getLast();
        if (last % type.blockLength() != 0) {
            throw complaintAt(position, tensor + ": rows of " + shape + " have " + last + " elements, but " + type
                    + " stores blocks of " + type.blockLength());
        }
        try {
            long elements = 1;
            for (long length : shape) {
                elements = Math.multiplyExact(elements, length);
            }
            return Math.multiplyExact(elements / type.blockLength(), (long) type.blockBytes());
        } catch (ArithmeticException overflow) {
            throw (MalformedFileException) complaintAt(position, tensor + ": the size of " + shape
                    + " overflows 64 bits").initCause(overflow);
        }
    }

    /** Says what is wrong here. */
    public MalformedFileException complaint(String what) {
        return complaintAt(at, what);
    }

    /** Says what is wrong at a byte. */
    public MalformedFileException complaintAt(long position, String what) {
        return new MalformedFileException(where + ": byte " + position + ": " + what);
    }
}

package tern.text;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * A long string of bytes in native memory, made of pieces: blocks that grow as bytes are appended, and mappings of files
 * that are taken over as they are. Written by one thread, then read by any number. The arena's owner releases it.
 */
final class Pieces {
    private static final long SMALLEST_BLOCK = 1L << 20;
    private static final long LARGEST_BLOCK = 64L << 20;

    private final Arena arena;
    private final List<Piece> pieces = new ArrayList<>();
    private MemorySegment block = MemorySegment.NULL;
    private long used;
    private long open;
    private long held;
    private long size;

    Pieces(Arena arena) {
        this.arena = arena;
    }

    private record Piece(long from, MemorySegment bytes) {
        long to() {
            return from + bytes.byteSize();
        }
    }

    /** Bytes of all pieces. */
    long size() {
        return size;
    }

    /** Bytes of native memory taken; mappings take none. */
    long held() {
        return held;
    }

    /** Takes over memory that outlives this object. */
    void adopt(MemorySegment bytes) {
        closeBlock();
        add(bytes);
    }

    /** Copies bytes to the end. */
    void append(byte[] bytes, int from, int count) {
        int at = from;
        int left = count;
        while (left > 0) {
            if (used == block.byteSize()) {
                closeBlock();
                block = arena.allocate(Math.clamp(held / 4, SMALLEST_BLOCK, LARGEST_BLOCK), 64);
                held += block.byteSize();
                open = 0;
                used = 0;
            }
            int part = (int) Math.min(left, block.byteSize() - used);
            MemorySegment.copy(bytes, at, block, ValueLayout.JAVA_BYTE, used, part);
            used += part;
            at += part;
            left -= part;
        }
    }

    /** Makes all that was appended visible to readers. */
    void finish() {
        closeBlock();
    }

    private void closeBlock() {
        if (used > open) {
            add(block.asSlice(open, used - open));
            open = used;
        }
    }

    private void add(MemorySegment bytes) {
        if (bytes.byteSize() > 0) {
            pieces.add(new Piece(size, bytes));
            size += bytes.byteSize();
        }
    }

    /** One byte, 0 to 255. */
    int get(long at) {
        Piece piece = pieces.get(pieceAt(at));
        return piece.bytes.get(ValueLayout.JAVA_BYTE, at - piece.from) & 0xFF;
    }

    /** Copies a range. */
    void copy(long from, byte[] into, int at, int count) {
        int done = 0;
        for (int p = count == 0 ? 0 : pieceAt(from); done < count; p++) {
            Piece piece = pieces.get(p);
            long inside = from + done - piece.from;
            int part = (int) Math.min(count - done, piece.bytes.byteSize() - inside);
            MemorySegment.copy(piece.bytes, ValueLayout.JAVA_BYTE, inside, into, at + done, part);
            done += part;
        }
    }

    /** Copies a range of bytes, each as an int from 0 to 255. */
    void copyUnsigned(long from, int[] into, int at, int count) {
        int done = 0;
        for (int p = count == 0 ? 0 : pieceAt(from); done < count; p++) {
            Piece piece = pieces.get(p);
            long inside = from + done - piece.from;
            int part = (int) Math.min(count - done, piece.bytes.byteSize() - inside);
            for (int i = 0; i < part; i++) {
                into[at + done + i] = piece.bytes.get(ValueLayout.JAVA_BYTE, inside + i) & 0xFF;
            }
            done += part;
        }
    }

    private int pieceAt(long at) {
        assert at >= 0 && at < size : at + " is outside 0.." + size;
        int low = 0;
        int high = pieces.size() - 1;
        while (low < high) {
            int middle = low + high >>> 1;
            if (at < pieces.get(middle).to()) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }
}

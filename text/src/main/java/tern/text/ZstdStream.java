package tern.text;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.zip.DataFormatException;

/**
 * Unpacks Zstandard (RFC 8878): frames one after another, skippable ones passed over, checksums verified. Every index that
 * comes from the file is checked, so damaged data is told as such. Memory grows with the window that the data makes use of
 * and never beyond {@link #LARGEST_WINDOW}; frames that need a dictionary are refused.
 */
final class ZstdStream extends InputStream {
    /** What a frame begins with, read as a little-endian number. */
    static final int FRAME = 0xFD2FB528;
    /** What a skippable frame begins with, but for its last four bits. */
    static final int SKIPPABLE = 0x184D2A50;
    /** The bits of {@link #SKIPPABLE} that count. */
    static final int SKIPPABLE_MASK = 0xFFFFFFF0;
    /** The reference tool refuses larger windows too unless told. */
    static final long LARGEST_WINDOW = 128L << 20;

    private static final int LARGEST_BLOCK = 128 << 10;
    private static final int SLACK = 1 << 20;
    private static final int RAW = 0;
    private static final int REPEATED = 1;
    private static final int COMPRESSED = 2;

    private final PackedInput in;
    private final ZstdBlock blocks = new ZstdBlock();
    private final byte[] block = new byte[LARGEST_BLOCK + ZstdBits.SLACK];
    private byte[] window = new byte[LARGEST_BLOCK];
    private int delivered;
    private int end;

    private boolean inFrame;
    private boolean lastBlock;
    private boolean anyFrame;
    private boolean checked;
    private long windowSize;
    private long contentSize;
    private long produced;
    private final XxHash64 hash = new XxHash64();

    ZstdStream(String name, InputStream packed) {
        this.in = new PackedInput(name, "zstd", packed);
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
        while (delivered == end) {
            if (!inFrame && !readFrameHeader()) {
                return -1;
            }
            readBlock();
        }
        int part = Math.min(count, end - delivered);
        System.arraycopy(window, delivered, into, at, part);
        delivered += part;
        return part;
    }

    /** Stands before the first block of the next frame, or says that there is none. */
    private boolean readFrameHeader() throws IOException {
        while (true) {
            if (anyFrame && in.atEnd()) {
                return false;
            }
            int magic = (int) in.readNumber(4);
            anyFrame = true;
            if (magic == FRAME) {
                break;
            }
            if ((magic & SKIPPABLE_MASK) != SKIPPABLE) {
                throw in.corrupt("a frame does not begin with the zstd signature");
            }
            in.skip(in.readNumber(4));
        }
        int descriptor = in.read();
        if ((descriptor & 8) != 0) {
            throw in.corrupt("a reserved bit of the frame header is set");
        }
        boolean singleSegment = (descriptor & 32) != 0;
        checked = (descriptor & 4) != 0;
        windowSize = singleSegment ? 0 : readWindowSize();
        int dictionaryBytes = (1 << (descriptor & 3)) >> 1;
        if (in.readNumber(dictionaryBytes) != 0) {
            throw in.refused("is packed with a dictionary, which is not in the file; unpack it first");
        }
        contentSize = switch (descriptor >> 6) {
            case 0 -> singleSegment ? in.read() : -1;
            case 1 -> in.readNumber(2) + 256;
            case 2 -> in.readNumber(4);
            default -> in.readNumber(8);
        };
        if (singleSegment) {
            if (contentSize < 0) {
                throw in.corrupt("the content is longer than 2^63 bytes");
            }
            windowSize = contentSize;
        }
        if (windowSize > LARGEST_WINDOW) {
            throw in.refused("needs a window of " + (windowSize >> 20) + " MiB, at most " + (LARGEST_WINDOW >> 20)
                    + " MiB are allowed; unpack it first");
        }
        blocks.startFrame();
        hash.reset();
        produced = 0;
        delivered = 0;
        end = 0;
        inFrame = true;
        return true;
    }

    private long readWindowSize() throws IOException {
        int descriptor = in.read();
        long base = 1L << 10 + (descriptor >> 3);
        return base + (base >> 3) * (descriptor & 7);
    }

    private void readBlock() throws IOException {
        int header = (int) in.readNumber(3);
        lastBlock = (header & 1) != 0;
        int size = header >> 3;
        int largest = (int) Math.min(windowSize, LARGEST_BLOCK);
        if (size > largest) {
            throw in.corrupt("a block of " + size + " bytes, at most " + largest + " are allowed");
        }
        makeRoom(largest);
        int from = end;
        switch (header >> 1 & 3) {
            case RAW -> {
                in.read(window, end, size);
                end += size;
            }
            case REPEATED -> {
                Arrays.fill(window, end, end + size, (byte) in.read());
                end += size;
            }
            case COMPRESSED -> {
                in.read(block, 0, size);
                try {
                    int oldest = (int) Math.max(0, end - Math.min(windowSize, produced));
                    end = blocks.decode(block, size, window, end, end + largest, oldest);
                } catch (DataFormatException bad) {
                    throw in.corrupt(String.valueOf(bad.getMessage()));
                }
            }
            default -> throw in.corrupt("a block of reserved type");
        }
        produced += end - from;
        if (checked) {
            hash.update(window, from, end - from);
        }
        if (contentSize >= 0 && produced > contentSize) {
            throw in.corrupt("more than the " + contentSize + " bytes that the frame announces");
        }
        if (lastBlock) {
            finishFrame();
        }
    }

    /** Room for one more block behind the window; bytes that have left the window are dropped. */
    private void makeRoom(int bytes) {
        if (end + bytes <= window.length) {
            return;
        }
        int kept = (int) Math.min(windowSize, end);
        long wanted = Math.min(windowSize + Math.max(SLACK, windowSize / 2),
                Math.max(2L * window.length, (long) end + bytes));
        byte[] target = window.length < wanted ? new byte[(int) wanted] : window;
        int from = target == window ? end - kept : 0;
        System.arraycopy(window, from, target, 0, end - from);
        window = target;
        end -= from;
        delivered = end;
    }

    private void finishFrame() throws IOException {
        if (contentSize >= 0 && produced != contentSize) {
            throw in.corrupt("the frame holds " + produced + " bytes, it announces " + contentSize);
        }
        if (checked) {
            long expected = in.readNumber(4);
            long found = hash.digest() & 0xFFFFFFFFL;
            if (found != expected) {
                throw in.corrupt("checksum is " + Long.toHexString(found) + ", expected " + Long.toHexString(expected));
            }
        }
        inFrame = false;
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}

package tern.text;

import java.util.Arrays;
import java.util.zip.DataFormatException;

import org.jspecify.annotations.Nullable;

/** Decodes the compressed blocks of a Zstandard frame (RFC 8878, section 3.1.1.3), one after another. */
final class ZstdBlock {
    private static final int LITERAL_MAX = 35;
    private static final int OFFSET_MAX = 31;
    private static final int MATCH_MAX = 52;
    private static final int[] LITERAL_BASE = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24,
        28,
        32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536};
    private static final int[] LITERAL_BITS = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3,
        4, 6,
        7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    private static final int[] MATCH_BASE = {3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
        23, 24,
        25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051,
        4099, 8195, 16387, 32771, 65539};
    private static final int[] MATCH_BITS = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
        0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    private static final ZstdTable LITERAL_USUAL = usual(6, 4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2,
            2, 2,
            2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1);
    private static final ZstdTable OFFSET_USUAL = usual(5, 1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
            1, 1,
            1, 1, -1, -1, -1, -1, -1);
    private static final ZstdTable MATCH_USUAL = usual(6, 1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
            1, 1,
            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1);

    private final byte[] literals = new byte[128 << 10];
    private int literalCount;
    private @Nullable ZstdHuffman huffman;
    private @Nullable ZstdTable literalTable;
    private @Nullable ZstdTable offsetTable;
    private @Nullable ZstdTable matchTable;
    private final long[] recent = new long[3];
    private int at;

    private static ZstdTable usual(int accuracy, int... shares) {
        try {
            return ZstdTable.of(accuracy, shares);
        } catch (DataFormatException wrong) {
            throw new AssertionError(wrong);
        }
    }

    /** Forgets what earlier blocks left for later ones. */
    void startFrame() {
        huffman = null;
        literalTable = null;
        offsetTable = null;
        matchTable = null;
        recent[0] = 1;
        recent[1] = 4;
        recent[2] = 8;
    }

    /**
     * Decodes one block behind what is there already.
     *
     * @param block bytes of the block, with {@link ZstdBits#SLACK} more behind them
     * @param size bytes that count
     * @param out where to, and where from for matches
     * @param from first byte to write
     * @param limit byte that must not be written any more
     * @param oldest oldest byte that a match may begin at
     * @return where the written bytes end
     */
    int decode(byte[] block, int size, byte[] out, int from, int limit, int oldest) throws DataFormatException {
        at = 0;
        readLiterals(block, size, limit - from);
        return readSequences(block, size, out, from, limit, oldest);
    }

    private void readLiterals(byte[] block, int size, int largest) throws DataFormatException {
        need(block, size, 1);
        int type = block[at] & 3;
        int format = block[at] >> 2 & 3;
        boolean entropyCoded = type >= 2;
        int headerBytes = entropyCoded ? format < 2 ? 3 : format + 2 : format == 1 ? 2 : format == 3 ? 3 : 1;
        need(block, size, headerBytes);
        long header = 0;
        for (int i = 0; i < headerBytes; i++) {
            header |= (block[at + i] & 0xFFL) << 8 * i;
        }
        at += headerBytes;
        int fieldBits = entropyCoded ? format < 2 ? 10 : format == 2 ? 14 : 18 : 20;
        literalCount = entropyCoded || headerBytes > 1 ? (int) (header >> 4 & (1 << fieldBits) - 1)
                : (int) (header >> 3);
        if (literalCount > largest) {
            throw new DataFormatException(literalCount + " literals in a block of at most " + largest + " bytes");
        }
        switch (type) {
            case 0 -> {
                need(block, size, literalCount);
                System.arraycopy(block, at, literals, 0, literalCount);
                at += literalCount;
            }
            case 1 -> {
                need(block, size, 1);
                Arrays.fill(literals, 0, literalCount, block[at++]);
            }
            default -> {
                int packed = (int) (header >> 4 + fieldBits & (1 << fieldBits) - 1);
                need(block, size, packed);
                readCoded(block, at + packed, type == 3, format == 0 ? 1 : 4);
                at += packed;
            }
        }
    }

    private void readCoded(byte[] block, int to, boolean sameTree, int streams) throws DataFormatException {
        int from = at;
        ZstdHuffman tree = huffman;
        if (!sameTree) {
            ZstdHuffman.Described described = ZstdHuffman.read(block, from, to);
            tree = described.tree();
            from = described.end();
        }
        if (tree == null) {
            throw new DataFormatException("literals refer to an earlier tree, but there is none");
        }
        huffman = tree;
        if (streams == 1) {
            tree.decode(new ZstdBits(block, from, to), literals, 0, literalCount);
            return;
        }
        if (to - from < 6) {
            throw new DataFormatException("literals in four streams without their lengths");
        }
        int part = (literalCount + 3) / 4;
        int start = from + 6;
        if (literalCount < 3 * part) {
            throw new DataFormatException(literalCount + " literals in four streams");
        }
        for (int s = 0; s < 4; s++) {
            int end = s == 3 ? to : start + (block[from + 2 * s] & 0xFF | (block[from + 2 * s + 1] & 0xFF) << 8);
            if (end > to) {
                throw new DataFormatException("a stream of literals is longer than the block");
            }
            tree.decode(new ZstdBits(block, start, end), literals, s * part, s == 3 ? literalCount - 3 * part : part);
            start = end;
        }
    }

    private int readSequences(byte[] block, int size, byte[] out, int from, int limit, int oldest)
            throws DataFormatException {
        int count = readCount(block, size);
        if (count == 0) {
            if (at != size) {
                throw new DataFormatException("bytes behind the end of a block");
            }
            System.arraycopy(literals, 0, out, from, literalCount);
            return from + literalCount;
        }
        need(block, size, 1);
        int modes = block[at++] & 0xFF;
        if ((modes & 3) != 0) {
            throw new DataFormatException("reserved bits of the sequences are set");
        }
        ZstdTable literal = table(block, size, modes >> 6, LITERAL_USUAL, literalTable, 9, LITERAL_MAX);
        ZstdTable offset = table(block, size, modes >> 4 & 3, OFFSET_USUAL, offsetTable, 8, OFFSET_MAX);
        ZstdTable match = table(block, size, modes >> 2 & 3, MATCH_USUAL, matchTable, 9, MATCH_MAX);
        literalTable = literal;
        offsetTable = offset;
        matchTable = match;

        ZstdBits bits = new ZstdBits(block, at, size);
        int literalState = literal.start(bits);
        int offsetState = offset.start(bits);
        int matchState = match.start(bits);
        int to = from;
        int literalsDone = 0;
        for (int i = 0; i < count; i++) {
            int offsetCode = offset.symbol(offsetState);
            int matchCode = match.symbol(matchState);
            int literalCode = literal.symbol(literalState);
            long offsetValue = (1L << offsetCode) + bits.read(offsetCode);
            int matchLength = MATCH_BASE[matchCode] + (int) bits.read(MATCH_BITS[matchCode]);
            int literalLength = LITERAL_BASE[literalCode] + (int) bits.read(LITERAL_BITS[literalCode]);
            if (i < count - 1) {
                literalState = literal.next(literalState, bits);
                matchState = match.next(matchState, bits);
                offsetState = offset.next(offsetState, bits);
            }
            if (bits.left() < 0 || literalLength > literalCount - literalsDone
                    || literalLength + matchLength > limit - to) {
                throw new DataFormatException("a sequence reaches beyond its block");
            }
            System.arraycopy(literals, literalsDone, out, to, literalLength);
            literalsDone += literalLength;
            to += literalLength;
            long distance = distance(offsetValue, literalLength == 0);
            if (distance < 1 || distance > to - oldest) {
                throw new DataFormatException("a match at distance " + distance + " begins before the window");
            }
            copyMatch(out, to, (int) distance, matchLength);
            to += matchLength;
        }
        if (bits.left() != 0) {
            throw new DataFormatException("a bit stream that is not consumed exactly");
        }
        int rest = literalCount - literalsDone;
        if (rest > limit - to) {
            throw new DataFormatException("a block longer than allowed");
        }
        System.arraycopy(literals, literalsDone, out, to, rest);
        return to + rest;
    }

    private static void copyMatch(byte[] out, int to, int distance, int length) {
        if (distance >= length) {
            System.arraycopy(out, to - distance, out, to, length);
        } else {
            for (int i = 0; i < length; i++) {
                out[to + i] = out[to + i - distance];
            }
        }
    }

    /** What an offset value stands for: a distance, or one of the three last. */
    private long distance(long value, boolean noLiterals) {
        if (value > 3) {
            recent[2] = recent[1];
            recent[1] = recent[0];
            recent[0] = value - 3;
            return recent[0];
        }
        int which = (int) value - 1 + (noLiterals ? 1 : 0);
        if (which == 0) {
            return recent[0];
        }
        long distance = which == 3 ? recent[0] - 1 : recent[which];
        if (which > 1) {
            recent[2] = recent[1];
        }
        recent[1] = recent[0];
        recent[0] = distance;
        return distance;
    }

    private int readCount(byte[] block, int size) throws DataFormatException {
        need(block, size, 1);
        int first = block[at++] & 0xFF;
        if (first < 128) {
            return first;
        }
        need(block, size, first < 255 ? 1 : 2);
        int second = block[at++] & 0xFF;
        return first < 255 ? (first - 128 << 8) + second : second + ((block[at++] & 0xFF) << 8) + 0x7F00;
    }

    private ZstdTable table(byte[] block, int size, int mode, ZstdTable usual, @Nullable ZstdTable last, int accuracy,
            int max)
            throws DataFormatException {
        switch (mode) {
            case 0 -> {
                return usual;
            }
            case 1 -> {
                need(block, size, 1);
                int symbol = block[at++] & 0xFF;
                if (symbol > max) {
                    throw new DataFormatException("code " + symbol + " in sequences, at most " + max + " is allowed");
                }
                return ZstdTable.single(symbol);
            }
            case 2 -> {
                ZstdTable.Described described = ZstdTable.read(block, at, size, accuracy, max);
                at = described.end();
                return described.table();
            }
            default -> {
                if (last == null) {
                    throw new DataFormatException("sequences refer to an earlier table, but there is none");
                }
                return last;
            }
        }
    }

    private void need(byte[] block, int size, int bytes) throws DataFormatException {
        assert size <= block.length;
        if (bytes > size - at) {
            throw new DataFormatException("a block that ends too early");
        }
    }
}

package tern.text;

import java.util.Arrays;
import java.util.zip.DataFormatException;

/** A Huffman code of literals (RFC 8878, section 4.2). Immutable. */
final class ZstdHuffman {
    private static final int LONGEST_CODE = 11;

    private final int width;
    private final byte[] symbol;
    private final byte[] bits;

    private ZstdHuffman(int width) {
        this.width = width;
        this.symbol = new byte[1 << width];
        this.bits = new byte[1 << width];
    }

    /** A tree read from its description in a block. */
    record Described(ZstdHuffman tree, int end) {
    }

    /** Reads the description that begins at {@code data[from]}; data ends at {@code to}. */
    static Described read(byte[] data, int from, int to) throws DataFormatException {
        if (from >= to) {
            throw new DataFormatException("a Huffman tree is missing");
        }
        int header = data[from] & 0xFF;
        int start = from + 1;
        int[] weights = new int[256];
        int count;
        int end;
        if (header >= 128) {
            count = header - 127;
            end = start + (count + 1) / 2;
            if (end > to) {
                throw new DataFormatException("a Huffman tree longer than its block");
            }
            for (int i = 0; i < count; i++) {
                weights[i] = data[start + i / 2] >> (i % 2 == 0 ? 4 : 0) & 15;
            }
        } else {
            end = start + header;
            if (end > to) {
                throw new DataFormatException("a Huffman tree longer than its block");
            }
            count = readWeights(data, start, end, weights);
        }
        return new Described(of(weights, count), end);
    }

    /** Weights coded by two states that take turns; the stream ends when one wants bits that are not there. */
    private static int readWeights(byte[] data, int from, int to, int[] weights) throws DataFormatException {
        ZstdTable.Described described = ZstdTable.read(data, from, to, 6, LONGEST_CODE + 1);
        ZstdTable table = described.table();
        ZstdBits stream = new ZstdBits(data, described.end(), to);
        int turn = table.start(stream);
        int other = table.start(stream);
        int count = 0;
        while (stream.left() >= 0) {
            if (count >= 254) {
                throw new DataFormatException("a Huffman tree of too many symbols");
            }
            weights[count++] = table.symbol(turn);
            if (stream.left() < table.bits(turn)) {
                weights[count++] = table.symbol(other);
                return count;
            }
            int next = table.next(turn, stream);
            turn = other;
            other = next;
        }
        throw new DataFormatException("a Huffman tree whose description is too short");
    }

    /** The code of these weights; that of one more symbol follows from the rest. */
    private static ZstdHuffman of(int[] weights, int count) throws DataFormatException {
        int sum = 0;
        for (int i = 0; i < count; i++) {
            sum += weights[i] > 0 ? 1 << weights[i] - 1 : 0;
        }
        int width = 32 - Integer.numberOfLeadingZeros(sum);
        int rest = (1 << width) - sum;
        if (sum == 0 || width > LONGEST_CODE || Integer.bitCount(rest) != 1) {
            throw new DataFormatException("a Huffman tree that is not complete");
        }
        weights[count] = 32 - Integer.numberOfLeadingZeros(rest);
        ZstdHuffman tree = new ZstdHuffman(width);
        int next = 0;
        for (int weight = 1; weight <= width; weight++) {
            for (int s = 0; s <= count; s++) {
                if (weights[s] == weight) {
                    int end = next + (1 << weight - 1);
                    Arrays.fill(tree.symbol, next, end, (byte) s);
                    Arrays.fill(tree.bits, next, end, (byte) (width + 1 - weight));
                    next = end;
                }
            }
        }
        return tree;
    }

    /** Decodes exactly {@code count} symbols, which must use up the stream. */
    void decode(ZstdBits stream, byte[] into, int at, int count) throws DataFormatException {
        for (int i = 0; i < count; i++) {
            int code = stream.peek(width);
            into[at + i] = symbol[code];
            stream.skip(bits[code]);
        }
        if (stream.left() != 0) {
            throw new DataFormatException("a bit stream that is not consumed exactly");
        }
    }
}

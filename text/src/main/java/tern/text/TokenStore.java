package tern.text;

import java.util.Arrays;

/**
 * The symbols of one part of some data, at any length: bytes are looked up where they lie, symbols of larger vocabularies
 * are kept in native memory at two or four bytes each. Immutable and safe for use by several threads; lives as long as the
 * data.
 */
public final class TokenStore {
    private static final int ENCODED_AT_ONCE = 1 << 20;

    private final String name;
    private final int vocabulary;
    private final Pieces pieces;
    private final int width;
    private final long first;
    private final long size;
    private final int[] ids;
    private final long[] boundaries;
    private final int[] lengths;

    private TokenStore(String name, int vocabulary, Pieces pieces, int width, long first, long size, int[] ids,
            long[] boundaries, int[] lengths) {
        this.name = name;
        this.vocabulary = vocabulary;
        this.pieces = pieces;
        this.width = width;
        this.first = first;
        this.size = size;
        this.ids = ids;
        this.boundaries = boundaries;
        this.lengths = lengths;
    }

    static TokenStore of(SplitData split, Split part, Tokenizer tokenizer) {
        String name = (part == Split.ALL ? "" : "the " + part.label() + " part of ") + split.data().name();
        long from = split.from(part);
        long to = split.to(part);
        long[] starts = split.data().sources().stream().mapToLong(TextData.Source::from)
                .filter(at -> at > from && at < to)
                .distinct().toArray();
        return tokenizer instanceof ByteTokenizer bytes ? ofBytes(name, split.data(), bytes, from, to, starts)
                : ofEncoded(name, split.data(), tokenizer, from, to, starts);
    }

    private static TokenStore ofBytes(String name, TextData data, ByteTokenizer tokenizer, long from, long to,
            long[] starts) {
        int[] ids = new int[256];
        for (int value = 0; value < 256; value++) {
            ids[value] = tokenizer.idOrAbsent((byte) value);
        }
        if (tokenizer.vocabulary() < 256) {
            for (long at = from; at < to; at++) {
                tokenizer.id((byte) data.pieces().get(at), at);
            }
        }
        long[] boundaries = Arrays.stream(starts).map(at -> at - from).toArray();
        return new TokenStore(name, tokenizer.vocabulary(), data.pieces(), 1, from, to - from, ids, boundaries,
                lengths(tokenizer));
    }

    /** Encodes source by source, in blocks that end at the end of a line where there is one. */
    private static TokenStore ofEncoded(String name, TextData data, Tokenizer tokenizer, long from, long to,
            long[] starts) {
        int width = tokenizer.vocabulary() <= 1 << 16 ? 2 : 4;
        Pieces pieces = new Pieces(data.arena());
        long[] boundaries = new long[starts.length];
        int passed = 0;
        long count = 0;
        for (long at = from; at < to;) {
            if (passed < starts.length && starts[passed] == at) {
                boundaries[passed++] = count;
            }
            long end = passed < starts.length ? starts[passed] : to;
            byte[] block = data.bytes(at, (int) Math.min(ENCODED_AT_ONCE, end - at));
            if (at + block.length < end) {
                block = Arrays.copyOf(block, cut(block));
            }
            int[] symbols = tokenizer.encode(block);
            byte[] stored = new byte[symbols.length * width];
            for (int i = 0; i < symbols.length; i++) {
                for (int b = 0; b < width; b++) {
                    stored[i * width + b] = (byte) (symbols[i] >> 8 * b);
                }
            }
            pieces.append(stored, 0, stored.length);
            count += symbols.length;
            at += block.length;
        }
        pieces.finish();
        return new TokenStore(name, tokenizer.vocabulary(), pieces, width, 0, count, new int[0], boundaries,
                lengths(tokenizer));
    }

    private static int[] lengths(Tokenizer tokenizer) {
        int[] lengths = new int[tokenizer.vocabulary()];
        Arrays.setAll(lengths, tokenizer::symbolLength);
        return lengths;
    }

    /**
     * Where a block is best cut: between a word and the line feed behind it, where tokenizers cut anyway; else behind a
     * line feed; else between characters.
     */
    private static int cut(byte[] block) {
        int line = 0;
        for (int at = block.length - 1; at > 0; at--) {
            if (block[at] == '\n') {
                line = Math.max(line, at + 1);
                if (block[at - 1] >= 'a' && block[at - 1] <= 'z') {
                    return at;
                }
            }
        }
        return line > 0 ? line : Math.max(1, Utf8.lastBoundary(block));
    }

    /** What this is called in messages, such as "the validation part of war-and-peace.txt". */
    public String name() {
        return name;
    }

    /** Number of symbols. */
    public long size() {
        return size;
    }

    /** Number of different symbols that there may be. */
    public int vocabulary() {
        return vocabulary;
    }

    /** Bytes of text that symbols stand for, as their tokenizer writes them; numbers outside the vocabulary stand for none. */
    public long bytes(int[] symbols, int from, int count) {
        long bytes = 0;
        for (int i = from; i < from + count; i++) {
            bytes += symbols[i] >= 0 && symbols[i] < lengths.length ? lengths[symbols[i]] : 0;
        }
        return bytes;
    }

    /** Where a source begins within this part, the first one left out; ascending. A fresh array. */
    public long[] boundaries() {
        return boundaries.clone();
    }

    /** One symbol. */
    public int get(long at) {
        int[] one = new int[1];
        copy(at, one, 0, 1);
        return one[0];
    }

    /**
     * Copies {@code count} symbols.
     *
     * @throws IndexOutOfBoundsException if the range does not lie within this part
     */
    public void copy(long from, int[] into, int at, int count) {
        if (from < 0 || count < 0 || from > size - count) {
            throw new IndexOutOfBoundsException(
                    "symbols " + from + " to " + (from + count) + " of " + name + ", which has "
                            + size);
        }
        if (width == 1) {
            pieces.copyUnsigned(first + from, into, at, count);
            for (int i = at; i < at + count; i++) {
                into[i] = ids[into[i]];
            }
        } else {
            byte[] stored = new byte[count * width];
            pieces.copy(from * width, stored, 0, stored.length);
            for (int i = 0; i < count; i++) {
                int id = 0;
                for (int b = 0; b < width; b++) {
                    id |= (stored[i * width + b] & 0xFF) << 8 * b;
                }
                into[at + i] = id;
            }
        }
    }
}

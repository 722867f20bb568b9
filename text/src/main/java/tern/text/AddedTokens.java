package tern.text;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Tokens that are cut out of a text before anything else is done with it, wherever they stand: the leftmost first, of those
 * at one place the longest. Immutable.
 */
final class AddedTokens {
    private final Map<Integer, AddedToken> tokens = new HashMap<>();
    private final ByteTrie trie;
    private final boolean[] begins = new boolean[256];

    /**
     * A token that is not made of merges.
     *
     * @param id its symbol
     * @param content the text that it stands for
     * @param special whether it is not part of a text but a mark such as its end
     * @param normalised whether it is looked for after normalising
     * @param stripLeft whether white space before it belongs to it
     * @param stripRight whether white space behind it belongs to it
     * @param singleWord whether it must not be part of a longer word
     */
    record AddedToken(int id, String content, boolean special, boolean normalised, boolean stripLeft,
            boolean stripRight, boolean singleWord) {
        byte[] bytes() {
            return content.getBytes(java.nio.charset.StandardCharsets.UTF_8);
        }
    }

    /** Is given the pieces of a text in order. */
    interface Sink {
        /** A piece that holds no such token. */
        void text(byte[] bytes, int from, int to);

        /** A token. */
        void token(int id);
    }

    /** Tokens of distinct contents. */
    AddedTokens(List<AddedToken> added, Normalisation normalisation) {
        byte[][] contents = new byte[added.size()][];
        int[] ids = new int[added.size()];
        for (int i = 0; i < contents.length; i++) {
            AddedToken token = added.get(i);
            contents[i] = token.normalised ? normalisation.apply(token.bytes()) : token.bytes();
            ids[i] = token.id;
            tokens.put(token.id, token);
            begins[contents[i][0] & 0xFF] = true;
        }
        this.trie = ByteTrie.of(contents, ids);
    }

    /** Cuts a text. */
    void cut(byte[] text, int from, int to, Sink sink) {
        int done = from;
        int at = from;
        while (at < to) {
            long found = begins[text[at] & 0xFF] ? trie.match(text, at, to) : ByteTrie.NONE;
            if (found == ByteTrie.NONE) {
                at++;
                continue;
            }
            int end = at + (int) (found >>> 32);
            AddedToken token = java.util.Objects.requireNonNull(tokens.get((int) found));
            if (token.singleWord && (wordEndsAt(text, done, at) || wordBeginsAt(text, end, to))) {
                at = end;
                continue;
            }
            int start = token.stripLeft ? spaceBefore(text, done, at) : at;
            if (start > done) {
                sink.text(text, done, start);
            }
            sink.token(token.id);
            done = token.stripRight ? spaceBehind(text, end, to) : end;
            at = done;
        }
        if (done < to) {
            sink.text(text, done, to);
        }
    }

    private static boolean wordBeginsAt(byte[] text, int at, int to) {
        int length = at < to ? Utf8.length(text, at, to) : 0;
        return length > 0 && Characters.isWord(Utf8.codePoint(text, at, length));
    }

    private static boolean wordEndsAt(byte[] text, int from, int at) {
        int start = before(text, from, at);
        return start < at && Characters.isWord(Utf8.codePoint(text, start, at - start));
    }

    private static int spaceBefore(byte[] text, int from, int at) {
        int start = at;
        for (int next = before(text, from, start); next < start; next = before(text, from, start)) {
            if (Characters.kind(Characters.at(text, next, start)) != Characters.SPACE) {
                break;
            }
            start = next;
        }
        return start;
    }

    private static int spaceBehind(byte[] text, int from, int to) {
        int at = from;
        while (at < to && Characters.kind(Characters.at(text, at, to)) == Characters.SPACE) {
            at += Characters.length(Characters.at(text, at, to));
        }
        return at;
    }

    /** Where the well-formed character that ends at a place begins; that place if there is none. */
    private static int before(byte[] text, int from, int at) {
        for (int length = 1; length <= 4 && at - length >= from; length++) {
            if (Utf8.length(text, at - length, at) == length) {
                return at - length;
            }
        }
        return at;
    }
}

package tern.text;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.PriorityQueue;
import java.util.stream.IntStream;

import tern.text.AddedTokens.AddedToken;

/**
 * SentencePiece's byte-pair encoding (Kudo and Richardson 2018, arXiv 1808.06226), as Llama 2, Mistral and Jamba have it and as
 * llama.cpp stores it: spaces become U+2581, and of all neighbours the two whose joint piece has the highest score become one, the
 * leftmost of equals, until no two are a piece. What is no piece then is written as its bytes. Decoding gives back the text with a
 * space in front, where the vocabulary asks for one. Time is O(n log n) for any text of n bytes. Immutable; safe for use by several
 * threads.
 */
final class SentencePieceTokenizer implements Tokenizer {
    static final String KIND = "sentencepiece";
    /** What the file is called in a model's folder: the entries of a GGUF file, as JSON. */
    static final String FILE = "sentencepiece.json";
    private static final String SPACE = "\u2581";
    private static final byte[] SPACE_BYTES = SPACE.getBytes(StandardCharsets.UTF_8);

    private final Vocabulary vocabulary;
    /** What symbols are written as. */
    private final SymbolTable symbols;
    /** What texts are made of, spaces as U+2581. */
    private final SymbolTable pieces;
    private final int longest;
    private final boolean wordByWord;
    private final int[] byteIds = new int[256];
    private final OptionalInt unknown;
    private final AddedTokens marks;

    /** What a piece is for, with the numbers that GGUF has. */
    enum Type {
        /** Part of a text. */
        NORMAL(1),
        /** Stands for what has no other symbol. */
        UNKNOWN(2),
        /** A mark that is no part of a text. */
        CONTROL(3),
        /** A text that is cut out before anything else. */
        USER_DEFINED(4),
        /** Stands for nothing. */
        UNUSED(5),
        /** One byte, written {@code <0xHH>}. */
        BYTE(6);

        private final int number;

        Type(int number) {
            this.number = number;
        }

        int number() {
            return number;
        }

        static Optional<Type> of(int number) {
            return Arrays.stream(values()).filter(type -> type.number == number).findFirst();
        }
    }

    /**
     * One symbol.
     *
     * @param text with U+2581 for spaces
     */
    record Piece(String text, float score, Type type) {
        Piece {
            // 0 and −0 are one score.
            score += 0f;
        }
    }

    /**
     * All that makes a tokenizer.
     *
     * @param pieces by symbol
     * @param spaceAhead whether a space is put before a text, and behind every mark
     * @param before symbols before a whole text
     * @param after symbols after it
     * @param end the symbol that ends a text
     */
    record Vocabulary(List<Piece> pieces, boolean spaceAhead, List<Integer> before, List<Integer> after,
            OptionalInt end) {
        Vocabulary {
            pieces = List.copyOf(pieces);
            before = List.copyOf(before);
            after = List.copyOf(after);
        }
    }

    /**
     * A tokenizer of a vocabulary.
     *
     * @throws IllegalArgumentException if a piece is not what its type says; names it
     */
    SentencePieceTokenizer(Vocabulary vocabulary) {
        this.vocabulary = vocabulary;
        int count = vocabulary.pieces.size();
        byte[][] written = new byte[count][], sought = new byte[count][];
        List<AddedToken> cut = new ArrayList<>();
        Arrays.fill(byteIds, -1);
        boolean within = false;
        int most = 0;
        for (int id = 0; id < count; id++) {
            Piece piece = vocabulary.pieces.get(id);
            byte[] text = piece.text.getBytes(StandardCharsets.UTF_8);
            written[id] = text;
            sought[id] = new byte[0];
            if (text.length == 0 && piece.type != Type.UNUSED) {
                throw new IllegalArgumentException("symbol " + id + " is empty, expected at least one character");
            }
            switch (piece.type) {
                case NORMAL -> {
                    written[id] = piece.text.replace(SPACE, " ").getBytes(StandardCharsets.UTF_8);
                    sought[id] = text;
                    most = Math.max(most, text.length);
                    within |= spaceWithin(piece.text);
                }
                case CONTROL, USER_DEFINED -> cut.add(
                        new AddedToken(id, piece.text, piece.type == Type.CONTROL, false, false, false, false));
                case BYTE -> {
                    int value = byteOf(id, piece.text);
                    byteIds[value] = id;
                    written[id] = new byte[] {(byte) value};
                }
                case UNUSED -> written[id] = new byte[0];
                case UNKNOWN -> {
                    // is written as it is called
                }
            }
        }
        this.symbols = new SymbolTable(written);
        this.pieces = new SymbolTable(sought);
        this.longest = most;
        this.wordByWord = !within;
        this.unknown = IntStream.range(0, count).filter(id -> vocabulary.pieces.get(id).type == Type.UNKNOWN)
                .findFirst();
        this.marks = new AddedTokens(cut, Normalisation.NONE);
    }

    /** Whether a space stands behind something else. */
    private static boolean spaceWithin(String piece) {
        int begin = 0;
        while (begin < piece.length() && piece.charAt(begin) == SPACE.charAt(0)) {
            begin++;
        }
        return piece.indexOf(SPACE, begin) >= 0;
    }

    private static int byteOf(int id, String text) {
        if (!text.matches("<0x[0-9A-Fa-f]{2}>")) {
            throw new IllegalArgumentException("symbol " + id + " stands for a byte and is " + Shown.text(text)
                    + ", expected \"<0x00>\" to \"<0xFF>\"");
        }
        return Integer.parseInt(text.substring(3, 5), 16);
    }

    @Override
    public String name() {
        return "SentencePiece, " + vocabulary() + " symbols";
    }

    @Override
    public int vocabulary() {
        return symbols.size();
    }

    @Override
    public OptionalInt endOfText() {
        return vocabulary.end;
    }

    // ── from text ───────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public int[] encode(byte[] text) {
        Ids ids = new Ids(text.length / 3);
        encode(text, ids);
        return ids.toArray();
    }

    @Override
    public int[] encodeWhole(byte[] text) {
        Ids ids = new Ids(text.length / 3);
        vocabulary.before.forEach(ids::add);
        encode(text, ids);
        vocabulary.after.forEach(ids::add);
        return ids.toArray();
    }

    private void encode(byte[] text, Ids ids) {
        marks.cut(text, 0, text.length, new AddedTokens.Sink() {
            @Override
            public void text(byte[] bytes, int from, int to) {
                // every piece of text follows a mark, or is the first
                words(escaped(bytes, from, to, vocabulary.spaceAhead), ids);
            }

            @Override
            public void token(int id) {
                ids.add(id);
            }
        });
    }

    /** Spaces as U+2581, with one ahead if wanted. */
    private static byte[] escaped(byte[] text, int from, int to, boolean spaceAhead) {
        int spaces = spaceAhead ? 1 : 0;
        for (int at = from; at < to; at++) {
            spaces += text[at] == ' ' ? 1 : 0;
        }
        byte[] escaped = new byte[to - from + (SPACE_BYTES.length - 1) * spaces + (spaceAhead ? 1 : 0)];
        int end = spaceAhead ? space(escaped, 0) : 0;
        for (int at = from; at < to; at++) {
            if (text[at] == ' ') {
                end = space(escaped, end);
            } else {
                escaped[end++] = text[at];
            }
        }
        return escaped;
    }

    private static int space(byte[] into, int at) {
        System.arraycopy(SPACE_BYTES, 0, into, at, SPACE_BYTES.length);
        return at + SPACE_BYTES.length;
    }

    /** No piece goes on behind a word, where none holds a space that is not at its beginning. */
    private void words(byte[] text, Ids ids) {
        int begun = 0;
        for (int at = 1; wordByWord && at < text.length; at++) {
            if (isSpace(text, at) && !(at - begun >= SPACE_BYTES.length && isSpace(text, at - SPACE_BYTES.length))) {
                merge(text, begun, at, ids);
                begun = at;
            }
        }
        if (begun < text.length) {
            merge(text, begun, text.length, ids);
        }
    }

    private static boolean isSpace(byte[] text, int at) {
        return Arrays.equals(text, at, Math.min(text.length, at + SPACE_BYTES.length), SPACE_BYTES, 0,
                SPACE_BYTES.length);
    }

    /** Two neighbours that are a piece together; {@code length} tells whether they are still what they were. */
    private record Pair(float score, int left, int right, int length) implements Comparable<Pair> {
        @Override
        public int compareTo(Pair other) {
            int byScore = Float.compare(other.score, score);
            return byScore != 0 ? byScore : Integer.compare(left, other.left);
        }
    }

    private void merge(byte[] text, int from, int to, Ids ids) {
        int[] starts = new int[to - from + 1], lengths = new int[to - from], next = new int[to - from],
                previous = new int[to - from];
        int count = 0;
        for (int at = from; at < to; count++) {
            starts[count] = at;
            lengths[count] = Math.max(1, Utf8.length(text, at, to));
            previous[count] = count - 1;
            next[count] = count + 1;
            at += lengths[count];
        }
        int characters = count;
        PriorityQueue<Pair> pairs = new PriorityQueue<>();
        for (int i = 0; i + 1 < characters; i++) {
            offer(text, starts, lengths, i, i + 1, pairs);
        }
        for (Pair best = pairs.poll(); best != null; best = pairs.poll()) {
            int left = best.left, right = best.right;
            if (lengths[left] == 0 || lengths[right] == 0 || lengths[left] + lengths[right] != best.length) {
                continue;
            }
            lengths[left] = best.length;
            lengths[right] = 0;
            next[left] = next[right];
            if (next[left] < characters) {
                previous[next[left]] = left;
                offer(text, starts, lengths, left, next[left], pairs);
            }
            if (previous[left] >= 0) {
                offer(text, starts, lengths, previous[left], left, pairs);
            }
        }
        for (int i = 0; i < characters; i = next[i]) {
            add(text, starts[i], starts[i] + lengths[i], ids);
        }
    }

    private void offer(byte[] text, int[] starts, int[] lengths, int left, int right, PriorityQueue<Pair> pairs) {
        int length = lengths[left] + lengths[right];
        int id = length <= longest ? pieces.find(text, starts[left], starts[left] + length) : -1;
        if (id >= 0) {
            pairs.add(new Pair(vocabulary.pieces.get(id).score, left, right, length));
        }
    }

    private void add(byte[] text, int from, int to, Ids ids) {
        int id = pieces.find(text, from, to);
        if (id >= 0) {
            ids.add(id);
            return;
        }
        for (int at = from; at < to; at++) {
            if (byteIds[text[at] & 0xFF] >= 0) {
                ids.add(byteIds[text[at] & 0xFF]);
            } else {
                ids.add(unknown.orElseThrow(() -> new IllegalArgumentException(
                        "%s is not in the vocabulary, which has no symbols for bytes and none for what is unknown"
                                .formatted(Shown.text(new String(text, from, to - from, StandardCharsets.UTF_8))))));
                return;
            }
        }
    }

    // ── to text ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public byte[] symbol(int id) {
        return symbols.get(id);
    }

    @Override
    public int symbolLength(int id) {
        return symbols.length(id);
    }

    @Override
    public OptionalInt id(byte[] symbol) {
        return symbols.id(symbol);
    }

    // ── in a model's folder ─────────────────────────────────────────────────────────────────────────────────────────

    @Override
    public Map<String, String> descriptor() {
        Map<String, String> descriptor = new LinkedHashMap<>();
        descriptor.put(TokenizerFiles.KIND, KIND);
        TokenizerFiles.describe(descriptor, FILE, file());
        return descriptor;
    }

    @Override
    public Map<String, byte[]> files() {
        return Map.of(FILE, file());
    }

    private byte[] file() {
        return BpeFile.json(GgufTokenizers.metadata(this, vocabulary()));
    }

    static SentencePieceTokenizer from(Map<String, String> descriptor, Optional<Path> folder) throws IOException {
        return TokenizerFiles.load(descriptor, folder, SentencePieceTokenizer::parse);
    }

    static SentencePieceTokenizer parse(String name, byte[] file) throws IOException {
        try {
            if (GgufTokenizers.of(BpeFile.entries(name, file)) instanceof SentencePieceTokenizer tokenizer) {
                return tokenizer;
            }
        } catch (IllegalArgumentException bad) {
            throw new IOException(name + ": " + bad.getMessage(), bad);
        }
        throw new IOException(name + ": holds another tokenizer, expected SentencePiece's");
    }

    /** All that this was made from. */
    Vocabulary pieces() {
        return vocabulary;
    }

    @Override
    public boolean equals(Object other) {
        return this == other
                || other instanceof SentencePieceTokenizer tokenizer && vocabulary.equals(tokenizer.vocabulary);
    }

    @Override
    public int hashCode() {
        return Objects.hash(vocabulary(), vocabulary.end);
    }

    @Override
    public String toString() {
        return "sentencepiece(" + vocabulary() + ")";
    }
}

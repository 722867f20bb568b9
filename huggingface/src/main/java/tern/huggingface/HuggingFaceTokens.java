package tern.huggingface;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;

import tern.text.Tokenizer;
import tern.text.TokenizerReader;

/**
 * A tokenizer that the library runs. What a symbol stands for is what it adds to a text that goes before it, so that symbols
 * can be written one at a time; only the space that some vocabularies put in front of a whole text is left to
 * {@link #decode}. The library is native and is freed with this object. Immutable; safe for use by several threads.
 */
final class HuggingFaceTokens implements Tokenizer {
    private static final String FILE = "tokenizer.json";
    private static final String ANCHOR = "a";

    private final HuggingFaceTokenizer library;
    private final Vocabulary vocabulary;
    private final byte[] file;
    private final long[] anchor;
    private final String anchored;
    private final byte[][] symbols;
    private final Map<ByteBuffer, Integer> ids = new HashMap<>();

    HuggingFaceTokens(HuggingFaceTokenizer library, Vocabulary vocabulary, byte[] file) {
        this.library = library;
        this.vocabulary = vocabulary;
        this.file = file;
        anchor = library.encode(ANCHOR, false, false).getIds();
        anchored = library.decode(anchor, false);
        symbols = new byte[vocabulary.size()][];
        for (int id = symbols.length - 1; id >= 0; id--) {
            symbols[id] = bytes(id);
            if (symbols[id].length > 0) {
                ids.put(ByteBuffer.wrap(symbols[id]), id);
            }
        }
    }

    private byte[] bytes(int id) {
        return vocabulary.bytes(id).orElseGet(() -> {
            long[] both = Arrays.copyOf(anchor, anchor.length + 1);
            both[anchor.length] = id;
            String text = library.decode(both, false);
            return (text.startsWith(anchored) ? text.substring(anchored.length())
                    : library.decode(new long[] {id}, false)).getBytes(StandardCharsets.UTF_8);
        });
    }

    @Override
    public String name() {
        return vocabulary.model() + ", " + symbols.length + " symbols";
    }

    @Override
    public int vocabulary() {
        return symbols.length;
    }

    @Override
    public int[] encode(byte[] bytes) {
        return encoded(bytes, false);
    }

    @Override
    public int[] encodeWhole(byte[] text) {
        return encoded(text, true);
    }

    private int[] encoded(byte[] bytes, boolean special) {
        ByteBuffer left = ByteBuffer.wrap(bytes);
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(left).toString();
        } catch (CharacterCodingException bad) {
            throw new IllegalArgumentException(
                    "byte " + left.position() + " of the text does not begin a UTF-8 character,"
                            + " and this vocabulary reads characters only; give text, or take another tokenizer",
                    bad);
        }
        Encoding encoding = library.encode(text, special, false);
        return Arrays.stream(encoding.getIds()).mapToInt(Math::toIntExact).toArray();
    }

    @Override
    public byte[] symbol(int id) {
        if (id < 0 || id >= symbols.length) {
            throw new IllegalArgumentException(
                    "symbol " + id + " is outside the vocabulary, expected 0.." + (symbols.length - 1));
        }
        return symbols[id].clone();
    }

    @Override
    public int symbolLength(int id) {
        return symbol(id).length;
    }

    /** What the library makes of the whole; bytes that are no text stay what they are. */
    @Override
    public byte[] decode(int[] symbolIds) {
        String text = library.decode(Arrays.stream(symbolIds).asLongStream().toArray(), false);
        return text.indexOf('\uFFFD') >= 0 ? Tokenizer.super.decode(symbolIds) : text.getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public OptionalInt id(byte[] symbol) {
        Integer id = ids.get(ByteBuffer.wrap(symbol));
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    @Override
    public OptionalInt endOfText() {
        return vocabulary.endOfText();
    }

    @Override
    public Map<String, String> descriptor() {
        return TokenizerReader.descriptor(HuggingFaceReader.KIND, FILE, file);
    }

    @Override
    public Map<String, byte[]> files() {
        return Map.of(FILE, file.clone());
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof HuggingFaceTokens tokens && Arrays.equals(file, tokens.file);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(file);
    }
}

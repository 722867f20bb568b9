package tern.text;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Maps bytes to symbols and back. Every symbol stands for a fixed string of bytes, so decoding is concatenation; text is
 * UTF-8. Implementations are immutable and safe for use by several threads.
 */
public interface Tokenizer {
    /** What it is called in reports, such as "bytes" or "BPE, 50277 symbols". */
    String name();

    /** Number of symbols; identifiers run from 0 to one less. Some may stand for no bytes. */
    int vocabulary();

    /**
     * The symbols of a string of bytes.
     *
     * @throws IllegalArgumentException if some byte cannot be expressed in the vocabulary; names the byte and its offset
     */
    int[] encode(byte[] bytes);

    /**
     * The bytes that one symbol stands for, a fresh array; empty for reserved symbols.
     *
     * @throws IllegalArgumentException if the identifier is outside the vocabulary
     */
    byte[] symbol(int id);

    /** The symbol that stands for exactly these bytes, if there is one. */
    OptionalInt id(byte[] symbol);

    /** The symbol that ends a text, if the vocabulary has one. */
    OptionalInt endOfText();

    /** Whether text can be read: not where a model's files do not say how. */
    default boolean readsText() {
        return true;
    }

    /** What has to be stored with a model to get this tokenizer back from {@link #from}. */
    Map<String, String> descriptor();

    /** Files that the descriptor names and that have to lie in the model's folder; plain names and fresh contents. */
    default Map<String, byte[]> files() {
        return Map.of();
    }

    /**
     * Number of bytes that one symbol stands for.
     *
     * @throws IllegalArgumentException if the identifier is outside the vocabulary
     */
    default int symbolLength(int id) {
        return symbol(id).length;
    }

    /** The symbols of a text, taken as UTF-8. */
    default int[] encode(String text) {
        return encode(text.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * The symbols of a text that a model shall read from its beginning, with those before and after it that the tokenizer's
     * file asks for, such as a symbol for the beginning.
     */
    default int[] encodeWhole(byte[] text) {
        return encode(text);
    }

    /** The bytes of a string of symbols. */
    default byte[] decode(int[] ids) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(ids.length);
        for (int id : ids) {
            bytes.writeBytes(symbol(id));
        }
        return bytes.toByteArray();
    }

    /** The text of a string of symbols; bytes that are not UTF-8 become U+FFFD. */
    default String text(int[] ids) {
        return new String(decode(ids), StandardCharsets.UTF_8);
    }

    /** A decoder for symbols that come one at a time. */
    default TextDecoder decoder() {
        return new TextDecoder(this);
    }

    /**
     * The tokenizer that a model without a folder of its own was stored with.
     *
     * @throws IllegalArgumentException if the kind is unknown, a setting is missing or impossible, or the tokenizer is in a
     *     file
     */
    static Tokenizer from(Map<String, String> descriptor) {
        try {
            return TokenizerKinds.from(descriptor, Optional.empty());
        } catch (IOException impossible) {
            throw new IllegalStateException("a tokenizer without a folder is not read from a file", impossible);
        }
    }

    /**
     * The tokenizer that a model was stored with.
     *
     * @param folder where the model's files lie
     * @throws IllegalArgumentException if the kind is unknown or a setting is missing or impossible
     * @throws IOException if a file that it needs is missing, damaged or another than was stored; names the file, what was
     *     expected and what was found
     */
    static Tokenizer from(Map<String, String> descriptor, Path folder) throws IOException {
        return TokenizerKinds.from(descriptor, Optional.of(folder));
    }

    /**
     * What stands in for the tokenizer of a model whose files name none: it refuses text with advice, and writes symbols as
     * numbers.
     *
     * @param vocabulary number of symbols, 1 or more
     */
    static Tokenizer unknown(int vocabulary) {
        if (vocabulary < 1) {
            throw new IllegalArgumentException("tokenizer: vocabulary is " + vocabulary + ", expected 1 or more");
        }
        return new UnknownTokenizer(vocabulary, UnknownTokenizer.UNTOLD);
    }

    /**
     * {@link #unknown(int)} for a model whose tokenizer is of a kind that is not known here.
     *
     * @param why text cannot be read
     */
    static Tokenizer unknown(int vocabulary, String why) {
        if (vocabulary < 1) {
            throw new IllegalArgumentException("tokenizer: vocabulary is " + vocabulary + ", expected 1 or more");
        }
        return new UnknownTokenizer(vocabulary, why + "; ");
    }

    /**
     * A tokenizer as users name it: {@code bytes}, {@code world} (the vocabulary that ships with Tern), a file
     * {@code tokenizer.json} or a World vocabulary, or a folder with a {@code tokenizer.json} or a {@code sentencepiece.json}.
     *
     * @throws IOException if the file cannot be read or is no tokenizer; names the place, what was expected and what was
     *     found
     */
    static Tokenizer open(String name) throws IOException {
        return TokenizerKinds.open(name);
    }
}

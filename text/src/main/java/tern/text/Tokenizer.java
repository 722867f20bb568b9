package tern.text;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;

/**
 * Maps bytes to symbols and back. Every symbol stands for a fixed string of bytes, so decoding is concatenation; text is
 * UTF-8. Implementations are immutable and safe for use by several threads.
 */
public interface Tokenizer {
    /** Number of symbols; identifiers run from 0 to one less. */
    int vocabulary();

    /**
     * The symbols of a string of bytes.
     *
     * @throws IllegalArgumentException if some byte cannot be expressed in the vocabulary; names the byte and its offset
     */
    int[] encode(byte[] bytes);

    /**
     * The bytes that one symbol stands for, a fresh array.
     *
     * @throws IllegalArgumentException if the identifier is outside the vocabulary
     */
    byte[] symbol(int id);

    /** What has to be stored with a model to get this tokenizer back from {@link #from}. */
    Map<String, String> descriptor();

    /** The symbols of a text, taken as UTF-8. */
    default int[] encode(String text) {
        return encode(text.getBytes(StandardCharsets.UTF_8));
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
     * The tokenizer that a model was stored with.
     *
     * @throws IllegalArgumentException if the kind is unknown or a setting is missing or impossible
     */
    static Tokenizer from(Map<String, String> descriptor) {
        String kind = descriptor.get("kind");
        if (!ByteTokenizer.KIND.equals(kind)) {
            throw new IllegalArgumentException("tokenizer: kind is " + (kind == null ? "missing" : '"' + kind + '"')
                    + ", expected \"" + ByteTokenizer.KIND + "\"; the model was written by another version");
        }
        String alphabet = descriptor.get("alphabet");
        if (alphabet == null) {
            return ByteTokenizer.ALL;
        }
        try {
            return ByteTokenizer.over(HexFormat.of().parseHex(alphabet));
        } catch (IllegalArgumentException bad) {
            throw new IllegalArgumentException(bad.getMessage() + "; tokenizer: alphabet is \"" + alphabet
                    + "\", expected distinct bytes as hexadecimal digits", bad);
        }
    }
}

package tern.text;

import java.nio.charset.StandardCharsets;
import java.util.random.RandomGenerator;

/** Texts of every kind for laws of tokenizers. */
final class Texts {
    private static final String[] WORDS = {"the", " The", "'s", "'LL", " it's", "é", "e\u0301", "漢字", "한국어", "ñ", "😀",
        "👨‍👩",
        "123", "4567", " 89", "½", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\u00A0", "\u3000", "!?", "...", " --",
        "<|", "|>",
        "<|endoftext|>", "a", "ab", "A", "'", "''", "$", "=", "==", "\0", "\u0085", "_x", "ﬁ", "İ", "\uFFFD", "ÿ"};

    private Texts() {
    }

    /** A valid text of some length. */
    static String any(RandomGenerator random, int pieces) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < pieces; i++) {
            if (random.nextInt(8) > 0) {
                text.append(WORDS[random.nextInt(WORDS.length)]);
            } else {
                int[] ranges = {0x80, 0x800, 0xD800, 0x110000};
                int c = random.nextInt(ranges[random.nextInt(4)]);
                text.appendCodePoint(c >= 0xD800 && c < 0xE000 ? 'x' : c);
            }
        }
        return text.toString();
    }

    /** Any bytes: a text with some of its bytes replaced. */
    static byte[] anyBytes(RandomGenerator random, int pieces) {
        byte[] bytes = any(random, pieces).getBytes(StandardCharsets.UTF_8);
        for (int at = random.nextInt(10); at < bytes.length; at += 1 + random.nextInt(10)) {
            bytes[at] = (byte) random.nextInt(256);
        }
        return bytes;
    }

    /** What a tokenizer's symbols make one at a time, and at the end. */
    static String streamed(Tokenizer tokenizer, int[] ids) {
        TextDecoder decoder = tokenizer.decoder();
        StringBuilder text = new StringBuilder();
        for (int id : ids) {
            text.append(decoder.accept(id));
        }
        return text.append(decoder.finish()).toString();
    }
}

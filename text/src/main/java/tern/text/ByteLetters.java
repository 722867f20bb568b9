package tern.text;

import java.nio.charset.StandardCharsets;

/**
 * The letters that byte-level vocabularies write bytes with: printable bytes as themselves, the other 68 in order as the
 * characters from U+0100 on, so that a space is Ġ and a line feed Ċ.
 */
final class ByteLetters {
    private static final char[] LETTERS = new char[256];
    private static final int[] BYTES = new int[0x144];

    static {
        java.util.Arrays.fill(BYTES, -1);
        char next = 0x100;
        for (int value = 0; value < 256; value++) {
            boolean printable = value >= 33 && value <= 126 || value >= 161 && value <= 172 || value >= 174;
            LETTERS[value] = printable ? (char) value : next++;
            BYTES[LETTERS[value]] = value;
        }
    }

    private ByteLetters() {
    }

    /** The letter of a byte, 0 to 255. */
    static String letter(int value) {
        return String.valueOf(LETTERS[value]);
    }

    /** Whether every character of a token is such a letter. */
    static boolean areLetters(String token) {
        return token.chars().allMatch(c -> c < BYTES.length && BYTES[c] >= 0);
    }

    /** The bytes that a token stands for; a token with other characters stands for itself, as UTF-8. */
    static byte[] bytes(String token) {
        if (!areLetters(token)) {
            return token.getBytes(StandardCharsets.UTF_8);
        }
        byte[] bytes = new byte[token.length()];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) BYTES[token.charAt(i)];
        }
        return bytes;
    }

    /** The token for some bytes. */
    static String token(byte[] bytes) {
        StringBuilder token = new StringBuilder(bytes.length);
        for (byte value : bytes) {
            token.append(LETTERS[value & 0xFF]);
        }
        return token.toString();
    }
}

package tern.text;

/** Characters in UTF-8, checked as the standard says: no overlong forms, no surrogates, nothing above U+10FFFF. */
final class Utf8 {
    private Utf8() {
    }

    /** Bytes of the character that begins at a place, or 0 if none does that is whole and well formed. */
    static int length(byte[] text, int at, int to) {
        int first = text[at] & 0xFF;
        if (first < 0x80) {
            return 1;
        }
        int length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
        if (length == 0 || at + length > to) {
            return 0;
        }
        int second = text[at + 1] & 0xFF;
        int low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
        int high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
        if (second < low || second > high) {
            return 0;
        }
        for (int i = at + 2; i < at + length; i++) {
            if ((text[i] & 0xC0) != 0x80) {
                return 0;
            }
        }
        return length;
    }

    /** The code point of a well-formed character. */
    static int codePoint(byte[] text, int at, int length) {
        return switch (length) {
            case 1 -> text[at];
            case 2 -> (text[at] & 0x1F) << 6 | text[at + 1] & 0x3F;
            case 3 -> (text[at] & 0x0F) << 12 | (text[at + 1] & 0x3F) << 6 | text[at + 2] & 0x3F;
            default -> (text[at] & 0x07) << 18 | (text[at + 1] & 0x3F) << 12 | (text[at + 2] & 0x3F) << 6
                    | text[at + 3] & 0x3F;
        };
    }

    /** The end of the bytes from a place on that are ASCII. */
    static int endOfAscii(byte[] text, int from, int to) {
        int at = from;
        while (at < to && text[at] >= 0) {
            at++;
        }
        return at;
    }

    /** Bytes that hold no beginning of a character whose rest is missing. */
    static int lastBoundary(byte[] text) {
        for (int back = 1; back <= 3 && back <= text.length; back++) {
            int value = text[text.length - back] & 0xFF;
            if (value >= 0xC0) {
                int wanted = value < 0xE0 ? 2 : value < 0xF0 ? 3 : 4;
                return wanted > back ? text.length - back : text.length;
            }
        }
        return text.length;
    }
}

package tern.text;

/** Characters of a text in UTF-8, one at a time: how long each is and what kind. */
final class Characters {
    static final int LETTER = 0;
    static final int NUMBER = 1;
    static final int SPACE = 2;
    static final int OTHER = 3;
    static final int UPPER = 1;
    static final int LOWER = 2;

    private static final int[] ASCII = new int[128];

    static {
        for (int c = 0; c < ASCII.length; c++) {
            ASCII[c] = 1 << 2 | kindOf(c);
        }
    }

    private Characters() {
    }

    /** The character at a place; see {@link #kind} and {@link #length}. A byte that is not UTF-8 is one of kind OTHER. */
    static int at(byte[] text, int at, int to) {
        byte first = text[at];
        if (first >= 0) {
            return ASCII[first];
        }
        int length = Utf8.length(text, at, to);
        return length == 0 ? 1 << 2 | OTHER : length << 2 | kindOf(Utf8.codePoint(text, at, length));
    }

    static int kind(int character) {
        return character & 3;
    }

    /** Bytes of a character. */
    static int length(int character) {
        return character >>> 2;
    }

    /** Unicode's general categories L and N, and its property White_Space. */
    private static int kindOf(int c) {
        return switch (Character.getType(c)) {
            case Character.UPPERCASE_LETTER, Character.LOWERCASE_LETTER, Character.TITLECASE_LETTER,
                    Character.MODIFIER_LETTER, Character.OTHER_LETTER ->
                LETTER;
            case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> NUMBER;
            case Character.SPACE_SEPARATOR, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR -> SPACE;
            default -> c >= 9 && c <= 13 || c == 0x85 ? SPACE : OTHER;
        };
    }

    /** Whether it is of Unicode's general category M. */
    static boolean isMark(byte[] text, int at, int to) {
        return text[at] < 0 && casing(text, at, to) == (UPPER | LOWER) && kind(at(text, at, to)) == OTHER;
    }

    /**
     * {@link #UPPER} for upper and title case, {@link #LOWER} for lower case, both for letters without case and marks, 0 for all else.
     */
    static int casing(byte[] text, int at, int to) {
        int length = Utf8.length(text, at, to);
        if (length == 0) {
            return 0;
        }
        return switch (Character.getType(Utf8.codePoint(text, at, length))) {
            case Character.UPPERCASE_LETTER, Character.TITLECASE_LETTER -> UPPER;
            case Character.LOWERCASE_LETTER -> LOWER;
            case Character.MODIFIER_LETTER, Character.OTHER_LETTER, Character.NON_SPACING_MARK,
                    Character.ENCLOSING_MARK, Character.COMBINING_SPACING_MARK ->
                UPPER | LOWER;
            default -> 0;
        };
    }

    /** Unicode's general category P, and {@code $ + < = > ^ ~ |}. */
    static boolean isPunctuation(byte[] text, int at, int to) {
        int length = Utf8.length(text, at, to);
        if (length == 0) {
            return false;
        }
        int c = Utf8.codePoint(text, at, length);
        return switch (Character.getType(c)) {
            case Character.CONNECTOR_PUNCTUATION, Character.DASH_PUNCTUATION, Character.START_PUNCTUATION,
                    Character.END_PUNCTUATION, Character.INITIAL_QUOTE_PUNCTUATION,
                    Character.FINAL_QUOTE_PUNCTUATION, Character.OTHER_PUNCTUATION ->
                true;
            default -> c < 0x80 && "$+<=>^~|".indexOf(c) >= 0;
        };
    }

    /** What regular expressions call a word's character: letters, marks, decimal digits, connectors, joiners. */
    static boolean isWord(int c) {
        return switch (Character.getType(c)) {
            case Character.NON_SPACING_MARK, Character.ENCLOSING_MARK, Character.COMBINING_SPACING_MARK,
                    Character.DECIMAL_DIGIT_NUMBER, Character.CONNECTOR_PUNCTUATION ->
                true;
            default -> Character.isAlphabetic(c) || c == 0x200C || c == 0x200D;
        };
    }
}

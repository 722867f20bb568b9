package tern.text;

/** What was found in a file, as messages show it: on one line, and not too long. */
final class Shown {
    private static final int LONGEST = 40;

    private Shown() {
    }

    /** A text in quotes. */
    static String text(String found) {
        StringBuilder shown = new StringBuilder("\"");
        int count = found.codePointCount(0, found.length());
        found.codePoints().limit(LONGEST).forEach(c -> {
            if (c < 0x20 || c >= 0x7F && c < 0xA0 || c == 0x2028 || c == 0x2029) {
                shown.append("\\u%04x".formatted(c));
            } else {
                shown.appendCodePoint(c);
            }
        });
        return shown.append(count > LONGEST ? "…\"" : "\"").toString();
    }

    /** A character in quotes, or its number where it cannot be seen. */
    static String character(int codePoint) {
        return codePoint <= 0x20 || codePoint >= 0x7F && codePoint < 0xA0 ? "U+%04X".formatted(codePoint)
                : "'" + Character.toString(codePoint) + "'";
    }
}

package tern.checkpoint.mapped;

/** Text from files, fit to be shown in a message. */
public final class Quoted {
    private static final int LONGEST = 120;

    private Quoted() {
    }

    /** A name in quotation marks, cut if it is long. */
    public static String name(String name) {
        return '"' + oneLine(name.length() > LONGEST ? name.substring(0, LONGEST) + "…" : name) + '"';
    }

    /** The same text with control characters made visible. */
    public static String oneLine(String text) {
        StringBuilder line = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isISOControl(c) || c == '\u2028' || c == '\u2029') {
                line.append(String.format("\\u%04x", (int) c));
            } else {
                line.append(c);
            }
        }
        return line.toString();
    }
}

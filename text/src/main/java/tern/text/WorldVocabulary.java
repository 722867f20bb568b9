package tern.text;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The file that lists a World vocabulary: a line {@code ID LITERAL LENGTH} a token, the literal being Python's and the
 * length that of its bytes. Line ends may be LF or CRLF, the last may be missing; anything else that is not exactly so is
 * refused.
 */
final class WorldVocabulary {
    private WorldVocabulary() {
    }

    /** A string of bytes as a key. */
    private record Key(byte[] bytes) {
        @Override
        public boolean equals(Object other) {
            return other instanceof Key key && Arrays.equals(bytes, key.bytes);
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(bytes);
        }
    }

    /**
     * Reads a vocabulary.
     *
     * @param name what the file is called in messages
     * @return bytes by id, none for those ids that the file leaves out before its first
     * @throws IOException if a line is not as it must be; names it, what was expected and what was found
     */
    static List<byte[]> parse(String name, byte[] file) throws IOException {
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(file)).toString();
        } catch (CharacterCodingException bad) {
            throw new IOException(name + ": is not UTF-8 text, expected lines such as 34 '!' 1; get the file again",
                    bad);
        }
        List<byte[]> symbols = new ArrayList<>();
        Map<Key, Integer> lines = new HashMap<>();
        int line = 0;
        for (int from = 0; from < text.length();) {
            int end = text.indexOf('\n', from);
            int next = end < 0 ? text.length() : end + 1;
            int stop = end < 0 ? text.length() : end;
            stop -= stop > from && text.charAt(stop - 1) == '\r' ? 1 : 0;
            line++;
            try {
                add(symbols, lines, text.substring(from, stop), line);
            } catch (IllegalArgumentException bad) {
                throw new IOException(name + ": line " + line + ": " + bad.getMessage(), bad);
            }
            from = next;
        }
        for (int value = 0; value < 256; value++) {
            if (!lines.containsKey(new Key(new byte[] {(byte) value}))) {
                throw new IOException(name + ": ends after line " + line + " without a token for the byte 0x%02X"
                        .formatted(value) + ", expected one for each of the 256, so that any text can be expressed;"
                        + " get the file again");
            }
        }
        return symbols;
    }

    private static void add(List<byte[]> symbols, Map<Key, Integer> lines, String entry, int line) {
        int first = entry.indexOf(' ');
        int last = entry.lastIndexOf(' ');
        if (first < 0 || last <= first) {
            throw new IllegalArgumentException("expected an id, a literal and a length with spaces between, found "
                    + Shown.text(entry));
        }
        int id = number("id", entry, 0, first);
        if (line == 1 && id == 1) {
            // reserved: the end of a text
            symbols.add(new byte[0]);
        }
        if (id != symbols.size()) {
            throw new IllegalArgumentException(
                    "expected id " + (line == 1 ? "0 or 1" : symbols.size()) + ", found " + id
                            + "; a line is missing, or the lines are not in order");
        }
        byte[] bytes = PythonLiteral.parse(entry.substring(first + 1, last));
        int length = number("length", entry, last + 1, entry.length());
        if (bytes.length != length) {
            throw new IllegalArgumentException("expected " + length + " bytes as the line's end says, found "
                    + bytes.length + " in " + Shown.text(entry.substring(first + 1, last)));
        }
        if (length == 0) {
            throw new IllegalArgumentException("expected a token of one byte or more, found an empty one");
        }
        Integer before = lines.putIfAbsent(new Key(bytes), line);
        if (before != null) {
            throw new IllegalArgumentException("expected a new token, found that of line " + before + " again: "
                    + Shown.text(entry.substring(first + 1, last)));
        }
        symbols.add(bytes);
    }

    private static int number(String what, String entry, int from, int to) {
        int value = 0;
        boolean number = to > from && to - from < 9;
        for (int at = from; at < to && number; at++) {
            char digit = entry.charAt(at);
            number = digit >= '0' && digit <= '9';
            value = value * 10 + digit - '0';
        }
        if (!number) {
            throw new IllegalArgumentException(
                    what + ": expected a number, found " + Shown.text(entry.substring(from, to)));
        }
        return value;
    }

    /** A file that {@link #parse} reads back. */
    static byte[] write(List<byte[]> symbols) {
        StringBuilder text = new StringBuilder();
        for (int id = 0; id < symbols.size(); id++) {
            byte[] symbol = symbols.get(id);
            if (symbol.length > 0) {
                text.append(id).append(' ').append(PythonLiteral.write(symbol)).append(' ').append(symbol.length)
                        .append('\n');
            }
        }
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }
}

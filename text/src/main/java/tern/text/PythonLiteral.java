package tern.text;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Python's literals of text and of bytes: {@code 'it\'s'}, {@code "it's"}, {@code b'\xff'}. In text an escape is a code
 * point, which UTF-8 may need several bytes for; in bytes it is one byte.
 */
final class PythonLiteral {
    private PythonLiteral() {
    }

    /**
     * The bytes that a literal stands for; text becomes UTF-8.
     *
     * @throws IllegalArgumentException if it is not a literal; says what was expected and found, and at which character
     */
    static byte[] parse(String literal) {
        boolean bytes = literal.startsWith("b");
        int start = bytes ? 1 : 0;
        char quote = start < literal.length() ? literal.charAt(start) : 0;
        if (quote != '\'' && quote != '"') {
            throw bad(literal, start, "expected ' or \"");
        }
        int end = literal.length() - 1;
        if (end <= start || literal.charAt(end) != quote) {
            throw bad(literal, Math.max(end, 0), "expected the closing " + quote);
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream(literal.length());
        int at = start + 1;
        while (at < end) {
            int c = literal.codePointAt(at);
            if (c == quote) {
                throw bad(literal, at, "expected \\ before a " + quote + " inside");
            } else if (c == '\\') {
                at = unescape(literal, at + 1, end, bytes, out);
            } else if (c < 0x20 || bytes && c > 0x7E) {
                throw bad(literal, at, "expected an escape for this character");
            } else {
                append(out, c);
                at += Character.charCount(c);
            }
        }
        return out.toByteArray();
    }

    /** Reads what follows a backslash; gives back where it ends. */
    private static int unescape(String literal, int at, int end, boolean bytes, ByteArrayOutputStream out) {
        if (at >= end) {
            throw bad(literal, at, "expected the rest of an escape");
        }
        char kind = literal.charAt(at);
        int simple = "\\'\"ntrabfv".indexOf(kind);
        if (simple >= 0) {
            out.write("\\'\"\n\t\r\u0007\b\f\u000B".charAt(simple));
            return at + 1;
        }
        int digits = switch (kind) {
            case 'x' -> 2;
            case 'u' -> 4;
            case 'U' -> 8;
            default -> throw bad(literal, at, "expected one of \\\\ \\' \\\" \\n \\t \\r \\a \\b \\f \\v \\x \\u \\U");
        };
        if (bytes && digits > 2) {
            throw bad(literal, at, "expected \\x, bytes have no other numbers");
        }
        int code = 0;
        for (int i = at + 1; i <= at + digits; i++) {
            int digit = i < end ? Character.digit(literal.charAt(i), 16) : -1;
            if (digit < 0) {
                throw bad(literal, i, "expected " + digits + " hexadecimal digits");
            }
            code = code << 4 | digit;
        }
        if (bytes) {
            out.write(code);
        } else if (code < 0 || code > Character.MAX_CODE_POINT || code >= 0xD800 && code < 0xE000) {
            throw bad(literal, at, "expected a character of Unicode");
        } else {
            append(out, code);
        }
        return at + 1 + digits;
    }

    private static void append(ByteArrayOutputStream out, int codePoint) {
        if (codePoint < 0x80) {
            out.write(codePoint);
        } else {
            out.writeBytes(Character.toString(codePoint).getBytes(StandardCharsets.UTF_8));
        }
    }

    private static IllegalArgumentException bad(String literal, int at, String expected) {
        return new IllegalArgumentException("the literal " + Shown.text(literal) + " is not Python's: " + expected
                + " at character " + at + ", found " + (at < literal.length() ? Shown.character(literal.codePointAt(at))
                        : "the end"));
    }

    /** The bytes of a literal of bytes that stands without its quotes, as GGUF has them; quotes inside may be bare. */
    static byte[] unescapeBytes(String inside) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(inside.length());
        for (int at = 0; at < inside.length();) {
            char c = inside.charAt(at);
            if (c == '\\') {
                at = unescape(inside, at + 1, inside.length(), true, out);
            } else if (c < 0x20 || c > 0x7E) {
                throw bad(inside, at, "expected an escape for this character");
            } else {
                out.write(c);
                at++;
            }
        }
        return out.toByteArray();
    }

    /** What {@link #unescapeBytes} reads back: printable ASCII as it is, the rest escaped. */
    static String escapeBytes(byte[] bytes) {
        StringBuilder inside = new StringBuilder(bytes.length);
        for (byte value : bytes) {
            switch (value) {
                case '\n' -> inside.append("\\n");
                case '\r' -> inside.append("\\r");
                case '\t' -> inside.append("\\t");
                case '\\' -> inside.append("\\\\");
                default -> {
                    if (value < 0x20 || value == 0x7F) {
                        inside.append("\\x%02x".formatted(value & 0xFF));
                    } else {
                        inside.append((char) value);
                    }
                }
            }
        }
        return inside.toString();
    }

    /** A literal that stands for the bytes: of text if they are UTF-8, else of bytes. */
    static String write(byte[] bytes) {
        String text = new String(bytes, StandardCharsets.UTF_8);
        boolean isText = java.util.Arrays.equals(text.getBytes(StandardCharsets.UTF_8), bytes);
        StringBuilder literal = new StringBuilder(isText ? "'" : "b'");
        if (isText) {
            text.codePoints().forEach(c -> {
                switch (c) {
                    case '\n' -> literal.append("\\n");
                    case '\r' -> literal.append("\\r");
                    case '\t' -> literal.append("\\t");
                    case '\\', '\'' -> literal.append('\\').append((char) c);
                    default -> {
                        if (c < 0x20 || c >= 0x7F && c < 0xA0) {
                            literal.append("\\x%02x".formatted(c));
                        } else if (c == 0x2028 || c == 0x2029) {
                            literal.append("\\u%04x".formatted(c));
                        } else {
                            literal.appendCodePoint(c);
                        }
                    }
                }
            });
        } else {
            for (byte value : bytes) {
                if (value < 0x20 || value == 0x7F || value == '\\' || value == '\'') {
                    literal.append("\\x%02x".formatted(value & 0xFF));
                } else {
                    literal.append((char) value);
                }
            }
        }
        return literal.append('\'').toString();
    }
}

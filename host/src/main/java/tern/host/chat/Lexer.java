package tern.host.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Words of an expression. Stateless. */
final class Lexer {
    private static final Pattern WORD = Pattern
            .compile("\\s*(?:(?<name>[A-Za-z_][A-Za-z_0-9]*)|(?<number>[0-9]+(?:\\.[0-9]+)?)"
                    + "|(?<text>'(?:[^'\\\\]|\\\\.)*+'|\"(?:[^\"\\\\]|\\\\.)*+\")"
                    + "|(?<sign>==|!=|<=|>=|//|\\*\\*|[-+*/%~<>=.,:|()\\[\\]{}]))", Pattern.DOTALL);

    private Lexer() {
    }

    enum Kind {
        NAME, NUMBER, TEXT, SIGN, END
    }

    record Word(Kind kind, String text) {
        boolean is(String sign) {
            return (kind == Kind.SIGN || kind == Kind.NAME) && text.equals(sign);
        }
    }

    static List<Word> words(String source) {
        List<Word> words = new ArrayList<>();
        Matcher matcher = WORD.matcher(source);
        int at = 0;
        while (at < source.length() && !source.substring(at).isBlank()) {
            if (!matcher.find(at) || matcher.start() != at) {
                throw new TemplateException("\"" + source.strip() + "\" cannot be read from \""
                        + source.substring(at).strip() + "\" on");
            }
            if (matcher.group("name") != null) {
                words.add(new Word(Kind.NAME, matcher.group("name")));
            } else if (matcher.group("number") != null) {
                words.add(new Word(Kind.NUMBER, matcher.group("number")));
            } else if (matcher.group("text") != null) {
                words.add(new Word(Kind.TEXT, unescaped(matcher.group("text"))));
            } else {
                words.add(new Word(Kind.SIGN, matcher.group("sign")));
            }
            at = matcher.end();
        }
        words.add(new Word(Kind.END, "the end"));
        return words;
    }

    private static String unescaped(String quoted) {
        StringBuilder text = new StringBuilder();
        for (int i = 1; i < quoted.length() - 1; i++) {
            char c = quoted.charAt(i);
            if (c == '\\') {
                char next = quoted.charAt(++i);
                text.append(switch (next) {
                    case 'n' -> '\n';
                    case 't' -> '\t';
                    case 'r' -> '\r';
                    default -> next;
                });
            } else {
                text.append(c);
            }
        }
        return text.toString();
    }
}

package tern.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * How text is cut into words before the merges of a byte-level BPE, which never cross them: each rule is one of the regular
 * expressions that tokenizer files use, written out as a scanner so that it takes linear time on any text. A rule cuts a
 * range completely: what lies between two matches is a word too. Bytes that are not UTF-8 count as symbols.
 */
enum WordRule {
    /** GPT-2's: a few English endings; letters, numbers or symbols with at most one space before them; white space. */
    GPT2("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+") {
        @Override
        int end(byte[] text, int from, int to) {
            int ending = contraction(text, from, to, false);
            if (ending > from) {
                return ending;
            }
            int first = Characters.at(text, from, to);
            int start = text[from] == ' ' && from + 1 < to && kind(text, from + 1, to) != Characters.SPACE ? from + 1
                    : from;
            int kind = start == from ? Characters.kind(first) : kind(text, start, to);
            return kind == Characters.SPACE ? space(text, from, to) : run(text, start, to, kind);
        }
    },
    /** Llama 3's: endings in any case, any one symbol before letters, numbers of up to three digits, line ends apart. */
    LLAMA3("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
            + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+") {
        @Override
        int end(byte[] text, int from, int to) {
            return modern(text, from, to, 3, false);
        }
    },
    /** Qwen 2's: as Llama 3's, but every digit by itself. */
    QWEN2("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
            + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+") {
        @Override
        int end(byte[] text, int from, int to) {
            return modern(text, from, to, 1, false);
        }
    },
    /** Qwen 3.5's: as Qwen 2's, but marks belong to letters. */
    QWEN35("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*"
            + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+") {
        @Override
        int end(byte[] text, int from, int to) {
            return modern(text, from, to, 1, true);
        }
    },
    /** Tekken's, of Mistral's newer models and Nemotron-H: words end where lower case is followed by upper case, digits stand alone. */
    TEKKEN("[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
            + "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
            + "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+") {
        @Override
        int end(byte[] text, int from, int to) {
            int first = Characters.at(text, from, to);
            int kind = Characters.kind(first);
            int second = from + Characters.length(first);
            boolean joins = kind != Characters.LETTER && kind != Characters.NUMBER && !isLineEnd(text[from])
                    && second < to;
            int joined = joins ? lowerWord(text, second, to) : second;
            if (joined > second) {
                return joined;
            }
            int word = lowerWord(text, from, to);
            if (word > from) {
                return word;
            }
            joined = joins ? cased(text, second, to, Characters.UPPER) : second;
            if (joined > second) {
                return joined;
            }
            word = cased(text, from, to, Characters.UPPER);
            return word > from ? word : wordless(text, from, to, 1, true);
        }
    },
    /** Runs of punctuation and of some symbols. */
    PUNCTUATION("[\\p{P}\\$\\+<=>\\^~\\|]+") {
        @Override
        int end(byte[] text, int from, int to) {
            return punctuation(text, from, to, false);
        }
    },
    /** The same with the grave accent, which makes it Falcon's. */
    PUNCTUATION_AND_GRAVE("[\\p{P}\\$\\+<=>\\^~\\|`]+") {
        @Override
        int end(byte[] text, int from, int to) {
            return punctuation(text, from, to, true);
        }
    },
    /** Runs of numbers. */
    NUMBERS("\\p{N}+") {
        @Override
        int end(byte[] text, int from, int to) {
            return numbers(text, from, to, Integer.MAX_VALUE);
        }
    },
    /** Numbers, three by three. */
    NUMBER_TRIPLES("\\p{N}{1,3}") {
        @Override
        int end(byte[] text, int from, int to) {
            return numbers(text, from, to, 3);
        }
    },
    /** Every number by itself. */
    SINGLE_NUMBERS("\\p{N}") {
        @Override
        int end(byte[] text, int from, int to) {
            return numbers(text, from, to, 1);
        }
    },
    /** Three decimal digits. */
    DIGIT_TRIPLES("[0-9][0-9][0-9]") {
        @Override
        int end(byte[] text, int from, int to) {
            if (threeDigits(text, from, to)) {
                return from + 3;
            }
            int at = from + 1;
            while (at < to && !threeDigits(text, at, to)) {
                at++;
            }
            return at;
        }

        private static boolean threeDigits(byte[] text, int at, int to) {
            return at + 3 <= to && isDigit(text[at]) && isDigit(text[at + 1]) && isDigit(text[at + 2]);
        }

        private static boolean isDigit(byte value) {
            return value >= '0' && value <= '9';
        }
    };

    private final String expression;

    WordRule(String expression) {
        this.expression = expression;
    }

    /** The regular expression that this does the work of. */
    String expression() {
        return expression;
    }

    /** Whether every character is part of some match of the expression. */
    boolean coversEverything() {
        return this == GPT2 || this == LLAMA3 || this == QWEN2 || this == QWEN35 || this == TEKKEN;
    }

    /** Where the word that begins at {@code from} ends, above {@code from}; the text ends at {@code to}. */
    abstract int end(byte[] text, int from, int to);

    /** The rule for an expression as files write it; none for others. */
    static java.util.Optional<WordRule> of(String expression) {
        for (WordRule rule : values()) {
            if (rule.expression.equals(expression)) {
                return java.util.Optional.of(rule);
            }
        }
        return java.util.Optional.empty();
    }

    /**
     * How a vocabulary that a GGUF file names the splitter of is used.
     *
     * @param rules one after the other on the words of the one before
     * @param wholeWords whether words that are in the vocabulary are taken whole, whatever the merges would make of them
     * @param begins whether texts begin with a mark where the file does not say
     */
    record Splitter(List<WordRule> rules, boolean wholeWords, boolean begins) {
        Splitter(WordRule... rules) {
            this(List.of(rules), false, false);
        }
    }

    /** The splitters that GGUF files give names to; the first name of several is written. */
    static final Map<String, Splitter> NAMED = named();

    private static Map<String, Splitter> named() {
        Map<String, Splitter> named = new java.util.LinkedHashMap<>();
        named.put("default", new Splitter(PUNCTUATION, GPT2, NUMBERS, DIGIT_TRIPLES));
        named.put("falcon", new Splitter(PUNCTUATION_AND_GRAVE, GPT2, DIGIT_TRIPLES));
        for (String name : List.of("gpt-2", "mpt", "olmo")) {
            named.put(name, new Splitter(GPT2));
        }
        for (String name : List.of("llama-bpe", "lfm2", "falcon-h1")) {
            named.put(name, new Splitter(List.of(LLAMA3), true, true));
        }
        named.put("dbrx", new Splitter(LLAMA3));
        named.put("qwen2", new Splitter(QWEN2));
        named.put("qwen35", new Splitter(QWEN35));
        // llama.cpp cuts what it calls pixtral as Llama 3 does; the tokenizers that it calls so, Nemotron-H's among them, are cut so.
        for (String name : List.of("tekken", "pixtral")) {
            named.put(name, new Splitter(List.of(TEKKEN), true, false));
        }
        for (String name : List.of("smollm", "refact", "starcoder")) {
            named.put(name, new Splitter(SINGLE_NUMBERS, GPT2));
        }
        return java.util.Collections.unmodifiableMap(named);
    }

    /** All expressions, for messages. */
    static String known() {
        List<String> known = new ArrayList<>();
        for (WordRule rule : values()) {
            known.add(rule.name().toLowerCase(Locale.ROOT) + " " + rule.expression);
        }
        return String.join("  ", known);
    }

    private static int kind(byte[] text, int at, int to) {
        return Characters.kind(Characters.at(text, at, to));
    }

    /** The end of characters that are all punctuation or none of them. */
    private static int punctuation(byte[] text, int from, int to, boolean grave) {
        boolean first = isPunctuation(text, from, to, grave);
        int at = from;
        while (at < to && isPunctuation(text, at, to, grave) == first) {
            at += Characters.length(Characters.at(text, at, to));
        }
        return at;
    }

    private static boolean isPunctuation(byte[] text, int at, int to, boolean grave) {
        return grave && text[at] == '`' || Characters.isPunctuation(text, at, to);
    }

    /** The end of characters of one kind. */
    private static int run(byte[] text, int from, int to, int kind) {
        int at = from;
        while (at < to) {
            int next = Characters.at(text, at, to);
            if (Characters.kind(next) != kind) {
                break;
            }
            at += Characters.length(next);
        }
        return at;
    }

    /** An apostrophe with s, t, m, d, re, ve or ll; {@code from} if there is none. */
    private static int contraction(byte[] text, int from, int to, boolean anyCase) {
        if (text[from] != '\'' || from + 1 >= to) {
            return from;
        }
        int fold = anyCase ? 0x20 : 0;
        int first = lower(text[from + 1], fold);
        if (first == 's' || first == 't' || first == 'm' || first == 'd') {
            return from + 2;
        }
        int second = from + 2 < to ? lower(text[from + 2], fold) : 0;
        boolean two = (first == 'r' || first == 'v') && second == 'e' || first == 'l' && second == 'l';
        return two ? from + 3 : from;
    }

    private static int lower(byte value, int fold) {
        return value >= 'A' && value <= 'Z' ? value | fold : value;
    }

    /** White space: all of it at the end of the text, else all but the last character, which goes with what follows. */
    private static int space(byte[] text, int from, int to) {
        int at = from;
        int last = from;
        while (at < to) {
            int next = Characters.at(text, at, to);
            if (Characters.kind(next) != Characters.SPACE) {
                return last > from ? last : at;
            }
            last = at;
            at += Characters.length(next);
        }
        return at;
    }

    private static boolean isLineEnd(byte value) {
        return value == '\r' || value == '\n';
    }

    private static int modern(byte[] text, int from, int to, int digits, boolean marks) {
        int ending = contraction(text, from, to, true);
        if (ending > from) {
            return ending;
        }
        int first = Characters.at(text, from, to);
        int second = from + Characters.length(first);
        if (isLetter(text, from, to, marks)) {
            return letters(text, from, to, marks);
        }
        if (Characters.kind(first) != Characters.NUMBER && !isLineEnd(text[from]) && second < to
                && isLetter(text, second, to, marks)) {
            return letters(text, second, to, marks);
        }
        return marks ? unmarked(text, from, to, digits) : wordless(text, from, to, digits, false);
    }

    /** {@link #wordless} where marks belong to letters, so that they end what others began. */
    private static int unmarked(byte[] text, int from, int to, int digits) {
        int end = wordless(text, from, to, digits, false);
        for (int at = from; at < end;) {
            if (Characters.isMark(text, at, to)) {
                return at;
            }
            at += Characters.length(Characters.at(text, at, to));
        }
        return end;
    }

    private static boolean isLetter(byte[] text, int at, int to, boolean marks) {
        return kind(text, at, to) == Characters.LETTER || marks && Characters.isMark(text, at, to);
    }

    private static int letters(byte[] text, int from, int to, boolean marks) {
        int at = from;
        while (at < to && isLetter(text, at, to, marks)) {
            at += Characters.length(Characters.at(text, at, to));
        }
        return at;
    }

    /** The end of characters of a case or of none. */
    private static int cased(byte[] text, int from, int to, int casing) {
        int at = from;
        while (at < to && (Characters.casing(text, at, to) & casing) != 0) {
            at += Characters.length(Characters.at(text, at, to));
        }
        return at;
    }

    /** Upper case or none, then at least one of lower case or none; {@code from} if there is no such word. */
    private static int lowerWord(byte[] text, int from, int to) {
        int end = from;
        int at = from;
        while (at < to && (Characters.casing(text, at, to) & Characters.UPPER) != 0) {
            int next = at + Characters.length(Characters.at(text, at, to));
            end = (Characters.casing(text, at, to) & Characters.LOWER) != 0 ? next : end;
            at = next;
        }
        int lower = cased(text, at, to, Characters.LOWER);
        return lower > at ? lower : end;
    }

    /** Where there is no word: numbers, at most so many; symbols with one space before them and line ends after them; white space. */
    private static int wordless(byte[] text, int from, int to, int digits, boolean slashes) {
        int first = Characters.at(text, from, to);
        int kind = Characters.kind(first);
        int second = from + Characters.length(first);
        int secondKind = second < to ? kind(text, second, to) : -1;
        if (kind == Characters.NUMBER) {
            return numbers(text, from, to, digits);
        } else if (kind == Characters.OTHER || text[from] == ' ' && secondKind == Characters.OTHER) {
            int at = run(text, kind == Characters.OTHER ? from : second, to, Characters.OTHER);
            while (at < to && (isLineEnd(text[at]) || slashes && text[at] == '/')) {
                at++;
            }
            return at;
        }
        int end = run(text, from, to, Characters.SPACE);
        int lineEnd = end;
        while (lineEnd > from && !isLineEnd(text[lineEnd - 1])) {
            lineEnd--;
        }
        return lineEnd > from ? lineEnd : space(text, from, to);
    }

    /** At most so many numbers, or all that are none. */
    private static int numbers(byte[] text, int from, int to, int most) {
        int at = from;
        boolean number = kind(text, from, to) == Characters.NUMBER;
        for (int count = 0; at < to && (!number || count < most); count++) {
            int next = Characters.at(text, at, to);
            if (Characters.kind(next) == Characters.NUMBER != number) {
                break;
            }
            at += Characters.length(next);
        }
        return at;
    }
}

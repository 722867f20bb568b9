package tern.text;

import java.text.Normalizer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Puts long runs of combining marks into the order of Unicode's normal forms beforehand. The platform's normaliser sorts
 * them by insertion, which takes quadratic time: two minutes for a megabyte of two accents in turn.
 */
final class CombiningMarks {
    private static final int LONG = 128;
    // of the highest combining class, so that every other mark but none of class 0 moves in front of it
    private static final int LAST_MARK = 0x0345;

    private CombiningMarks() {
    }

    /** The same text up to canonical equivalence; the same object if there are no long runs. */
    static String ordered(String text) {
        StringBuilder out = null;
        int copied = 0;
        for (int at = 0; at < text.length();) {
            int from = at;
            int count = 0;
            while (at < text.length() && isMark(text.codePointAt(at))) {
                at += Character.charCount(text.codePointAt(at));
                count++;
            }
            if (count >= LONG) {
                out = out == null ? new StringBuilder(text.length()) : out;
                order(text.substring(from, at), out.append(text, copied, from));
                copied = at;
            }
            at += at < text.length() ? Character.charCount(text.codePointAt(at)) : 0;
        }
        return out == null ? text : out.append(text, copied, text.length()).toString();
    }

    private static boolean isMark(int c) {
        return c >= 0x300 && switch (Character.getType(c)) {
            case Character.NON_SPACING_MARK, Character.ENCLOSING_MARK, Character.COMBINING_SPACING_MARK -> true;
            default -> false;
        };
    }

    /** Sorts by combining class, stably; marks of class 0 are not moved, and none across them. */
    private static void order(String run, StringBuilder out) {
        StringBuilder marks = new StringBuilder(run.length());
        Map<Integer, String> decomposed = new HashMap<>();
        run.codePoints().forEach(c -> marks.append(decomposed.computeIfAbsent(c, CombiningMarks::decompose)));
        Map<Integer, Integer> classes = classes(marks);
        List<StringBuilder> byClass = new ArrayList<>();
        for (int at = 0; at < marks.length();) {
            int c = marks.codePointAt(at);
            int group = classes.getOrDefault(c, -1);
            if (group < 0) {
                flush(byClass, out);
                out.appendCodePoint(c);
            } else {
                while (byClass.size() <= group) {
                    byClass.add(new StringBuilder());
                }
                byClass.get(group).appendCodePoint(c);
            }
            at += Character.charCount(c);
        }
        flush(byClass, out);
    }

    private static void flush(List<StringBuilder> byClass, StringBuilder out) {
        byClass.forEach(out::append);
        byClass.clear();
    }

    /** The combining classes that occur, numbered in their order; the platform does not tell them but by what it does. */
    private static Map<Integer, Integer> classes(CharSequence marks) {
        List<Integer> movable = new ArrayList<>(
                marks.codePoints().distinct().filter(CombiningMarks::isMovable).boxed().toList());
        movable.sort(CombiningMarks::compareClasses);
        Map<Integer, Integer> classes = new HashMap<>();
        int group = 0;
        for (int i = 0; i < movable.size(); i++) {
            group += i > 0 && compareClasses(movable.get(i - 1), movable.get(i)) != 0 ? 1 : 0;
            classes.put(movable.get(i), group);
        }
        return classes;
    }

    private static boolean isMovable(int mark) {
        return mark == LAST_MARK || isSwapped(LAST_MARK, mark);
    }

    private static int compareClasses(int one, int other) {
        return isSwapped(one, other) ? 1 : isSwapped(other, one) ? -1 : 0;
    }

    private static boolean isSwapped(int first, int second) {
        String pair = Character.toString(first) + Character.toString(second);
        return !decompose(pair).equals(pair);
    }

    private static String decompose(int c) {
        return decompose(Character.toString(c));
    }

    private static String decompose(String text) {
        return Normalizer.normalize(text, Normalizer.Form.NFD);
    }
}

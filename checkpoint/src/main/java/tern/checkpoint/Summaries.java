package tern.checkpoint;

import java.util.List;
import java.util.stream.Collectors;

import tern.checkpoint.mapped.Quoted;

/** Short forms of values from files. */
final class Summaries {
    private static final int SHOWN = 6;

    private Summaries() {
    }

    static String quoted(String text) {
        return Quoted.name(text);
    }

    static String of(List<?> values) {
        String first = values.stream().limit(SHOWN).map(value -> value instanceof String text ? Quoted.name(text)
                : value.toString()).collect(Collectors.joining(", "));
        return "[" + first + (values.size() > SHOWN ? ", … " + values.size() + " in all]" : "]");
    }
}

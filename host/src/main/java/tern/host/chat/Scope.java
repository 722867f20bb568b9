package tern.host.chat;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Names and their values, over an outer scope; and how much work is left. Confined to one rendering. */
final class Scope {
    private static final int MOST_WORK = 500_000;
    private static final int MOST_OUTPUT = 1 << 26;

    private final Map<String, Object> values = new HashMap<>();
    private final Optional<Scope> outer;
    private final int[] work;

    Scope(Map<String, Object> values) {
        this.outer = Optional.empty();
        this.work = new int[1];
        this.values.putAll(values);
    }

    Scope(Scope outer) {
        this.outer = Optional.of(outer);
        this.work = outer.work;
    }

    Object get(String name) {
        Object found = values.get(name);
        if (found != null) {
            return found;
        }
        return outer.isPresent() ? outer.get().get(name) : Values.UNDEFINED;
    }

    void set(String name, Object value) {
        values.put(name, value);
    }

    /** One more step; a template that never ends does end here. */
    void step(int length) {
        if (++work[0] > MOST_WORK || length > MOST_OUTPUT) {
            throw new TemplateException("the template takes more than " + MOST_WORK + " steps or gives more than "
                    + MOST_OUTPUT + " characters");
        }
    }
}

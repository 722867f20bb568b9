package tern.text;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** A part of the data. The first three never share a byte. */
public enum Split {
    /** What a model learns from. */
    TRAIN,
    /** What decides between models and when to stop. */
    VALIDATION,
    /** What is measured once, at the end. */
    TEST,
    /** Everything, for data that no model was trained on. */
    ALL;

    /** The name as users write it. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * The part of this name.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Split parse(String label) {
        for (Split split : values()) {
            if (split.label().equals(label.toLowerCase(Locale.ROOT))) {
                return split;
            }
        }
        throw new IllegalArgumentException("split \"" + label + "\" is unknown, expected "
                + Arrays.stream(values()).map(Split::label).collect(Collectors.joining(", ")));
    }
}

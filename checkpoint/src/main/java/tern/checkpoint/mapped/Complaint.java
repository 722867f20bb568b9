package tern.checkpoint.mapped;

import tools.jackson.core.JacksonException;
import tools.jackson.core.TokenStreamLocation;

/** What is wrong with a JSON document, as the parser has it, without what it says of its own settings. */
public final class Complaint {
    private Complaint() {
    }

    /** What is wrong, and at which character where the parser knows. */
    public static String of(JacksonException bad) {
        TokenStreamLocation location = bad.getLocation();
        long at = location == null ? -1 : location.getCharOffset();
        String message = String.valueOf(bad.getOriginalMessage())
                .replaceAll("(?s) ?\\(start marker at .*| ?\\(for \\w+ starting at \\[Source: .*", "");
        return message + (at >= 0 ? " (at character " + at + ")" : "");
    }
}

package tern.cli;

import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Writes results as JSON: records by their components, names in snake case. Safe for use by several threads. */
final class Json {
    private static final JsonMapper LINE = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .disable(SerializationFeature.FAIL_ON_EMPTY_BEANS)
            .build();
    private static final JsonMapper PRETTY = LINE.rebuild().enable(SerializationFeature.INDENT_OUTPUT).build();

    private Json() {
    }

    /** A value on one line. */
    static String line(Object value) {
        return LINE.writeValueAsString(value);
    }

    /** A value on indented lines. */
    static String pretty(Object value) {
        return PRETTY.writeValueAsString(value);
    }
}

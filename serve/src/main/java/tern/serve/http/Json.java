package tern.serve.http;

import java.nio.charset.StandardCharsets;

import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** JSON in and out. Safe for use by several threads. */
final class Json {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private Json() {
    }

    static ObjectNode object() {
        return MAPPER.createObjectNode();
    }

    static byte[] bytes(Object value) {
        return MAPPER.writeValueAsBytes(value);
    }

    static String text(Object value) {
        return MAPPER.writeValueAsString(value);
    }

    /**
     * A JSON object.
     *
     * @throws ApiError if it is none; tells where it goes wrong and nothing of what it says
     */
    static ObjectNode read(byte[] body) {
        JsonNode node;
        try {
            node = MAPPER.readTree(new String(body, StandardCharsets.UTF_8));
        } catch (JacksonException malformed) {
            String where = malformed.getLocation() == null ? ""
                    : " at line " + malformed.getLocation().getLineNr() + ", column "
                            + malformed.getLocation().getColumnNr();
            throw ApiError.invalid("the body is not JSON" + where + "; expected an object such as {\"model\": …}");
        }
        if (node instanceof ObjectNode object) {
            return object;
        }
        throw ApiError.invalid("the body is JSON, but no object; expected one such as {\"model\": …}");
    }
}

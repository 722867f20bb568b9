package tern.serve.http;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.exc.StreamConstraintsException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.exc.MismatchedInputException;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** JSON in and out. Safe for use by several threads. */
final class Json {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
            .build();

    private static final StreamReadConstraints BOUNDS = StreamReadConstraints.defaults();
    private static final String BYTE_ORDER_MARK = "\uFEFF";

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
        if (body.length == 0) {
            throw ApiError.invalid("the body is empty; expected an object such as {\"model\": …}");
        }
        JsonNode node;
        try {
            node = MAPPER.readTree(text(body));
        } catch (MismatchedInputException twice) {
            if (!String.valueOf(twice.getOriginalMessage()).startsWith("Duplicate")) {
                throw ApiError.invalid("the body goes on after its end" + where(twice) + "; send one object");
            }
            throw ApiError.invalid("the body names a field twice" + where(twice) + "; leave one of them out");
        } catch (StreamConstraintsException excessive) {
            throw ApiError.invalid("the body goes beyond what any field takes: it is nested deeper than "
                    + BOUNDS.getMaxNestingDepth() + ", or has a name of more than " + BOUNDS.getMaxNameLength()
                    + " characters or a number of more than " + BOUNDS.getMaxNumberLength());
        } catch (JacksonException malformed) {
            throw ApiError.invalid("the body is not JSON" + where(malformed)
                    + "; expected an object such as {\"model\": …}");
        }
        if (!isWhole(node)) {
            throw ApiError.invalid("the body has a string with half of a surrogate pair, which is no character; "
                    + "send the whole character or leave it out");
        }
        if (node instanceof ObjectNode object) {
            return object;
        }
        throw ApiError.invalid("the body is JSON, but no object; expected one such as {\"model\": …}");
    }

    private static String where(JacksonException malformed) {
        return malformed.getLocation() == null ? ""
                : " at line " + malformed.getLocation().getLineNr() + ", column "
                        + malformed.getLocation().getColumnNr();
    }

    /** UTF-8, with or without a mark in front. */
    private static String text(byte[] body) {
        try {
            String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(body)).toString();
            return text.startsWith(BYTE_ORDER_MARK) ? text.substring(BYTE_ORDER_MARK.length()) : text;
        } catch (CharacterCodingException other) {
            throw ApiError.invalid("the body is not valid UTF-8, which JSON is written in; encode it so");
        }
    }

    /** Whether all strings are made of characters: half of a pair would be lost without a word where it becomes bytes. */
    private static boolean isWhole(JsonNode node) {
        if (node.isString()) {
            String text = node.stringValue();
            for (int i = 0; i < text.length(); i++) {
                if (Character.isSurrogate(text.charAt(i))) {
                    if (Character.charCount(text.codePointAt(i)) == 1) {
                        return false;
                    }
                    i++;
                }
            }
        }
        for (JsonNode each : node) {
            if (!isWhole(each)) {
                return false;
            }
        }
        return true;
    }
}

package tern.checkpoint.naming;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

import tools.jackson.core.JacksonException;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;

/** Numbers in the {@code config.json} that lies beside the tensors of a Hugging Face model. */
record HuggingFaceConfig(TensorFile file) {
    private static final String NAME = "config.json";
    private static final long LARGEST = 1 << 20;
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS).build();

    /**
     * A whole number.
     *
     * @param otherwise what holds if the configuration does not say; 0 is given if there is no configuration at all
     */
    long whole(String key, long otherwise) throws MalformedFileException {
        return Files.exists(path()) ? find(key).map(JsonNode::longValue).orElse(otherwise) : 0;
    }

    /** A fact; {@code otherwise} if the configuration does not say or is not there. */
    boolean is(String key, boolean otherwise) throws MalformedFileException {
        return find(key).map(JsonNode::booleanValue).orElse(otherwise);
    }

    /** A number; {@code otherwise} if the configuration does not say or is not there. */
    double number(String key, double otherwise) throws MalformedFileException {
        Optional<JsonNode> found = find(key);
        return found.isPresent() ? number(key, found.get()) : otherwise;
    }

    /** An entry of a list of numbers; {@code otherwise} if the configuration does not say or is not there. */
    double entry(String key, int index, double otherwise) throws MalformedFileException {
        Optional<JsonNode> found = find(key);
        return found.isPresent() && index < found.get().size() ? number(key, found.get().get(index)) : otherwise;
    }

    /** Infinity is written bare by older programs, as {"__float__": "Infinity"} by newer ones. */
    private double number(String key, JsonNode value) throws MalformedFileException {
        JsonNode plain = value.isObject() && value.has("__float__") ? value.get("__float__") : value;
        if (plain.isNumber()) {
            return plain.doubleValue();
        }
        if (plain.isString() && plain.stringValue().equals("Infinity")) {
            return Double.POSITIVE_INFINITY;
        }
        throw new MalformedFileException(path() + ": \"" + key + "\" is " + value + ", expected a number");
    }

    private Path path() {
        return file.path().resolveSibling(NAME);
    }

    private Optional<JsonNode> find(String key) throws MalformedFileException {
        Path path = path();
        if (!Files.exists(path)) {
            return Optional.empty();
        }
        try {
            if (Files.size(path) > LARGEST) {
                throw new MalformedFileException(path + ": has " + Files.size(path) + " bytes, at most " + LARGEST
                        + " are allowed");
            }
            return Optional.ofNullable(MAPPER.readTree(Files.readString(path)).get(key))
                    .filter(value -> !value.isNull());
        } catch (JacksonException bad) {
            throw new MalformedFileException(path + ": is not a configuration: " + bad.getOriginalMessage(), bad);
        } catch (IOException bad) {
            throw new MalformedFileException(path + ": cannot be read: " + bad.getMessage(), bad);
        }
    }
}

package tern.checkpoint.naming;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;

/** Numbers in the {@code config.json} that lies beside the tensors of a Hugging Face model. */
record HuggingFaceConfig(TensorFile file) {
    private static final String NAME = "config.json";
    private static final long LARGEST = 1 << 20;

    /**
     * A whole number.
     *
     * @param otherwise what holds if the configuration does not say; 0 is given if there is no configuration at all
     */
    long whole(String key, long otherwise) throws MalformedFileException {
        Path path = file.path().resolveSibling(NAME);
        if (!Files.exists(path)) {
            return 0;
        }
        try {
            if (Files.size(path) > LARGEST) {
                throw new MalformedFileException(path + ": has " + Files.size(path) + " bytes, at most " + LARGEST
                        + " are allowed");
            }
            JsonNode value = JsonMapper.shared().readTree(Files.readString(path)).get(key);
            return value == null || value.isNull() ? otherwise : value.longValue();
        } catch (JacksonException bad) {
            throw new MalformedFileException(path + ": is not a configuration: " + bad.getOriginalMessage(), bad);
        } catch (IOException bad) {
            throw new MalformedFileException(path + ": cannot be read: " + bad.getMessage(), bad);
        }
    }
}

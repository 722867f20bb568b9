package tern.huggingface;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Map;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.text.Tokenizer;
import tern.text.TokenizerReader;

/** Reads any {@code tokenizer.json} that the Hugging Face library reads. Safe for use by several threads. */
public final class HuggingFaceReader implements TokenizerReader {
    /** What descriptors call tokenizers of this room. */
    static final String KIND = "huggingface";

    private static final JsonMapper JSON = new JsonMapper();

    /** Made by the service loader. */
    public HuggingFaceReader() {
    }

    @Override
    public String kind() {
        return KIND;
    }

    @Override
    public Tokenizer read(String name, byte[] file) throws IOException {
        Vocabulary vocabulary;
        try {
            vocabulary = Vocabulary.of(JSON.readTree(file));
        } catch (JacksonException | IllegalArgumentException bad) {
            throw new IOException(name + ": is not a tokenizer.json: "
                    + String.valueOf(bad.getMessage()).lines().findFirst().orElse(""), bad);
        }
        // The library cuts texts at 512 symbols and reports its use to its makers unless told otherwise.
        System.setProperty("OPT_OUT_TRACKING", "true");
        Map<String, String> options = Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "false");
        try {
            HuggingFaceTokenizer library = HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(file), options);
            return new HuggingFaceTokens(library, vocabulary, file.clone());
        } catch (RuntimeException | UnsatisfiedLinkError refused) {
            throw new IOException(name + ": the Hugging Face library refuses it: "
                    + String.valueOf(refused.getMessage()).lines().findFirst().orElse(""), refused);
        }
    }

    /** A member of a JSON object. */
    static String text(JsonNode node, String key) {
        JsonNode value = node.path(key);
        return value.isString() ? value.stringValue() : "";
    }
}

package tern.text;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.OptionalInt;

/**
 * What stands in for the tokenizer of a model whose files do not say how text becomes symbols: text cannot be read, symbols
 * are written as their numbers. Immutable.
 *
 * @param vocabulary number of symbols of the model
 * @param why text cannot be read; advice follows it
 */
record UnknownTokenizer(int vocabulary, String why) implements Tokenizer {
    static final String KIND = "unknown";
    static final String SIZE = "vocabulary";
    static final String UNTOLD = "the model's files do not say how text becomes symbols; put the"
            + " model's tokenizer.json beside it, or ";

    @Override
    public String name() {
        return "unknown";
    }

    @Override
    public boolean readsText() {
        return false;
    }

    @Override
    public int[] encode(byte[] bytes) {
        throw new IllegalArgumentException(why
                + "write a model that says so: tern convert MODEL OUT --tokenizer"
                + " bytes, world or a file (tern logits reads symbols instead: --ids)");
    }

    @Override
    public byte[] symbol(int id) {
        if (id < 0 || id >= vocabulary) {
            throw new IllegalArgumentException(
                    "symbol " + id + " is outside the vocabulary, expected 0.." + (vocabulary - 1));
        }
        return ("<" + id + ">").getBytes(StandardCharsets.US_ASCII);
    }

    @Override
    public OptionalInt id(byte[] symbol) {
        return OptionalInt.empty();
    }

    @Override
    public OptionalInt endOfText() {
        return OptionalInt.empty();
    }

    @Override
    public Map<String, String> descriptor() {
        return Map.of(TokenizerFiles.KIND, KIND, SIZE, Integer.toString(vocabulary));
    }
}

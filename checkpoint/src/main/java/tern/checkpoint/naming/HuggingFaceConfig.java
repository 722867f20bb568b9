package tern.checkpoint.naming;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.TensorFile;
import tern.checkpoint.mapped.Complaint;
import tern.mixers.attention.GroupedAttentionConfig;
import tern.mixers.attention.Slowed;
import tern.mixers.attention.Yarn;

/**
 * What the {@code config.json} that lies beside the tensors of a Hugging Face model tells. Keys may lead into objects by dots; those of a
 * model that reads more than text are looked for in its {@code text_config} too.
 */
record HuggingFaceConfig(TensorFile file) {
    private static final String NAME = "config.json";
    private static final long LARGEST = 1 << 20;
    private static final int DEFAULT_CONTEXT = 2048;
    private static final int LARGEST_CONTEXT = 1 << 24;
    private static final String TEXT = "text_config";
    private static final int LONGEST_SHOWN = 120;
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

    /**
     * A whole number that an int holds.
     *
     * @param otherwise what holds if the configuration does not say; 0 is given if there is no configuration at all
     */
    long whole(String key, long otherwise) throws MalformedFileException {
        return Files.exists(path()) ? whole(key).orElse(otherwise) : 0;
    }

    /** A whole number that an int holds; empty if the configuration does not say or is not there. */
    OptionalLong whole(String key) throws MalformedFileException {
        Optional<JsonNode> found = find(key);
        if (found.isEmpty()) {
            return OptionalLong.empty();
        }
        double value = number(key, found.get());
        if (value != Math.rint(value) || Math.abs(value) > Integer.MAX_VALUE) {
            throw unexpected(key, found.get(), "a whole number of at most " + Integer.MAX_VALUE);
        }
        return OptionalLong.of((long) value);
    }

    /** A fact; {@code otherwise} if the configuration does not say or is not there. */
    boolean is(String key, boolean otherwise) throws MalformedFileException {
        Optional<JsonNode> found = find(key);
        if (found.isPresent() && !found.get().isBoolean()) {
            throw unexpected(key, found.get(), "true or false");
        }
        return found.map(JsonNode::booleanValue).orElse(otherwise);
    }

    /** A number; {@code otherwise} if the configuration does not say or is not there. */
    double number(String key, double otherwise) throws MalformedFileException {
        Optional<JsonNode> found = find(key);
        return found.isPresent() ? number(key, found.get()) : otherwise;
    }

    /** An entry of a list of numbers; {@code otherwise} if the configuration does not say or is not there. */
    double entry(String key, int index, double otherwise) throws MalformedFileException {
        Optional<JsonNode> found = find(key);
        if (found.isPresent() && !found.get().isArray()) {
            throw unexpected(key, found.get(), "a list of numbers");
        }
        return found.isPresent() && index < found.get().size() ? number(key, found.get().get(index)) : otherwise;
    }

    /** A word; {@code otherwise} if the configuration does not say or is not there. */
    String word(String key, String otherwise) throws MalformedFileException {
        Optional<JsonNode> found = find(key);
        if (found.isPresent() && !found.get().isString()) {
            throw unexpected(key, found.get(), "a word");
        }
        return found.map(JsonNode::stringValue).orElse(otherwise);
    }

    /** Whether the head is the table of embeddings, as Hugging Face's library says it or as the package that Mamba was released with does. */
    boolean tied(boolean otherwise) throws MalformedFileException {
        return is("tie_word_embeddings", is("tie_embeddings", otherwise));
    }

    /**
     * Checks a word that may be left out.
     *
     * @throws MalformedFileException if the configuration says another than those that are known, the first of which is usual
     */
    void require(String key, String... known) throws MalformedFileException {
        String found = word(key, known[0]);
        if (!List.of(known).contains(found)) {
            throw new MalformedFileException(path() + ": \"" + key + "\" is \"" + found + "\", expected \"" + known[0]
                    + "\" as in every model of this kind that was released");
        }
    }

    /**
     * Checks that an option is not used.
     *
     * @throws MalformedFileException if the configuration says anything but null or false
     */
    void requireNothing(String key) throws MalformedFileException {
        Optional<JsonNode> found = find(key);
        if (found.isPresent() && !(found.get().isBoolean() && !found.get().booleanValue())) {
            throw unexpected(key, found.get(), "null, as in every model of this kind that was released");
        }
    }

    /**
     * Base of rotary positions.
     *
     * @throws MalformedFileException if angles are more than a power of the base times the position
     */
    double ropeBase(double otherwise) throws MalformedFileException {
        return ropeBase(otherwise, List.of("default", "mrope"), "\"default\"");
    }

    /** {@link #ropeBase} of a model whose positions may be stretched as {@link #stretched} tells. */
    double stretchedRopeBase(double otherwise) throws MalformedFileException {
        return ropeBase(otherwise, List.of("default", "mrope", "yarn", "linear", "llama3", "longrope", "su"),
                "\"default\", \"yarn\", \"linear\", \"llama3\", \"longrope\"");
    }

    /** The attention with positions stretched to texts longer than those trained on, if they are. */
    GroupedAttentionConfig stretched(GroupedAttentionConfig plain) throws MalformedFileException {
        return plain.stretched(yarn(), slowed(plain.ropeBase(), plain.rotaryWidth()));
    }

    private String kind(String group) throws MalformedFileException {
        return word(group + ".rope_type", word(group + ".type", "default"));
    }

    private Optional<Slowed> slowed(double base, int width) throws MalformedFileException {
        for (String group : List.of("rope_parameters", "rope_scaling")) {
            try {
                switch (kind(group)) {
                    case "linear" -> {
                        return Optional.of(Slowed.linear(number(group + ".factor", 1), width));
                    }
                    case "llama3" -> {
                        return Optional.of(Slowed.llama3(number(group + ".factor", 8),
                                number(group + ".low_freq_factor", 1), number(group + ".high_freq_factor", 4),
                                (int) number(group + ".original_max_position_embeddings", 8192), base, width));
                    }
                    // The second is what early files of Phi-3 call it.
                    case "longrope", "su" -> {
                        return Optional.of(longRope(group));
                    }
                    default -> {
                    }
                }
            } catch (IllegalArgumentException wrong) {
                throw new MalformedFileException(path() + ": \"" + group + "\": " + wrong.getMessage());
            }
        }
        return Optional.empty();
    }

    /** The original length stands within the group, or, with the factor that follows from it, outside; or the whole length is it. */
    private Slowed longRope(String group) throws MalformedFileException {
        double longest = number("max_position_embeddings", 0);
        double outside = number("original_max_position_embeddings", 0);
        double inside = number(group + ".original_max_position_embeddings", 0);
        double original = outside > 0 ? outside : inside > 0 ? inside : longest;
        double told = number(group + ".factor", longest / original);
        double factor = outside > 0 ? longest / outside : told;
        double reads = outside > 0 || inside > 0 ? longest : original * factor;
        return Slowed.longRope(numbers(group + ".short_factor"), numbers(group + ".long_factor"),
                Math.round(original), Math.round(reads),
                number(group + ".attention_factor", Slowed.usualAttention(factor, original)));
    }

    private List<Double> numbers(String key) throws MalformedFileException {
        Optional<JsonNode> found = find(key);
        if (found.isEmpty() || !found.get().isArray()) {
            throw unexpected(key, found.orElse(null), "a list of numbers");
        }
        List<Double> numbers = new ArrayList<>();
        for (int i = 0; i < found.get().size(); i++) {
            numbers.add(number(key + "[" + i + "]", found.get().get(i)));
        }
        return numbers;
    }

    private Optional<Yarn> yarn() throws MalformedFileException {
        for (String group : List.of("rope_parameters", "rope_scaling")) {
            if (!kind(group).equals("yarn")) {
                continue;
            }
            double longest = number("max_position_embeddings", 0);
            double original = number(group + ".original_max_position_embeddings", longest);
            double factor = number(group + ".factor", longest / original);
            double all = number(group + ".mscale_all_dim", 0);
            double one = number(group + ".mscale", 0);
            double usual = one != 0 && all != 0 ? grown(factor, one) / grown(factor, all)
                    : Yarn.usualAttention(factor);
            try {
                return Optional.of(new Yarn(factor, (int) Math.min(Integer.MAX_VALUE, original),
                        number(group + ".attention_factor", usual), number(group + ".beta_fast", 32),
                        number(group + ".beta_slow", 1), is(group + ".truncate", true)));
            } catch (IllegalArgumentException wrong) {
                throw new MalformedFileException(path() + ": \"" + group + "\": " + wrong.getMessage());
            }
        }
        return Optional.empty();
    }

    private static double grown(double factor, double scale) {
        return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
    }

    private double ropeBase(double otherwise, List<String> known, String shown) throws MalformedFileException {
        for (String key : List.of("rope_parameters.rope_type", "rope_scaling.rope_type", "rope_scaling.type")) {
            String kind = word(key, "default");
            // The sections of several axes are one where there is text alone.
            if (!known.contains(kind)) {
                throw new MalformedFileException(path() + ": \"" + key + "\" is \"" + kind
                        + "\", rotary positions of another kind than those that are known (" + shown
                        + "); a model without"
                        + " them, as most are released, opens");
            }
        }
        return number("rope_parameters.rope_theta", number("rope_theta", otherwise));
    }

    /** How many positions the model was trained on; a common number where it does not say. */
    int context() throws MalformedFileException {
        double told = number("max_position_embeddings", DEFAULT_CONTEXT);
        return told >= 1 ? (int) Math.min(LARGEST_CONTEXT, told) : DEFAULT_CONTEXT;
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
        throw unexpected(key, value, "a number");
    }

    private MalformedFileException unexpected(String key, @Nullable JsonNode found, String expected) {
        String shown = found == null ? "missing" : found.toString();
        return new MalformedFileException(path() + ": \"" + key + "\" is "
                + (shown.length() > LONGEST_SHOWN ? shown.substring(0, LONGEST_SHOWN) + "…" : shown) + ", expected "
                + expected);
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
            JsonNode tree = MAPPER.readTree(Files.readString(path));
            if (!tree.isObject()) {
                throw new MalformedFileException(path + ": is not a configuration: it is "
                        + (tree.isMissingNode() ? "empty" : "no object") + ", expected {…} with keys and values");
            }
            Optional<JsonNode> outside = within(Optional.of(tree), key);
            return outside.isPresent() ? outside : within(Optional.ofNullable(tree.get(TEXT)), key);
        } catch (JacksonException bad) {
            throw new MalformedFileException(path + ": is not a configuration: " + Complaint.of(bad), bad);
        } catch (CharacterCodingException bad) {
            throw new MalformedFileException(path + ": is not UTF-8 text", bad);
        } catch (MalformedFileException refused) {
            throw refused;
        } catch (IOException bad) {
            throw new MalformedFileException(path + ": cannot be read: " + bad.getMessage(), bad);
        }
    }

    private static Optional<JsonNode> within(Optional<JsonNode> tree, String key) {
        Optional<JsonNode> found = tree;
        for (String part : key.split("\\.")) {
            found = found.map(node -> node.get(part)).filter(value -> !value.isNull());
        }
        return found;
    }
}

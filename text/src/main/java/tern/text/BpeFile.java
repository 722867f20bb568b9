package tern.text;

import java.io.IOException;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

import tern.text.AddedTokens.AddedToken;

/**
 * Reads and writes {@code tokenizer.json}, Hugging Face's format, as far as it describes a byte-level BPE. Whatever else a
 * file asks for is refused by its name, for ids that are almost right are worse than none; only {@code truncation} and
 * {@code padding}, which are about batches, are passed over.
 */
final class BpeFile {
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
            .disable(TokenStreamFactory.Feature.INTERN_PROPERTY_NAMES)
            .streamReadConstraints(
                    StreamReadConstraints.builder().maxNestingDepth(64).maxNameLength(1 << 16).build())
            .build()).enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();
    private static final String TYPE = "type";

    private final JsonNode root;
    private final BpeDefinition definition = new BpeDefinition();

    private BpeFile(JsonNode root) {
        this.root = root;
    }

    /** Reads a file that is in memory. */
    static BpeTokenizer parse(String name, byte[] file) throws IOException {
        JsonNode root = object(name, file, "a tokenizer.json");
        BpeFile reader = new BpeFile(root);
        try {
            reader.read();
            return new BpeTokenizer(reader.definition, file.clone(), BpeTokenizer.usualEnd(reader.definition));
        } catch (IllegalArgumentException bad) {
            throw new IOException(name + ": " + bad.getMessage(), bad);
        }
    }

    /** Texts, numbers, truths and lists of them by name, as one JSON object. */
    static byte[] json(Map<String, ?> entries) {
        return JSON.writeValueAsBytes(entries);
    }

    /** What {@link #json} wrote. */
    static Map<String, Object> entries(String name, byte[] file) throws IOException {
        return JSON.convertValue(object(name, file, "a tokenizer"), new TypeReference<>() {
        });
    }

    private static JsonNode object(String name, byte[] file, String expected) throws IOException {
        JsonNode root;
        try {
            root = JSON.readTree(file);
        } catch (JacksonException bad) {
            long line = bad.getLocation() == null ? -1 : bad.getLocation().getLineNr();
            throw new IOException(name + ": is not valid JSON: " + firstLine(bad.getOriginalMessage())
                    + (line >= 0 ? " (line " + line + ", column " + bad.getLocation().getColumnNr() + ")" : ""), bad);
        }
        if (!root.isObject()) {
            throw new IOException(name + ": is not a JSON object, expected " + expected);
        }
        return root;
    }

    private static String firstLine(String message) {
        return message.lines().findFirst().orElse("").replaceFirst(" \\(start marker at .*", "");
    }

    // ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    private void read() {
        for (String key : root.propertyNames()) {
            require(List.of("version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                    "post_processor", "decoder", "model").contains(key), key, "no such key", "");
        }
        JsonNode version = root.path("version");
        require(version.isMissingNode() || version.isString() && version.stringValue().equals("1.0"), "version",
                "\"1.0\"",
                version.toString());
        readModel(root.path("model"));
        readAdded(root.path("added_tokens"));
        definition.normalisation(new Normalisation(forms(root.path("normalizer"), "normalizer")));
        readWords(root.path("pre_tokenizer"));
        readPost(root.path("post_processor"), "post_processor");
        readDecoder(root.path("decoder"), "decoder");
    }

    private void readModel(JsonNode model) {
        require(model.isObject(), "model", "an object", model);
        String type = model.path(TYPE).asString("BPE");
        require(type.equals("BPE"), "model.type", "\"BPE\", the only model known here", Shown.text(type));
        for (String key : model.propertyNames()) {
            require(List.of(TYPE, "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
                    "byte_fallback", "ignore_merges", "vocab", "merges").contains(key), "model." + key, "no such key",
                    model.get(key));
        }
        for (String key : List.of("continuing_subword_prefix", "end_of_word_suffix")) {
            JsonNode value = model.path(key);
            require(isNothing(value) || value.isString() && value.stringValue().isEmpty(), "model." + key,
                    "null or an empty text", value);
        }
        definition.wholeWords(flag(model, "ignore_merges", false, "model."));
        JsonNode vocabulary = model.path("vocab");
        require(vocabulary.isObject(), "model.vocab", "an object of ids by token", vocabulary);
        for (Map.Entry<String, JsonNode> entry : vocabulary.properties()) {
            String where = "model.vocab[" + Shown.text(entry.getKey()) + "]";
            int id = id(entry.getValue(), where);
            at(where, () -> definition.token(id, entry.getKey()));
        }
        JsonNode merges = model.path("merges");
        require(merges.isArray(), "model.merges", "a list", merges);
        for (int i = 0; i < merges.size(); i++) {
            JsonNode merge = merges.get(i);
            String where = "model.merges[" + i + "]";
            boolean pair = merge.isArray() && merge.size() == 2 && merge.get(0).isString() && merge.get(1).isString();
            require(merge.isString() || pair, where, "\"a b\" or [\"a\", \"b\"]", merge);
            at(where, () -> {
                if (pair) {
                    definition.merge(merge.get(0).stringValue(), merge.get(1).stringValue());
                } else {
                    definition.merge(merge.stringValue());
                }
            });
        }
    }

    private void readAdded(JsonNode added) {
        require(isNothing(added) || added.isArray(), "added_tokens", "a list", added);
        for (int i = 0; i < added.size(); i++) {
            JsonNode token = added.get(i);
            String where = "added_tokens[" + i + "]";
            require(token.isObject(), where, "an object", token);
            for (String key : token.propertyNames()) {
                require(List.of("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special").contains(
                        key), where + "." + key, "no such key", token.get(key));
            }
            JsonNode content = token.path("content");
            require(content.isString(), where + ".content", "a text", content);
            boolean special = flag(token, "special", false, where + ".");
            AddedToken read = new AddedToken(id(token.path("id"), where + ".id"), content.stringValue(), special,
                    flag(token, "normalized", !special, where + "."), flag(token, "lstrip", false, where + "."),
                    flag(token, "rstrip", false, where + "."), flag(token, "single_word", false, where + "."));
            at(where, () -> definition.added(read));
        }
    }

    private static List<Normalizer.Form> forms(JsonNode normalizer, String where) {
        if (isNothing(normalizer)) {
            return List.of();
        }
        String type = type(normalizer, where);
        if (type.equals("Sequence")) {
            List<Normalizer.Form> forms = new ArrayList<>();
            List<JsonNode> parts = parts(normalizer, "normalizers", where);
            for (int i = 0; i < parts.size(); i++) {
                forms.addAll(forms(parts.get(i), where + ".normalizers[" + i + "]"));
            }
            return forms;
        }
        Optional<Normalizer.Form> form = Arrays.stream(Normalizer.Form.values()).filter(one -> one.name().equals(type))
                .findFirst();
        require(form.isPresent(), where + ".type", "NFC, NFD, NFKC, NFKD or Sequence, the normalisers known here",
                Shown.text(type));
        return List.of(form.get());
    }

    private void readWords(JsonNode words) {
        String where = "pre_tokenizer";
        require(!isNothing(words), where, "ByteLevel, alone or last in a Sequence: only byte-level BPE is known here",
                words);
        boolean sequence = type(words, where).equals("Sequence");
        List<JsonNode> parts = sequence ? parts(words, "pretokenizers", where) : List.of(words);
        List<WordRule> rules = new ArrayList<>();
        for (int i = 0; i < parts.size(); i++) {
            JsonNode part = parts.get(i);
            String here = sequence ? where + ".pretokenizers[" + i + "]" : where;
            boolean last = i == parts.size() - 1;
            String type = type(part, here);
            require(last == type.equals("ByteLevel"), here + ".type", last
                    ? "ByteLevel at the end: only byte-level BPE is known here"
                    : "Split or Digits before a ByteLevel at the end", Shown.text(type));
            switch (type) {
                case "ByteLevel" -> {
                    if (flag(part, "use_regex", true, here + ".")) {
                        rules.add(WordRule.GPT2);
                    }
                    boolean prefix = flag(part, "add_prefix_space", true, here + ".");
                    require(!prefix || i == 0, here + ".add_prefix_space", "false behind another splitter", "true");
                    definition.prefixSpace(prefix);
                }
                case "Digits" -> rules.add(flag(part, "individual_digits", false, here + ".")
                        ? WordRule.SINGLE_NUMBERS
                        : WordRule.NUMBERS);
                case "Split" -> rules.add(split(part, here));
                default ->
                    require(false, here + ".type", "ByteLevel, Split, Digits or Sequence, the splitters known here",
                            Shown.text(type));
            }
        }
        require(!parts.isEmpty(), where, "at least ByteLevel", "an empty Sequence");
        definition.rules(rules);
    }

    private static WordRule split(JsonNode split, String where) {
        JsonNode pattern = split.path("pattern").path("Regex");
        require(pattern.isString(), where + ".pattern", "{\"Regex\": …}", split.path("pattern"));
        WordRule rule = WordRule.of(pattern.stringValue()).orElseThrow(() -> new IllegalArgumentException(
                where + ".pattern: expected one of the expressions known here (" + WordRule.known() + "), found "
                        + pattern.stringValue()));
        String behaviour = split.path("behavior").asString("");
        boolean invert = flag(split, "invert", false, where + ".");
        boolean same = behaviour.equals("Isolated") && !invert
                || behaviour.equals("Removed") && invert && rule.coversEverything();
        require(same, where + ".behavior", "Isolated and not inverted", Shown.text(behaviour)
                + (invert ? " and inverted" : ""));
        return rule;
    }

    private void readPost(JsonNode post, String where) {
        if (isNothing(post)) {
            return;
        }
        String type = type(post, where);
        switch (type) {
            case "ByteLevel" -> {
                // moves offsets only, which are not kept here
            }
            case "Sequence" -> {
                List<JsonNode> parts = parts(post, "processors", where);
                for (int i = 0; i < parts.size(); i++) {
                    readPost(parts.get(i), where + ".processors[" + i + "]");
                }
            }
            case "TemplateProcessing" -> readTemplate(post, where);
            default -> require(false, where + ".type", "ByteLevel, TemplateProcessing or Sequence, known here",
                    Shown.text(type));
        }
    }

    private void readTemplate(JsonNode template, String where) {
        Ids before = new Ids(0);
        Ids after = new Ids(0);
        boolean seen = false;
        List<JsonNode> single = parts(template, "single", where);
        for (int i = 0; i < single.size(); i++) {
            String here = where + ".single[" + i + "]";
            JsonNode special = single.get(i).path("SpecialToken").path("id");
            JsonNode sequence = single.get(i).path("Sequence").path("id");
            if (special.isString()) {
                JsonNode ids = template.path("special_tokens").path(special.stringValue()).path("ids");
                require(ids.isArray() && !ids.isEmpty(),
                        where + ".special_tokens[" + Shown.text(special.stringValue()) + "].ids", "a list of ids", ids);
                for (JsonNode id : ids) {
                    (seen ? after : before).add(id(id, where + ".special_tokens"));
                }
            } else {
                require(sequence.isString() && sequence.stringValue().equals("A") && !seen, here,
                        "a SpecialToken, or once the Sequence A", single.get(i));
                seen = true;
            }
        }
        require(seen, where + ".single", "the Sequence A", template.path("single"));
        definition.around(before.toArray(), after.toArray());
    }

    private static void readDecoder(JsonNode decoder, String where) {
        String type = isNothing(decoder) ? "null" : type(decoder, where);
        if (type.equals("Sequence")) {
            List<JsonNode> parts = parts(decoder, "decoders", where);
            require(parts.size() == 1, where + ".decoders", "ByteLevel alone", parts.size() + " decoders");
            readDecoder(parts.getFirst(), where + ".decoders[0]");
        } else {
            require(type.equals("ByteLevel"), where + ".type", "ByteLevel, the only decoder known here",
                    Shown.text(type));
        }
    }

    // ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────

    private static boolean isNothing(JsonNode node) {
        return node.isMissingNode() || node.isNull();
    }

    private static String type(JsonNode node, String where) {
        JsonNode type = node.path(TYPE);
        require(node.isObject() && type.isString(), where, "an object with a type", node);
        return type.stringValue();
    }

    private static List<JsonNode> parts(JsonNode node, String key, String where) {
        JsonNode parts = node.path(key);
        require(parts.isArray(), where + "." + key, "a list", parts);
        List<JsonNode> list = new ArrayList<>();
        parts.forEach(list::add);
        return list;
    }

    private static boolean flag(JsonNode node, String key, boolean usual, String where) {
        JsonNode flag = node.path(key);
        require(isNothing(flag) || flag.isBoolean(), where + key, "true or false", flag);
        return flag.isBoolean() ? flag.booleanValue() : usual;
    }

    private static int id(JsonNode node, String where) {
        boolean number = node.isIntegralNumber() && node.canConvertToInt();
        require(number && node.intValue() >= 0 && node.intValue() <= BpeDefinition.LARGEST_ID, where,
                "an id from 0 to " + BpeDefinition.LARGEST_ID, node);
        return node.intValue();
    }

    private static void require(boolean holds, String where, String expected, JsonNode found) {
        if (!holds) {
            require(false, where, expected, found.isMissingNode() ? "nothing" : Shown.text(found.toString()));
        }
    }

    private static void require(boolean holds, String where, String expected, String found) {
        if (!holds) {
            throw new IllegalArgumentException(
                    where + ": expected " + expected + (found.isEmpty() ? "" : ", found " + found));
        }
    }

    private static void at(String where, Runnable check) {
        try {
            check.run();
        } catch (IllegalArgumentException bad) {
            throw new IllegalArgumentException(where + ": " + bad.getMessage(), bad);
        }
    }

    // ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /** A file that {@link #parse} reads back. */
    static String write(BpeDefinition definition) {
        ObjectNode root = JsonNodeFactory.instance.objectNode();
        root.put("version", "1.0").putNull("truncation").putNull("padding");
        ArrayNode added = root.putArray("added_tokens");
        for (AddedToken token : definition.added()) {
            added.addObject().put("id", token.id()).put("content", token.content())
                    .put("single_word", token.singleWord()).put("lstrip", token.stripLeft())
                    .put("rstrip", token.stripRight()).put("normalized", token.normalised())
                    .put("special", token.special());
        }
        List<Normalizer.Form> forms = definition.normalisation().forms();
        if (forms.isEmpty()) {
            root.putNull("normalizer");
        } else {
            ArrayNode parts = root.putObject("normalizer").put(TYPE, "Sequence").putArray("normalizers");
            forms.forEach(form -> parts.addObject().put(TYPE, form.name()));
        }
        ArrayNode words = root.putObject("pre_tokenizer").put(TYPE, "Sequence").putArray("pretokenizers");
        boolean usual = definition.rules().equals(List.of(WordRule.GPT2));
        if (!usual) {
            definition.rules().forEach(rule -> {
                ObjectNode split = words.addObject().put(TYPE, "Split");
                split.putObject("pattern").put("Regex", rule.expression());
                split.put("behavior", "Isolated").put("invert", false);
            });
        }
        words.addObject().put(TYPE, "ByteLevel").put("add_prefix_space", definition.prefixSpace())
                .put("trim_offsets", true).put("use_regex", usual);
        writeTemplate(definition, root);
        root.putObject("decoder").put(TYPE, "ByteLevel").put("add_prefix_space", false).put("trim_offsets", true)
                .put("use_regex", true);
        ObjectNode model = root.putObject("model").put(TYPE, "BPE").putNull("dropout").putNull("unk_token")
                .putNull("continuing_subword_prefix").putNull("end_of_word_suffix").put("fuse_unk", false)
                .put("byte_fallback", false).put("ignore_merges", definition.wholeWords());
        ObjectNode vocabulary = model.putObject("vocab");
        for (int id = 0; id < definition.size(); id++) {
            if (!definition.token(id).isEmpty()) {
                vocabulary.put(definition.token(id), id);
            }
        }
        ArrayNode merges = model.putArray("merges");
        definition.mergeLines().forEach(merges::add);
        return root.toString();
    }

    private static void writeTemplate(BpeDefinition definition, ObjectNode root) {
        if (definition.before().length + definition.after().length == 0) {
            root.putNull("post_processor");
            return;
        }
        ObjectNode post = root.putObject("post_processor").put(TYPE, "TemplateProcessing");
        ArrayNode single = post.putArray("single");
        post.putArray("pair");
        ObjectNode specials = post.putObject("special_tokens");
        for (int id : definition.before()) {
            special(single, specials, id);
        }
        single.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
        for (int id : definition.after()) {
            special(single, specials, id);
        }
    }

    private static void special(ArrayNode single, ObjectNode specials, int id) {
        String name = Integer.toString(id);
        single.addObject().putObject("SpecialToken").put("id", name).put("type_id", 0);
        ObjectNode special = specials.putObject(name).put("id", name);
        special.putArray("ids").add(id);
        special.putArray("tokens").add(name);
    }
}

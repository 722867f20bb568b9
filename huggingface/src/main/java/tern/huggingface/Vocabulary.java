package tern.huggingface;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;

import tools.jackson.databind.JsonNode;

import tern.text.TokenizerReader;

/**
 * What a {@code tokenizer.json} says of its symbols: their spelling, and how a spelling stands for bytes. Immutable.
 *
 * @param model BPE, Unigram, WordPiece or WordLevel
 * @param spellings by identifier
 * @param special identifiers of symbols that mark something rather than spell it
 * @param byteLevel whether letters stand for bytes, as in GPT-2
 * @param byteFallback whether {@code <0x0A>} stands for a byte
 */
record Vocabulary(String model, Map<Integer, String> spellings, Map<Integer, String> special, boolean byteLevel,
        boolean byteFallback) {
    private static final String[] ENDS = {"<|endoftext|>", "</s>", "<|end_of_text|>", "<eos>", "[SEP]"};

    /**
     * Reads the parts of the file that name symbols.
     *
     * @throws IllegalArgumentException if there is no vocabulary, or an identifier is no small number or given twice
     */
    static Vocabulary of(JsonNode root) {
        JsonNode model = root.path("model");
        Map<Integer, String> spellings = new TreeMap<>();
        JsonNode listed = model.path("vocab");
        if (listed.isArray()) {
            for (int id = 0; id < listed.size(); id++) {
                put(spellings, id, listed.path(id).path(0).asString());
            }
        } else {
            listed.properties().forEach(entry -> put(spellings, entry.getValue().asInt(-1), entry.getKey()));
        }
        Map<Integer, String> special = new TreeMap<>();
        for (JsonNode added : root.path("added_tokens")) {
            int id = added.path("id").asInt(-1);
            String spelling = HuggingFaceReader.text(added, "content");
            spellings.remove(id, spelling);
            put(spellings, id, spelling);
            if (added.path("special").asBoolean(false)) {
                special.put(id, spelling);
            }
        }
        if (spellings.isEmpty()) {
            throw new IllegalArgumentException("it has no model.vocab, expected the model's symbols there");
        }
        String kind = HuggingFaceReader.text(model, "type");
        return new Vocabulary(kind.isEmpty() ? "tokenizer" : kind, spellings, special,
                has(root.path("decoder"), "ByteLevel"), has(root.path("decoder"), "ByteFallback"));
    }

    private static void put(Map<Integer, String> spellings, int id, String spelling) {
        if (id < 0 || id > 1 << 24) {
            throw new IllegalArgumentException(
                    "the symbol \"" + spelling + "\" has no identifier between 0 and " + (1 << 24));
        }
        String before = spellings.putIfAbsent(id, spelling);
        if (before != null) {
            throw new IllegalArgumentException("\"" + before + "\" and \"" + spelling + "\" are both symbol " + id);
        }
    }

    private static boolean has(JsonNode decoder, String type) {
        if (HuggingFaceReader.text(decoder, "type").equals(type)) {
            return true;
        }
        for (JsonNode part : decoder.path("decoders")) {
            if (has(part, type)) {
                return true;
            }
        }
        return false;
    }

    /** One more than the largest identifier. */
    int size() {
        return 1 + spellings.keySet().stream().mapToInt(Integer::intValue).max().orElseThrow();
    }

    /** Bytes of a symbol that its spelling tells, without the library. */
    Optional<byte[]> bytes(int id) {
        String spelling = spellings.get(id);
        if (spelling == null) {
            return Optional.of(new byte[0]);
        }
        if (special.containsKey(id)) {
            return Optional.of(spelling.getBytes(StandardCharsets.UTF_8));
        }
        if (byteFallback && spelling.matches("<0x[0-9A-F]{2}>")) {
            return Optional.of(HexFormat.of().parseHex(spelling, 3, 5));
        }
        return byteLevel ? Optional.of(TokenizerReader.byteLevel(spelling)) : Optional.empty();
    }

    /** The symbol that ends a text, by the names that are usual. */
    OptionalInt endOfText() {
        for (String end : ENDS) {
            OptionalInt id = special.entrySet().stream().filter(entry -> entry.getValue().equals(end))
                    .mapToInt(Map.Entry::getKey).findFirst();
            if (id.isPresent()) {
                return id;
            }
        }
        return OptionalInt.empty();
    }
}

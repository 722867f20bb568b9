package tern.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;

import tern.text.AddedTokens.AddedToken;
import tern.text.SentencePieceTokenizer.Piece;
import tern.text.SentencePieceTokenizer.Type;
import tern.text.SentencePieceTokenizer.Vocabulary;

/**
 * Tokenizers as GGUF files hold them, from the file's metadata and back: texts are {@link String}s, numbers {@link Number}s,
 * truths {@link Boolean}s, and several of them {@link List}s. Stateless; safe for use by several threads.
 */
public final class GgufTokenizers {
    /** Which kind of tokenizer a file holds; absent where it holds none. */
    public static final String MODEL = "tokenizer.ggml.model";

    /** What {@link #MODEL} says of a model that comes without a tokenizer. */
    public static final String NONE = "no_vocab";

    private static final String TOKENS = "tokenizer.ggml.tokens";
    private static final String TYPES = "tokenizer.ggml.token_type";
    private static final String MERGES = "tokenizer.ggml.merges";
    private static final String SCORES = "tokenizer.ggml.scores";
    private static final String SPLITTER = "tokenizer.ggml.pre";
    private static final String BEGIN = "tokenizer.ggml.bos_token_id";
    private static final String END = "tokenizer.ggml.eos_token_id";
    private static final String ADD_BEGIN = "tokenizer.ggml.add_bos_token";
    private static final String ADD_END = "tokenizer.ggml.add_eos_token";
    private static final String ADD_SPACE = "tokenizer.ggml.add_space_prefix";

    private static final int NORMAL = 1;
    private static final int CONTROL = 3;
    private static final int USER_DEFINED = 4;
    private static final int UNUSED = 5;

    private static final String WORLD = "rwkv";
    private static final String BYTE_LEVEL = "gpt2";
    private static final String SCORED = "llama";
    private static final String USUAL_SPLITTER = "default";

    private GgufTokenizers() {
    }

    // ── from a file ─────────────────────────────────────────────────────────────────────────────────────────────────

    /**
     * The tokenizer that a file holds: {@code rwkv} (World, or bytes where every symbol is one), {@code gpt2} (byte-level
     * BPE, with a splitter that is known here) or {@code llama} (SentencePiece's BPE).
     *
     * @param metadata of the file; other keys are passed over
     * @throws IllegalArgumentException if the kind or the splitter is not known here, or an entry is missing or not what it
     *     must be; names the key, what was expected and what was found
     */
    public static Tokenizer of(Map<String, ?> metadata) {
        Optional<String> unknown = unknown(metadata);
        if (unknown.isPresent()) {
            throw new IllegalArgumentException(unknown.get());
        }
        return switch (text(metadata, MODEL, "")) {
            case WORLD -> world(metadata);
            case SCORED -> scored(metadata);
            default -> byteLevel(metadata);
        };
    }

    /**
     * What a file's tokenizer is that is not known here, for the user; empty if the kind and its splitter are known, whether
     * or not {@link #of} finds everything in order.
     *
     * @throws IllegalArgumentException if one of the two is no text
     */
    public static Optional<String> unknown(Map<String, ?> metadata) {
        String model = text(metadata, MODEL, "");
        return switch (model) {
            case WORLD, SCORED -> Optional.empty();
            case BYTE_LEVEL -> {
                String splitter = text(metadata, SPLITTER, USUAL_SPLITTER);
                yield WordRule.NAMED.containsKey(splitter) ? Optional.empty()
                        : Optional.of(SPLITTER + ": expected one of " + String.join(", ", WordRule.NAMED.keySet())
                                + ", the splitters known here, found " + Shown.text(splitter));
            }
            default -> Optional.of(MODEL + ": expected \"" + WORLD + "\", \"" + BYTE_LEVEL
                    + "\" or \"" + SCORED + "\", the kinds of tokenizers known here, found "
                    + (model.isEmpty() ? "nothing" : Shown.text(model)));
        };
    }

    private static Tokenizer world(Map<String, ?> metadata) {
        List<String> tokens = texts(metadata, TOKENS);
        int[] types = types(metadata, tokens.size());
        List<byte[]> symbols = new ArrayList<>(tokens.size());
        for (int id = 0; id < tokens.size(); id++) {
            // what is not a part of text is a placeholder such as <s> or [PAD65530]
            symbols.add(types[id] == NORMAL ? unescape(tokens.get(id), id) : new byte[0]);
        }
        while (!symbols.isEmpty() && symbols.getLast().length == 0) {
            symbols.removeLast();
        }
        boolean bytes = symbols.size() == 256;
        for (int id = 0; id < symbols.size() && bytes; id++) {
            bytes = symbols.get(id).length == 1 && symbols.get(id)[0] == (byte) id;
        }
        if (bytes) {
            return ByteTokenizer.ALL;
        }
        try {
            return WorldTokenizer.checked(symbols);
        } catch (IllegalArgumentException bad) {
            throw new IllegalArgumentException(TOKENS + ": " + bad.getMessage(), bad);
        }
    }

    /** Bytes of a token: printable ASCII as it is, the rest as {@code \xHH}, {@code \n}, {@code \t}, {@code \r}. */
    private static byte[] unescape(String token, int id) {
        try {
            return PythonLiteral.unescapeBytes(token);
        } catch (IllegalArgumentException bad) {
            throw new IllegalArgumentException(TOKENS + "[" + id + "]: " + bad.getMessage(), bad);
        }
    }

    private static Tokenizer byteLevel(Map<String, ?> metadata) {
        List<String> tokens = texts(metadata, TOKENS);
        int[] types = types(metadata, tokens.size());
        BpeDefinition definition = new BpeDefinition();
        WordRule.Splitter splitter = Objects.requireNonNull(
                WordRule.NAMED.get(text(metadata, SPLITTER, USUAL_SPLITTER)));
        definition.rules(splitter.rules());
        definition.wholeWords(splitter.wholeWords());
        definition.prefixSpace(flag(metadata, ADD_SPACE, false));
        for (int id = 0; id < tokens.size(); id++) {
            String token = tokens.get(id);
            int at = id;
            switch (types[id]) {
                case NORMAL -> at(TOKENS, id, () -> definition.token(at, token));
                case CONTROL, USER_DEFINED -> at(TOKENS, id, () -> definition.added(
                        new AddedToken(at, token, types[at] == CONTROL, false, false, false, false)));
                case UNUSED -> {
                    // stands for nothing
                }
                default -> throw new IllegalArgumentException(TYPES + "[" + id + "]: expected " + NORMAL + " (normal), "
                        + CONTROL + " (control), " + USER_DEFINED + " (user defined) or " + UNUSED
                        + " (unused) in a byte-level vocabulary, found " + types[id]);
            }
        }
        List<String> merges = texts(metadata, MERGES);
        for (int i = 0; i < merges.size(); i++) {
            String merge = merges.get(i);
            at(MERGES, i, () -> definition.merge(merge));
        }
        OptionalInt end = id(metadata, END, tokens.size());
        boolean begins = flag(metadata, ADD_BEGIN, splitter.begins());
        boolean ends = flag(metadata, ADD_END, false);
        definition.around(begins ? id(metadata, BEGIN, tokens.size()).stream().toArray() : new int[0],
                ends ? end.stream().toArray() : new int[0]);
        try {
            return new BpeTokenizer(definition, new byte[0], end);
        } catch (IllegalArgumentException bad) {
            throw new IllegalArgumentException(TOKENS + ": " + bad.getMessage(), bad);
        }
    }

    private static Tokenizer scored(Map<String, ?> metadata) {
        List<String> tokens = texts(metadata, TOKENS);
        int[] types = types(metadata, tokens.size());
        List<Piece> pieces = new ArrayList<>(tokens.size());
        if (!(metadata.get(SCORES) instanceof List<?> scores) || scores.size() != tokens.size()) {
            throw new IllegalArgumentException(SCORES + ": expected " + tokens.size() + " numbers, one a token, found "
                    + (metadata.get(SCORES) instanceof List<?> other ? other.size() + " entries" : "none"));
        }
        for (int id = 0; id < tokens.size(); id++) {
            if (!(scores.get(id) instanceof Number score) || Float.isNaN(score.floatValue())) {
                throw wrong(SCORES + "[" + id + "]", "a number", scores.get(id));
            }
            int type = types[id];
            pieces.add(new Piece(tokens.get(id), score.floatValue(), Type.of(type)
                    .orElseThrow(() -> wrong(TYPES + "[" + pieces.size() + "]", "1 to 6", type))));
        }
        // Where a file does not say it, symbols 1 and 2 are around a text.
        OptionalInt begin = metadata.containsKey(BEGIN) || tokens.size() < 2 ? id(metadata, BEGIN, tokens.size())
                : OptionalInt.of(1);
        OptionalInt end = metadata.containsKey(END) || tokens.size() < 3 ? id(metadata, END, tokens.size())
                : OptionalInt.of(2);
        boolean begins = flag(metadata, ADD_BEGIN, true), ends = flag(metadata, ADD_END, false);
        try {
            return new SentencePieceTokenizer(new Vocabulary(pieces, flag(metadata, ADD_SPACE, true),
                    begins ? begin.stream().boxed().toList() : List.of(),
                    ends ? end.stream().boxed().toList() : List.of(),
                    end));
        } catch (IllegalArgumentException bad) {
            throw new IllegalArgumentException(TOKENS + ": " + bad.getMessage(), bad);
        }
    }

    private static void at(String key, int index, Runnable check) {
        try {
            check.run();
        } catch (IllegalArgumentException bad) {
            throw new IllegalArgumentException(key + "[" + index + "]: " + bad.getMessage(), bad);
        }
    }

    // ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────

    private static String text(Map<String, ?> metadata, String key, String usual) {
        Object value = metadata.get(key);
        if (value != null && !(value instanceof String)) {
            throw wrong(key, "a text", value);
        }
        return value == null ? usual : (String) value;
    }

    private static boolean flag(Map<String, ?> metadata, String key, boolean usual) {
        Object value = metadata.get(key);
        if (value != null && !(value instanceof Boolean)) {
            throw wrong(key, "true or false", value);
        }
        return value == null ? usual : (Boolean) value;
    }

    private static OptionalInt id(Map<String, ?> metadata, String key, int vocabulary) {
        Object value = metadata.get(key);
        if (value == null) {
            return OptionalInt.empty();
        }
        if (!(value instanceof Number number) || number.longValue() < 0 || number.longValue() >= vocabulary) {
            throw wrong(key, "a symbol from 0 to " + (vocabulary - 1), value);
        }
        return OptionalInt.of(number.intValue());
    }

    private static List<String> texts(Map<String, ?> metadata, String key) {
        Object value = metadata.get(key);
        if (!(value instanceof List<?> list)) {
            throw value == null
                    ? new IllegalArgumentException(key + ": is missing, expected a list of texts")
                    : wrong(key, "a list of texts", String.valueOf(value));
        }
        if (list.size() > BpeDefinition.LARGEST_ID) {
            throw wrong(key, "at most " + BpeDefinition.LARGEST_ID + " texts", list.size());
        }
        List<String> texts = new ArrayList<>(list.size());
        for (Object one : list) {
            if (!(one instanceof String text)) {
                throw wrong(key + "[" + texts.size() + "]", "a text", one);
            }
            texts.add(text);
        }
        return texts;
    }

    /** All normal if the file says nothing. */
    private static int[] types(Map<String, ?> metadata, int count) {
        int[] types = new int[count];
        Arrays.fill(types, NORMAL);
        Object value = metadata.get(TYPES);
        if (value == null) {
            return types;
        }
        if (!(value instanceof List<?> list) || list.size() != count) {
            throw wrong(TYPES, count + " numbers, one a token",
                    value instanceof List<?> other ? other.size() + " entries" : value);
        }
        for (int id = 0; id < count; id++) {
            if (!(list.get(id) instanceof Number number)) {
                throw wrong(TYPES + "[" + id + "]", "a number", list.get(id));
            }
            types[id] = number.intValue();
        }
        return types;
    }

    private static IllegalArgumentException wrong(String key, String expected, Object found) {
        return new IllegalArgumentException(key + ": expected " + expected + ", found " + Shown.text(found.toString()));
    }

    // ── to a file ───────────────────────────────────────────────────────────────────────────────────────────────────

    /**
     * What a GGUF file has to hold for a tokenizer, so that {@link #of} and llama.cpp read it back.
     *
     * @param rows of the model's embedding, at least the vocabulary; those beyond it are padding
     * @throws IllegalArgumentException if the format has no way to say what the tokenizer does; says what
     */
    public static Map<String, Object> metadata(Tokenizer tokenizer, int rows) {
        if (rows < tokenizer.vocabulary()) {
            throw new IllegalArgumentException("tokenizer: " + tokenizer.name() + " has " + tokenizer.vocabulary()
                    + " symbols, but the model has " + rows + " rows");
        }
        return switch (tokenizer) {
            case BpeTokenizer bpe -> byteLevel(bpe, rows);
            case SentencePieceTokenizer scored -> scored(scored.pieces(), rows);
            default -> world(tokenizer, rows);
        };
    }

    private static Map<String, Object> world(Tokenizer tokenizer, int rows) {
        boolean all = tokenizer instanceof WorldTokenizer || tokenizer.equals(ByteTokenizer.ALL);
        if (!all) {
            throw new IllegalArgumentException("tokenizer: GGUF has no form for " + tokenizer.name()
                    + "; only World vocabularies, all 256 bytes, byte-level BPE and SentencePiece's can be written");
        }
        List<String> tokens = new ArrayList<>(rows);
        List<Integer> types = new ArrayList<>(rows);
        for (int id = 0; id < rows; id++) {
            byte[] symbol = id < tokenizer.vocabulary() ? tokenizer.symbol(id) : new byte[0];
            boolean end = tokenizer.endOfText().equals(OptionalInt.of(id));
            tokens.add(end ? "<s>" : symbol.length == 0 ? "[PAD" + id + "]" : PythonLiteral.escapeBytes(symbol));
            types.add(end ? CONTROL : symbol.length == 0 ? UNUSED : NORMAL);
        }
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put(MODEL, WORLD);
        metadata.put(TOKENS, tokens);
        metadata.put(TYPES, types);
        // as llama.cpp's own converter has them: the reserved symbol both begins and ends a text
        metadata.put(BEGIN, tokenizer.endOfText().orElse(0));
        metadata.put(END, tokenizer.endOfText().orElse(0));
        return metadata;
    }

    private static Map<String, Object> byteLevel(BpeTokenizer tokenizer, int rows) {
        BpeDefinition definition = tokenizer.definition();
        String splitter = WordRule.NAMED.entrySet().stream()
                .filter(named -> named.getValue().rules().equals(definition.rules())
                        && named.getValue().wholeWords() == definition.wholeWords())
                .map(Map.Entry::getKey).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("tokenizer: GGUF has no name for the splitters "
                        + definition.rules() + " with ignore_merges " + definition.wholeWords()
                        + ", expected those of " + String.join(", ", WordRule.NAMED.keySet())));
        Map<Integer, AddedToken> added = new LinkedHashMap<>();
        definition.added().forEach(token -> added.put(token.id(), token));
        List<String> tokens = new ArrayList<>(rows);
        List<Integer> types = new ArrayList<>(rows);
        for (int id = 0; id < rows; id++) {
            AddedToken token = added.get(id);
            String letters = definition.token(id);
            tokens.add(token != null ? token.content() : letters.isEmpty() ? "[PAD" + id + "]" : letters);
            types.add(token == null ? letters.isEmpty() ? UNUSED : NORMAL : token.special() ? CONTROL : USER_DEFINED);
        }
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put(MODEL, BYTE_LEVEL);
        metadata.put(SPLITTER, splitter);
        metadata.put(TOKENS, tokens);
        metadata.put(TYPES, types);
        metadata.put(MERGES, definition.mergeLines());
        tokenizer.endOfText().ifPresent(id -> metadata.put(END, id));
        around(definition.before(), ADD_BEGIN, BEGIN, metadata);
        around(definition.after(), ADD_END, END, metadata);
        if (definition.prefixSpace()) {
            metadata.put(ADD_SPACE, true);
        }
        return metadata;
    }

    private static Map<String, Object> scored(Vocabulary vocabulary, int rows) {
        List<String> tokens = new ArrayList<>(rows);
        List<Float> scores = new ArrayList<>(rows);
        List<Integer> types = new ArrayList<>(rows);
        for (int id = 0; id < rows; id++) {
            boolean padding = id >= vocabulary.pieces().size();
            Piece piece = padding ? new Piece("[PAD" + id + "]", 0, Type.UNUSED) : vocabulary.pieces().get(id);
            tokens.add(piece.text());
            scores.add(piece.score());
            types.add(piece.type().number());
        }
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put(MODEL, SCORED);
        metadata.put(TOKENS, tokens);
        metadata.put(SCORES, scores);
        metadata.put(TYPES, types);
        vocabulary.end().ifPresent(id -> metadata.put(END, id));
        around(vocabulary.before().stream().mapToInt(Integer::intValue).toArray(), ADD_BEGIN, BEGIN, metadata);
        around(vocabulary.after().stream().mapToInt(Integer::intValue).toArray(), ADD_END, END, metadata);
        metadata.put(ADD_SPACE, vocabulary.spaceAhead());
        return metadata;
    }

    private static void around(int[] ids, String flag, String key, Map<String, Object> metadata) {
        if (ids.length > 1 || ids.length == 1 && metadata.getOrDefault(key, ids[0]) instanceof Integer id
                && id != ids[0]) {
            throw new IllegalArgumentException("tokenizer: the symbols " + Arrays.toString(ids)
                    + " stand around a text, but GGUF can say one on each side, at the end the end's own");
        }
        metadata.put(flag, ids.length == 1);
        if (ids.length == 1) {
            metadata.put(key, ids[0]);
        }
    }
}

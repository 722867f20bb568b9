package tern.text;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.Stream;

import tern.text.AddedTokens.AddedToken;

/**
 * Byte-level byte-pair encoding, as GPT-2, GPT-NeoX, Llama 3 and Qwen have it: added tokens are cut out, what is left is
 * normalised and cut into words, and the bytes of a word are merged pair by pair. Decoding gives back the normalised text,
 * with what else the file asks for: a space in front, white space beside added tokens removed. Bytes that are not UTF-8
 * pass as they are. Time is O(n log n) for any text of n bytes. Immutable but for a bounded cache; safe for use by several
 * threads.
 */
public final class BpeTokenizer implements Tokenizer {
    /** What the file is called in a model's folder. */
    public static final String FILE = "tokenizer.json";

    static final String KIND = "bpe";
    private static final String END_OPTION = "endOfText";
    private static final List<String> ENDS = List.of("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>");

    private final BpeDefinition definition;
    private final byte[] file;
    private final SymbolTable symbols;
    private final Merges merges;
    private final AddedTokens rawTokens;
    private final AddedTokens normalisedTokens;
    private final OptionalInt end;

    /** A tokenizer of a definition that is complete; {@code file} is what it was read from, or empty. */
    BpeTokenizer(BpeDefinition definition, byte[] file, OptionalInt end) {
        definition.requireComplete();
        this.definition = definition;
        this.file = file;
        this.merges = definition.merges();
        byte[][] bytes = new byte[definition.size()][];
        Arrays.setAll(bytes, id -> ByteLetters.bytes(definition.token(id)));
        for (AddedToken token : definition.added()) {
            bytes[token.id()] = token.bytes();
        }
        this.symbols = new SymbolTable(bytes);
        this.rawTokens = new AddedTokens(
                definition.added().stream().filter(token -> !token.normalised()).toList(), Normalisation.NONE);
        this.normalisedTokens = new AddedTokens(definition.added().stream().filter(AddedToken::normalised).toList(),
                definition.normalisation());
        this.end = end;
    }

    /** The symbol that most files have for the end of a text. */
    static OptionalInt usualEnd(BpeDefinition definition) {
        return ENDS.stream().mapToInt(definition::id).filter(id -> id >= 0).findFirst();
    }

    /**
     * A tokenizer from a {@code tokenizer.json} in Hugging Face's format.
     *
     * @throws IOException if the file cannot be read, is damaged, or asks for anything that is not known here; names the
     *     place, what was expected and what was found
     */
    public static BpeTokenizer open(Path file) throws IOException {
        return BpeFile.parse(file.toString(), TokenizerFiles.read(file));
    }

    @Override
    public String name() {
        return "BPE, " + vocabulary() + " symbols";
    }

    @Override
    public int vocabulary() {
        return symbols.size();
    }

    @Override
    public OptionalInt endOfText() {
        return end;
    }

    @Override
    public int[] encode(byte[] text) {
        Ids ids = new Ids(text.length / 3);
        encode(text, ids);
        return ids.toArray();
    }

    @Override
    public int[] encodeWhole(byte[] text) {
        Ids ids = new Ids(text.length / 3);
        for (int id : definition.before()) {
            ids.add(id);
        }
        encode(text, ids);
        for (int id : definition.after()) {
            ids.add(id);
        }
        return ids.toArray();
    }

    /** Takes pieces between added tokens; the first round hands what it finds on to the second, after normalising it. */
    private void encode(byte[] text, Ids ids) {
        AddedTokens.Sink words = new AddedTokens.Sink() {
            @Override
            public void text(byte[] bytes, int from, int to) {
                words(bytes, from, to, ids);
            }

            @Override
            public void token(int id) {
                ids.add(id);
            }
        };
        rawTokens.cut(text, 0, text.length, new AddedTokens.Sink() {
            @Override
            public void text(byte[] bytes, int from, int to) {
                boolean whole = from == 0 && to == bytes.length;
                byte[] normal = definition.normalisation()
                        .apply(whole ? bytes : Arrays.copyOfRange(bytes, from, to));
                normalisedTokens.cut(normal, 0, normal.length, words);
            }

            @Override
            public void token(int id) {
                ids.add(id);
            }
        });
    }

    private void words(byte[] text, int from, int to, Ids ids) {
        if (definition.prefixSpace() && text[from] != ' ') {
            byte[] prefixed = new byte[to - from + 1];
            prefixed[0] = ' ';
            System.arraycopy(text, from, prefixed, 1, to - from);
            cut(0, prefixed, 0, prefixed.length, ids);
        } else {
            cut(0, text, from, to, ids);
        }
    }

    private void cut(int rule, byte[] text, int from, int to, Ids ids) {
        if (rule == definition.rules().size()) {
            int whole = definition.wholeWords() ? symbols.find(text, from, to) : -1;
            if (whole >= 0) {
                ids.add(whole);
            } else {
                merges.encode(text, from, to, ids);
            }
            return;
        }
        for (int at = from; at < to;) {
            int next = definition.rules().get(rule).end(text, at, to);
            cut(rule + 1, text, at, next, ids);
            at = next;
        }
    }

    @Override
    public byte[] symbol(int id) {
        return symbols.get(id);
    }

    @Override
    public int symbolLength(int id) {
        return symbols.length(id);
    }

    @Override
    public OptionalInt id(byte[] symbol) {
        return symbols.id(symbol);
    }

    @Override
    public Map<String, String> descriptor() {
        Map<String, String> descriptor = new LinkedHashMap<>();
        descriptor.put(TokenizerFiles.KIND, KIND);
        TokenizerFiles.describe(descriptor, FILE, file());
        if (!end.equals(usualEnd(definition))) {
            descriptor.put(END_OPTION, end.isPresent() ? Integer.toString(end.getAsInt()) : "none");
        }
        return descriptor;
    }

    @Override
    public Map<String, byte[]> files() {
        return Map.of(FILE, file());
    }

    private byte[] file() {
        return file.length > 0 ? file.clone() : BpeFile.write(definition).getBytes(StandardCharsets.UTF_8);
    }

    /** All that this was made from. */
    BpeDefinition definition() {
        return definition;
    }

    /** The tokenizer that a descriptor of this kind stands for. */
    static BpeTokenizer from(Map<String, String> descriptor, java.util.Optional<Path> folder) throws IOException {
        BpeTokenizer usual = TokenizerFiles.load(descriptor, folder, BpeFile::parse);
        String named = descriptor.get(END_OPTION);
        if (named == null) {
            return usual;
        }
        return new BpeTokenizer(usual.definition, usual.file,
                named.equals("none") ? OptionalInt.empty() : OptionalInt.of(usual.requireId(named)));
    }

    private int requireId(String digits) {
        boolean number = !digits.isEmpty() && digits.length() < 9 && digits.chars().allMatch(c -> c >= '0' && c <= '9');
        if (!number || Integer.parseInt(digits) >= vocabulary()) {
            throw new IllegalArgumentException("tokenizer: " + END_OPTION + " is " + Shown.text(digits)
                    + ", expected \"none\" or a symbol below " + vocabulary());
        }
        return Integer.parseInt(digits);
    }

    @Override
    public boolean equals(Object other) {
        return this == other || other instanceof BpeTokenizer tokenizer && end.equals(tokenizer.end)
                && Arrays.equals(file(), tokenizer.file());
    }

    @Override
    public int hashCode() {
        return Stream.of(vocabulary(), end.orElse(-1)).toList().hashCode();
    }

    @Override
    public String toString() {
        return "bpe(" + vocabulary() + ")";
    }
}

package tern.text;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.zip.GZIPInputStream;

/**
 * The tokenizer of the RWKV "World" models and of GoldFinch: at every place the longest token of the vocabulary, on bytes,
 * without merges, normalising or splitting beforehand. Every byte is a token, so that any string of bytes can be expressed
 * and comes back exactly; tokens of joined texts may differ from those of the texts alone. Immutable.
 */
public final class WorldTokenizer implements Tokenizer {
    /** The vocabulary that ships with Tern. */
    public static final String SHIPPED = "rwkv_vocab_v20230424";
    /** The text that may stand for the end of a text, id 0. */
    public static final String END_OF_TEXT = "<|endoftext|>";

    static final String KIND = "world";
    private static final String FILE = "world-vocabulary.txt";
    private static final String END_OPTION = "endOfText";
    private static final int END = 0;

    private final byte[] bytes;
    private final int[] starts;
    private final ByteTrie trie;
    private final boolean shipped;
    private final boolean endIsText;
    private final boolean zeroIsReserved;

    private WorldTokenizer(byte[] bytes, int[] starts, ByteTrie trie, boolean shipped, boolean endIsText) {
        this.bytes = bytes;
        this.starts = starts;
        this.trie = trie;
        this.shipped = shipped;
        this.endIsText = endIsText;
        this.zeroIsReserved = starts[0] == starts[1];
    }

    /** The vocabulary that ships with Tern: {@value #SHIPPED}, ids 1 to 65529, and 0 for the end of a text. */
    public static WorldTokenizer shipped() {
        return Shipped.TOKENIZER;
    }

    private static final class Shipped {
        static final WorldTokenizer TOKENIZER = load();

        private static WorldTokenizer load() {
            String name = SHIPPED + ".txt.gz";
            try (InputStream packed = WorldTokenizer.class.getResourceAsStream(name)) {
                if (packed == null) {
                    throw new IllegalStateException(
                            name + " is missing from Tern's own files; build or install Tern again");
                }
                return of(WorldVocabulary.parse(name, new GZIPInputStream(packed).readAllBytes()), true);
            } catch (IOException damaged) {
                throw new IllegalStateException(
                        "Tern's own vocabulary is damaged: " + damaged.getMessage() + "; build or install Tern again",
                        damaged);
            }
        }
    }

    /**
     * A vocabulary from a file of lines {@code ID LITERAL LENGTH}.
     *
     * @throws IOException if the file cannot be read, or a line is not as it must be; names the line, what was expected and
     *     what was found
     */
    public static WorldTokenizer open(Path file) throws IOException {
        return parse(file.toString(), TokenizerFiles.read(file));
    }

    static WorldTokenizer parse(String name, byte[] file) throws IOException {
        return of(WorldVocabulary.parse(name, file));
    }

    /**
     * {@link #of(List)} after a check.
     *
     * @throws IllegalArgumentException if two symbols are the same or a byte has none; names them
     */
    static WorldTokenizer checked(List<byte[]> symbols) {
        SymbolTable table = new SymbolTable(symbols.toArray(byte[][]::new));
        for (int id = 0; id < symbols.size(); id++) {
            byte[] symbol = symbols.get(id);
            int first = symbol.length == 0 ? id : table.find(symbol, 0, symbol.length);
            if (first != id) {
                throw new IllegalArgumentException("symbols " + first + " and " + id + " are the same, "
                        + PythonLiteral.write(symbol) + ", expected different ones");
            }
        }
        for (int value = 0; value < 256; value++) {
            if (table.find(new byte[] {(byte) value}, 0, 1) < 0) {
                throw new IllegalArgumentException(
                        "there is no symbol for the byte 0x%02X, expected one for each of the 256".formatted(value));
            }
        }
        for (int id = 1; id < symbols.size(); id++) {
            if (symbols.get(id).length == 0) {
                throw new IllegalArgumentException("symbol " + id
                        + " is unused between others, expected unused ones at the end and at 0 only");
            }
        }
        return of(symbols);
    }

    /** A vocabulary of bytes by id: distinct, all single bytes among them; that of an unused id is empty. */
    static WorldTokenizer of(List<byte[]> symbols) {
        WorldTokenizer own = shipped();
        boolean same = symbols.size() == own.vocabulary();
        for (int id = 0; same && id < symbols.size(); id++) {
            same = Arrays.equals(own.bytes, own.starts[id], own.starts[id + 1], symbols.get(id), 0,
                    symbols.get(id).length);
        }
        return same ? own : of(symbols, false);
    }

    private static WorldTokenizer of(List<byte[]> symbols, boolean shipped) {
        int[] starts = new int[symbols.size() + 1];
        for (int id = 0; id < symbols.size(); id++) {
            starts[id + 1] = starts[id] + symbols.get(id).length;
        }
        byte[] bytes = new byte[starts[symbols.size()]];
        for (int id = 0; id < symbols.size(); id++) {
            System.arraycopy(symbols.get(id), 0, bytes, starts[id], symbols.get(id).length);
        }
        int[] used = java.util.stream.IntStream.range(0, symbols.size()).filter(id -> symbols.get(id).length > 0)
                .toArray();
        byte[][] strings = Arrays.stream(used).mapToObj(symbols::get).toArray(byte[][]::new);
        return new WorldTokenizer(bytes, starts, ByteTrie.of(strings, used), shipped, false);
    }

    /**
     * The same vocabulary, in which the text {@value #END_OF_TEXT} stands for id 0, as GoldFinch's own loader has it; else
     * it is a text like any other.
     *
     * @throws IllegalArgumentException if id 0 is a token like any other in this vocabulary
     */
    public WorldTokenizer withEndOfText() {
        if (!zeroIsReserved) {
            throw new IllegalArgumentException("world: id 0 is a token of this vocabulary, expected it to be free for "
                    + END_OF_TEXT);
        }
        return new WorldTokenizer(bytes, starts, trie, shipped, true);
    }

    @Override
    public String name() {
        return (shipped ? "World, " + SHIPPED : "World, a vocabulary of its own")
                + (endIsText ? ", " + END_OF_TEXT : "");
    }

    @Override
    public int vocabulary() {
        return starts.length - 1;
    }

    @Override
    public OptionalInt endOfText() {
        return zeroIsReserved ? OptionalInt.of(END) : OptionalInt.empty();
    }

    @Override
    public int[] encode(byte[] text) {
        Ids ids = new Ids(text.length / 3);
        if (endIsText) {
            byte[] special = END_OF_TEXT.getBytes(StandardCharsets.UTF_8);
            int from = 0;
            for (int at = 0; at <= text.length - special.length; at++) {
                if (text[at] == special[0]
                        && Arrays.equals(text, at, at + special.length, special, 0, special.length)) {
                    encode(text, from, at, ids);
                    ids.add(END);
                    from = at + special.length;
                    at = from - 1;
                }
            }
            encode(text, from, text.length, ids);
        } else {
            encode(text, 0, text.length, ids);
        }
        return ids.toArray();
    }

    private void encode(byte[] text, int from, int to, Ids ids) {
        for (int at = from; at < to;) {
            long found = trie.match(text, at, to);
            ids.add((int) found);
            at += (int) (found >>> 32);
        }
    }

    @Override
    public byte[] symbol(int id) {
        requireKnown(id);
        return id == END && endIsText ? END_OF_TEXT.getBytes(StandardCharsets.UTF_8)
                : Arrays.copyOfRange(bytes, starts[id], starts[id + 1]);
    }

    @Override
    public int symbolLength(int id) {
        requireKnown(id);
        return id == END && endIsText ? END_OF_TEXT.length() : starts[id + 1] - starts[id];
    }

    private void requireKnown(int id) {
        if (id < 0 || id >= vocabulary()) {
            throw new IllegalArgumentException(
                    "symbol " + id + " is outside the vocabulary, expected 0 to " + (vocabulary() - 1));
        }
    }

    @Override
    public OptionalInt id(byte[] symbol) {
        if (endIsText && Arrays.equals(symbol, END_OF_TEXT.getBytes(StandardCharsets.UTF_8))) {
            return OptionalInt.of(END);
        }
        int id = symbol.length == 0 ? ByteTrie.NONE : trie.value(symbol);
        return id < 0 ? OptionalInt.empty() : OptionalInt.of(id);
    }

    @Override
    public Map<String, String> descriptor() {
        Map<String, String> descriptor = new LinkedHashMap<>();
        descriptor.put(TokenizerFiles.KIND, KIND);
        if (shipped) {
            descriptor.put("vocabulary", SHIPPED);
        } else {
            TokenizerFiles.describe(descriptor, FILE, file());
        }
        if (endIsText) {
            descriptor.put(END_OPTION, END_OF_TEXT);
        }
        return descriptor;
    }

    @Override
    public Map<String, byte[]> files() {
        return shipped ? Map.of() : Map.of(FILE, file());
    }

    private byte[] file() {
        return WorldVocabulary.write(java.util.stream.IntStream.range(0, vocabulary())
                .mapToObj(id -> Arrays.copyOfRange(bytes, starts[id], starts[id + 1])).toList());
    }

    /** The tokenizer that a descriptor of this kind stands for. */
    static WorldTokenizer from(Map<String, String> descriptor, Optional<Path> folder) throws IOException {
        String vocabulary = descriptor.get("vocabulary");
        if (vocabulary != null && !vocabulary.equals(SHIPPED)) {
            throw new IllegalArgumentException("tokenizer: vocabulary is " + Shown.text(vocabulary) + ", expected \""
                    + SHIPPED + "\", or a file in the model's folder; the model was written by another version");
        }
        WorldTokenizer plain = vocabulary != null ? shipped()
                : TokenizerFiles.load(descriptor, folder, WorldTokenizer::parse);
        String end = descriptor.get(END_OPTION);
        if (end != null && !end.equals(END_OF_TEXT)) {
            throw new IllegalArgumentException("tokenizer: " + END_OPTION + " is " + Shown.text(end) + ", expected \""
                    + END_OF_TEXT + "\" or nothing");
        }
        return end == null ? plain : plain.withEndOfText();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof WorldTokenizer tokenizer && endIsText == tokenizer.endIsText
                && Arrays.equals(starts, tokenizer.starts) && Arrays.equals(bytes, tokenizer.bytes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(bytes);
    }

    @Override
    public String toString() {
        return "world(" + vocabulary() + ")";
    }
}

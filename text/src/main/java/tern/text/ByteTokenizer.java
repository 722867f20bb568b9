package tern.text;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalInt;

/**
 * One symbol for every byte. {@link #ALL} knows all 256 and can express any data; an alphabet of fewer bytes makes a
 * smaller vocabulary, numbered in the order of byte values. Immutable.
 */
public final class ByteTokenizer implements Tokenizer {
    /** The note of a model that reads bytes but no text otherwise: which token is byte 0, those of the others following it. */
    public static final String FIRST_BYTE_NOTE = "first_byte";

    /** All 256 bytes; a symbol is the byte's unsigned value. */
    public static final ByteTokenizer ALL = new ByteTokenizer(everyByte());

    static final String KIND = "bytes";
    private static final int ABSENT = -1;

    private final byte[] symbols;
    private final int[] ids = new int[256];

    private ByteTokenizer(byte[] symbols) {
        this.symbols = symbols;
        Arrays.fill(ids, ABSENT);
        for (int id = 0; id < symbols.length; id++) {
            ids[symbols[id] & 0xFF] = id;
        }
    }

    /**
     * A tokenizer of an alphabet, whatever its order.
     *
     * @throws IllegalArgumentException if the alphabet is empty or repeats a byte
     */
    public static ByteTokenizer over(byte[] alphabet) {
        byte[] sorted = inOrder(alphabet).symbols.clone();
        int[] values = new int[sorted.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = sorted[i] & 0xFF;
        }
        Arrays.sort(values);
        for (int i = 0; i < values.length; i++) {
            sorted[i] = (byte) values[i];
        }
        return new ByteTokenizer(sorted);
    }

    /**
     * A tokenizer of an alphabet whose symbols are numbered in the order given.
     *
     * @throws IllegalArgumentException if the alphabet is empty or repeats a byte
     */
    public static ByteTokenizer inOrder(byte[] alphabet) {
        boolean[] used = new boolean[256];
        for (byte symbol : alphabet) {
            if (used[symbol & 0xFF]) {
                throw new IllegalArgumentException(
                        "alphabet: byte " + describe(symbol) + " stands twice, expected distinct bytes");
            }
            used[symbol & 0xFF] = true;
        }
        if (alphabet.length == 0) {
            throw new IllegalArgumentException("alphabet: no bytes, expected 1 to 256");
        }
        return new ByteTokenizer(alphabet.clone());
    }

    private static byte[] everyByte() {
        byte[] all = new byte[256];
        for (int value = 0; value < 256; value++) {
            all[value] = (byte) value;
        }
        return all;
    }

    @Override
    public String name() {
        return symbols.length == 256 ? KIND : symbols.length + " different bytes";
    }

    @Override
    public int vocabulary() {
        return symbols.length;
    }

    @Override
    public int[] encode(byte[] bytes) {
        int[] encoded = new int[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            encoded[i] = id(bytes[i], i);
        }
        return encoded;
    }

    /** The symbol of a byte found at an offset. */
    int id(byte value, long offset) {
        int id = ids[value & 0xFF];
        if (id == ABSENT) {
            throw new IllegalArgumentException("byte " + describe(value) + " at offset " + offset
                    + " is not in the vocabulary of " + symbols.length + " bytes");
        }
        return id;
    }

    /** The symbol of a byte, or a negative number. */
    int idOrAbsent(byte value) {
        return ids[value & 0xFF];
    }

    @Override
    public byte[] symbol(int id) {
        if (id < 0 || id >= symbols.length) {
            throw new IllegalArgumentException("symbol " + id + " is outside the vocabulary, expected 0 to "
                    + (symbols.length - 1));
        }
        return new byte[] {symbols[id]};
    }

    @Override
    public int symbolLength(int id) {
        return id >= 0 && id < symbols.length ? 1 : symbol(id).length;
    }

    @Override
    public OptionalInt id(byte[] symbol) {
        int id = symbol.length == 1 ? ids[symbol[0] & 0xFF] : ABSENT;
        return id == ABSENT ? OptionalInt.empty() : OptionalInt.of(id);
    }

    /** None: every byte is data. */
    @Override
    public OptionalInt endOfText() {
        return OptionalInt.empty();
    }

    @Override
    public Map<String, String> descriptor() {
        Map<String, String> descriptor = new LinkedHashMap<>();
        descriptor.put(TokenizerFiles.KIND, KIND);
        if (symbols.length < 256) {
            descriptor.put("alphabet", HexFormat.of().formatHex(symbols));
        }
        return descriptor;
    }

    private static String describe(byte value) {
        String hex = String.format("0x%02X", value & 0xFF);
        return value > 0x20 && value < 0x7F ? hex + " ('" + (char) value + "')" : hex;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ByteTokenizer tokenizer && Arrays.equals(symbols, tokenizer.symbols);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(symbols);
    }

    @Override
    public String toString() {
        return "bytes(" + symbols.length + ")";
    }
}

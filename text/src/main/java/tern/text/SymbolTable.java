package tern.text;

import java.util.Arrays;
import java.util.OptionalInt;

/** Strings of bytes by number, and the number of a string. Immutable. */
final class SymbolTable {
    private static final int NONE = -1;

    private final byte[] bytes;
    private final int[] starts;
    private final int[] slots;

    /** Strings by number; of equal ones the first is found, empty ones never are. */
    SymbolTable(byte[][] symbols) {
        starts = new int[symbols.length + 1];
        for (int id = 0; id < symbols.length; id++) {
            starts[id + 1] = Math.addExact(starts[id], symbols[id].length);
        }
        bytes = new byte[starts[symbols.length]];
        slots = new int[Integer.highestOneBit(Math.max(16, symbols.length)) * 4];
        Arrays.fill(slots, NONE);
        for (int id = 0; id < symbols.length; id++) {
            System.arraycopy(symbols[id], 0, bytes, starts[id], symbols[id].length);
            int slot = slot(symbols[id], 0, symbols[id].length);
            if (symbols[id].length > 0 && slots[slot] == NONE) {
                slots[slot] = id;
            }
        }
    }

    int size() {
        return starts.length - 1;
    }

    /**
     * Bytes of a string.
     *
     * @throws IllegalArgumentException if there is none of this number
     */
    int length(int id) {
        requireKnown(id);
        return starts[id + 1] - starts[id];
    }

    /**
     * A string, in a fresh array.
     *
     * @throws IllegalArgumentException if there is none of this number
     */
    byte[] get(int id) {
        requireKnown(id);
        return Arrays.copyOfRange(bytes, starts[id], starts[id + 1]);
    }

    private void requireKnown(int id) {
        if (id < 0 || id >= size()) {
            throw new IllegalArgumentException(
                    "symbol " + id + " is outside the vocabulary, expected 0 to " + (size() - 1));
        }
    }

    /** The number of a string, if it has one. */
    OptionalInt id(byte[] symbol) {
        int id = find(symbol, 0, symbol.length);
        return id < 0 ? OptionalInt.empty() : OptionalInt.of(id);
    }

    /** The number of a string, or −1. */
    int find(byte[] text, int from, int to) {
        return slots[slot(text, from, to)];
    }

    /** Where a string is, or would be. */
    private int slot(byte[] text, int from, int to) {
        int mask = slots.length - 1;
        int slot = hash(text, from, to) & mask;
        while (slots[slot] != NONE && !Arrays.equals(bytes, starts[slots[slot]], starts[slots[slot] + 1], text, from,
                to)) {
            slot = slot + 1 & mask;
        }
        return slot;
    }

    /** A number that differs for most strings. */
    static int hash(byte[] text, int from, int to) {
        int hash = to - from;
        for (int at = from; at < to; at++) {
            hash = hash * 0x01000193 ^ text[at] & 0xFF;
        }
        hash *= 0x9E3779B1;
        return hash ^ hash >>> 15;
    }
}

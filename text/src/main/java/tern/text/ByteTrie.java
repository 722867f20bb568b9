package tern.text;

import java.util.Arrays;
import java.util.BitSet;

/**
 * Finds the longest of many strings of bytes that begins at some place. A double array (Aoe 1989): the child of a state for
 * a byte stands at the state's base plus the byte, if that entry's parent is the state; one step is one memory access.
 * Immutable.
 */
final class ByteTrie {
    /** What is returned where nothing matches. */
    static final int NONE = -1;

    // an entry of the table: base of the children, state of the parent, what ends here
    private static final int ENTRY = 4;
    private static final int BASE = 0;
    private static final int PARENT = 1;
    private static final int VALUE = 2;

    private final int[] table;
    private final int longest;

    private ByteTrie(int[] table, int longest) {
        this.table = table;
        this.longest = longest;
    }

    /**
     * A trie of distinct strings that are not empty.
     *
     * @param strings in any order
     * @param values what stands for each, 0 or more
     */
    static ByteTrie of(byte[][] strings, int[] values) {
        Integer[] order = new Integer[strings.length];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Arrays.compareUnsigned(strings[a], strings[b]));
        return new Builder(strings, values, order).build();
    }

    /** Bytes of the longest string. */
    int longest() {
        return longest;
    }

    /**
     * The longest string that begins at {@code from} and ends at or before {@code to}.
     *
     * @return its value in the lower half and its length in the upper half, or {@link #NONE}
     */
    long match(byte[] bytes, int from, int to) {
        int[] entries = table;
        int state = 0;
        long found = NONE;
        for (int at = from; at < to; at++) {
            int next = entries[state * ENTRY + BASE] + (bytes[at] & 0xFF);
            int entry = next * ENTRY;
            if (entry >= entries.length || entries[entry + PARENT] != state) {
                break;
            }
            state = next;
            int value = entries[entry + VALUE];
            if (value >= 0) {
                found = (long) (at + 1 - from) << 32 | value;
            }
        }
        return found;
    }

    /** The value of a string, or {@link #NONE}. */
    int value(byte[] string) {
        long found = match(string, 0, string.length);
        return found != NONE && found >>> 32 == string.length ? (int) found : NONE;
    }

    /** Places states breadth first, each in the first gap that all its children fit into. */
    private static final class Builder {
        private final byte[][] strings;
        private final int[] values;
        private final Integer[] order;
        private final BitSet taken = new BitSet();
        private int[] table = new int[ENTRY << 10];
        private int top = 1;
        private int firstFree = 1;
        private int longest;

        Builder(byte[][] strings, int[] values, Integer[] order) {
            this.strings = strings;
            this.values = values;
            this.order = order;
        }

        /** Strings {@code from} to {@code to} in sorted order share their first {@code depth} bytes, which lead to a state. */
        private record Range(int state, int from, int to, int depth) {
        }

        ByteTrie build() {
            for (int entry = 0; entry < table.length; entry += ENTRY) {
                clear(entry);
            }
            taken.set(0);
            java.util.ArrayDeque<Range> open = new java.util.ArrayDeque<>();
            open.add(new Range(0, 0, order.length, 0));
            int[] ends = new int[257];
            byte[] children = new byte[256];
            while (!open.isEmpty()) {
                Range range = open.remove();
                int at = range.from;
                while (at < range.to && strings[order[at]].length == range.depth) {
                    assert table[range.state * ENTRY + VALUE] < 0 : "a string stands twice";
                    table[range.state * ENTRY + VALUE] = values[order[at]];
                    longest = Math.max(longest, range.depth);
                    at++;
                }
                int count = 0;
                ends[0] = at;
                while (at < range.to) {
                    byte child = strings[order[at]][range.depth];
                    while (at < range.to && strings[order[at]][range.depth] == child) {
                        at++;
                    }
                    children[count++] = child;
                    ends[count] = at;
                }
                if (count > 0) {
                    int base = place(children, count);
                    table[range.state * ENTRY + BASE] = base;
                    for (int i = 0; i < count; i++) {
                        int state = base + (children[i] & 0xFF);
                        taken.set(state);
                        table[state * ENTRY + PARENT] = range.state;
                        top = Math.max(top, state + 1);
                        open.add(new Range(state, ends[i], ends[i + 1], range.depth + 1));
                    }
                }
            }
            return new ByteTrie(Arrays.copyOf(table, top * ENTRY), longest);
        }

        /** A base at which every child's entry is free; bases are never negative. */
        private int place(byte[] children, int count) {
            firstFree = taken.nextClearBit(firstFree);
            int first = children[0] & 0xFF;
            for (int slot = taken.nextClearBit(Math.max(firstFree, first + 1));; slot = taken.nextClearBit(slot + 1)) {
                int base = slot - first;
                boolean fits = true;
                for (int i = 1; i < count && fits; i++) {
                    fits = !taken.get(base + (children[i] & 0xFF));
                }
                if (fits) {
                    grow(base + 256);
                    return base;
                }
            }
        }

        private void grow(int states) {
            int before = table.length;
            if (states * ENTRY > before) {
                table = Arrays.copyOf(table, Math.max(states * ENTRY, before + before / 2 / ENTRY * ENTRY));
                for (int entry = before; entry < table.length; entry += ENTRY) {
                    clear(entry);
                }
            }
        }

        private void clear(int entry) {
            table[entry + PARENT] = NONE;
            table[entry + VALUE] = NONE;
        }
    }
}

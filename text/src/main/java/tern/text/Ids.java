package tern.text;

import java.util.Arrays;

/** A growing list of symbols. Confined to one thread. */
final class Ids {
    private int[] ids;
    private int size;

    Ids(int expected) {
        this.ids = new int[Math.max(16, expected)];
    }

    void add(int id) {
        if (size == ids.length) {
            ids = Arrays.copyOf(ids, (int) Math.min(Integer.MAX_VALUE - 8, size + (size >> 1) + 16L));
        }
        ids[size++] = id;
    }

    int size() {
        return size;
    }

    int[] toArray() {
        return Arrays.copyOf(ids, size);
    }

    /** The symbols from some place on. */
    int[] toArray(int from) {
        return Arrays.copyOfRange(ids, from, size);
    }
}

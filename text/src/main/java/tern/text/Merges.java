package tern.text;

import java.util.Arrays;

/**
 * The merges of a byte-pair encoding: of all neighbours in a word the pair of the lowest rank, the leftmost of equals,
 * becomes one symbol, until no pair is left that has a rank. Takes O(n log n) for a word of n bytes, whatever they are.
 * Immutable but for a cache of words that is bounded and safe for use by several threads.
 */
final class Merges {
    private static final int NONE = -1;
    private static final int SHORT = 48;
    private static final int CACHED_BYTES = 32;
    private static final int CACHED_WORDS = 1 << 14;

    private final int[] byteIds;
    private final long[] pairs;
    private final int[] ranks;
    private final int[] results;
    // Entries are immutable, so that a race costs at most a word that is merged twice.
    private final Word[] cache = new Word[CACHED_WORDS];

    private record Word(byte[] bytes, int[] ids) {
    }

    /**
     * Merges by rank.
     *
     * @param byteIds the symbol of each byte, negative where there is none
     * @param left first symbols of the pairs, in order of rank
     * @param right second symbols
     * @param merged what they become
     */
    Merges(int[] byteIds, int[] left, int[] right, int[] merged) {
        this.byteIds = byteIds.clone();
        int slots = Integer.highestOneBit(Math.max(16, left.length)) * 4;
        pairs = new long[slots];
        ranks = new int[slots];
        results = new int[slots];
        Arrays.fill(pairs, NONE);
        for (int rank = 0; rank < left.length; rank++) {
            int slot = slot(left[rank], right[rank]);
            pairs[slot] = pair(left[rank], right[rank]);
            ranks[slot] = rank;
            results[slot] = merged[rank];
        }
    }

    private static long pair(int left, int right) {
        return (long) left << 32 | right;
    }

    /** Where a pair is, or would be. */
    private int slot(int left, int right) {
        long pair = pair(left, right);
        int mask = pairs.length - 1;
        int slot = (int) (pair * 0x9E3779B97F4A7C15L >>> 40) & mask;
        while (pairs[slot] != pair && pairs[slot] != NONE) {
            slot = slot + 1 & mask;
        }
        return slot;
    }

    /** Appends the symbols of a word. */
    void encode(byte[] text, int from, int to, Ids out) {
        if (to - from > CACHED_BYTES) {
            merge(text, from, to, out);
            return;
        }
        int at = SymbolTable.hash(text, from, to) & CACHED_WORDS - 1;
        Word word = cache[at];
        if (word != null && Arrays.equals(word.bytes, 0, word.bytes.length, text, from, to)) {
            for (int id : word.ids) {
                out.add(id);
            }
            return;
        }
        int before = out.size();
        merge(text, from, to, out);
        cache[at] = new Word(Arrays.copyOfRange(text, from, to), out.toArray(before));
    }

    private void merge(byte[] text, int from, int to, Ids out) {
        int[] ids = new int[to - from];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = byteIds[text[from + i] & 0xFF];
            if (ids[i] < 0) {
                throw new IllegalArgumentException(
                        "byte 0x%02X is not in the vocabulary".formatted(text[from + i] & 0xFF)
                                + ", which lacks some bytes");
            }
        }
        if (ids.length <= SHORT) {
            mergeShort(ids, out);
        } else {
            mergeLong(ids, out);
        }
    }

    private void mergeShort(int[] ids, Ids out) {
        int count = ids.length;
        int[] slots = new int[count];
        for (int i = 0; i + 1 < count; i++) {
            slots[i] = slot(ids[i], ids[i + 1]);
        }
        while (count > 1) {
            int best = NONE;
            int lowest = Integer.MAX_VALUE;
            for (int i = 0; i + 1 < count; i++) {
                if (pairs[slots[i]] != NONE && ranks[slots[i]] < lowest) {
                    lowest = ranks[slots[i]];
                    best = i;
                }
            }
            if (best < 0) {
                break;
            }
            ids[best] = results[slots[best]];
            count--;
            System.arraycopy(ids, best + 2, ids, best + 1, count - best - 1);
            System.arraycopy(slots, best + 1, slots, best, count - best);
            if (best > 0) {
                slots[best - 1] = slot(ids[best - 1], ids[best]);
            }
            if (best + 1 < count) {
                slots[best] = slot(ids[best], ids[best + 1]);
            }
        }
        for (int i = 0; i < count; i++) {
            out.add(ids[i]);
        }
    }

    /** Pairs wait in a heap; those that a merge has changed since are told by their rank and passed over. */
    private void mergeLong(int[] ids, Ids out) {
        int[] next = new int[ids.length];
        int[] previous = new int[ids.length];
        LongHeap heap = new LongHeap(ids.length);
        for (int i = 0; i < ids.length; i++) {
            next[i] = i + 1;
            previous[i] = i - 1;
            if (i + 1 < ids.length) {
                offer(heap, ids, i, i + 1);
            }
        }
        while (!heap.isEmpty()) {
            long best = heap.remove();
            int at = (int) best;
            int other = next[at];
            if (ids[at] < 0 || other >= ids.length) {
                continue;
            }
            int slot = slot(ids[at], ids[other]);
            if (pairs[slot] == NONE || ranks[slot] != best >>> 32) {
                continue;
            }
            ids[at] = results[slot];
            ids[other] = NONE;
            next[at] = next[other];
            if (next[at] < ids.length) {
                previous[next[at]] = at;
                offer(heap, ids, at, next[at]);
            }
            if (previous[at] >= 0) {
                offer(heap, ids, previous[at], at);
            }
        }
        for (int at = 0; at < ids.length; at = next[at]) {
            out.add(ids[at]);
        }
    }

    private void offer(LongHeap heap, int[] ids, int left, int right) {
        int slot = slot(ids[left], ids[right]);
        if (pairs[slot] != NONE) {
            heap.add((long) ranks[slot] << 32 | left);
        }
    }

    /** A heap of numbers, the smallest on top. */
    private static final class LongHeap {
        private long[] heap;
        private int size;

        LongHeap(int expected) {
            heap = new long[Math.max(16, expected)];
        }

        boolean isEmpty() {
            return size == 0;
        }

        void add(long value) {
            if (size == heap.length) {
                heap = Arrays.copyOf(heap, size * 2);
            }
            int at = size++;
            while (at > 0 && heap[(at - 1) / 2] > value) {
                heap[at] = heap[(at - 1) / 2];
                at = (at - 1) / 2;
            }
            heap[at] = value;
        }

        long remove() {
            long top = heap[0];
            long last = heap[--size];
            int at = 0;
            for (int child = 1; child < size; child = 2 * at + 1) {
                if (child + 1 < size && heap[child + 1] < heap[child]) {
                    child++;
                }
                if (heap[child] >= last) {
                    break;
                }
                heap[at] = heap[child];
                at = child;
            }
            heap[at] = last;
            return top;
        }
    }
}

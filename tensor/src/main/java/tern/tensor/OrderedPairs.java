package tern.tensor;

import java.util.Arrays;

/**
 * Pairs of numbers in order, first by first and then by second, each with a count: a treap (a search tree that is a heap by
 * priorities drawn from its keys; Aragon and Seidel, Randomized search trees, 1989) in arrays, so that a pair costs time
 * logarithmic in their number and nothing is allocated for it once there have been as many. Confined to one thread at a time.
 */
final class OrderedPairs {
    /** No pair. */
    static final int NONE = 0;

    private long[] firsts = new long[64];
    private long[] seconds = new long[64];
    private int[] counts = new int[64];
    private int[] priorities = new int[64];
    private int[] lefts = new int[64];
    private int[] rights = new int[64];
    private int root = NONE;
    /** Nodes that were used and are not, chained by their right links. */
    private int unused = NONE;
    /** Nodes ever used since the last {@link #clear}, the one that stands for none included. */
    private int filled = 1;

    long first(int node) {
        return firsts[node];
    }

    long second(int node) {
        return seconds[node];
    }

    int count(int node) {
        return counts[node];
    }

    void count(int node, int count) {
        counts[node] = count;
    }

    /** Removes all. */
    void clear() {
        root = NONE;
        unused = NONE;
        filled = 1;
    }

    /** The last pair whose first number is at most this, {@link #NONE} if there is none. */
    int floor(long first) {
        int found = NONE;
        int node = root;
        while (node != NONE) {
            boolean within = firsts[node] <= first;
            found = within ? node : found;
            node = within ? rights[node] : lefts[node];
        }
        return found;
    }

    /** The first pair whose first number is at least this, {@link #NONE} if there is none. */
    int ceiling(long first) {
        int found = NONE;
        int node = root;
        while (node != NONE) {
            boolean within = firsts[node] >= first;
            found = within ? node : found;
            node = within ? lefts[node] : rights[node];
        }
        return found;
    }

    /** Adds a pair that is not there yet, with count 0; its node until it is removed. */
    int insert(long first, long second) {
        int node = unused;
        if (node == NONE) {
            if (filled == firsts.length) {
                grow();
            }
            node = filled++;
        } else {
            unused = rights[node];
        }
        firsts[node] = first;
        seconds[node] = second;
        counts[node] = 0;
        lefts[node] = NONE;
        rights[node] = NONE;
        long mixed = (first ^ second >>> 6) * 0x9e3779b97f4a7c15L;
        priorities[node] = (int) (mixed >>> 33);
        root = inserted(root, node);
        return node;
    }

    /** Removes a pair that is there. */
    void remove(long first, long second) {
        root = removed(root, first, second);
    }

    private int inserted(int tree, int node) {
        if (tree == NONE) {
            return node;
        }
        if (compare(firsts[node], seconds[node], tree) < 0) {
            lefts[tree] = inserted(lefts[tree], node);
            return priorities[lefts[tree]] > priorities[tree] ? leftUp(tree) : tree;
        }
        rights[tree] = inserted(rights[tree], node);
        return priorities[rights[tree]] > priorities[tree] ? rightUp(tree) : tree;
    }

    private int removed(int tree, long first, long second) {
        int order = compare(first, second, tree);
        if (order < 0) {
            lefts[tree] = removed(lefts[tree], first, second);
            return tree;
        }
        if (order > 0) {
            rights[tree] = removed(rights[tree], first, second);
            return tree;
        }
        int rest = merged(lefts[tree], rights[tree]);
        rights[tree] = unused;
        unused = tree;
        return rest;
    }

    /** Two trees as one, all of the first being before the second. */
    private int merged(int low, int high) {
        if (low == NONE || high == NONE) {
            return low == NONE ? high : low;
        }
        if (priorities[low] > priorities[high]) {
            rights[low] = merged(rights[low], high);
            return low;
        }
        lefts[high] = merged(low, lefts[high]);
        return high;
    }

    private int leftUp(int tree) {
        int up = lefts[tree];
        lefts[tree] = rights[up];
        rights[up] = tree;
        return up;
    }

    private int rightUp(int tree) {
        int up = rights[tree];
        rights[tree] = lefts[up];
        lefts[up] = tree;
        return up;
    }

    private int compare(long first, long second, int node) {
        int order = Long.compare(first, firsts[node]);
        return order != 0 ? order : Long.compare(second, seconds[node]);
    }

    private void grow() {
        int length = 2 * firsts.length;
        firsts = Arrays.copyOf(firsts, length);
        seconds = Arrays.copyOf(seconds, length);
        counts = Arrays.copyOf(counts, length);
        priorities = Arrays.copyOf(priorities, length);
        lefts = Arrays.copyOf(lefts, length);
        rights = Arrays.copyOf(rights, length);
    }
}

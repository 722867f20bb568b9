package tern.tasks.data;

import java.util.Arrays;

/**
 * Counts of symbols after contexts, for baselines. Contexts of up to eight symbols are kept exactly, by hashing them into
 * 64 bits. Confined to one thread.
 */
final class NGrams {
    private static final int FIRST = 1 << 16;

    private final int alphabet;
    private final int order;
    private final Table seen = new Table();
    private final Table total = new Table();
    private final Table distinct = new Table();

    /**
     * Counts over a training text.
     *
     * @param order longest context
     */
    NGrams(byte[] symbols, int from, int to, int alphabet, int order) {
        this.alphabet = alphabet;
        this.order = order;
        for (int at = from; at < to; at++) {
            for (int length = 0; length <= Math.min(order, at - from); length++) {
                long context = context(symbols, at, length);
                total.add(context, 1);
                if (seen.add(with(context, symbols[at]), 1) == 1) {
                    distinct.add(context, 1);
                }
            }
        }
    }

    private static long context(byte[] symbols, int at, int length) {
        long hash = mix(length + 1);
        for (int i = at - length; i < at; i++) {
            hash = mix(hash ^ (symbols[i] & 0xFF) + 0x100L);
        }
        return hash;
    }

    private static long with(long context, byte symbol) {
        return mix(context ^ (symbol & 0xFF) + 0x10000L);
    }

    private static long mix(long value) {
        long z = (value + 0x9E3779B97F4A7C15L) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 29) * 0x94D049BB133111EBL;
        return z ^ z >>> 32;
    }

    /**
     * Bits a symbol of a test part by interpolated Witten–Bell counts of each order up to the longest, the base being
     * uniform (Witten and Bell 1991): P_k = (c(h,x) + d(h)·P_(k−1)) / (c(h) + d(h)), d(h) different symbols after h.
     *
     * @return [order + 1]
     */
    double[] wittenBell(byte[] symbols, int from, int to) {
        double[] bits = new double[order + 1];
        for (int at = from; at < to; at++) {
            double probability = 1.0 / alphabet;
            for (int length = 0; length <= order; length++) {
                if (at - from >= length) {
                    long context = context(symbols, at, length);
                    int all = total.get(context);
                    if (all > 0) {
                        double different = distinct.get(context);
                        probability = (seen.get(with(context, symbols[at])) + different * probability)
                                / (all + different);
                    }
                }
                bits[length] -= Math.log(probability);
            }
        }
        return Arrays.stream(bits).map(sum -> sum / Math.log(2) / (to - from)).toArray();
    }

    /** Bits a symbol by counts of one order with ½ added to each: P = (c(h,x) + ½) / (c(h) + alphabet/2). */
    double addHalf(byte[] symbols, int from, int to, int length) {
        double bits = 0;
        for (int at = from; at < to; at++) {
            long context = context(symbols, at, length);
            bits -= Math.log((seen.get(with(context, symbols[at])) + 0.5) / (total.get(context) + alphabet / 2.0));
        }
        return bits / Math.log(2) / (to - from);
    }

    /** Numbers by hash; 0 for what was never added. */
    private static final class Table {
        private long[] keys = new long[FIRST];
        private int[] counts = new int[FIRST];
        private int used;

        int add(long key, int count) {
            int at = place(key);
            if (counts[at] == 0) {
                keys[at] = key;
                used++;
            }
            counts[at] += count;
            int now = counts[at];
            if (2 * used > keys.length) {
                grow();
            }
            return now;
        }

        int get(long key) {
            return counts[place(key)];
        }

        private int place(long key) {
            int at = (int) (key >>> 20) & keys.length - 1;
            while (counts[at] != 0 && keys[at] != key) {
                at = at + 1 & keys.length - 1;
            }
            return at;
        }

        private void grow() {
            long[] oldKeys = keys;
            int[] oldCounts = counts;
            keys = new long[2 * oldKeys.length];
            counts = new int[keys.length];
            for (int i = 0; i < oldKeys.length; i++) {
                if (oldCounts[i] != 0) {
                    int at = place(oldKeys[i]);
                    keys[at] = oldKeys[i];
                    counts[at] = oldCounts[i];
                }
            }
        }
    }
}

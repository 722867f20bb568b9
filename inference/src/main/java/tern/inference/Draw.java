package tern.inference;

import java.util.Arrays;

import tern.kernels.elementwise.Likelihoods;

/**
 * Draws a symbol by its score: softmax at a temperature, of which top-k, top-p and min-p may leave only the likeliest; of equally
 * likely ones those of lower numbers stay. What stays is found by counting how many symbols lie between powers of two
 * and sorting those near the edge alone, since vocabularies are large and every token is drawn. Safe for use by several
 * threads.
 */
public final class Draw {
    /** Weights are at most 1; two bits of the mantissa part each power of two into four. */
    private static final int SHIFT = 21, BUCKETS = (Float.floatToRawIntBits(1f) >>> SHIFT) + 1;
    private static final int BLOCK = 256;
    private static final long ALL = 0;

    private static final ThreadLocal<Draw> OF_THREAD = ThreadLocal.withInitial(Draw::new);

    private float[] weights = {};
    private long[] keys = {};
    private final int[] counts = new int[BUCKETS];
    private final double[] masses = new double[BUCKETS];

    private Draw() {
    }

    /** The highest score's symbol, the first of equals; −1 if a score is NaN. */
    public static int likeliest(float[] scores, int at, int count) {
        float top = top(scores, at, count);
        int id = 0;
        while (id < count && scores[at + id] != top) {
            id++;
        }
        return id < count ? id : -1;
    }

    /** NaN if there is one among the scores. */
    private static float top(float[] scores, int at, int count) {
        float top = Float.NEGATIVE_INFINITY;
        for (int i = at; i < at + count; i++) {
            top = Math.max(top, scores[i]);
        }
        return top;
    }

    /**
     * A symbol.
     *
     * @param scores logits, of which those from {@code at} on belong to the symbols 0 to {@code count}; not changed, none NaN
     * @param how a temperature above 0 and filters; the penalty has been dealt with
     * @param uniform from 0 to below 1: the same number draws the same symbol
     */
    public static int from(float[] scores, int at, int count, Sampling how, double uniform) {
        return OF_THREAD.get().draw(scores, at, count, how, uniform);
    }

    private int draw(float[] scores, int at, int count, Sampling how, double uniform) {
        if (weights.length < Likelihoods.room(count)) {
            weights = new float[Likelihoods.room(count)];
        }
        float top = top(scores, at, count);
        if (Float.isInfinite(top)) {
            return likeliest(scores, at, count);
        }
        Likelihoods.of(scores, at, count, top, how.temperature(), weights);
        long least = how.minP() > 0 ? (long) Float.floatToRawIntBits(atLeast(how.minP())) << Integer.SIZE : ALL;
        if (how.topK() > 0 && how.topK() < count) {
            least = Math.max(least, leastOfCounted(count, how));
        } else if (how.topP() < 1) {
            least = Math.max(least, leastByMass(count, how.topP()));
        }
        return drawAbove(least, count, uniform);
    }

    /** The smallest float that is not less. */
    private static float atLeast(double share) {
        float rounded = (float) share;
        return rounded < share ? Math.nextUp(rounded) : rounded;
    }

    /** Orders symbols by weight, and of equals the lower number as if it were the heavier. */
    private long key(int id) {
        return (long) Float.floatToRawIntBits(weights[id]) << Integer.SIZE | Integer.MAX_VALUE - id;
    }

    /** The least key of those that top-k leaves, and of these top-p. */
    private long leastOfCounted(int count, Sampling how) {
        countBuckets(count);
        int bucket = BUCKETS, many = 0;
        while (many < how.topK()) {
            many += counts[--bucket];
        }
        int found = gather(count, bucket, BUCKETS);
        int first = found - how.topK();
        if (how.topP() == 1) {
            return keys[first];
        }
        double total = 0;
        for (int i = first; i < found; i++) {
            total += weight(keys[i]);
        }
        int last = found;
        double mass = 0;
        while (last > first && (last == found || mass < how.topP() * total)) {
            mass += weight(keys[--last]);
        }
        return keys[last];
    }

    /** The least key of the smallest set of likeliest symbols whose weights are this part of all. */
    private long leastByMass(int count, double share) {
        countBuckets(count);
        double total = 0;
        for (double mass : masses) {
            total += mass;
        }
        int bucket = BUCKETS - 1;
        double mass = 0;
        while (bucket > 0 && mass + masses[bucket] < share * total) {
            mass += masses[bucket--];
        }
        int found = gather(count, bucket, bucket + 1);
        int last = found;
        while (last > 0 && (last == found || mass < share * total)) {
            mass += weight(keys[--last]);
        }
        return found == 0 ? ALL : keys[last];
    }

    private static double weight(long key) {
        return Float.intBitsToFloat((int) (key >>> Integer.SIZE));
    }

    private int bucket(int id) {
        return Math.min(Float.floatToRawIntBits(weights[id]) >>> SHIFT, BUCKETS - 1);
    }

    private void countBuckets(int count) {
        Arrays.fill(counts, 0);
        Arrays.fill(masses, 0);
        for (int id = 0; id < count; id++) {
            int bucket = bucket(id);
            counts[bucket]++;
            masses[bucket] += weights[id];
        }
    }

    /** Sorts the keys of symbols in some buckets, the likeliest last; how many there are. */
    private int gather(int count, int from, int to) {
        int many = 0;
        for (int bucket = from; bucket < to; bucket++) {
            many += counts[bucket];
        }
        if (keys.length < many) {
            keys = new long[many];
        }
        int found = 0;
        for (int id = 0; id < count; id++) {
            int bucket = bucket(id);
            if (bucket >= from && bucket < to) {
                keys[found++] = key(id);
            }
        }
        Arrays.sort(keys, 0, found);
        return found;
    }

    private int drawAbove(long least, int count, double uniform) {
        if (least != ALL) {
            for (int id = 0; id < count; id++) {
                weights[id] = key(id) < least ? 0 : weights[id];
            }
        }
        double total = 0;
        for (int from = 0; from < count; from += BLOCK) {
            total += sum(from, Math.min(from + BLOCK, count));
        }
        double left = uniform * total;
        int end = count;
        for (int from = 0; from < count; from += BLOCK) {
            int to = Math.min(from + BLOCK, count);
            double block = sum(from, to);
            if (left < block) {
                for (int id = from; id < to; id++) {
                    left -= weights[id];
                    if (left < 0) {
                        return id;
                    }
                }
                end = to;
                break;
            }
            left -= block;
        }
        // Rounding led past the last one.
        int last = end - 1;
        while (last > 0 && weights[last] == 0) {
            last--;
        }
        return last;
    }

    private double sum(int from, int to) {
        double a = 0, b = 0, c = 0, d = 0;
        int i = from;
        for (; i <= to - 4; i += 4) {
            a += weights[i];
            b += weights[i + 1];
            c += weights[i + 2];
            d += weights[i + 3];
        }
        for (; i < to; i++) {
            a += weights[i];
        }
        return a + b + (c + d);
    }
}

package tern.tasks;

import tern.text.SplitMix64;

/**
 * Everything that tasks draw at random, from one generator whose numbers are the same on every machine and in every
 * version. Confined to one thread.
 *
 * <pre>
 * SplitMix64 (Steele, Lea and Flood 2014), 64 bits:
 *   state ← state + 9E3779B97F4A7C15
 *   z ← state;  z ← (z ⊕ z≫30)·BF58476D1CE4E5B9;  z ← (z ⊕ z≫27)·94D049BB133111EB;  result z ⊕ z≫31
 * below(n): the upper half of the 128-bit product n·result, drawn again where the lower half is below 2^64 mod n
 * uniform(): (result ≫ 11)·2^−53
 * </pre>
 */
public final class Draws {
    private static final double UNIT = 0x1p-53;

    private final SplitMix64 generator;

    /** Draws from a seed. */
    public Draws(long seed) {
        this.generator = new SplitMix64(seed);
    }

    /** A seed made of several numbers: each is added to the generator's last result. */
    public static long seed(long... numbers) {
        long seed = 0;
        for (long number : numbers) {
            seed = new SplitMix64(seed + number).nextLong();
        }
        return seed;
    }

    /** A number from 0 to {@code bound} (exclusive), each equally likely. */
    public int below(int bound) {
        return (int) generator.nextLong(bound);
    }

    /** A number from 0 to {@code bound} (exclusive), each equally likely. */
    public long below(long bound) {
        return generator.nextLong(bound);
    }

    /** A number from {@code low} to {@code high}, both included, each equally likely. */
    public int between(int low, int high) {
        return low + below(high - low + 1);
    }

    /** A number in [0, 1). */
    public double uniform() {
        return (generator.nextLong() >>> 11) * UNIT;
    }

    /** True as often as false. */
    public boolean coin() {
        return generator.nextLong() < 0;
    }

    /** So many different numbers from {@code low} to {@code high} (exclusive), in random order: the start of a shuffle. */
    public int[] distinct(int count, int low, int high) {
        int[] all = new int[high - low];
        for (int i = 0; i < all.length; i++) {
            all[i] = low + i;
        }
        for (int i = 0; i < count; i++) {
            int other = i + below(all.length - i);
            int kept = all[i];
            all[i] = all[other];
            all[other] = kept;
        }
        return java.util.Arrays.copyOf(all, count);
    }

    /** An index, each as likely as its weight; weights of 0 are never drawn. */
    public int weighted(double[] weights) {
        double sum = 0;
        for (double weight : weights) {
            sum += weight;
        }
        double left = uniform() * sum;
        int last = -1;
        for (int i = 0; i < weights.length; i++) {
            if (weights[i] > 0) {
                last = i;
                left -= weights[i];
                if (left < 0) {
                    break;
                }
            }
        }
        if (last < 0) {
            throw new IllegalArgumentException("no weight of " + weights.length + " is above 0");
        }
        return last;
    }
}

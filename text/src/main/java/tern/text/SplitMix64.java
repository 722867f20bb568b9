package tern.text;

import java.util.random.RandomGenerator;

/**
 * The generator SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"), whose whole
 * state is one number that can be read, stored and set again. The same seed gives the same numbers on every machine and in
 * every version. Confined to one thread.
 */
public final class SplitMix64 implements RandomGenerator {
    private static final long STEP = 0x9E3779B97F4A7C15L;

    private long state;

    /** A generator that starts from a seed. */
    public SplitMix64(long seed) {
        this.state = seed;
    }

    /** The state, from which {@link #SplitMix64(long)} continues. */
    public long state() {
        return state;
    }

    /** Continues from a state that was read before. */
    public void restore(long saved) {
        state = saved;
    }

    @Override
    public long nextLong() {
        state += STEP;
        long z = state;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }

    /**
     * A number from 0 to {@code bound} (exclusive), each equally likely: the upper half of the 128-bit product of bound and
     * a random number, drawn again where rounding would favour some (Lemire 2019, arXiv 1805.10941).
     *
     * @throws IllegalArgumentException if the bound is below 1
     */
    @Override
    public long nextLong(long bound) {
        if (bound < 1) {
            throw new IllegalArgumentException("bound is " + bound + ", expected 1 or more");
        }
        long random = nextLong();
        long low = random * bound;
        if (Long.compareUnsigned(low, bound) < 0) {
            long threshold = Long.remainderUnsigned(-bound, bound);
            while (Long.compareUnsigned(low, threshold) < 0) {
                random = nextLong();
                low = random * bound;
            }
        }
        return Math.unsignedMultiplyHigh(random, bound);
    }
}

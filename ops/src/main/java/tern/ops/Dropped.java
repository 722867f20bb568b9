package tern.ops;

/**
 * Which numbers of a tensor are left out in training: a function of a key and of where a number stands, so that whoever
 * computes it again finds the same (Srivastava et al. 2014). Those that stay are divided by the share of them. Immutable.
 *
 * @param rate share of the numbers that become 0, from 0 to below 1
 * @param key what tells one use from another; of no meaning where nothing is left out
 */
public record Dropped(double rate, long key) {
    /** Everything stays. */
    public static final Dropped NOTHING = new Dropped(0, 0);

    /** Checks the rate. */
    public Dropped {
        if (!(rate >= 0 && rate < 1)) {
            throw new IllegalArgumentException(
                    "dropout: the rate is " + rate + ", expected 0 (nothing is left out) or more, and less than 1");
        }
    }

    /** A rate for a use that gets its key later. */
    public static Dropped at(double rate) {
        return rate == 0 ? NOTHING : new Dropped(rate, 0);
    }

    /** Whether anything may be left out. */
    public boolean any() {
        return rate > 0;
    }

    /** What the number at an index is multiplied by: 0, or 1/(1 − rate). */
    public double factor(long index) {
        // SplitMix64's finaliser; 53 bits decide.
        long z = key + (index + 1) * 0x9E3779B97F4A7C15L;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        z ^= z >>> 31;
        return (z >>> 11) * 0x1p-53 < rate ? 0 : 1 / (1 - rate);
    }

    /** As {@link #factor(long)}, for the entry of a matrix with less than 2³² columns. */
    public double factor(long row, int column) {
        return factor((row << 32) + column);
    }
}

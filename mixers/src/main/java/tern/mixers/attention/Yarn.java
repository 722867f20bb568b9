package tern.mixers.attention;

import tern.mixers.parts.Expect;

/**
 * Rotary positions stretched to longer texts than those trained on (YaRN: Peng et al. 2023, arXiv 2309.00071, section 3): channels that turn
 * often within the original length keep their speeds, those that turn less than once are slowed down by the factor, a ramp lies between; and
 * queries and keys grow, so that attention stays as sharp.
 *
 * @param factor how many times longer texts may be
 * @param original positions of the texts trained on
 * @param attention what the turned channels of queries and of keys are multiplied by each, 0.1·ln(factor) + 1 if nothing else is told
 * @param fast turns within the original length from which on speeds are kept, 32 is usual
 * @param slow turns up to which they are divided by the factor, 1 is usual
 * @param whole whether the ramp begins and ends at whole channels, as is usual
 */
public record Yarn(double factor, int original, double attention, double fast, double slow, boolean whole) {
    private static final String KIND = "yarn";

    /** Checks the numbers. */
    public Yarn {
        Expect.that(factor >= 1 && Double.isFinite(factor), KIND + ": factor is " + factor
                + ", expected 1 or more, such as 4 for texts four times as long");
        Expect.atLeast(KIND, "original", original, 1, "the length of the texts trained on");
        Expect.that(attention > 0 && Double.isFinite(attention), KIND + ": attention is " + attention
                + ", expected a number above 0, 0.1*ln(factor)+1 is usual");
        Expect.that(slow > 0 && fast > slow && Double.isFinite(fast), KIND + ": turns are " + fast + " (fast) and "
                + slow + " (slow), expected fast above slow above 0, 32 and 1 are usual");
    }

    /** With the usual numbers. */
    public static Yarn of(double factor, int original) {
        return new Yarn(factor, original, usualAttention(factor), 32, 1, true);
    }

    /** 0.1·ln(factor) + 1. */
    public static double usualAttention(double factor) {
        return factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1;
    }

    /** Radians a position of each pair of so many channels. */
    double[] speeds(double base, int width) {
        double low = channel(fast, base, width);
        double high = channel(slow, base, width);
        double from = Math.max(0, whole ? Math.floor(low) : low);
        double to = Math.min(width - 1, whole ? Math.ceil(high) : high);
        to = from == to ? to + 0.001 : to;
        double[] speeds = new double[width / 2];
        for (int i = 0; i < speeds.length; i++) {
            double slowed = Math.clamp((i - from) / (to - from), 0, 1);
            double speed = Math.pow(base, -2.0 * i / width);
            speeds[i] = speed / factor * slowed + speed * (1 - slowed);
        }
        return speeds;
    }

    /** The pair, not a whole one, that turns so often within the original length. */
    private double channel(double turns, double base, int width) {
        return width * Math.log(original / (turns * 2 * Math.PI)) / (2 * Math.log(base));
    }
}

package tern.mixers.attention;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

import tern.mixers.parts.Expect;

/**
 * Rotary positions stretched to longer texts than those trained on by turning each pair of channels more slowly: pair i turns by
 * t·b^(−2i/r)/d_i at position t, with divisors d that are the same for all pairs ("linear"; Chen et al. 2023, arXiv 2306.15595), follow
 * from how often a pair turns ("llama3"), or were searched for each pair ("longrope"; Ding et al. 2024, arXiv 2402.13753, section 3).
 *
 * <p>LongRoPE knows two lists, one for texts up to the original length and one for longer ones. A state that has been kept holds keys as
 * they were turned, so a sequence cannot change from one to the other on its way: the list is chosen once, for the model, by the
 * length that it says it reads, and holds for every position of every sequence, whether short or past the original length. So all
 * forms, cuts and snapshots agree. Programs that choose by the length of the text at hand get what Tern gets where that text is
 * longer than the original.
 *
 * @param divisors d, one a pair of turned channels, above 0
 * @param attention what the turned channels of queries and of keys are multiplied by each, 1 for nothing
 */
public record Slowed(List<Double> divisors, double attention) {
    private static final String KIND = "slowed";

    /** Checks the numbers. */
    public Slowed {
        divisors = List.copyOf(divisors);
        for (int i = 0; i < divisors.size(); i++) {
            double divisor = divisors.get(i);
            Expect.that(divisor > 0 && Double.isFinite(divisor),
                    KIND + ": divisor " + i + " is " + divisor + ", expected a number above 0, 1 for a speed as it is");
        }
        Expect.that(attention > 0 && Double.isFinite(attention),
                KIND + ": attention is " + attention + ", expected a number above 0, 1 for nothing");
    }

    /**
     * All pairs of so many channels slowed down alike.
     *
     * @param factor how many times longer texts may be
     */
    public static Slowed linear(double factor, int width) {
        requireFactor(factor);
        return new Slowed(Collections.nCopies(width / 2, factor), 1);
    }

    /**
     * As Llama 3.1 has it: pairs that turn more than {@code fast} times within the original length keep their speed, those that turn less
     * than {@code slow} times are slowed down by the factor, and between, speeds go over in proportion to the number of turns.
     *
     * @param base of the angles
     * @param width channels that turn
     */
    public static Slowed llama3(double factor, double slow, double fast, int original, double base, int width) {
        requireFactor(factor);
        Expect.atLeast(KIND, "original", original, 1, "the length of the texts trained on");
        Expect.that(slow > 0 && fast > slow && Double.isFinite(fast), KIND + ": turns are " + slow + " (slow) and "
                + fast + " (fast), expected fast above slow above 0, 1 and 4 are usual");
        List<Double> divisors = new ArrayList<>();
        for (int i = 0; i < width / 2; i++) {
            double turns = original * Math.pow(base, -2.0 * i / width) / (2 * Math.PI);
            double kept = Math.clamp((turns - slow) / (fast - slow), 0, 1);
            divisors.add(1 / ((1 - kept) / factor + kept));
        }
        return new Slowed(divisors, 1);
    }

    /**
     * LongRoPE with the list that a model uses which reads so many positions.
     *
     * @param longest positions that the model reads; the long list is chosen if they are more than the original ones
     */
    public static Slowed longRope(List<Double> shortDivisors, List<Double> longDivisors, long original, long longest,
            double attention) {
        return new Slowed(longest > original ? longDivisors : shortDivisors, attention);
    }

    /** √(1 + ln(factor)/ln(original)), what LongRoPE multiplies by if nothing else is told; 1 for a factor of 1 or less. */
    public static double usualAttention(double factor, double original) {
        return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
    }

    private static void requireFactor(double factor) {
        Expect.that(factor >= 1 && Double.isFinite(factor), KIND + ": factor is " + factor
                + ", expected 1 or more, such as 4 for texts four times as long");
    }

    /** Radians a position of each pair of so many channels. */
    double[] speeds(double base, int width) {
        double[] speeds = new double[width / 2];
        for (int i = 0; i < speeds.length; i++) {
            speeds[i] = Math.pow(base, -2.0 * i / width) / divisors.get(i);
        }
        return speeds;
    }
}

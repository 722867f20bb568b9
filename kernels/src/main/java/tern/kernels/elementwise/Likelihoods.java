package tern.kernels.elementwise;

import tern.kernels.KernelSet;
import tern.kernels.lanes.Lanes;

/** How likely scores on the Java heap are beside the highest of them, as choosing a token asks. Safe for use by several threads. */
public final class Likelihoods {
    private static final boolean VECTOR = KernelSet.whyNotVector().isEmpty();

    private Likelihoods() {
    }

    /**
     * weights[i] = e^((scores[at + i] − top)/temperature) for i below count, to within some units of a float's last place, and
     * 0 below e^−87.
     *
     * @param top the highest of the scores
     * @param temperature above 0
     * @param weights at least {@link #room} of count
     */
    public static void of(float[] scores, int at, int count, float top, double temperature, float[] weights) {
        float rate = (float) Math.min(1 / temperature, Float.MAX_VALUE);
        for (int i = 0; i < count; i++) {
            weights[i] = (scores[at + i] - top) * rate;
        }
        if (VECTOR) {
            Lanes.exponentials(weights, Lanes.padded(count));
        } else {
            plain(weights, count);
        }
    }

    /** The plain body: w ← e^w. */
    static void plain(float[] weights, int count) {
        for (int i = 0; i < count; i++) {
            weights[i] = (float) Math.exp(weights[i]);
        }
    }

    /** How many floats weights of so many scores need. */
    public static int room(int count) {
        return VECTOR ? Lanes.padded(count) : count;
    }
}

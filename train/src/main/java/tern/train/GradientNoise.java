package tern.train;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/**
 * Annealed gradient noise: g ← g + N(0, σ²), σ² = η/(1+t)^γ (Neelakantan et al. 2015, arXiv 1511.06807). Every element's
 * draw is a function of seed, step, parameter and index, so it depends neither on threads nor on what was drawn before.
 * Immutable.
 *
 * @param eta η, 0 for none
 * @param gamma γ, 0.55 in the paper
 */
record GradientNoise(double eta, double gamma) {
    private static final int BLOCK = 1 << 14;
    private static final double UNIT = 0x1p-53;

    GradientNoise {
        if (!(eta >= 0 && eta <= 100)) {
            throw new IllegalArgumentException("gradient noise: eta is " + eta + ", expected a number in [0, 100]");
        }
        if (!(gamma >= 0 && gamma <= 10)) {
            throw new IllegalArgumentException("gradient noise: gamma is " + gamma + ", expected a number in [0, 10]");
        }
    }

    /** σ at step t, counted from 0. */
    double deviation(long step) {
        return Math.sqrt(eta / Math.pow(1 + step, gamma));
    }

    /**
     * gradient ← scale·gradient + noise.
     *
     * @param stream number of the parameter, so that each has its own draws
     */
    void apply(ThreadTeam team, Tensor gradient, double scale, long seed, long step, long stream) {
        double deviation = deviation(step);
        long elements = gradient.elements();
        long key = mix(mix(mix(seed) + step) + stream);
        team.run(Math.toIntExact((elements + BLOCK - 1) / BLOCK), (index, scratch) -> {
            long from = (long) index * BLOCK;
            long to = Math.min(elements, from + BLOCK);
            for (long i = from; i < to; i++) {
                gradient.set(i, scale * gradient.get(i) + deviation * normal(key, i));
            }
        });
    }

    /** A standard normal number (Box and Muller 1958). */
    private static double normal(long key, long index) {
        double radius = Math.sqrt(-2 * Math.log(((mix(key + 2 * index) >>> 11) + 1) * UNIT));
        return radius * Math.cos(2 * Math.PI * ((mix(key + 2 * index + 1) >>> 11) * UNIT));
    }

    /** The finaliser of SplitMix64, on a number spread by its increment. */
    static long mix(long value) {
        long z = value * 0x9E3779B97F4A7C15L + 0x9E3779B97F4A7C15L;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }
}

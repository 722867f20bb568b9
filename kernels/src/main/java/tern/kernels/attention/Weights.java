package tern.kernels.attention;

import tern.ops.Weighing;

/** Weights of scores that are not normalised, in double precision. */
final class Weights {
    /** μ of the Laplace function. */
    static final double MEAN = Math.sqrt(0.5);
    /** 1/(σ√2) of the Laplace function: √(2π). */
    static final double STEEPNESS = Math.sqrt(2 * Math.PI);

    private Weights() {
    }

    /** A(S). */
    static double value(Weighing weighing, double score) {
        return switch (weighing) {
            case SOFTMAX -> Math.exp(score);
            case LAPLACE -> 0.5 * erfc(STEEPNESS * (MEAN - score));
            case RELU_SQUARED -> Math.max(score, 0) * Math.max(score, 0);
        };
    }

    /** dA/dS. */
    static double slope(Weighing weighing, double score) {
        return switch (weighing) {
            case SOFTMAX -> Math.exp(score);
            case LAPLACE -> Math.sqrt(2) * Math.exp(-2 * Math.PI * (score - MEAN) * (score - MEAN));
            case RELU_SQUARED -> 2 * Math.max(score, 0);
        };
    }

    /** 1 − erf(x): near 0 by the series whose terms have one sign, far from it by the continued fraction. */
    static double erfc(double x) {
        if (x < 0) {
            return 2 - erfc(-x);
        }
        if (x < 2.5) {
            double term = x;
            double sum = x;
            for (int n = 1; term > 1e-18 * sum; n++) {
                term *= 2 * x * x / (2 * n + 1);
                sum += term;
            }
            return 1 - 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
        }
        double fraction = x;
        for (int n = 60; n > 0; n--) {
            fraction = x + n / 2.0 / fraction;
        }
        return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
    }
}

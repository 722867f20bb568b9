package tern.mixers.statespace;

import tern.sequence.Initialiser;

/** Where logarithms of steps start: uniform from ln 0.001 to ln 0.1. Stateless. */
final class Steps {
    private static final double SHORTEST = 1e-3;
    private static final double LONGEST = 0.1;

    private Steps() {
    }

    static Initialiser start() {
        return Initialiser.uniform(Math.log(SHORTEST), Math.log(LONGEST));
    }

    /** Step i of so many, evenly spaced in its logarithm. */
    static double spaced(int i, int count) {
        return SHORTEST * Math.pow(LONGEST / SHORTEST, (i + 0.5) / count);
    }
}

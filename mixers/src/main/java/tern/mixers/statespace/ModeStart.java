package tern.mixers.statespace;

import java.util.function.IntToDoubleFunction;

/** Where the modes of a diagonal state space start (Gu et al. 2022, arXiv 2206.11893, section 4): rates are ½ but for REAL. */
public enum ModeStart {
    /** Phases of the normal part of LegS. */
    LEGS,
    /** Phases πn. */
    LINEAR,
    /** Phases N/π·(N/(2n+1) − 1) with N = 2·modes: close to those of LegS. */
    INVERSE,
    /** Rates n+1, phases 0. */
    REAL;

    /** The phase of each of so many modes. */
    IntToDoubleFunction phases(int modes) {
        int order = 2 * modes;
        return switch (this) {
            case LEGS -> {
                double[] phases = Hippo.normal(order).phases();
                yield n -> phases[n];
            }
            case LINEAR -> n -> Math.PI * n;
            case INVERSE -> n -> order / Math.PI * (order / (2.0 * n + 1) - 1);
            case REAL -> n -> 0;
        };
    }

    /** The logarithm of a mode's rate. */
    double logRate(int n) {
        return this == REAL ? Math.log(n + 1) : Math.log(0.5);
    }
}

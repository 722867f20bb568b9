package tern.mixers.retention;

import tern.mixers.parts.Expect;

/**
 * What flash-linear-attention's RetNet does otherwise than the released one: rotary positions whose pairs are the halves of a head, i and
 * i + K/2, turning by base^(−2i/K) a position, and a gain of the norm of what heads read.
 *
 * @param ropeBase base of the speeds, 10000 in released models
 * @param epsilon of the norm, 1e-6 in released models
 */
public record RetNetVariation(double ropeBase, double epsilon) {
    /** Checks the numbers. */
    public RetNetVariation {
        Expect.within("retnet", "variation.ropeBase", ropeBase, 1, 1e12, "10000 in released models");
        Expect.within("retnet", "variation.epsilon", epsilon, 0, 1, "1e-6 in released models");
    }
}

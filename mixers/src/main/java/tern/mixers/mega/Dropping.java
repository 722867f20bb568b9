package tern.mixers.mega;

import java.util.Optional;

import tern.ops.Dropped;

/** Shares of numbers that configs say are left out in training. Stateless. */
public final class Dropping {
    private Dropping() {
    }

    /**
     * Checks rates.
     *
     * @throws IllegalArgumentException naming the mixer, if one is not from 0 to below 1
     */
    @SafeVarargs
    public static void requireRates(String mixer, Optional<Double>... rates) {
        for (Optional<Double> rate : rates) {
            try {
                Dropped.at(rate.orElse(0.0));
            } catch (IllegalArgumentException impossible) {
                throw new IllegalArgumentException(mixer + ": " + impossible.getMessage(), impossible);
            }
        }
    }
}

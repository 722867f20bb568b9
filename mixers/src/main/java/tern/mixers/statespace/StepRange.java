package tern.mixers.statespace;

import java.util.Optional;

import tern.sequence.Initialiser;

/**
 * Steps Δ that modes start with: their logarithms are uniform, so that 1/Δ, the positions a mode overlooks, is of every size between.
 *
 * @param shortest least one, 0.001 as published; 0.0001 for sequences of ten thousands of positions
 * @param longest largest one, 0.1 as published
 */
public record StepRange(double shortest, double longest) {
    private static final StepRange PUBLISHED = new StepRange(1e-3, 0.1);

    /** Checks the numbers. */
    public StepRange {
        if (!(shortest > 0 && shortest <= longest && longest < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException("steps lie between shortest " + shortest + " and longest " + longest
                    + ", expected more than 0 and as much as that or more; 0.001 and 0.1 are published");
        }
    }

    /** These, or the published ones. */
    static StepRange of(Optional<StepRange> own) {
        return own.orElse(PUBLISHED);
    }

    /** Where logarithms of steps start. */
    Initialiser start() {
        return Initialiser.uniform(Math.log(shortest), Math.log(longest));
    }

    /** Step i of so many, evenly spaced in its logarithm. */
    double spaced(int i, int count) {
        return shortest * Math.pow(longest / shortest, (i + 0.5) / count);
    }
}

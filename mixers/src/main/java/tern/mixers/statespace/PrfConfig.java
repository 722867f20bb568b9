package tern.mixers.statespace;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Resonate-and-fire neurons.
 *
 * @param inner neurons without memory behind the resonating ones
 * @param timeConstant τ, over which a membrane's potential decays, 2 is published
 * @param threshold potential from which a neuron fires, 1 is published
 * @param steps where steps start, if not as published
 */
public record PrfConfig(int inner, double timeConstant, double threshold,
        Optional<StepRange> steps) implements MixerConfig {
    /** Checks the numbers. */
    public PrfConfig {
        Expect.atLeast("prf", "inner", inner, 1, "the width is usual");
        Expect.within("prf", "timeConstant", timeConstant, 0, 1e6, "2 is published");
        Expect.within("prf", "threshold", threshold, 0, 1e6, "1 is published");
    }

    /** Steps start as published. */
    public PrfConfig(int inner, double timeConstant, double threshold) {
        this(inner, timeConstant, threshold, Optional.empty());
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Prf(this, at, scope);
    }
}

package tern.mixers.mega;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * Mega's feed-forward block.
 *
 * @param inner F, channels between the projections
 * @param norm its kind
 * @param prenorm whether the input is normalised, else the output
 */
public record NormalisedMlpConfig(int inner, Normalisation norm, boolean prenorm) implements MixerConfig {
    /** Checks the numbers. */
    public NormalisedMlpConfig {
        Expect.atLeast("normalised-mlp", "inner", inner, 1, "twice the width is published");
    }

    @Override
    public boolean readsNormalised() {
        return false;
    }

    @Override
    public NormalisedMlp build(BranchContext at, ParameterScope scope) {
        return new NormalisedMlp(this, at, scope);
    }
}

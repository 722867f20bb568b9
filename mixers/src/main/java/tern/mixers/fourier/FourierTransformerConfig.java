package tern.mixers.fourier;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * Attention over a shortened sequence.
 *
 * @param heads H, divides the width
 * @param rate part of the positions that are left, rounded up; 0.2 in the published encoders
 */
public record FourierTransformerConfig(int heads, double rate) implements MixerConfig {
    /** Checks the numbers. */
    public FourierTransformerConfig {
        Expect.atLeast("fourier-transformer", "heads", heads, 1, "width/64 is usual");
        Expect.within("fourier-transformer", "rate", rate, 0, 1, "0.2 as published, 1 leaves all positions");
    }

    @Override
    public FourierTransformer build(BranchContext at, ParameterScope scope) {
        Expect.divides("fourier-transformer", "heads", heads, "width", at.width());
        return new FourierTransformer(this, at, scope);
    }
}

package tern.mixers.hyena;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * Gated long convolutions of order 2 with weight-tied heads.
 *
 * @param headWidth number of channels n_h that share a filter; divides the width, 1 makes a Hyena of order 2
 * @param shortFilter taps of the short convolution over all streams
 * @param filter where the long filters come from
 */
public record MultiHyenaConfig(int headWidth, int shortFilter, ImplicitFilterConfig filter) implements MixerConfig {
    /** Checks the numbers. */
    public MultiHyenaConfig {
        Expect.atLeast("multihyena", "headWidth", headWidth, 1, "1 = a filter for each channel");
        Expect.atLeast("multihyena", "shortFilter", shortFilter, 1, "3 is usual, 1 = no memory");
    }

    /** Short filter of 3 taps. */
    public static MultiHyenaConfig of(int headWidth, ImplicitFilterConfig filter) {
        return new MultiHyenaConfig(headWidth, 3, filter);
    }

    @Override
    public MultiHyena build(BranchContext at, ParameterScope scope) {
        Expect.divides("multihyena", "headWidth", headWidth, "width", at.width());
        return new MultiHyena(this, at, scope);
    }
}

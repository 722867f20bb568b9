package tern.mixers.hyena;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * Gated long convolutions, one filter a channel.
 *
 * @param order N: number of gates; there are N−1 long convolutions
 * @param shortFilter taps of the short convolution over all streams
 * @param filter where the long filters come from
 */
public record HyenaConfig(int order, int shortFilter, ImplicitFilterConfig filter) implements MixerConfig {
    /** Checks the numbers. */
    public HyenaConfig {
        Expect.atLeast("hyena", "order", order, 2, "2 = one gated long convolution");
        Expect.atLeast("hyena", "shortFilter", shortFilter, 1, "3 is usual, 1 = no memory");
    }

    /** Short filter of 3 taps. */
    public static HyenaConfig of(int order, ImplicitFilterConfig filter) {
        return new HyenaConfig(order, 3, filter);
    }

    @Override
    public Hyena build(BranchContext at, ParameterScope scope) {
        return new Hyena(this, at, scope);
    }
}

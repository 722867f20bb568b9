package tern.mixers.shortconv;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * A short convolution between two gates.
 *
 * @param taps of the convolution, 3 in released models
 * @param bias whether projections and convolution have biases
 */
public record GatedShortConvConfig(int taps, boolean bias) implements MixerConfig {
    /** Checks the numbers. */
    public GatedShortConvConfig {
        Expect.atLeast("gated-short-conv", "taps", taps, 1, "3 in released models, 1 = no memory");
    }

    /** As released: 3 taps, no biases. */
    public static GatedShortConvConfig of() {
        return new GatedShortConvConfig(3, false);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new GatedShortConv(this, at, scope);
    }
}

package tern.mixers.mega;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.ChannelMixerConfig;
import tern.sequence.ParameterScope;

/**
 * Mega's feed-forward block.
 *
 * @param inner F, channels between the projections
 * @param norm its kind
 * @param prenorm whether the input is normalised, else the output
 * @param dropout share of what comes out that is left out in training
 * @param hiddenDropout the same of the channels between the projections
 * @param featureDropout whether whole channels of a sequence are left out
 * @param twoHop whether it adds to what the sequence mixer below read, not to what that made of it (Megalodon, arXiv 2404.08801,
 *            section 3.4)
 */
public record NormalisedMlpConfig(int inner, Normalisation norm, boolean prenorm, Optional<Double> dropout,
        Optional<Double> hiddenDropout, Optional<Boolean> featureDropout, Optional<Boolean> twoHop)
        implements
            ChannelMixerConfig {
    /** Checks the numbers. */
    public NormalisedMlpConfig {
        Expect.atLeast("normalised-mlp", "inner", inner, 1, "twice the width is published");
        Dropping.requireRates("normalised-mlp", dropout, hiddenDropout);
        Expect.that(prenorm || !twoHop.orElse(false),
                "normalised-mlp: twoHop is true but prenorm is false, and a norm of"
                        + " the sum needs the sum; set prenorm=true");
    }

    /** Nothing is left out. */
    public NormalisedMlpConfig(int inner, Normalisation norm, boolean prenorm) {
        this(inner, norm, prenorm, Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
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

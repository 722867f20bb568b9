package tern.mixers.mamba;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Mamba.
 *
 * @param inner E, channels of the recurrence, usually twice the width
 * @param stateWidth N, states of a channel, 16 in released models
 * @param rank R of the map to steps, width/16 in released models
 * @param shortFilter taps of the convolution, 4 in released models
 * @param normalised whether steps (before their map), B and C are normalised by their root mean squares, as Falcon's and Jamba's are
 * @param epsilon of that normalisation
 * @param insertion what B is multiplied with besides, 1 as trained; 0.75 keeps a state from filling up on sequences longer than
 *            those trained on (Stuffed Mamba, arXiv 2410.07145, section 5)
 * @param shortBias whether the short filter has a bias
 * @param bias whether the projections in and out have biases
 * @param variation what Jamba does otherwise, if anything
 */
public record MambaConfig(int inner, int stateWidth, int rank, int shortFilter, boolean normalised, double epsilon,
        double insertion, boolean shortBias, boolean bias, Optional<MambaVariation> variation)
        implements
            MixerConfig {
    /** Checks the numbers. */
    public MambaConfig {
        Expect.atLeast("mamba", "inner", inner, 1, "twice the width is usual");
        Expect.atLeast("mamba", "stateWidth", stateWidth, 1, "16 in released models");
        Expect.atLeast("mamba", "rank", rank, 1, "width/16 in released models");
        Expect.atLeast("mamba", "shortFilter", shortFilter, 1, "4 in released models, 1 = no memory");
        Expect.within("mamba", "epsilon", epsilon, 0, 1, "1e-6 in released models");
        Expect.within("mamba", "insertion", insertion, 0, 1, "1 = as trained");
        Expect.that(normalised || variation.stream().noneMatch(MambaVariation::normGains),
                "mamba: variation.normGains is true, but normalised is false, expected norms that have the gains");
    }

    /** Without Jamba's variation. */
    public MambaConfig(int inner, int stateWidth, int rank, int shortFilter, boolean normalised, double epsilon,
            double insertion, boolean shortBias, boolean bias) {
        this(inner, stateWidth, rank, shortFilter, normalised, epsilon, insertion, shortBias, bias, Optional.empty());
    }

    /** As released: twice the width, 16 states. */
    public static MambaConfig of(int width) {
        return new MambaConfig(2 * width, 16, (width + 15) / 16, 4, false, 1e-6, 1, true, false);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Mamba(this, at, scope);
    }
}

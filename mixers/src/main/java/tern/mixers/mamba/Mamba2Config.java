package tern.mixers.mamba;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Mamba-2.
 *
 * @param heads H
 * @param headWidth P of a head, 64 in released models; H·P is usually twice the width
 * @param stateWidth N, keys of a head, 128 in released models
 * @param groups of heads that share B and C; divides H
 * @param shortFilter taps of the convolution over x, B and C, 4 in released models
 * @param normInGroups whether the gated norm is over a group's channels, or over all
 * @param normBeforeGate whether what is read is normalised before its gate or after, as in released models
 * @param epsilon of the gated norm
 * @param shortest least step Δ, 0 in released models
 * @param longest largest step Δ, {@link Double#MAX_VALUE} for any
 * @param shortBias whether the short filter has a bias
 * @param bias whether the projections have biases
 * @param variation what is otherwise than released, as in Falcon-H1
 * @param forgetting what keeps states from filling up on long sequences, if anything
 */
public record Mamba2Config(int heads, int headWidth, int stateWidth, int groups, int shortFilter,
        boolean normInGroups, boolean normBeforeGate, double epsilon, double shortest, double longest,
        boolean shortBias, boolean bias, Optional<Mamba2Variation> variation,
        Optional<Forgetting> forgetting) implements MixerConfig {
    /** Checks the numbers. */
    public Mamba2Config {
        Expect.atLeast("mamba2", "heads", heads, 1, "2·width/headWidth is usual");
        Expect.atLeast("mamba2", "headWidth", headWidth, 1, "64 in released models");
        Expect.atLeast("mamba2", "stateWidth", stateWidth, 1, "128 in released models");
        Expect.divides("mamba2", "groups", groups, "number of heads", heads);
        Expect.product("mamba2", "headWidth", headWidth, "heads", heads);
        Expect.product("mamba2", "stateWidth", stateWidth, "groups", groups);
        Expect.atLeast("mamba2", "shortFilter", shortFilter, 1, "4 in released models, 1 = no memory");
        Expect.within("mamba2", "epsilon", epsilon, 0, 1, "1e-5 in released models");
        Expect.that(shortest >= 0 && longest > shortest, "mamba2: steps lie between shortest " + shortest
                + " and longest " + longest + ", expected 0 or more and more than that; 0 and no limit are usual");
    }

    /** Remembers as trained. */
    public Mamba2Config(int heads, int headWidth, int stateWidth, int groups, int shortFilter, boolean normInGroups,
            boolean normBeforeGate, double epsilon, double shortest, double longest, boolean shortBias, boolean bias,
            Optional<Mamba2Variation> variation) {
        this(heads, headWidth, stateWidth, groups, shortFilter, normInGroups, normBeforeGate, epsilon, shortest,
                longest, shortBias, bias, variation, Optional.empty());
    }

    /** The same that forgets. */
    public Mamba2Config withForgetting(Forgetting other) {
        return new Mamba2Config(heads, headWidth, stateWidth, groups, shortFilter, normInGroups, normBeforeGate,
                epsilon, shortest, longest, shortBias, bias, variation, Optional.of(other));
    }

    /** Nothing otherwise than released. */
    public Mamba2Config(int heads, int headWidth, int stateWidth, int groups, int shortFilter, boolean normInGroups,
            boolean normBeforeGate, double epsilon, double shortest, double longest, boolean shortBias, boolean bias) {
        this(heads, headWidth, stateWidth, groups, shortFilter, normInGroups, normBeforeGate, epsilon, shortest,
                longest,
                shortBias, bias, Optional.empty());
    }

    /** As released: twice the width, one group. */
    public static Mamba2Config of(int width, int headWidth, int stateWidth) {
        return new Mamba2Config(Expect.divides("mamba2", "headWidth", headWidth, "doubled width", 2 * width), headWidth,
                stateWidth, 1, 4, false, false, 1e-5, 0, Double.MAX_VALUE, true, false);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Mamba2(this, at, scope);
    }
}

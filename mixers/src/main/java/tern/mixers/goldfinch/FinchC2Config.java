package tern.mixers.goldfinch;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Time mixing of Finch-C2.
 *
 * @param headWidth N, 64 in released models; divides the width
 * @param mixRank rank of what token shift adds to each share: 32 in released models
 * @param decayRank rank of what is added to the decay: 64 in released models
 * @param valueRank rank of the second value's correction: 64 in released models
 * @param oneMinusDecay whether keys are scaled by what their channel forgets; without it, the paper's ablation
 * @param secondValue whether a position reads itself through the second value; without it, through RWKV-6's bonus
 */
public record FinchC2Config(int headWidth, int mixRank, int decayRank, int valueRank, boolean oneMinusDecay,
        boolean secondValue) implements MixerConfig {
    /** Checks the numbers. */
    public FinchC2Config {
        Expect.atLeast("finch-c2", "headWidth", headWidth, 1, "64 in released models");
        Expect.atLeast("finch-c2", "mixRank", mixRank, 1, "32 in released models");
        Expect.atLeast("finch-c2", "decayRank", decayRank, 1, "64 in released models");
        Expect.atLeast("finch-c2", "valueRank", valueRank, 1, "64 in released models");
    }

    /** The ranks of released models. */
    public static FinchC2Config of(int headWidth) {
        return new FinchC2Config(headWidth, 32, 64, 64, true, true);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new FinchC2(this, Expect.divides("finch-c2", "headWidth", headWidth, "width", at.width()), at, scope);
    }
}

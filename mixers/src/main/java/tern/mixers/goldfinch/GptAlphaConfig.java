package tern.mixers.goldfinch;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Attention with RWKV's token shift.
 *
 * @param headWidth N, 64 in released models; divides the width
 * @param mixRank rank of what token shift adds to each share: 32 in released models
 * @param positions how keys are told apart by position: rotary in released models
 */
public record GptAlphaConfig(int headWidth, int mixRank, Positions positions) implements MixerConfig {
    /** Checks the numbers. */
    public GptAlphaConfig {
        Expect.atLeast("gptalpha", "headWidth", headWidth, 1, "64 in released models");
        Expect.atLeast("gptalpha", "mixRank", mixRank, 1, "32 in released models");
    }

    /** As released. */
    public static GptAlphaConfig of(int headWidth) {
        return new GptAlphaConfig(headWidth, 32, Positions.rotary(10_000));
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new GptAlpha(this, Expect.divides("gptalpha", "headWidth", headWidth, "width", at.width()), at, scope);
    }
}

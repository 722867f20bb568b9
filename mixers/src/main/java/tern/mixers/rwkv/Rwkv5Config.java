package tern.mixers.rwkv;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Time mixing of RWKV-5.
 *
 * @param headWidth N, 64 in released models; divides the width
 * @param gated whether the output is gated (5.2, and what its author calls 5.1)
 * @param decayPerChannel whether every channel has its own decay (5.2), or every head
 * @param groupEpsilon of the normalisation of heads: 64e-5 in released models, 1e-5 in rwkv.cpp
 */
public record Rwkv5Config(int headWidth, boolean gated, boolean decayPerChannel,
        double groupEpsilon) implements MixerConfig {
    /** Checks the numbers. */
    public Rwkv5Config {
        Expect.atLeast("rwkv5", "headWidth", headWidth, 1, "64 in released models");
        Expect.within("rwkv5", "groupEpsilon", groupEpsilon, 0, 1, "64e-5 in released models");
    }

    /** Version 5.2, Eagle. */
    public static Rwkv5Config of(int headWidth) {
        return new Rwkv5Config(headWidth, true, true, 64e-5);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Rwkv5(this, Expect.divides("rwkv5", "headWidth", headWidth, "width", at.width()), at, scope);
    }
}

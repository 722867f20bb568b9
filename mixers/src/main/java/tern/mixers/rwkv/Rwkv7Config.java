package tern.mixers.rwkv;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Time mixing of RWKV-7.
 *
 * @param headWidth N, 64 in released models; divides the width
 * @param decayRank rank of the decay's low-rank part
 * @param rateRank rank of the in-context learning rate's
 * @param valueRank rank of the value residual's; unused in the first layer
 * @param gateRank rank of the gate's
 * @param first whether this is the first such layer of the stack: it publishes its value, the others read it
 * @param groupEpsilon of the normalisation of heads: 64e-5 in released models
 * @param variation what is otherwise than in RWKV-7 as released; nothing if it is left out
 */
public record Rwkv7Config(int headWidth, int decayRank, int rateRank, int valueRank, int gateRank, boolean first,
        double groupEpsilon, Optional<Rwkv7Variation> variation) implements MixerConfig {
    /** Checks the numbers. */
    public Rwkv7Config {
        Expect.atLeast("rwkv7", "headWidth", headWidth, 1, "64 in released models");
        Expect.atLeast("rwkv7", "decayRank", decayRank, 1, "64 at width 768");
        Expect.atLeast("rwkv7", "rateRank", rateRank, 1, "64 at width 768");
        Expect.atLeast("rwkv7", "valueRank", valueRank, 1, "32 at width 768");
        Expect.atLeast("rwkv7", "gateRank", gateRank, 1, "128 at width 768");
        Expect.within("rwkv7", "groupEpsilon", groupEpsilon, 0, 1, "64e-5 in released models");
    }

    /** As released. */
    public Rwkv7Config(int headWidth, int decayRank, int rateRank, int valueRank, int gateRank, boolean first,
            double groupEpsilon) {
        this(headWidth, decayRank, rateRank, valueRank, gateRank, first, groupEpsilon, Optional.empty());
    }

    /** The ranks that the released training code gives a width. */
    public static Rwkv7Config of(int headWidth, int width, boolean first) {
        return new Rwkv7Config(headWidth, rank(width, 2.5), rank(width, 2.5), rank(width, 1.7), rank(width, 5), first,
                64e-5);
    }

    private static int rank(int width, double factor) {
        return (int) Math.max(32, Math.rint(factor * Math.sqrt(width) / 32) * 32);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Rwkv7(this, Expect.divides("rwkv7", "headWidth", headWidth, "width", at.width()), at, scope);
    }
}

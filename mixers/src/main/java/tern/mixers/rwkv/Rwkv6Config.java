package tern.mixers.rwkv;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Time mixing of RWKV-6.
 *
 * @param headWidth N, 64 in released models; divides the width
 * @param mixRank rank of what token shift adds to each share: 32 in released models, 64 at width 4096
 * @param decayRank rank of what is added to the decay: 64 in released models, 128 at width 4096
 * @param groupEpsilon of the normalisation of heads: 64e-5 in released models
 * @param variation what is otherwise than in RWKV-6 as released; nothing if it is left out
 */
public record Rwkv6Config(int headWidth, int mixRank, int decayRank, double groupEpsilon,
        Optional<Rwkv6Variation> variation) implements MixerConfig {
    /** Checks the numbers. */
    public Rwkv6Config {
        Expect.atLeast("rwkv6", "headWidth", headWidth, 1, "64 in released models");
        Expect.atLeast("rwkv6", "mixRank", mixRank, 1, "32 in released models");
        Expect.atLeast("rwkv6", "decayRank", decayRank, 1, "64 in released models");
        Expect.within("rwkv6", "groupEpsilon", groupEpsilon, 0, 1, "64e-5 in released models");
    }

    /** As released. */
    public Rwkv6Config(int headWidth, int mixRank, int decayRank, double groupEpsilon) {
        this(headWidth, mixRank, decayRank, groupEpsilon, Optional.empty());
    }

    /** The ranks of released models of less than 4096 channels. */
    public static Rwkv6Config of(int headWidth) {
        return new Rwkv6Config(headWidth, 32, 64, 64e-5);
    }

    /** The ranks of released models at this width of the stack. */
    public static Rwkv6Config of(int headWidth, int width) {
        return width < 4096 ? of(headWidth) : new Rwkv6Config(headWidth, 64, 128, 64e-5);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        int heads = Expect.divides("rwkv6", "headWidth", headWidth, "width", at.width());
        variation.ifPresent(other -> Expect.divides("rwkv6", "keyHeads", other.keyHeads(), "heads", heads));
        return new Rwkv6(this, heads, at, scope);
    }
}

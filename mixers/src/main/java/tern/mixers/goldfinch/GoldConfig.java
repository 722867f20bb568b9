package tern.mixers.goldfinch;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Attention over GoldFinch's shared cache.
 *
 * @param headWidth N, 64 in released models; divides the width
 * @param mixRank rank of what token shift adds to each share: 32 in released models
 * @param rank rank of the corrections of keys and values: D/16 but at least 64 in released models
 * @param positions how keys are told apart by position: not at all in most released models
 * @param cache how it remembers; the same as in the cache branch below
 */
public record GoldConfig(int headWidth, int mixRank, int rank, Positions positions, GoldCache cache)
        implements
            GoldCache.Cached {
    /** Checks the numbers. */
    public GoldConfig {
        Expect.atLeast("gold", "headWidth", headWidth, 1, "64 in released models");
        Expect.atLeast("gold", "mixRank", mixRank, 1, "32 in released models");
        Expect.atLeast("gold", "rank", rank, 1, "a 16th of the width, but at least 64 in released models");
    }

    /** The ranks of released models at this width of the stack, without positions. */
    public static GoldConfig of(int headWidth, int width) {
        return new GoldConfig(headWidth, 32, Math.max(64, width / 16), Positions.NONE, GoldCache.FULL);
    }

    @Override
    public GoldConfig with(GoldCache other) {
        return new GoldConfig(headWidth, mixRank, rank, positions, other);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Gold(this, Expect.divides("gold", "headWidth", headWidth, "width", at.width()), at, scope);
    }
}

package tern.mixers.goldfinch;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * The cache that GOLD layers share; a branch that adds nothing to the residual stream.
 *
 * @param ratio by how much less than the width a position is compressed to: 16 in released models; divides the width
 * @param cache how it remembers; the same in all branches above that read it
 */
public record CompressorConfig(int ratio, GoldCache cache) implements GoldCache.Cached {
    /** Checks the ratio. */
    public CompressorConfig {
        Expect.atLeast("gold-cache", "ratio", ratio, 1, "1 = as wide as the stack, 16 in released models");
    }

    /** Compressed to a 16th. */
    public static CompressorConfig of() {
        return new CompressorConfig(16, GoldCache.FULL);
    }

    @Override
    public CompressorConfig with(GoldCache other) {
        return new CompressorConfig(ratio, other);
    }

    @Override
    public boolean readsNormalised() {
        return false;
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Compressor(this, Expect.divides("gold-cache", "ratio", ratio, "width", at.width()), at, scope);
    }
}

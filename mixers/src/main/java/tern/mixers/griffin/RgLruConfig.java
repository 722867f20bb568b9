package tern.mixers.griffin;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Griffin's recurrent block.
 *
 * @param inner W, channels of the recurrence, the width in released models
 * @param heads blocks of the gates' maps; divides W
 * @param shortFilter taps of the convolution, 4 in released models
 */
public record RgLruConfig(int inner, int heads, int shortFilter) implements MixerConfig {
    /** Checks the numbers. */
    public RgLruConfig {
        Expect.atLeast("rg-lru", "inner", inner, 1, "the width is usual");
        Expect.divides("rg-lru", "heads", heads, "number of channels", inner);
        Expect.atLeast("rg-lru", "shortFilter", shortFilter, 1, "4 in released models, 1 = no memory");
    }

    /** As released: as wide as the stack. */
    public static RgLruConfig of(int width, int heads) {
        return new RgLruConfig(width, heads, 4);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new RgLru(this, at, scope);
    }
}

package tern.mixers.linear;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Linear attention with keys and values of their own for a prefix.
 *
 * @param heads H; divides the width
 * @param keyWidth K, channels of a head's queries and keys before features, 16 in released models
 * @param features φ, TAYLOR in released models
 * @param prefix M, positions of the prefix, 1024 of 2048 in released models
 * @param whole whether every position reads the whole prefix, as its authors train: then not causal, for whole sequences
 *            only; else a position of the prefix reads what of it came before, and generation is as of any mixer
 */
public record PrefixLinearAttentionConfig(int heads, int keyWidth, FeatureMapConfig features, int prefix,
        boolean whole) implements MixerConfig {
    /** Checks the numbers. */
    public PrefixLinearAttentionConfig {
        Expect.atLeast("prefix-linear-attention", "heads", heads, 1, "1 = a single head as wide as the stack");
        Expect.atLeast("prefix-linear-attention", "keyWidth", keyWidth, 1, "16 in released models");
        Expect.product("prefix-linear-attention", "keyWidth", keyWidth, "heads", heads);
        Expect.product("prefix-linear-attention", "number of features", features.features(keyWidth), "heads", heads);
        Expect.atLeast("prefix-linear-attention", "prefix", prefix, 1, "half of the context in released models");
        Expect.that(!features.signed(), "prefix-linear-attention: features " + features.kind()
                + " may be negative, so that what values are divided by may come near 0; choose others");
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new PrefixLinearAttention(this,
                Expect.divides("prefix-linear-attention", "heads", heads, "width", at.width()), at, scope);
    }
}

package tern.mixers.linear;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Linear attention.
 *
 * @param heads H; divides the width
 * @param keyWidth K, channels of a head's queries and keys before features
 * @param features φ
 * @param normaliser what values are divided by
 * @param residual inner width of the network added to the input of queries and keys (LinFusion); 0 for none
 */
public record LinearAttentionConfig(int heads, int keyWidth, FeatureMapConfig features, Normaliser normaliser,
        int residual) implements MixerConfig {
    /** Checks the numbers. */
    public LinearAttentionConfig {
        Expect.atLeast("linear-attention", "heads", heads, 1, "1 = a single head as wide as the stack");
        Expect.atLeast("linear-attention", "keyWidth", keyWidth, 1, "width/heads is usual, 16 for TAYLOR");
        Expect.product("linear-attention", "keyWidth", keyWidth, "heads", heads);
        Expect.product("linear-attention", "number of features", features.features(keyWidth), "heads", heads);
        Expect.atLeast("linear-attention", "residual", residual, 0, "0 = none");
        Expect.that(normaliser == Normaliser.NONE || !features.signed(), "linear-attention: features "
                + features.kind() + " may be negative, so that what normaliser " + normaliser
                + " divides by may come near 0; choose normaliser NONE or other features");
    }

    /** Katharopoulos' (arXiv 2006.16236): elu + 1, normalised. */
    public static LinearAttentionConfig of(int heads, int keyWidth) {
        return new LinearAttentionConfig(heads, keyWidth, FeatureMapConfig.of(FeatureMapConfig.Kind.ELU_PLUS_ONE),
                Normaliser.SUM, 0);
    }

    /** LinFusion's (arXiv 2409.02097). */
    public static LinearAttentionConfig linFusion(int heads, int keyWidth, int residual) {
        return new LinearAttentionConfig(heads, keyWidth, FeatureMapConfig.of(FeatureMapConfig.Kind.ELU_PLUS_ONE),
                Normaliser.MEAN, residual);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new LinearAttention(this, Expect.divides("linear-attention", "heads", heads, "width", at.width()), at,
                scope);
    }
}

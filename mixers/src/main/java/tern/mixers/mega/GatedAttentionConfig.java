package tern.mixers.mega;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.ops.Chunks;
import tern.ops.Dropped;
import tern.ops.Weighing;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;

/**
 * Mega's gated attention over any mover; it brings its own norm and its own gate against the residual stream.
 *
 * @param mover what stands in front of the attention
 * @param keyWidth z, of queries and keys
 * @param valueWidth h
 * @param weighing from scores to weights: SOFTMAX for text, LAPLACE for images
 * @param chunk C, positions that attend to each other; 0 for all of a sequence
 * @param bias by distance; ROTARY for language
 * @param causal whether attention looks back only; as the mover does
 * @param norm its kind
 * @param prenorm whether the input is normalised, else the output
 * @param dropout share of what the mover and the candidate give that is left out in training
 * @param hiddenDropout the same of the values
 * @param attentionDropout the same of the weights of attention
 * @param featureDropout whether whole channels of a sequence are left out, attention's weights apart
 */
public record GatedAttentionConfig(MixerConfig mover, int keyWidth, int valueWidth, Weighing weighing, int chunk,
        RelativeBias bias, boolean causal, Normalisation norm, boolean prenorm, Optional<Double> dropout,
        Optional<Double> hiddenDropout, Optional<Double> attentionDropout, Optional<Boolean> featureDropout)
        implements
            MixerConfig {
    /** Checks the numbers. */
    public GatedAttentionConfig {
        Expect.atLeast("mega", "keyWidth", keyWidth, 1, "a quarter of the width is published");
        Expect.atLeast("mega", "valueWidth", valueWidth, 1, "twice the width is published");
        Expect.atLeast("mega", "chunk", chunk, 0, "0 = attention over all of a sequence");
        Dropping.requireRates("mega", dropout, hiddenDropout, attentionDropout);
        norm.requireWhole("mega", causal);
    }

    /** Nothing is left out. */
    public GatedAttentionConfig(MixerConfig mover, int keyWidth, int valueWidth, Weighing weighing, int chunk,
            RelativeBias bias, boolean causal, Normalisation norm, boolean prenorm) {
        this(mover, keyWidth, valueWidth, weighing, chunk, bias, causal, norm, prenorm, Optional.empty(),
                Optional.empty(), Optional.empty(), Optional.empty());
    }

    /** For classification: in both directions, additive bias by distance, norms behind. */
    public static GatedAttentionConfig classification(MixerConfig mover, int keyWidth, int valueWidth, int chunk,
            Weighing weighing, Normalisation norm, boolean prenorm) {
        return new GatedAttentionConfig(mover, keyWidth, valueWidth, weighing, chunk, RelativeBias.SIMPLE, false, norm,
                prenorm);
    }

    /** For language: softmax, rotary bias, layer norm in front. */
    public static GatedAttentionConfig language(MixerConfig mover, int keyWidth, int valueWidth, int chunk) {
        return new GatedAttentionConfig(mover, keyWidth, valueWidth, Weighing.SOFTMAX, chunk, RelativeBias.ROTARY,
                true,
                Normalisation.LAYER, true);
    }

    /** The same over another mover. */
    public GatedAttentionConfig with(MixerConfig other) {
        return new GatedAttentionConfig(other, keyWidth, valueWidth, weighing, chunk, bias, causal, norm, prenorm,
                dropout, hiddenDropout, attentionDropout, featureDropout);
    }

    /** What attention reads. */
    Chunks chunks() {
        return new Chunks(weighing, chunk, causal, Dropped.at(attentionDropout.orElse(0.0)));
    }

    @Override
    public boolean readsNormalised() {
        return false;
    }

    @Override
    public GatedAttention build(BranchContext at, ParameterScope scope) {
        return new GatedAttention(this, at, scope);
    }
}

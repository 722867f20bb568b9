package tern.mixers.attention;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Causal softmax attention.
 *
 * @param heads number of query heads H; divides the width
 * @param keyHeads number of key and value heads G; divides H, equal to H for plain attention
 * @param ropeBase base of the rotary angles, usually 10000; 0 for no positions
 * @param bias whether the projections have biases
 */
public record AttentionConfig(int heads, int keyHeads, double ropeBase, boolean bias) implements MixerConfig {
    /** Checks the numbers. */
    public AttentionConfig {
        Expect.atLeast("attention", "heads", heads, 1, "1 = a single head as wide as the stack");
        Expect.atLeast("attention", "keyHeads", keyHeads, 1, "1 = all heads share one key head");
        Expect.divides("attention", "keyHeads", keyHeads, "number of heads", heads);
        Expect.that(ropeBase == 0 || ropeBase > 1 && Double.isFinite(ropeBase), "attention: ropeBase is " + ropeBase
                + ", expected more than 1 (10000 is usual), or 0 for no positions");
    }

    /** As many key heads as query heads, rotary positions with base 10000, no biases. */
    public static AttentionConfig of(int heads) {
        return new AttentionConfig(heads, heads, 10_000, false);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        int headWidth = Expect.divides("attention", "heads", heads, "width", at.width());
        Expect.that(ropeBase == 0 || headWidth % 2 == 0,
                "attention: a head is " + headWidth + " wide (width " + at.width()
                        + " / " + heads
                        + " heads), but rotary positions turn pairs of channels; choose heads so that it is even, or"
                        + " ropeBase 0");
        return new Attention(this, at, scope);
    }
}

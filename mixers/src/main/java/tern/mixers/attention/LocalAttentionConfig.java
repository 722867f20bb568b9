package tern.mixers.attention;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Softmax attention over the last positions.
 *
 * @param heads number of query heads H
 * @param keyHeads number of key and value heads G; divides H, 1 in Griffin
 * @param headWidth K; H·K is usually the width
 * @param window positions that a query reads, its own included
 * @param ropeBase base of the rotary angles, usually 10000; 0 for no positions
 * @param turned leading channels of a head that turn, half of them in Griffin; even
 * @param outputBias whether the output map has a bias
 */
public record LocalAttentionConfig(int heads, int keyHeads, int headWidth, int window, double ropeBase, int turned,
        boolean outputBias) implements MixerConfig {
    /** Checks the numbers. */
    public LocalAttentionConfig {
        Expect.atLeast("local-attention", "heads", heads, 1, "width/headWidth is usual");
        Expect.divides("local-attention", "keyHeads", keyHeads, "number of heads", heads);
        Expect.atLeast("local-attention", "headWidth", headWidth, 1, "64 to 256 is usual");
        Expect.product("local-attention", "headWidth", headWidth, "heads", heads);
        Expect.atLeast("local-attention", "window", window, 2, "2048 in RecurrentGemma");
        Expect.that(ropeBase == 0 || ropeBase > 1 && Double.isFinite(ropeBase), "local-attention: ropeBase is "
                + ropeBase + ", expected more than 1 (10000 is usual), or 0 for no positions");
        Expect.that(turned >= 0 && turned <= headWidth && turned % 2 == 0, "local-attention: turned is " + turned
                + ", expected an even number up to headWidth " + headWidth + " (half of it in Griffin)");
    }

    /** Griffin's: one key head, the first half of each head turned. */
    public static LocalAttentionConfig griffin(int heads, int headWidth, int window) {
        return new LocalAttentionConfig(heads, 1, headWidth, window, 10_000, headWidth / 4 * 2, true);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new LocalAttention(this, at, scope);
    }
}

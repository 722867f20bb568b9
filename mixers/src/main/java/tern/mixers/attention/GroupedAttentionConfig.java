package tern.mixers.attention;

import java.util.Optional;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Causal softmax attention as hybrids have it: heads of any width, and what they do to queries and keys.
 *
 * @param heads number of query heads H
 * @param keyHeads number of key and value heads G; divides H
 * @param headWidth K of a head; H·K need not be the width
 * @param ropeBase base of the rotary angles; 0 for no positions
 * @param rotaryWidth how many of a head's first channels turn, an even number; K for all
 * @param gated whether what is read is gated, channel by channel, by σ of the input (Qwen3-Next)
 * @param normEpsilon epsilon of the norms of queries and keys, head by head, if there are any
 * @param keyScale what keys are multiplied by, 1 for nothing (Falcon-H1)
 * @param bias whether the projections to queries, keys and values have biases
 * @param outputBias whether the output projection has a bias
 * @param yarn how positions are stretched to texts longer than those trained on, if YaRN does it
 * @param slowed how they are stretched, if divisors of the speeds do it
 */
public record GroupedAttentionConfig(int heads, int keyHeads, int headWidth, double ropeBase, int rotaryWidth,
        boolean gated, Optional<Double> normEpsilon, double keyScale, boolean bias, boolean outputBias,
        Optional<Yarn> yarn, Optional<Slowed> slowed)
        implements
            MixerConfig {
    private static final String KIND = "grouped-attention";

    /** Checks the numbers. */
    public GroupedAttentionConfig {
        Expect.atLeast(KIND, "heads", heads, 1, "1 = a single head");
        Expect.atLeast(KIND, "keyHeads", keyHeads, 1, "1 = all heads share one key head");
        Expect.divides(KIND, "keyHeads", keyHeads, "number of heads", heads);
        Expect.atLeast(KIND, "headWidth", headWidth, 1, "64 to 256 is usual");
        Expect.product(KIND, "headWidth", headWidth, "heads", heads);
        Expect.that(ropeBase == 0 || ropeBase > 1 && Double.isFinite(ropeBase), KIND + ": ropeBase is " + ropeBase
                + ", expected more than 1 (10000 is usual), or 0 for no positions");
        Expect.that(ropeBase == 0 || rotaryWidth > 0 && rotaryWidth <= headWidth && rotaryWidth % 2 == 0,
                KIND + ": rotaryWidth is " + rotaryWidth + ", expected an even number from 2 to the headWidth "
                        + headWidth + "; or ropeBase 0 for no positions");
        normEpsilon.ifPresent(epsilon -> Expect.within(KIND, "normEpsilon", epsilon, 0, 1, "1e-6 is usual"));
        Expect.that(keyScale > 0 && Double.isFinite(keyScale),
                KIND + ": keyScale is " + keyScale + ", expected a number above 0, 1 for nothing");
        Expect.that(yarn.isEmpty() || ropeBase != 0,
                KIND + ": yarn stretches positions, but ropeBase is 0, which is none");
        Expect.that(slowed.isEmpty() || ropeBase != 0 && yarn.isEmpty(),
                KIND + ": slowed stretches positions, but "
                        + (ropeBase == 0 ? "ropeBase is 0, which is none" : "yarn does so too; give one of the two"));
        slowed.ifPresent(how -> Expect.that(how.divisors().size() == rotaryWidth / 2,
                KIND + ": slowed has " + how.divisors().size() + " divisors, expected one for each of the "
                        + rotaryWidth / 2 + " pairs of the " + rotaryWidth + " channels that turn"));
    }

    /** Positions as trained. */
    public GroupedAttentionConfig(int heads, int keyHeads, int headWidth, double ropeBase, int rotaryWidth,
            boolean gated, Optional<Double> normEpsilon, double keyScale, boolean bias, boolean outputBias) {
        this(heads, keyHeads, headWidth, ropeBase, rotaryWidth, gated, normEpsilon, keyScale, bias, outputBias,
                Optional.empty(), Optional.empty());
    }

    /** The same with positions stretched by at most one of two. */
    public GroupedAttentionConfig stretched(Optional<Yarn> other, Optional<Slowed> another) {
        return new GroupedAttentionConfig(heads, keyHeads, headWidth, ropeBase, rotaryWidth, gated, normEpsilon,
                keyScale, bias, outputBias, other, another);
    }

    /** With rotary positions over whole heads and nothing else. */
    public static GroupedAttentionConfig of(int heads, int keyHeads, int headWidth, double ropeBase) {
        return new GroupedAttentionConfig(heads, keyHeads, headWidth, ropeBase, headWidth, false, Optional.empty(), 1,
                false, false);
    }

    /** With norms of queries and keys besides, as LFM2 has it. */
    public static GroupedAttentionConfig normed(int heads, int keyHeads, int headWidth, double ropeBase,
            double epsilon) {
        return new GroupedAttentionConfig(heads, keyHeads, headWidth, ropeBase, headWidth, false, Optional.of(epsilon),
                1, false, false);
    }

    /** With norms, a gate, and positions in a quarter of each head, as Qwen3-Next has it. */
    public static GroupedAttentionConfig gated(int heads, int keyHeads, int headWidth, double ropeBase) {
        return new GroupedAttentionConfig(heads, keyHeads, headWidth, ropeBase, headWidth / 8 * 2, true,
                Optional.of(1e-6), 1, false, false);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new GroupedAttention(this, at, scope);
    }
}

package tern.mixers.blockrecurrent;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Attention over a window and over recurrent states.
 *
 * @param heads H
 * @param headWidth K
 * @param window W, positions that a query reads and after which states change
 * @param states M
 * @param gate what states keep
 * @param attendsSelf whether the W positions end with a query's own, else with the one before
 * @param buckets of the relative bias: half of them for one distance each, the others for ranges
 * @param farthest distance from which on all have one bias
 */
public record BlockRecurrentConfig(int heads, int headWidth, int window, int states, Gate gate, boolean attendsSelf,
        int buckets, int farthest) implements MixerConfig {
    private static final int MOST_POSITIONS = 1 << 28;

    /** How states change. */
    public enum Gate {
        /** S ← σ(b) ⊙ S + (1 − σ(b)) ⊙ h with one b for all states and windows. */
        FIXED,
        /** The same with b + 1 + W r, where r is what the state reads. */
        FULL,
        /** S ← σ(W_f r + b_f + 1) ⊙ S + σ(W_i r + b_i − 1) ⊙ h. */
        LSTM
    }

    /** Checks the numbers. */
    public BlockRecurrentConfig {
        Expect.atLeast("block-recurrent", "heads", heads, 1, "width/headWidth is usual");
        Expect.atLeast("block-recurrent", "headWidth", headWidth, 1, "64 to 128 is usual");
        Expect.product("block-recurrent", "headWidth", headWidth, "heads", heads);
        Expect.atLeast("block-recurrent", "window", window, 1, "512 in the paper");
        Expect.that(window <= MOST_POSITIONS, "block-recurrent: window is " + window + ", expected " + MOST_POSITIONS
                + " or less (512 in the paper)");
        Expect.atLeast("block-recurrent", "states", states, 1, "as many as positions of a window in the paper");
        Expect.atLeast("block-recurrent", "buckets", buckets, 2, "32 is usual");
        Expect.that(farthest > buckets / 2, "block-recurrent: farthest is " + farthest + ", expected more than half of "
                + "the " + buckets + " buckets, which are for one distance each (128 for 32 is usual)");
    }

    /** The paper's, reading a query's own position too. */
    public static BlockRecurrentConfig of(int heads, int headWidth, int window, int states, Gate gate) {
        return new BlockRecurrentConfig(heads, headWidth, window, states, gate, true, 32, 128);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new BlockRecurrent(this, at, scope);
    }
}

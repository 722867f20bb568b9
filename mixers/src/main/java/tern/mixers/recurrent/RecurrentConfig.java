package tern.mixers.recurrent;

import tern.mixers.parts.Expect;
import tern.ops.Cell;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * A recurrent network as wide as the stack.
 *
 * @param cell what a unit computes
 * @param heads H, divides the width; units of different heads do not read each other
 * @param shortFilter taps of the short filter in front of the first two gates, 4 in sLSTM; 0 for none
 * @param normalised whether h passes a norm of heads before the last projection
 */
public record RecurrentConfig(Cell cell, int heads, int shortFilter, boolean normalised) implements MixerConfig {
    /** Checks the numbers. */
    public RecurrentConfig {
        Expect.atLeast("recurrent", "heads", heads, 1, "1 lets all units read each other");
        Expect.that(shortFilter == 0 || shortFilter > 1, "recurrent: shortFilter is " + shortFilter
                + ", expected 2 or more taps (4 is usual), or 0 for none");
    }

    /** As textbooks have it: all units read each other. */
    public static RecurrentConfig of(Cell cell) {
        return new RecurrentConfig(cell, 1, 0, false);
    }

    /** In heads, with a norm. */
    public static RecurrentConfig heads(Cell cell, int heads) {
        return new RecurrentConfig(cell, heads, 0, true);
    }

    /** sLSTM as in xLSTM: heads, a short filter before the gates i and f, a norm. */
    public static RecurrentConfig exponential(int heads) {
        return new RecurrentConfig(Cell.SLSTM, heads, 4, true);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Recurrent(this, Expect.divides("recurrent", "heads", heads, "width", at.width()), at, scope);
    }
}

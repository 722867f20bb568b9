package tern.mixers.minimal;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * minLSTM.
 *
 * @param inner channels of the state; one to two times the width is usual
 * @param shortFilter taps of a convolution in front of the cell, 4 is usual; 1 for none
 */
public record MinLstmConfig(int inner, int shortFilter) implements MixerConfig {
    /** Checks the numbers. */
    public MinLstmConfig {
        Expect.atLeast("min-lstm", "inner", inner, 1, "the width is usual");
        Expect.atLeast("min-lstm", "shortFilter", shortFilter, 1, "4 is usual, 1 = none");
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new MinimalCell(MinimalCell.Gates.LSTM, inner, shortFilter, at, scope);
    }
}

package tern.mixers.recurrent;

import tern.mixers.parts.Expect;
import tern.ops.UnitCell;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * A recurrent network whose units read themselves alone (ParaRNN).
 *
 * @param cell what a unit computes
 * @param shortFilter taps of the short filter before the gates, 4 as published
 * @param newton most iterations of Newton's method, by which the parallel form solves for all positions at once; 0 to step
 * @param tolerance largest residual of that; 0 for as small as rounding allows
 */
public record ParallelRnnConfig(UnitCell cell, int shortFilter, int newton, double tolerance) implements MixerConfig {
    /** Checks the numbers. */
    public ParallelRnnConfig {
        Expect.atLeast("parallel-rnn", "shortFilter", shortFilter, 2, "4 is usual");
        Expect.atLeast("parallel-rnn", "newton", newton, 0, "0 steps; 3 to 8 iterations suffice as a rule");
        Expect.that(tolerance >= 0 && tolerance < 1, "parallel-rnn: tolerance is " + tolerance
                + ", expected 0 (as small as rounding allows) or more, and less than 1");
    }

    /** Position by position, which is what is fastest on a processor of few cores. */
    public static ParallelRnnConfig of(UnitCell cell) {
        return new ParallelRnnConfig(cell, 4, 0, 0);
    }

    /** For all positions at once. */
    public static ParallelRnnConfig newton(UnitCell cell) {
        return new ParallelRnnConfig(cell, 4, 12, 0);
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new ParallelRnn(this, at, scope);
    }
}

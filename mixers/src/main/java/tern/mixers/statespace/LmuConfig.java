package tern.mixers.statespace;

import tern.mixers.parts.Expect;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * A Legendre memory as LMUFormer has it.
 *
 * @param memories C, signals that are remembered, 1 in LMUFormer
 * @param order q, coefficients of each, the width in LMUFormer
 * @param window θ, positions that are remembered; more than the order
 */
public record LmuConfig(int memories, int order, int window) implements MixerConfig {
    /** Checks the numbers. */
    public LmuConfig {
        Expect.atLeast("lmu", "memories", memories, 1, "1 in LMUFormer");
        Expect.atLeast("lmu", "order", order, 1, "1 = an average that leaks");
        Expect.atLeast("lmu", "window", window, 1, "positions to remember, such as the context");
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new Lmu(this, at, scope);
    }
}

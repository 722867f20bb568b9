package tern.mixers.statespace;

import java.util.List;

import tern.mixers.modal.ModalMoverConfig;
import tern.mixers.parts.Expect;
import tern.ops.Activation;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * Legendre memories whose coefficients were distilled to sums of modes.
 *
 * @param memories C, signals that are remembered
 * @param order q, coefficients of each
 * @param pairs number of conjugate pairs of each coefficient, memory by memory, one for all or a number each
 * @param reals number of real poles of each coefficient, likewise
 */
public record LmuModalConfig(int memories, int order, List<Integer> pairs, List<Integer> reals) implements MixerConfig {
    /** Checks the numbers. */
    public LmuModalConfig {
        Expect.atLeast("lmu-modal", "memories", memories, 1, "1 in LMUFormer");
        Expect.atLeast("lmu-modal", "order", order, 1, "1 = an average that leaks");
        ModalMoverConfig checked = new ModalMoverConfig(pairs, reals, Activation.IDENTITY);
        pairs = checked.pairs();
        reals = checked.reals();
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new LmuModal(this, at, scope);
    }
}

package tern.mixers.statespace;

import java.util.List;

import tern.mixers.modal.ModalMoverConfig;
import tern.ops.Activation;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * A state space of single channels whose filters were distilled to fewer modes.
 *
 * @param pairs number of conjugate pairs of each channel, one for all or a number each
 * @param reals number of real poles of each channel, likewise
 * @param gated whether it ends in a gated map, as S4D does, or in a plain one, as LSSL does
 */
public record StateSpaceModalConfig(List<Integer> pairs, List<Integer> reals, boolean gated) implements MixerConfig {
    /** Checks the numbers. */
    public StateSpaceModalConfig {
        ModalMoverConfig checked = new ModalMoverConfig(pairs, reals, Activation.IDENTITY);
        pairs = checked.pairs();
        reals = checked.reals();
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new StateSpaceModal(this, at, scope);
    }
}

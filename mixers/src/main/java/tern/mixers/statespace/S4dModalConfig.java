package tern.mixers.statespace;

import java.util.List;

import tern.mixers.modal.ModalMoverConfig;
import tern.ops.Activation;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

/**
 * S4D whose filters were distilled to fewer modes.
 *
 * @param pairs number of conjugate pairs of each channel, one for all or a number each
 * @param reals number of real poles of each channel, likewise
 */
public record S4dModalConfig(List<Integer> pairs, List<Integer> reals) implements MixerConfig {
    /** Checks the numbers. */
    public S4dModalConfig {
        ModalMoverConfig checked = new ModalMoverConfig(pairs, reals, Activation.IDENTITY);
        pairs = checked.pairs();
        reals = checked.reals();
    }

    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        return new S4dModal(this, at, scope);
    }
}

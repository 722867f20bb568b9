package tern.mixers.statespace;

import tern.mixers.modal.ModalBank;
import tern.mixers.modal.ModalBanks;
import tern.mixers.modal.ModalMover;
import tern.mixers.modal.ModalMoverConfig;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.State;
import tern.sequence.StateLayout;

/**
 * {@link S4d} or {@link Lssl} after distillation: the channels' filters are sums of modes (arXiv 2310.18780, section 3.3), what follows is the
 * same. State: the modes. Parameters: {@code bank0.*} of {@link ModalMover} and {@code output.*}. Immutable.
 */
public final class StateSpaceModal implements ModalBanks {
    private final ModalMover mover;
    private final GeluOutput output;

    StateSpaceModal(StateSpaceModalConfig config, BranchContext at, ParameterScope scope) {
        this.mover = new ModalMoverConfig(config.pairs(), config.reals(), Activation.IDENTITY).build(at, scope);
        this.output = GeluOutput.declare(at, scope, config.gated());
    }

    @Override
    public ModalBank bank(int index) {
        return mover.bank(index);
    }

    @Override
    public StateLayout stateLayout() {
        return mover.stateLayout();
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        Mixed moved = mover.chunk(ops, in, state);
        return new Mixed(output.apply(ops, moved.y()), moved.state());
    }
}

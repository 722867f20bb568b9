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
 * {@link Lmu} after distillation: each coefficient of each memory is a filter of its own, a sum of modes (arXiv 2310.18780, section 3.3). These
 * are more numbers than the q of a memory, whose coefficients share their poles, but nothing dense: a step is one multiplication a
 * mode. State: the modes. Parameters: {@code bank0.*} of {@link ModalMover}; {@code signal.*}, {@code mix.*} and {@code output.*}. Immutable.
 */
public final class LmuModal implements ModalBanks {
    private final LmuMaps maps;
    private final ModalMover mover;

    LmuModal(LmuModalConfig config, BranchContext at, ParameterScope scope) {
        this.maps = new LmuMaps(config.memories(), config.order(), at, scope);
        BranchContext filters = new BranchContext(config.memories() * config.order(), at.context(), at.branch(),
                at.branches(), at.vocabulary());
        this.mover = new ModalMoverConfig(config.pairs(), config.reals(), Activation.IDENTITY).build(filters, scope);
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
        Mixed moved = mover.chunk(ops, in.with(maps.spread(ops, maps.signal(ops, in.x()))), state);
        return new Mixed(maps.read(ops, moved.y(), in.x()), moved.state());
    }
}

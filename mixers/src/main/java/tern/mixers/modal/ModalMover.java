package tern.mixers.modal;

import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * y_t = f(Re Σ R_n s_n + h_0 x_t + o); s_n ← λ_n s_n + x_t, each channel by itself. State: 2·pairs + reals floats of each channel.
 * Parameters: {@code bank0.…} as {@link ModalBank} has them, with an offset o. Immutable.
 */
public final class ModalMover implements ModalBanks {
    // Radii of models trained from scratch, as ModalRecurrenceConfig has them.
    private static final double SMALLEST_RADIUS = 0.5;
    private static final double LARGEST_RADIUS = 0.99;

    private final ModalMoverConfig config;
    private final ModalBank bank;
    private final StateLayout layout;

    ModalMover(ModalMoverConfig config, int width, ParameterScope scope) {
        this.config = config;
        this.bank = ModalBank.declare(scope.child("bank0"), ModalRecurrenceConfig.offsets(config.pairs(), 0, width),
                ModalRecurrenceConfig.offsets(config.reals(), 0, width), SMALLEST_RADIUS, LARGEST_RADIUS, true);
        this.layout = StateLayout.of(new Slot.Fixed("modes", Shape.of(bank.modes().order())));
    }

    @Override
    public ModalBank bank(int index) {
        return bank;
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        Scanned scanned = ops.modalConvolution(in.x(), bank.modes(), bank.passThrough(), state.slot("modes"));
        Tensor sum = ops.add(scanned.y(), bank.offset().orElseThrow());
        return new Mixed(ops.activate(sum, config.activation()), state.next(scanned.state()));
    }
}

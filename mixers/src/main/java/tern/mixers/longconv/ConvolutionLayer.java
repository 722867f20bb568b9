package tern.mixers.longconv;

import java.util.Optional;

import tern.mixers.modal.OverMover;
import tern.mixers.parts.Projection;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Tensor;

/**
 * y = W_o m or (W_a m) ⊙ σ(W_b m), m = mover(x). State: the mover's. Parameters: {@code mover.…}; {@code output.weight} [D,D],
 * {@code output.bias} [D], and if gated {@code gate.weight}, {@code gate.bias}. Immutable.
 */
public final class ConvolutionLayer implements OverMover {
    private final ConvolutionLayerConfig config;
    private final SequenceMixer mover;
    private final Projection output;
    private final Optional<Projection> gate;

    ConvolutionLayer(ConvolutionLayerConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.mover = config.mover().build(at, scope.child("mover"));
        this.output = Projection.outOf(scope.child("output"), at.width(), true, at);
        this.gate = config.gated()
                ? Optional.of(Projection.into(scope.child("gate"), at.width(), at.width(), true))
                : Optional.empty();
    }

    @Override
    public boolean causal() {
        return mover.causal();
    }

    @Override
    public StateLayout stateLayout() {
        return mover.stateLayout();
    }

    @Override
    public Mixed all(Form form, Ops ops, MixerInput in, State state) {
        Mixed moved = mover.mix(form, ops, in, state);
        Tensor y = output.apply(ops, moved.y());
        return new Mixed(gate.isPresent() ? ops.gate(gate.get().apply(ops, moved.y()), y, Activation.SIGMOID) : y,
                moved.state());
    }

    @Override
    public SequenceMixer mover() {
        return mover;
    }

    @Override
    public MixerConfig over(MixerConfig other) {
        return new ConvolutionLayerConfig(other, config.gated());
    }
}

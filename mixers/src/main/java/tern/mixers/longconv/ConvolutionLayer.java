package tern.mixers.longconv;

import java.util.List;
import java.util.Optional;

import tern.mixers.modal.LongConvolutionMixer;
import tern.mixers.modal.ModalBank;
import tern.mixers.modal.ModalBanks;
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
public final class ConvolutionLayer implements LongConvolutionMixer, ModalBanks {
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
    public Mixed step(Ops ops, MixerInput in, State state) {
        return around(ops, mover.mix(Form.STEP, ops, in, state));
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        return around(ops, mover.mix(Form.CHUNK, ops, in, state));
    }

    @Override
    public Mixed parallel(Ops ops, MixerInput in, State state) {
        return around(ops, mover.mix(Form.PARALLEL, ops, in, state));
    }

    private Mixed around(Ops ops, Mixed moved) {
        Tensor y = output.apply(ops, moved.y());
        return new Mixed(gate.isPresent() ? ops.gate(gate.get().apply(ops, moved.y()), y, Activation.SIGMOID) : y,
                moved.state());
    }

    private LongConvolutionMixer convolution() {
        return (LongConvolutionMixer) mover;
    }

    @Override
    public int banks() {
        return mover instanceof LongConvolutionMixer linear ? linear.banks() : 0;
    }

    @Override
    public int filters() {
        return convolution().filters();
    }

    @Override
    public int headWidth() {
        return convolution().headWidth();
    }

    @Override
    public Tensor taps(Ops ops, int bank) {
        return convolution().taps(ops, bank);
    }

    @Override
    public Tensor skip(int bank) {
        return convolution().skip(bank);
    }

    @Override
    public Optional<Tensor> offset(Ops ops, int bank) {
        return convolution().offset(ops, bank);
    }

    @Override
    public MixerConfig modal(List<Integer> pairs, List<Integer> reals) {
        return new ConvolutionLayerConfig(convolution().modal(pairs, reals), config.gated());
    }

    @Override
    public ModalBank bank(int index) {
        return ((ModalBanks) mover).bank(index);
    }
}

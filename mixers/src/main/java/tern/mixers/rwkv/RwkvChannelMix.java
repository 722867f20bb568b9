package tern.mixers.rwkv;

import java.util.ArrayList;
import java.util.List;

import tern.mixers.parts.Projection;
import tern.mixers.rwkv.TokenShift.Mixture;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Tensor;

/**
 * RWKV's channel mixing: y = σ(W_r x_r) ⊙ W_v relu(W_k x_k)², without the receptance in RWKV-7 (arXiv 2305.13048, section 3.1;
 * 2503.14456, section 4).
 *
 * <p>State: the last input [1,D]. Parameters: {@code mix.key} [D], {@code key.weight} [F,D], {@code value.weight} [D,F], and with
 * receptance {@code mix.receptance} [D], {@code receptance.weight} [D,D]. Immutable.
 */
public final class RwkvChannelMix implements SequenceMixer {
    private final TokenShift shift;
    private final Projection value;
    /** Key and, where there is one, receptance: as the mixtures are ordered. */
    private final List<Projection> intoMaps;
    private final StateLayout layout;

    RwkvChannelMix(RwkvChannelMixConfig config, BranchContext at, ParameterScope scope) {
        int width = at.width();
        RwkvStart start = RwkvStart.of(at);
        double power = config.receptance() ? start.above() : Math.pow(start.above(), 4);
        List<Mixture> mixtures = new ArrayList<>(List.of(new Mixture("key", start.share(power))));
        if (config.receptance()) {
            mixtures.add(new Mixture("receptance", start.share(power)));
        }
        this.shift = TokenShift.constant(scope, width, mixtures);
        Projection key = Projection.matrix(scope.child("key"), width, config.inner(),
                Initialiser.orthogonal(config.keyGain().orElse(1.0)));
        this.value = Projection.matrix(scope.child("value"), config.inner(), width, Initialiser.constant(0));
        this.intoMaps = config.receptance()
                ? List.of(key, Projection.matrix(scope.child("receptance"), width, width, Initialiser.constant(0)))
                : List.of(key);
        this.layout = StateLayout.of(shift.slot());
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public int reach() {
        return 1;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        TokenShift.Shifted shifted = shift.apply(ops, in.x(), state.slot("shift"));
        List<Tensor> into = Projection.applyAll(ops, intoMaps, shifted.inputs());
        Tensor y = value.apply(ops, ops.activate(into.getFirst(), Activation.RELU_SQUARED));
        if (into.size() > 1) {
            y = ops.gate(into.get(1), y, Activation.SIGMOID);
        }
        return new Mixed(y, state.next(shifted.before()));
    }
}

package tern.mixers.rwkv;

import java.util.List;

import tern.mixers.parts.Projection;
import tern.mixers.rwkv.TokenShift.Mixture;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * RWKV-4's time mixing: y = W_o(σ(r) ⊙ wkv), wkv an average of all values with weights e^(k − distance·w), the present one with
 * e^(k+u) (arXiv 2305.13048, section 3.1).
 *
 * <p>State: the last input [1,D] and a, b, p of {@link Ops#averageScan} [3,D]. Parameters: {@code mix.receptance}, {@code .key},
 * {@code .value} [D], {@code receptance.weight}, {@code key.weight}, {@code value.weight}, {@code output.weight} [D,D], {@code decay}
 * ln w [D], {@code bonus} u [D]. Immutable.
 */
public final class Rwkv4 implements SequenceMixer {
    private final TokenShift shift;
    private final Projection receptance;
    private final Projection key;
    private final Projection value;
    private final Projection output;
    private final Tensor decay;
    private final Tensor bonus;
    private final StateLayout layout;

    Rwkv4(BranchContext at, ParameterScope scope) {
        int width = at.width();
        RwkvStart start = RwkvStart.of(at);
        this.shift = TokenShift.constant(scope, width,
                List.of(new Mixture("receptance", start.share(start.above() / 2)),
                        new Mixture("key", start.share(start.above())), new Mixture("value", start.valueShare())));
        this.receptance = Projection.matrix(scope.child("receptance"), width, width, Initialiser.constant(0));
        this.key = Projection.matrix(scope.child("key"), width, width, Initialiser.constant(0));
        this.value = Projection.matrix(scope.child("value"), width, width, Initialiser.orthogonal(1));
        this.output = Projection.matrix(scope.child("output"), width, width, Initialiser.constant(0));
        this.decay = scope.parameter("decay", Shape.of(width), Role.FILTER,
                start.ofPlace(x -> -5 + 8 * Math.pow(x, 0.7 + 1.3 * start.depth())));
        this.bonus = scope.parameter("bonus", Shape.of(width), Role.FILTER,
                Initialiser.of(i -> Math.log(0.3) + 0.5 * ((i + 1) % 3 - 1)));
        this.layout = StateLayout.of(shift.slot(), new Slot.Fixed("average", Shape.of(3, width)));
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
        TokenShift.Shifted shifted = shift.apply(ops, in.x(), state.slot("shift"));
        Tensor r = receptance.apply(ops, shifted.inputs().get(0));
        Tensor k = key.apply(ops, shifted.inputs().get(1));
        Tensor v = value.apply(ops, shifted.inputs().get(2));
        Scanned average = ops.averageScan(k, v, decay, bonus, state.slot("average"));
        Tensor y = output.apply(ops, ops.gate(r, average.y(), Activation.SIGMOID));
        return new Mixed(y, state.next(shifted.before(), average.state()));
    }
}

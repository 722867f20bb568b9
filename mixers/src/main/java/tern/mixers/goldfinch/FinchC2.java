package tern.mixers.goldfinch;

import java.util.List;

import tern.mixers.parts.Projection;
import tern.mixers.rwkv.RwkvStart;
import tern.mixers.rwkv.TokenShift;
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
 * Finch-C2's time mixing: y = Sᵀr + v₂, then S ← diag(e^g)·S + (k ⊙ (1 − e^g)) vᵀ; the whole width normalised, projected (arXiv
 * 2407.12077, section 3.1). RWKV-6 without gate and bonus; a position reads itself through the second value alone, which
 * shares the matrix of the first.
 *
 * <p>State: the last input [1,D] and S [H,N,N], key axis before value axis. Parameters: those of {@link TokenShift} for
 * receptance, key, value, decay and value2; {@code receptance.weight}, {@code key.weight}, {@code value.weight},
 * {@code output.weight} [D,D]; {@code decayDown.weight} [R,D], {@code decayUp.weight} [D,R], {@code decayUp.bias} [D];
 * {@code value2Down.weight} [R,D], {@code value2Up.weight} [D,R]; {@code bonus} [H,N], read only without second value;
 * {@code norm.gain}, {@code norm.bias} [D]. Immutable.
 */
public final class FinchC2 implements SequenceMixer {
    private final FinchC2Config config;
    private final Shape headShape;
    private final TokenShift shift;
    private final Projection receptance;
    private final Projection key;
    private final Projection value;
    private final Projection output;
    private final LowRank decay;
    private final LowRank value2;
    private final Tensor bonus;
    private final LayerNorm norm;
    private final StateLayout layout;

    FinchC2(FinchC2Config config, int headCount, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.headShape = Shape.of(headCount, config.headWidth());
        int width = at.width();
        RwkvStart start = RwkvStart.of(at);
        Initialiser share = start.share(start.above());
        this.shift = TokenShift.dependent(scope, width, config.mixRank(), share,
                List.of(new Mixture("receptance", start.share(start.above() / 2)), new Mixture("key", share),
                        new Mixture("value", start.valueShare()), new Mixture("decay", share),
                        new Mixture("value2", start.valueShare())));
        this.receptance = Projection.matrix(scope.child("receptance"), width, width, Initialiser.orthogonal(1));
        this.key = Projection.matrix(scope.child("key"), width, width, Initialiser.orthogonal(0.1));
        this.value = Projection.matrix(scope.child("value"), width, width, Initialiser.orthogonal(1));
        this.output = Projection.matrix(scope.child("output"), width, width, Initialiser.constant(0));
        this.decay = LowRank.correcting(scope, "decay", width, config.decayRank(), start.decay());
        this.value2 = new LowRank(scope, "value2", width, config.valueRank());
        this.bonus = scope.parameter("bonus", headShape, Role.FILTER, start.bonus());
        this.norm = new LayerNorm(scope.child("norm"), width, start.headGain());
        this.layout = StateLayout.of(shift.slot(),
                new Slot.Fixed("heads", Shape.of(headCount, config.headWidth(), config.headWidth())));
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
        List<Tensor> inputs = shifted.inputs();
        Tensor r = receptance.apply(ops, inputs.get(0));
        Tensor k = key.apply(ops, inputs.get(1));
        Tensor v = value.apply(ops, inputs.get(2));
        Tensor g = ops.scale(ops.activate(decay.apply(ops, inputs.get(3)), Activation.EXP), -1);
        if (config.oneMinusDecay()) {
            // 1 − e^g by expm1: slow channels forget less than single precision can tell from nothing.
            k = ops.multiply(k, ops.scale(ops.activate(g, Activation.EXPM1), -1));
        }
        Tensor own = config.secondValue() ? ops.zeros(bonus.dtype(), headShape) : bonus;
        Scanned scanned = ops.bonusScan(split(ops, r), split(ops, k), split(ops, v), split(ops, g), own,
                state.slot("heads"));
        Tensor y = ops.reshape(scanned.y(), in.x().shape());
        if (config.secondValue()) {
            Tensor v2 = ops.add(value.apply(ops, inputs.get(4)), value2.apply(ops, inputs.get(4)));
            y = ops.add(y, v2);
        }
        return new Mixed(output.apply(ops, norm.apply(ops, y)), state.next(shifted.before(), scanned.state()));
    }

    private Tensor split(Ops ops, Tensor x) {
        return ops.reshape(x, headShape.prepend(x.dim(1)).prepend(x.dim(0)));
    }
}

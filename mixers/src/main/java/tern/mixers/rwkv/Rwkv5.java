package tern.mixers.rwkv;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

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
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * RWKV-5's time mixing: y = Sᵀr + (r·(u ⊙ k))v, S ← diag(e^g)·S + k vᵀ with constant g = −e^decay; heads normalised, gated,
 * projected (arXiv 2404.05892, sections 3 and 4.1).
 *
 * <p>State: the last input [1,D] and S [H,N,N]. Parameters: {@code mix.receptance}, {@code .key}, {@code .value}, {@code .gate} [D],
 * {@code receptance.weight}, {@code key.weight}, {@code value.weight}, {@code gate.weight}, {@code output.weight} [D,D], {@code decay} [H,N]
 * or [H,1], {@code bonus} u [H,N], {@code norm.gain}, {@code norm.bias} [D]; those of the gate only if there is one. Immutable.
 */
public final class Rwkv5 implements SequenceMixer {
    private final TokenShift shift;
    private final Projection receptance;
    private final Projection key;
    private final Projection value;
    private final Optional<Projection> gate;
    private final Projection output;
    private final Tensor decay;
    private final Tensor bonus;
    private final RwkvHeads heads;
    private final StateLayout layout;

    Rwkv5(Rwkv5Config config, int headCount, BranchContext at, ParameterScope scope) {
        int width = at.width();
        RwkvStart start = RwkvStart.of(at);
        List<Mixture> mixtures = new ArrayList<>(List.of(
                new Mixture("receptance", start.share(start.above() / 2)),
                new Mixture("key", start.share(start.above())),
                new Mixture("value", start.valueShare())));
        if (config.gated()) {
            mixtures.add(new Mixture("gate", start.share(start.above() / 2)));
        }
        this.shift = TokenShift.constant(scope, width, mixtures);
        this.receptance = Projection.matrix(scope.child("receptance"), width, width, Initialiser.orthogonal(1));
        this.key = Projection.matrix(scope.child("key"), width, width, Initialiser.orthogonal(0.1));
        this.value = Projection.matrix(scope.child("value"), width, width, Initialiser.orthogonal(1));
        this.gate = config.gated()
                ? Optional.of(Projection.matrix(scope.child("gate"), width, width, Initialiser.orthogonal(0.1)))
                : Optional.empty();
        this.output = Projection.matrix(scope.child("output"), width, width, Initialiser.constant(0));
        this.decay = config.decayPerChannel()
                ? scope.parameter("decay", Shape.of(headCount, config.headWidth()), Role.FILTER, start.decay())
                : scope.parameter("decay", Shape.of(headCount, 1), Role.FILTER, Initialiser.of(
                        h -> -6 + 5 * Math.pow((double) h / Math.max(1, headCount - 1), 0.7 + 1.3 * start.depth())));
        this.bonus = scope.parameter("bonus", Shape.of(headCount, config.headWidth()), Role.FILTER, start.bonus());
        this.heads = new RwkvHeads(scope.child("norm"), headCount, config.headWidth(), config.groupEpsilon(), start);
        this.layout = StateLayout.of(shift.slot(), heads.slot());
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
        Tensor r = heads.split(ops, receptance.apply(ops, shifted.inputs().get(0)));
        Tensor k = heads.split(ops, key.apply(ops, shifted.inputs().get(1)));
        Tensor v = heads.split(ops, value.apply(ops, shifted.inputs().get(2)));
        Tensor logDecay = ops.derived(this, "logDecay", () -> ops.reshape(
                ops.scale(ops.activate(decay, Activation.EXP), -1), Shape.of(1, 1, decay.dim(0), decay.dim(1))));
        Scanned scanned = ops.bonusScan(r, k, v, logDecay, bonus, state.slot("heads"));
        Tensor y = heads.normalised(ops, scanned.y());
        if (gate.isPresent()) {
            y = ops.gate(gate.get().apply(ops, shifted.inputs().get(3)), y, Activation.SILU);
        }
        return new Mixed(output.apply(ops, y), state.next(shifted.before(), scanned.state()));
    }
}

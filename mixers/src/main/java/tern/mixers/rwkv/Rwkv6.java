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
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * RWKV-6's time mixing: y = Sᵀr + (r·(u ⊙ k))v, S ← diag(e^g_t)·S + k vᵀ with g = −e^(decay + tanh(x W_1ᵀ) W_2ᵀ) and shares of token
 * shift that depend on the token; heads normalised, gated by SiLU, projected (arXiv 2404.05892, section 4).
 *
 * <p>State: the last input [1,D] and S [H,N,N]. Parameters: those of {@link TokenShift} for decay, key, value, receptance and
 * gate; {@code receptance.weight}, {@code key.weight}, {@code value.weight}, {@code gate.weight}, {@code output.weight} [D,D];
 * {@code decayDown.weight} [R,D], {@code decayUp.weight} [D,R], {@code decayUp.bias} [D], the decay itself; {@code bonus} u [H,N];
 * {@code norm.gain}, {@code norm.bias} [D]. Immutable.
 */
public final class Rwkv6 implements SequenceMixer {
    private final TokenShift shift;
    /** The lower half of the decay, key, value, receptance and gate: as the mixtures are ordered. */
    private final List<Projection> intoMaps;
    private final Projection output;
    private final Projection decayUp;
    private final Tensor bonus;
    private final RwkvHeads heads;
    private final StateLayout layout;

    Rwkv6(Rwkv6Config config, int headCount, BranchContext at, ParameterScope scope) {
        int width = at.width();
        RwkvStart start = RwkvStart.of(at);
        this.shift = TokenShift.dependent(scope, width, config.mixRank(), start.share(start.above()),
                List.of(new Mixture("decay", start.share(start.above())),
                        new Mixture("key", start.share(start.above())),
                        new Mixture("value", start.valueShare()),
                        new Mixture("receptance", start.share(start.above() / 2)),
                        new Mixture("gate", start.share(start.above() / 2))));
        Projection receptance = Projection.matrix(scope.child("receptance"), width, width, Initialiser.orthogonal(1));
        Projection key = Projection.matrix(scope.child("key"), width, width, Initialiser.orthogonal(0.1));
        Projection value = Projection.matrix(scope.child("value"), width, width, Initialiser.orthogonal(1));
        Projection gate = Projection.matrix(scope.child("gate"), width, width, Initialiser.orthogonal(0.1));
        this.output = Projection.matrix(scope.child("output"), width, width, Initialiser.constant(0));
        Projection decayDown = Projection.lowRank(scope.child("decayDown"), width, config.decayRank(),
                Initialiser.constant(0));
        this.decayUp = Projection.lowRank(scope.child("decayUp"), config.decayRank(), width,
                Initialiser.uniform(-0.01, 0.01), start.decay());
        this.intoMaps = List.of(decayDown, key, value, receptance, gate);
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
        List<Tensor> into = Projection.applyAll(ops, intoMaps, shifted.inputs());
        Tensor g = ops.scale(
                ops.activate(decayUp.apply(ops, ops.activate(into.get(0), Activation.TANH)), Activation.EXP), -1);
        Tensor k = heads.split(ops, into.get(1));
        Tensor v = heads.split(ops, into.get(2));
        Tensor r = heads.split(ops, into.get(3));
        Scanned scanned = ops.bonusScan(r, k, v, heads.split(ops, g), bonus, state.slot("heads"));
        Tensor gated = ops.gate(into.get(4), heads.normalised(ops, scanned.y()),
                Activation.SILU);
        return new Mixed(output.apply(ops, gated), state.next(shifted.before(), scanned.state()));
    }
}

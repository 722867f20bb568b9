package tern.mixers.rwkv;

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
 * RWKV-6's time mixing: y = Sᵀr + (r·(u ⊙ k))v, S ← diag(e^g_t)·S + k vᵀ with g = −e^(decay + tanh(x W_1ᵀ) W_2ᵀ) and shares of token
 * shift that depend on the token; heads normalised, gated by SiLU, projected (arXiv 2404.05892, section 4).
 *
 * <p>State: the last input [1,D] and S [H,N,N]. Parameters: those of {@link TokenShift} for decay, key, value, receptance and
 * gate; {@code receptance.weight}, {@code key.weight}, {@code value.weight}, {@code gate.weight}, {@code output.weight} [D,D];
 * {@code decayDown.weight} [R,D], {@code decayUp.weight} [D,R], {@code decayUp.bias} [D], the decay itself; {@code bonus} u [H,N];
 * {@code norm.gain}, {@code norm.bias} [D]. In a {@link Rwkv6Variation} there are neither {@code bonus} nor {@code norm}, keys and values
 * may be narrower, and {@code receptance.bias}, {@code key.bias} and {@code value.bias} may be there. Immutable.
 */
public final class Rwkv6 implements SequenceMixer {
    private final TokenShift shift;
    /** The lower half of the decay, key, value, receptance and gate: as the mixtures are ordered. */
    private final List<Projection> intoMaps;
    private final Projection output;
    private final Projection decayUp;
    private final Optional<Tensor> bonus;
    private final Optional<Rwkv6Variation> variation;
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
        this.variation = config.variation();
        int keyWidth = variation.map(Rwkv6Variation::keyHeads).orElse(headCount) * config.headWidth();
        Projection receptance = map(scope.child("receptance"), width, width, 1);
        Projection key = map(scope.child("key"), width, keyWidth, 0.1);
        Projection value = map(scope.child("value"), width, keyWidth, 1);
        Projection gate = Projection.matrix(scope.child("gate"), width, width, Initialiser.orthogonal(0.1));
        this.output = Projection.matrix(scope.child("output"), width, width, Initialiser.constant(0));
        Projection decayDown = Projection.lowRank(scope.child("decayDown"), width, config.decayRank(),
                Initialiser.constant(0));
        this.decayUp = Projection.lowRank(scope.child("decayUp"), config.decayRank(), width,
                Initialiser.uniform(-0.01, 0.01), start.decay());
        this.intoMaps = List.of(decayDown, key, value, receptance, gate);
        this.bonus = variation.isPresent() ? Optional.empty()
                : Optional.of(scope.parameter("bonus", Shape.of(headCount, config.headWidth()), Role.FILTER,
                        start.bonus()));
        this.heads = variation.isPresent() ? RwkvHeads.notNormalised(headCount, config.headWidth())
                : new RwkvHeads(scope.child("norm"), headCount, config.headWidth(), config.groupEpsilon(), start);
        this.layout = StateLayout.of(shift.slot(), heads.slot());
    }

    private Projection map(ParameterScope scope, int in, int out, double gain) {
        return variation.map(Rwkv6Variation::biased).orElse(false)
                ? Projection.biased(scope, in, out, Initialiser.orthogonal(gain), Initialiser.constant(0))
                : Projection.matrix(scope, in, out, Initialiser.orthogonal(gain));
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
        Tensor r = heads.split(ops, into.get(3));
        if (variation.isPresent()) {
            Tensor forgotten = ops.scale(ops.activate(g, Activation.EXPM1), -1);
            Tensor k = ops.multiply(heads.shared(ops, into.get(1)), heads.split(ops, forgotten));
            Scanned scanned = ops.gatedScan(r, k, heads.shared(ops, into.get(2)), heads.split(ops, g),
                    state.slot("heads"));
            Tensor y = ops.reshape(ops.scale(scanned.y(), 1 / Math.sqrt(r.dim(3))), in.x().shape());
            Tensor gated = ops.gate(into.get(4), y, Activation.SIGMOID);
            return new Mixed(output.apply(ops, gated), state.next(shifted.before(), scanned.state()));
        }
        Scanned scanned = ops.bonusScan(r, heads.split(ops, into.get(1)), heads.split(ops, into.get(2)),
                heads.split(ops, g), bonus.orElseThrow(), state.slot("heads"));
        Tensor gated = ops.gate(into.get(4), heads.normalised(ops, scanned.y()),
                Activation.SILU);
        return new Mixed(output.apply(ops, gated), state.next(shifted.before(), scanned.state()));
    }
}

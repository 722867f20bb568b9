package tern.mixers.gla;

import java.util.Optional;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.mixers.parts.ReadNorm;
import tern.mixers.parts.ReadOut;
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
 * S ← diag(f) S + (1 − f) vᵀ, y = W_o norm(Sᵀq) with f = β + (1 − β) σ(W_f x), q = swish(W_q x) (arXiv 2404.07904, section 3).
 * The bound β = σ(b) of each channel is learned by every layer for itself, from l/L in layer l of L; none in the first. (The
 * released code learns increments of all layers in one table; every table has its b.)
 *
 * <p>State: S [H,K,K]. Parameters: {@code query.weight}, {@code forget.weight}, {@code value.weight}, {@code output.weight} [D,D],
 * {@code bound} b [D] but in the first layer, {@code norm.gain} [D]. Immutable.
 */
public final class Hgrn2 implements SequenceMixer {
    private static final double EPSILON = 1e-5;

    private final int heads;
    private final Projection query;
    private final Projection forget;
    private final Projection value;
    private final Optional<Tensor> bound;
    private final ReadOut readOut;
    private final StateLayout layout;

    Hgrn2(Hgrn2Config config, int heads, BranchContext at, ParameterScope scope) {
        this.heads = heads;
        int headWidth = config.headWidth();
        int width = at.width();
        int layer = at.branch() / 2;
        int layers = (at.branches() + 1) / 2;
        this.query = Projection.into(scope.child("query"), width, width, false);
        this.forget = Projection.into(scope.child("forget"), width, width, false);
        this.value = Projection.into(scope.child("value"), width, width, false);
        this.bound = layer == 0 ? Optional.empty()
                : Optional.of(scope.parameter("bound", Shape.of(width), Role.FILTER,
                        Initialiser.constant(Math.log((double) layer / (layers - layer)))));
        this.readOut = ReadOut.plain(
                new ReadNorm(ReadNorm.Kind.FULL, scope.child("norm"), heads, headWidth,
                        config.epsilon().orElse(EPSILON)),
                Projection.outOf(scope.child("output"), width, false, at));
        this.layout = StateLayout.of(new Slot.Fixed("heads", Shape.of(heads, headWidth, headWidth)));
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
        Tensor q = Heads.split(ops, ops.activate(query.apply(ops, in.x()), Activation.SILU), heads);
        Tensor v = Heads.split(ops, value.apply(ops, in.x()), heads);
        Tensor g = Heads.split(ops, logForget(ops, forget.apply(ops, in.x())), heads);
        Tensor k = ops.scale(ops.activate(g, Activation.EXPM1), -1);
        Scanned scanned = ops.gatedScan(q, k, v, g, state.slot("heads"));
        return new Mixed(readOut.apply(ops, in.x(), scanned.y()), state.next(scanned.state()));
    }

    /**
     * ln(β + (1 − β)σ(x)) = ln σ(b + softplus(x + softplus(−b))), which keeps its precision where it is nearly 0: as a difference of
     * two logarithms it would be what rounding leaves, and so would be what is written.
     */
    private Tensor logForget(Ops ops, Tensor x) {
        if (bound.isEmpty()) {
            return Heads.logSigmoid(ops, x);
        }
        Tensor b = bound.get();
        Tensor least = ops.derived(this, "least",
                () -> ops.activate(ops.scale(b, -1), Activation.SOFTPLUS));
        return Heads.logSigmoid(ops, ops.add(ops.activate(ops.add(x, least), Activation.SOFTPLUS), b));
    }
}

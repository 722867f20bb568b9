package tern.mixers.gla;

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
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * S ← diag(e^g) S + k vᵀ, y = W_o(norm_h(Sᵀq/√K) ⊙ swish(W_g x)) with g = ln σ(W_2 W_1 x + b)/16 (arXiv 2312.06635, section 4).
 *
 * <p>State: S [H,K,V]. Parameters: {@code query.weight}, {@code key.weight} [H·K,D], {@code value.weight}, {@code gate.weight},
 * {@code output.weight} [D,D], {@code decayDown.weight} [R,D], {@code decayUp.weight} [H·K,R], {@code decayUp.bias} [H·K],
 * {@code norm.gain} [V]. Immutable.
 */
public final class Gla implements SequenceMixer {
    private static final double EPSILON = 1e-5;

    private final int heads;
    private final double patience;
    private final double scale;
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final Projection decayDown;
    private final Projection decayUp;
    private final ReadOut readOut;
    private final StateLayout layout;

    Gla(GlaConfig config, int valueWidth, BranchContext at, ParameterScope scope) {
        this.heads = config.heads();
        this.patience = config.patience();
        this.scale = 1 / Math.sqrt(config.keyWidth());
        int width = at.width();
        int keys = heads * config.keyWidth();
        this.query = Projection.into(scope.child("query"), width, keys, false);
        this.key = Projection.into(scope.child("key"), width, keys, false);
        this.value = Projection.into(scope.child("value"), width, width, false);
        this.decayDown = Projection.lowRank(scope.child("decayDown"), width, config.rank(), Initialiser.fanIn(width));
        this.decayUp = Projection.lowRank(scope.child("decayUp"), config.rank(), keys,
                Initialiser.fanIn(config.rank()), Initialiser.constant(0));
        this.readOut = ReadOut.gated(
                new ReadNorm(ReadNorm.Kind.HEAD, scope.child("norm"), heads, valueWidth,
                        config.epsilon().orElse(EPSILON)),
                Projection.into(scope.child("gate"), width, width, false), Activation.SILU,
                Projection.outOf(scope.child("output"), width, false, at));
        this.layout = StateLayout.of(new Slot.Fixed("heads", Shape.of(heads, config.keyWidth(), valueWidth)));
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
        Tensor q = Heads.split(ops, ops.scale(query.apply(ops, in.x()), scale), heads);
        Tensor k = Heads.split(ops, key.apply(ops, in.x()), heads);
        Tensor v = Heads.split(ops, value.apply(ops, in.x()), heads);
        Tensor g = ops.scale(Heads.logSigmoid(ops, decayUp.apply(ops, decayDown.apply(ops, in.x()))), 1 / patience);
        Scanned scanned = ops.gatedScan(q, k, v, Heads.split(ops, g, heads), state.slot("heads"));
        return new Mixed(readOut.apply(ops, in.x(), scanned.y()), state.next(scanned.state()));
    }
}

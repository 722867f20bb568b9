package tern.mixers.attention;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
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
 * y_t = W_o Σ_(s≤t) softmax_s(q·k_s/√K) v_s with a query q that is learned and no function of the token, so that attention is a
 * scan over (largest score, sum of weights, weighted sum of values) (arXiv 2405.13956, section 3). That is RWKV-4's average
 * without decay and bonus, and runs as one.
 *
 * <p>State: three numbers a channel, [3,D]; channels of a head share the first and last. Parameters: {@code query} [H,K];
 * {@code key.weight}, {@code value.weight}, {@code output.weight} [D,D]. Immutable.
 */
public final class Aaren implements SequenceMixer {
    /** The logarithm of no decay. */
    private static final double NEVER = -1e4;

    private final int heads;
    private final int headWidth;
    private final Tensor query;
    private final Projection key;
    private final Projection value;
    private final Projection output;
    private final StateLayout layout;

    Aaren(AarenConfig config, BranchContext at, ParameterScope scope) {
        this.heads = config.heads();
        this.headWidth = at.width() / heads;
        this.query = scope.parameter("query", Shape.of(heads, headWidth), Role.VECTOR, Initialiser.normal(1));
        this.key = Projection.into(scope.child("key"), at.width(), at.width(), false);
        this.value = Projection.into(scope.child("value"), at.width(), at.width(), false);
        this.output = Projection.outOf(scope.child("output"), at.width(), false, at);
        this.layout = StateLayout.of(new Slot.Fixed("average", Shape.of(3, at.width())));
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
        Shape width = Shape.of(in.x().dim(2));
        Tensor read = ops.multiply(Heads.split(ops, key.apply(ops, in.x()), heads), query);
        // Every channel of a head gets the head's score: a product with a matrix of ones.
        Tensor sum = Heads.constant(ops, this, read.dtype(), Shape.of(headWidth, headWidth),
                1 / Math.sqrt(headWidth));
        Scanned scanned = ops.averageScan(Heads.merge(ops, ops.linear(read, sum)), value.apply(ops, in.x()),
                Heads.constant(ops, this, read.dtype(), width, NEVER),
                Heads.constant(ops, this, read.dtype(), width, 0), state.slot("average"));
        return new Mixed(output.apply(ops, scanned.y()), state.next(scanned.state()));
    }
}

package tern.mixers.statespace;

import java.util.List;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.ParameterScope;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** What stands around Legendre memories: u = relu(W_u x + b) before them, W_o relu(W_h [m; x] + c) behind. Immutable. */
final class LmuMaps {
    private final int memories;
    private final int order;
    private final Projection signal;
    private final Projection mix;
    private final Projection output;

    LmuMaps(int memories, int order, BranchContext at, ParameterScope scope) {
        this.memories = memories;
        this.order = order;
        this.signal = Projection.into(scope.child("signal"), at.width(), memories, true);
        this.mix = Projection.into(scope.child("mix"), memories * order + at.width(), at.width(), true);
        this.output = Projection.outOf(scope.child("output"), at.width(), false, at);
    }

    /** u [B,T,C]. */
    Tensor signal(Ops ops, Tensor x) {
        return ops.activate(signal.apply(ops, x), Activation.RELU);
    }

    /** Each signal for each of its coefficients [B,T,C·q]. */
    Tensor spread(Ops ops, Tensor u) {
        Tensor ones = Heads.constant(ops, this, u.dtype(), Shape.of(order, 1), 1);
        return ops.reshape(ops.linear(ops.reshape(u, Shape.of(u.dim(0), u.dim(1), memories, 1)), ones),
                u.shape().withLast(memories * order));
    }

    /** y from coefficients [B,T,C·q] and x. */
    Tensor read(Ops ops, Tensor coefficients, Tensor x) {
        Tensor mixed = ops.activate(mix.apply(ops, ops.concat(List.of(coefficients, x), -1)), Activation.RELU);
        return output.apply(ops, mixed);
    }
}

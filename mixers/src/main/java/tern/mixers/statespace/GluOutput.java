package tern.mixers.statespace;

import java.util.List;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.ParameterScope;
import tern.tensor.Tensor;

/** a ⊙ σ(b) of (a, b) = W gelu(y) + c: where S4D ends. Parameters {@code output.weight} [2D,D], {@code output.bias}. Immutable. */
record GluOutput(Projection map) {
    static GluOutput declare(BranchContext at, ParameterScope scope) {
        return new GluOutput(Projection.into(scope.child("output"), at.width(), 2 * at.width(), true));
    }

    Tensor apply(Ops ops, Tensor y) {
        int width = y.shape().last();
        List<Tensor> both = Heads.cut(ops, map.apply(ops, ops.activate(y, Activation.GELU)), width, width);
        return ops.gate(both.get(1), both.get(0), Activation.SIGMOID);
    }
}

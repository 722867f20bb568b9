package tern.mixers.statespace;

import java.util.List;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.ParameterScope;
import tern.tensor.Tensor;

/**
 * W gelu(y) + c, or gated a ⊙ σ(b) of (a, b) = W gelu(y) + c: where state spaces of single channels end. Parameters
 * {@code output.weight} [D,D], gated [2D,D], and {@code output.bias}. Immutable.
 */
record GeluOutput(Projection map, boolean gated) {
    static GeluOutput declare(BranchContext at, ParameterScope scope, boolean gated) {
        return new GeluOutput(
                Projection.into(scope.child("output"), at.width(), gated ? 2 * at.width() : at.width(), true), gated);
    }

    Tensor apply(Ops ops, Tensor y) {
        Tensor mapped = map.apply(ops, ops.activate(y, Activation.GELU));
        if (!gated) {
            return mapped;
        }
        int width = y.shape().last();
        List<Tensor> both = Heads.cut(ops, mapped, width, width);
        return ops.gate(both.get(1), both.get(0), Activation.SIGMOID);
    }
}

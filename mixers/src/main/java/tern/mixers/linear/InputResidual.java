package tern.mixers.linear;

import tern.mixers.parts.Projection;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * x + f(x), f = linear, layer norm, leaky ReLU (slope 0.01), linear (LinFusion, arXiv 2409.02097): {@code down.weight} [R,D],
 * {@code down.bias}, {@code norm.gain}, {@code norm.bias} [R], {@code up.weight} [D,R], {@code up.bias} [D]. Immutable.
 */
final class InputResidual {
    private static final double LEAK = 0.01;
    private static final double EPSILON = 1e-5;

    private final Projection down;
    private final Projection up;
    private final Tensor gain;
    private final Tensor bias;

    InputResidual(ParameterScope scope, int width, int inner) {
        this.down = Projection.into(scope.child("down"), width, inner, true);
        ParameterScope norm = scope.child("norm");
        this.gain = norm.parameter("gain", Shape.of(inner), Role.VECTOR, Initialiser.constant(1));
        this.bias = norm.parameter("bias", Shape.of(inner), Role.VECTOR, Initialiser.constant(0));
        this.up = Projection.into(scope.child("up"), inner, width, true);
    }

    Tensor apply(Ops ops, Tensor x) {
        Tensor inner = ops.layerNorm(down.apply(ops, x), gain, bias, EPSILON);
        Tensor leaky = ops.add(ops.scale(ops.activate(inner, Activation.RELU), 1 - LEAK), ops.scale(inner, LEAK));
        return ops.add(x, up.apply(ops, leaky));
    }
}

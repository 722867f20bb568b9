package tern.model;

import java.util.Optional;

import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** One normalisation of the residual stream; a bias means mean and variance, none means root mean square. */
record StackNorm(Tensor gain, Optional<Tensor> bias, double epsilon) {
    static StackNorm declare(StackConfig config, NormKind kind, double epsilon, ParameterScope scope) {
        Shape shape = Shape.of(config.width());
        Tensor gain = scope.parameter("gain", shape, Role.VECTOR, Initialiser.constant(1));
        Optional<Tensor> bias = switch (kind) {
            case RMS -> Optional.empty();
            case LAYER -> Optional.of(scope.parameter("bias", shape, Role.VECTOR, Initialiser.constant(0)));
        };
        return new StackNorm(gain, bias, epsilon);
    }

    Tensor apply(Ops ops, Tensor x) {
        return bias.isPresent() ? ops.layerNorm(x, gain, bias.get(), epsilon) : ops.rmsNorm(x, gain, epsilon);
    }
}

package tern.model;

import java.util.List;

import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** One normalisation of the residual stream; its parameters are a gain and a bias, a gain alone, or none. */
record StackNorm(NormKind kind, List<Tensor> parameters, int width, double epsilon) {
    static StackNorm declare(StackConfig config, NormKind kind, double epsilon, ParameterScope scope) {
        List<Tensor> parameters = switch (kind) {
            case RMS -> List.of(vector(config, scope, "gain", 1));
            case LAYER -> List.of(vector(config, scope, "gain", 1), vector(config, scope, "bias", 0));
            case LAYER_PLAIN -> List.of();
        };
        return new StackNorm(kind, parameters, config.width(), epsilon);
    }

    private static Tensor vector(StackConfig config, ParameterScope scope, String name, double value) {
        return scope.parameter(name, Shape.of(config.width()), Role.VECTOR, Initialiser.constant(value));
    }

    Tensor apply(Ops ops, Tensor x) {
        return switch (kind) {
            case RMS -> ops.rmsNorm(x, parameters.getFirst(), epsilon);
            case LAYER -> ops.layerNorm(x, parameters.get(0), parameters.get(1), epsilon);
            case LAYER_PLAIN -> ops.layerNorm(x, all(ops, x.dtype(), 1), all(ops, x.dtype(), 0), epsilon);
        };
    }

    private Tensor all(Ops ops, DType dtype, double value) {
        return ops.derived(this, "all " + value, () -> ops.zeros(dtype, Shape.of(width)).fill(value));
    }
}

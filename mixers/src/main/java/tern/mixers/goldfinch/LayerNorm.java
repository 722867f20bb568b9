package tern.mixers.goldfinch;

import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Layer normalisation over the whole width, parameters {@code gain} and {@code bias} [D]. Immutable. */
final class LayerNorm {
    private static final double EPSILON = 1e-5;

    private final Tensor gain;
    private final Tensor bias;

    LayerNorm(ParameterScope scope, int width, Initialiser gainStart) {
        this.gain = scope.parameter("gain", Shape.of(width), Role.VECTOR, gainStart);
        this.bias = scope.parameter("bias", Shape.of(width), Role.VECTOR, Initialiser.constant(0));
    }

    /** Starts as the identity of normalised rows. */
    LayerNorm(ParameterScope scope, int width) {
        this(scope, width, Initialiser.constant(1));
    }

    Tensor apply(Ops ops, Tensor x) {
        return ops.layerNorm(x, gain, bias, EPSILON);
    }

    /** Root mean square without parameters: x/(√mean(x²) + 1e-8), the small number being taken as a floor. */
    static Tensor rootMeanSquare(Ops ops, Tensor x) {
        double root = Math.sqrt(x.shape().last());
        return ops.scale(ops.unit(x, 1e-8 * root), root);
    }
}

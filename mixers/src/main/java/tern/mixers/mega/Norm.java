package tern.mixers.mega;

import java.util.List;
import java.util.Optional;

import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * One normalisation inside a unit. Parameters, as far as the kind has them: {@code gain} [D] or [1], {@code bias} [D]; of
 * batches also {@code mean} and {@code variance} [D], which no optimiser updates. Immutable.
 */
public final class Norm {
    private static final double EPSILON = 1e-5;

    private final Normalisation kind;
    private final int width;
    private final Optional<Tensor> gain;
    private final Optional<Tensor> bias;
    private final List<Tensor> running;

    /** Declares the parameters. */
    public Norm(Normalisation kind, int width, ParameterScope scope) {
        this.kind = kind;
        this.width = width;
        this.gain = switch (kind) {
            case LAYER, RMS, BATCH -> Optional.of(vector(scope, "gain", width, 1));
            case SCALE -> Optional.of(vector(scope, "gain", 1, 1));
            case LAYER_PLAIN -> Optional.empty();
        };
        this.bias = kind == Normalisation.LAYER || kind == Normalisation.BATCH
                ? Optional.of(vector(scope, "bias", width, 0))
                : Optional.empty();
        this.running = kind == Normalisation.BATCH ? List.of(
                scope.parameter("mean", Shape.of(width), Role.BUFFER, Initialiser.constant(0)),
                scope.parameter("variance", Shape.of(width), Role.BUFFER, Initialiser.constant(1))) : List.of();
    }

    private static Tensor vector(ParameterScope scope, String name, int width, double value) {
        return scope.parameter(name, Shape.of(width), Role.VECTOR, Initialiser.constant(value));
    }

    /**
     * The same shape, normalised over its last axis, or over batch and time.
     *
     * @param lengths positions of each sequence that count, or empty if all do
     */
    public Tensor apply(Ops ops, Tensor x, int... lengths) {
        return switch (kind) {
            case LAYER -> ops.layerNorm(x, gain.orElseThrow(), bias.orElseThrow(), EPSILON);
            case RMS -> ops.rmsNorm(x, gain.orElseThrow(), EPSILON);
            case SCALE -> ops.rmsNorm(x, ops.derived(this, "gains", () -> spread(ops, gain.orElseThrow())), EPSILON);
            case BATCH -> ops.batchNorm(x, gain.orElseThrow(), bias.orElseThrow(), running.get(0), running.get(1),
                    EPSILON, lengths);
            case LAYER_PLAIN -> ops.layerNorm(x, constant(ops, x.dtype(), 1), constant(ops, x.dtype(), 0), EPSILON);
        };
    }

    private Tensor constant(Ops ops, DType dtype, double value) {
        return ops.derived(this, "all " + value, () -> ops.zeros(dtype, Shape.of(width)).fill(value));
    }

    /** One gain for every channel. */
    private Tensor spread(Ops ops, Tensor one) {
        Tensor ones = ops.zeros(one.dtype(), Shape.of(width, 1)).fill(1);
        return ops.reshape(ops.linear(ones, ops.reshape(one, Shape.of(1, 1))), Shape.of(width));
    }
}

package tern.model;

import java.util.Optional;

import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * How a sequence enters a stack: by a table of tokens, or by a projection x·w + b of real values (w of deviation 1, b of
 * deviation 0.1, as published for Long Range Arena with MEGA, arXiv 2209.10655).
 */
record Entrance(Tensor weight, Optional<Tensor> bias) {
    static Entrance declare(StackConfig config, ParameterScope scope, Initialiser tableStart) {
        if (config.features().isEmpty()) {
            return new Entrance(scope.parameter("table", Shape.of(config.vocabulary(), config.width()), Role.MATRIX,
                    tableStart), Optional.empty());
        }
        return new Entrance(
                scope.parameter("weight", Shape.of(config.width(), config.features().get()), Role.MATRIX,
                        Initialiser.normal(1)),
                Optional.of(scope.parameter("bias", Shape.of(config.width()), Role.VECTOR, Initialiser.normal(0.1))));
    }

    Tensor rows(Ops ops, Tensor inputs) {
        return bias.isPresent() ? ops.linear(inputs, weight, bias.get()) : ops.embed(weight, inputs);
    }
}

package tern.mixers.linear;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

import tern.mixers.parts.Heads;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * The features of a {@link FeatureMapConfig}. Parameters of learned ones, a map of its own for each head: {@code weight} [H·r,K]
 * ({@code [2·H·r,K]} for HADAMARD), {@code bias} [H·r] for LEARNED_RELU. Immutable.
 */
final class FeatureMap {
    private final FeatureMapConfig config;
    private final int heads;
    private final Optional<Tensor> weight;
    private final Optional<Tensor> bias;

    FeatureMap(FeatureMapConfig config, ParameterScope scope, int heads, int keyWidth) {
        this.config = config;
        this.heads = heads;
        int maps = switch (config.kind()) {
            case LEARNED_RELU, HEDGEHOG -> 1;
            case HADAMARD -> 2;
            case ELU_PLUS_ONE, RELU, IDENTITY, DPFP, TAYLOR -> 0;
        };
        int rows = maps * heads * config.width();
        this.weight = maps == 0 ? Optional.empty()
                : Optional.of(scope.parameter("weight", Shape.of(rows, keyWidth), Role.MATRIX,
                        Initialiser.fanIn(keyWidth)));
        this.bias = config.kind() == FeatureMapConfig.Kind.LEARNED_RELU
                ? Optional.of(scope.parameter("bias", Shape.of(rows), Role.VECTOR, Initialiser.constant(0)))
                : Optional.empty();
    }

    /** [B,T,H,K] to [B,T,H,F]. */
    Tensor apply(Ops ops, Tensor x) {
        return switch (config.kind()) {
            case ELU_PLUS_ONE -> eluPlusOne(ops, x);
            case RELU -> ops.activate(x, Activation.RELU);
            case IDENTITY -> x;
            case HADAMARD -> ops.multiply(learned(ops, x, 0), learned(ops, x, heads * config.width()));
            case DPFP -> rolled(ops, x);
            case TAYLOR -> taylor(ops, x);
            case LEARNED_RELU -> ops.activate(learned(ops, x, 0), Activation.RELU);
            case HEDGEHOG -> {
                Tensor scores = learned(ops, x, 0);
                yield ops.concat(List.of(ops.softmax(scores), ops.softmax(ops.scale(scores, -1))), -1);
            }
        };
    }

    /** relu(x) + e^(min(x, 0)). */
    private static Tensor eluPlusOne(Ops ops, Tensor x) {
        return ops.add(ops.activate(x, Activation.RELU),
                ops.activate(Heads.notAboveZero(ops, x), Activation.EXP));
    }

    private static Tensor negative(Ops ops, Tensor x) {
        return ops.activate(ops.scale(x, -1), Activation.RELU);
    }

    private Tensor rolled(Ops ops, Tensor x) {
        Tensor z = ops.concat(List.of(ops.activate(x, Activation.RELU), negative(ops, x)), -1);
        int last = z.shape().last();
        List<Tensor> parts = new ArrayList<>();
        for (int roll = 1; roll <= config.width(); roll++) {
            int at = roll % last;
            Tensor turned = at == 0 ? z
                    : ops.concat(List.of(ops.slice(z, -1, last - at, last), ops.slice(z, -1, 0, last - at)), -1);
            parts.add(ops.multiply(z, turned));
        }
        return ops.concat(parts, -1);
    }

    private static Tensor taylor(Ops ops, Tensor x) {
        int width = x.shape().last();
        int rows = x.shape().rows();
        // Row i of a square of copies of x, times x_i.
        Tensor copies = ops.concat(Collections.nCopies(width, ops.reshape(x, Shape.of(rows, 1, width))), 1);
        Tensor products = ops.scaleRows(copies, ops.reshape(x, Shape.of(rows, width, 1)));
        Tensor ones = ops.zeros(x.dtype(), x.shape().withLast(1)).fill(1);
        return ops.concat(List.of(ones, ops.scale(x, Math.pow(width, -0.25)),
                ops.scale(ops.reshape(products, x.shape().withLast(width * width)), 1 / Math.sqrt(2.0 * width))), -1);
    }

    /** W x (+ b) with the map of each head, whose rows begin at {@code from}. */
    private Tensor learned(Ops ops, Tensor x, int from) {
        int width = config.width();
        List<Tensor> parts = new ArrayList<>(heads);
        for (int h = 0; h < heads; h++) {
            int row = from + h * width;
            Tensor own = ops.slice(x, 2, h, h + 1);
            Tensor map = ops.slice(weight.orElseThrow(), 0, row, row + width);
            parts.add(bias.isPresent() ? ops.linear(own, map, ops.slice(bias.get(), 0, row, row + width))
                    : ops.linear(own, map));
        }
        return ops.concat(parts, 2);
    }
}

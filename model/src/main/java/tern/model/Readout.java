package tern.model;

import java.util.Arrays;
import java.util.Optional;

import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** A head that does not name the next token, with its parameters. Immutable. */
record Readout(HeadConfig config, Optional<Inner> inner, Tensor weight, Optional<Tensor> bias) {
    /** The layer between. */
    record Inner(Tensor weight, Tensor bias) {
    }

    static Readout declare(HeadConfig config, int width, ParameterScope scope) {
        int pooled = config.sequences() * width;
        Optional<Inner> inner = config.inner() == 0 ? Optional.empty()
                : Optional.of(new Inner(
                        scope.parameter("inner", Shape.of(config.inner(), pooled), Role.MATRIX,
                                Initialiser.fanIn(pooled)),
                        scope.parameter("innerBias", Shape.of(config.inner()), Role.VECTOR, Initialiser.constant(0))));
        int read = config.inner() == 0 ? pooled : config.inner();
        Tensor weight = scope.parameter("weight", Shape.of(config.outputs(), read), Role.MATRIX,
                Initialiser.fanIn(read));
        Optional<Tensor> bias = config.bias()
                ? Optional.of(
                        scope.parameter("bias", Shape.of(config.outputs()), Role.VECTOR, Initialiser.constant(0)))
                : Optional.empty();
        return new Readout(config, inner, weight, bias);
    }

    /** The rows that the last matrix reads. */
    Tensor rows(Ops ops, Tensor hidden, int... lengths) {
        Tensor pooled = switch (config.pooling()) {
            case NONE -> ops.reshape(hidden, Shape.of(hidden.shape().rows(), hidden.dim(2)));
            case MEAN -> weighted(ops, hidden, lengths, false);
            case PAIR -> paired(ops, weighted(ops, hidden, lengths, false));
            case LAST -> lengths.length == 0 ? last(ops, hidden) : weighted(ops, hidden, lengths, true);
        };
        return inner.isEmpty() ? pooled
                : ops.activate(ops.linear(pooled, inner.get().weight, inner.get().bias), Activation.GELU);
    }

    private static Tensor paired(Ops ops, Tensor means) {
        if (means.dim(0) % 2 != 0) {
            throw new IllegalArgumentException("head: a batch of " + means.dim(0)
                    + " sequences, expected an even number, of which each two are compared");
        }
        return ops.reshape(means, Shape.of(means.dim(0) / 2, 2 * means.dim(1)));
    }

    private static Tensor last(Ops ops, Tensor hidden) {
        Tensor row = ops.slice(hidden, 1, hidden.dim(1) - 1, hidden.dim(1));
        return ops.reshape(row, Shape.of(hidden.dim(0), hidden.dim(2)));
    }

    /** Sums over time are states of the gated scan without decay: S = Σ_t k_t·v_t, with the weights as keys of width 1. */
    private static Tensor weighted(Ops ops, Tensor hidden, int[] lengths, boolean lastOnly) {
        int batch = hidden.dim(0);
        int time = hidden.dim(1);
        int[] counted = lengths.length == 0 ? filled(batch, time) : lengths;
        if (counted.length != batch || Arrays.stream(counted).anyMatch(length -> length < 1 || length > time)) {
            throw new IllegalArgumentException("head: lengths " + Arrays.toString(counted) + " do not fit "
                    + hidden.shape() + ", expected one from 1 to " + time + " for each sequence");
        }
        DType dtype = hidden.dtype();
        Tensor weights = ops.zeros(dtype, Shape.of(batch, time, 1, 1));
        for (int b = 0; b < batch; b++) {
            for (int t = lastOnly ? counted[b] - 1 : 0; t < counted[b]; t++) {
                weights.set((long) b * time + t, lastOnly ? 1 : 1.0 / counted[b]);
            }
        }
        Tensor value = ops.reshape(hidden, Shape.of(batch, time, 1, hidden.dim(2)));
        Tensor sums = ops.gatedScan(ops.zeros(dtype, weights.shape()), weights, value,
                ops.zeros(dtype, Shape.of(1, 1, 1, 1)), ops.zeros(dtype, Shape.of(batch, 1, 1, hidden.dim(2)))).state();
        return ops.reshape(sums, Shape.of(batch, hidden.dim(2)));
    }

    private static int[] filled(int count, int value) {
        int[] array = new int[count];
        Arrays.fill(array, value);
        return array;
    }

    /** What the head says of rows that it read. */
    Tensor outputs(Ops ops, Tensor rows) {
        return bias.isPresent() ? ops.linear(rows, weight, bias.get()) : ops.linear(rows, weight);
    }
}

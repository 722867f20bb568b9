package tern.mixers.tcn;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import tern.ops.Dilations;
import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * One layer's filters. Parameters: {@code weight} [K,C], or [K,O,I] in groups, tap 0 meets the current position; {@code bias} [O];
 * with weight normalisation {@code gain} [O]: each output's filter is gain·weight/‖weight‖, computed once where nothing is
 * trained. Immutable.
 */
final class Filters {
    private final Tensor weight;
    private final Tensor bias;
    private final Optional<Tensor> gain;
    private final int dilation;

    /**
     * Declares the parameters.
     *
     * @param groups 0 for each channel by itself
     * @param deviation of a filter's taps at the start
     */
    Filters(int taps, int width, int groups, int dilation, boolean weightNorm, double deviation,
            ParameterScope scope) {
        this.dilation = dilation;
        int inputs = groups == 0 ? 1 : width / groups;
        Shape shape = groups == 0 ? Shape.of(taps, width) : Shape.of(taps, width, inputs);
        Role role = groups == 0 ? Role.FILTER : Role.MATRIX;
        this.weight = scope.parameter("weight", shape, role, Initialiser.normal(deviation));
        this.bias = scope.parameter("bias", Shape.of(width), Role.VECTOR, Initialiser.constant(0));
        // The length that a filter of such taps has on average.
        this.gain = weightNorm
                ? Optional.of(scope.parameter("gain", Shape.of(width), Role.VECTOR,
                        Initialiser.constant(deviation * Math.sqrt((double) taps * inputs))))
                : Optional.empty();
    }

    /** As a layer of {@link Ops#dilatedConvolution}. */
    Dilations.Layer layer(Ops ops) {
        return new Dilations.Layer(weight(ops), bias, dilation);
    }

    /** The same where filters are parameters as they are; none if their lengths are. */
    Optional<Dilations.Layer> fixed() {
        return gain.isPresent() ? Optional.empty() : Optional.of(new Dilations.Layer(weight, bias, dilation));
    }

    /** The filters themselves. */
    Tensor weight(Ops ops) {
        return gain.map(own -> ops.derived(this, "weight", () -> normalised(ops, own))).orElse(weight);
    }

    Tensor bias() {
        return bias;
    }

    int dilation() {
        return dilation;
    }

    private Tensor normalised(Ops ops, Tensor lengths) {
        int taps = weight.dim(0);
        int outputs = weight.dim(1);
        int inputs = weight.shape().rank() == 2 ? 1 : weight.dim(2);
        // Output by output, so that a filter lies in one row.
        List<Tensor> byTap = new ArrayList<>();
        for (int k = 0; k < taps; k++) {
            byTap.add(ops.reshape(ops.slice(weight, 0, k, k + 1), Shape.of(outputs, inputs)));
        }
        Tensor rows = ops.unit(ops.concat(byTap, 1), 1e-12);
        Tensor ones = ops.derived(this, "ones",
                () -> ops.zeros(weight.dtype(), Shape.of(taps * inputs, 1)).fill(1));
        rows = ops.multiply(rows, ops.linear(ops.reshape(lengths, Shape.of(outputs, 1)), ones));
        List<Tensor> back = new ArrayList<>();
        for (int k = 0; k < taps; k++) {
            Tensor tap = ops.slice(rows, 1, k * inputs, (k + 1) * inputs);
            back.add(ops.reshape(tap, weight.shape().with(0, 1)));
        }
        return ops.concat(back, 0);
    }
}

package tern.mixers.parts;

import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

import tern.ops.LinearMap;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * A linear map over channels, y = x·Wᵀ + b, with parameters {@code weight} [out,in] and, if wanted, {@code bias} [out].
 * Weights start normal with deviation 0.02·√(768/in): the 0.02 of published models of width 768, with the same variance of
 * outputs at every width. Biases start at 0. Immutable.
 */
public final class Projection {
    private static final double PUBLISHED_DEVIATION = 0.02;
    private static final int PUBLISHED_WIDTH = 768;

    private final Tensor weight;
    private final Optional<Tensor> bias;

    private Projection(Tensor weight, Optional<Tensor> bias) {
        this.weight = weight;
        this.bias = bias;
    }

    private Projection(ParameterScope scope, int in, int out, boolean biased, double deviation) {
        this.weight = scope.parameter("weight", Shape.of(out, in), Role.MATRIX, Initialiser.normal(deviation));
        this.bias = biased
                ? Optional.of(scope.parameter("bias", Shape.of(out), Role.VECTOR, Initialiser.constant(0)))
                : Optional.empty();
    }

    /** A map into a mixer. */
    public static Projection into(ParameterScope scope, int in, int out, boolean biased) {
        return new Projection(scope, in, out, biased, deviation(in));
    }

    /**
     * A map back onto the residual stream: starts smaller by 1/√(number of branches), so that the sum over all branches has
     * the same variance at every depth (Radford et al. 2019, section 2.3).
     */
    public static Projection outOf(ParameterScope scope, int in, boolean biased, BranchContext at) {
        return new Projection(scope, in, at.width(), biased, deviation(in) / Math.sqrt(at.branches()));
    }

    /**
     * What a gate of SiLU is made from: starts at a tenth of {@link #into}. There SiLU(x) is nearly x/2, and a gate of full size
     * would give what it lets through a sign of its own at every position, which takes hundreds of updates to unlearn.
     */
    public static Projection gate(ParameterScope scope, int in, int out) {
        return new Projection(scope, in, out, false, deviation(in) / 10);
    }

    /** A map without bias that starts as told. */
    public static Projection matrix(ParameterScope scope, int in, int out, Initialiser start) {
        return new Projection(scope.parameter("weight", Shape.of(out, in), Role.MATRIX, start), Optional.empty());
    }

    /** A map with a bias; both start as told. */
    public static Projection biased(ParameterScope scope, int in, int out, Initialiser start, Initialiser biasStart) {
        Tensor weight = scope.parameter("weight", Shape.of(out, in), Role.MATRIX, start);
        return new Projection(weight,
                Optional.of(scope.parameter("bias", Shape.of(out), Role.VECTOR, biasStart)));
    }

    /** One half of a map of low rank, which a recurrence's numbers are made with: trained without weight decay. */
    public static Projection lowRank(ParameterScope scope, int in, int out, Initialiser start) {
        return new Projection(scope.parameter("weight", Shape.of(out, in), Role.LOW_RANK, start), Optional.empty());
    }

    /** The same with a bias. */
    public static Projection lowRank(ParameterScope scope, int in, int out, Initialiser start, Initialiser biasStart) {
        Tensor weight = scope.parameter("weight", Shape.of(out, in), Role.LOW_RANK, start);
        return new Projection(weight,
                Optional.of(scope.parameter("bias", Shape.of(out), Role.FILTER, biasStart)));
    }

    private static double deviation(int in) {
        return PUBLISHED_DEVIATION * Math.sqrt((double) PUBLISHED_WIDTH / in);
    }

    /** What each of several maps gives for an input of its own; the maps do not wait for each other. */
    public static List<Tensor> applyAll(Ops ops, List<Projection> maps, List<Tensor> inputs) {
        return ops.linears(IntStream.range(0, maps.size())
                .mapToObj(i -> new LinearMap(inputs.get(i), maps.get(i).weight, maps.get(i).bias)).toList());
    }

    /** y [...,out] from x [...,in], its last axis in pieces of these widths from the beginning. */
    public List<Tensor> applyInParts(Ops ops, Tensor x, int... widths) {
        return ops.linearParts(new LinearMap(x, weight, bias), widths);
    }

    /** y [...,out] from x [...,in]. */
    public Tensor apply(Ops ops, Tensor x) {
        return bias.isPresent() ? ops.linear(x, weight, bias.get()) : ops.linear(x, weight);
    }
}

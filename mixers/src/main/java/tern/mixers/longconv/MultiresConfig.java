package tern.mixers.longconv;

import java.util.ArrayList;
import java.util.List;

import tern.mixers.parts.Expect;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * MultiresConv with fading memory (arXiv 2305.01638, section 4): a⁰ = x, then level by level the details b^j = h₁ * a^j and the
 * averages a^(j+1) = h₀ * a^j, taps 2^j positions apart, and y = Σ_j w_(J−j) b^j + w_0 a^J + skip ⊙ x. That is one filter, computed
 * as the response to an impulse; J levels reach over the context. Parameters: {@code average}, {@code detail} [K,D], the last tap
 * meets the newest position; {@code weights} [J+1,D], coarsest first; {@code skip} [D].
 *
 * @param taps K, 2 to 4 as published
 * @param activation of the outputs
 */
public record MultiresConfig(int taps, Activation activation) implements MixerConfig {
    /** Checks the numbers. */
    public MultiresConfig {
        Expect.atLeast("multires", "taps", taps, 2, "2 to 4 is usual");
    }

    /** As published. */
    public static MultiresConfig of(int taps) {
        return new MultiresConfig(taps, Activation.GELU);
    }

    /** J. */
    int levels(int context) {
        int levels = 1;
        for (long reach = taps; reach < context; reach = 2 * reach + taps - 2) {
            levels++;
        }
        return levels;
    }

    @Override
    public LongFilter build(BranchContext at, ParameterScope scope) {
        int levels = levels(at.context());
        double share = Math.sqrt(1.0 / taps);
        Tensor average = scope.parameter("average", Shape.of(taps, at.width()), Role.FILTER,
                Initialiser.uniform(-share, share));
        Tensor detail = scope.parameter("detail", Shape.of(taps, at.width()), Role.FILTER,
                Initialiser.uniform(-share, share));
        double part = Math.sqrt(1.0 / (levels + 2));
        Tensor weights = scope.parameter("weights", Shape.of(levels + 1, at.width()), Role.FILTER,
                Initialiser.uniform(-part, part));
        return new LongFilter(ops -> response(ops, average, detail, weights, at.context()), activation, at, scope);
    }

    private Tensor response(Ops ops, Tensor average, Tensor detail, Tensor weights, int context) {
        int levels = weights.dim(0) - 1;
        Tensor a = ops.zeros(weights.dtype(), Shape.of(context, weights.dim(1)));
        a.slice(0, 1).fill(1);
        List<Tensor> terms = new ArrayList<>();
        for (int level = 0; level < levels; level++) {
            List<Tensor> shifted = new ArrayList<>();
            for (int k = 0; k < taps; k++) {
                shifted.add(later(ops, a, (long) (taps - 1 - k) << level));
            }
            terms.add(ops.multiply(weighed(ops, shifted, detail), row(ops, weights, levels - level)));
            a = weighed(ops, shifted, average);
        }
        terms.add(ops.multiply(a, row(ops, weights, 0)));
        return sum(ops, terms);
    }

    private static Tensor weighed(Ops ops, List<Tensor> shifted, Tensor taps) {
        List<Tensor> terms = new ArrayList<>();
        for (int k = 0; k < shifted.size(); k++) {
            terms.add(ops.multiply(shifted.get(k), row(ops, taps, k)));
        }
        return sum(ops, terms);
    }

    private static Tensor sum(Ops ops, List<Tensor> terms) {
        Tensor sum = terms.getFirst();
        for (Tensor term : terms.subList(1, terms.size())) {
            sum = ops.add(sum, term);
        }
        return sum;
    }

    /** Rows moved down by some lags, zeros above. */
    private static Tensor later(Ops ops, Tensor a, long lags) {
        int by = (int) Math.min(lags, a.dim(0));
        return by == 0 ? a
                : ops.concat(List.of(ops.zeros(a.dtype(), a.shape().with(0, by)), ops.slice(a, 0, 0, a.dim(0) - by)),
                        0);
    }

    private static Tensor row(Ops ops, Tensor of, int row) {
        return ops.reshape(ops.slice(of, 0, row, row + 1), Shape.of(of.dim(1)));
    }
}

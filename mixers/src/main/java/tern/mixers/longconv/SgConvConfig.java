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
 * SGConv (arXiv 2210.09298, section 3): filters of S scales of {@code first}, {@code first}, 2·{@code first}, 4·{@code first} … lags, each
 * {@code first} numbers interpolated linearly to the scale's length and weighed {@code decay} times less than the scale before. They
 * are divided by the norm that they start with on average; the published code divides by each filter's own. Parameters:
 * {@code scale0.weight} [D,first] …, {@code skip} [D].
 *
 * @param first numbers of a scale
 * @param decay 2 as published
 * @param activation of the outputs
 */
public record SgConvConfig(int first, double decay, Activation activation) implements MixerConfig {
    /** Checks the numbers. */
    public SgConvConfig {
        Expect.atLeast("sgconv", "first", first, 1, "32 or 64 is usual");
        Expect.within("sgconv", "decay", decay, 0, 1e3, "2 is usual, 1 weighs all scales alike");
    }

    /** As published. */
    public static SgConvConfig of(int first) {
        return new SgConvConfig(first, 2, Activation.GELU);
    }

    @Override
    public LongFilter build(BranchContext at, ParameterScope scope) {
        List<Tensor> weights = new ArrayList<>();
        double squares = 0;
        for (int scale = 0; scale < scales(at.context()); scale++) {
            weights.add(scope.child("scale" + scale).parameter("weight", Shape.of(at.width(), first), Role.FILTER,
                    Initialiser.normal(1)));
            squares += squares(scale);
        }
        double norm = Math.sqrt(squares);
        return new LongFilter(ops -> taps(ops, weights, norm, at.context()), activation, at, scope);
    }

    /** As many as reach over the context. */
    int scales(int context) {
        int scales = 1;
        for (long reach = first; reach < context; reach *= 2) {
            scales++;
        }
        return scales;
    }

    private static int factor(int scale) {
        return 1 << Math.max(0, scale - 1);
    }

    /** The place of a lag of a scale among its numbers: in the middle between their middles, the ends held. */
    private double place(int lag, int scale) {
        return Math.clamp((lag + 0.5) / factor(scale) - 0.5, 0, first - 1);
    }

    /** What a scale adds to the square of a filter's norm on average, if its numbers are independent and of variance 1. */
    private double squares(int scale) {
        double sum = 0;
        for (int lag = 0; lag < factor(scale) * first; lag++) {
            double part = place(lag, scale) % 1;
            sum += part * part + (1 - part) * (1 - part);
        }
        return sum * Math.pow(decay, -2 * scale);
    }

    private Tensor taps(Ops ops, List<Tensor> weights, double norm, int context) {
        List<Tensor> parts = new ArrayList<>();
        for (int scale = 0; scale < weights.size(); scale++) {
            double weight = Math.pow(decay, -scale) / norm;
            Tensor stretch = ops.zeros(weights.getFirst().dtype(), Shape.of(factor(scale) * first, first));
            for (int lag = 0; lag < factor(scale) * first; lag++) {
                double place = place(lag, scale);
                int low = (int) place;
                double part = place - low;
                stretch.set((long) lag * first + low, (1 - part) * weight);
                if (part > 0) {
                    stretch.set((long) lag * first + low + 1, part * weight);
                }
            }
            parts.add(ops.linear(stretch, weights.get(scale)));
        }
        return ops.slice(ops.concat(parts, 0), 0, 0, context);
    }
}

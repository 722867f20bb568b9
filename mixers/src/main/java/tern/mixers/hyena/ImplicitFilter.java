package tern.mixers.hyena;

import java.util.ArrayList;
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
 * Taps of long filters from a sine network of the lag (arXiv 2302.10866, section 3.3):
 *
 * <pre>
 * z_t = [t/(L−1), cos(f_b·2πt/L), −sin(f_b·2πt/L)]          f from 1e-4 to bands−1
 * a   = sin(frequency ⊙ (W z_t + b)), once more for each inner layer
 * h_t = (W_last a) ⊙ (exp(−|δ|·t/(L−1)) + shift), then normalised
 * </pre>
 *
 * One vector of frequencies serves every sine. Parameters: {@code frequency} [W], {@code input.weight} [W,features],
 * {@code inner0.weight} [W,W] …, {@code output.weight} [F,W], biases of all but the last, {@code delta} [F] if the filters
 * decay, {@code positions} [L,features] if they are trained. Immutable.
 */
public final class ImplicitFilter {
    private static final double ONE_PERCENT = Math.log(0.01);
    /** Rows between two exact evaluations of the rotating features. */
    private static final int EXACT_EVERY = 64;

    private final ImplicitFilterConfig config;
    private final int context;
    private final DType dtype;
    private final Tensor frequency;
    private final List<Layer> hidden = new ArrayList<>();
    private final Tensor output;
    private final Optional<Tensor> delta;
    private final Optional<Tensor> positions;

    private record Layer(Tensor weight, Tensor bias) {
    }

    /**
     * Declares the parameters.
     *
     * @param filters F
     * @param context L
     */
    public ImplicitFilter(ImplicitFilterConfig config, int filters, int context, ParameterScope scope) {
        this.config = config;
        this.context = context;
        int width = config.width();
        this.frequency = scope.parameter("frequency", Shape.of(width), Role.FILTER,
                Initialiser.constant(config.frequency()));
        this.dtype = frequency.dtype();
        SineStart start = config.start().orElse(SineStart.FAN_IN);
        hidden.add(layer(scope.child("input"), config.features(), width, start, true));
        for (int i = 0; i < config.innerLayers(); i++) {
            hidden.add(layer(scope.child("inner" + i), width, width, start, false));
        }
        this.output = scope.child("output").parameter("weight", Shape.of(filters, width), Role.FILTER,
                start.weight(width, config.frequency(), false));
        this.delta = config.window()
                ? Optional.of(
                        scope.parameter("delta", Shape.of(filters), config.trainedDecay() ? Role.FILTER : Role.BUFFER,
                                Initialiser.of(filter -> decayRate(filter, filters))))
                : Optional.empty();
        this.positions = config.trainedPositions()
                ? Optional.of(scope.parameter("positions", Shape.of(context, config.features()), Role.FILTER,
                        (parameter, ignored) -> fillPositions(parameter)))
                : Optional.empty();
    }

    private Layer layer(ParameterScope scope, int in, int out, SineStart start, boolean first) {
        return new Layer(
                scope.parameter("weight", Shape.of(out, in), Role.FILTER, start.weight(in, config.frequency(), first)),
                scope.parameter("bias", Shape.of(out), Role.FILTER, start.bias(in)));
    }

    /** From the slowest filter to the fastest in equal steps of the rate. */
    private double decayRate(long filter, int filters) {
        double slow = ONE_PERCENT / config.slowDecay();
        double fast = ONE_PERCENT / config.fastDecay();
        return filters == 1 ? slow : slow + (fast - slow) * filter / (filters - 1);
    }

    /** All taps [L,F]. */
    public Tensor taps(Ops ops) {
        Tensor a = positions.orElseGet(() -> fillPositions(ops.zeros(dtype, Shape.of(context, config.features()))));
        for (Layer layer : hidden) {
            a = ops.sine(ops.linear(a, layer.weight(), layer.bias()), frequency);
        }
        Tensor taps = ops.linear(a, output);
        if (delta.isPresent()) {
            taps = ops.decayWindow(taps, delta.get(), Math.max(2, context), config.shift());
        }
        return ops.normaliseFilters(taps, config.norm());
    }

    /**
     * The features are computed on demand, so that checkpoints do not hold a table as long as the context. A rotation from row
     * to row replaces sines and cosines; it begins anew often enough to stay exact to the last bits of a float.
     */
    private Tensor fillPositions(Tensor table) {
        int features = config.features();
        int bands = (features - 1) / 2;
        for (int t = 0; t < context; t++) {
            table.set((long) t * features, context == 1 ? 0 : (double) t / (context - 1));
        }
        for (int band = 0; band < bands; band++) {
            double cycles = bands == 1 ? 1e-4 : 1e-4 + (bands - 1 - 1e-4) * band / (bands - 1);
            double angle = 2 * Math.PI * cycles / context;
            double turnCosine = Math.cos(angle);
            double turnSine = Math.sin(angle);
            double cosine = 1;
            double sine = 0;
            for (int t = 0; t < context; t++) {
                if (t % EXACT_EVERY == 0) {
                    cosine = Math.cos(angle * t);
                    sine = Math.sin(angle * t);
                }
                long row = (long) t * features;
                table.set(row + 1 + band, cosine);
                table.set(row + 1 + bands + band, -sine);
                double turned = cosine * turnCosine - sine * turnSine;
                sine = sine * turnCosine + cosine * turnSine;
                cosine = turned;
            }
        }
        return table;
    }
}

package tern.mixers.mega;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

import tern.mixers.modal.LongConvolutionMixer;
import tern.mixers.modal.ModalMoverConfig;
import tern.ops.Activation;
import tern.ops.Diagonal;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * The damped moving average: h_t = q ⊙ h_(t−1) + p β x_t, y_t = f(N^(−1/2) Σ_n γ_n h_(t,n) + ω ⊙ x_t) with p = σ(δ), q = 1 − p·σ(α)
 * (arXiv 2209.10655, section 3.1); turning: q·e^(iθ), θ_(n,d) = n·2π/N·σ(τ_d), n = 1 … N, and complex γ (arXiv 2404.08801,
 * section 3.1). In both directions the sum of one average over the past and one over the future, each of which counts the
 * newest position.
 *
 * <p>State: N floats a channel (2N if turning); none in both directions. Parameters, mode outermost: {@code delta},
 * {@code alpha}, {@code beta}, {@code gamma} [N,D], turning also {@code gammaImaginary} [N,D] and {@code turn} [D]; the same
 * under {@code later.} for the average over the future; {@code omega} [D]. Turning or not, they start as Mega's do: δ, α and τ
 * with deviation 0.2, β near 1 and −1 in turn, γ and ω with deviation 1. Megalodon's released code has no β, which γ can stand
 * in for, and starts otherwise: γ real, ω with deviation 0.25, σ(τ) from nearly 1 down to 1/D in equal ratios. Immutable.
 */
public final class MovingAverage implements LongConvolutionMixer {
    private static final double RATE_DEVIATION = 0.2;
    private static final double EXPANSION_DEVIATION = 0.02;

    private final MovingAverageConfig config;
    private final int width;
    private final int context;
    private final Direction past;
    private final Optional<Direction> future;
    private final Tensor omega;
    private final StateLayout layout;

    MovingAverage(MovingAverageConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.width = at.width();
        this.context = at.context();
        this.past = new Direction(config, width, scope);
        this.future = config.bidirectional() ? Optional.of(new Direction(config, width, scope.child("later")))
                : Optional.empty();
        this.omega = scope.parameter("omega", Shape.of(width), Role.FILTER, Initialiser.normal(1));
        this.layout = config.bidirectional() ? StateLayout.STATELESS
                : StateLayout.of(new Slot.Fixed("average", Shape.of(past.order(), width)));
    }

    /** The averages over one side of time. */
    private static final class Direction {
        private final int modes;
        private final int width;
        private final Tensor delta;
        private final Tensor alpha;
        private final Tensor beta;
        private final Tensor gamma;
        private final Optional<Tensor> gammaImaginary;
        private final Optional<Tensor> turn;

        Direction(MovingAverageConfig config, int width, ParameterScope scope) {
            this.modes = config.modes();
            this.width = width;
            Shape all = Shape.of(modes, width);
            this.delta = scope.parameter("delta", all, Role.FILTER, Initialiser.normal(RATE_DEVIATION));
            this.alpha = scope.parameter("alpha", all, Role.FILTER, Initialiser.normal(RATE_DEVIATION));
            this.beta = scope.parameter("beta", all, Role.FILTER, (parameter, random) -> {
                for (long i = 0; i < parameter.elements(); i++) {
                    double sign = i / width % 2 == 0 ? 1 : -1;
                    parameter.set(i, sign + EXPANSION_DEVIATION * random.nextGaussian());
                }
            });
            this.gamma = scope.parameter("gamma", all, Role.FILTER, Initialiser.normal(1));
            this.gammaImaginary = config.turning()
                    ? Optional.of(scope.parameter("gammaImaginary", all, Role.FILTER, Initialiser.normal(1)))
                    : Optional.empty();
            this.turn = config.turning()
                    ? Optional.of(scope.parameter("turn", Shape.of(width), Role.FILTER,
                            Initialiser.normal(RATE_DEVIATION)))
                    : Optional.empty();
        }

        int order() {
            return turn.isPresent() ? 2 * modes : modes;
        }

        private Tensor kept(Ops ops, String name, Supplier<Tensor> compute) {
            return ops.derived(this, name, compute);
        }

        Tensor logDecay(Ops ops) {
            return kept(ops, "logDecay", () -> ops.dampedLogDecay(delta, alpha));
        }

        /** θ [N,D], or no rows. */
        Tensor phase(Ops ops) {
            return kept(ops, "phase", () -> {
                if (turn.isEmpty()) {
                    return ops.zeros(delta.dtype(), Shape.of(0, width));
                }
                Tensor steps = ops.zeros(delta.dtype(), delta.shape());
                for (long i = 0; i < steps.elements(); i++) {
                    steps.set(i, (i / width + 1) * 2 * Math.PI / modes);
                }
                return ops.multiply(steps, ops.activate(turn.get(), Activation.SIGMOID));
            });
        }

        Tensor gain(Ops ops) {
            return kept(ops, "gain", () -> ops.multiply(ops.activate(delta, Activation.SIGMOID), beta));
        }

        Tensor weight(Ops ops) {
            return kept(ops, "weight", () -> ops.scale(gamma, 1 / Math.sqrt(modes)));
        }

        Tensor weightImaginary(Ops ops) {
            return kept(ops, "weightImaginary", () -> gammaImaginary.map(own -> ops.scale(own, 1 / Math.sqrt(modes)))
                    .orElseGet(() -> ops.zeros(delta.dtype(), Shape.of(0, width))));
        }

        /** e^g times the sine of θ + {@code shift}. */
        private Tensor turned(Ops ops, double shift) {
            Tensor phase = phase(ops);
            Tensor ones = ops.zeros(delta.dtype(), Shape.of(width)).fill(1);
            Tensor shifted = ops.add(phase, ops.zeros(delta.dtype(), Shape.of(width)).fill(shift));
            return ops.multiply(ops.activate(logDecay(ops), Activation.EXP), ops.sine(shifted, ones));
        }

        /** Σ_n |p β γ_n/√N|·q^taps/(1 − q) of the channel for which it is largest. */
        double beyond(Ops ops, int taps) {
            Tensor decays = logDecay(ops);
            Tensor gains = gain(ops);
            double largest = 0;
            for (int d = 0; d < width; d++) {
                double sum = 0;
                for (int n = 0; n < modes; n++) {
                    long at = (long) n * width + d;
                    double imaginary = gammaImaginary.isPresent() ? gammaImaginary.get().get(at) : 0;
                    sum += Math.abs(gains.get(at)) * Math.hypot(gamma.get(at), imaginary) / Math.sqrt(modes)
                            * Math.exp(taps * decays.get(at)) / -Math.expm1(decays.get(at));
                }
                largest = Math.max(largest, sum);
            }
            return largest;
        }

        Diagonal system(Ops ops) {
            boolean turning = turn.isPresent();
            Tensor decay = kept(ops, "decay", () -> turning ? turned(ops, Math.PI / 2)
                    : ops.activate(logDecay(ops), Activation.EXP));
            Tensor imaginary = turning ? kept(ops, "decayImaginary", () -> turned(ops, 0)) : phase(ops);
            return new Diagonal(decay, imaginary, gain(ops), weight(ops), weightImaginary(ops));
        }

        Tensor taps(Ops ops, int length) {
            return kept(ops, "taps" + length, () -> ops.diagonalTaps(logDecay(ops), phase(ops), gain(ops), weight(ops),
                    weightImaginary(ops), length));
        }
    }

    /**
     * What the parallel form, if it ends after a number of taps, may lack: at most this times the largest input, in any channel
     * and before the last function. 0 where it does not end.
     */
    public double truncation(Ops ops) {
        return config.taps().isEmpty() ? 0
                : past.beyond(ops, config.taps().get())
                        + (future.isPresent() ? future.get().beyond(ops, config.taps().get()) : 0);
    }

    @Override
    public boolean causal() {
        return future.isEmpty();
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        if (future.isPresent()) {
            SequenceMixer.requireWhole(Form.CHUNK, in.ages());
        }
        Scanned scanned = ops.diagonalScan(in.x(), past.system(ops), state.slot("average"));
        return new Mixed(read(ops, scanned.y(), in.x()), state.next(scanned.state()));
    }

    @Override
    public Mixed parallel(Ops ops, MixerInput in, State state) {
        if (future.isPresent()) {
            Tensor x = ops.masked(in.x(), in.lengths());
            Tensor later = ops.reversed(fresh(ops, future.get(), ops.reversed(x, in.lengths())), in.lengths());
            return new Mixed(read(ops, ops.add(fresh(ops, past, x), later), in.x()), state.next());
        }
        boolean begins = Arrays.stream(in.ages()).allMatch(age -> age == 0);
        if (config.taps().isEmpty() || !begins) {
            return chunk(ops, in, state);
        }
        Tensor last = ops.diagonalScan(in.x(), past.system(ops), state.slot("average")).state();
        return new Mixed(read(ops, convolved(ops, past, in.x(), config.taps().get()), in.x()), state.next(last));
    }

    /** The averages of sequences from their first position, without what comes after the sum. */
    private Tensor fresh(Ops ops, Direction direction, Tensor x) {
        if (config.taps().isPresent()) {
            return convolved(ops, direction, x, config.taps().get());
        }
        Tensor empty = ops.zeros(x.dtype(), Shape.of(x.dim(0), direction.order(), width));
        return ops.diagonalScan(x, direction.system(ops), empty).y();
    }

    private Tensor convolved(Ops ops, Direction direction, Tensor x, int taps) {
        Tensor none = ops.zeros(x.dtype(), x.shape().with(1, 0));
        Tensor noSkip = ops.derived(this, "no skip", () -> ops.zeros(x.dtype(), Shape.of(width)));
        int length = Math.max(1, Math.min(taps, x.dim(1)));
        return ops.longConvolution(x, direction.taps(ops, length), noSkip, none, new long[x.dim(0)], none).y();
    }

    /** One bank over the past; none in both directions, where nothing is carried on. */
    @Override
    public int banks() {
        return causal() ? 1 : 0;
    }

    @Override
    public int filters() {
        return width;
    }

    @Override
    public int headWidth() {
        return 1;
    }

    /** As many taps as the stack's context; the average itself does not end there. */
    @Override
    public Tensor taps(Ops ops, int bank) {
        return past.taps(ops, context);
    }

    @Override
    public Tensor skip(int bank) {
        return omega;
    }

    @Override
    public MixerConfig modal(List<Integer> pairs, List<Integer> reals) {
        return new ModalMoverConfig(pairs, reals, config.activation());
    }

    private Tensor read(Ops ops, Tensor average, Tensor x) {
        return ops.activate(ops.add(average, ops.multiply(x, omega)), config.activation());
    }
}

package tern.mixers.statespace;

import java.util.List;
import java.util.Optional;
import java.util.function.IntToDoubleFunction;

import tern.mixers.modal.LongConvolutionMixer;
import tern.ops.Diagonal;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * h_n ← e^(Δ A_n) h_n + B̄_n x, s = 2 Re Σ_n C_n h_n + skip ⊙ x with A = −e^rate + i·phase a channel, B = 1 and zero-order hold;
 * y = a ⊙ σ(b), (a, b) = W gelu(s) + c (arXiv 2206.11893, section 3).
 *
 * <p>State: N complex modes a channel. Parameters, mode outermost: {@code rate}, {@code phase}, {@code weight},
 * {@code weightImaginary} [N,D]; {@code step} [D], a logarithm; {@code skip} [D]; {@code output.weight} [2D,D],
 * {@code output.bias}. Immutable.
 */
public final class S4d implements LongConvolutionMixer {
    private final int width;
    private final int context;
    private final Optional<Double> rescale;
    private final Tensor rate;
    private final Tensor phase;
    private final Tensor weight;
    private final Tensor weightImaginary;
    private final Tensor step;
    private final Tensor skip;
    private final GeluOutput output;
    private final StateLayout layout;

    S4d(S4dConfig config, BranchContext at, ParameterScope scope) {
        this.width = at.width();
        this.context = at.context();
        this.rescale = config.rescale();
        Shape all = Shape.of(config.modes(), width);
        this.rate = scope.parameter("rate", all, Role.FILTER,
                Initialiser.of(i -> config.start().logRate((int) (i / width))));
        Once<IntToDoubleFunction> phases = new Once<>(() -> config.start().phases(config.modes()));
        this.phase = scope.parameter("phase", all, Role.FILTER,
                Initialiser.of(i -> phases.get().applyAsDouble((int) (i / width))));
        this.weight = scope.parameter("weight", all, Role.FILTER, Initialiser.normal(Math.sqrt(0.5)));
        this.weightImaginary = scope.parameter("weightImaginary", all, Role.FILTER,
                Initialiser.normal(Math.sqrt(0.5)));
        this.step = scope.parameter("step", Shape.of(width), Role.FILTER, StepRange.of(config.steps()).start());
        this.skip = scope.parameter("skip", Shape.of(width), Role.FILTER, Initialiser.normal(1));
        this.output = GeluOutput.declare(at, scope, true);
        this.layout = StateLayout.of(new Slot.Fixed("modes", Shape.of(2 * config.modes(), width)));
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
        Scanned scanned = ops.diagonalScan(in.x(), system(ops), state.slot("modes"));
        return new Mixed(output.apply(ops, ops.add(scanned.y(), ops.multiply(in.x(), skip))),
                state.next(scanned.state()));
    }

    private Held held(Ops ops) {
        return Held.of(ops, this, rate, phase, step, rescale);
    }

    private Diagonal system(Ops ops) {
        Tensor ones = ops.derived(this, "ones", () -> ops.zeros(rate.dtype(), rate.shape()).fill(1));
        Held held = held(ops);
        return new Diagonal(held.decay(), held.turn(), ones, weight(ops), weightImaginary(ops));
    }

    /** 2 Re C·B̄. */
    private Tensor weight(Ops ops) {
        return ops.derived(this, "w", () -> {
            Held held = held(ops);
            return ops.scale(ops.add(ops.multiply(weight, held.gain()),
                    ops.scale(ops.multiply(weightImaginary, held.gainTurn()), -1)), 2);
        });
    }

    private Tensor weightImaginary(Ops ops) {
        return ops.derived(this, "wi", () -> {
            Held held = held(ops);
            return ops.scale(ops.add(ops.multiply(weight, held.gainTurn()),
                    ops.multiply(weightImaginary, held.gain())), 2);
        });
    }

    @Override
    public int banks() {
        return 1;
    }

    @Override
    public int filters() {
        return width;
    }

    @Override
    public int headWidth() {
        return 1;
    }

    /** As many taps as the stack's context; the recurrence itself does not end there. */
    @Override
    public Tensor taps(Ops ops, int bank) {
        Held held = held(ops);
        return ops.diagonalTaps(held.logDecay(), held.angle(), system(ops).gain(), weight(ops), weightImaginary(ops),
                context);
    }

    @Override
    public Tensor skip(int bank) {
        return skip;
    }

    @Override
    public MixerConfig modal(List<Integer> pairs, List<Integer> reals) {
        return new StateSpaceModalConfig(pairs, reals, true);
    }
}

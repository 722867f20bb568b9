package tern.mixers.longconv;

import java.util.List;
import java.util.function.Function;

import tern.mixers.modal.LongConvolutionMixer;
import tern.mixers.modal.ModalMoverConfig;
import tern.ops.Activation;
import tern.ops.Convolved;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * y = f(h * x + skip ⊙ x), each channel by itself, with filters h [context,D] from wherever they come. State: the history of
 * inputs, D floats a position, and a block of contributions already summed (see {@link Ops#longConvolution}). Parameters: the
 * filters' and {@code skip} [D]. Immutable.
 */
final class LongFilter implements LongConvolutionMixer {
    /** Positions in a block of contributions, for contexts that are at least as long. */
    private static final int PENDING = 256;

    private final Function<Ops, Tensor> filters;
    private final Activation activation;
    private final Tensor skip;
    private final int width;
    private final StateLayout layout;

    LongFilter(Function<Ops, Tensor> filters, Activation activation, BranchContext at, ParameterScope scope) {
        this.filters = filters;
        this.activation = activation;
        this.width = at.width();
        this.skip = scope.parameter("skip", Shape.of(width), Role.FILTER, Initialiser.normal(1));
        this.layout = StateLayout.of(new Slot.Growing("history", Shape.of(width)),
                new Slot.Fixed("pending", Shape.of(Math.min(PENDING, at.context()), width)));
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
        Tensor history = state.slot("history");
        Tensor pending = state.slot("pending");
        boolean kept = history.dim(1) > 0;
        Tensor block = kept ? pending : ops.zeros(pending.dtype(), pending.shape().with(1, 0));
        Convolved convolved = ops.longConvolution(in.x(), taps(ops, 0), skip, history, in.ages(), block);
        return new Mixed(ops.activate(convolved.y(), activation),
                state.next(convolved.history(), kept ? convolved.pending() : pending));
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

    @Override
    public Tensor taps(Ops ops, int bank) {
        return ops.derived(this, "taps", () -> filters.apply(ops));
    }

    @Override
    public Tensor skip(int bank) {
        return skip;
    }

    @Override
    public ModalMoverConfig modal(List<Integer> pairs, List<Integer> reals) {
        return new ModalMoverConfig(pairs, reals, activation);
    }
}

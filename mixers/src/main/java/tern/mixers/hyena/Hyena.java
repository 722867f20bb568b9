package tern.mixers.hyena;

import java.util.ArrayList;
import java.util.List;

import tern.mixers.modal.LongConvolutionMixer;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.mixers.parts.GatedStreams;
import tern.mixers.parts.Projection;
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
 * Hyena of order N: for i = N−1 … 1: v ← h^i * (v ⊙ x^i) + skip^i ⊙ (v ⊙ x^i); y = W_o(v ⊙ x⁰) + b (arXiv 2302.10866, section
 * 3; the gates and convolutions of the released code).
 *
 * <p>State: the last inputs of the short filter; for each bank the history of its inputs, D floats a position, and a block of
 * contributions already summed (see {@link Ops#longConvolution}). Where the state has no room for histories, the sequence
 * ends with the call and nothing is kept, as in training.
 *
 * <p>Parameters: those of {@link GatedStreams} with N + 1 streams (x⁰ … x^(N−1), v); {@code filter.…}, whose outputs are the
 * channels of bank 0, then bank 1 …; {@code bank0.skip} [D] …; {@code output.weight} [D,D], {@code output.bias} [D]. Bank
 * i−1 belongs to gate x^i. Immutable.
 */
public final class Hyena implements LongConvolutionMixer {
    /** Positions in a block of contributions, for contexts that are at least as long. */
    static final int PENDING = 256;

    private final HyenaConfig config;
    private final int width;
    private final GatedStreams streams;
    private final ImplicitFilter filter;
    private final List<Tensor> skips = new ArrayList<>();
    private final Projection output;
    private final StateLayout layout;

    Hyena(HyenaConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.width = at.width();
        this.streams = new GatedStreams(scope, config.order() + 1, width, config.shortFilter());
        this.filter = new ImplicitFilter(config.filter(), banks() * width, at.context(), scope.child("filter"));
        List<Slot> slots = new ArrayList<>();
        slots.add(streams.slot());
        for (int bank = 0; bank < banks(); bank++) {
            skips.add(
                    scope.child("bank" + bank).parameter("skip", Shape.of(width), Role.FILTER, Initialiser.normal(1)));
            slots.add(new Slot.Growing("history" + bank, Shape.of(width)));
            slots.add(new Slot.Ring("pending" + bank, Shape.of(width), Math.min(PENDING, at.context())));
        }
        this.output = Projection.outOf(scope.child("output"), width, true, at);
        this.layout = new StateLayout(slots);
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
        List<Tensor> slots = state.slots();
        Tensor[] next = new Tensor[slots.size()];
        GatedStreams.Split split = streams.apply(ops, in.x(), slots.getFirst());
        next[0] = split.history();
        Tensor v = split.streams().getLast();
        for (int bank = banks() - 1; bank >= 0; bank--) {
            Tensor gated = ops.multiply(v, split.streams().get(bank + 1));
            Tensor history = slots.get(1 + 2 * bank);
            Tensor pending = slots.get(2 + 2 * bank);
            boolean kept = history.dim(1) > 0;
            Tensor block = kept ? pending : ops.zeros(pending.dtype(), pending.shape().with(1, 0));
            Convolved convolved = ops.longConvolution(gated, taps(ops, bank), skips.get(bank), history, in.ages(),
                    block);
            v = convolved.y();
            next[1 + 2 * bank] = convolved.history();
            next[2 + 2 * bank] = kept ? convolved.pending() : pending;
        }
        Tensor y = output.apply(ops, ops.multiply(v, split.streams().getFirst()));
        return new Mixed(y, state.next(next));
    }

    @Override
    public int banks() {
        return config.order() - 1;
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
        if (banks() == 1) {
            return ops.derived(this, "taps", () -> filter.taps(ops));
        }
        return ops.derived(this, "taps" + bank, () -> ops.slice(ops.derived(this, "taps", () -> filter.taps(ops)), 1,
                bank * width, (bank + 1) * width));
    }

    @Override
    public Tensor skip(int bank) {
        return skips.get(bank);
    }

    @Override
    public ModalRecurrenceConfig modal(List<Integer> pairs, List<Integer> reals) {
        return ModalRecurrenceConfig.of(config.order(), 1, config.shortFilter(), pairs, reals);
    }
}

package tern.mixers.hyena;

import java.util.List;

import tern.mixers.modal.LongConvolutionMixer;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.mixers.parts.GatedStreams;
import tern.mixers.parts.Projection;
import tern.ops.Attended;
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
 * MultiHyena: y_t = Σ_(s≤t) h_(t−s)·(q_t·k_s)·v_s + skip·(q_t·k_t)·v_t for each of F groups of n_h consecutive channels
 * (arXiv 2310.18780, section 3.4).
 *
 * <p>State: the last inputs of the short filter, and all past keys and values, D floats each a position. Parameters: those
 * of {@link GatedStreams} with the streams q, k, v; {@code filter.…}; {@code bank0.skip} [F]; {@code output.weight} [D,D],
 * {@code output.bias} [D]. With n_h = 1 they are those of a {@link Hyena} of order 2 and mean the same. Immutable.
 */
public final class MultiHyena implements LongConvolutionMixer {
    private final MultiHyenaConfig config;
    private final int filters;
    private final GatedStreams streams;
    private final ImplicitFilter filter;
    private final Tensor skip;
    private final Projection output;
    private final StateLayout layout;

    MultiHyena(MultiHyenaConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.filters = at.width() / config.headWidth();
        this.streams = new GatedStreams(scope, 3, at.width(), config.shortFilter());
        this.filter = new ImplicitFilter(config.filter(), filters, at.context(), scope.child("filter"));
        this.skip = scope.child("bank0").parameter("skip", Shape.of(filters), Role.FILTER, Initialiser.normal(1));
        this.output = Projection.outOf(scope.child("output"), at.width(), true, at);
        Shape row = Shape.of(filters, config.headWidth());
        this.layout = StateLayout.of(streams.slot(), new Slot.Growing("keys", row), new Slot.Growing("values", row));
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
        GatedStreams.Split split = streams.apply(ops, in.x(), state.slots().getFirst());
        Shape heads = Shape.of(in.batch(), in.time(), filters, config.headWidth());
        Tensor query = ops.reshape(split.streams().get(0), heads);
        Tensor key = ops.reshape(split.streams().get(1), heads);
        Tensor value = ops.reshape(split.streams().get(2), heads);
        Attended attended = ops.headConvolution(query, key, value, taps(ops, 0), skip, state.slot("keys"),
                state.slot("values"),
                in.ages());
        Tensor y = output.apply(ops, ops.reshape(attended.y(), in.x().shape()));
        return new Mixed(y, state.next(split.history(), attended.keys(), attended.values()));
    }

    @Override
    public int banks() {
        return 1;
    }

    @Override
    public int filters() {
        return filters;
    }

    @Override
    public int headWidth() {
        return config.headWidth();
    }

    @Override
    public Tensor taps(Ops ops, int bank) {
        return ops.derived(this, "taps", () -> filter.taps(ops));
    }

    @Override
    public Tensor skip(int bank) {
        return skip;
    }

    @Override
    public ModalRecurrenceConfig modal(List<Integer> pairs, List<Integer> reals) {
        return ModalRecurrenceConfig.of(2, config.headWidth(), config.shortFilter(), pairs, reals);
    }
}

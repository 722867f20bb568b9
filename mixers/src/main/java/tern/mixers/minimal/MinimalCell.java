package tern.mixers.minimal;

import java.util.List;
import java.util.Optional;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.mixers.parts.ShortFilter;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
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
 * h ← a ⊙ h + b ⊙ g(W_h x), y = W_o h (arXiv 2410.01201, sections 3.1 and 3.2): minGRU has a = σ(−k), b = σ(k) for k = W_z x + c;
 * minLSTM the same for k = ln(i/f), which is softplus(−f') − softplus(−i') of the gates' arguments.
 *
 * <p>State: h [1,E], and the last inputs of the short filter if there is one. Parameters: {@code gates.weight} [E,D], of minLSTM
 * [2E,D], rows of f, i; {@code gates.bias}; {@code candidate.weight} [E,D], {@code candidate.bias}; {@code output.weight} [D,E];
 * {@code short.weight} [D,taps], {@code short.bias}. Immutable.
 */
final class MinimalCell implements SequenceMixer {
    /** Which cell. */
    enum Gates {
        /** One gate. */
        GRU,
        /** Two, which are made to sum to 1. */
        LSTM
    }

    private final Gates kind;
    private final int inner;
    private final Optional<ShortFilter> filter;
    private final Projection gates;
    private final Projection candidate;
    private final Projection output;
    private final StateLayout layout;

    MinimalCell(Gates kind, int inner, int shortFilter, BranchContext at, ParameterScope scope) {
        this.kind = kind;
        this.inner = inner;
        this.filter = shortFilter > 1
                ? Optional.of(new ShortFilter(scope.child("short"), at.width(), shortFilter, true))
                : Optional.empty();
        Initialiser start = Initialiser.fanIn(at.width());
        this.gates = Projection.biased(scope.child("gates"), at.width(), kind == Gates.LSTM ? 2 * inner : inner, start,
                Initialiser.constant(0));
        this.candidate = Projection.biased(scope.child("candidate"), at.width(), inner, start,
                Initialiser.constant(0));
        this.output = Projection.outOf(scope.child("output"), inner, false, at);
        Slot state = new Slot.Fixed("state", Shape.of(1, inner));
        this.layout = filter.isPresent() ? StateLayout.of(filter.get().slot(), state) : StateLayout.of(state);
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
        if (filter.isEmpty()) {
            Scanned scanned = scan(ops, in.x(), state.slot("state"));
            return new Mixed(output.apply(ops, scanned.y()), state.next(scanned.state()));
        }
        Scanned filtered = filter.get().linear(ops, in.x(), state.slot("short"));
        Scanned scanned = scan(ops, filtered.y(), state.slot("state"));
        return new Mixed(output.apply(ops, scanned.y()), state.next(filtered.state(), scanned.state()));
    }

    private Scanned scan(Ops ops, Tensor x, Tensor before) {
        Tensor open = opening(ops, gates.apply(ops, x));
        Tensor kept = ops.activate(ops.scale(open, -1), Activation.SIGMOID);
        return ops.affineScan(kept, ops.gate(open, positive(ops, candidate.apply(ops, x)), Activation.SIGMOID), before);
    }

    /** k, whose σ is what comes in. */
    private Tensor opening(Ops ops, Tensor arguments) {
        if (kind == Gates.GRU) {
            return arguments;
        }
        List<Tensor> both = Heads.cut(ops, arguments, inner, inner);
        return ops.add(Heads.logSigmoid(ops, both.get(1)), ops.scale(Heads.logSigmoid(ops, both.get(0)), -1));
    }

    /** g(x) = max(x, 0) + σ(min(x, 0)). */
    private static Tensor positive(Ops ops, Tensor x) {
        return ops.add(ops.activate(x, Activation.RELU),
                ops.activate(Heads.notAboveZero(ops, x), Activation.SIGMOID));
    }
}

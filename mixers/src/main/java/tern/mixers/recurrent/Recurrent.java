package tern.mixers.recurrent;

import java.util.List;
import java.util.Optional;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.mixers.parts.ReadNorm;
import tern.mixers.parts.ShortFilter;
import tern.ops.Cell;
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
 * s ← cell(s, W x + b + R h₋), y = W_o norm_h(h): see {@link Cell} for the recurrence of each.
 *
 * <p>State: h and what else the cell remembers [S,D]; with a short filter its last inputs. Parameters, G gates and D = H·K:
 * {@code input.weight} [G·D,D], rows head by head and gate by gate within a head, {@code input.bias}; {@code recurrent.weight}
 * [H,G,K,K], {@code recurrent.bias} [H,K] for a GRU; {@code output.weight} [D,D]; {@code norm.gain} [D]. With a short filter
 * {@code short.weight}, {@code short.bias}, and the first two gates have {@code gates.weight}, {@code gates.bias} of their own. Immutable.
 */
public final class Recurrent implements SequenceMixer {
    private static final int DECISIVE = 2;
    private static final double EPSILON = 1e-5;

    private final Cell cell;
    private final int heads;
    private final int units;
    private final Optional<ShortFilter> filter;
    private final Optional<Projection> gates;
    private final Optional<Projection> input;
    private final Tensor weight;
    private final Optional<Tensor> bias;
    private final Optional<ReadNorm> norm;
    private final Projection output;
    private final StateLayout layout;

    Recurrent(RecurrentConfig config, int units, BranchContext at, ParameterScope scope) {
        this.cell = config.cell();
        this.heads = config.heads();
        this.units = units;
        int width = at.width();
        int decisive = config.shortFilter() == 0 ? 0 : Math.min(DECISIVE, cell.gates());
        this.filter = decisive == 0 ? Optional.empty()
                : Optional.of(new ShortFilter(scope.child("short"), width, config.shortFilter(), true));
        this.gates = projection(scope.child("gates"), width, 0, decisive, at);
        this.input = projection(scope.child("input"), width, decisive, cell.gates(), at);
        ParameterScope recurrent = scope.child("recurrent");
        this.weight = recurrent.parameter("weight", Shape.of(heads, cell.gates(), units, units), Role.FILTER,
                cell == Cell.SLSTM ? Initialiser.constant(0) : Initialiser.fanIn(units));
        this.bias = cell.biased() ? Optional.of(
                recurrent.parameter("bias", Shape.of(heads, units), Role.VECTOR, Initialiser.constant(0)))
                : Optional.empty();
        this.norm = config.normalised()
                ? Optional.of(new ReadNorm(ReadNorm.Kind.HEAD_LAYER, scope.child("norm"), heads, units, EPSILON))
                : Optional.empty();
        this.output = Projection.outOf(scope.child("output"), width, false, at);
        Slot.Fixed slot = new Slot.Fixed("cell", Shape.of(cell.states(), width));
        this.layout = filter.isPresent() ? StateLayout.of(slot, filter.get().slot()) : StateLayout.of(slot);
    }

    /** What gates {@code from} to {@code to} of all heads read of an input. */
    private Optional<Projection> projection(ParameterScope scope, int width, int from, int to, BranchContext at) {
        if (from == to) {
            return Optional.empty();
        }
        return Optional.of(Projection.biased(scope, width, heads * (to - from) * units, Initialiser.fanIn(width),
                Initialiser.of(row -> bias((int) (row / units % (to - from)) + from, (int) (row % units), at))));
    }

    /** Forget gates start open; those of an sLSTM from open to closed, later layers more of them open (as released). */
    private double bias(int gate, int unit, BranchContext at) {
        if (gate != 1 || cell != Cell.LSTM && cell != Cell.SLSTM) {
            return 0;
        }
        double depth = at.branch() / Math.max(1.0, at.branches() - 2);
        return cell == Cell.LSTM ? 1 : 5 - 12 * Math.pow(unit / Math.max(1.0, units - 1), 0.3 + 1.3 * depth);
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
        Optional<Scanned> filtered = filter.map(f -> f.apply(ops, in.x(), state.slot("short")));
        List<Tensor> parts = List.of();
        if (gates.isPresent() && filtered.isPresent()) {
            parts = List.of(inHeads(ops, gates.get().apply(ops, filtered.get().y())));
        }
        if (input.isPresent()) {
            Tensor rest = inHeads(ops, input.get().apply(ops, in.x()));
            parts = parts.isEmpty() ? List.of(rest) : List.of(parts.getFirst(), rest);
        }
        Tensor given = ops.concat(parts, 3);
        Tensor own = bias.orElseGet(() -> Heads.constant(ops, this, given.dtype(), Shape.of(0, units), 0));
        Scanned scanned = ops.cellScan(cell, given, weight, own, state.slot("cell"));
        Tensor h = norm.isPresent() ? norm.get().apply(ops, Heads.split(ops, scanned.y(), heads)) : scanned.y();
        State next = filtered.isPresent() ? state.next(scanned.state(), filtered.get().state())
                : state.next(scanned.state());
        return new Mixed(output.apply(ops, h), next);
    }

    /** [B,T,H·g·K] as [B,T,H,g,K]. */
    private Tensor inHeads(Ops ops, Tensor x) {
        return ops.reshape(x, Shape.of(x.dim(0), x.dim(1), heads, x.dim(2) / (heads * units), units));
    }
}

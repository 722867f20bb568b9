package tern.mixers.titans;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.mixers.parts.ReadNorm;
import tern.mixers.parts.ShortFilter;
import tern.mixers.titans.TitansConfig.Arrangement;
import tern.ops.Activation;
import tern.ops.Attended;
import tern.ops.Chunks;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.ops.Weighing;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * S ← η S − 2θ k eᵀ, M ← (1 − α) M + S with e = Aᵀ k − v, m = Mᵀ q, alone, as the gate of attention, or below it (arXiv 2501.00663,
 * sections 3 and 4).
 *
 * <p>State: the last inputs of the short filter; M, S and the anchor A [H,3,K,K]; with attention keys and values of its chunk.
 * Parameters, D = H·K: {@code projection.weight} [3D,D], rows of q, k, v; {@code short.weight} [3D,taps]; {@code gates.weight} [3H,D],
 * {@code gates.bias}, rows of θ, η, 1 − α; {@code norm.gain} [D]; {@code output.weight} [D,D]; with attention {@code attention.weight}
 * [3D,D]; as a gate {@code gate.weight} [D,D]. Rates start at 0.1, momentum at 0.5, and 1 in 100 is forgotten a position.
 * Immutable.
 */
public final class Titans implements SequenceMixer {
    private static final double EPSILON = 1e-5;
    private static final double FLOOR = 1e-6;
    private static final double[] STARTS = {0.1, 0.5, 0.99};
    /** Largest rate: 2θ stays within 1, where steps along keys of length 1 do not overshoot. */
    private static final double LARGEST_RATE = 0.5;

    private final TitansConfig config;
    private final int heads;
    private final int units;
    private final Projection projection;
    private final ShortFilter filter;
    private final Projection gates;
    private final ReadNorm norm;
    private final Optional<Projection> attention;
    private final Optional<Projection> gate;
    private final Projection output;
    private final StateLayout layout;

    Titans(TitansConfig config, int units, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.heads = config.heads();
        this.units = units;
        int width = at.width();
        this.projection = Projection.into(scope.child("projection"), width, 3 * width, false);
        this.filter = new ShortFilter(scope.child("short"), 3 * width, config.shortFilter(), false);
        this.gates = Projection.biased(scope.child("gates"), width, 3 * heads, Initialiser.fanIn(width),
                Initialiser.of(row -> start((int) row / heads)));
        this.norm = new ReadNorm(ReadNorm.Kind.HEAD_LAYER, scope.child("norm"), heads, units, EPSILON);
        boolean attends = config.arrangement() != Arrangement.MEMORY;
        this.attention = attends ? Optional.of(Projection.into(scope.child("attention"), width, 3 * width, false))
                : Optional.empty();
        this.gate = config.arrangement() == Arrangement.GATE
                ? Optional.of(Projection.into(scope.child("gate"), width, width, false))
                : Optional.empty();
        this.output = Projection.outOf(scope.child("output"), width, false, at);
        List<Slot> slots = new ArrayList<>(
                List.of(filter.slot(), new Slot.Fixed("memory", Shape.of(heads, 3, units, units))));
        if (attends) {
            slots.add(new Slot.Chunk("keys", Shape.of(heads, units), config.window()));
            slots.add(new Slot.Chunk("values", Shape.of(heads, units), config.window()));
        }
        this.layout = new StateLayout(slots);
    }

    /** The bias whose sigmoid is where a gate starts. */
    private static double start(int gate) {
        double value = gate == 0 ? STARTS[0] / LARGEST_RATE : STARTS[gate];
        return Math.log(value / (1 - value));
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
        int width = heads * units;
        Scanned filtered = filter.apply(ops, projection.apply(ops, in.x()), state.slot("short"));
        List<Tensor> streams = Heads.cut(ops, filtered.y(), width, width, width);
        List<Tensor> opened = Heads.cut(ops, ops.activate(gates.apply(ops, in.x()), Activation.SIGMOID), heads, heads,
                heads);
        Scanned learnt = ops.memoryScan(ops.unit(Heads.split(ops, streams.get(0), heads), FLOOR),
                ops.unit(Heads.split(ops, streams.get(1), heads), FLOOR), Heads.split(ops, streams.get(2), heads),
                Heads.split(ops, ops.scale(opened.get(0), LARGEST_RATE), heads),
                Heads.split(ops, opened.get(1), heads), Heads.split(ops, opened.get(2), heads), config.chunk(),
                in.ages(), state.slot("memory"));
        Tensor read = norm.apply(ops, learnt.y());
        if (attention.isEmpty()) {
            return new Mixed(output.apply(ops, read), state.next(filtered.state(), learnt.state()));
        }
        Tensor source = gate.isPresent() ? in.x() : read;
        Attended attended = attend(ops, attention.get().apply(ops, source), in, state);
        Tensor y = Heads.merge(ops, attended.y());
        if (gate.isPresent()) {
            y = ops.gate(gate.get().apply(ops, read), y, Activation.SIGMOID);
        }
        return new Mixed(output.apply(ops, y),
                state.next(filtered.state(), learnt.state(), attended.keys(), attended.values()));
    }

    private Attended attend(Ops ops, Tensor projected, MixerInput in, State state) {
        int width = heads * units;
        List<Tensor> streams = Heads.cut(ops, projected, width, width, width);
        Tensor bias = Heads.constant(ops, this, projected.dtype(), Shape.of(0), 0);
        return ops.chunkedAttention(Heads.split(ops, streams.get(0), heads), Heads.split(ops, streams.get(1), heads),
                Heads.split(ops, streams.get(2), heads), bias, new Chunks(Weighing.SOFTMAX, config.window(), true),
                state.slot("keys"), state.slot("values"), in.ages(), in.lengths());
    }
}

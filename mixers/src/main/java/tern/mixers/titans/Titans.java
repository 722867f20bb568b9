package tern.mixers.titans;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.mixers.titans.TitansConfig.Arrangement;
import tern.ops.Activation;
import tern.ops.Attended;
import tern.ops.Chunks;
import tern.ops.Ops;
import tern.ops.Weighing;
import tern.sequence.BranchContext;
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
 * <p>State: that of the {@linkplain LearningMemory memory}; with attention keys and values of its chunk. Parameters, D = H·K: the memory's;
 * {@code output.weight} [D,D]; with attention {@code attention.weight} [3D,D]; as a gate {@code gate.weight} [D,D]. Rates
 * start at 0.1. Immutable.
 */
public final class Titans implements SequenceMixer {
    private static final double LARGEST_RATE = 0.5;
    private static final double RATE = 0.1;

    private final TitansConfig config;
    private final int heads;
    private final int units;
    private final LearningMemory memory;
    private final Optional<Projection> attention;
    private final Optional<Projection> gate;
    private final Projection output;
    private final StateLayout layout;

    Titans(TitansConfig config, int units, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.heads = config.heads();
        this.units = units;
        int width = at.width();
        this.memory = new LearningMemory(heads, width, config.chunk(), config.shortFilter(), LARGEST_RATE, RATE,
                scope);
        boolean attends = config.arrangement() != Arrangement.MEMORY;
        this.attention = attends ? Optional.of(Projection.into(scope.child("attention"), width, 3 * width, false))
                : Optional.empty();
        this.gate = config.arrangement() == Arrangement.GATE
                ? Optional.of(Projection.into(scope.child("gate"), width, width, false))
                : Optional.empty();
        this.output = Projection.outOf(scope.child("output"), width, false, at);
        List<Slot> slots = new ArrayList<>(memory.slots());
        if (attends) {
            slots.add(new Slot.Chunk("keys", Shape.of(heads, units), config.window()));
            slots.add(new Slot.Chunk("values", Shape.of(heads, units), config.window()));
        }
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
        LearningMemory.Learnt learnt = memory.apply(ops, in.x(), in.ages(), state.slot("short"), state.slot("memory"));
        if (attention.isEmpty()) {
            return new Mixed(output.apply(ops, learnt.read()), state.next(learnt.filter(), learnt.memory()));
        }
        Tensor source = gate.isPresent() ? in.x() : learnt.read();
        Attended attended = attend(ops, attention.get().apply(ops, source), in, state);
        Tensor y = Heads.merge(ops, attended.y());
        if (gate.isPresent()) {
            y = ops.gate(gate.get().apply(ops, learnt.read()), y, Activation.SIGMOID);
        }
        return new Mixed(output.apply(ops, y),
                state.next(learnt.filter(), learnt.memory(), attended.keys(), attended.values()));
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

package tern.mixers.titans;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Periods;
import tern.mixers.parts.Projection;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.ops.Spans;
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
 * z_t = attention(x_t; p, h_0, x_0 … h_t, x_t) within a segment, h_t = Aᵀ q'_t of the memory before it; y = W_o(z ⊙ σ(W_g m)) with m read of
 * a memory that learns z (memory as context: arXiv 2501.00663, section 4.1).
 *
 * <p>State: that of the {@linkplain LearningMemory memory}, whose anchor is M at the beginning of the segment; keys and values of the
 * segment, of what was remembered and of what was read, side by side [2D] each. Parameters: the memory's; {@code recall.weight} [D,D], q' before
 * it has length 1; {@code query.weight} [D,D]; {@code context.weight} [2D,D], keys and values of all rows; {@code persistent} [P,D]; {@code
 * gate.weight} [D,D]; {@code output.weight} [D,D]. Immutable.
 */
public final class TitansContext implements SequenceMixer {
    private static final double PERSISTENT_DEVIATION = 0.5;
    /**
     * The most that the rates of a segment come to, whose gradients are all taken at one memory: keys may well point the same way, and
     * steps of 0.1 each then overshoot by more from segment to segment.
     */
    private static final double LARGEST_STEP = 0.5;

    private final TitansContextConfig config;
    private final int heads;
    private final int units;
    private final int width;
    private final LearningMemory memory;
    private final Projection recall;
    private final Projection query;
    private final Projection context;
    private final Optional<Tensor> persistent;
    private final Projection gate;
    private final Projection output;
    private final StateLayout layout;

    TitansContext(TitansContextConfig config, int units, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.heads = config.heads();
        this.units = units;
        this.width = at.width();
        this.memory = new LearningMemory(heads, width, config.segment(), config.shortFilter(),
                LARGEST_STEP / config.segment(), LARGEST_STEP / 2 / config.segment(), scope);
        this.recall = Projection.into(scope.child("recall"), width, width, false);
        this.query = Projection.into(scope.child("query"), width, width, false);
        this.context = Projection.into(scope.child("context"), width, 2 * width, false);
        this.persistent = config.persistent() == 0 ? Optional.empty()
                : Optional.of(scope.parameter("persistent", Shape.of(config.persistent(), width), Role.VECTOR,
                        Initialiser.normal(PERSISTENT_DEVIATION)));
        this.gate = Projection.into(scope.child("gate"), width, width, false);
        this.output = Projection.outOf(scope.child("output"), width, false, at);
        List<Slot> slots = new ArrayList<>(memory.slots());
        slots.add(new Slot.Chunk("keys", Shape.of(2 * width), config.segment()));
        slots.add(new Slot.Chunk("values", Shape.of(2 * width), config.segment()));
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
        Tensor x = in.x();
        List<Tensor> asked = Projection.applyAll(ops, List.of(recall, query, context), List.of(x, x, x));
        List<Tensor> slots = new ArrayList<>(state.slots());
        boolean kept = slots.get(2).dim(1) > 0;
        if (!kept) {
            Shape shape = Shape.of(in.batch(), Math.min(config.segment(), in.time()), 2 * width);
            slots.set(2, ops.zeros(x.dtype(), shape));
            slots.set(3, ops.zeros(x.dtype(), shape));
        }
        Periods.Passed passed = Periods.pass(ops, config.segment(), asked, slots, in.ages(),
                (streams, held, ages) -> segment(ops, streams, held, ages), (held, ages) -> held);
        List<Tensor> next = new ArrayList<>(passed.slots());
        if (!kept) {
            next.set(2, state.slot("keys"));
            next.set(3, state.slot("values"));
        }
        return new Mixed(output.apply(ops, passed.y()), state.next(next.toArray(Tensor[]::new)));
    }

    /** Positions of one segment, from what the memory and attention are asked and the keys and values of x. */
    private Periods.Passed segment(Ops ops, List<Tensor> streams, List<Tensor> slots, long[] ages) {
        long[] places = Arrays.stream(ages).map(age -> age % config.segment()).toArray();
        Tensor recalled = remember(ops, streams.get(0), before(ops, slots.get(1), places));
        Tensor remembered = context.apply(ops, Heads.merge(ops, recalled));
        Tensor keys = ops.append(side(ops, remembered, streams.get(2), 0), slots.get(2), places);
        Tensor values = ops.append(side(ops, remembered, streams.get(2), width), slots.get(3), places);
        Tensor z = Heads.merge(ops, attend(ops, streams.get(1), keys, values, places));
        LearningMemory.Learnt learnt = memory.apply(ops, z, ages, slots.get(0), slots.get(1));
        Tensor y = ops.gate(gate.apply(ops, learnt.read()), z, Activation.SIGMOID);
        return new Periods.Passed(y, List.of(learnt.filter(), learnt.memory(), keys, values));
    }

    /** M as it was when each sequence's segment began [B,H,K,K]: the anchor, or where it begins now, M itself. */
    private Tensor before(Ops ops, Tensor memories, long[] places) {
        long begin = Arrays.stream(places).filter(place -> place == 0).count();
        Shape shape = Shape.of(memories.dim(0), heads, units, units);
        if (begin == 0 || begin == places.length) {
            int which = begin == 0 ? 2 : 0;
            return ops.reshape(ops.slice(memories, 2, which, which + 1), shape);
        }
        List<Tensor> each = new ArrayList<>();
        for (int b = 0; b < places.length; b++) {
            int which = places[b] == 0 ? 0 : 2;
            each.add(ops.slice(ops.slice(memories, 0, b, b + 1), 2, which, which + 1));
        }
        return ops.reshape(ops.concat(each, 0), shape);
    }

    /** What the memory gives for q' [B,T,H,K], by a recurrence that neither forgets nor writes. */
    private Tensor remember(Ops ops, Tensor asked, Tensor before) {
        Tensor unit = memory.unit(ops, asked);
        Tensor nothing = ops.zeros(unit.dtype(), unit.shape());
        Tensor forever = ops.zeros(unit.dtype(), Shape.of(1, 1, heads, 1));
        return ops.gatedScan(unit, nothing, nothing, forever, before).y();
    }

    /** Keys, or values, of what was remembered beside those of x. */
    private Tensor side(Ops ops, Tensor remembered, Tensor read, int from) {
        return ops.concat(List.of(ops.slice(remembered, -1, from, from + width),
                ops.slice(read, -1, from, from + width)), -1);
    }

    private Tensor attend(Ops ops, Tensor asked, Tensor keys, Tensor values, long[] places) {
        int time = asked.dim(1);
        int rows = config.persistent() + 2 * keys.dim(1);
        int[] count = new int[places.length * time];
        for (int i = 0; i < count.length; i++) {
            count[i] = config.persistent() + 2 * ((int) places[i / time] + i % time + 1);
        }
        Tensor bias = Heads.constant(ops, this, asked.dtype(), Shape.of(heads, 0), 0);
        return ops.crossAttention(Heads.split(ops, asked, heads), rows(ops, keys, rows, 0),
                rows(ops, values, rows, width),
                bias, new Spans(new int[count.length], count));
    }

    /** Persistent rows, then those of the segment: for each position what was remembered, and what was read. */
    private Tensor rows(Ops ops, Tensor own, int count, int from) {
        Tensor all = ops.reshape(own, Shape.of(own.dim(0), 2 * own.dim(1), width));
        if (persistent.isPresent()) {
            Tensor made = ops.derived(this, "persistent", () -> context.apply(ops, persistent.get()));
            Tensor one = ops.reshape(ops.slice(made, -1, from, from + width), Shape.of(1, config.persistent(), width));
            Tensor each = own.dim(0) == 1 ? one
                    : ops.concat(Collections.nCopies(own.dim(0), one), 0);
            all = ops.concat(List.of(each, all), 1);
        }
        return ops.reshape(all, Shape.of(own.dim(0), count, heads, units));
    }
}

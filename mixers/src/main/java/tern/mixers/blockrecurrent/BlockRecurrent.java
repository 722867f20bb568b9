package tern.mixers.blockrecurrent;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

import tern.mixers.blockrecurrent.BlockRecurrentConfig.Gate;
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
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * y_t = W_o[attention over the last W positions | attention over the states]; S ← g ⊙ S + (1 − g) ⊙ h at each window's end (arXiv
 * 2203.07852, section 3).
 *
 * <p>State: S and what positions read of it, keys and values, each less what it is before the first window, so that zeros are the
 * beginning, M·D + 2·M·I numbers with I = H·K; keys and values of the last 2W positions, 4·W·I. Parameters: {@code tokens.weight} [4I,D],
 * rows of k, v, q¹, q²; {@code states.weight} [4I,D], the same of a state; {@code scales} [4,H] in the order of σ; {@code relative}
 * [H,buckets]; {@code norm} [D], {@code places} E [M,D], {@code start} [M,D]; {@code mixed.weight} [D,2I] (W_h); {@code gate.bias} [D] and, if
 * not fixed, {@code gate.weight} [D,2I], for an LSTM's gates {@code forget.…} and {@code input.…} in their place; {@code output.weight} [D,2I].
 * Immutable.
 */
public final class BlockRecurrent implements SequenceMixer {
    private static final double EPSILON = 1e-6;
    private static final double FLOOR = 1e-6;
    private static final double BIAS_DEVIATION = 0.02;
    private static final double START_DEVIATION = 0.1;
    /** Variance of what a gate's W makes at the start, of that of what it reads. */
    private static final double GATE_VARIANCE = 0.1;

    private final BlockRecurrentConfig config;
    private final int inner;
    private final Projection tokens;
    private final Projection states;
    private final Tensor scales;
    private final Tensor relative;
    private final Tensor norm;
    private final Tensor places;
    private final Tensor start;
    private final Projection mixed;
    private final Optional<Tensor> fixed;
    private final List<Projection> gates;
    private final Projection output;
    private final StateLayout layout;

    BlockRecurrent(BlockRecurrentConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        int width = at.width();
        this.inner = config.heads() * config.headWidth();
        this.tokens = Projection.into(scope.child("tokens"), width, 4 * inner, false);
        this.states = Projection.into(scope.child("states"), width, 4 * inner, false);
        this.scales = scope.parameter("scales", Shape.of(4, config.heads()), Role.VECTOR, Initialiser.constant(1));
        this.relative = scope.parameter("relative", Shape.of(config.heads(), config.buckets()), Role.VECTOR,
                Initialiser.normal(BIAS_DEVIATION));
        this.norm = scope.parameter("norm", Shape.of(width), Role.VECTOR, Initialiser.constant(1));
        this.places = scope.parameter("places", Shape.of(config.states(), width), Role.VECTOR, Initialiser.normal(1));
        this.start = scope.parameter("start", Shape.of(config.states(), width), Role.VECTOR,
                Initialiser.normal(START_DEVIATION));
        this.mixed = Projection.into(scope.child("mixed"), 2 * inner, width, false);
        this.fixed = config.gate() == Gate.FIXED ? Optional.of(scope.child("gate").parameter("bias", Shape.of(width),
                Role.VECTOR, Initialiser.normal(START_DEVIATION))) : Optional.empty();
        this.gates = switch (config.gate()) {
            case FIXED -> List.of();
            case FULL -> List.of(gate(scope.child("gate"), width));
            case LSTM -> List.of(gate(scope.child("forget"), width), gate(scope.child("input"), width));
        };
        this.output = Projection.outOf(scope.child("output"), 2 * inner, false, at);
        this.layout = StateLayout.of(new Slot.Fixed("state", Shape.of(config.states(), width)),
                new Slot.Fixed("stateKeys", Shape.of(config.states(), inner)),
                new Slot.Fixed("stateValues", Shape.of(config.states(), inner)),
                new Slot.Ring("keys", Shape.of(inner), 2 * config.window()),
                new Slot.Ring("values", Shape.of(inner), 2 * config.window()));
    }

    private Projection gate(ParameterScope scope, int width) {
        return Projection.biased(scope, 2 * inner, width, Initialiser.normal(Math.sqrt(GATE_VARIANCE / (2 * inner))),
                Initialiser.normal(START_DEVIATION));
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
        List<Tensor> rows = Heads.cut(ops, tokens.apply(ops, in.x()), inner, inner, 2 * inner);
        Tensor key = merged(ops, unit(ops, rows.get(0)));
        List<Tensor> slots = new ArrayList<>(state.slots());
        List<Tensor> rings = slots.subList(3, 5);
        boolean kept = rings.get(0).dim(1) > 0;
        if (!kept) {
            Shape shape = Shape.of(in.batch(), 2 * config.window(), inner);
            rings = List.of(ops.zeros(key.dtype(), shape), ops.zeros(key.dtype(), shape));
        }
        Periods.Passed read = Periods.pass(ops, config.window(), List.of(key, rows.get(1), rows.get(2)),
                List.of(slots.get(0), slots.get(1), slots.get(2), rings.get(0), rings.get(1)), in.ages(),
                (streams, held, ages) -> piece(ops, streams, Carried.of(held), ages),
                (held, ages) -> moved(ops, Carried.of(held), ages).all());
        for (int i = 0; i < (kept ? slots.size() : 3); i++) {
            slots.set(i, read.slots().get(i));
        }
        return new Mixed(output.apply(ops, read.y()), state.next(slots.toArray(Tensor[]::new)));
    }

    private record Carried(Tensor state, Tensor stateKeys, Tensor stateValues, Tensor keys, Tensor values) {
        List<Tensor> all() {
            return List.of(state, stateKeys, stateValues, keys, values);
        }

        static Carried of(List<Tensor> all) {
            return new Carried(all.get(0), all.get(1), all.get(2), all.get(3), all.get(4));
        }
    }

    /** Positions of one window: keys [B,T,I] of length 1, values [B,T,I] and both queries [B,T,2I]. */
    private Periods.Passed piece(Ops ops, List<Tensor> streams, Carried before, long[] ages) {
        int time = streams.get(0).dim(1);
        int ring = 2 * config.window();
        long[] places = Arrays.stream(ages).map(age -> age % ring).toArray();
        Tensor keys = ops.append(streams.get(0), before.keys, places);
        Tensor values = ops.append(streams.get(1), before.values, places);
        int[] first = new int[ages.length * time];
        int[] count = new int[first.length];
        for (int i = 0; i < first.length; i++) {
            long end = ages[i / time] + i % time + (config.attendsSelf() ? 1 : 0);
            count[i] = (int) Math.min(end, config.window());
            first[i] = (int) ((end - count[i]) % ring);
        }
        List<Tensor> queries = Heads.cut(ops, streams.get(2), inner, inner);
        Tensor own = ops.crossAttention(query(ops, queries.get(0), 0), split(ops, keys), split(ops, values),
                bias(ops, keys.dtype()), new Spans(first, count));
        Tensor recurrent = ops.crossAttention(query(ops, queries.get(1), 1), split(ops, stateKeys(ops, before)),
                split(ops, stateValues(ops, before)), none(ops, keys.dtype()),
                Spans.all(first.length, config.states()));
        Tensor y = ops.concat(List.of(merged(ops, own), merged(ops, recurrent)), -1);
        return new Periods.Passed(y, List.of(before.state, before.stateKeys, before.stateValues, keys, values));
    }

    /** The states after a window. */
    private Carried moved(Ops ops, Carried carried, long[] ages) {
        Tensor state = ops.add(carried.state, start);
        Tensor queries = ops.slice(states.apply(ops, placed(ops, state)), -1, 2 * inner, 4 * inner);
        List<Tensor> each = Heads.cut(ops, queries, inner, inner);
        int ring = 2 * config.window();
        int[] first = new int[ages.length * config.states()];
        int[] count = new int[first.length];
        for (int i = 0; i < first.length; i++) {
            long age = ages[i / config.states()];
            count[i] = (int) Math.min(age, ring);
            first[i] = (int) ((age - count[i]) % ring);
        }
        Tensor none = none(ops, state.dtype());
        Tensor own = ops.crossAttention(query(ops, each.get(0), 2), split(ops, stateKeys(ops, carried)),
                split(ops, stateValues(ops, carried)), none, Spans.all(first.length, config.states()));
        Tensor read = ops.crossAttention(query(ops, each.get(1), 3), split(ops, carried.keys),
                split(ops, carried.values), none, new Spans(first, count));
        Tensor next = gated(ops, state, ops.concat(List.of(merged(ops, own), merged(ops, read)), -1));
        Tensor gone = ops.add(next, ops.scale(start, -1));
        // From what is kept, not from what it was rounded from: a later call reads no other state.
        List<Tensor> rows = keysAndValues(ops, placed(ops, ops.add(gone, start)));
        return new Carried(gone, ops.add(rows.get(0), ops.scale(first(ops, 0), -1)),
                ops.add(rows.get(1), ops.scale(first(ops, 1), -1)), carried.keys, carried.values);
    }

    private Tensor gated(Ops ops, Tensor state, Tensor read) {
        Tensor h = mixed.apply(ops, read);
        return switch (config.gate()) {
            case FIXED -> ops.interpolate(h, state, ops.activate(fixed.orElseThrow(), Activation.SIGMOID));
            case FULL -> ops.interpolate(h, state, opened(ops, 0, read, 1));
            case LSTM -> ops.add(ops.multiply(opened(ops, 0, read, 1), state),
                    ops.multiply(opened(ops, 1, read, -1), h));
        };
    }

    private Tensor opened(Ops ops, int gate, Tensor read, double shift) {
        Tensor made = gates.get(gate).apply(ops, read);
        Tensor constant = Heads.constant(ops, this, made.dtype(), Shape.of(made.shape().last()), shift);
        return ops.activate(ops.add(made, constant), Activation.SIGMOID);
    }

    /** norm(S) + E. */
    private Tensor placed(Ops ops, Tensor state) {
        return ops.add(ops.rmsNorm(state, norm, EPSILON), places);
    }

    /** Keys of length 1 and values, I numbers a state each. */
    private List<Tensor> keysAndValues(Ops ops, Tensor placed) {
        List<Tensor> rows = Heads.cut(ops, states.apply(ops, placed), inner, inner, 2 * inner);
        return List.of(merged(ops, unit(ops, rows.get(0))), rows.get(1));
    }

    /** Keys, or values, of the states before the first window [M,I]. */
    private Tensor first(Ops ops, int which) {
        return ops.derived(this, "first " + which, () -> {
            Shape one = Shape.of(1, config.states(), start.dim(1));
            Tensor rows = keysAndValues(ops, placed(ops, ops.reshape(start, one))).get(which);
            return ops.reshape(rows, Shape.of(config.states(), inner));
        });
    }

    private Tensor stateKeys(Ops ops, Carried carried) {
        return ops.add(carried.stateKeys, first(ops, 0));
    }

    private Tensor stateValues(Ops ops, Carried carried) {
        return ops.add(carried.stateValues, first(ops, 1));
    }

    private Tensor split(Ops ops, Tensor x) {
        return Heads.split(ops, x, config.heads());
    }

    private static Tensor merged(Ops ops, Tensor x) {
        return Heads.merge(ops, x);
    }

    private Tensor unit(Ops ops, Tensor x) {
        return ops.unit(split(ops, x), FLOOR);
    }

    /** Queries whose product with a key, divided by √K as attention does, is σ times the cosine. */
    private Tensor query(Ops ops, Tensor x, int which) {
        Tensor scale = ops.derived(this, "scale " + which, () -> {
            Tensor own = ops.reshape(ops.slice(scales, 0, which, which + 1), Shape.of(config.heads(), 1));
            Tensor size = ops.multiply(own, ops.unit(own, Float.MIN_NORMAL));
            Shape spread = Shape.of(config.headWidth(), 1);
            return ops.linear(size, ops.zeros(x.dtype(), spread).fill(Math.sqrt(config.headWidth())));
        });
        return ops.multiply(unit(ops, x), scale);
    }

    private Tensor none(Ops ops, DType type) {
        return Heads.constant(ops, this, type, Shape.of(config.heads(), 0), 0);
    }

    /** The bias by distance [H,W], from buckets. */
    private Tensor bias(Ops ops, DType type) {
        return ops.derived(this, "bias", () -> {
            Tensor chosen = ops.zeros(type, Shape.of(config.window(), config.buckets()));
            for (int i = 0; i < config.window(); i++) {
                int distance = config.attendsSelf() ? i : i + 1;
                chosen.set((long) i * config.buckets() + bucket(distance), 1);
            }
            return ops.linear(relative, chosen);
        });
    }

    /** As T5 has it: the first half for one distance each, then ranges in equal ratios. */
    private int bucket(int distance) {
        int exact = config.buckets() / 2;
        if (distance < exact) {
            return distance;
        }
        double far = Math.log((double) distance / exact) / Math.log((double) config.farthest() / exact);
        return Math.min(config.buckets() - 1, exact + (int) (far * (config.buckets() - exact)));
    }
}

package tern.mixers.attention;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.ops.Chunks;
import tern.ops.KeysAndValues;
import tern.ops.Ops;
import tern.ops.Weighing;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * y_t = Σ softmax_s(q_t·k_s/√K)·v_s over the last W positions, t − W < s ≤ t (arXiv 2402.19427, section 2.3). One position reads
 * the ring of those before it in any order, as a softmax may; several are put in order, and go W at a time.
 *
 * <p>State: the last W − 1 keys and values, G·K floats each a position. Parameters: {@code query.weight} [H·K,D],
 * {@code key.weight}, {@code value.weight} [G·K,D]; {@code output.weight} [D,H·K], {@code output.bias} if asked for. Immutable.
 */
public final class LocalAttention implements SequenceMixer {
    private static final double NEVER = -1e30;

    private final LocalAttentionConfig config;
    /** Positions before its own that a query may read. */
    private final int before;
    private final int row;
    private final List<Projection> maps;
    private final Projection output;
    private final StateLayout layout;

    LocalAttention(LocalAttentionConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.before = config.window() - 1;
        this.row = config.keyHeads() * config.headWidth();
        int inner = config.heads() * config.headWidth();
        this.maps = List.of(Projection.into(scope.child("query"), at.width(), inner, false),
                Projection.into(scope.child("key"), at.width(), row, false),
                Projection.into(scope.child("value"), at.width(), row, false));
        this.output = Projection.outOf(scope.child("output"), inner, config.outputBias(), at);
        this.layout = StateLayout.of(new Slot.Ring("keys", Shape.of(row), before),
                new Slot.Ring("values", Shape.of(row), before));
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
        if (ops.steady() && in.time() > 1) {
            return mix(Form.STEP, ops, in, state);
        }
        List<Tensor> all = Projection.applyAll(ops, maps, Collections.nCopies(3, in.x()));
        Tensor query = turned(ops, in, Heads.split(ops, all.get(0), config.heads()));
        Tensor key = turned(ops, in, Heads.split(ops, all.get(1), config.keyHeads()));
        Tensor value = Heads.split(ops, all.get(2), config.keyHeads());
        Tensor keys = state.slot("keys");
        Tensor values = state.slot("values");
        Read read = in.time() == 1 && keys.dim(1) == before ? one(ops, query, key, value, keys, values, in.ages())
                : several(ops, query, key, value, keys, values, in.ages());
        return new Mixed(output.apply(ops, Heads.merge(ops, read.y)), state.next(read.keys, read.values));
    }

    private record Read(Tensor y, Tensor keys, Tensor values) {
    }

    private Tensor turned(Ops ops, MixerInput in, Tensor x) {
        if (config.ropeBase() == 0 || config.turned() == 0) {
            return x;
        }
        Tensor first = ops.rotary(ops.slice(x, -1, 0, config.turned()), in.ages(), config.ropeBase());
        return config.turned() == config.headWidth() ? first
                : ops.concat(List.of(first, ops.slice(x, -1, config.turned(), config.headWidth())), -1);
    }

    private Read one(Ops ops, Tensor query, Tensor key, Tensor value, Tensor keys, Tensor values, long[] ages) {
        long[] held = Arrays.stream(ages).map(age -> Math.min(age, before)).toArray();
        Tensor y = ops.tiledAttention(query, key, value, before,
                tile -> new KeysAndValues(Heads.split(ops, keys, config.keyHeads()),
                        Heads.split(ops, values, config.keyHeads())),
                held);
        long[] places = Arrays.stream(ages).map(age -> age % before).toArray();
        return new Read(y, ops.append(Heads.merge(ops, key), keys, places),
                ops.append(Heads.merge(ops, value), values, places));
    }

    private Read several(Ops ops, Tensor query, Tensor key, Tensor value, Tensor keys, Tensor values, long[] ages) {
        int batch = query.dim(0);
        if (Arrays.stream(ages).distinct().count() > 1) {
            List<Read> each = new ArrayList<>();
            for (int b = 0; b < batch; b++) {
                each.add(several(ops, part(ops, query, b), part(ops, key, b), part(ops, value, b), part(ops, keys, b),
                        part(ops, values, b), new long[] {ages[b]}));
            }
            return new Read(ops.concat(each.stream().map(Read::y).toList(), 0),
                    ops.concat(each.stream().map(Read::keys).toList(), 0),
                    ops.concat(each.stream().map(Read::values).toList(), 0));
        }
        long age = ages[0];
        Tensor allKeys = ops.concat(List.of(inOrder(ops, keys, age), Heads.merge(ops, key)), 1);
        Tensor allValues = ops.concat(List.of(inOrder(ops, values, age), Heads.merge(ops, value)), 1);
        int held = allKeys.dim(1) - query.dim(1);
        List<Tensor> read = new ArrayList<>();
        for (int from = 0, to; from < query.dim(1); from = to) {
            to = Math.min(query.dim(1), from + config.window());
            int past = Math.min(before, held + from);
            read.add(block(ops, ops.slice(query, 1, from, to), ops.slice(allKeys, 1, held + from - past, held + to),
                    ops.slice(allValues, 1, held + from - past, held + to), past));
        }
        boolean kept = keys.dim(1) > 0;
        return new Read(read.isEmpty() ? query : ops.concat(read, 1),
                kept ? ring(ops, keys, allKeys, age + query.dim(1)) : keys,
                kept ? ring(ops, values, allValues, age + query.dim(1)) : values);
    }

    private static Tensor part(Ops ops, Tensor x, int b) {
        return ops.slice(x, 0, b, b + 1);
    }

    /** The rows of a ring, oldest first. */
    private Tensor inOrder(Ops ops, Tensor ring, long age) {
        if (age <= before) {
            return ops.slice(ring, 1, 0, ring.dim(1) == 0 ? 0 : (int) age);
        }
        int oldest = (int) (age % before);
        return ops.concat(List.of(ops.slice(ring, 1, oldest, before), ops.slice(ring, 1, 0, oldest)), 1);
    }

    /** The ring that holds the last of these rows, which end at a position. */
    private Tensor ring(Ops ops, Tensor old, Tensor rows, long end) {
        if (end < before) {
            return ops.concat(List.of(rows, ops.slice(old, 1, (int) end, before)), 1);
        }
        int first = rows.dim(1) - before;
        int place = (int) (end % before);
        return ops.concat(List.of(ops.slice(rows, 1, first + before - place, first + before),
                ops.slice(rows, 1, first, first + before - place)), 1);
    }

    /** Queries over the {@code past} rows before them and their own. */
    private Tensor block(Ops ops, Tensor query, Tensor keys, Tensor values, int past) {
        int count = query.dim(1);
        int groups = config.keyHeads();
        Tensor pastKeys = Heads.split(ops, keys, groups);
        Tensor pastValues = Heads.split(ops, values, groups);
        Tensor key = ops.slice(pastKeys, 1, past, past + count);
        Tensor value = ops.slice(pastValues, 1, past, past + count);
        long[] ages = new long[query.dim(0)];
        Arrays.fill(ages, past);
        if (past + count <= config.window()) {
            return ops.causalAttention(query, key, value, pastKeys, pastValues, ages).y();
        }
        int heads = config.heads();
        return ops.chunkedAttention(query, Heads.repeat(ops, key, heads), Heads.repeat(ops, value, heads),
                tooFar(ops, query.dtype(), past + count), new Chunks(Weighing.SOFTMAX, 0, true),
                Heads.repeat(ops, pastKeys, heads), Heads.repeat(ops, pastValues, heads), ages, new int[0]).y();
    }

    /** A bias that hides what lies a window or more before a query. */
    private Tensor tooFar(Ops ops, DType type, int positions) {
        return ops.derived(this, "too far " + positions, () -> {
            Tensor bias = ops.zeros(type, Shape.of(2 * positions - 1));
            for (int distance = config.window(); distance < positions; distance++) {
                bias.set(positions - 1 - distance, NEVER);
            }
            return bias;
        });
    }
}

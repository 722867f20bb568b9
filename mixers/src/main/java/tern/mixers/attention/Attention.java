package tern.mixers.attention;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.mixers.parts.Rows;
import tern.ops.Attended;
import tern.ops.Ops;
import tern.ops.Spans;
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
 * Causal softmax attention: y_t = Σ_(s≤t) softmax_s(q_t·k_s/√K)·v_s (arXiv 1706.03762, section 3.2). State: all past keys
 * and values, G·K floats each a position. Parameters: {@code projection.weight} [(H+2G)·K,D], rows of queries, then keys,
 * then values; {@code output.weight} [D,D]; biases if the config asks for them. Immutable.
 */
public final class Attention implements SequenceMixer {
    private final int heads;
    private final int keyHeads;
    private final int headWidth;
    private final double ropeBase;
    private final Projection projection;
    private final Projection output;
    private final StateLayout layout;

    Attention(AttentionConfig config, BranchContext at, ParameterScope scope) {
        this.heads = config.heads();
        this.keyHeads = config.keyHeads();
        this.headWidth = at.width() / heads;
        this.ropeBase = config.ropeBase();
        this.projection = Projection.into(scope.child("projection"), at.width(), (heads + 2 * keyHeads) * headWidth,
                config.bias());
        this.output = Projection.outOf(scope.child("output"), at.width(), config.bias(), at);
        Shape row = Shape.of(keyHeads, headWidth);
        this.layout = StateLayout.of(new Slot.Growing("keys", row), new Slot.Growing("values", row));
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
        Given given = all(ops, in, state);
        return new Mixed(given.y, given.state);
    }

    /**
     * What some positions of a call read, and what all of them can be read by.
     *
     * @param y [N,D] of the positions that were asked for, or [B,T,D]
     * @param keys of all positions of the call [B·T,G·K]
     * @param values likewise
     */
    public record Given(Tensor y, Tensor keys, Tensor values, State state) {
    }

    /** {@link #chunk}, and the keys and values of the positions. */
    public Given all(Ops ops, MixerInput in, State state) {
        Tensor all = projection.apply(ops, in.x());
        Tensor query = turned(ops, in.ages(), heads(ops, all, 0, heads));
        Tensor key = turned(ops, in.ages(), heads(ops, all, heads, keyHeads));
        Tensor value = heads(ops, all, heads + keyHeads, keyHeads);
        Attended attended = ops.causalAttention(query, key, value, state.slot("keys"), state.slot("values"), in.ages());
        Tensor y = output.apply(ops, ops.reshape(attended.y(), in.x().shape()));
        return new Given(y, flat(ops, key), flat(ops, value), state.next(attended.keys(), attended.values()));
    }

    /**
     * Some positions of a call read; of the others nothing is computed, they are read by the keys and values that they have.
     *
     * @param x of the positions that read [N,D], N may be 0
     * @param rows their numbers b·T + t, ascending
     * @param before keys and values of all positions of the call
     * @param ages position of the first row of each sequence
     */
    public Given some(Ops ops, Tensor x, int[] rows, Given before, long[] ages, State state) {
        int batch = ages.length;
        int time = before.keys.dim(0) / batch;
        Tensor keys = before.keys;
        Tensor values = before.values;
        Tensor query = x;
        if (rows.length > 0) {
            long[] places = Arrays.stream(rows).mapToLong(row -> ages[row / time] + row % time).toArray();
            Tensor all = ops.reshape(projection.apply(ops, x),
                    Shape.of(rows.length, 1, (heads + 2 * keyHeads) * headWidth));
            query = flat(ops, turned(ops, places, heads(ops, all, 0, heads)));
            int[] from = IntStream.range(rows.length, rows.length + batch * time).toArray();
            for (int i = 0; i < rows.length; i++) {
                from[rows[i]] = i;
            }
            Tensor fresh = flat(ops, turned(ops, places, heads(ops, all, heads, keyHeads)));
            keys = Rows.pick(ops, ops.concat(List.of(fresh, keys), 0), from);
            values = Rows.pick(ops,
                    ops.concat(List.of(flat(ops, heads(ops, all, heads + keyHeads, keyHeads)), values), 0), from);
        }
        Tensor pastKeys = kept(ops, keys, state.slot("keys"), ages);
        Tensor pastValues = kept(ops, values, state.slot("values"), ages);
        boolean continued = pastKeys.dim(1) > 0;
        Tensor y = rows.length == 0 ? x : output.apply(ops, read(ops, query, rows, time, ages,
                continued ? pastKeys : split(ops, keys, batch), continued ? pastValues : split(ops, values, batch)));
        return new Given(y, keys, values, state.next(pastKeys, pastValues));
    }

    private Tensor kept(Ops ops, Tensor rows, Tensor history, long[] ages) {
        if (history.dim(1) == 0) {
            return history;
        }
        int row = keyHeads * headWidth;
        Tensor flat = ops.reshape(history, Shape.of(history.dim(0), history.dim(1), row));
        Shape call = Shape.of(ages.length, rows.dim(0) / ages.length, row);
        return ops.reshape(ops.append(ops.reshape(rows, call), flat, ages), history.shape());
    }

    /** Queries [N,H·K], sequence by sequence as many as the sequence with the most has, over the rows up to their own. */
    private Tensor read(Ops ops, Tensor query, int[] rows, int time, long[] ages, Tensor keys, Tensor values) {
        int[] used = new int[ages.length];
        int[] seat = new int[rows.length];
        for (int i = 0; i < rows.length; i++) {
            seat[i] = used[rows[i] / time]++;
        }
        int most = Arrays.stream(used).max().orElse(0);
        int[] from = new int[ages.length * most];
        int[] count = new int[from.length];
        int[] back = new int[rows.length];
        for (int i = 0; i < rows.length; i++) {
            int b = rows[i] / time;
            back[i] = b * most + seat[i];
            from[back[i]] = i;
            count[back[i]] = (int) ages[b] + rows[i] % time + 1;
        }
        Tensor seated = ops.reshape(Rows.pick(ops, query, from), Shape.of(ages.length, most, heads, headWidth));
        Tensor none = Heads.constant(ops, this, query.dtype(), Shape.of(heads, 0), 0);
        Tensor y = ops.crossAttention(seated, Heads.repeat(ops, keys, heads), Heads.repeat(ops, values, heads), none,
                new Spans(new int[from.length], count));
        return Rows.pick(ops, ops.reshape(y, Shape.of(from.length, heads * headWidth)), back);
    }

    /** [B,T,G,K] as [B·T,G·K]. */
    private static Tensor flat(Ops ops, Tensor x) {
        return ops.reshape(x, Shape.of(x.dim(0) * x.dim(1), x.dim(2) * x.dim(3)));
    }

    private Tensor split(Ops ops, Tensor rows, int batch) {
        return ops.reshape(rows, Shape.of(batch, rows.dim(0) / batch, keyHeads, headWidth));
    }

    /** Heads {@code from} to {@code from + count} of the projected rows, as [B,T,count,K]. */
    private Tensor heads(Ops ops, Tensor all, int from, int count) {
        Tensor part = ops.slice(all, -1, from * headWidth, (from + count) * headWidth);
        return ops.reshape(part, Shape.of(all.dim(0), all.dim(1), count, headWidth));
    }

    private Tensor turned(Ops ops, long[] ages, Tensor x) {
        return ropeBase == 0 ? x : ops.rotary(x, ages, ropeBase);
    }
}

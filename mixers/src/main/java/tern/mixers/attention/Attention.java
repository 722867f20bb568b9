package tern.mixers.attention;

import tern.mixers.parts.Projection;
import tern.ops.Attended;
import tern.ops.Ops;
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
        Tensor all = projection.apply(ops, in.x());
        Tensor query = turned(ops, in, heads(ops, all, 0, heads));
        Tensor key = turned(ops, in, heads(ops, all, heads, keyHeads));
        Tensor value = heads(ops, all, heads + keyHeads, keyHeads);
        Attended attended = ops.causalAttention(query, key, value, state.slot("keys"), state.slot("values"), in.ages());
        Tensor y = output.apply(ops, ops.reshape(attended.y(), in.x().shape()));
        return new Mixed(y, state.next(attended.keys(), attended.values()));
    }

    /** Heads {@code from} to {@code from + count} of the projected rows, as [B,T,count,K]. */
    private Tensor heads(Ops ops, Tensor all, int from, int count) {
        Tensor part = ops.slice(all, -1, from * headWidth, (from + count) * headWidth);
        return ops.reshape(part, Shape.of(all.dim(0), all.dim(1), count, headWidth));
    }

    private Tensor turned(Ops ops, MixerInput in, Tensor x) {
        return ropeBase == 0 ? x : ops.rotary(x, in.ages(), ropeBase);
    }
}

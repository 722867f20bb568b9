package tern.mixers.linear;

import java.util.List;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.ops.Ops;
import tern.ops.Scanned;
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
 * y_i = W_o(φ(q_i)·(Σ_(j≤i) φ(k_j) v_jᵀ + Σ_(j&lt;M) φ(k'_j) v'_jᵀ) / φ(q_i)·(the same sums of keys)): a prefix of M positions is
 * written twice, the second time with keys k' and values v' of its own (JRT-RNN, Arora et al. 2024, arXiv 2407.05483, section 4).
 *
 * <p>State: both sums, [H,F,V+1] each; none if the whole prefix is read by all. Parameters: {@code query.weight}, {@code key.weight},
 * {@code prefixKey.weight} [H·K,D], {@code value.weight}, {@code prefixValue.weight}, {@code output.weight} [D,D], and those of
 * learned features. Immutable.
 */
public final class PrefixLinearAttention implements SequenceMixer {
    private static final double EPSILON = 1e-12;

    private final PrefixLinearAttentionConfig config;
    private final int heads;
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final Projection prefixKey;
    private final Projection prefixValue;
    private final FeatureMap queryFeatures;
    private final FeatureMap keyFeatures;
    private final Projection output;
    private final Shape sums;
    private final StateLayout layout;

    PrefixLinearAttention(PrefixLinearAttentionConfig config, int valueWidth, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.heads = config.heads();
        int width = at.width();
        int keys = heads * config.keyWidth();
        this.query = Projection.into(scope.child("query"), width, keys, false);
        this.key = Projection.into(scope.child("key"), width, keys, false);
        this.value = Projection.into(scope.child("value"), width, width, false);
        this.prefixKey = Projection.into(scope.child("prefixKey"), width, keys, false);
        this.prefixValue = Projection.into(scope.child("prefixValue"), width, width, false);
        boolean tied = config.features().tied();
        this.queryFeatures = new FeatureMap(config.features(), scope.child(tied ? "features" : "queryFeatures"), heads,
                config.keyWidth());
        this.keyFeatures = tied ? queryFeatures
                : new FeatureMap(config.features(), scope.child("keyFeatures"), heads, config.keyWidth());
        this.output = Projection.outOf(scope.child("output"), width, false, at);
        this.sums = Shape.of(heads, config.features().features(config.keyWidth()), valueWidth + 1);
        this.layout = config.whole() ? StateLayout.STATELESS
                : StateLayout.of(new Slot.Fixed("heads", sums), new Slot.Fixed("prefix", sums));
    }

    @Override
    public boolean causal() {
        return !config.whole();
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
        Tensor q = queryFeatures.apply(ops, Heads.split(ops, query.apply(ops, x), heads));
        Tensor k = keyFeatures.apply(ops, Heads.split(ops, key.apply(ops, x), heads));
        Tensor v = Heads.withOnes(ops, Heads.split(ops, value.apply(ops, x), heads));
        Tensor own = keyFeatures.apply(ops, Heads.split(ops, prefixKey.apply(ops, x), heads));
        Tensor prefixKeys = ops.scaleRows(own, within(ops, own, in));
        Tensor prefixValues = Heads.withOnes(ops, Heads.split(ops, prefixValue.apply(ops, x), heads));
        Tensor noDecay = Heads.constant(ops, this, x.dtype(), Shape.of(1, 1, heads, 1), 0);
        boolean whole = config.whole();
        Shape empty = sums.prepend(in.batch());
        Scanned past = ops.gatedScan(q, k, v, noDecay, whole ? ops.zeros(x.dtype(), empty) : state.slot("heads"));
        Scanned prefix = ops.gatedScan(q, prefixKeys, prefixValues, noDecay,
                whole ? ops.zeros(x.dtype(), empty) : state.slot("prefix"));
        // The whole prefix, read by every position: nothing is written any more.
        Tensor read = whole ? ops.gatedScan(q, ops.zeros(q.dtype(), q.shape()), prefixValues, noDecay, prefix.state())
                .y() : prefix.y();
        List<Tensor> parts = Heads.cut(ops, ops.add(past.y(), read), sums.last() - 1, 1);
        Tensor divisor = ops.add(parts.get(1), Heads.constant(ops, this, x.dtype(), Shape.of(1), EPSILON));
        Tensor y = output.apply(ops, Heads.merge(ops, ops.divideRows(parts.get(0), divisor)));
        return new Mixed(y, whole ? state.next() : state.next(past.state(), prefix.state()));
    }

    /** 1 for positions of the prefix, 0 for those after and for padding: [B,T,H,1]. */
    private Tensor within(Ops ops, Tensor keys, MixerInput in) {
        Tensor all = ops.zeros(keys.dtype(), keys.shape().withLast(1));
        int time = keys.dim(1);
        for (int b = 0; b < in.batch(); b++) {
            int counted = in.lengths().length == 0 ? time : in.lengths()[b];
            int end = (int) Math.max(0, Math.min(counted, config.prefix() - in.ages()[b]));
            for (long at = (long) b * time * heads; at < ((long) b * time + end) * heads; at++) {
                all.set(at, 1);
            }
        }
        return all;
    }
}

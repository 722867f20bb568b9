package tern.mixers.linear;

import java.util.List;
import java.util.Optional;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.mixers.parts.ReadNorm;
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
 * S ← S + φ(k) vᵀ, y = W_o(Sᵀφ(q) / (φ(q)·Σφ(k) + ε)), or its heads normalised in place of the division (Katharopoulos et al.
 * 2020, arXiv 2006.16236, section 3.4; LinFusion: arXiv 2409.02097).
 *
 * <p>State: S [H,F,V], with a normaliser [H,F,V+1], the sum of keys in the last column. Parameters: {@code query.weight},
 * {@code key.weight} [H·K,D], {@code value.weight} [D,D], {@code output.weight} [D,D]; {@code features.…}, or {@code queryFeatures.…} and
 * {@code keyFeatures.…}, of learned features; {@code queryResidual.…} and {@code keyResidual.…} if there is a residual network;
 * {@code norm.gain} [V] without a normaliser. Immutable.
 */
public final class LinearAttention implements SequenceMixer {
    private static final double SUM_EPSILON = 1e-6;
    private static final double MEAN_EPSILON = 1e-4;
    private static final double NORM_EPSILON = 1e-5;

    private final int heads;
    private final Normaliser normaliser;
    private final Optional<InputResidual> queryResidual;
    private final Optional<InputResidual> keyResidual;
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final FeatureMap queryFeatures;
    private final FeatureMap keyFeatures;
    private final Optional<ReadNorm> norm;
    private final Projection output;
    private final StateLayout layout;

    LinearAttention(LinearAttentionConfig config, int valueWidth, BranchContext at, ParameterScope scope) {
        this.heads = config.heads();
        this.normaliser = config.normaliser();
        int width = at.width();
        this.queryResidual = residual(config, scope.child("queryResidual"), width);
        this.keyResidual = residual(config, scope.child("keyResidual"), width);
        this.query = Projection.into(scope.child("query"), width, heads * config.keyWidth(), false);
        this.key = Projection.into(scope.child("key"), width, heads * config.keyWidth(), false);
        this.value = Projection.into(scope.child("value"), width, width, false);
        boolean tied = config.features().tied();
        this.queryFeatures = new FeatureMap(config.features(), scope.child(tied ? "features" : "queryFeatures"), heads,
                config.keyWidth());
        this.keyFeatures = tied ? queryFeatures
                : new FeatureMap(config.features(), scope.child("keyFeatures"), heads, config.keyWidth());
        boolean normalised = normaliser != Normaliser.NONE;
        this.norm = normalised ? Optional.empty()
                : Optional.of(new ReadNorm(ReadNorm.Kind.HEAD, scope.child("norm"), heads, valueWidth, NORM_EPSILON));
        this.output = Projection.outOf(scope.child("output"), width, false, at);
        this.layout = StateLayout.of(new Slot.Fixed("heads",
                Shape.of(heads, config.features().features(config.keyWidth()), valueWidth + (normalised ? 1 : 0))));
    }

    private static Optional<InputResidual> residual(LinearAttentionConfig config, ParameterScope scope, int width) {
        return config.residual() == 0 ? Optional.empty()
                : Optional.of(new InputResidual(scope, width, config.residual()));
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
        Tensor forQuery = queryResidual.isPresent() ? queryResidual.get().apply(ops, x) : x;
        Tensor forKey = keyResidual.isPresent() ? keyResidual.get().apply(ops, x) : x;
        Tensor q = queryFeatures.apply(ops, Heads.split(ops, query.apply(ops, forQuery), heads));
        Tensor k = keyFeatures.apply(ops, Heads.split(ops, key.apply(ops, forKey), heads));
        Tensor v = Heads.split(ops, value.apply(ops, x), heads);
        Tensor noDecay = Heads.constant(ops, this, x.dtype(), Shape.of(1, 1, heads, 1), 0);
        Scanned scanned = ops.gatedScan(q, k, normaliser == Normaliser.NONE ? v : Heads.withOnes(ops, v), noDecay,
                state.slot("heads"));
        Tensor y = norm.isPresent() ? norm.get().apply(ops, scanned.y())
                : Heads.merge(ops, divided(ops, scanned.y(), in.ages()));
        return new Mixed(output.apply(ops, y), state.next(scanned.state()));
    }

    /** Values divided by what stands in the last column, kept away from 0. */
    private Tensor divided(Ops ops, Tensor read, long[] ages) {
        int width = read.dim(3) - 1;
        List<Tensor> parts = Heads.cut(ops, read, width, 1);
        return ops.divideRows(parts.get(0), ops.add(parts.get(1), epsilon(ops, parts.get(1), ages)));
    }

    /** A mean's ε, times the number of positions where sums stand in the place of means. */
    private Tensor epsilon(Ops ops, Tensor sums, long[] ages) {
        if (normaliser == Normaliser.SUM) {
            return Heads.constant(ops, this, sums.dtype(), Shape.of(1), SUM_EPSILON);
        }
        Tensor all = ops.zeros(sums.dtype(), sums.shape());
        long at = 0;
        for (long age : ages) {
            for (int t = 0; t < sums.dim(1); t++) {
                for (int h = 0; h < heads; h++) {
                    all.set(at++, MEAN_EPSILON * (age + t + 1));
                }
            }
        }
        return all;
    }
}

package tern.mixers.fourier;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.ops.Chunks;
import tern.ops.Ops;
import tern.ops.Weighing;
import tern.sequence.BranchContext;
import tern.sequence.EncoderMixer;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.State;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * y = W_o U softmax(Q Kᵀ/√c) V with Q, K, V from x̂ = U⁻ x, M = ⌈rate·T⌉ positions (arXiv 2305.15099, section 3.2), over both directions;
 * padding does not count. Published encoders go on with M positions; here the way back, U, keeps the stack's, and a constant
 * stays as large, where orthonormal transforms would make it √(T/M) times larger. No state. Parameters: {@code query.weight},
 * {@code key.weight}, {@code value.weight}, {@code output.weight} [D,D]. Immutable.
 */
public final class FourierTransformer implements EncoderMixer {
    private static final Chunks EVERYTHING = new Chunks(Weighing.SOFTMAX, 0, false);

    private final FourierTransformerConfig config;
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final Projection output;

    FourierTransformer(FourierTransformerConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.query = Projection.into(scope.child("query"), at.width(), at.width(), false);
        this.key = Projection.into(scope.child("key"), at.width(), at.width(), false);
        this.value = Projection.into(scope.child("value"), at.width(), at.width(), false);
        this.output = Projection.outOf(scope.child("output"), at.width(), false, at);
    }

    @Override
    public Mixed parallel(Ops ops, MixerInput in, State state) {
        return new Mixed(Transforms.eachWhole(ops, in, x -> attended(ops, x)), state.next());
    }

    private Tensor attended(Ops ops, Tensor x) {
        int time = x.dim(1);
        int left = (int) Math.ceil(config.rate() * time);
        Tensor down = ops.derived(this, "shorter " + time, () -> Transforms.shortening(ops, x.dtype(), time, left));
        Tensor up = ops.derived(this, "longer " + time, () -> Transforms.lengthening(ops, x.dtype(), time, left));
        Tensor shorter = ops.mixPositions(down, x);
        Tensor values = heads(ops, value, shorter);
        Tensor none = ops.zeros(x.dtype(), values.shape().with(1, 0));
        Tensor bias = ops.zeros(x.dtype(), Shape.of(0));
        Tensor read = ops
                .chunkedAttention(heads(ops, query, shorter), heads(ops, key, shorter), values, bias, EVERYTHING,
                        none, none, new long[x.dim(0)], new int[0])
                .y();
        return ops.mixPositions(up, output.apply(ops, Heads.merge(ops, read)));
    }

    private Tensor heads(Ops ops, Projection projection, Tensor x) {
        return Heads.split(ops, projection.apply(ops, x), config.heads());
    }
}

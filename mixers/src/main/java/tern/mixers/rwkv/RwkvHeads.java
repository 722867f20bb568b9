package tern.mixers.rwkv;

import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.Slot;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Channels as heads: shapes, the state of a head, and the normalisation {@code norm.gain}, {@code norm.bias} [D] of what heads read. */
final class RwkvHeads {
    private final int heads;
    private final int headWidth;
    private final double epsilon;
    private final Tensor gain;
    private final Tensor bias;

    RwkvHeads(ParameterScope scope, int heads, int headWidth, double epsilon, RwkvStart start) {
        this.heads = heads;
        this.headWidth = headWidth;
        this.epsilon = epsilon;
        Shape width = Shape.of(heads * headWidth);
        this.gain = scope.parameter("gain", width, Role.VECTOR, start.headGain());
        this.bias = scope.parameter("bias", width, Role.VECTOR, Initialiser.constant(0));
    }

    /** [H,K,V], key axis before value axis. */
    Slot slot() {
        return new Slot.Fixed("heads", Shape.of(heads, headWidth, headWidth));
    }

    /** [B,T,D] as [B,T,H,K]. */
    Tensor split(Ops ops, Tensor x) {
        return ops.reshape(x, Shape.of(x.dim(0), x.dim(1), heads, headWidth));
    }

    /** [B,T,H,V] as [B,T,D], every head normalised. */
    Tensor normalised(Ops ops, Tensor y) {
        return ops.groupNorm(ops.reshape(y, Shape.of(y.dim(0), y.dim(1), heads * headWidth)), heads, gain, bias,
                epsilon);
    }
}

package tern.mixers.rwkv;

import java.util.Collections;
import java.util.List;

import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.Slot;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Channels as heads: shapes, the state of a head, and the normalisation {@code norm.gain}, {@code norm.bias} [D] of what heads read, if there
 * is one.
 */
final class RwkvHeads {
    private final int heads;
    private final int headWidth;
    private final double epsilon;
    private final List<Tensor> gainAndBias;

    private RwkvHeads(int heads, int headWidth, double epsilon, List<Tensor> gainAndBias) {
        this.heads = heads;
        this.headWidth = headWidth;
        this.epsilon = epsilon;
        this.gainAndBias = gainAndBias;
    }

    /** What these heads read stays as it is. */
    static RwkvHeads notNormalised(int heads, int headWidth) {
        return new RwkvHeads(heads, headWidth, 1, List.of());
    }

    RwkvHeads(ParameterScope scope, int heads, int headWidth, double epsilon, RwkvStart start) {
        this(heads, headWidth, epsilon,
                List.of(scope.parameter("gain", Shape.of(heads * headWidth), Role.VECTOR, start.headGain()),
                        scope.parameter("bias", Shape.of(heads * headWidth), Role.VECTOR, Initialiser.constant(0))));
    }

    /** [H,K,V], key axis before value axis. */
    Slot slot() {
        return new Slot.Fixed("heads", Shape.of(heads, headWidth, headWidth));
    }

    /** [B,T,D] as [B,T,H,K]. */
    Tensor split(Ops ops, Tensor x) {
        return ops.reshape(x, Shape.of(x.dim(0), x.dim(1), heads, headWidth));
    }

    /** [B,T,G·K] as [B,T,H,K], where each of G heads stands for H/G neighbours. */
    Tensor shared(Ops ops, Tensor x) {
        int own = x.dim(2) / headWidth;
        Tensor apart = ops.reshape(x, Shape.of(x.dim(0), x.dim(1), own, 1, headWidth));
        Tensor repeated = own == heads ? apart : ops.concat(Collections.nCopies(heads / own, apart), 3);
        return ops.reshape(repeated, Shape.of(x.dim(0), x.dim(1), heads, headWidth));
    }

    /** [B,T,H,V] as [B,T,D], every head normalised if heads are. */
    Tensor normalised(Ops ops, Tensor y) {
        Tensor flat = ops.reshape(y, Shape.of(y.dim(0), y.dim(1), heads * headWidth));
        return gainAndBias.isEmpty() ? flat
                : ops.groupNorm(flat, heads, gainAndBias.getFirst(), gainAndBias.getLast(), epsilon);
    }
}

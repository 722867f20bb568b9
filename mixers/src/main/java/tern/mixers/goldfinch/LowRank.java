package tern.mixers.goldfinch;

import tern.mixers.parts.Projection;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.tensor.Tensor;

/**
 * A correction of low rank: tanh(x W_1ᵀ) W_2ᵀ with parameters {@code NAMEDown.weight} [R,D] and {@code NAMEUp.weight} [D,R]; starts
 * at 0. Immutable.
 */
final class LowRank {
    private final Projection down;
    private final Projection up;

    LowRank(ParameterScope scope, String name, int width, int rank) {
        this(Projection.lowRank(scope.child(name + "Down"), width, rank, Initialiser.constant(0)),
                Projection.lowRank(scope.child(name + "Up"), rank, width, Initialiser.uniform(-0.01, 0.01)));
    }

    private LowRank(Projection down, Projection up) {
        this.down = down;
        this.up = up;
    }

    /** With {@code NAMEUp.bias} [D], the value that is corrected. */
    static LowRank correcting(ParameterScope scope, String name, int width, int rank, Initialiser start) {
        return new LowRank(Projection.lowRank(scope.child(name + "Down"), width, rank, Initialiser.constant(0)),
                Projection.lowRank(scope.child(name + "Up"), rank, width, Initialiser.uniform(-0.01, 0.01), start));
    }

    Tensor apply(Ops ops, Tensor x) {
        return up.apply(ops, ops.activate(down.apply(ops, x), Activation.TANH));
    }

    /** x with its correction. */
    Tensor corrected(Ops ops, Tensor x) {
        return ops.add(x, apply(ops, x));
    }
}

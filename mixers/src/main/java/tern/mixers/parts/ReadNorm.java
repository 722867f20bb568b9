package tern.mixers.parts;

import java.util.Optional;

import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Normalisation of what heads read, [B,T,H,V] to [B,T,H·V]: it takes the place of a normaliser, as any positive factor of a
 * row cancels. Parameter {@code gain}, unless plain. Immutable.
 */
public final class ReadNorm {
    /** What is normalised by what. */
    public enum Kind {
        /** Each head by its root mean square, one gain [V] for all heads (GLA, DeltaNet). */
        HEAD,
        /** Each head by its root mean square, without a gain (RetNet). */
        PLAIN_HEAD,
        /** All heads together by their root mean square, gain [H·V] (HGRN2, Mamba-2). */
        FULL,
        /** All heads together, without a gain (TransNormer). */
        PLAIN_FULL,
        /** Each head by mean and variance, gain [H·V] (mLSTM). */
        HEAD_LAYER,
        /** Each head by its root mean square, gain [H·V] (Mamba-2 with a group a head). */
        HEAD_GAINS
    }

    private final Kind kind;
    private final double epsilon;
    private final Optional<Tensor> gain;

    /**
     * Declares the gain, which starts at 1.
     *
     * @throws IllegalArgumentException if heads are to be normalised by mean and variance that have one channel each
     */
    public ReadNorm(Kind kind, ParameterScope scope, int heads, int valueWidth, double epsilon) {
        Expect.that(kind != Kind.HEAD_LAYER || valueWidth > 1, "the norm of heads: a head of " + heads
                + " is 1 wide, and less its mean nothing is left of it; choose fewer heads, or no norm");
        this.kind = kind;
        this.epsilon = epsilon;
        this.gain = switch (kind) {
            case PLAIN_HEAD, PLAIN_FULL -> Optional.empty();
            case HEAD -> Optional.of(declare(scope, valueWidth));
            case FULL, HEAD_LAYER, HEAD_GAINS -> Optional.of(declare(scope, heads * valueWidth));
        };
    }

    private static Tensor declare(ParameterScope scope, int width) {
        return scope.parameter("gain", Shape.of(width), Role.VECTOR, Initialiser.constant(1));
    }

    /** [B,T,H,V] normalised, as [B,T,H·V]. */
    public Tensor apply(Ops ops, Tensor y) {
        Tensor rows = Heads.merge(ops, y);
        return switch (kind) {
            case HEAD, PLAIN_HEAD -> Heads.merge(ops, ops.rmsNorm(y, gain(ops, y), epsilon));
            case FULL, PLAIN_FULL -> ops.rmsNorm(rows, gain(ops, rows), epsilon);
            case HEAD_LAYER -> ops.groupNorm(rows, y.dim(2), gain(ops, rows),
                    Heads.constant(ops, this, y.dtype(), Shape.of(rows.dim(2)), 0), epsilon);
            case HEAD_GAINS -> ops.multiply(Heads.merge(ops, ops.rmsNorm(y,
                    Heads.constant(ops, this, y.dtype(), Shape.of(y.dim(3)), 1), epsilon)), gain(ops, rows));
        };
    }

    private Tensor gain(Ops ops, Tensor of) {
        return gain.orElseGet(() -> Heads.constant(ops, this, of.dtype(), Shape.of(of.shape().last()), 1));
    }
}

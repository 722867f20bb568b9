package tern.mixers.mega;

import java.util.List;

import tern.mixers.parts.Expect;
import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * A relative bias as {@link Ops#chunkedAttention} takes it. Parameters: {@code bias} [2P−1] if simple, entry P − 1 + j − i for
 * query i and key j; {@code left} and {@code right} [z] if rotary. Immutable.
 */
public final class PositionBias {
    private static final double DEVIATION = 0.02;
    private static final double BASE = 10_000;
    /** Distances between two exact evaluations of the turning waves. */
    private static final int EXACT_EVERY = 64;
    /** Positions that a simple bias is made for at most. */
    private static final int MOST = 1 << 28;

    private final RelativeBias kind;
    private final int limit;
    private final List<Tensor> parameters;

    /**
     * Declares the parameters.
     *
     * @param keyWidth z
     * @param limit the most positions of a chunk; of a simple bias those trained
     */
    public PositionBias(RelativeBias kind, int keyWidth, int limit, ParameterScope scope) {
        this.kind = kind;
        this.limit = limit;
        Initialiser start = Initialiser.normal(DEVIATION);
        this.parameters = switch (kind) {
            case NONE -> List.of();
            case SIMPLE -> {
                Expect.that(limit <= MOST, "mega: a simple bias has a number for each distance, and chunks of " + limit
                        + " positions have too many; choose a shorter chunk (0 = as long as the context), or a rotary bias");
                yield List.of(scope.parameter("bias", Shape.of(2 * limit - 1), Role.VECTOR, start));
            }
            case ROTARY -> {
                Expect.that(keyWidth % 2 == 0, "mega: keyWidth is " + keyWidth
                        + ", but a rotary bias turns pairs of channels; expected an even number");
                yield List.of(scope.parameter("left", Shape.of(keyWidth), Role.VECTOR, start),
                        scope.parameter("right", Shape.of(keyWidth), Role.VECTOR, start));
            }
        };
    }

    /**
     * The bias of every distance that occurs in a chunk of so many positions.
     *
     * @return [2P−1] with P at least {@code positions}, or [0] for none
     * @throws IllegalArgumentException if a simple bias was trained for fewer positions
     */
    public Tensor of(Ops ops, Tensor like, int positions) {
        return switch (kind) {
            case NONE -> ops.derived(this, "none", () -> ops.zeros(like.dtype(), Shape.of(0)));
            case SIMPLE -> {
                Expect.that(positions <= limit, "mega: " + positions
                        + " positions are read at once, but the simple bias was trained for " + limit
                        + "; shorten the input, or train with a chunk or a rotary bias");
                yield parameters.getFirst();
            }
            case ROTARY -> {
                // Powers of two, so that a cache that grows does not ask for another vector at every position.
                int covered = Math.max(2, Integer.highestOneBit(Math.max(1, positions - 1)) * 2);
                int count = Math.max(positions, Math.min(covered, limit));
                yield ops.derived(this, "turned" + count, () -> turned(ops, count));
            }
        };
    }

    /** B(d) = Σ_k (a_k b_k + a'_k b'_k) cos(dθ_k) − (a_k b'_k − a'_k b_k) sin(dθ_k), d = j − i, a' the second half of a. */
    private Tensor turned(Ops ops, int positions) {
        Tensor left = parameters.get(0);
        Tensor right = parameters.get(1);
        int width = left.dim(0);
        int half = width / 2;
        Tensor waves = ops.zeros(left.dtype(), Shape.of(2 * positions - 1, width));
        for (int k = 0; k < half; k++) {
            double speed = Math.pow(BASE, -(double) k / half);
            double stepCosine = Math.cos(speed);
            double stepSine = Math.sin(speed);
            double cosine = 1;
            double sine = 0;
            for (int row = 0; row < 2 * positions - 1; row++) {
                if (row % EXACT_EVERY == 0) {
                    cosine = Math.cos((row - (positions - 1)) * speed);
                    sine = Math.sin((row - (positions - 1)) * speed);
                }
                waves.set((long) row * width + k, cosine);
                waves.set((long) row * width + half + k, -sine);
                double turned = cosine * stepCosine - sine * stepSine;
                sine = cosine * stepSine + sine * stepCosine;
                cosine = turned;
            }
        }
        Tensor a = ops.slice(left, 0, 0, half);
        Tensor aSecond = ops.slice(left, 0, half, width);
        Tensor b = ops.slice(right, 0, 0, half);
        Tensor bSecond = ops.slice(right, 0, half, width);
        Tensor cosines = ops.add(ops.multiply(a, b), ops.multiply(aSecond, bSecond));
        Tensor sines = ops.add(ops.multiply(a, bSecond), ops.scale(ops.multiply(aSecond, b), -1));
        Tensor weights = ops.reshape(ops.concat(List.of(cosines, sines), 0), Shape.of(1, width));
        return ops.reshape(ops.linear(waves, weights), Shape.of(2 * positions - 1));
    }
}

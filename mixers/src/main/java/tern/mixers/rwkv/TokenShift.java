package tern.mixers.rwkv;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

import tern.mixers.parts.Projection;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.Slot;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Several mixtures of each position with the one before: x_c = x + (x_(t−1) − x) ⊙ share_c. The shares are constants
 * {@code mix.NAME} [D], or depend on the position (RWKV-6, Finch-C2): share_c + tanh(x_base W_1ᵀ)_c W_2cᵀ with {@code mix.base} [D],
 * {@code mixDown.weight} [C·R,D] for C mixtures of rank R and {@code mixUp.NAME.weight} [D,R] (arXiv 2404.05892, section 4.1).
 * Immutable.
 */
public final class TokenShift {
    private final int rank;
    private final Slot slot;
    private final List<Tensor> shares = new ArrayList<>();
    private final List<Tensor> base = new ArrayList<>();
    private final List<Projection> down = new ArrayList<>();
    private final List<Projection> up = new ArrayList<>();

    /** One mixture: its name and how its share starts. */
    public record Mixture(String name, Initialiser share) {
    }

    private TokenShift(ParameterScope scope, int width, int rank, Initialiser baseShare, List<Mixture> mixtures) {
        this.rank = rank;
        this.slot = new Slot.Fixed("shift", Shape.of(1, width));
        ParameterScope mix = scope.child("mix");
        for (Mixture mixture : mixtures) {
            shares.add(mix.parameter(mixture.name(), Shape.of(width), Role.VECTOR, mixture.share()));
        }
        if (rank > 0) {
            base.add(mix.parameter("base", Shape.of(width), Role.VECTOR, baseShare));
            down.add(Projection.lowRank(scope.child("mixDown"), width, mixtures.size() * rank,
                    Initialiser.constant(0)));
            ParameterScope ups = scope.child("mixUp");
            for (Mixture mixture : mixtures) {
                up.add(Projection.lowRank(ups.child(mixture.name()), rank, width, Initialiser.uniform(-0.01, 0.01)));
            }
        }
    }

    /** Constant shares. */
    public static TokenShift constant(ParameterScope scope, int width, List<Mixture> mixtures) {
        return new TokenShift(scope, width, 0, Initialiser.constant(0), mixtures);
    }

    /** Shares that depend on the position. */
    public static TokenShift dependent(ParameterScope scope, int width, int rank, Initialiser baseShare,
            List<Mixture> mixtures) {
        return new TokenShift(scope, width, rank, baseShare, mixtures);
    }

    /**
     * What comes out.
     *
     * @param inputs the mixtures in the order of declaration, each [B,T,D]
     * @param before the next contents of {@link #slot}
     */
    public record Shifted(List<Tensor> inputs, Tensor before) {
    }

    /** The slot for the last position: [1,D]. */
    public Slot slot() {
        return slot;
    }

    /**
     * Shifts and mixes.
     *
     * @param x [B,T,D]
     * @param before contents of {@link #slot}; moved
     */
    public Shifted apply(Ops ops, Tensor x, Tensor before) {
        Scanned shifted = ops.shift(x, before);
        Tensor previous = shifted.y();
        if (rank == 0) {
            return new Shifted(shares.stream().map(share -> ops.interpolate(x, previous, share)).toList(),
                    shifted.state());
        }
        Tensor inner = ops.activate(down.getFirst().apply(ops, ops.interpolate(x, previous, base.getFirst())),
                Activation.TANH);
        List<Tensor> own = Projection.applyAll(ops, up, IntStream.range(0, shares.size())
                .mapToObj(c -> ops.slice(inner, -1, c * rank, (c + 1) * rank)).toList());
        List<Tensor> inputs = IntStream.range(0, shares.size())
                .mapToObj(c -> ops.interpolate(x, previous, ops.add(own.get(c), shares.get(c)))).toList();
        return new Shifted(inputs, shifted.state());
    }
}

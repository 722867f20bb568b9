package tern.mixers.mega;

import java.util.Optional;
import java.util.Set;

import tern.mixers.parts.Projection;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Tensor;

/**
 * y = x + W₂·SiLU(W₁·norm(x) + b₁) + b₂, or norm(x + W₂·SiLU(W₁·x + b₁) + b₂) (arXiv 2209.10655, the released code's NFFN); gives
 * back what is added to x. No state. Parameters: {@code norm.…}, {@code inner.weight} [F,D], {@code output.weight} [D,F] and
 * biases. Immutable.
 */
public final class NormalisedMlp implements SequenceMixer {
    private static final double DEVIATION = 0.02;

    private final NormalisedMlpConfig config;
    private final Norm norm;
    private final Projection inner;
    private final Projection output;

    NormalisedMlp(NormalisedMlpConfig config, BranchContext at, ParameterScope scope) {
        Initialiser start = Initialiser.normal(DEVIATION);
        Initialiser zero = Initialiser.constant(0);
        this.config = config;
        this.norm = new Norm(config.norm(), at.width(), scope.child("norm"));
        this.inner = Projection.biased(scope.child("inner"), at.width(), config.inner(), start, zero);
        this.output = Projection.biased(scope.child("output"), config.inner(), at.width(), start, zero);
    }

    /** Not if it is normalised over batches. */
    @Override
    public boolean causal() {
        return config.norm() != Normalisation.BATCH;
    }

    @Override
    public Set<String> reads() {
        return twoHop() ? Set.of(Megalodon.ADDED) : Set.of();
    }

    @Override
    public StateLayout stateLayout() {
        return StateLayout.STATELESS;
    }

    @Override
    public int reach() {
        return causal() ? 0 : UNBOUNDED;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        Tensor x = in.x();
        Tensor between = ops.activate(inner.apply(ops, config.prenorm() ? norm.apply(ops, x, in.lengths()) : x),
                Activation.SILU);
        Tensor y = dropped(ops, output.apply(ops, dropped(ops, between, config.hiddenDropout())), config.dropout());
        if (!config.prenorm()) {
            y = ops.add(norm.apply(ops, ops.add(x, y), in.lengths()), ops.scale(x, -1));
        }
        if (twoHop()) {
            y = ops.add(y, ops.scale(in.wire(Megalodon.ADDED), -1));
        }
        return new Mixed(y, state.next());
    }

    private Tensor dropped(Ops ops, Tensor x, Optional<Double> rate) {
        return ops.dropout(x, rate.orElse(0.0), config.featureDropout().orElse(false));
    }

    private boolean twoHop() {
        return config.twoHop().orElse(false);
    }
}

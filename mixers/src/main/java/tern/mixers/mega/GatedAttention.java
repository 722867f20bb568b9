package tern.mixers.mega;

import java.util.Optional;

import tern.mixers.modal.OverMover;
import tern.mixers.parts.Expect;
import tern.mixers.parts.Projection;
import tern.ops.Activation;
import tern.ops.Attended;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Mega's gated attention unit (arXiv 2209.10655, section 3.2), as the package says. It reads the residual stream x itself and
 * gives back u ⊙ (ĥ − x), so that the stack's sum is the published x + u ⊙ (ĥ − x).
 *
 * <p>State: that of the mover, under {@code move.}; keys and values of the current chunk, at most C·(z + h) floats; none in both
 * directions. Parameters: {@code norm.…}; {@code move.…}; {@code value.weight} [h,D]; {@code base.weight} [D+z+h+D,D], rows of
 * u, ζ, r, c; {@code output.weight} [D,h]; their biases; {@code gamma}, {@code beta} [2,z], the query's before the key's;
 * those of {@link PositionBias} under {@code position.}. Immutable.
 */
public final class GatedAttention implements OverMover {
    private static final double DEVIATION = 0.02;

    private final GatedAttentionConfig config;
    private final int width;
    private final Norm norm;
    private final MovedAttention attention;
    private final Projection value;
    private final Projection base;
    private final Projection output;
    private final Tensor gamma;
    private final Tensor beta;

    GatedAttention(GatedAttentionConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.width = at.width();
        int z = config.keyWidth();
        int h = config.valueWidth();
        Initialiser start = Initialiser.normal(DEVIATION);
        Initialiser zero = Initialiser.constant(0);
        this.norm = new Norm(config.norm(), width, scope.child("norm"));
        SequenceMixer mover = MovedAttention.mover("mega", config.mover(), at, scope);
        Expect.that(mover.causal() == config.causal(), "mega: causal is " + config.causal() + " but the mover "
                + config.mover() + (mover.causal() ? " looks back only" : " reads in both directions")
                + "; set both alike");
        this.value = Projection.biased(scope.child("value"), width, h, start, zero);
        this.base = Projection.biased(scope.child("base"), width, 2 * width + z + h, start, zero);
        this.output = Projection.biased(scope.child("output"), h, width, start, zero);
        this.gamma = scope.parameter("gamma", Shape.of(2, z), Role.VECTOR, start);
        this.beta = scope.parameter("beta", Shape.of(2, z), Role.VECTOR, zero);
        this.attention = new MovedAttention(mover, z, h, config.chunks(), config.bias(), at, scope);
    }

    @Override
    public SequenceMixer mover() {
        return attention.mover();
    }

    @Override
    public MixerConfig over(MixerConfig other) {
        return config.with(other);
    }

    @Override
    public boolean causal() {
        return config.causal();
    }

    @Override
    public int limit() {
        return attention.limit();
    }

    @Override
    public StateLayout stateLayout() {
        return attention.layout();
    }

    @Override
    public Mixed all(Form form, Ops ops, MixerInput in, State state) {
        Tensor x = in.x();
        int z = config.keyWidth();
        int h = config.valueWidth();
        Tensor normed = config.prenorm() ? norm.apply(ops, x, in.lengths()) : x;
        Tensor v = dropped(ops, ops.activate(value.apply(ops, normed), Activation.SILU), config.hiddenDropout());
        Mixed moved = attention.move(form, ops, in, normed, state);
        Tensor all = base.apply(ops, dropped(ops, moved.y(), config.dropout()));
        Tensor shared = ops.activate(ops.slice(all, -1, width, width + z + h), Activation.SILU);
        Tensor zeta = ops.slice(shared, -1, 0, z);
        Tensor reset = ops.slice(shared, -1, z, z + h);
        Attended attended = attention.attend(ops, in, affine(ops, zeta, 0), affine(ops, zeta, 1), v, state);

        Tensor read = ops.multiply(reset, ops.reshape(attended.y(), reset.shape()));
        Tensor candidate = ops.activate(
                ops.add(ops.slice(all, -1, width + z + h, 2 * width + z + h), output.apply(ops, read)),
                Activation.SILU);
        Tensor y = ops.gate(ops.slice(all, -1, 0, width), minus(ops, dropped(ops, candidate, config.dropout()), x),
                Activation.SIGMOID);
        if (!config.prenorm()) {
            y = minus(ops, norm.apply(ops, ops.add(x, y), in.lengths()), x);
        }
        return new Mixed(y, attention.next(state, moved, attended));
    }

    private Tensor dropped(Ops ops, Tensor x, Optional<Double> rate) {
        return ops.dropout(x, rate.orElse(0.0), config.featureDropout().orElse(false));
    }

    private Tensor affine(Ops ops, Tensor zeta, int row) {
        Tensor factor = ops.derived(this, "gamma" + row, () -> row(ops, gamma, row));
        Tensor shift = ops.derived(this, "beta" + row, () -> row(ops, beta, row));
        return ops.add(ops.multiply(zeta, factor), shift);
    }

    private static Tensor row(Ops ops, Tensor of, int row) {
        return ops.reshape(ops.slice(of, 0, row, row + 1), Shape.of(of.dim(1)));
    }

    private static Tensor minus(Ops ops, Tensor a, Tensor b) {
        return ops.add(a, ops.scale(b, -1));
    }
}

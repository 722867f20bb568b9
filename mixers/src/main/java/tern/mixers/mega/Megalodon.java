package tern.mixers.mega;

import java.util.Map;
import java.util.Set;

import tern.mixers.modal.OverMover;
import tern.mixers.parts.Expect;
import tern.mixers.parts.Projection;
import tern.ops.Activation;
import tern.ops.Attended;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Megalodon's unit (arXiv 2404.08801, section 3): x̂ = norm over time of x; m = rms(mover(x̂)); ζ = rms(W_z m), Q and K = ζ ⊙
 * (1 + γ)·z^(−1/2) + β, turned by their positions; v = SiLU(W_v x̂); r = SiLU(W_r m); y = W_c m + W_h(r ⊙ softmax(Q·K)·v). There
 * is no update gate. It reads the residual stream x itself.
 *
 * <p>There is one head, as in the smallest of the released configurations; those from 1.3B parameters on have 2 and 4, each with
 * norms and rotations of its own. Matrices start with Mega's deviation of 0.02, the released code's by their widths.
 *
 * <p>State: means and variances of the norm [2,G]; that of the mover, under {@code move.}; keys and values of the current chunk.
 * Parameters: {@code norm.gain}, {@code norm.bias}, {@code moved.gain} [D]; {@code move.…}; {@code shared.weight} [z,D], {@code value.weight}
 * [h,D], {@code reset.weight} [h,D], {@code candidate.weight} [D,D], their biases; {@code output.weight} [D,h]; {@code gamma},
 * {@code beta} [2,z], the query's before the key's; those of {@link PositionBias}. Immutable.
 */
public final class Megalodon implements OverMover {
    /** The wire of what the unit adds to the residual stream. */
    static final String ADDED = "megalodon.added";

    private static final double DEVIATION = 0.02;
    private static final double EPSILON = 1e-5;
    private static final String MEASURED = "measured";

    private final MegalodonConfig config;
    private final Tensor gain;
    private final Tensor shift;
    private final Norm movedNorm;
    private final Projection shared;
    private final Projection value;
    private final Projection reset;
    private final Projection candidate;
    private final Projection output;
    private final Tensor gamma;
    private final Tensor beta;
    private final MovedAttention attention;

    Megalodon(MegalodonConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        int width = at.width();
        int z = config.keyWidth();
        int h = config.valueWidth();
        Initialiser start = Initialiser.normal(DEVIATION);
        Initialiser zero = Initialiser.constant(0);
        ParameterScope norm = scope.child("norm");
        this.gain = norm.parameter("gain", Shape.of(width), Role.VECTOR, Initialiser.constant(1));
        this.shift = norm.parameter("bias", Shape.of(width), Role.VECTOR, zero);
        SequenceMixer mover = MovedAttention.mover("megalodon", config.mover(), at, scope);
        Expect.that(mover.causal(), "megalodon: the mover " + config.mover()
                + " reads in both directions, but norms over time look back only; choose a causal mover");
        this.movedNorm = new Norm(Normalisation.RMS, width, scope.child("moved"));
        this.shared = Projection.biased(scope.child("shared"), width, z, start, zero);
        this.value = Projection.biased(scope.child("value"), width, h, start, zero);
        this.reset = Projection.biased(scope.child("reset"), width, h, start, zero);
        this.candidate = Projection.biased(scope.child("candidate"), width, width, start, zero);
        this.output = Projection.matrix(scope.child("output"), h, width, start);
        this.gamma = scope.parameter("gamma", Shape.of(2, z), Role.VECTOR, zero);
        this.beta = scope.parameter("beta", Shape.of(2, z), Role.VECTOR, zero);
        this.attention = new MovedAttention(mover, z, h, config.chunks(), config.bias(), at, scope,
                new Slot.Fixed(MEASURED, Shape.of(2, config.groups())));
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
    public Set<String> publishes() {
        return config.twoHop() ? Set.of(ADDED) : Set.of();
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
        Scanned normed = ops.timestepNorm(in.x(), config.groups(), gain, shift, EPSILON, in.ages(),
                state.slots().getFirst());
        Tensor v = ops.dropout(ops.activate(value.apply(ops, normed.y()), Activation.SILU),
                config.hiddenDropout().orElse(0.0), false);
        Mixed moved = attention.move(form, ops, in, normed.y(), state);
        Tensor m = ops.dropout(movedNorm.apply(ops, moved.y()), config.dropout().orElse(0.0), false);
        Tensor raw = shared.apply(ops, m);
        Tensor ones = ops.derived(this, "ones",
                () -> ops.zeros(raw.dtype(), Shape.of(config.keyWidth())).fill(1));
        Tensor zeta = ops.rmsNorm(raw, ones, EPSILON);
        // The scores of attention are divided by √z once more, which the query takes back.
        Tensor query = turned(ops, ops.scale(affine(ops, zeta, 0), Math.sqrt(config.keyWidth())), in);
        Attended attended = attention.attend(ops, in, query, turned(ops, affine(ops, zeta, 1), in), v, state);
        Tensor r = ops.activate(reset.apply(ops, m), Activation.SILU);
        Tensor read = ops.multiply(r, ops.reshape(attended.y(), r.shape()));
        Tensor y = ops.dropout(ops.add(candidate.apply(ops, m), output.apply(ops, read)),
                config.dropout().orElse(0.0), false);
        return new Mixed(y, attention.next(state, moved, attended, normed.state()),
                config.twoHop() ? Map.of(ADDED, y) : Map.of());
    }

    private Tensor turned(Ops ops, Tensor x, MixerInput in) {
        if (config.turning().isEmpty()) {
            return x;
        }
        Tensor heads = ops.reshape(x, Shape.of(x.dim(0), x.dim(1), 1, x.dim(2)));
        return ops.reshape(ops.rotary(heads, in.ages(), config.turning().get()), x.shape());
    }

    private Tensor affine(Ops ops, Tensor zeta, int row) {
        Tensor factor = ops.derived(this, "factor" + row, () -> {
            Tensor own = row(ops, gamma, row);
            Tensor ones = ops.zeros(own.dtype(), own.shape()).fill(1);
            return ops.scale(ops.add(own, ones), 1 / Math.sqrt(config.keyWidth()));
        });
        Tensor added = ops.derived(this, "beta" + row, () -> row(ops, beta, row));
        return ops.add(ops.multiply(zeta, factor), added);
    }

    private static Tensor row(Ops ops, Tensor of, int row) {
        return ops.reshape(ops.slice(of, 0, row, row + 1), Shape.of(of.dim(1)));
    }
}

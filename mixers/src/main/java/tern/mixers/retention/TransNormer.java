package tern.mixers.retention;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.mixers.parts.ReadNorm;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
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
 * S ← e^(−s) S + k vᵀ, y = W_o(u ⊙ Sᵀq/rms) with q and k through SiLU and the root mean square over the whole width (TransNormerLLM
 * as released: arXiv 2307.14995, section 3; the recurrence in blocks: arXiv 2401.04658). s is ALiBi's slope of the head times
 * 1 − l/(L−1) + 1e-5 in layer l of L, a layer being a pair of branches.
 *
 * <p>State: S [H,K,V], 2K keys with positions. Parameters: {@code projection.weight} [4D,D], rows of q, k, v, u; {@code output.weight}
 * [D,D]; {@code theta} [H,K] with positions, radians a position: computed in the type of the model, so F32 turns later
 * positions less exactly. Immutable.
 */
public final class TransNormer implements SequenceMixer {
    private static final double EPSILON = 1e-6;
    private static final double DEVIATION = 0.02;
    private static final double LAST_SLOPE = 1e-5;

    private final int heads;
    private final double[] slopes;
    private final Optional<Tensor> theta;
    private final Projection projection;
    private final ReadNorm norm;
    private final Projection output;
    private final StateLayout layout;

    TransNormer(TransNormerConfig config, int keyWidth, BranchContext at, ParameterScope scope) {
        this.heads = config.heads();
        int width = at.width();
        int layers = (at.branches() + 1) / 2;
        double share = layers == 1 ? 1 : 1 - (double) (at.branch() / 2) / (layers - 1);
        this.slopes = slopes(heads).stream().mapToDouble(slope -> slope * (share + LAST_SLOPE)).toArray();
        this.projection = Projection.matrix(scope.child("projection"), width, 4 * width,
                Initialiser.normal(DEVIATION));
        this.norm = new ReadNorm(ReadNorm.Kind.PLAIN_FULL, scope.child("norm"), heads, keyWidth, EPSILON);
        this.output = Projection.matrix(scope.child("output"), width, width, Initialiser.normal(DEVIATION));
        this.theta = config.positions()
                ? Optional.of(scope.parameter("theta", Shape.of(heads, keyWidth), Role.FILTER,
                        Initialiser.of(j -> Math.pow(10_000, -2.0 * j / width))))
                : Optional.empty();
        this.layout = StateLayout
                .of(new Slot.Fixed("heads", Shape.of(heads, (config.positions() ? 2 : 1) * keyWidth, keyWidth)));
    }

    /** ALiBi's: a geometric series for a power of two; else that of the power below, then every second of the one above. */
    static List<Double> slopes(int heads) {
        int power = Integer.highestOneBit(heads);
        double start = Math.pow(2, -Math.pow(2, 3 - Math.log(power) / Math.log(2)));
        List<Double> slopes = new ArrayList<>();
        for (int h = 0; h < power; h++) {
            slopes.add(Math.pow(start, h + 1));
        }
        if (power < heads) {
            List<Double> finer = slopes(2 * power);
            for (int h = 0; h < heads - power; h++) {
                slopes.add(finer.get(2 * h));
            }
        }
        return slopes;
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        int width = in.x().dim(2);
        List<Tensor> parts = Heads.cut(ops, projection.apply(ops, in.x()), width, width, width, width);
        Tensor q = Heads.split(ops, ops.activate(parts.get(0), Activation.SILU), heads);
        Tensor k = Heads.split(ops, ops.activate(parts.get(1), Activation.SILU), heads);
        if (theta.isPresent()) {
            Tensor phase = ops.multiply(positions(ops, q, in.ages()), theta.get());
            Tensor sine = sine(ops, phase, 0);
            Tensor cosine = sine(ops, phase, Math.PI / 2);
            q = placed(ops, q, cosine, sine);
            k = placed(ops, k, cosine, sine);
        }
        Tensor v = Heads.split(ops, parts.get(2), heads);
        Tensor logDecay = ops.derived(this, "logDecay", () -> {
            double[] negative = Arrays.stream(slopes).map(slope -> -slope).toArray();
            return ops.zeros(in.x().dtype(), Shape.of(1, 1, heads, 1)).setAll(negative);
        });
        Scanned scanned = ops.gatedScan(q, k, v, logDecay, state.slot("heads"));
        Tensor y = ops.multiply(parts.get(3), norm.apply(ops, scanned.y()));
        return new Mixed(output.apply(ops, y), state.next(scanned.state()));
    }

    private static Tensor positions(Ops ops, Tensor like, long[] ages) {
        Tensor all = ops.zeros(like.dtype(), like.shape());
        for (int b = 0; b < like.dim(0); b++) {
            for (int t = 0; t < like.dim(1); t++) {
                all.slice(b, b + 1).reshape(like.dim(1), like.dim(2) * like.dim(3)).slice(t, t + 1).fill(ages[b] + t);
            }
        }
        return all;
    }

    private Tensor sine(Ops ops, Tensor phase, double ahead) {
        Tensor shift = Heads.constant(ops, this, phase.dtype(), Shape.of(phase.dim(3)), ahead);
        return ops.sine(ops.add(phase, shift), Heads.constant(ops, this, phase.dtype(), Shape.of(phase.dim(3)), 1));
    }

    private static Tensor placed(Ops ops, Tensor x, Tensor cosine, Tensor sine) {
        return ops.concat(List.of(ops.multiply(x, cosine), ops.multiply(x, sine)), -1);
    }
}

package tern.mixers.retention;

import java.util.Optional;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.mixers.parts.ReadNorm;
import tern.mixers.parts.ReadOut;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * S ← γ_h S + k vᵀ, y = W_o(swish(W_g x) ⊙ norm_h(Sᵀq)) with γ_h = 1 − 2^(−5−h), queries and keys turned as the released code
 * does: neighbouring channels, speeds 10000^(−i/(K/2−1)), no magnitudes (arXiv 2307.08621, section 2; its factors that keep
 * half precision in range cancel in the norm). Weights start as released. A {@linkplain RetNetVariation variation} turns otherwise.
 *
 * <p>State: S [H,K,V]. Parameters: {@code query.weight}, {@code key.weight} [D,D], {@code value.weight}, {@code gate.weight} [F·D,D],
 * {@code output.weight} [D,F·D], F the value factor; {@code norm.gain} [V] of the variation. Immutable.
 */
public final class RetNet implements SequenceMixer {
    private static final double EPSILON = 1e-6;

    private final int heads;
    private final Optional<RetNetVariation> variation;
    private final double[] speeds;
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final ReadOut readOut;
    private final StateLayout layout;

    RetNet(RetNetConfig config, int keyWidth, BranchContext at, ParameterScope scope) {
        this.heads = config.heads();
        this.variation = config.variation();
        this.speeds = speeds(keyWidth);
        int width = at.width();
        int values = config.valueFactor() * width;
        this.query = Projection.matrix(scope.child("query"), width, width, xavier(width, width, Math.pow(2, -2.5)));
        this.key = Projection.matrix(scope.child("key"), width, width, xavier(width, width, Math.pow(2, -2.5)));
        this.value = Projection.matrix(scope.child("value"), width, values, xavier(width, values, Math.pow(2, -2.5)));
        ReadNorm norm = new ReadNorm(variation.isPresent() ? ReadNorm.Kind.HEAD : ReadNorm.Kind.PLAIN_HEAD,
                scope.child("norm"), heads, values / heads,
                variation.map(RetNetVariation::epsilon).orElse(EPSILON));
        this.readOut = ReadOut.gated(norm,
                Projection.matrix(scope.child("gate"), width, values, xavier(width, values, Math.pow(2, -2.5))),
                Activation.SILU,
                Projection.matrix(scope.child("output"), values, width, xavier(values, width, 0.5)));
        this.layout = StateLayout.of(new Slot.Fixed("heads", Shape.of(heads, keyWidth, values / heads)));
    }

    private static Initialiser xavier(int in, int out, double gain) {
        double bound = gain * Math.sqrt(6.0 / (in + out));
        return Initialiser.uniform(-bound, bound);
    }

    /** 10000 to powers from 0 to −1, both ends included. */
    private static double[] speeds(int keyWidth) {
        double[] speeds = new double[keyWidth / 2];
        for (int i = 0; i < speeds.length; i++) {
            speeds[i] = Math.pow(10_000, speeds.length == 1 ? 0 : -(double) i / (speeds.length - 1));
        }
        return speeds;
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
        Tensor q = turned(ops, Heads.split(ops, query.apply(ops, in.x()), heads), in.ages());
        Tensor k = turned(ops, Heads.split(ops, key.apply(ops, in.x()), heads), in.ages());
        Tensor v = Heads.split(ops, value.apply(ops, in.x()), heads);
        Tensor logDecay = ops.derived(this, "logDecay", () -> logDecay(ops, in.x()));
        Scanned scanned = ops.gatedScan(q, ops.scale(k, 1 / Math.sqrt(k.dim(3))), v, logDecay, state.slot("heads"));
        return new Mixed(readOut.apply(ops, in.x(), scanned.y()), state.next(scanned.state()));
    }

    private Tensor turned(Ops ops, Tensor x, long[] ages) {
        return variation.isPresent() ? ops.rotary(x, ages, variation.get().ropeBase()) : ops.turn(x, ages, speeds);
    }

    private Tensor logDecay(Ops ops, Tensor like) {
        Tensor all = ops.zeros(like.dtype(), Shape.of(1, 1, heads, 1));
        for (int h = 0; h < heads; h++) {
            all.set(h, Math.log1p(-Math.pow(2, -5 - h)));
        }
        return all;
    }
}

package tern.mixers.mlstm;

import java.util.ArrayList;
import java.util.List;

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
 * C ← σ(f) C + e^i k vᵀ, n ← σ(f) n + e^i k, y = W_o(σ(W_og x) ⊙ norm_h(Cᵀq/max(|n·q|, 1))), C and n divided by e^m, m ← max(ln
 * σ(f) + m, i) (arXiv 2405.04517, section 2.3); or with σ(i) in the place of e^i, without m and n (arXiv 2503.14376, section 4).
 *
 * <p>State: C [H,K,V], with a normaliser [H,K,V+1], n in the last column; m [1,H] with an exponential gate. Parameters:
 * {@code query.weight}, {@code key.weight} [H·K,D], {@code value.weight}, {@code gate.weight}, {@code output.weight} [D,D],
 * {@code inputGate.weight}, {@code forgetGate.weight} [H,D] with {@code .bias} [H], {@code norm.gain} [D]. Starts as released. Immutable.
 */
public final class Mlstm implements SequenceMixer {
    /** e^80 is a float; what would be divided by more reads as 0 in any case. */
    private static final double LARGEST_EXPONENT = 80;

    private final MlstmConfig config;
    private final int heads;
    private final boolean stabilised;
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final Projection inputGate;
    private final Projection forgetGate;
    private final ReadOut readOut;
    private final StateLayout layout;

    Mlstm(MlstmConfig config, int valueWidth, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.heads = config.heads();
        this.stabilised = config.inputGate() == MlstmConfig.Gate.EXPONENTIAL;
        int width = at.width();
        int layers = (at.branches() + 1) / 2;
        Initialiser small = Initialiser.normal(Math.sqrt(2.0 / (5 * width)));
        this.query = Projection.matrix(scope.child("query"), width, heads * config.keyWidth(), small);
        this.key = Projection.matrix(scope.child("key"), width, heads * config.keyWidth(), small);
        this.value = Projection.matrix(scope.child("value"), width, width, small);
        this.inputGate = Projection.biased(scope.child("inputGate"), width, heads, Initialiser.constant(0),
                Initialiser.constant(-10));
        this.forgetGate = Projection.biased(scope.child("forgetGate"), width, heads, Initialiser.constant(0),
                Initialiser.of(h -> 3 + 3.0 * h / Math.max(1, heads - 1)));
        this.readOut = ReadOut.gated(
                new ReadNorm(ReadNorm.Kind.HEAD_LAYER, scope.child("norm"), heads, valueWidth,
                        config.normEpsilon().orElse(config.epsilon())),
                Projection.matrix(scope.child("gate"), width, width, small), Activation.SIGMOID,
                Projection.matrix(scope.child("output"), width, width,
                        Initialiser.normal(2 / (layers * Math.sqrt(width)))));
        List<Slot> slots = new ArrayList<>();
        slots.add(new Slot.Fixed("heads",
                Shape.of(heads, config.keyWidth(), valueWidth + (config.normalised() ? 1 : 0))));
        if (stabilised) {
            slots.add(new Slot.Fixed("maximum", Shape.of(1, heads)));
        }
        this.layout = new StateLayout(slots);
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
        Tensor q = Heads.split(ops, ops.scale(query.apply(ops, in.x()), 1 / Math.sqrt(config.keyWidth())), heads);
        Tensor k = Heads.split(ops, key.apply(ops, in.x()), heads);
        Tensor v = Heads.split(ops, value.apply(ops, in.x()), heads);
        Tensor i = capped(ops, inputGate.apply(ops, in.x()));
        Tensor g = Heads.logSigmoid(ops, capped(ops, forgetGate.apply(ops, in.x())));
        Tensor written = config.normalised() ? Heads.withOnes(ops, v) : v;
        if (!stabilised) {
            Tensor open = Heads.split(ops, ops.activate(i, Activation.SIGMOID), heads);
            Scanned scanned = ops.gatedScan(q, ops.scaleRows(k, open), written, Heads.split(ops, g, heads),
                    state.slot("heads"));
            Tensor read = config.normalised() ? divided(ops, scanned.y(), ones(ops, scanned.y())) : scanned.y();
            return new Mixed(readOut.apply(ops, in.x(), read), state.next(scanned.state()));
        }
        Tensor largest = ops.maximumScan(g, i, state.slot("maximum"));
        Scanned before = ops.shift(largest, state.slot("maximum"));
        Tensor relative = Heads.notAboveZero(ops, ops.add(ops.add(g, before.y()), ops.scale(largest, -1)));
        Tensor write = ops.activate(ops.add(i, ops.scale(largest, -1)), Activation.EXP);
        Scanned scanned = ops.gatedScan(q, ops.scaleRows(k, Heads.split(ops, write, heads)), written,
                Heads.split(ops, relative, heads), state.slot("heads"));
        Tensor floor = Heads.split(ops, ops.activate(notAbove(ops, ops.scale(largest, -1)), Activation.EXP), heads);
        return new Mixed(readOut.apply(ops, in.x(), divided(ops, scanned.y(), floor)),
                state.next(scanned.state(), before.state()));
    }

    private Tensor capped(Ops ops, Tensor gate) {
        return config.cap() == 0 ? gate
                : ops.scale(ops.activate(ops.scale(gate, 1 / config.cap()), Activation.TANH), config.cap());
    }

    private Tensor ones(Ops ops, Tensor read) {
        return ops.zeros(read.dtype(), read.shape().withLast(1)).fill(1);
    }

    private Tensor notAbove(Ops ops, Tensor exponent) {
        Tensor most = Heads.constant(ops, this, exponent.dtype(), Shape.of(heads), LARGEST_EXPONENT);
        return Heads.notAbove(ops, exponent, most);
    }

    /** Cᵀq / (max(|n·q|, floor) + ε). */
    private Tensor divided(Ops ops, Tensor read, Tensor floor) {
        List<Tensor> parts = Heads.cut(ops, read, read.dim(3) - 1, 1);
        Tensor sum = parts.get(1);
        Tensor size = ops.add(ops.activate(sum, Activation.RELU), ops.activate(ops.scale(sum, -1), Activation.RELU));
        // max(a, b) = b + relu(a − b)
        Tensor larger = ops.add(ops.activate(ops.add(size, ops.scale(floor, -1)), Activation.RELU), floor);
        return ops.divideRows(parts.get(0),
                ops.add(larger, Heads.constant(ops, this, read.dtype(), Shape.of(1), config.epsilon())));
    }
}

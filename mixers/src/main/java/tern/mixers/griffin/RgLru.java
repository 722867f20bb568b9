package tern.mixers.griffin;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

import tern.mixers.parts.Projection;
import tern.mixers.parts.ShortFilter;
import tern.ops.Activation;
import tern.ops.LinearMap;
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
 * h ← a ⊙ h + √(1 − a²) ⊙ σ(I x + c) ⊙ x with ln a = −8 σ(A x + d) ⊙ softplus(Λ) and x = short filter of W_x u;
 * y = W_o(h ⊙ gelu(W_y u)) (arXiv 2402.19427, sections 2.3 and 2.4). At the first position of a sequence a is taken as 0, so that
 * the input comes in whole.
 *
 * <p>State: the last inputs of the short filter and h [1,W]. Parameters: {@code input.weight}, {@code gate.weight} [W,D] with biases
 * for W_x and W_y; {@code short.weight} [W,taps], {@code short.bias}; {@code inputGate.weight}, {@code recurrenceGate.weight}
 * [H,W/H,W/H], rows of outputs, and biases [W]; {@code decay} Λ [W]; {@code output.weight} [D,W], {@code output.bias}. Immutable.
 */
public final class RgLru implements SequenceMixer {
    private static final double SHARPNESS = 8;
    /** So far below 0 that its exponential is 0 in every type. */
    private static final double NOTHING_LEFT = -1e4;
    private static final double SLOWEST = 0.999;
    private static final double FASTEST = 0.9;

    private final RgLruConfig config;
    private final Projection input;
    private final Projection gate;
    private final ShortFilter filter;
    private final Tensor inputGate;
    private final Tensor inputBias;
    private final Tensor recurrenceGate;
    private final Tensor recurrenceBias;
    private final Tensor decay;
    private final Projection output;
    private final StateLayout layout;

    RgLru(RgLruConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        int inner = config.inner();
        int block = inner / config.heads();
        Shape blocks = Shape.of(config.heads(), block, block);
        this.input = Projection.into(scope.child("input"), at.width(), inner, true);
        this.gate = Projection.into(scope.child("gate"), at.width(), inner, true);
        this.filter = new ShortFilter(scope.child("short"), inner, config.shortFilter(), true);
        Initialiser start = Initialiser.normal(1 / Math.sqrt(block));
        ParameterScope opening = scope.child("inputGate");
        this.inputGate = opening.parameter("weight", blocks, Role.FILTER, start);
        this.inputBias = opening.parameter("bias", Shape.of(inner), Role.VECTOR, Initialiser.constant(0));
        ParameterScope keeping = scope.child("recurrenceGate");
        this.recurrenceGate = keeping.parameter("weight", blocks, Role.FILTER, start);
        this.recurrenceBias = keeping.parameter("bias", Shape.of(inner), Role.VECTOR, Initialiser.constant(0));
        this.decay = scope.parameter("decay", Shape.of(inner), Role.FILTER, (parameter, random) -> {
            for (long i = 0; i < parameter.elements(); i++) {
                double square = FASTEST * FASTEST
                        + (SLOWEST * SLOWEST - FASTEST * FASTEST) * random.nextDouble();
                parameter.set(i, Math.log(Math.expm1(-Math.log(square) / 2)));
            }
        });
        this.output = Projection.outOf(scope.child("output"), inner, true, at);
        this.layout = StateLayout.of(filter.slot(), new Slot.Fixed("state", Shape.of(1, inner)));
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
        List<Tensor> both = Projection.applyAll(ops, List.of(input, gate), List.of(in.x(), in.x()));
        Scanned filtered = filter.linear(ops, both.get(0), state.slot("short"));
        Tensor x = filtered.y();
        Tensor speed = ops.derived(this, "speed",
                () -> ops.scale(ops.activate(decay, Activation.SOFTPLUS), -SHARPNESS));
        Tensor open = ops.activate(blocks(ops, x, recurrenceGate, recurrenceBias), Activation.SIGMOID);
        Tensor logDecay = begun(ops, ops.multiply(open, speed), in.ages());
        Tensor written = ops.gate(blocks(ops, x, inputGate, inputBias), x, Activation.SIGMOID);
        Scanned scanned = ops.affineScan(ops.activate(logDecay, Activation.EXP),
                ops.gate(logDecay, written, Activation.COMPLEMENT), state.slot("state"));
        Tensor y = output.apply(ops, ops.gate(both.get(1), scanned.y(), Activation.GELU));
        return new Mixed(y, state.next(filtered.state(), scanned.state()));
    }

    /** A block-diagonal map: each head's channels through a matrix of their own. */
    private Tensor blocks(Ops ops, Tensor x, Tensor weight, Tensor bias) {
        int block = weight.dim(1);
        List<LinearMap> maps = IntStream.range(0, config.heads()).mapToObj(h -> new LinearMap(
                ops.slice(x, -1, h * block, (h + 1) * block),
                ops.reshape(ops.slice(weight, 0, h, h + 1), Shape.of(block, block)),
                Optional.of(ops.slice(bias, 0, h * block, (h + 1) * block)))).toList();
        return ops.concat(ops.linears(maps), -1);
    }

    /** Log-decays at which nothing is left of what came before the first position. */
    private static Tensor begun(Ops ops, Tensor logDecay, long[] ages) {
        if (Arrays.stream(ages).noneMatch(age -> age == 0) || logDecay.dim(1) == 0) {
            return logDecay;
        }
        Tensor nothing = ops.zeros(logDecay.dtype(), logDecay.shape().with(1, 1));
        for (int b = 0; b < ages.length; b++) {
            if (ages[b] == 0) {
                nothing.slice(b, b + 1).fill(NOTHING_LEFT);
            }
        }
        Tensor first = ops.add(ops.slice(logDecay, 1, 0, 1), nothing);
        return logDecay.dim(1) == 1 ? first
                : ops.concat(List.of(first, ops.slice(logDecay, 1, 1, logDecay.dim(1))), 1);
    }
}

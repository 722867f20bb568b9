package tern.mixers.channel;

import java.util.List;
import java.util.Optional;

import tern.mixers.parts.Projection;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Tensor;

/**
 * y = W_o·f(W_v x), or gated, y = W_o·(f(W_g x) ⊙ W_v x) (arXiv 2002.05202). No state. Parameters: {@code value.weight}
 * [inner,D], {@code gate.weight} [inner,D] if gated, {@code output.weight} [D,inner], and biases if the config asks for them.
 * Immutable.
 */
public final class GatedMlp implements SequenceMixer {
    private final GatedMlpConfig config;
    private final Optional<Projection> gate;
    private final Projection value;
    private final Projection output;

    GatedMlp(GatedMlpConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.gate = config.gated()
                ? Optional.of(Projection.into(scope.child("gate"), at.width(), config.inner(), config.bias()))
                : Optional.empty();
        this.value = Projection.into(scope.child("value"), at.width(), config.inner(), config.bias());
        this.output = Projection.outOf(scope.child("output"), config.inner(), config.bias(), at);
    }

    @Override
    public StateLayout stateLayout() {
        return StateLayout.STATELESS;
    }

    @Override
    public int reach() {
        return 0;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        Tensor inner;
        if (gate.isPresent()) {
            List<Tensor> both = Projection.applyAll(ops, List.of(value, gate.get()), List.of(in.x(), in.x()));
            inner = ops.gate(scaled(ops, both.get(1), config.gateScale()), both.get(0), config.activation());
        } else {
            inner = ops.activate(value.apply(ops, in.x()), config.activation());
        }
        return new Mixed(scaled(ops, output.apply(ops, inner), config.outputScale()), state.next());
    }

    private static Tensor scaled(Ops ops, Tensor x, Optional<Double> factor) {
        return factor.isEmpty() ? x : ops.scale(x, factor.get());
    }
}

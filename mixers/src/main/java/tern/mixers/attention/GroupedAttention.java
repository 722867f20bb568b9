package tern.mixers.attention;

import java.util.List;
import java.util.Optional;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.ops.Activation;
import tern.ops.Attended;
import tern.ops.Ops;
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
 * y_t = W_o(σ(gate_t) ⊙ Σ_(s≤t) softmax_s(q_t·k_s/√K)·v_s) with queries and keys normalised and turned: the attention layers of
 * Qwen3-Next (gate, norms, a quarter of each head turned), LFM2 (norms), Falcon-H1 (scaled keys) and Nemotron-H (no positions).
 *
 * <p>State: all past keys and values, G·K floats each a position; keys are kept as they are read. Parameters: {@code query.weight}
 * [H·K,D], or gated [H·2K,D] with rows of a head's queries, then of its gate; {@code key.weight}, {@code value.weight} [G·K,D];
 * {@code output.weight} [D,H·K]; {@code queryNorm.gain}, {@code keyNorm.gain} [K] if normalised; biases if the config asks for them.
 * Immutable.
 */
public final class GroupedAttention implements SequenceMixer {
    private final GroupedAttentionConfig config;
    private final List<Projection> projections;
    private final Projection output;
    private final Optional<Tensor> queryGain;
    private final Optional<Tensor> keyGain;
    private final StateLayout layout;
    // Radians a position, where they are not powers of a base.
    private final double[] speeds;
    // What turned queries and keys are multiplied by then.
    private final double attention;

    GroupedAttention(GroupedAttentionConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        int width = at.width();
        int all = config.heads() * config.headWidth();
        int keys = config.keyHeads() * config.headWidth();
        this.projections = List.of(
                Projection.into(scope.child("query"), width, config.gated() ? 2 * all : all, config.bias()),
                Projection.into(scope.child("key"), width, keys, config.bias()),
                Projection.into(scope.child("value"), width, keys, config.bias()));
        this.output = Projection.outOf(scope.child("output"), all, config.outputBias(), at);
        this.queryGain = gain(scope, "queryNorm");
        this.keyGain = gain(scope, "keyNorm");
        this.speeds = config.yarn().map(yarn -> yarn.speeds(config.ropeBase(), config.rotaryWidth()))
                .or(() -> config.slowed().map(slowed -> slowed.speeds(config.ropeBase(), config.rotaryWidth())))
                .orElse(new double[0]);
        this.attention = config.yarn().map(Yarn::attention).or(() -> config.slowed().map(Slowed::attention))
                .orElse(1.0);
        Shape row = Shape.of(config.keyHeads(), config.headWidth());
        this.layout = StateLayout.of(new Slot.Growing("keys", row), new Slot.Growing("values", row));
    }

    private Optional<Tensor> gain(ParameterScope scope, String name) {
        return config.normEpsilon().isEmpty() ? Optional.empty()
                : Optional.of(scope.child(name).parameter("gain", Shape.of(config.headWidth()), Role.VECTOR,
                        Initialiser.constant(1)));
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
        int width = config.headWidth();
        List<Tensor> all = Projection.applyAll(ops, projections, List.of(in.x(), in.x(), in.x()));
        Tensor query = Heads.split(ops, all.get(0), config.heads());
        Tensor raw = Heads.split(ops, all.get(1), config.keyHeads());
        Tensor read = config.gated() ? ops.slice(query, -1, 0, width) : query;
        Tensor key = turned(ops, in, normed(ops, config.keyScale() == 1 ? raw : ops.scale(raw, config.keyScale()),
                keyGain));
        Attended attended = ops.causalAttention(turned(ops, in, normed(ops, read, queryGain)), key,
                Heads.split(ops, all.get(2), config.keyHeads()), state.slot("keys"), state.slot("values"), in.ages());
        Tensor y = config.gated()
                ? ops.gate(ops.slice(query, -1, width, 2 * width), attended.y(), Activation.SIGMOID)
                : attended.y();
        return new Mixed(output.apply(ops, Heads.merge(ops, y)), state.next(attended.keys(), attended.values()));
    }

    private Tensor normed(Ops ops, Tensor x, Optional<Tensor> gain) {
        return gain.isEmpty() ? x : ops.rmsNorm(x, gain.get(), config.normEpsilon().orElseThrow());
    }

    private Tensor turned(Ops ops, MixerInput in, Tensor x) {
        if (config.ropeBase() == 0) {
            return x;
        }
        int turning = config.rotaryWidth();
        if (turning == config.headWidth()) {
            return rotary(ops, in, x);
        }
        return ops.concat(List.of(rotary(ops, in, ops.slice(x, -1, 0, turning)),
                ops.slice(x, -1, turning, config.headWidth())), -1);
    }

    private Tensor rotary(Ops ops, MixerInput in, Tensor x) {
        if (speeds.length == 0) {
            return ops.rotary(x, in.ages(), config.ropeBase());
        }
        Tensor turned = ops.rotary(x, in.ages(), speeds);
        return attention == 1 ? turned : ops.scale(turned, attention);
    }
}

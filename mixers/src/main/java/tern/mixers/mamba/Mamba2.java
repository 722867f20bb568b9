package tern.mixers.mamba;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import tern.mixers.parts.DecayStart;
import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.mixers.parts.ReadNorm;
import tern.mixers.parts.ShortFilter;
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
 * S ← e^(−Δ e^speed) S + B (Δ x)ᵀ, y = W_o norm((SᵀC + skip·x) ⊙ silu(z)) with Δ = softplus(dt + step) and x, B, C through a
 * short filter and SiLU (arXiv 2405.21060, sections 3 and 7; starts as released).
 *
 * <p>State: the last inputs of the short filter and S [H,N,P]. Parameters, E = H·P and G groups: {@code projection.weight}
 * [2E + 2GN + H,D], rows of z, x, B, C, dt; {@code short.weight} [E + 2GN,taps], {@code short.bias}; {@code step}, {@code speed},
 * {@code skip} [H]; {@code norm.gain} [E] unless the config's
 * variation has no norm; {@code output.weight} [D,E]. Immutable.
 */
public final class Mamba2 implements SequenceMixer {
    private final Mamba2Config config;
    private final int inner;
    private final int keys;
    private final Projection projection;
    private final ShortFilter filter;
    private final Tensor step;
    private final Tensor speed;
    private final Tensor skip;
    private final Mamba2Variation variation;
    private final Optional<ReadNorm> norm;
    private final Projection output;
    private final Optional<StateWindow> window;
    private final StateLayout layout;

    Mamba2(Mamba2Config config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.variation = config.variation().orElse(Mamba2Variation.NONE);
        int heads = config.heads();
        this.inner = heads * config.headWidth();
        this.keys = config.groups() * config.stateWidth();
        this.projection = Projection.into(scope.child("projection"), at.width(), 2 * inner + 2 * keys + heads,
                config.bias());
        this.filter = new ShortFilter(scope.child("short"), inner + 2 * keys, config.shortFilter(),
                config.shortBias());
        this.step = scope.parameter("step", Shape.of(heads), Role.FILTER, DecayStart.steps());
        this.speed = scope.parameter("speed", Shape.of(heads), Role.FILTER, DecayStart.speeds(1, 16));
        this.skip = scope.parameter("skip", Shape.of(heads), Role.FILTER, Initialiser.constant(1));
        int parts = config.normInGroups() ? config.groups() : 1;
        this.norm = variation.normed()
                ? Optional.of(new ReadNorm(parts > 1 ? ReadNorm.Kind.HEAD_GAINS : ReadNorm.Kind.FULL,
                        scope.child("norm"), parts, inner / parts, config.epsilon()))
                : Optional.empty();
        this.output = Projection.outOf(scope.child("output"), inner, config.bias(), at);
        this.window = config.forgetting().filter(forgetting -> forgetting.window() > 0)
                .map(forgetting -> new StateWindow(forgetting.window(), heads, config.groups(), config.stateWidth(),
                        config.headWidth()));
        List<Slot> slots = new ArrayList<>(List.of(filter.slot(),
                new Slot.Fixed("heads", Shape.of(heads, config.stateWidth(), config.headWidth()))));
        window.ifPresent(own -> slots.addAll(own.slots()));
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
        int heads = config.heads();
        List<Tensor> parts = projection.applyInParts(ops, in.x(), inner, inner + 2 * keys, heads);
        Scanned filtered = filter.apply(ops, parts.get(1), state.slot("short"));
        List<Tensor> streams = Heads.cut(ops, filtered.y(), inner, keys, keys);
        Tensor x = Heads.split(ops, streams.get(0), heads);
        Tensor written = scaled(ops, streams.get(1), config.forgetting().map(Forgetting::insertion).orElse(1.0));
        Tensor b = Heads.split(ops, written, config.groups());
        Tensor c = Heads.split(ops, streams.get(2), config.groups());
        Tensor delta = within(ops, DecayStart.step(ops, scaled(ops, parts.get(2), variation.stepScale()), step));
        Tensor decays = retained(ops, DecayStart.logDecay(ops, delta, speed));
        Tensor values = ops.scaleRows(x, Heads.split(ops, delta, heads));
        Scanned scanned = ops.gatedScan(c, b, values, Heads.split(ops, decays, heads), state.slot("heads"));
        Optional<StateWindow.Read> recent = window.map(own -> own.apply(ops, scanned.y(), c, written, values, decays,
                state.slot("earlier"), state.slot("inputs"), state.slot("lost")));
        Tensor direct = ops.derived(this, "skip", () -> ops.scaleRows(
                ops.zeros(x.dtype(), Shape.of(heads, config.headWidth())).fill(1),
                ops.reshape(skip, Shape.of(heads, 1))));
        Tensor read = Heads.merge(ops,
                ops.add(recent.map(StateWindow.Read::y).orElse(scanned.y()), ops.multiply(x, direct)));
        Tensor z = scaled(ops, parts.get(0), variation.gateScale());
        Tensor y = config.normBeforeGate() ? ops.gate(z, normalised(ops, read), Activation.SILU)
                : normalised(ops, ops.gate(z, read, Activation.SILU));
        State next = recent.isEmpty() ? state.next(filtered.state(), scanned.state())
                : state.next(filtered.state(), scanned.state(), recent.get().earlier(), recent.get().inputs(),
                        recent.get().lost());
        return new Mixed(output.apply(ops, y), next);
    }

    /** Log-decays of what is retained besides. */
    private Tensor retained(Ops ops, Tensor logDecay) {
        double retention = config.forgetting().map(Forgetting::retention).orElse(1.0);
        return retention == 1 ? logDecay : ops.add(logDecay,
                Heads.constant(ops, this, logDecay.dtype(), Shape.of(config.heads()), Math.log(retention)));
    }

    private Tensor normalised(Ops ops, Tensor rows) {
        return norm.isEmpty() ? rows
                : norm.get().apply(ops, Heads.split(ops, rows, config.normInGroups() ? config.groups() : 1));
    }

    private static Tensor scaled(Ops ops, Tensor x, double factor) {
        return factor == 1 ? x : ops.scale(x, factor);
    }

    /** Steps no shorter and no longer than the limits, where there are any. */
    private Tensor within(Ops ops, Tensor delta) {
        Tensor steps = delta;
        if (config.shortest() > 0) {
            Tensor least = Heads.constant(ops, this, delta.dtype(), Shape.of(config.heads()), config.shortest());
            steps = ops.add(steps, ops.activate(ops.add(ops.scale(steps, -1), least), Activation.RELU));
        }
        if (config.longest() < Double.MAX_VALUE) {
            Tensor most = Heads.constant(ops, this, delta.dtype(), Shape.of(config.heads()), config.longest());
            steps = Heads.notAbove(ops, steps, most);
        }
        return steps;
    }
}

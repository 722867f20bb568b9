package tern.mixers.mamba;

import java.util.List;
import java.util.Optional;

import tern.mixers.parts.DecayStart;
import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.mixers.parts.ShortFilter;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.ops.Selection;
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
 * h ← e^(−Δ e^speed) ⊙ h + B (Δ x)ᵀ, y = W_o((hᵀC + skip ⊙ x) ⊙ silu(z)) with x through a short filter and SiLU,
 * Δ = softplus(W_Δ δ + step) and δ, B, C maps of x (arXiv 2312.00752, sections 3.2 and 3.4; starts as released).
 *
 * <p>State: the last inputs of the short filter and h [N,E]. Parameters: {@code projection.weight} [2E,D], rows of x, z;
 * {@code short.weight} [E,taps], {@code short.bias}; {@code select.weight} [R + 2N,E], rows of δ, B, C; {@code step.weight} [E,R],
 * {@code step.bias} [E]; {@code speed} [N,E]; {@code skip} [E]; {@code output.weight} [D,E]; in Jamba the gains of δ, B and C,
 * {@code stepNorm.gain} [R], {@code writeNorm.gain} and {@code readNorm.gain} [N]. Immutable.
 */
public final class Mamba implements SequenceMixer {
    private final MambaConfig config;
    private final Projection projection;
    private final ShortFilter filter;
    private final Projection select;
    private final Projection steps;
    private final Tensor speed;
    private final Tensor skip;
    private final Projection output;
    /** Gains of the norms of δ, B and C; none where these have none. */
    private final Optional<List<Tensor>> gains;
    private final StateLayout layout;

    Mamba(MambaConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        int inner = config.inner();
        Shape states = Shape.of(config.stateWidth(), inner);
        double bound = 1 / Math.sqrt(config.rank());
        this.projection = Projection.into(scope.child("projection"), at.width(), 2 * inner, config.bias());
        this.filter = new ShortFilter(scope.child("short"), inner, config.shortFilter(), config.shortBias());
        this.select = Projection.matrix(scope.child("select"), inner, config.rank() + 2 * config.stateWidth(),
                Initialiser.fanIn(inner));
        this.steps = Projection.lowRank(scope.child("step"), config.rank(), inner, Initialiser.uniform(-bound, bound),
                DecayStart.steps());
        this.speed = scope.parameter("speed", states, Role.FILTER, Initialiser.of(i -> Math.log(1 + i / inner)));
        this.skip = scope.parameter("skip", Shape.of(inner), Role.FILTER, Initialiser.constant(1));
        this.output = Projection.outOf(scope.child("output"), inner, config.bias(), at);
        this.gains = config.variation().filter(MambaVariation::normGains)
                .map(own -> List.of(gain(scope, "stepNorm", config.rank()),
                        gain(scope, "writeNorm", config.stateWidth()),
                        gain(scope, "readNorm", config.stateWidth())));
        this.layout = StateLayout.of(filter.slot(), new Slot.Fixed("states", states));
    }

    private static Tensor gain(ParameterScope scope, String norm, int width) {
        return scope.child(norm).parameter("gain", Shape.of(width), Role.VECTOR, Initialiser.constant(1));
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
        int inner = config.inner();
        List<Tensor> both = projection.applyInParts(ops, in.x(), inner, inner);
        Scanned filtered = filter.apply(ops, both.get(0), state.slot("short"));
        Tensor x = filtered.y();
        List<Tensor> selected = Heads.cut(ops, select.apply(ops, x), config.rank(), config.stateWidth(),
                config.stateWidth());
        Tensor step = ops.activate(steps.apply(ops, normalised(ops, selected, 0)), Activation.SOFTPLUS);
        Tensor write = normalised(ops, selected, 1);
        Tensor rate = ops.derived(this, "rate", () -> ops.scale(ops.activate(speed, Activation.EXP), -1));
        Scanned scanned = ops.selectiveScan(new Selection(x, step, rate,
                config.insertion() < 1 ? ops.scale(write, config.insertion()) : write,
                normalised(ops, selected, 2), skip), state.slot("states"));
        Tensor y = output.apply(ops, ops.gate(both.get(1), scanned.y(), Activation.SILU));
        return new Mixed(y, state.next(filtered.state(), scanned.state()));
    }

    private Tensor normalised(Ops ops, List<Tensor> selected, int which) {
        Tensor x = selected.get(which);
        if (!config.normalised()) {
            return x;
        }
        Tensor gain = gains.isPresent() ? gains.get().get(which)
                : Heads.constant(ops, this, x.dtype(), Shape.of(x.shape().last()), 1);
        return ops.rmsNorm(x, gain, config.epsilon());
    }
}

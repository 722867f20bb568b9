package tern.mixers.statespace;

import tern.mixers.parts.Projection;
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
 * h ← e^(Δ A) ⊙ h + B̄ x, s = Re(C h) + skip ⊙ x with one complex state for all channels; y = g ⊙ σ(W g), g = gelu(s)
 * (arXiv 2208.04933, sections 3 and 4). Of conjugate modes one is kept; C has the other's share.
 *
 * <p>State: P complex modes in all, [1,2P]. Parameters: {@code rate}, {@code phase}, {@code step} [P], of which the first and last are
 * logarithms; {@code input.weight} [2P,D], real parts, then imaginary ones; {@code read.weight} [D,2P]; {@code skip} [D];
 * {@code gate.weight} [D,D]. Immutable.
 */
public final class S5 implements SequenceMixer {
    private final SharedModes modes;
    private final Projection read;
    private final Tensor skip;
    private final Projection gate;
    private final StateLayout layout;

    S5(S5Config config, BranchContext at, ParameterScope scope) {
        int width = at.width();
        int order = 2 * config.modes();
        this.modes = new SharedModes(config.modes(), config.blocks(), config.steps(), config.rescale(), width,
                1 / Math.sqrt(width), scope);
        this.read = Projection.lowRank(scope.child("read"), order, width,
                Initialiser.normal(Math.sqrt(2.0 / config.modes())));
        this.skip = scope.parameter("skip", Shape.of(width), Role.FILTER, Initialiser.normal(1));
        this.gate = Projection.into(scope.child("gate"), width, width, false);
        this.layout = StateLayout.of(new Slot.Fixed("modes", Shape.of(1, order)));
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
        Scanned scanned = modes.scan(ops, ops.linear(in.x(), modes.input(ops)), 1, state.slot("modes"));
        Tensor g = ops.activate(ops.add(read.apply(ops, scanned.y()), ops.multiply(in.x(), skip)), Activation.GELU);
        return new Mixed(ops.gate(gate.apply(ops, g), g, Activation.SIGMOID), state.next(scanned.state()));
    }
}

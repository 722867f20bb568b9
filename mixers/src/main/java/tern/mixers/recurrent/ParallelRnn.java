package tern.mixers.recurrent;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
import tern.mixers.parts.ReadNorm;
import tern.mixers.parts.ReadOut;
import tern.mixers.parts.ShortFilter;
import tern.ops.Activation;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.ops.Solved;
import tern.ops.UnitCell;
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
 * s ← cell(s, B u + b) with u = silu(filter(W_i x)), y = W_o(norm(h) ⊙ silu(W_g x)): see {@link UnitCell} for the recurrences of ParaGRU
 * and ParaLSTM (arXiv 2510.21450, section 4). The parallel form may solve it by Newton's method.
 *
 * <p>State: the last inputs of the short filter; h and what else the cell remembers [S,D]. Parameters: {@code input.weight} [D,D];
 * {@code short.weight} [D,taps], {@code short.bias}; {@code gates.weight} [G·D,D], rows gate by gate, {@code gates.bias};
 * {@code recurrent.weight} [W,D]; {@code norm.gain} [D]; {@code gate.weight}, {@code output.weight} [D,D]. Recurrent weights start within
 * ±0.5, where Newton's method contracts. Immutable.
 */
public final class ParallelRnn implements SequenceMixer {
    private static final double EPSILON = 1e-5;
    private static final double LARGEST_START = 0.5;

    private final ParallelRnnConfig config;
    private final int width;
    private final Projection input;
    private final ShortFilter filter;
    private final Projection gates;
    private final Tensor weight;
    private final ReadOut readOut;
    private final StateLayout layout;

    ParallelRnn(ParallelRnnConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.width = at.width();
        UnitCell cell = config.cell();
        this.input = Projection.into(scope.child("input"), width, width, false);
        this.filter = new ShortFilter(scope.child("short"), width, config.shortFilter(), true);
        this.gates = Projection.biased(scope.child("gates"), width, cell.gates() * width, Initialiser.fanIn(width),
                Initialiser.constant(0));
        this.weight = scope.child("recurrent").parameter("weight", Shape.of(cell.weights(), width), Role.FILTER,
                Initialiser.uniform(-LARGEST_START, LARGEST_START));
        this.readOut = ReadOut.gated(new ReadNorm(ReadNorm.Kind.FULL, scope.child("norm"), 1, width, EPSILON),
                Projection.into(scope.child("gate"), width, width, false), Activation.SILU,
                Projection.outOf(scope.child("output"), width, false, at));
        this.layout = StateLayout.of(filter.slot(), new Slot.Fixed("cell", Shape.of(cell.states(), width)));
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
        return mix(ops, in, state, 0);
    }

    @Override
    public Mixed parallel(Ops ops, MixerInput in, State state) {
        return mix(ops, in, state, config.newton());
    }

    private Mixed mix(Ops ops, MixerInput in, State state, int iterations) {
        Scanned filtered = filter.apply(ops, input.apply(ops, in.x()), state.slot("short"));
        Tensor given = ops.reshape(gates.apply(ops, filtered.y()),
                Shape.of(in.batch(), in.time(), config.cell().gates(), width));
        Scanned scanned;
        if (iterations == 0) {
            scanned = ops.unitScan(config.cell(), given, weight, state.slot("cell"));
        } else {
            Solved solved = ops.unitNewton(config.cell(), given, weight, state.slot("cell"), iterations,
                    config.tolerance());
            scanned = new Scanned(solved.y(), solved.state());
        }
        return new Mixed(readOut.apply(ops, in.x(), Heads.split(ops, scanned.y(), 1)),
                state.next(filtered.state(), scanned.state()));
    }
}

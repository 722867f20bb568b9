package tern.mixers.shortconv;

import java.util.List;
import java.util.Optional;

import tern.mixers.parts.Heads;
import tern.mixers.parts.Projection;
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
 * y = W_o(c ⊙ conv(b ⊙ x')) with b, c, x' = W x (LFM2, arXiv 2511.23404). State: the last inputs of the convolution, (taps−1)·D
 * floats. Parameters: {@code projection.weight} [3D,D], rows of b, c, x'; {@code short.weight} [D,taps]; {@code output.weight} [D,D];
 * {@code projection.bias}, {@code short.bias}, {@code output.bias} if the config asks for them. Immutable.
 */
public final class GatedShortConv implements SequenceMixer {
    private final int width;
    private final int taps;
    private final Projection projection;
    private final Tensor filter;
    private final Optional<Tensor> shift;
    private final Projection output;
    private final StateLayout layout;

    GatedShortConv(GatedShortConvConfig config, BranchContext at, ParameterScope scope) {
        this.width = at.width();
        this.taps = config.taps();
        this.projection = Projection.into(scope.child("projection"), width, 3 * width, config.bias());
        ParameterScope shortScope = scope.child("short");
        this.filter = shortScope.parameter("weight", Shape.of(width, taps), Role.FILTER, Initialiser.fanIn(taps));
        this.shift = config.bias()
                ? Optional.of(shortScope.parameter("bias", Shape.of(width), Role.VECTOR, Initialiser.constant(0)))
                : Optional.empty();
        this.output = Projection.outOf(scope.child("output"), width, config.bias(), at);
        this.layout = StateLayout.of(new Slot.Fixed("short", Shape.of(taps - 1, width)));
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public int reach() {
        return taps - 1;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        List<Tensor> parts = projection.applyInParts(ops, in.x(), width, width, width);
        Tensor bias = shift.orElseGet(() -> Heads.constant(ops, this, in.x().dtype(), Shape.of(width), 0));
        Scanned filtered = ops.shortConvolution(ops.multiply(parts.get(0), parts.get(2)), filter, bias,
                state.slot("short"));
        return new Mixed(output.apply(ops, ops.multiply(parts.get(1), filtered.y())), state.next(filtered.state()));
    }
}

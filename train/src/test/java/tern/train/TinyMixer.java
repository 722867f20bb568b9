package tern.train;

import tern.ops.Activation;
import tern.ops.Ops;
import tern.ops.Scanned;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** y = W₂·(silu(c) ⊙ c), c = short convolution of W₁·x: enough of a mixer to train, with parameters of every role. */
record TinyMixer(int taps) implements MixerConfig {
    @Override
    public SequenceMixer build(BranchContext at, ParameterScope scope) {
        int width = at.width();
        Tensor in = scope.parameter("in", Shape.of(width, width), Role.MATRIX, Initialiser.fanIn(width));
        Tensor filter = scope.parameter("filter", Shape.of(width, taps), Role.FILTER, Initialiser.fanIn(taps));
        Tensor bias = scope.parameter("bias", Shape.of(width), Role.VECTOR, Initialiser.constant(0.1));
        Tensor out = scope.parameter("out", Shape.of(width, width), Role.MATRIX, Initialiser.fanIn(width));
        return new SequenceMixer() {
            @Override
            public StateLayout stateLayout() {
                return StateLayout.of(new Slot.Fixed("past", Shape.of(taps - 1, width)));
            }

            @Override
            public Mixed step(Ops ops, MixerInput input, State state) {
                Scanned mixed = ops.shortConvolution(ops.linear(input.x(), in), filter, bias, state.slot("past"));
                Tensor gated = ops.gate(mixed.y(), mixed.y(), Activation.SILU);
                return new Mixed(ops.linear(gated, out), state.next(mixed.state()));
            }

            @Override
            public Mixed chunk(Ops ops, MixerInput input, State state) {
                return step(ops, input, state);
            }
        };
    }
}

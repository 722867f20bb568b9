package tern.mixers.channel;

import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** y = b: what is left of a layer that always says the same. No state. Parameter: {@code bias} [D]. Immutable. */
public final class Constant implements SequenceMixer {
    private final Tensor bias;

    Constant(BranchContext at, ParameterScope scope) {
        this.bias = scope.parameter("bias", Shape.of(at.width()), Role.VECTOR, Initialiser.constant(0));
    }

    @Override
    public StateLayout stateLayout() {
        return StateLayout.STATELESS;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return chunk(ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        return new Mixed(ops.add(ops.zeros(in.x().dtype(), in.x().shape()), bias), state.next());
    }
}

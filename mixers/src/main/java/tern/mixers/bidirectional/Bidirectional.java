package tern.mixers.bidirectional;

import tern.mixers.parts.Expect;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.EncoderMixer;
import tern.sequence.Form;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.tensor.Allocator;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * y = f(x) + reversed g(reversed x), over whole sequences; padding is neither read nor counted. No state. Parameters: those of f as
 * {@code forward.…}, those of g as {@code backward.…}. Immutable.
 */
public final class Bidirectional implements EncoderMixer {
    private final SequenceMixer forward;
    private final SequenceMixer backward;

    Bidirectional(BidirectionalConfig config, BranchContext at, ParameterScope scope) {
        this.forward = config.mixer().build(at, scope.child("forward"));
        this.backward = config.mixer().build(at, scope.child("backward"));
        Expect.that(forward.causal() && forward.reads().isEmpty() && forward.recalls().isEmpty()
                && forward.publishes().isEmpty() && forward.shares().isEmpty(),
                "bidirectional: " + config.mixer() + " speaks to other branches, or reads in both directions already;"
                        + " expected a mixer that reads its own past alone");
    }

    @Override
    public int limit() {
        return forward.limit();
    }

    @Override
    public Mixed parallel(Ops ops, MixerInput in, State state) {
        Tensor past = whole(ops, forward, in);
        Tensor future = whole(ops, backward, in.with(ops.reversed(in.x(), in.lengths())));
        Tensor y = ops.add(ops.masked(past, in.lengths()), ops.reversed(future, in.lengths()));
        return new Mixed(y, state.next());
    }

    /** What a mixer gives for sequences that begin here and are not continued. */
    private static Tensor whole(Ops ops, SequenceMixer mixer, MixerInput in) {
        Allocator zeros = new Allocator() {
            @Override
            public Tensor allocate(DType dtype, Shape shape) {
                return ops.zeros(dtype, shape);
            }
        };
        State empty = State.empty(mixer.stateLayout(), in.x().dtype(), in.batch(), 0, zeros);
        return mixer.mix(Form.PARALLEL, ops, in, empty).y();
    }
}

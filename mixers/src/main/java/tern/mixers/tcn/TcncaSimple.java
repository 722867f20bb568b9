package tern.mixers.tcn;

import tern.mixers.mega.MovedAttention;
import tern.mixers.modal.OverMover;
import tern.mixers.parts.Projection;
import tern.ops.Attended;
import tern.ops.Chunks;
import tern.ops.Dropped;
import tern.ops.Ops;
import tern.ops.Weighing;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Tensor;

/**
 * TCNCA-simple: m = mover(x̂), y = W_o·attention(W_q m, W_k m, W_v m) within chunks (after arXiv 2312.05605, "without excessive
 * multiplicative and additive interactions"; its exact form is a decision of this project).
 *
 * <p>State: that of the mover, under {@code move.}; keys and values of the current chunk, at most C·(z + D) floats; none in both
 * directions. Parameters: {@code move.…}; {@code query.weight}, {@code key.weight} [z,D], {@code value.weight},
 * {@code output.weight} [D,D]; those of {@link tern.mixers.mega.PositionBias} under {@code position.}. Immutable.
 */
public final class TcncaSimple implements OverMover {
    private static final double DEVIATION = 0.02;

    private final TcncaSimpleConfig config;
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final Projection output;
    private final MovedAttention attention;

    TcncaSimple(TcncaSimpleConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        int width = at.width();
        SequenceMixer mover = MovedAttention.mover("tcnca-simple", config.mover(), at, scope);
        Initialiser start = Initialiser.normal(DEVIATION);
        this.query = Projection.matrix(scope.child("query"), width, config.keyWidth(), start);
        this.key = Projection.matrix(scope.child("key"), width, config.keyWidth(), start);
        this.value = Projection.matrix(scope.child("value"), width, width, start);
        this.output = Projection.matrix(scope.child("output"), width, width, start);
        Chunks chunks = new Chunks(Weighing.SOFTMAX, config.chunk(), mover.causal(),
                Dropped.at(config.attentionDropout().orElse(0.0)));
        this.attention = new MovedAttention(mover, config.keyWidth(), width, chunks, config.bias(), at, scope);
    }

    @Override
    public SequenceMixer mover() {
        return attention.mover();
    }

    @Override
    public MixerConfig over(MixerConfig other) {
        return config.with(other);
    }

    @Override
    public boolean causal() {
        return mover().causal();
    }

    @Override
    public int limit() {
        return attention.limit();
    }

    @Override
    public StateLayout stateLayout() {
        return attention.layout();
    }

    @Override
    public Mixed all(Form form, Ops ops, MixerInput in, State state) {
        Mixed moved = attention.move(form, ops, in, in.x(), state);
        Tensor m = ops.dropout(moved.y(), config.dropout().orElse(0.0), false);
        Attended attended = attention.attend(ops, in, query.apply(ops, m), key.apply(ops, m), value.apply(ops, m),
                state);
        Tensor y = output.apply(ops, ops.reshape(attended.y(), in.x().shape()));
        return new Mixed(ops.dropout(y, config.dropout().orElse(0.0), false),
                attention.next(state, moved, attended));
    }
}

package tern.mixers.tcn;

import java.util.ArrayList;
import java.util.List;

import tern.mixers.mega.PositionBias;
import tern.mixers.parts.Expect;
import tern.mixers.parts.Projection;
import tern.ops.Attended;
import tern.ops.Chunks;
import tern.ops.Ops;
import tern.ops.Weighing;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Initialiser;
import tern.sequence.Mixed;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * TCNCA-simple: m = mover(x̂), y = W_o·attention(W_q m, W_k m, W_v m) within chunks (after arXiv 2312.05605, "without excessive
 * multiplicative and additive interactions"; its exact form is a decision of this project).
 *
 * <p>State: that of the mover, under {@code move.}; keys and values of the current chunk, at most C·(z + D) floats; none in both
 * directions. Parameters: {@code move.…}; {@code query.weight}, {@code key.weight} [z,D], {@code value.weight},
 * {@code output.weight} [D,D]; those of {@link PositionBias} under {@code position.}. Immutable.
 */
public final class TcncaSimple implements SequenceMixer {
    private static final double DEVIATION = 0.02;
    private static final String MOVE = "move.";

    private final TcncaSimpleConfig config;
    private final int width;
    private final SequenceMixer mover;
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final Projection output;
    private final PositionBias bias;
    private final Chunks chunks;
    private final StateLayout layout;

    TcncaSimple(TcncaSimpleConfig config, BranchContext at, ParameterScope scope) {
        this.config = config;
        this.width = at.width();
        this.mover = config.mover().build(at, scope.child("move"));
        Expect.that(mover.reads().isEmpty() && mover.recalls().isEmpty() && mover.publishes().isEmpty()
                && mover.shares().isEmpty(),
                "tcnca-simple: the mover " + config.mover()
                        + " speaks to other branches; expected one that reads its input alone");
        Initialiser start = Initialiser.normal(DEVIATION);
        this.query = Projection.matrix(scope.child("query"), width, config.keyWidth(), start);
        this.key = Projection.matrix(scope.child("key"), width, config.keyWidth(), start);
        this.value = Projection.matrix(scope.child("value"), width, width, start);
        this.output = Projection.matrix(scope.child("output"), width, width, start);
        int positions = config.chunk() == 0 ? at.context() : config.chunk();
        this.bias = new PositionBias(config.bias(), config.keyWidth(), positions, scope.child("position"));
        this.chunks = new Chunks(Weighing.SOFTMAX, config.chunk(), mover.causal());
        this.layout = mover.causal() ? slots() : StateLayout.STATELESS;
    }

    private StateLayout slots() {
        List<Slot> slots = new ArrayList<>();
        for (Slot slot : mover.stateLayout().slots()) {
            slots.add(slot.named(MOVE + slot.name()));
        }
        slots.add(cache("keys", config.keyWidth()));
        slots.add(cache("values", width));
        return new StateLayout(slots);
    }

    private Slot cache(String name, int channels) {
        Shape row = Shape.of(1, channels);
        return config.chunk() == 0 ? new Slot.Growing(name, row) : new Slot.Chunk(name, row, config.chunk());
    }

    @Override
    public boolean causal() {
        return mover.causal();
    }

    @Override
    public StateLayout stateLayout() {
        return layout;
    }

    @Override
    public Mixed step(Ops ops, MixerInput in, State state) {
        return mixed(Form.STEP, ops, in, state);
    }

    @Override
    public Mixed chunk(Ops ops, MixerInput in, State state) {
        return mixed(Form.CHUNK, ops, in, state);
    }

    @Override
    public Mixed parallel(Ops ops, MixerInput in, State state) {
        return mixed(Form.PARALLEL, ops, in, state);
    }

    private Mixed mixed(Form form, Ops ops, MixerInput in, State state) {
        List<Tensor> slots = state.slots();
        int own = mover.stateLayout().slots().size();
        Mixed moved = mover.mix(form, ops, in, State.of(mover.stateLayout(), slots.subList(0, own)));
        Tensor m = moved.y();
        Tensor queries = heads(ops, query.apply(ops, m));
        Tensor keys = heads(ops, key.apply(ops, m));
        Tensor values = heads(ops, value.apply(ops, m));
        Attended attended = ops.chunkedAttention(queries, keys, values, bias.of(ops, m, positions(in)), chunks,
                causal() ? slots.get(own) : empty(ops, keys), causal() ? slots.get(own + 1) : empty(ops, values),
                in.ages(), in.lengths());
        Tensor y = output.apply(ops, ops.reshape(attended.y(), in.x().shape()));
        if (!causal()) {
            return new Mixed(y, state.next());
        }
        List<Tensor> next = new ArrayList<>(moved.state().slots());
        next.add(attended.keys());
        next.add(attended.values());
        return new Mixed(y, state.next(next.toArray(Tensor[]::new)));
    }

    private static Tensor heads(Ops ops, Tensor x) {
        return ops.reshape(x, Shape.of(x.dim(0), x.dim(1), 1, x.dim(2)));
    }

    private static Tensor empty(Ops ops, Tensor like) {
        return ops.zeros(like.dtype(), like.shape().with(1, 0));
    }

    /** The most positions of a chunk that the call and what came before it fill. */
    private int positions(MixerInput in) {
        long most = 1;
        for (long age : in.ages()) {
            most = Math.max(most, age + in.time());
        }
        return Math.toIntExact(config.chunk() == 0 ? most : Math.min(most, config.chunk()));
    }
}

package tern.mixers.mega;

import java.util.ArrayList;
import java.util.List;

import tern.mixers.parts.Expect;
import tern.ops.Attended;
import tern.ops.Chunks;
import tern.ops.Ops;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.Mixed;
import tern.sequence.MixerConfig;
import tern.sequence.MixerInput;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;
import tern.sequence.Slot;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * What units of attention in chunks behind a mover have in common: the mover, the caches and the bias by distance.
 *
 * <p>State: the unit's own slots; that of the mover, under {@code move.}; {@code keys} and {@code values} of the current chunk; none
 * in both directions. Parameters: {@code move.…} and those of {@link PositionBias} under {@code position.}. Immutable.
 */
public final class MovedAttention {
    private static final String MOVE = "move.";

    private final SequenceMixer mover;
    private final Chunks chunks;
    private final PositionBias bias;
    private final int limit;
    private final List<Slot> own;
    private final StateLayout layout;

    /** Declares the mover's parameters. */
    public static SequenceMixer mover(String unit, MixerConfig config, BranchContext at, ParameterScope scope) {
        SequenceMixer mover = config.build(at, scope.child("move"));
        Expect.that(mover.reads().isEmpty() && mover.recalls().isEmpty() && mover.publishes().isEmpty()
                && mover.shares().isEmpty(),
                unit + ": the mover " + config
                        + " speaks to other branches; expected one that reads its input alone");
        return mover;
    }

    /**
     * Declares the parameters of the bias.
     *
     * @param keyWidth z
     * @param valueWidth h
     * @param own slots that the unit keeps besides, before all others; dropped where nothing streams
     */
    public MovedAttention(SequenceMixer mover, int keyWidth, int valueWidth, Chunks chunks, RelativeBias bias,
            BranchContext at, ParameterScope scope, Slot... own) {
        this.mover = mover;
        this.chunks = chunks;
        int positions = chunks.length() == 0 ? at.context() : chunks.length();
        this.bias = new PositionBias(bias, keyWidth, positions, scope.child("position"));
        this.limit = bias == RelativeBias.SIMPLE && chunks.length() == 0 ? positions : SequenceMixer.UNBOUNDED;
        this.own = List.of(own);
        this.layout = chunks.causal() ? layout(keyWidth, valueWidth) : StateLayout.STATELESS;
    }

    private StateLayout layout(int z, int h) {
        List<Slot> slots = new ArrayList<>(own);
        for (Slot slot : mover.stateLayout().slots()) {
            slots.add(slot.named(MOVE + slot.name()));
        }
        slots.add(cache("keys", z));
        slots.add(cache("values", h));
        return new StateLayout(slots);
    }

    private Slot cache(String name, int width) {
        Shape row = Shape.of(1, width);
        return chunks.length() == 0 ? new Slot.Growing(name, row) : new Slot.Chunk(name, row, chunks.length());
    }

    /** What stands in front of the attention. */
    public SequenceMixer mover() {
        return mover;
    }

    /** Positions of the longest sequence: those that a simple bias without chunks was made for. */
    public int limit() {
        return Math.min(limit, mover.limit());
    }

    /** All slots. */
    public StateLayout layout() {
        return layout;
    }

    private int from() {
        return chunks.causal() ? own.size() : 0;
    }

    /** What the mover makes of the unit's input, given as {@code x}. */
    public Mixed move(Form form, Ops ops, MixerInput in, Tensor x, State state) {
        int from = from();
        return mover.mix(form, ops, in.with(x), State.of(mover.stateLayout(),
                state.slots().subList(from, from + mover.stateLayout().slots().size())));
    }

    /**
     * Attention of queries [B,T,z] to keys [B,T,z] and values [B,T,h].
     *
     * @return y [B,T,1,h] and the caches
     */
    public Attended attend(Ops ops, MixerInput in, Tensor query, Tensor key, Tensor value, State state) {
        Tensor queries = heads(ops, query);
        Tensor keys = heads(ops, key);
        Tensor values = heads(ops, value);
        boolean caches = chunks.causal();
        int at = from() + mover.stateLayout().slots().size();
        return ops.chunkedAttention(queries, keys, values, bias.of(ops, in.x(), positions(in)), chunks,
                caches ? state.slots().get(at) : empty(ops, keys),
                caches ? state.slots().get(at + 1) : empty(ops, values), in.ages(), in.lengths());
    }

    /** The next state. */
    public State next(State state, Mixed moved, Attended attended, Tensor... ownNext) {
        if (!chunks.causal()) {
            return state.next();
        }
        List<Tensor> next = new ArrayList<>(List.of(ownNext));
        next.addAll(moved.state().slots());
        next.add(attended.keys());
        next.add(attended.values());
        return state.next(next.toArray(Tensor[]::new));
    }

    /** Positions of the longest chunk that the call reads in. */
    private int positions(MixerInput in) {
        long longest = in.time();
        for (long age : in.ages()) {
            longest = Math.max(longest, age + in.time());
        }
        return Math.toIntExact(chunks.length() == 0 ? longest : Math.min(longest, chunks.length()));
    }

    private static Tensor heads(Ops ops, Tensor x) {
        return ops.reshape(x, Shape.of(x.dim(0), x.dim(1), 1, x.dim(2)));
    }

    private static Tensor empty(Ops ops, Tensor like) {
        return ops.zeros(like.dtype(), like.shape().with(1, 0));
    }
}

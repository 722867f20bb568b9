package tern.inference;

import java.util.ArrayList;
import java.util.List;

import tern.model.ModelState;
import tern.model.Outputs;
import tern.model.Passed;
import tern.model.SequenceModel;
import tern.sequence.Form;
import tern.sequence.State;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * The states of up to a fixed number of sequences, in a {@link StateRoom} of their own, and the one way to move them on. Not
 * safe for several threads.
 */
final class Running implements AutoCloseable {
    /**
     * Numbers of a tensor of positions by width that a model of constant state makes at once, and positions at least. Measured
     * with RWKV-7 of 12x768 in Q8_0: pieces of 256 positions in place of 1,024 are as fast, and the whole process holds 503 MiB at
     * most in place of 737 while it reads 2,048. A model that looks back at its history looks less often in long pieces.
     */
    private static final int PIECE_NUMBERS = 1 << 18;
    private static final int SHORTEST_PIECE = 256;

    private final SequenceModel model;
    private final Engine engine;
    private final StateRoom room;

    /** So many sequences, all in use. */
    Running(SequenceModel model, Engine engine, int rows) {
        this(model, engine, StateRoom.of(model, rows));
    }

    Running(SequenceModel model, Engine engine, StateRoom room) {
        this.model = model;
        this.engine = engine;
        this.room = room;
        if (!model.causal()) {
            throw new IllegalArgumentException(
                    "this model reads in both directions: it cannot stream, step or generate;"
                            + " run it on whole sequences, or train a causal one");
        }
    }

    ModelState state() {
        return room.state();
    }

    /** Bytes of state held, histories with their reserve. */
    long bytes() {
        return room.bytes();
    }

    /**
     * Where the next piece of a prompt ends that is read from {@code from}: pieces are bounded, and the last is long enough
     * to make the state exact after unfinished ones.
     */
    int pieceEnd(int from, int length) {
        int to = Math.min(length, from + longestPiece());
        boolean restTooShort = to < length && length - to < model.tail();
        return restTooShort ? Math.max(from + 1, length - model.tail()) : to;
    }

    /** Positions of a prompt that are read at once, a power of two. */
    private int longestPiece() {
        int bounded = Integer.highestOneBit(Math.max(SHORTEST_PIECE, PIECE_NUMBERS / model.config().width()));
        return room.grows() ? LiveSequence.LONGEST_PIECE : Math.min(bounded, LiveSequence.LONGEST_PIECE);
    }

    /** Room in every history for so many positions. */
    void reserve(long positions) {
        room.reserve(positions);
    }

    /** So many rows are in use from now on. */
    void use(int rows) {
        room.use(rows);
    }

    /**
     * Moves rows {@code from}..{@code to} on by one stretch of tokens each.
     *
     * @param ids [to − from, T]
     * @param outputs which outputs are wanted
     * @return what the head reads there [to − from, T or 1 or 0, D]; lives until the engine's next step
     */
    Tensor advance(Form form, Tensor ids, int from, int to, Outputs outputs) {
        int time = ids.dim(1);
        long oldest = 0;
        for (int row = from; row < to; row++) {
            oldest = Math.max(oldest, room.state().ages()[row]);
        }
        reserve(oldest + time);
        ModelState state = room.state();
        long[] ages = new long[to - from];
        System.arraycopy(state.ages(), from, ages, 0, ages.length);
        List<State> views = new ArrayList<>();
        for (State whole : state.states()) {
            views.add(State.of(whole.layout(), whole.slots().stream().map(slot -> slot.slice(from, to)).toList()));
        }
        Passed passed = model.forward(form, engine.ops(), ids, new ModelState(views, ages), outputs);
        for (int i = 0; i < views.size(); i++) {
            keep(passed.state().states().get(i), state.states().get(i), from, to);
        }
        for (int row = from; row < to; row++) {
            state.ages()[row] += time;
        }
        return passed.hidden();
    }

    /** An operation may have updated a slot in place or made a new one, which would not outlive the step. */
    private static void keep(State made, State own, int from, int to) {
        for (int slot = 0; slot < own.slots().size(); slot++) {
            Tensor target = own.slots().get(slot).slice(from, to);
            Tensor source = made.slots().get(slot);
            if (source.data().address() != target.data().address()) {
                target.copyFrom(source);
            }
        }
    }

    /** The last position of what {@link #advance} gave back [rows,1,D], turned into logits [rows,V]. */
    Tensor lastLogits(Tensor hidden) {
        int time = hidden.dim(1);
        Tensor last = engine.ops().slice(hidden, 1, time - 1, time);
        return model.outputs(engine.ops(), last.reshape(Shape.of(hidden.dim(0), hidden.dim(2))));
    }

    /** What {@link #advance} gave back [1,T,D], turned into logits [T,V]. */
    Tensor allLogits(Tensor hidden) {
        return model.outputs(engine.ops(), hidden.reshape(Shape.of(hidden.dim(1), hidden.dim(2))));
    }

    @Override
    public void close() {
        room.close();
    }
}

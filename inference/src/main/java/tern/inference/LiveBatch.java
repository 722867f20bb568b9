package tern.inference;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;

import tern.model.Outputs;
import tern.model.SequenceModel;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Sequences of different ages that step together, sharing one pass over the weights. Sequences join and leave between
 * steps; each gets the same numbers as it would alone. Confined to one thread at a time, which is checked. States are native memory:
 * {@link #close} gives it back, and from then on every call that would need it throws {@link IllegalStateException}.
 */
public final class LiveBatch implements AutoCloseable {
    private final LanguageModel model;
    private final Running running;
    private final int seats;
    private final List<Seat> taken = new ArrayList<>();
    private final Confined use = new Confined("batch", this::release);

    LiveBatch(LanguageModel model, int seats) {
        this(model, seats, StateRoom::upTo);
    }

    LiveBatch(LanguageModel model, int seats, BiFunction<SequenceModel, Integer, StateRoom> room) {
        if (seats < 1) {
            throw new IllegalArgumentException("batch: " + seats + " seats, expected 1 or more");
        }
        model.requireOpen();
        this.model = model;
        this.seats = seats;
        this.running = new Running(model.network(), model.engine(), room.apply(model.network(), seats));
    }

    /** The place of one sequence in the batch, until it leaves. */
    public final class Seat {
        private int row;
        // Rows of the history that a snapshot has already.
        private Optional<HistoryRows> known = Optional.empty();

        private Seat(int row) {
            this.row = row;
        }

        /** Where this sequence's token and logits stand in a step. */
        public int row() {
            requireSeated();
            return row;
        }

        /** Number of tokens read so far. */
        public long position() {
            requireSeated();
            return running.state().ages()[row];
        }

        /** What the sequence remembers; without the logits, which the caller has. */
        public Snapshot snapshot() {
            return snapshot(new float[0]);
        }

        /** {@link #snapshot()} that knows the logits after the last token. */
        public Snapshot snapshot(float[] logits) {
            use.enter();
            try {
                requireSeated();
                Snapshot made = Snapshot.of(model, running.state(), row, known, logits);
                know(Optional.of(made.history().use()));
                return made;
            } finally {
                use.leave();
            }
        }

        private void know(Optional<HistoryRows> rows) {
            known.ifPresent(HistoryRows::release);
            known = rows;
        }

        /** Gives the place up; the last sequence of the batch takes this row. */
        public void leave() {
            use.enter();
            try {
                requireSeated();
                Seat last = taken.removeLast();
                if (last != this) {
                    running.state().copySequence(running.state(), last.row, row);
                    last.row = row;
                    taken.set(row, last);
                }
                running.use(taken.size());
                know(Optional.empty());
                row = -1;
            } finally {
                use.leave();
            }
        }

        private LiveBatch batch() {
            return LiveBatch.this;
        }

        private void requireSeated() {
            if (row < 0) {
                throw new IllegalStateException("this sequence has left the batch");
            }
        }
    }

    /** Number of sequences in the batch. */
    public int size() {
        return taken.size();
    }

    /** Bytes of state held in native memory: those of the seats that are taken, and of some that soon may be. */
    public long stateBytes() {
        return running.bytes();
    }

    /**
     * Makes room in every history for so many positions at once, so that later steps need not enlarge them. Before anybody sits
     * that moves nothing.
     *
     * @throws IllegalArgumentException if that is negative or beyond 2³¹ − 1
     */
    public void reserve(long positions) {
        LanguageModel.requirePositions(positions);
        use.enter();
        try {
            running.reserve(positions);
        } finally {
            use.leave();
        }
    }

    /** Number of seats, taken or not. Those never taken hold no memory, but for the next few. */
    public int seats() {
        return seats;
    }

    /**
     * A fresh sequence joins.
     *
     * @throws IllegalStateException if all seats are taken
     */
    public Seat join() {
        use.enter();
        try {
            return seat();
        } finally {
            use.leave();
        }
    }

    private Seat seat() {
        if (taken.size() == seats) {
            throw new IllegalStateException(
                    "all " + seats + " seats of the batch are taken; wait for a sequence to leave");
        }
        Seat seat = new Seat(taken.size());
        running.use(taken.size() + 1);
        running.state().clearSequence(seat.row);
        taken.add(seat);
        return seat;
    }

    /**
     * A sequence joins where a snapshot was taken.
     *
     * @throws IllegalStateException if all seats are taken, or the snapshot is closed
     * @throws IllegalArgumentException if the snapshot is of another model (names both fingerprints) or of another cache
     */
    public Seat join(Snapshot snapshot) {
        snapshot.requireModel(model);
        use.enter();
        try (Snapshot.Use read = snapshot.use()) {
            running.reserve(snapshot.position());
            Seat seat = seat();
            read.writeTo(running.state(), seat.row);
            seat.know(Optional.of(snapshot.history().use()));
            return seat;
        } finally {
            use.leave();
        }
    }

    /**
     * A sequence reads a prompt on its own; the others stand still.
     *
     * @param seat of this batch
     * @param ids one or more tokens
     * @return the logits after the last, one per symbol
     * @throws IllegalArgumentException if the seat is another batch's, there are no tokens or one is outside the vocabulary; no
     *             state has changed
     * @throws IllegalStateException if the sequence has left
     */
    public float[] prefill(Seat seat, int... ids) {
        if (seat.batch() != this) {
            throw new IllegalArgumentException("prefill: the seat belongs to another batch; give it to that one");
        }
        if (ids.length == 0) {
            throw new IllegalArgumentException("prefill: there are no tokens; give at least one");
        }
        model.requireVocabulary(ids);
        float[] logits = new float[model.network().config().vocabulary()];
        use.enter();
        try {
            for (int from = 0, to; from < ids.length; from = to) {
                int start = from;
                int end = running.pieceEnd(from, ids.length);
                model.step(() -> {
                    Tensor hidden = running.advance(Form.PARALLEL, model.ids(ids, start, end), seat.row(),
                            seat.row() + 1, LiveSequence.outputs(end, ids.length));
                    if (end == ids.length) {
                        LiveSequence.copy(running.lastLogits(hidden), 0, logits);
                    }
                    return logits;
                });
                to = end;
            }
            return logits;
        } finally {
            use.leave();
        }
    }

    /**
     * Every sequence reads one token.
     *
     * @param ids one token a row, in the order of {@link Seat#row()}
     * @param logits [size · vocabulary] or longer; written from the beginning, row by row
     * @throws IllegalArgumentException if the number of tokens is not {@link #size} or one is outside the vocabulary; no
     *             state has changed
     */
    public void step(int[] ids, float[] logits) {
        use.enter();
        try {
            stepAll(ids, logits);
        } finally {
            use.leave();
        }
    }

    private void stepAll(int[] ids, float[] logits) {
        int vocabulary = model.network().config().vocabulary();
        if (ids.length != taken.size() || logits.length < (long) ids.length * vocabulary || ids.length == 0) {
            throw new IllegalArgumentException("batch step: expected one token for each of " + taken.size()
                    + " sequences and room for " + (long) taken.size() * vocabulary + " logits, found " + ids.length
                    + " and "
                    + logits.length);
        }
        model.requireVocabulary(ids);
        model.step(() -> {
            Tensor tokens = model.engine().ops().results().allocate(DType.I32, Shape.of(ids.length, 1));
            for (int row = 0; row < ids.length; row++) {
                tokens.data().setAtIndex(Tensor.INT, row, ids[row]);
            }
            Tensor found = running.lastLogits(running.advance(Form.STEP, tokens, 0, ids.length, Outputs.LAST));
            MemorySegment.copy(found.data(), Tensor.FLOAT, 0, logits, 0, ids.length * vocabulary);
            return logits;
        });
    }

    /**
     * Every sequence reads as many tokens as the others, in one pass over the weights.
     *
     * @param ids a row of tokens for each sequence, in the order of {@link Seat#row()}, all of one length
     * @param logits [size · vocabulary] or longer; those after the last tokens are written from the beginning, row by row
     * @throws IllegalArgumentException if the rows are not one for each sequence or differ in length, or a token is outside the
     *             vocabulary; no state has changed
     */
    public void read(int[][] ids, float[] logits) {
        use.enter();
        try {
            readAll(ids, logits);
        } finally {
            use.leave();
        }
    }

    private void readAll(int[][] ids, float[] logits) {
        int vocabulary = model.network().config().vocabulary();
        int time = ids.length == 0 ? 0 : ids[0].length;
        if (ids.length != taken.size() || time == 0 || logits.length < (long) ids.length * vocabulary) {
            throw new IllegalArgumentException("batch read: expected a row of one token or more for each of "
                    + taken.size() + " sequences and room for " + (long) taken.size() * vocabulary + " logits, found "
                    + ids.length + " rows of " + time + " and " + logits.length);
        }
        for (int[] row : ids) {
            if (row.length != time) {
                throw new IllegalArgumentException("batch read: rows have " + time + " and " + row.length
                        + " tokens, expected as many in each; read what is left afterwards");
            }
            model.requireVocabulary(row);
        }
        model.step(() -> {
            Tensor tokens = model.engine().ops().results().allocate(DType.I32, Shape.of(ids.length, time));
            for (int row = 0; row < ids.length; row++) {
                MemorySegment.copy(ids[row], 0, tokens.data(), Tensor.INT, 4L * row * time, time);
            }
            Tensor found = running
                    .lastLogits(running.advance(Form.PARALLEL, tokens, 0, ids.length, Outputs.LAST));
            MemorySegment.copy(found.data(), Tensor.FLOAT, 0, logits, 0, ids.length * vocabulary);
            return logits;
        });
    }

    private void release() {
        taken.forEach(seat -> seat.know(Optional.empty()));
        running.close();
    }

    /** Gives all states' memory back, after the call that runs in another thread, if any. Closing twice does nothing. */
    @Override
    public void close() {
        use.close();
    }
}

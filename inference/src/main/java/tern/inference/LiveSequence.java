package tern.inference;

import java.lang.foreign.MemorySegment;
import java.util.Optional;

import tern.model.Outputs;
import tern.model.SequenceModel;
import tern.sequence.Form;
import tern.tensor.Tensor;

/**
 * One sequence in the making: reads tokens, remembers them in a state, tells what comes next. For a recurrent model the
 * state has a constant size, and a step takes the same time and memory at token 100 as at token 1,000,000. Confined to one
 * thread at a time, which is checked; sequences of one {@link Engine} may run in several threads and take turns. Its state is native
 * memory: {@link #close} gives it back, and from then on every call that would need it throws {@link IllegalStateException}, as
 * does every call that would compute with a model that was closed.
 */
public final class LiveSequence implements AutoCloseable {
    /** Longest stretch of a prompt read at once; longer prompts are read in pieces to bound scratch memory. */
    static final int LONGEST_PIECE = 1024;
    private static final int LARGEST_LOGITS = 1 << 20;

    private final LanguageModel model;
    private final Running running;
    private float[] latest = new float[0];
    // Rows of the history that a snapshot has already.
    private Optional<HistoryRows> known = Optional.empty();
    private final Confined use = new Confined("sequence", this::release);

    LiveSequence(LanguageModel model) {
        model.requireOpen();
        this.model = model;
        this.running = new Running(model.network(), model.engine(), 1);
    }

    /** Number of tokens read so far. */
    public long position() {
        return running.state().ages()[0];
    }

    /** Bytes of state held in native memory, histories with their reserve. */
    public long stateBytes() {
        return running.bytes();
    }

    /**
     * Makes room in every history for so many positions at once, so that they need not be moved while it is read.
     *
     * @throws IllegalArgumentException if that is negative or beyond 2³¹ − 1
     * @throws OutOfMemoryError if the system does not give so much; the sequence is unchanged
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

    /**
     * Reads tokens by the parallel form and leaves the same state as stepping through them.
     *
     * @param ids one or more tokens
     * @return the logits after the last, one per symbol
     * @throws IllegalArgumentException if there are no tokens or one is outside the vocabulary; the state is unchanged
     */
    public float[] prefill(int... ids) {
        return prefill(Form.PARALLEL, ids);
    }

    /** {@link #prefill(int...)} by a form of choice. */
    public float[] prefill(Form form, int... ids) {
        if (ids.length == 0) {
            throw new IllegalArgumentException("prefill: there are no tokens; give at least one");
        }
        model.requireVocabulary(ids);
        use.enter();
        try {
            running.reserve(position() + ids.length);
            float[] logits = room();
            for (int from = 0, to; from < ids.length; from = to) {
                int start = from;
                int end = running.pieceEnd(from, ids.length);
                model.step(() -> {
                    Tensor piece = model.ids(ids, start, end);
                    Tensor hidden = running.advance(form, piece, 0, 1, outputs(end, ids.length));
                    if (end == ids.length) {
                        copy(running.lastLogits(hidden), 0, logits);
                    }
                    return logits;
                });
                to = end;
            }
            return logits.clone();
        } finally {
            use.leave();
        }
    }

    /** What is wanted of a piece of a prompt that ends here. */
    static Outputs outputs(int end, int length) {
        return end == length ? Outputs.LAST : Outputs.UNFINISHED;
    }

    /**
     * Reads tokens and tells what the head would read: its normalised input at the last of them, or the mean over all of them.
     *
     * @param mean over all, or the last alone
     * @param piece most tokens to read at once, 1 or more
     * @return [D]
     * @throws IllegalArgumentException if there are no tokens, one is outside the vocabulary or none may be read at once; the
     *             state is unchanged
     */
    public double[] hidden(boolean mean, int piece, int... ids) {
        if (ids.length == 0) {
            throw new IllegalArgumentException("hidden: there are no tokens; give at least one");
        }
        if (piece < 1) {
            throw new IllegalArgumentException("hidden: " + piece + " tokens at once, expected 1 or more");
        }
        model.requireVocabulary(ids);
        double[] sum = new double[model.network().config().width()];
        use.enter();
        try {
            for (int from = 0, next; from < ids.length; from = next) {
                int start = from;
                int to = from + Math.min(ids.length - from, piece);
                next = to;
                model.step(() -> {
                    Tensor rows = running.advance(Form.PARALLEL, model.ids(ids, start, to), 0, 1,
                            mean ? Outputs.ALL : Outputs.LAST);
                    if (mean || to == ids.length) {
                        for (int t = 0; t < rows.dim(1); t++) {
                            for (int d = 0; d < sum.length; d++) {
                                sum[d] += rows.get((long) t * sum.length + d);
                            }
                        }
                    }
                    return sum;
                });
            }
        } finally {
            use.leave();
        }
        for (int d = 0; mean && d < sum.length; d++) {
            sum[d] /= ids.length;
        }
        return sum;
    }

    /** Takes the logits after each of several tokens. */
    @FunctionalInterface
    public interface LogitsSink {
        /**
         * Takes the logits of some positions, in order.
         *
         * @param logits [positions, V]; gone when the call returns. Until then nothing else may be computed with the sequence or
         *            its engine
         */
        void accept(Tensor logits);
    }

    /**
     * Reads tokens by a form of choice and tells the logits after every one of them, in constant memory.
     *
     * @param ids none or more tokens
     * @throws IllegalArgumentException if one is outside the vocabulary; the state is unchanged
     */
    public void prefill(Form form, int[] ids, LogitsSink sink) {
        model.requireVocabulary(ids);
        use.enter();
        try {
            running.reserve(position() + ids.length);
            float[] logits = room();
            int piece = Math.clamp(LARGEST_LOGITS / logits.length, 1, LONGEST_PIECE);
            for (int from = 0; from < ids.length; from += piece) {
                int start = from;
                int to = Math.min(ids.length, from + piece);
                model.step(() -> {
                    Tensor all = running.allLogits(running.advance(form, model.ids(ids, start, to), 0, 1, Outputs.ALL));
                    copy(all, to - start - 1, logits);
                    sink.accept(all);
                    return logits;
                });
            }
        } finally {
            use.leave();
        }
    }

    /** The logits after the last token read, one per symbol; empty if nothing was read. */
    public float[] logits() {
        return latest.clone();
    }

    private float[] room() {
        if (latest.length == 0) {
            latest = new float[model.network().config().vocabulary()];
        }
        return latest;
    }

    /**
     * Reads one token.
     *
     * @return the logits after it, one per symbol
     * @throws IllegalArgumentException if it is outside the vocabulary; the state is unchanged
     */
    public float[] step(int id) {
        float[] logits = new float[model.network().config().vocabulary()];
        step(id, logits);
        return logits;
    }

    /**
     * {@link #step(int)} into an array of the caller's, so that nothing the size of the vocabulary is allocated.
     *
     * @param logits [vocabulary] or longer; written from the beginning
     * @throws IllegalArgumentException if the array is shorter, or the token outside the vocabulary; the state is unchanged
     */
    public void step(int id, float[] logits) {
        model.requireVocabulary(id);
        int vocabulary = model.network().config().vocabulary();
        if (logits.length < vocabulary) {
            throw new IllegalArgumentException(
                    "step: expected room for " + vocabulary + " logits, found " + logits.length);
        }
        use.enter();
        try {
            model.step(() -> {
                Tensor found = running.lastLogits(running.advance(Form.STEP, model.ids(id), 0, 1, Outputs.LAST));
                float[] own = room();
                copy(found, 0, own);
                System.arraycopy(own, 0, logits, 0, vocabulary);
                return logits;
            });
        } finally {
            use.leave();
        }
    }

    /** What the sequence remembers, independent of it from now on and of whether its model is closed. */
    public Snapshot snapshot() {
        return snapshot(latest);
    }

    /** {@link #snapshot()} that does not know the logits, which take memory of their own. */
    public Snapshot snapshotWithoutLogits() {
        return snapshot(new float[0]);
    }

    private Snapshot snapshot(float[] logits) {
        use.enter();
        try {
            Snapshot made = Snapshot.of(model, running.state(), 0, known, logits);
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

    /**
     * Puts the sequence where a snapshot was taken.
     *
     * @throws IllegalArgumentException if the snapshot is of another model (names both fingerprints) or of another cache
     * @throws IllegalStateException if the snapshot is closed; the state is unchanged
     */
    public void restore(Snapshot snapshot) {
        snapshot.requireModel(model);
        use.enter();
        try (Snapshot.Use read = snapshot.use()) {
            running.reserve(snapshot.position());
            read.writeTo(running.state(), 0);
            know(Optional.of(snapshot.history().use()));
            latest = snapshot.logits();
        } finally {
            use.leave();
        }
    }

    /** A second sequence that goes on from here on its own. */
    public LiveSequence fork() {
        use.enter();
        try {
            LiveSequence other = new LiveSequence(model);
            boolean whole = false;
            try {
                other.running.reserve(position());
                other.running.state().copySequence(running.state(), 0, 0);
                other.latest = latest.clone();
                other.know(known.map(HistoryRows::use));
                whole = true;
                return other;
            } finally {
                if (!whole) {
                    other.close();
                }
            }
        } finally {
            use.leave();
        }
    }

    static void copy(Tensor logits, int row, float[] into) {
        MemorySegment.copy(logits.data(), Tensor.FLOAT, 4L * row * into.length, into, 0, into.length);
    }

    private void release() {
        know(Optional.empty());
        running.close();
    }

    /** Gives the state's memory back, after the call that runs in another thread, if any. Closing twice does nothing. */
    @Override
    public void close() {
        use.close();
    }
}

package tern.inference;

import java.lang.foreign.MemorySegment;

import tern.model.ModelState;
import tern.model.SequenceModel;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * One sequence in the making: reads tokens, remembers them in a state, tells what comes next. For a recurrent model the
 * state has a constant size, and a step takes the same time and memory at token 100 as at token 1,000,000. Confined to one
 * thread; sequences of one {@link Engine} may run in several threads and take turns.
 */
public final class LiveSequence implements AutoCloseable {
    /** Longest stretch of a prompt read at once; longer prompts are read in pieces to bound scratch memory. */
    static final int LONGEST_PIECE = 4096;

    private final LanguageModel model;
    private final Running running;

    LiveSequence(LanguageModel model) {
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
        running.reserve(position() + ids.length);
        float[] logits = new float[model.network().config().vocabulary()];
        for (int from = 0; from < ids.length; from += LONGEST_PIECE) {
            int start = from;
            int to = Math.min(ids.length, from + LONGEST_PIECE);
            model.engine().step(() -> {
                Tensor piece = model.ids(ids, start, to);
                Tensor hidden = running.advance(form, piece, 0, 1);
                if (to == ids.length) {
                    copy(running.lastLogits(hidden), 0, logits);
                }
                return logits;
            });
        }
        return logits;
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

    /** {@link #step(int)} into an array of the caller's, so that nothing the size of the vocabulary is allocated. */
    public void step(int id, float[] logits) {
        model.requireVocabulary(id);
        model.engine().step(() -> {
            copy(running.lastLogits(running.advance(Form.STEP, model.ids(id), 0, 1)), 0, logits);
            return logits;
        });
    }

    /** What the sequence remembers, independent of it from now on. */
    public Snapshot snapshot() {
        return Snapshot.of(model, running.state(), 0);
    }

    /**
     * Puts the sequence where a snapshot was taken.
     *
     * @throws IllegalArgumentException if the snapshot is of another model; names both fingerprints
     */
    public void restore(Snapshot snapshot) {
        snapshot.requireModel(model);
        running.reserve(snapshot.position());
        snapshot.writeTo(running.state(), 0);
    }

    /** A second sequence that goes on from here on its own. */
    public LiveSequence fork() {
        LiveSequence other = new LiveSequence(model);
        other.running.reserve(position());
        other.running.state().copySequence(running.state(), 0, 0);
        return other;
    }

    static void copy(Tensor logits, int row, float[] into) {
        MemorySegment.copy(logits.data(), Tensor.FLOAT, 4L * row * into.length, into, 0, into.length);
    }

    @Override
    public void close() {
        running.close();
    }

}

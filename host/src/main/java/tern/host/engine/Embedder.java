package tern.host.engine;

import java.util.concurrent.Semaphore;

import tern.inference.LanguageModel;
import tern.inference.LiveSequence;

/**
 * Texts as vectors: what the head would read, at the last token or as the mean over all, of length 1. Runs between a batcher's
 * steps, few texts and a bounded number of tokens at a time. Safe for use by several threads.
 */
public final class Embedder {
    private static final int PIECE = 128;
    private static final int AT_ONCE = 4;

    private final Semaphore turns = new Semaphore(AT_ONCE, true);

    /** Keeps nothing but whose turn it is. */
    public Embedder() {
    }

    /**
     * One text's vector.
     *
     * @param mean over all tokens, or the last alone
     * @param tokens one or more
     * @return [D]
     * @throws IllegalArgumentException if there are no tokens or one is outside the vocabulary
     * @throws InterruptedException if the thread is interrupted while others have their turns
     */
    public double[] vector(LanguageModel model, boolean mean, int... tokens) throws InterruptedException {
        turns.acquire();
        try (LiveSequence sequence = model.sequence()) {
            double[] vector = sequence.hidden(mean, PIECE, tokens);
            double squares = 0;
            for (double each : vector) {
                squares += each * each;
            }
            double length = Math.sqrt(squares);
            for (int i = 0; i < vector.length && length > 0; i++) {
                vector[i] /= length;
            }
            return vector;
        } finally {
            turns.release();
        }
    }
}

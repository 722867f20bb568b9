package tern.host.engine;

/**
 * Is told what becomes of a job, by the batcher's thread, which must not be kept waiting. First {@link #started}, then tokens
 * and ends of streams, last {@link #done}; or {@link #failed}, after which nothing follows, at any time.
 */
public interface Listener {
    /**
     * The prompt has been read.
     *
     * @param promptTokens its length
     * @param cachedTokens how many of them did not have to be read, since a state was there
     */
    void started(int promptTokens, int cachedTokens);

    /** A stream has one more token. */
    void token(int stream, Token token);

    /**
     * A stream has ended.
     *
     * @param text what was held back and may be shown now
     * @param generated all its tokens; the one that ended the text is not among them
     */
    void finished(int stream, Finish why, String text, int[] generated);

    /**
     * All streams have ended.
     *
     * @param state the state of the first stream after all its tokens but perhaps the last, if the job asked for it; the
     *            listener releases it
     */
    void done(java.util.Optional<Lease> state);

    /** The job ends here. */
    void failed(Refusal why);
}

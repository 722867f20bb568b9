package tern.host.local;

/**
 * Is told an answer as it comes, in order, by a thread of its own, which it may keep waiting. Pieces of text first, then
 * {@link #done} or {@link #failed}; nothing after the call is cancelled but what is under way already.
 */
public interface Reader {
    /** Some more text, not empty; joined, the pieces are the answer's text. */
    void text(String piece);

    /** The whole answer. */
    void done(Reply reply);

    /** There will be no answer: a {@link tern.host.engine.Refusal}, or what a method of this reader threw. */
    void failed(RuntimeException why);
}

package tern.model;

/** What a caller wants to know of a stretch of tokens; the state moves on all the same. */
public enum Outputs {
    /** The outputs at every token. */
    ALL,
    /** The output at the last token: what follows a prompt. Branches that look back a bounded way run on the end only. */
    LAST,
    /** No outputs: the state alone. */
    NONE,
    /**
     * No outputs, and another stretch of at least {@link SequenceModel#tail} tokens follows before any are wanted or the
     * state is put to another use.
     */
    UNFINISHED
}

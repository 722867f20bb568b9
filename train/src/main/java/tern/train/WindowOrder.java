package tern.train;

/** Which windows of the data a run reads. */
public enum WindowOrder {
    /** Windows that begin anywhere, drawn independently. */
    RANDOM,
    /** Windows side by side, each once an epoch in RWKV's order, which no seed decides ({@link tern.text.PermutedWindows}). */
    PERMUTED,
    /** Windows that follow one another from the beginning, and again when the end is reached. */
    CONTIGUOUS
}

package tern.ops;

/**
 * How attention in chunks reads. Chunk i holds the positions i·C to (i+1)·C − 1 of a sequence, counted from its first; a query
 * reads keys of its own chunk and no others.
 *
 * @param weighing from scores to weights
 * @param length C; 0 for one chunk of everything
 * @param causal whether a query reads only keys up to its own position
 * @param dropped which weights are left out in training, after they were normalised
 */
public record Chunks(Weighing weighing, int length, boolean causal, Dropped dropped) {
    /** Checks the length. */
    public Chunks {
        if (length < 0) {
            throw new IllegalArgumentException(
                    "chunks: length is " + length + ", expected 1 or more, or 0 for one chunk of everything");
        }
    }

    /** All weights count. */
    public Chunks(Weighing weighing, int length, boolean causal) {
        this(weighing, length, causal, Dropped.NOTHING);
    }

    /** The same with other weights left out. */
    public Chunks with(Dropped other) {
        return new Chunks(weighing, length, causal, other);
    }

    /** How many positions of the chunk that a position stands in come before it. */
    public int before(long position) {
        return Math.toIntExact(length == 0 ? position : position % length);
    }
}

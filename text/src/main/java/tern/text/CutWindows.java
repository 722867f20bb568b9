package tern.text;

/** What all kinds of windows have in common: their sizes, what they demand of their arguments, and how one is read. */
abstract sealed class CutWindows implements Windows permits RandomWindows, PermutedWindows, StreamWindows {
    private final TokenStore tokens;
    private final int batch;
    private final int time;

    /**
     * Windows of so many rows of so many symbols.
     *
     * @param streams windows that must stand side by side
     * @throws IllegalArgumentException if a size is below 1, or the data is too short
     */
    CutWindows(TokenStore tokens, int batch, int time, long streams) {
        requireFit(tokens, batch, time, streams);
        this.tokens = tokens;
        this.batch = batch;
        this.time = time;
    }

    /** Refuses sizes below 1, and data that so many windows side by side do not fit into. */
    static void requireFit(TokenStore tokens, int batch, int time, long streams) {
        if (batch < 1 || time < 1) {
            throw new IllegalArgumentException(
                    "windows: batch " + batch + " and time " + time + ", expected 1 or more");
        }
        if (tokens.size() == 0) {
            throw new IllegalArgumentException(tokens.name() + " is empty; give more data or another split");
        }
        if (tokens.size() - 1 < time * streams) {
            throw new IllegalArgumentException(
                    tokens.name() + " has " + tokens.size() + " symbols, but windows of " + time
                            + (streams > 1 ? " in " + streams + " streams" : "") + " need " + (time * streams + 1)
                            + "; give more data, a shorter context" + (streams > 1 ? ", fewer streams" : "")
                            + " or another split");
        }
    }

    @Override
    public final TokenStore tokens() {
        return tokens;
    }

    @Override
    public final int batch() {
        return batch;
    }

    @Override
    public final int time() {
        return time;
    }

    /** Refuses arrays that do not hold a batch. */
    final void requireSizes(int[] inputs, int[] targets) {
        int expected = batch * time;
        if (inputs.length != expected || targets.length != expected) {
            throw new IllegalArgumentException(
                    "windows: inputs and targets have " + inputs.length + " and " + targets.length
                            + " entries, expected " + expected);
        }
    }

    /** Writes the window that begins at a position, and the symbols after it, into one row. */
    final void read(long start, int row, int[] inputs, int[] targets) {
        int at = row * time;
        tokens.copy(start, inputs, at, time);
        System.arraycopy(inputs, at + 1, targets, at, time - 1);
        tokens.copy(start + time, targets, at + time - 1, 1);
    }
}

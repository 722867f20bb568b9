package tern.text;

/**
 * Windows that follow one another: the data is cut into B streams of equal length, row b walks through stream b, and all
 * start over together at the end, one symbol later each time round so that window borders move. Confined to one thread.
 */
public final class StreamWindows extends CutWindows {
    private final long streamLength;
    private long round;
    private long window;

    /**
     * Windows from the beginning of every stream.
     *
     * @throws IllegalArgumentException if a stream would be shorter than one window and the symbol after it
     */
    public StreamWindows(TokenStore tokens, int batch, int time) {
        super(tokens, batch, time, batch);
        this.streamLength = (tokens.size() - 1) / batch;
    }

    @Override
    public boolean next(int[] inputs, int[] targets) {
        requireSizes(inputs, targets);
        if (shift() + (window + 1) * time() > streamLength) {
            round++;
            window = 0;
        }
        long inside = shift() + window * time();
        for (int b = 0; b < batch(); b++) {
            read(b * streamLength + inside, b, inputs, targets);
        }
        return window++ > 0;
    }

    /** Where the first window of this round begins: anywhere that leaves room for one window. */
    private long shift() {
        return round % Math.min(time(), streamLength - time() + 1);
    }

    @Override
    public long[] save() {
        return new long[] {round, window};
    }

    @Override
    public void restore(long[] saved) {
        if (saved.length != 2 || saved[0] < 0 || saved[1] < 0 || saved[1] > streamLength / time()) {
            throw new IllegalArgumentException("stream windows: saved numbers " + java.util.Arrays.toString(saved)
                    + ", expected a round and a window of at most " + streamLength / time());
        }
        round = saved[0];
        window = saved[1];
    }
}

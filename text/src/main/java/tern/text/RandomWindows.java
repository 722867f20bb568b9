package tern.text;

/** Windows that begin anywhere, each position equally likely, independently of one another. Confined to one thread. */
public final class RandomWindows implements Windows {
    private final TokenStore tokens;
    private final int batch;
    private final int time;
    private final SplitMix64 random;

    /**
     * Windows drawn with {@link SplitMix64}; the same seed gives the same windows.
     *
     * @throws IllegalArgumentException if the data is shorter than one window and the symbol after it
     */
    public RandomWindows(TokenStore tokens, int batch, int time, long seed) {
        WindowChecks.fits(tokens, batch, time, 1);
        this.tokens = tokens;
        this.batch = batch;
        this.time = time;
        this.random = new SplitMix64(seed);
    }

    @Override
    public TokenStore tokens() {
        return tokens;
    }

    @Override
    public int batch() {
        return batch;
    }

    @Override
    public int time() {
        return time;
    }

    @Override
    public boolean next(int[] inputs, int[] targets) {
        WindowChecks.sizes(inputs, targets, batch * time);
        for (int b = 0; b < batch; b++) {
            long start = random.nextLong(tokens.size() - time);
            WindowChecks.window(tokens, start, b, time, inputs, targets);
        }
        return false;
    }

    @Override
    public long[] save() {
        return new long[] {random.state()};
    }

    @Override
    public void restore(long[] saved) {
        if (saved.length != 1) {
            throw new IllegalArgumentException("random windows: " + saved.length + " saved numbers, expected 1");
        }
        random.restore(saved[0]);
    }
}

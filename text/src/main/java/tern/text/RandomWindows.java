package tern.text;

/** Windows that begin anywhere, each position equally likely, independently of one another. Confined to one thread. */
public final class RandomWindows extends CutWindows {
    private final SplitMix64 random;

    /**
     * Windows drawn with {@link SplitMix64}; the same seed gives the same windows.
     *
     * @throws IllegalArgumentException if the data is shorter than one window and the symbol after it
     */
    public RandomWindows(TokenStore tokens, int batch, int time, long seed) {
        super(tokens, batch, time, 1);
        this.random = new SplitMix64(seed);
    }

    @Override
    public boolean next(int[] inputs, int[] targets) {
        requireSizes(inputs, targets);
        for (int b = 0; b < batch(); b++) {
            read(random.nextLong(tokens().size() - time()), b, inputs, targets);
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

package tern.kernels.machine;

/**
 * The shortest of many rounds, with as many rounds as it takes: it is settled when for a given time no round was shorter
 * than the best by 2 %. So a loop that is still being compiled, or a busy machine, makes the measurement longer, not wrong.
 * Confined to one thread at a time.
 */
public final class BestOf {
    private static final double BETTER = 0.98;
    private static final int PATIENCE = 10;

    private final long quietNanos;
    private final long begin = System.nanoTime();
    private double landmark = Double.POSITIVE_INFINITY;
    private double best = Double.POSITIVE_INFINITY;
    private long lastGain = begin;

    /**
     * @param quietMillis how long nothing may have improved, in milliseconds; ten times that ends it anyhow
     */
    public BestOf(long quietMillis) {
        this.quietNanos = quietMillis * 1_000_000;
    }

    /** Takes in one round. */
    public void add(double seconds) {
        best = Math.min(best, seconds);
        if (seconds < landmark * BETTER) {
            landmark = seconds;
            lastGain = System.nanoTime();
        }
    }

    /** True if there was a round and more of them would hardly change the best. */
    public boolean isSettled() {
        long now = System.nanoTime();
        return best < Double.POSITIVE_INFINITY
                && (now - lastGain >= quietNanos || now - begin >= PATIENCE * quietNanos);
    }

    /** The shortest round, in seconds; infinite before the first. */
    public double seconds() {
        return best;
    }

    /** Runs {@code round} until its time is settled and returns the shortest, in seconds. */
    public static double of(long quietMillis, Runnable round) {
        BestOf best = new BestOf(quietMillis);
        while (!best.isSettled()) {
            long before = System.nanoTime();
            round.run();
            best.add((System.nanoTime() - before) / 1e9);
        }
        return best.seconds();
    }
}

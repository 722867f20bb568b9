package tern.train;

/**
 * The learning rate over a run: a straight warm-up from 0 to the peak, then half a cosine down to a fraction of it.
 * Immutable.
 *
 * @param peak highest rate
 * @param warmup fraction of the run spent warming up, within [0, 1)
 * @param floor last rate as a fraction of the peak, within [0, 1]
 */
public record Schedule(double peak, double warmup, double floor) {
    /** Checks ranges. */
    public Schedule {
        if (!(peak > 0 && peak <= 10)) {
            throw new IllegalArgumentException("schedule: peak rate is " + peak + ", expected a number in (0, 10]");
        }
        if (!(warmup >= 0 && warmup < 1)) {
            throw new IllegalArgumentException("schedule: warm-up is " + warmup + ", expected a fraction in [0, 1)");
        }
        if (!(floor >= 0 && floor <= 1)) {
            throw new IllegalArgumentException("schedule: floor is " + floor + ", expected a fraction in [0, 1]");
        }
    }

    /**
     * The rate of one update.
     *
     * @param done fraction of the run that is over when this update is; beyond 1 the rate stays at the floor
     */
    public double rate(double done) {
        if (done < warmup) {
            return peak * done / warmup;
        }
        double along = Math.min(1, (done - warmup) / (1 - warmup));
        return peak * (floor + (1 - floor) * 0.5 * (1 + Math.cos(Math.PI * along)));
    }
}

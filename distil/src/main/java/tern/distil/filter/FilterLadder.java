package tern.distil.filter;

import java.util.ArrayList;
import java.util.List;

/**
 * One filter at rising orders, by the Hankel factors as they come: quick fits from which orders are chosen, before the
 * chosen ones are fitted with care. Orders that bring nothing are left out, so errors fall from rung to rung. Confined to
 * one thread.
 */
public final class FilterLadder {
    /** Orders looked at, up to the limit asked for; beyond 8 in steps of about a sixth. */
    private static final int[] ORDERS = {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96,
        112, 128};
    /** Relative error below which nothing is gained by going on: what float32 leaves is near. */
    private static final double SETTLED = 1e-6;

    private final double[] taps;
    private final List<Rung> rungs = new ArrayList<>();
    private final double energy;
    private int reached;

    /**
     * One fit.
     *
     * @param filter rounded to float32
     * @param squaredError ‖e‖²
     */
    public record Rung(ModalFilter filter, double squaredError) {
        /** The real order. */
        public int order() {
            return filter.order();
        }
    }

    /** The ladder's foot: order 0, the filter without its memory. */
    public FilterLadder(double[] taps) {
        FilterChecks.taps(taps, 3);
        this.taps = taps;
        ModalFilter none = ModalFilter.direct((float) taps[0]);
        energy = squaredError(none);
        rungs.add(new Rung(none, energy));
    }

    /** Adds the rungs up to an order, as far as they were not there and the filter is long enough. */
    public void growTo(int limit) {
        int most = Math.min(limit, HankelSpectrum.sizeFor(taps.length) - 1);
        if (most <= reached || settled()) {
            return;
        }
        PoleSearch search = new PoleSearch(taps, most + 1, PoleSearch.FLOAT32);
        for (int order : ORDERS) {
            if (order > reached && order <= most && !settled()) {
                ModalFilter filter = ResidueFit.rounded(search.hankel(order).poles(), taps);
                double error = squaredError(filter);
                if (error < rungs.getLast().squaredError()) {
                    rungs.add(new Rung(filter, error));
                }
            }
        }
        reached = most;
    }

    private boolean settled() {
        return rungs.getLast().squaredError() <= SETTLED * SETTLED * energy;
    }

    private double squaredError(ModalFilter filter) {
        double[] own = filter.taps(taps.length);
        double sum = 0;
        for (int t = 1; t < taps.length; t++) {
            sum += (taps[t] - own[t]) * (taps[t] - own[t]);
        }
        return sum;
    }

    /** The rungs so far, by rising order and falling error. */
    public List<Rung> rungs() {
        return List.copyOf(rungs);
    }

    /** The rung for which ‖e‖² and the price of its state together cost least. */
    public Rung best(double pricePerOrder) {
        Rung best = rungs.getFirst();
        for (Rung rung : rungs) {
            if (rung.squaredError() + pricePerOrder * rung.order() < best.squaredError()
                    + pricePerOrder * best.order()) {
                best = rung;
            }
        }
        return best;
    }
}

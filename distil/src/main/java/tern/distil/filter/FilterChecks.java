package tern.distil.filter;

/** What is refused at this room's door. */
final class FilterChecks {
    private FilterChecks() {
    }

    /** Refuses taps that are too few or not finite. */
    static void taps(double[] taps, int fewest) {
        if (taps.length < fewest) {
            throw new IllegalArgumentException("filter: " + taps.length + (taps.length == 1 ? " tap" : " taps")
                    + ", expected " + fewest + " or more (h_0, which is kept apart, and a tail to fit)");
        }
        for (int t = 0; t < taps.length; t++) {
            if (!Double.isFinite(taps[t])) {
                throw new IllegalArgumentException("filter: tap " + t + " of " + taps.length + " is " + taps[t]
                        + ", expected a finite number; check the checkpoint that the filter comes from");
            }
        }
    }

    /** Refuses an order below 0 or above half the number of taps, where the fit is no longer determined. */
    static void order(int order, int taps) {
        int most = HankelSpectrum.sizeFor(taps);
        if (order < 0 || order > most) {
            throw new IllegalArgumentException("filter: order is " + order + ", expected 0 to " + most + " for " + taps
                    + " taps (a real order above half of them is not determined; keep such a filter as a convolution)");
        }
    }
}

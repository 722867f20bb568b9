package tern.distil.filter;

/**
 * Polishes the poles of a fitted filter: Levenberg–Marquardt on (nu, θ) with the residues eliminated by least squares
 * (variable projection). Minimises ‖h - ĥ‖₂ and never returns anything worse than its start. Kinds of modes stay what they
 * are. Immutable and thread-safe.
 *
 * @param evaluations how many pole sets may be tried, at least 1
 * @param enough stop once two steps running lower the squared error by less than this share of it
 */
public record LevenbergMarquardt(int evaluations, double enough) {
    public LevenbergMarquardt {
        if (evaluations < 1) {
            throw new IllegalArgumentException("polish: evaluations is " + evaluations + ", expected 1 or more");
        }
        if (!(enough >= 0)) {
            throw new IllegalArgumentException(
                    "polish: enough is " + enough + ", expected 0 or a small share such as 1e-6");
        }
    }

    /** Up to 100 pole sets, until the squared error settles to 1e-9 of itself. */
    public LevenbergMarquardt() {
        this(100, 1e-9);
    }

    /**
     * A filter at least as close to the taps as {@code start}, of the same order.
     *
     * @param start an exact (not rounded) filter
     * @param taps h_0 … h_{L-1}, at least 3 finite numbers
     */
    public ModalFilter polish(ModalFilter start, double[] taps) {
        FilterChecks.taps(taps, 3);
        if (start.isRounded()) {
            throw new IllegalArgumentException(
                    "polish: the filter is rounded to float32 already; polish the exact one and "
                            + "round the result");
        }
        if (start.order() == 0) {
            return start;
        }
        PoleSearch search = new PoleSearch(taps, 1, PoleSearch.FLOAT64);
        PoleSet poles = search.improve(start.poles(), evaluations, enough).poles();
        ModalFilter polished = ResidueFit.exact(poles, taps);
        return squaredError(polished, taps) < squaredError(start, taps) ? polished : start;
    }

    static double squaredError(ModalFilter filter, double[] taps) {
        double[] own = filter.taps(taps.length);
        double sum = 0;
        for (int t = 0; t < taps.length; t++) {
            double e = taps[t] - own[t];
            sum += e * e;
        }
        return sum;
    }
}

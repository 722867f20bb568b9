package tern.distil.filter;

/**
 * The default distillation: poles from the leading Hankel factors (ESPRIT), clamped to radius 1 - 1/(10·L), real ones kept
 * real, residues by QR least squares on all taps; then, if polished, a search that ends in
 * {@linkplain LevenbergMarquardt variable projection} and that, where the Hankel factors leave a visible error, lets further
 * deterministic starts compete.
 *
 * <p>
 * Smooth trained filters are settled by the Hankel factors to many digits; noise-like ones have a squared error full of
 * local minima, in which the further starts find lower ones than a gradient descent from a random start does.
 *
 * @param polished whether to search; without it the result is ESPRIT and least squares alone
 */
public record HankelFit(boolean polished) implements FilterMethod {
    /** The default: polished. */
    public HankelFit() {
        this(true);
    }

    @Override
    public FilterFit fit(double[] taps, int order) {
        FilterChecks.taps(taps, 3);
        FilterChecks.order(order, taps.length);
        PoleSearch search = new PoleSearch(taps, order + 1, PoleSearch.FLOAT64);
        PoleSet poles = polished ? search.search(order).poles() : search.hankel(order).poles();
        return FilterFit.measure(ResidueFit.exact(poles, taps), name(), taps, search.spectrum(order + 1));
    }

    /**
     * As {@link #fit}, with one more start: an earlier fit of the same taps, of any order up to this one. The result is never
     * worse than that start.
     */
    public FilterFit fit(double[] taps, int order, ModalFilter start) {
        FilterChecks.taps(taps, 3);
        FilterChecks.order(order, taps.length);
        if (start.order() > order) {
            throw new IllegalArgumentException(
                    "filter: the start has order " + start.order() + ", expected at most " + order
                            + ", the order asked for");
        }
        PoleSearch search = new PoleSearch(taps, order + 1, PoleSearch.FLOAT64);
        ModalFilter found = ResidueFit.exact(search.search(order, start.poles()).poles(), taps);
        ModalFilter best = LevenbergMarquardt.squaredError(found, taps) <= LevenbergMarquardt.squaredError(start, taps)
                ? found
                : start;
        return FilterFit.measure(best, name(), taps, search.spectrum(order + 1));
    }

    /** Searches with the rounding of float32 counted as error, so that cancelling modes are avoided; then rounds. */
    @Override
    public FilterFit fitRounded(double[] taps, int order) {
        FilterChecks.taps(taps, 3);
        FilterChecks.order(order, taps.length);
        if (!polished) {
            return FilterMethod.super.fitRounded(taps, order);
        }
        return fitRounded(new PoleSearch(taps, order + 1, PoleSearch.FLOAT32), taps, order);
    }

    /** The same with a search that may know parts of the answer already. */
    FilterFit fitRounded(PoleSearch search, double[] taps, int order) {
        ModalFilter filter = ResidueFit.rounded(search.search(order).poles(), taps);
        return FilterFit.measureRounded(filter, name(), taps, search.spectrum(order + 1));
    }

    @Override
    public String name() {
        return "hankel";
    }
}

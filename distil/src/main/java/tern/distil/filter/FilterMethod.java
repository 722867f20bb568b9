package tern.distil.filter;

/**
 * A way to replace a long filter by a recurrence of a given order. Implementations are immutable, thread-safe and
 * deterministic: the same taps and order give the same bits.
 */
public interface FilterMethod {
    /**
     * Fits a recurrence to a filter.
     *
     * @param taps h_0 … h_{L-1}, at least 3 finite numbers; h_0 is copied exactly
     * @param order the largest real order (state floats) allowed, 0 to ⌊(L-1)/2⌋; the result may need fewer
     * @return the filter found, with its error on these taps
     * @throws IllegalArgumentException if the taps are too few or not finite, or the order is out of range
     */
    FilterFit fit(double[] taps, int order);

    /**
     * Fits a recurrence as a float32 engine will run it (see {@link ModalFilter#rounded}): the error reported is what is left
     * with all roundings in.
     */
    default FilterFit fitRounded(double[] taps, int order) {
        return fit(taps, order).rounded(taps);
    }

    /** The name by which reports and the command line call the method: hankel, gradient, modal, balanced or prony. */
    String name();
}

package tern.distil.filter;

import tern.distil.linear.Fourier;

/**
 * A fitted filter and its error e = h - ĥ over the window of L taps, beside what theory allows. Immutable.
 *
 * @param filter the recurrence
 * @param method the name of the method that found it
 * @param l2 ‖e‖₂
 * @param relativeL2 ‖e‖₂ / ‖h‖₂ over t ≥ 1; 0 if both are zero
 * @param l1 ‖e‖₁: |y - ŷ| ≤ l1·max|x| for every input
 * @param maxFrequency max_ω |E(e^{iω})| on a grid of at least 8·L points: ‖y - ŷ‖₂ ≤ maxFrequency·‖x‖₂
 * @param hankel ‖Γ_e‖₂, the largest singular value of the error's half-size Hankel matrix
 * @param hankelBound σ_{d+1}(Γ_h): no recurrence of this real order d has a smaller {@code hankel}
 * @param l2Bound what the Hankel spectrum says that ‖e‖₂ of this order can at best be
 * @param ratioToBound hankel / hankelBound: 1 would be a perfect reduction in the Hankel norm; 1 too where the error is
 *            rounding, i.e. below {@code 1e-14} of the filter's own Hankel norm, {@code 2^-23} of it if the filter was rounded to
 *            float32, which is also the least divisor
 * @param maxRadius largest |λ|
 * @param residueSum Σ|R|
 */
public record FilterFit(ModalFilter filter, String method, double l2, double relativeL2, double l1, double maxFrequency,
        double hankel, double hankelBound, double l2Bound, double ratioToBound, double maxRadius, double residueSum) {

    /** Below this share of ‖Γ_h‖ an error is rounding, and its ratio to a bound says nothing. */
    private static final double ROUNDING = 1e-14;
    /** The same of a filter whose numbers are float32. */
    private static final double FLOAT_ROUNDING = 0x1p-23;

    /** Measures a filter against the taps that it is to follow (at least 3). */
    public static FilterFit measure(ModalFilter filter, String method, double[] taps) {
        return measure(filter, method, taps, HankelSpectrum.of(taps, filter.order() + 1));
    }

    static FilterFit measure(ModalFilter filter, String method, double[] taps, HankelSpectrum spectrum) {
        return measure(filter, method, taps, spectrum, ROUNDING);
    }

    /** Measures a filter that is rounded to float32. */
    static FilterFit measureRounded(ModalFilter filter, String method, double[] taps, HankelSpectrum spectrum) {
        return measure(filter, method, taps, spectrum, FLOAT_ROUNDING);
    }

    private static FilterFit measure(ModalFilter filter, String method, double[] taps, HankelSpectrum spectrum,
            double unseen) {
        double[] error = filter.taps(taps.length);
        double peak = 0;
        double own = 0;
        for (int t = 0; t < error.length; t++) {
            error[t] = taps[t] - error[t];
            peak = Math.max(peak, Math.abs(error[t]));
            own = Math.max(own, t == 0 ? 0 : Math.abs(taps[t]));
        }
        double square = 0;
        double reference = 0;
        double l1 = 0;
        for (int t = 0; t < error.length; t++) {
            double x = peak == 0 ? 0 : error[t] / peak;
            double h = t == 0 || own == 0 ? 0 : taps[t] / own;
            square += x * x;
            reference += h * h;
            l1 += Math.abs(error[t]);
        }
        double l2 = peak * Math.sqrt(square);
        double of = own * Math.sqrt(reference);
        int order = Math.min(filter.order(), spectrum.size());
        double hankel = HankelSpectrum.norm(error);
        double bound = spectrum.hankelBound(order);
        double rounding = unseen * spectrum.sigma(1);
        double ratio = hankel <= rounding ? 1 : hankel / Math.max(bound, rounding);
        return new FilterFit(filter, method, l2, l2 == 0 ? 0 : of == 0 ? Double.POSITIVE_INFINITY : l2 / of, l1,
                maxFrequency(error), hankel, bound, spectrum.l2Bound(order), ratio, filter.maxRadius(),
                filter.residueSum());
    }

    /** The real order of the filter. */
    public int order() {
        return filter.order();
    }

    /** This fit with its filter {@link ModalFilter#rounded rounded} to float32, and the error that is left then. */
    public FilterFit rounded(double[] taps) {
        ModalFilter rounded = filter.rounded(taps);
        return measureRounded(rounded, method, taps, HankelSpectrum.of(taps, rounded.order() + 1));
    }

    private static double maxFrequency(double[] error) {
        Fourier fourier = new Fourier(Fourier.lengthFor(8 * error.length));
        int n = fourier.length();
        double[] re = java.util.Arrays.copyOf(error, n);
        double[] im = new double[n];
        fourier.forward(re, im, new double[n], new double[n]);
        double largest = 0;
        for (int k = 0; k <= n / 2; k++) {
            largest = Math.max(largest, Math.hypot(re[k], im[k]));
        }
        return largest;
    }
}

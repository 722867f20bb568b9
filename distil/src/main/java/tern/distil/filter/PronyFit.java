package tern.distil.filter;

import tern.distil.linear.Householder;
import tern.distil.linear.RealEigenvalues;

/**
 * Prony's method as a baseline: a linear predictor Σ_j a_j·h_{t-j} = -h_t fitted by least squares to all taps, its roots
 * (reflected into the disc and clamped) as poles, residues by least squares. It minimises the error of the prediction, not
 * of the filter, and is biased for anything that is not exactly modal. Immutable and thread-safe.
 */
public record PronyFit() implements FilterMethod {
    @Override
    public FilterFit fit(double[] taps, int order) {
        FilterChecks.taps(taps, 3);
        FilterChecks.order(order, taps.length);
        return FilterFit.measure(ResidueFit.exact(poles(taps, order), taps), name(), taps);
    }

    @Override
    public String name() {
        return "prony";
    }

    private static PoleSet poles(double[] taps, int order) {
        double peak = 0;
        for (int t = 1; t < taps.length; t++) {
            peak = Math.max(peak, Math.abs(taps[t]));
        }
        if (order == 0 || peak == 0) {
            return PoleSet.EMPTY;
        }
        int rows = taps.length - 1 - order;
        double[] a = new double[rows * (order + 1)];
        for (int j = 0; j <= order; j++) {
            // column j < order holds h_{t-1-j}, the last one -h_t, for t = order + 1 …
            int lag = j < order ? 1 + j : 0;
            double sign = j < order ? 1 : -1;
            for (int i = 0; i < rows; i++) {
                a[j * rows + i] = sign * taps[order + 1 + i - lag] / peak;
            }
        }
        Householder.triangularise(a, rows, order + 1, order);
        double[] predictor = Householder.solve(a, rows, Math.min(order, rows), order * rows, 1e-14);
        double[] companion = new double[order * order];
        for (int j = 0; j < predictor.length; j++) {
            companion[j * order] = -predictor[j];
        }
        for (int j = 0; j + 1 < order; j++) {
            companion[j * order + j + 1] = 1;
        }
        RealEigenvalues roots = RealEigenvalues.of(companion, order);
        return PoleSet.of(roots.re(), roots.im(), taps.length);
    }
}

package tern.distil.filter;

import tern.distil.linear.Householder;

/**
 * Residues for given poles by linear least squares on all taps t ≥ 1, through a QR factorisation of the basis whose columns
 * are scaled to unit norm. A column that depends on those before it to within rounding gets the residue 0.
 */
final class ResidueFit {
    /** Relative size of a diagonal of R below which a column counts as dependent. */
    private static final double DEPENDENT = 4e-16;

    private ResidueFit() {
    }

    /** The best filter on {@code poles} for {@code taps}, h_0 copied. */
    static ModalFilter exact(PoleSet poles, double[] taps) {
        double[] re = new double[poles.pairs()];
        double[] im = new double[poles.pairs()];
        double[] real = new double[poles.reals()];
        ModalFilter shape = new ModalFilter(taps[0], poles, re, im, real, false);
        int n = taps.length - 1;
        int m = poles.order();
        double[] a = new double[n * (m + 1)];
        double[] scales = basis(shape, a, n);
        System.arraycopy(taps, 1, a, n * m, n);
        Householder.triangularise(a, n, m + 1, m);
        double[] c = Householder.solve(a, n, Math.min(m, n), n * m, DEPENDENT);
        spread(c, scales, re, im, real);
        return shape;
    }

    static ModalFilter rounded(PoleSet poles, double[] taps) {
        PoleSet single = new PoleSet(toFloat(poles.pairNu()), toFloat(poles.pairTheta()), toFloat(poles.realNu()),
                poles.realSign());
        double[] re = new double[poles.pairs()];
        double[] im = new double[poles.pairs()];
        double[] real = new double[poles.reals()];
        ModalFilter shape = new ModalFilter((float) taps[0], single, re, im, real, true);
        int n = taps.length - 1;
        int m = poles.order();
        int rows = n + m;
        double[] a = new double[rows * (m + 1)];
        double[] packed = new double[n * m];
        double[] scales = basis(shape, packed, n);
        for (int j = 0; j < m; j++) {
            System.arraycopy(packed, j * n, a, j * rows, n);
            // a float32 state carries an error of 2^-24 relative to each mode's own response
            a[j * rows + n + j] = 0x1p-24;
        }
        System.arraycopy(taps, 1, a, rows * m, n);
        Householder.triangularise(a, rows, m + 1, m);
        double[] c = new double[m];
        for (int k = m - 1; k >= 0; k--) {
            double sum = a[rows * m + k];
            for (int j = k + 1; j < m; j++) {
                sum -= a[j * rows + k] * c[j];
            }
            // round the residue itself, not its scaled column, and let the earlier ones make the rounding good
            c[k] = (float) (sum / a[k * rows + k] / scales[k]) * scales[k];
        }
        spread(c, scales, re, im, real);
        for (int k = 0; k < re.length; k++) {
            re[k] = (float) re[k];
            im[k] = (float) im[k];
        }
        for (int k = 0; k < real.length; k++) {
            real[k] = (float) real[k];
        }
        return shape;
    }

    /**
     * Writes the columns Re λ^s, -Im λ^s of each complex mode and ρ^s of each real one, s &lt; n, scaled to unit norm.
     *
     * @return the norms by which they were divided [order]
     */
    static double[] basis(ModalFilter shape, double[] a, int n) {
        int pairs = shape.complexModes();
        int m = shape.order();
        double[] scales = new double[m];
        for (int k = 0; k < pairs; k++) {
            int reAt = 2 * k * n;
            int imAt = reAt + n;
            Powers.fill(shape.poleRe(k), shape.poleIm(k), a, reAt, a, imAt, n);
            for (int s = 0; s < n; s++) {
                a[imAt + s] = -a[imAt + s];
            }
            scales[2 * k] = normalise(a, reAt, n);
            scales[2 * k + 1] = normalise(a, imAt, n);
        }
        for (int k = 0; k < shape.realModes(); k++) {
            int at = (2 * pairs + k) * n;
            Powers.fill(shape.realPole(k), a, at, n);
            scales[2 * pairs + k] = normalise(a, at, n);
        }
        return scales;
    }

    private static double normalise(double[] a, int at, int n) {
        double sum = 0;
        for (int s = 0; s < n; s++) {
            sum += a[at + s] * a[at + s];
        }
        double norm = Math.sqrt(sum);
        if (!(norm > 1e-300)) {
            return 1;
        }
        for (int s = 0; s < n; s++) {
            a[at + s] /= norm;
        }
        return norm;
    }

    private static void spread(double[] c, double[] scales, double[] re, double[] im, double[] real) {
        for (int k = 0; k < c.length; k++) {
            double x = c[k] / scales[k];
            if (k >= 2 * re.length) {
                real[k - 2 * re.length] = x;
            } else if (k % 2 == 0) {
                re[k / 2] = x;
            } else {
                im[k / 2] = x;
            }
        }
    }

    private static double[] toFloat(double[] a) {
        double[] rounded = new double[a.length];
        for (int k = 0; k < a.length; k++) {
            rounded[k] = (float) a[k];
        }
        return rounded;
    }
}

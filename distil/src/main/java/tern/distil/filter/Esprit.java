package tern.distil.filter;

import tern.distil.linear.Householder;
import tern.distil.linear.RealEigenvalues;

/**
 * Poles from the shift invariance of the leading singular vectors of the Hankel matrix: with U the first d of them, the
 * eigenvalues of the least-squares solution A of U[0..M-1)·A = U[1..M) (ESPRIT; Kung's realisation without the residues).
 */
final class Esprit {
    private Esprit() {
    }

    /** The poles of order {@code order}, at most the spectrum's count and its M - 1. */
    static PoleSet poles(HankelSpectrum spectrum, int order, int taps) {
        int d = Math.min(Math.min(order, spectrum.numericalRank()), spectrum.size() - 1);
        if (d == 0) {
            return PoleSet.EMPTY;
        }
        int rows = spectrum.size() - 1;
        double[] a = new double[rows * 2 * d];
        for (int n = 0; n < d; n++) {
            double[] u = spectrum.vector(n + 1);
            System.arraycopy(u, 0, a, n * rows, rows);
            System.arraycopy(u, 1, a, (d + n) * rows, rows);
        }
        Householder.triangularise(a, rows, 2 * d, d);
        double[] shift = new double[d * d];
        for (int n = 0; n < d; n++) {
            System.arraycopy(Householder.solve(a, rows, d, (d + n) * rows, 1e-15), 0, shift, n * d, d);
        }
        RealEigenvalues eigenvalues = RealEigenvalues.of(shift, d);
        return PoleSet.of(eigenvalues.re(), eigenvalues.im(), taps);
    }
}

package tern.distil.filter;

import tern.distil.linear.RealEigenvalues;
import tern.distil.linear.SingularValues;
import tern.distil.linear.SymmetricEigen;

/**
 * Balanced truncation as a baseline: a modal model of high order (Hankel factors, unpolished) has Gramians in closed form;
 * the square-root method balances it, the states with the smallest Hankel singular values are cut off, and what is left is
 * diagonalised again. With its own residues the error obeys max_ω|E| ≤ 2·Σ_{n&gt;d} σ_n beyond that of the model.
 *
 * <p>
 * Gramians, with trajectories Re(w·λ^s): Σ_s Re(w·a^s)·Re(v·b^s) = ½ Re(w·v·G(a, b) + w·v̄·G(a, b̄)), G(a, b) =
 * 1/(1 - a·b). Immutable and thread-safe.
 *
 * @param from the order of the model that is truncated, at least 1; less if the filter has fewer
 * @param refitted whether the residues are fitted anew by least squares on the taps
 */
public record BalancedTruncation(int from, boolean refitted) implements FilterMethod {
    public BalancedTruncation {
        if (from < 1) {
            throw new IllegalArgumentException(
                    "balanced truncation: the model's order is " + from + ", expected 1 or more");
        }
    }

    /** From order 64, residues refitted. */
    public BalancedTruncation() {
        this(64, true);
    }

    @Override
    public FilterFit fit(double[] taps, int order) {
        FilterChecks.taps(taps, 3);
        FilterChecks.order(order, taps.length);
        ModalFilter model = model(taps, Math.max(from, order));
        return FilterFit.measure(reduced(model, order, taps, refitted), name(), taps);
    }

    @Override
    public String name() {
        return "balanced";
    }

    /** The unpolished Hankel fit of at most this order. */
    static ModalFilter model(double[] taps, int order) {
        int possible = Math.min(order, HankelSpectrum.sizeFor(taps.length));
        return new HankelFit(false).fit(taps, possible).filter();
    }

    /** Hankel singular values of a modal filter over the infinite horizon, largest first: √eig(P·Q). */
    static double[] hankelValues(ModalFilter model) {
        return new Balanced(model).values.values();
    }

    static ModalFilter reduced(ModalFilter model, int order, double[] taps, boolean refitted) {
        if (model.order() == 0) {
            return model;
        }
        Balanced balanced = new Balanced(model);
        int n = model.order();
        double[] sigma = balanced.values.values();
        int d = 0;
        while (d < Math.min(order, n) && sigma[d] > 1e-15 * sigma[0]) {
            d++;
        }
        if (d == 0) {
            return ModalFilter.direct(model.direct());
        }
        double[] right = new double[n * d];
        double[] left = new double[n * d];
        for (int k = 0; k < d; k++) {
            double root = 1 / Math.sqrt(sigma[k]);
            for (int j = 0; j < n; j++) {
                double v = balanced.values.v()[k * n + j] * root;
                double u = balanced.values.u()[k * n + j] * root;
                for (int i = 0; i < n; i++) {
                    right[k * n + i] += balanced.reach[j * n + i] * v;
                    left[k * n + i] += balanced.observe[j * n + i] * u;
                }
            }
        }
        double[] a = new double[d * d];
        for (int k = 0; k < d; k++) {
            double[] moved = new double[n];
            step(model, right, k * n, moved);
            for (int j = 0; j < d; j++) {
                a[k * d + j] = dot(left, j * n, moved, n);
            }
        }
        RealEigenvalues eigenvalues = RealEigenvalues.of(a, d);
        PoleSet poles = PoleSet.of(eigenvalues.re(), eigenvalues.im(), taps.length);
        return ResidueFit.exact(poles, refitted ? taps : response(model, a, left, right, d, taps.length));
    }

    /** The impulse response of the reduced system, from which its residues follow exactly. */
    private static double[] response(ModalFilter model, double[] a, double[] left, double[] right, int d, int time) {
        int n = model.order();
        double[] input = new double[n];
        double[] output = new double[n];
        fillPorts(model, input, output);
        double[] x = new double[d];
        double[] c = new double[d];
        for (int k = 0; k < d; k++) {
            x[k] = dot(left, k * n, input, n);
            c[k] = dot(right, k * n, output, n);
        }
        double[] taps = new double[time];
        taps[0] = model.direct();
        double[] next = new double[d];
        for (int t = 1; t < time; t++) {
            taps[t] = dot(c, 0, x, d);
            java.util.Arrays.fill(next, 0);
            for (int k = 0; k < d; k++) {
                for (int j = 0; j < d; j++) {
                    next[j] += a[k * d + j] * x[k];
                }
            }
            System.arraycopy(next, 0, x, 0, d);
        }
        return taps;
    }

    /** y ← A·x for the real block-diagonal realisation: [c -s; s c] for each pair, ρ for each real mode. */
    private static void step(ModalFilter model, double[] x, int at, double[] y) {
        int pairs = model.complexModes();
        for (int k = 0; k < pairs; k++) {
            double c = model.poleRe(k);
            double s = model.poleIm(k);
            y[2 * k] = c * x[at + 2 * k] - s * x[at + 2 * k + 1];
            y[2 * k + 1] = s * x[at + 2 * k] + c * x[at + 2 * k + 1];
        }
        for (int k = 0; k < model.realModes(); k++) {
            y[2 * pairs + k] = model.realPole(k) * x[at + 2 * pairs + k];
        }
    }

    private static void fillPorts(ModalFilter model, double[] input, double[] output) {
        int pairs = model.complexModes();
        double[] x = model.residueRe();
        double[] y = model.residueIm();
        double[] c = model.realResidue();
        for (int k = 0; k < pairs; k++) {
            input[2 * k] = 1;
            output[2 * k] = x[k];
            output[2 * k + 1] = -y[k];
        }
        for (int k = 0; k < c.length; k++) {
            input[2 * pairs + k] = 1;
            output[2 * pairs + k] = c[k];
        }
    }

    private static double dot(double[] a, int from, double[] b, int n) {
        double sum = 0;
        for (int i = 0; i < n; i++) {
            sum += a[from + i] * b[i];
        }
        return sum;
    }

    /** Factors P = reach·reachᵀ, Q = observe·observeᵀ and the singular values of observeᵀ·reach. */
    private static final class Balanced {
        private final double[] reach;
        private final double[] observe;
        private final SingularValues values;

        Balanced(ModalFilter model) {
            int n = model.order();
            int pairs = model.complexModes();
            double[] poleX = new double[n];
            double[] poleY = new double[n];
            double[] stateX = new double[n];
            double[] stateY = new double[n];
            double[] outX = new double[n];
            double[] outY = new double[n];
            double[] x = model.residueRe();
            double[] y = model.residueIm();
            double[] c = model.realResidue();
            for (int k = 0; k < pairs; k++) {
                for (int part = 0; part < 2; part++) {
                    poleX[2 * k + part] = model.poleRe(k);
                    poleY[2 * k + part] = model.poleIm(k);
                }
                // the state is (Re λ^s, Im λ^s) = (Re λ^s, Re -iλ^s); from (1, 0) and (0, 1) come Re Rλ^s and Re iRλ^s
                stateX[2 * k] = 1;
                stateY[2 * k + 1] = -1;
                outX[2 * k] = x[k];
                outY[2 * k] = y[k];
                outX[2 * k + 1] = -y[k];
                outY[2 * k + 1] = x[k];
            }
            for (int k = 0; k < c.length; k++) {
                poleX[2 * pairs + k] = model.realPole(k);
                stateX[2 * pairs + k] = 1;
                outX[2 * pairs + k] = c[k];
            }
            reach = root(gramian(poleX, poleY, stateX, stateY, n), n);
            observe = root(gramian(poleX, poleY, outX, outY, n), n);
            double[] product = new double[n * n];
            for (int j = 0; j < n; j++) {
                for (int i = 0; i < n; i++) {
                    double sum = 0;
                    for (int k = 0; k < n; k++) {
                        sum += observe[i * n + k] * reach[j * n + k];
                    }
                    product[j * n + i] = sum;
                }
            }
            values = SingularValues.of(product, n, n);
        }

        private static double[] gramian(double[] poleX, double[] poleY, double[] wX, double[] wY, int n) {
            double[] gramian = new double[n * n];
            for (int j = 0; j < n; j++) {
                for (int i = 0; i < n; i++) {
                    double same = half(poleX[i], poleY[i], poleX[j], poleY[j], wX[i], wY[i], wX[j], wY[j]);
                    double mirrored = half(poleX[i], poleY[i], poleX[j], -poleY[j], wX[i], wY[i], wX[j], -wY[j]);
                    gramian[j * n + i] = same + mirrored;
                }
            }
            return gramian;
        }

        /** ½ Re(w·v / (1 - a·b)). */
        private static double half(double aX, double aY, double bX, double bY, double wX, double wY, double vX,
                double vY) {
            double re = 1 - (aX * bX - aY * bY);
            double im = -(aX * bY + aY * bX);
            double pX = wX * vX - wY * vY;
            double pY = wX * vY + wY * vX;
            return 0.5 * (pX * re + pY * im) / (re * re + im * im);
        }

        /** V·√max(Λ, 0) of a symmetric V·Λ·Vᵀ. */
        private static double[] root(double[] gramian, int n) {
            SymmetricEigen eigen = SymmetricEigen.dense(gramian, n);
            double[] root = new double[n * n];
            for (int j = 0; j < n; j++) {
                double scale = Math.sqrt(Math.max(0, eigen.values()[j]));
                for (int i = 0; i < n; i++) {
                    root[j * n + i] = eigen.vectors()[j * n + i] * scale;
                }
            }
            return root;
        }
    }
}

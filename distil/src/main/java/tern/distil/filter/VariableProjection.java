package tern.distil.filter;

import java.util.Arrays;

import tern.distil.linear.Columns;
import tern.distil.linear.Householder;

/**
 * Minimises ‖h - Φ(nu, θ)·c‖ over poles, the residues c being eliminated by least squares at every point (Golub and Pereyra
 * 1973, with Kaufman's Jacobian), by Levenberg–Marquardt steps. Only steps that lower the error are taken.
 *
 * <p>
 * All that an iteration needs is in the triangular factor R of [Φ, s·Φ, h], where s·Φ are the basis columns times the
 * time index: the derivatives of the model are combinations of those, and their projection off the span of Φ is the second
 * diagonal block of R. So an iteration is one triangularisation of L × (2·order + 1) numbers and a few small solves.
 *
 * <p>
 * Confined to one thread: it holds the scratch for one filter.
 */
final class VariableProjection {
    private static final double DEPENDENT = 4e-16;
    private static final double TRUST = 1e-10;
    /** Noise that cannot matter where the Gram matrix is well conditioned enough to be used at all. */
    private static final double NEGLIGIBLE = 1e-12;

    private final double[] target;
    private final double noise;
    private final double smallestNu;
    private final ModalGram gram;
    private double[] matrix = new double[0];
    /** Whether the last linearisation came from the Gram matrix. */
    private boolean fromGram;

    /**
     * @param target h_1 … h_{L-1}, best scaled to about unit size
     * @param noise what rounding will add to each mode, relative to its response: cancelling modes cost that much
     */
    VariableProjection(double[] target, double noise) {
        this.target = target;
        this.noise = noise;
        smallestNu = PoleSet.smallestNu(target.length + 1);
        gram = new ModalGram(target);
    }

    /** A point reached and its squared error. */
    record Point(PoleSet poles, double cost) {
    }

    /** ‖h‖², the error with no poles. */
    double energy() {
        return gram.energy();
    }

    /** The squared error at given poles; infinite if their columns are dependent to rounding. */
    double cost(PoleSet poles) {
        int n = target.length;
        int m = poles.order();
        double[] quick = room(m * (m + 1));
        double trusted = gram.factor(poles, false, quick);
        double cost = gram.energy() - square(quick, m * m, m);
        if (trusts(trusted, cost)) {
            return noise > NEGLIGIBLE ? cost + rounding(quick, m, m, m * m) : cost;
        }
        double[] a = room(n * (m + 1));
        fill(poles, a, n, false);
        System.arraycopy(target, 0, a, n * m, n);
        Householder.triangularise(a, n, m + 1, m);
        return costOf(a, n, m, n * m);
    }

    /** Whether a cost from the Gram matrix is good to about 1e-5 of itself, given its smallest pivot. */
    private boolean trusts(double pivot, double cost) {
        return pivot * cost > TRUST * gram.energy();
    }

    private static double square(double[] a, int at, int n) {
        return Columns.dot(a, at, a, at, n);
    }

    private double costOf(double[] a, int n, int m, int rhs) {
        double largest = 0;
        for (int k = 0; k < m; k++) {
            largest = Math.max(largest, Math.abs(a[k * n + k]));
        }
        for (int k = 0; k < m; k++) {
            if (!(Math.abs(a[k * n + k]) > DEPENDENT * largest)) {
                return Double.POSITIVE_INFINITY;
            }
        }
        double norm = Columns.norm(a, rhs + m, n - m);
        return norm * norm + rounding(a, n, m, rhs);
    }

    private double rounding(double[] a, int rows, int m, int rhs) {
        double size = noise * Columns.norm(Householder.solve(a, rows, m, rhs, 0), 0, m);
        return size * size;
    }

    /**
     * Levenberg–Marquardt from {@code start}.
     *
     * @param most how many points may be evaluated
     * @param enough stop when an accepted step lowers the squared error by less than this share of it, twice running
     * @return the best point seen; {@code start} itself if nothing was better
     */
    Point improve(PoleSet start, int most, double enough) {
        int m = start.order();
        int n = target.length;
        if (m == 0 || 2 * m + 1 > n) {
            return new Point(start, m == 0 ? energy() : cost(start));
        }
        double[] jacobian = new double[2 * m * (m + 1)];
        double[] small = new double[m * m];
        double[] gradientSide = new double[m];
        double[] weights = new double[m];
        PoleSet here = start;
        double cost = linearise(here, small, gradientSide);
        boolean normal = fromGram;
        if (!Double.isFinite(cost)) {
            return new Point(start, cost);
        }
        double damping = 1e-2;
        double growth = 2;
        int slow = 0;
        for (int point = 1; point < most; point++) {
            for (int j = 0; j < m; j++) {
                weights[j] = Math.max(weights[j] * 0.7, Columns.norm(small, j * m, m));
            }
            double[] step = normal
                    ? normalStep(small, gradientSide, weights, damping, jacobian, m)
                    : step(small, gradientSide, weights, damping, jacobian, m);
            PoleSet there = moved(here, step);
            double predicted = predicted(small, gradientSide, step, m);
            double[] nextSmall = new double[m * m];
            double[] nextSide = new double[m];
            double reached = linearise(there, nextSmall, nextSide);
            if (reached < cost) {
                double gain = (cost - reached) / Math.max(predicted, 1e-300);
                double share = (cost - reached) / cost;
                here = there;
                cost = reached;
                small = nextSmall;
                gradientSide = nextSide;
                normal = fromGram;
                double q = 2 * gain - 1;
                damping = Math.max(1e-12, damping * Math.max(0.1, 1 - q * q * q));
                growth = 2;
                slow = share < enough ? slow + 1 : 0;
                if (slow == 2) {
                    break;
                }
            } else {
                damping *= growth;
                growth *= 2;
                if (damping > 1e10 || predicted < 0.1 * enough * cost) {
                    break;
                }
            }
        }
        return new Point(here, cost);
    }

    /** Writes the projected Jacobian R22·C [m, m] and the projected residual [m] at {@code poles}; returns the cost. */
    private double linearise(PoleSet poles, double[] small, double[] side) {
        int n = target.length;
        int m = poles.order();
        double[] quick = room(2 * m * (2 * m + 1));
        double trusted = gram.factor(poles, true, quick);
        double cost = gram.energy() - square(quick, 4 * m * m, m);
        if (trusts(trusted, cost)) {
            jacobian(poles, quick, 2 * m, small, side);
            fromGram = true;
            return noise > NEGLIGIBLE ? cost + rounding(quick, 2 * m, m, 4 * m * m) : cost;
        }
        fromGram = false;
        int columns = 2 * m + 1;
        double[] a = room(n * columns);
        fill(poles, a, n, true);
        int rhs = 2 * m * n;
        System.arraycopy(target, 0, a, rhs, n);
        Householder.triangularise(a, n, columns, 2 * m);
        cost = costOf(a, n, m, rhs);
        if (Double.isFinite(cost)) {
            jacobian(poles, a, n, small, side);
        }
        return cost;
    }

    private void jacobian(PoleSet poles, double[] a, int rows, double[] small, double[] side) {
        int n = rows;
        int m = poles.order();
        int rhs = 2 * m * rows;
        double[] c = Householder.solve(a, n, m, rhs, 0);
        System.arraycopy(a, rhs + m, side, 0, m);
        int pairs = poles.pairs();
        double time = target.length;
        for (int k = 0; k < pairs; k++) {
            double x = c[2 * k];
            double y = c[2 * k + 1];
            double decay = Math.exp(poles.pairNu()[k]) * time;
            int re = (m + 2 * k) * n + m;
            int im = re + n;
            int nuAt = 2 * k * m;
            int thetaAt = nuAt + m;
            // column j of R22 has j + 1 entries
            for (int i = 0; i <= 2 * k; i++) {
                small[nuAt + i] = -decay * (x * a[re + i] + y * a[im + i]);
                small[thetaAt + i] = time * (x * a[im + i] - y * a[re + i]);
            }
            int i = 2 * k + 1;
            small[nuAt + i] = -decay * y * a[im + i];
            small[thetaAt + i] = time * x * a[im + i];
        }
        for (int k = 0; k < poles.reals(); k++) {
            int j = 2 * pairs + k;
            double factor = -Math.exp(poles.realNu()[k]) * time * c[j];
            for (int i = 0; i <= j; i++) {
                small[j * m + i] = factor * a[(m + j) * n + m + i];
            }
        }
    }

    /** Columns Re λ^s, -Im λ^s, ρ^s scaled to about unit norm and, if asked for, the same times s/n. */
    static void fill(PoleSet poles, double[] a, int n, boolean derivatives) {
        int pairs = poles.pairs();
        int m = poles.order();
        for (int k = 0; k < pairs; k++) {
            double r = PoleSet.radius(poles.pairNu()[k]);
            double theta = poles.pairTheta()[k];
            int re = 2 * k * n;
            int im = re + n;
            Powers.fill(r * Math.cos(theta), r * Math.sin(theta), a, re, a, im, n);
            double scale = scale(poles.pairNu()[k], n);
            for (int s = 0; s < n; s++) {
                a[re + s] *= scale;
                a[im + s] *= -scale;
            }
        }
        for (int k = 0; k < poles.reals(); k++) {
            int at = (2 * pairs + k) * n;
            Powers.fill(poles.realSign()[k] * PoleSet.radius(poles.realNu()[k]), a, at, n);
            double scale = scale(poles.realNu()[k], n);
            for (int s = 0; s < n; s++) {
                a[at + s] *= scale;
            }
        }
        if (derivatives) {
            double per = 1.0 / n;
            for (int j = 0; j < m; j++) {
                int from = j * n;
                int to = (m + j) * n;
                for (int s = 0; s < n; s++) {
                    a[to + s] = a[from + s] * (s * per);
                }
            }
        }
    }

    /** 1 / √Σ_{s&lt;n} |λ|^{2s}. */
    private static double scale(double nu, int n) {
        double twice = 2 * Math.exp(nu);
        return Math.sqrt(-Math.expm1(-twice) / -Math.expm1(-twice * n));
    }

    /** The minimiser of ‖side - J·δ‖² + damping·‖D·δ‖². */
    private static double[] step(double[] small, double[] side, double[] weights, double damping, double[] a, int m) {
        int rows = 2 * m;
        Arrays.fill(a, 0);
        double root = Math.sqrt(damping);
        for (int j = 0; j < m; j++) {
            System.arraycopy(small, j * m, a, j * rows, m);
            a[j * rows + m + j] = root * Math.max(weights[j], 1e-30);
        }
        System.arraycopy(side, 0, a, m * rows, m);
        Householder.triangularise(a, rows, m + 1, m);
        return Householder.solve(a, rows, m, m * rows, 0);
    }

    /** The same minimiser from the normal equations: cheaper, and good enough where the Gram matrix was. */
    private static double[] normalStep(double[] small, double[] side, double[] weights, double damping, double[] a,
            int m) {
        double[] step = new double[m];
        for (int j = 0; j < m; j++) {
            // column j of the Jacobian ends at row j, or one below for the first of a pair
            int rows = Math.min(m, j + 2);
            for (int i = 0; i <= j; i++) {
                a[j * m + i] = Columns.dot(small, i * m, small, j * m, Math.min(rows, i + 2));
            }
            double weight = Math.max(weights[j], 1e-30);
            a[j * m + j] += damping * weight * weight;
            step[j] = Columns.dot(small, j * m, side, 0, rows);
        }
        for (int j = 0; j < m; j++) {
            for (int i = 0; i < j; i++) {
                a[j * m + i] = (a[j * m + i] - Columns.dot(a, i * m, a, j * m, i)) / a[i * m + i];
            }
            double pivot = a[j * m + j] - Columns.dot(a, j * m, a, j * m, j);
            // a direction that the damped problem cannot see is left alone
            a[j * m + j] = pivot > 1e-14 * a[j * m + j] ? Math.sqrt(pivot) : Double.POSITIVE_INFINITY;
        }
        for (int j = 0; j < m; j++) {
            step[j] = (step[j] - Columns.dot(a, j * m, step, 0, j)) / a[j * m + j];
        }
        for (int j = m - 1; j >= 0; j--) {
            step[j] /= a[j * m + j];
            Columns.add(-step[j], a, j * m, step, 0, j);
        }
        return step;
    }

    private static double predicted(double[] small, double[] side, double[] step, int m) {
        double before = 0;
        double after = 0;
        for (int i = 0; i < m; i++) {
            double rest = side[i];
            before += rest * rest;
            for (int j = 0; j < m; j++) {
                rest -= small[j * m + i] * step[j];
            }
            after += rest * rest;
        }
        return before - after;
    }

    private PoleSet moved(PoleSet poles, double[] step) {
        int pairs = poles.pairs();
        double[] nu = poles.pairNu().clone();
        double[] theta = poles.pairTheta().clone();
        double[] realNu = poles.realNu().clone();
        for (int k = 0; k < pairs; k++) {
            nu[k] = Math.clamp(nu[k] + Math.clamp(step[2 * k], -1, 1), smallestNu, PoleSet.LARGEST_NU);
            double turned = Math.abs(theta[k] + Math.clamp(step[2 * k + 1], -0.5, 0.5));
            theta[k] = turned > Math.PI ? 2 * Math.PI - turned : turned;
        }
        for (int k = 0; k < realNu.length; k++) {
            realNu[k] = Math.clamp(realNu[k] + Math.clamp(step[2 * pairs + k], -1, 1), smallestNu, PoleSet.LARGEST_NU);
        }
        return new PoleSet(nu, theta, realNu, poles.realSign());
    }

    private double[] room(int n) {
        if (matrix.length < n) {
            matrix = new double[n];
        }
        return matrix;
    }
}

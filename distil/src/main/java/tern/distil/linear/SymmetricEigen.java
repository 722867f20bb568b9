package tern.distil.linear;

/**
 * Eigenvalues and eigenvectors of a real symmetric matrix: Householder reduction to tridiagonal form, then implicit QL
 * with Wilkinson's shift (Golub and Van Loan, Matrix Computations, section 8.3).
 */
public final class SymmetricEigen {
    private static final int MOST_SWEEPS = 60;

    private final double[] values;
    private final double[] vectors;
    private final int rows;

    private SymmetricEigen(double[] values, double[] vectors, int rows) {
        this.values = values;
        this.vectors = vectors;
        this.rows = rows;
    }

    /** Eigenvalues [n], in the order in which the iteration found them. */
    public double[] values() {
        return values;
    }

    /** Eigenvectors as columns [rows, n], beside {@link #values()}; or the rows of them that were asked for. */
    public double[] vectors() {
        return vectors;
    }

    /** How many rows {@link #vectors()} has. */
    public int rows() {
        return rows;
    }

    /** Decomposes a dense symmetric matrix [n, n], of which it reads all and changes nothing. */
    public static SymmetricEigen dense(double[] matrix, int n) {
        double[] a = matrix.clone();
        double[] diagonal = new double[n];
        double[] beside = new double[n];
        double[] q = new double[n * n];
        double[] betas = new double[n];
        double[] w = new double[n];
        for (int k = 0; k < n - 1; k++) {
            int top = k * n + k + 1;
            int m = n - k - 1;
            diagonal[k] = a[k * n + k];
            double norm = Columns.norm(a, top, m);
            if (m == 1 || norm == 0 || Columns.norm(a, top + 1, m - 1) == 0) {
                beside[k] = a[top];
                continue;
            }
            double alpha = a[top] > 0 ? -norm : norm;
            a[top] -= alpha;
            double beta = 1 / (norm * Math.abs(a[top]));
            // A <- (I - beta v v')A(I - beta v v') on the trailing block, as a rank-two update
            for (int j = 0; j < m; j++) {
                w[j] = beta * Columns.dot(a, top, a, (k + 1 + j) * n + k + 1, m);
            }
            double half = 0.5 * beta * Columns.dot(w, 0, a, top, m);
            Columns.add(-half, a, top, w, 0, m);
            for (int j = 0; j < m; j++) {
                int column = (k + 1 + j) * n + k + 1;
                Columns.add(-w[j], a, top, a, column, m);
                Columns.add(-a[top + j], w, 0, a, column, m);
            }
            beside[k] = alpha;
            betas[k] = beta;
        }
        diagonal[n - 1] = a[(n - 1) * n + n - 1];
        for (int j = 0; j < n; j++) {
            q[j * n + j] = 1;
        }
        for (int k = n - 2; k >= 0; k--) {
            if (betas[k] != 0) {
                int top = k * n + k + 1;
                int m = n - k - 1;
                for (int j = k + 1; j < n; j++) {
                    int at = j * n + k + 1;
                    Columns.add(-betas[k] * Columns.dot(a, top, q, at, m), a, top, q, at, m);
                }
            }
        }
        iterate(diagonal, beside, q, n);
        return new SymmetricEigen(diagonal, q, n);
    }

    /**
     * Decomposes the tridiagonal matrix with the given diagonal [n] and off-diagonal [n - 1 or more].
     *
     * @param lastRowOnly keep only the last row of the eigenvectors (what a Lanczos convergence test reads), which is
     *            cheaper by a factor n
     */
    public static SymmetricEigen tridiagonal(double[] diagonal, double[] offDiagonal, int n, boolean lastRowOnly) {
        double[] d = java.util.Arrays.copyOf(diagonal, n);
        double[] e = java.util.Arrays.copyOf(offDiagonal, n);
        int rows = lastRowOnly ? 1 : n;
        double[] q = new double[rows * n];
        if (lastRowOnly) {
            q[n - 1] = 1;
        } else {
            for (int j = 0; j < n; j++) {
                q[j * n + j] = 1;
            }
        }
        iterate(d, e, q, rows);
        return new SymmetricEigen(d, q, rows);
    }

    private static void iterate(double[] d, double[] e, double[] q, int rows) {
        int n = d.length;
        e[n - 1] = 0;
        double scale = 0;
        for (int i = 0; i < n; i++) {
            scale = Math.max(scale, Math.abs(d[i]) + Math.abs(e[i]));
        }
        double tiny = 1e-18 * scale;
        for (int low = 0; low < n; low++) {
            for (int sweep = 0;; sweep++) {
                int high = low;
                while (high < n - 1
                        && Math.abs(e[high]) > 0x1p-53 * (Math.abs(d[high]) + Math.abs(d[high + 1])) + tiny) {
                    high++;
                }
                if (high == low) {
                    break;
                }
                if (sweep == MOST_SWEEPS) {
                    throw new ArithmeticException("symmetric eigenvalues: no convergence after " + MOST_SWEEPS
                            + " sweeps; the matrix holds values that are not finite");
                }
                sweepFrom(low, high, d, e, q, rows);
            }
        }
    }

    /** One implicit QL sweep that chases the bulge from {@code high} up to {@code low}. */
    private static void sweepFrom(int low, int high, double[] d, double[] e, double[] q, int rows) {
        double slope = (d[low + 1] - d[low]) / (2 * e[low]);
        double root = Math.hypot(slope, 1);
        double g = d[high] - d[low] + e[low] / (slope + (slope >= 0 ? root : -root));
        double sine = 1;
        double cosine = 1;
        double shift = 0;
        for (int i = high - 1; i >= low; i--) {
            double f = sine * e[i];
            double b = cosine * e[i];
            double r = Math.hypot(f, g);
            e[i + 1] = r;
            if (r == 0) {
                // the block has split by itself: leave the rest to the next sweep
                d[i + 1] -= shift;
                e[high] = 0;
                return;
            }
            sine = f / r;
            cosine = g / r;
            g = d[i + 1] - shift;
            double t = (d[i] - g) * sine + 2 * cosine * b;
            shift = sine * t;
            d[i + 1] = g + shift;
            g = cosine * t - b;
            rotate(q, i * rows, (i + 1) * rows, rows, cosine, sine);
        }
        d[low] -= shift;
        e[low] = g;
        e[high] = 0;
    }

    private static void rotate(double[] q, int left, int right, int rows, double c, double s) {
        for (int k = 0; k < rows; k++) {
            double x = q[left + k];
            double y = q[right + k];
            q[right + k] = s * x + c * y;
            q[left + k] = c * x - s * y;
        }
    }
}

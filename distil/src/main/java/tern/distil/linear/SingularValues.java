package tern.distil.linear;

/**
 * The singular value decomposition A = U·diag(σ)·Vᵀ of a small matrix by one-sided Jacobi rotations (Hestenes), accurate
 * relative to each column.
 *
 * @param u left singular vectors [rows, n] as columns; a column of zeros where σ is 0
 * @param values singular values [n], largest first
 * @param v right singular vectors [n, n] as columns
 */
public record SingularValues(double[] u, double[] values, double[] v) {
    private static final int MOST_SWEEPS = 60;

    /** Decomposes {@code matrix} [rows, n] with rows ≥ n, column-major, which is not changed. */
    public static SingularValues of(double[] matrix, int rows, int n) {
        double[] a = matrix.clone();
        double[] v = new double[n * n];
        for (int i = 0; i < n; i++) {
            v[i * n + i] = 1;
        }
        boolean rotated = true;
        for (int sweep = 0; rotated && sweep < MOST_SWEEPS; sweep++) {
            rotated = false;
            for (int p = 0; p < n - 1; p++) {
                for (int q = p + 1; q < n; q++) {
                    double alpha = Columns.dot(a, p * rows, a, p * rows, rows);
                    double beta = Columns.dot(a, q * rows, a, q * rows, rows);
                    double gamma = Columns.dot(a, p * rows, a, q * rows, rows);
                    if (Math.abs(gamma) <= 1e-16 * Math.sqrt(alpha) * Math.sqrt(beta) || gamma == 0) {
                        continue;
                    }
                    rotated = true;
                    double zeta = (beta - alpha) / (2 * gamma);
                    double t = Math.copySign(1, zeta) / (Math.abs(zeta) + Math.hypot(1, zeta));
                    double c = 1 / Math.hypot(1, t);
                    double s = c * t;
                    rotate(a, p * rows, q * rows, rows, c, s);
                    rotate(v, p * n, q * n, n, c, s);
                }
            }
        }
        return sorted(a, v, rows, n);
    }

    private static SingularValues sorted(double[] a, double[] v, int rows, int n) {
        double[] norms = new double[n];
        for (int j = 0; j < n; j++) {
            norms[j] = Columns.norm(a, j * rows, rows);
        }
        int[] order = java.util.stream.IntStream.range(0, n).boxed()
                .sorted((i, j) -> Double.compare(norms[j], norms[i])).mapToInt(Integer::intValue).toArray();
        double[] u = new double[rows * n];
        double[] values = new double[n];
        double[] right = new double[n * n];
        for (int j = 0; j < n; j++) {
            int from = order[j];
            values[j] = norms[from];
            if (norms[from] > 0) {
                Columns.add(1 / norms[from], a, from * rows, u, j * rows, rows);
            }
            System.arraycopy(v, from * n, right, j * n, n);
        }
        return new SingularValues(u, values, right);
    }

    private static void rotate(double[] a, int p, int q, int rows, double c, double s) {
        for (int i = 0; i < rows; i++) {
            double x = a[p + i];
            double y = a[q + i];
            a[p + i] = c * x - s * y;
            a[q + i] = s * x + c * y;
        }
    }
}

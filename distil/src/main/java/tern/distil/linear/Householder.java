package tern.distil.linear;

/**
 * Least squares by Householder reflections. The right-hand sides are further columns of the matrix that is triangularised,
 * so the orthogonal factor is never formed.
 */
public final class Householder {
    private Householder() {
    }

    /**
     * Reduces {@code a} to upper triangular form by reflections from the left, in place; what is below the diagonal is
     * left undefined.
     *
     * @param a the matrix [rows, columns], column-major
     * @param pivots how many leading columns are reduced; later ones (right-hand sides) are only carried along
     */
    public static void triangularise(double[] a, int rows, int columns, int pivots) {
        int steps = Math.min(pivots, rows);
        for (int k = 0; k < steps; k++) {
            int top = k * rows + k;
            int n = rows - k;
            double norm = Columns.norm(a, top, n);
            if (norm == 0) {
                continue;
            }
            double alpha = a[top] > 0 ? -norm : norm;
            double head = a[top] - alpha;
            a[top] = head;
            // beta = 2 / v·v for v = (head, rest); v·v = 2·norm·|head| without cancellation
            double beta = 1 / (norm * Math.abs(head));
            int j = k + 1;
            for (; j + 3 < columns; j += 4) {
                reflectFour(a, top, j * rows + k, rows, n, beta);
            }
            for (; j < columns; j++) {
                int at = j * rows + k;
                Columns.add(-beta * Columns.dot(a, top, a, at, n), a, top, a, at, n);
            }
            a[top] = alpha;
        }
    }

    private static void reflectFour(double[] a, int v, int at, int rows, int n, double beta) {
        int c0 = at;
        int c1 = at + rows;
        int c2 = c1 + rows;
        int c3 = c2 + rows;
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        double t0 = 0;
        double t1 = 0;
        double t2 = 0;
        double t3 = 0;
        int i = 0;
        for (; i + 1 < n; i += 2) {
            double x = a[v + i];
            double y = a[v + i + 1];
            s0 += x * a[c0 + i];
            s1 += x * a[c1 + i];
            s2 += x * a[c2 + i];
            s3 += x * a[c3 + i];
            t0 += y * a[c0 + i + 1];
            t1 += y * a[c1 + i + 1];
            t2 += y * a[c2 + i + 1];
            t3 += y * a[c3 + i + 1];
        }
        if (i < n) {
            double x = a[v + i];
            s0 += x * a[c0 + i];
            s1 += x * a[c1 + i];
            s2 += x * a[c2 + i];
            s3 += x * a[c3 + i];
        }
        Columns.add(-beta * (s0 + t0), a, v, a, c0, n);
        Columns.add(-beta * (s1 + t1), a, v, a, c1, n);
        Columns.add(-beta * (s2 + t2), a, v, a, c2, n);
        Columns.add(-beta * (s3 + t3), a, v, a, c3, n);
    }

    /**
     * Solves R·x = b by back substitution. A diagonal entry not above {@code cutoff} times the largest one gives 0 for that
     * unknown (the column depends on those before it).
     *
     * @param r upper triangular [n, n] in the leading columns of a matrix with {@code rows} rows
     * @param rhs the offset in {@code r} of the right-hand side
     * @return x [n]
     */
    public static double[] solve(double[] r, int rows, int n, int rhs, double cutoff) {
        double largest = 0;
        for (int k = 0; k < n; k++) {
            largest = Math.max(largest, Math.abs(r[k * rows + k]));
        }
        double[] x = new double[n];
        for (int k = n - 1; k >= 0; k--) {
            double diagonal = r[k * rows + k];
            if (!(Math.abs(diagonal) > cutoff * largest)) {
                continue;
            }
            double sum = r[rhs + k];
            for (int j = k + 1; j < n; j++) {
                sum -= r[j * rows + k] * x[j];
            }
            x[k] = sum / diagonal;
        }
        return x;
    }
}

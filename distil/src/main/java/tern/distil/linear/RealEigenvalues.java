package tern.distil.linear;

/**
 * Eigenvalues of a general real matrix: balancing, Householder reduction to Hessenberg form, Francis' double-shift QR
 * (Golub and Van Loan, Matrix Computations, section 7.5). Complex ones come as exact conjugate neighbours.
 *
 * @param re real parts [n]
 * @param im imaginary parts [n]
 */
public record RealEigenvalues(double[] re, double[] im) {
    private static final int MOST_ITERATIONS = 80;

    /** The eigenvalues of {@code matrix} [n, n], column-major, which is not changed. */
    public static RealEigenvalues of(double[] matrix, int n) {
        double[] h = matrix.clone();
        for (double x : h) {
            if (!Double.isFinite(x)) {
                throw new ArithmeticException("eigenvalues: the matrix holds " + x + ", expected finite numbers");
            }
        }
        balance(h, n);
        reduce(h, n);
        double[] re = new double[n];
        double[] im = new double[n];
        iterate(h, n, re, im);
        return new RealEigenvalues(re, im);
    }

    /** Scales rows and columns by powers of two until their norms are alike (exact in floating point). */
    private static void balance(double[] a, int n) {
        boolean changed = true;
        for (int round = 0; changed && round < 50; round++) {
            changed = false;
            for (int i = 0; i < n; i++) {
                double column = 0;
                double row = 0;
                for (int j = 0; j < n; j++) {
                    if (j != i) {
                        column += Math.abs(a[i * n + j]);
                        row += Math.abs(a[j * n + i]);
                    }
                }
                if (column == 0 || row == 0) {
                    continue;
                }
                double factor = 1;
                double scaled = column;
                while (scaled < row / 2) {
                    factor *= 2;
                    scaled *= 4;
                }
                while (scaled >= row * 2) {
                    factor /= 2;
                    scaled /= 4;
                }
                if ((scaled + row) / factor < 0.95 * (column + row)) {
                    changed = true;
                    for (int j = 0; j < n; j++) {
                        a[j * n + i] /= factor;
                        a[i * n + j] *= factor;
                    }
                }
            }
        }
    }

    private static void reduce(double[] a, int n) {
        double[] v = new double[n];
        for (int k = 0; k < n - 2; k++) {
            int m = n - k - 1;
            int top = k * n + k + 1;
            double norm = Columns.norm(a, top, m);
            if (norm == 0) {
                continue;
            }
            double alpha = a[top] > 0 ? -norm : norm;
            System.arraycopy(a, top, v, 0, m);
            v[0] -= alpha;
            double beta = 1 / (norm * Math.abs(v[0]));
            for (int j = k; j < n; j++) {
                int at = j * n + k + 1;
                Columns.add(-beta * Columns.dot(v, 0, a, at, m), v, 0, a, at, m);
            }
            for (int i = 0; i < n; i++) {
                double sum = 0;
                for (int j = 0; j < m; j++) {
                    sum += a[(k + 1 + j) * n + i] * v[j];
                }
                sum *= beta;
                for (int j = 0; j < m; j++) {
                    a[(k + 1 + j) * n + i] -= sum * v[j];
                }
            }
            for (int i = 2; i <= m; i++) {
                a[k * n + k + i] = 0;
            }
        }
    }

    private static void iterate(double[] h, int n, double[] re, double[] im) {
        double norm = 0;
        for (int j = 0; j < n; j++) {
            for (int i = 0; i <= Math.min(j + 1, n - 1); i++) {
                norm = Math.max(norm, Math.abs(h[j * n + i]));
            }
        }
        int high = n - 1;
        int iteration = 0;
        while (high >= 0) {
            int low = high;
            while (low > 0) {
                double around = Math.abs(h[(low - 1) * n + low - 1]) + Math.abs(h[low * n + low]);
                if (around == 0) {
                    around = norm;
                }
                if (Math.abs(h[(low - 1) * n + low]) <= 0x1p-53 * around) {
                    h[(low - 1) * n + low] = 0;
                    break;
                }
                low--;
            }
            if (low == high) {
                re[high] = h[high * n + high];
                im[high] = 0;
                high--;
                iteration = 0;
            } else if (low == high - 1) {
                pair(h, n, high, re, im);
                high -= 2;
                iteration = 0;
            } else {
                if (++iteration > MOST_ITERATIONS) {
                    throw new ArithmeticException("eigenvalues: no convergence after " + MOST_ITERATIONS
                            + " double steps on a matrix of order " + n);
                }
                doubleStep(h, n, low, high, iteration % 10 == 0);
            }
        }
    }

    /** The two eigenvalues of the trailing 2×2 block that ends at {@code high}. */
    private static void pair(double[] h, int n, int high, double[] re, double[] im) {
        double a = h[(high - 1) * n + high - 1];
        double b = h[high * n + high - 1];
        double c = h[(high - 1) * n + high];
        double d = h[high * n + high];
        double half = (a - d) / 2;
        double discriminant = half * half + b * c;
        if (discriminant >= 0) {
            double root = half + (half >= 0 ? Math.sqrt(discriminant) : -Math.sqrt(discriminant));
            re[high - 1] = d + root;
            re[high] = root == 0 ? d : d - b * c / root;
            im[high - 1] = 0;
            im[high] = 0;
        } else {
            double mean = (a + d) / 2;
            double root = Math.sqrt(-discriminant);
            re[high - 1] = mean;
            re[high] = mean;
            im[high - 1] = root;
            im[high] = -root;
        }
    }

    private static void doubleStep(double[] h, int n, int low, int high, boolean exceptional) {
        double trace;
        double determinant;
        if (exceptional) {
            double s = Math.abs(h[(high - 1) * n + high]) + Math.abs(h[(high - 2) * n + high - 1]);
            trace = 1.5 * s;
            determinant = s * s;
        } else {
            double a = h[(high - 1) * n + high - 1];
            double d = h[high * n + high];
            trace = a + d;
            determinant = a * d - h[high * n + high - 1] * h[(high - 1) * n + high];
        }
        double h00 = h[low * n + low];
        double h10 = h[low * n + low + 1];
        double h01 = h[(low + 1) * n + low];
        double h11 = h[(low + 1) * n + low + 1];
        double x = h00 * h00 + h01 * h10 - trace * h00 + determinant;
        double y = h10 * (h00 + h11 - trace);
        double z = h10 * h[(low + 1) * n + low + 2];
        for (int k = low; k < high; k++) {
            boolean three = k < high - 1;
            double third = three ? z : 0;
            double norm = Math.sqrt(x * x + y * y + third * third);
            double largest = Math.max(Math.abs(x), Math.max(Math.abs(y), Math.abs(third)));
            if (largest != 0 && (norm == 0 || !(largest > 1e-150) || !(largest < 1e150))) {
                x /= largest;
                y /= largest;
                third /= largest;
                norm = Math.sqrt(x * x + y * y + third * third);
            }
            if (norm != 0) {
                double alpha = x > 0 ? -norm : norm;
                double v0 = x - alpha;
                double beta = 1 / (norm * Math.abs(v0));
                reflect(h, n, k, low, high, new double[] {v0, y, third}, three, beta);
            }
            if (k < high - 1) {
                x = h[k * n + k + 1];
                y = h[k * n + k + 2];
                z = k < high - 2 ? h[k * n + k + 3] : 0;
            }
        }
        for (int i = low + 2; i <= high; i++) {
            h[(i - 2) * n + i] = 0;
            if (i > low + 2) {
                h[(i - 3) * n + i] = 0;
            }
        }
    }

    private static void reflect(double[] h, int n, int k, int low, int high, double[] v, boolean three, double beta) {
        double v0 = v[0];
        double v1 = v[1];
        double v2 = v[2];
        for (int j = Math.max(low, k - 1); j <= high; j++) {
            int at = j * n + k;
            double sum = v0 * h[at] + v1 * h[at + 1] + (three ? v2 * h[at + 2] : 0);
            sum *= beta;
            h[at] -= sum * v0;
            h[at + 1] -= sum * v1;
            if (three) {
                h[at + 2] -= sum * v2;
            }
        }
        int last = Math.min(high, k + 3);
        for (int i = low; i <= last; i++) {
            int at = k * n + i;
            double sum = v0 * h[at] + v1 * h[at + n] + (three ? v2 * h[at + 2 * n] : 0);
            sum *= beta;
            h[at] -= sum * v0;
            h[at + n] -= sum * v1;
            if (three) {
                h[at + 2 * n] -= sum * v2;
            }
        }
    }
}

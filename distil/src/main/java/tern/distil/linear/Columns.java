package tern.distil.linear;

/** Loops over columns of column-major matrices, shaped so that the compiler keeps several chains of additions in flight. */
public final class Columns {
    private Columns() {
    }

    /** Σ a[from + i] · b[at + i] for i &lt; n, in four interleaved partial sums. */
    public static double dot(double[] a, int from, double[] b, int at, int n) {
        double s0 = 0;
        double s1 = 0;
        double s2 = 0;
        double s3 = 0;
        int i = 0;
        for (; i + 3 < n; i += 4) {
            s0 += a[from + i] * b[at + i];
            s1 += a[from + i + 1] * b[at + i + 1];
            s2 += a[from + i + 2] * b[at + i + 2];
            s3 += a[from + i + 3] * b[at + i + 3];
        }
        for (; i < n; i++) {
            s0 += a[from + i] * b[at + i];
        }
        return (s0 + s1) + (s2 + s3);
    }

    /** b[at + i] += factor · a[from + i] for i &lt; n. */
    public static void add(double factor, double[] a, int from, double[] b, int at, int n) {
        for (int i = 0; i < n; i++) {
            b[at + i] += factor * a[from + i];
        }
    }

    /** The Euclidean norm of a[from .. from + n), safe against overflow and underflow. */
    public static double norm(double[] a, int from, int n) {
        double square = dot(a, from, a, from, n);
        if (square > 1e-280 && square < 1e280) {
            return Math.sqrt(square);
        }
        double peak = 0;
        for (int i = 0; i < n; i++) {
            peak = Math.max(peak, Math.abs(a[from + i]));
        }
        if (peak == 0 || Double.isInfinite(peak) || Double.isNaN(square)) {
            return peak == 0 ? 0 : square;
        }
        double sum = 0;
        for (int i = 0; i < n; i++) {
            double ratio = a[from + i] / peak;
            sum += ratio * ratio;
        }
        return peak * Math.sqrt(sum);
    }

    /** w ← w - Q·(Qᵀw), column after column, for the first {@code count} orthonormal columns [n] of {@code basis}. */
    public static void orthogonalise(double[] basis, int count, double[] w, int n) {
        for (int k = 0; k < count; k++) {
            add(-dot(basis, k * n, w, 0, n), basis, k * n, w, 0, n);
        }
    }
}

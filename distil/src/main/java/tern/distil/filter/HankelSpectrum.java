package tern.distil.filter;

import java.util.Arrays;
import java.util.OptionalInt;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

import tern.distil.linear.Columns;
import tern.distil.linear.Fourier;
import tern.distil.linear.SymmetricEigen;

/**
 * Leading singular values and vectors of a filter's half-size, unpadded Hankel matrix Γ_ij = h_{1+i+j}, i, j &lt; M =
 * ⌊(L-1)/2⌋: what says, before any fitting, how large a recurrence must be to follow the filter.
 *
 * <p>
 * A filter that is exactly modal of real order r has exactly r singular values above rounding, decayed or not. For every
 * recurrence ĥ of real order d, with e = h - ĥ on t ≥ 1 (Eckart and Young on this matrix; Adamyan, Arov and Krein say that
 * over infinite operators the first bound is met by some ĥ):
 *
 * <pre>
 * σ_{d+1}(Γ_h) ≤ ‖Γ_e‖₂ ≤ max_ω |E(e^{iω})| ≤ ‖e‖₁            and  ‖e‖₂ ≤ ‖Γ_e‖₂ on the window where e has decayed
 * Σ_{n&gt;d} σ_n² ≤ ‖Γ_e‖_F² ≤ Σ_{t≥1} t·e_t²,                        and hence  ‖e‖₂ ≥ √(Σ_{n&gt;d} σ_n² / M)
 * </pre>
 *
 * <p>
 * Γ is symmetric, so singular values are |eigenvalues|: found by Lanczos' iteration with full reorthogonalisation, each
 * product by two Fourier transforms, or by a dense solver if M is small. Deterministic: the start vector is fixed.
 * Immutable and thread-safe.
 */
public final class HankelSpectrum {
    private static final int DENSE = 96;
    /** Residual of a Ritz pair, relative to its own value, at which it is kept: the value is then good to its square. */
    private static final double SETTLED = 1e-10;
    private static final long SEED = 0x7e57_4a11;

    private final int size;
    private final double frobenius;
    private final double[] values;
    private final int[] signs;
    private final double[] vectors;

    private HankelSpectrum(int size, double frobenius, double[] values, int[] signs, double[] vectors) {
        this.size = size;
        this.frobenius = frobenius;
        this.values = values;
        this.signs = signs;
        this.vectors = vectors;
    }

    /**
     * The {@code leading} largest singular values and their vectors (all M if there are fewer).
     *
     * @param taps the filter, h_0 first (not used), at least 3 finite taps
     * @param leading how many are wanted, at least 1
     */
    public static HankelSpectrum of(double[] taps, int leading) {
        return of(taps, leading, 2e-15);
    }

    /** The largest singular value alone, to a relative accuracy of about 1e-9. */
    static double norm(double[] taps) {
        return of(taps, 1, 1e-5).values[0];
    }

    private static HankelSpectrum of(double[] taps, int leading, double tolerance) {
        FilterChecks.taps(taps, 3);
        if (leading < 1) {
            throw new IllegalArgumentException("hankel spectrum: " + leading + " values asked for, expected 1 or more");
        }
        int size = sizeFor(taps.length);
        double square = 0;
        double peak = 0;
        for (int t = 1; t < 2 * size; t++) {
            peak = Math.max(peak, Math.abs(taps[t]));
        }
        if (peak == 0) {
            int k = Math.min(leading, size);
            double[] vectors = new double[k * size];
            for (int j = 0; j < k; j++) {
                vectors[j * size + j] = 1;
            }
            int[] signs = new int[k];
            Arrays.fill(signs, 1);
            return new HankelSpectrum(size, 0, new double[k], signs, vectors);
        }
        double[] scaled = new double[2 * size - 1];
        for (int t = 1; t < 2 * size; t++) {
            double x = taps[t] / peak;
            scaled[t - 1] = x;
            square += Math.min(t, 2 * size - t) * x * x;
        }
        double frobenius = Math.sqrt(square) * peak;
        return size <= DENSE
                ? dense(scaled, size, Math.min(leading, size), peak, frobenius)
                : lanczos(scaled, size, Math.min(leading, size), peak, frobenius, tolerance);
    }

    /** M, the number of rows and columns of Γ for a filter of {@code taps} taps. */
    public static int sizeFor(int taps) {
        return (taps - 1) / 2;
    }

    /** M, the number of rows and columns of Γ. */
    public int size() {
        return size;
    }

    /** The singular values found, largest first, a copy. */
    public double[] values() {
        return values.clone();
    }

    /** How many singular values were found. */
    public int count() {
        return values.length;
    }

    /** σ_n, counted from 1 as in the theory; 0 for n &gt; M. */
    public double sigma(int n) {
        if (n < 1 || (n > values.length && n <= size)) {
            throw new IllegalArgumentException(
                    "hankel spectrum: sigma " + n + " asked for, expected 1 to " + values.length
                            + " (ask for more leading values when the spectrum is made)");
        }
        return n > size ? 0 : values[n - 1];
    }

    /** The singular vector of {@link #sigma sigma(n)}, a unit vector [M]; the sign is fixed but arbitrary. */
    public double[] vector(int n) {
        return Arrays.copyOfRange(vectors, (n - 1) * size, n * size);
    }

    /** The sign of the eigenvalue whose magnitude is sigma(n), +1 or -1. */
    public int sign(int n) {
        return signs[n - 1];
    }

    /** ‖Γ‖_F, the root of the sum of all M squared singular values. */
    public double frobenius() {
        return frobenius;
    }

    /**
     * No recurrence of this real order has a smaller Hankel norm of the error, hence none a smaller max_ω|E| or ‖e‖₁:
     * σ_{order+1}.
     */
    public double hankelBound(int order) {
        return sigma(order + 1);
    }

    /** No recurrence of this real order has a smaller ‖e‖₂: √(Σ_{n&gt;order} σ_n² / M). */
    public double l2Bound(int order) {
        double head = 0;
        double tail = 0;
        for (int n = 0; n < values.length; n++) {
            if (n < order) {
                head += values[n] * values[n];
            } else {
                tail += values[n] * values[n];
            }
        }
        if (order > values.length) {
            return 0;
        }
        double all = frobenius * frobenius;
        return Math.sqrt(Math.max(tail, all * (1 - 1e-12) - head) / size);
    }

    /** The smallest real order d with σ_{d+1} &lt; tau·σ_1, if it is among the values found. */
    public OptionalInt orderFor(double tau) {
        double limit = tau * values[0];
        OptionalInt found = IntStream.range(0, values.length).filter(n -> values[n] < limit || values[n] == 0)
                .findFirst();
        return found.isEmpty() && values.length == size ? OptionalInt.of(size) : found;
    }

    /** How many of the values found stand above rounding, i.e. above {@code 4e-15·σ_1}. */
    public int numericalRank() {
        double limit = 4e-15 * values[0];
        return (int) Arrays.stream(values).filter(v -> v > limit).count();
    }

    private static HankelSpectrum dense(double[] h, int size, int leading, double peak, double frobenius) {
        double[] matrix = new double[size * size];
        for (int j = 0; j < size; j++) {
            System.arraycopy(h, j, matrix, j * size, size);
        }
        SymmetricEigen eigen = SymmetricEigen.dense(matrix, size);
        int[] order = largestFirst(eigen.values(), size);
        double[] vectors = new double[leading * size];
        for (int j = 0; j < leading; j++) {
            System.arraycopy(eigen.vectors(), order[j] * size, vectors, j * size, size);
        }
        return assembled(size, frobenius, peak, eigen.values(), order, leading, vectors);
    }

    private static HankelSpectrum assembled(int size, double frobenius, double peak, double[] eigenvalues, int[] order,
            int leading, double[] vectors) {
        double[] values = new double[leading];
        int[] signs = new int[leading];
        for (int j = 0; j < leading; j++) {
            double eigenvalue = eigenvalues[order[j]] * peak;
            values[j] = Math.abs(eigenvalue);
            signs[j] = eigenvalue < 0 ? -1 : 1;
        }
        return new HankelSpectrum(size, frobenius, values, signs, vectors);
    }

    private static int[] largestFirst(double[] eigenvalues, int n) {
        return IntStream.range(0, n).boxed()
                .sorted((a, b) -> Double.compare(Math.abs(eigenvalues[b]), Math.abs(eigenvalues[a])))
                .mapToInt(Integer::intValue).toArray();
    }

    private static HankelSpectrum lanczos(double[] h, int size, int leading, double peak, double frobenius,
            double tolerance) {
        HankelProduct product = new HankelProduct(h, size);
        RandomGenerator random = new java.util.Random(SEED);
        int room = Math.min(size, Math.max(2 * leading + 16, 48));
        double[] basis = new double[room * size];
        double[] alpha = new double[room];
        double[] beta = new double[room];
        double[] w = new double[size];
        double scale = 0;
        int steps = 0;
        int blockStart = 0;
        randomise(random, w);
        divide(w, norm2(w));
        while (true) {
            if (steps == room) {
                room = Math.min(size, room + room / 2 + 16);
                basis = Arrays.copyOf(basis, room * size);
                alpha = Arrays.copyOf(alpha, room);
                beta = Arrays.copyOf(beta, room);
            }
            System.arraycopy(w, 0, basis, steps * size, size);
            product.multiply(w, w);
            alpha[steps] = Columns.dot(basis, steps * size, w, 0, size);
            steps++;
            Columns.orthogonalise(basis, steps, w, size);
            Columns.orthogonalise(basis, steps, w, size);
            double b = norm2(w);
            scale = Math.max(scale, Math.abs(alpha[steps - 1]) + b);
            boolean broken = b <= 1e-15 * scale;
            if (steps == size) {
                break;
            }
            beta[steps - 1] = broken ? 0 : b;
            if (steps >= leading && (broken || (steps - leading) % 8 == 0)
                    && converged(alpha, beta, steps, broken ? 0 : b, leading, blockStart, tolerance)) {
                break;
            }
            if (broken) {
                blockStart = steps;
                double fresh;
                do {
                    randomise(random, w);
                    Columns.orthogonalise(basis, steps, w, size);
                    Columns.orthogonalise(basis, steps, w, size);
                    fresh = norm2(w);
                } while (fresh < 1e-8);
                divide(w, fresh);
                Columns.orthogonalise(basis, steps, w, size);
                b = norm2(w);
            }
            divide(w, b);
        }
        SymmetricEigen eigen = SymmetricEigen.tridiagonal(alpha, beta, steps, false);
        int[] order = largestFirst(eigen.values(), steps);
        double[] vectors = new double[leading * size];
        for (int j = 0; j < leading; j++) {
            for (int i = 0; i < steps; i++) {
                Columns.add(eigen.vectors()[order[j] * steps + i], basis, i * size, vectors, j * size, size);
            }
        }
        return assembled(size, frobenius, peak, eigen.values(), order, leading, vectors);
    }

    /**
     * Whether the leading Ritz values have settled. After a breakdown (an invariant subspace: repeated eigenvalues, or exact
     * low rank) the newest block must also have brought nothing that belongs among them.
     */
    private static boolean converged(double[] alpha, double[] beta, int steps, double b, int leading, int blockStart,
            double tolerance) {
        SymmetricEigen eigen = SymmetricEigen.tridiagonal(alpha, beta, steps, true);
        int[] order = largestFirst(eigen.values(), steps);
        double largest = Math.abs(eigen.values()[order[0]]);
        for (int j = 0; j < leading; j++) {
            double settled = Math.max(tolerance * largest, SETTLED * Math.abs(eigen.values()[order[j]]));
            if (Math.abs(b * eigen.vectors()[order[j]]) > settled) {
                return false;
            }
        }
        if (blockStart == 0) {
            return b != 0 || steps > leading;
        }
        double[] d = Arrays.copyOfRange(alpha, blockStart, steps);
        double[] e = Arrays.copyOfRange(beta, blockStart, steps);
        SymmetricEigen block = SymmetricEigen.tridiagonal(d, e, d.length, true);
        double newest = Arrays.stream(block.values()).map(Math::abs).max().orElse(0);
        return newest <= Math.abs(eigen.values()[order[leading - 1]]) + 1e-13 * largest && steps > leading;
    }

    private static void randomise(RandomGenerator random, double[] w) {
        for (int i = 0; i < w.length; i++) {
            w[i] = random.nextGaussian();
        }
    }

    private static double norm2(double[] w) {
        return Columns.norm(w, 0, w.length);
    }

    private static void divide(double[] w, double by) {
        for (int i = 0; i < w.length; i++) {
            w[i] /= by;
        }
    }

    /** y = Γx as a circular correlation. Confined to one thread. */
    private static final class HankelProduct {
        private final Fourier fourier;
        private final int size;
        private final double[] spectrumRe;
        private final double[] spectrumIm;
        private final double[] re;
        private final double[] im;
        private final double[] workRe;
        private final double[] workIm;

        HankelProduct(double[] h, int size) {
            this.size = size;
            fourier = new Fourier(Fourier.lengthFor(2 * size - 1));
            int n = fourier.length();
            spectrumRe = Arrays.copyOf(h, n);
            spectrumIm = new double[n];
            re = new double[n];
            im = new double[n];
            workRe = new double[n];
            workIm = new double[n];
            fourier.forward(spectrumRe, spectrumIm, workRe, workIm);
            for (int k = 0; k < n; k++) {
                spectrumRe[k] /= n;
                spectrumIm[k] /= n;
            }
        }

        void multiply(double[] x, double[] y) {
            int n = fourier.length();
            // y_i = Σ_j h_{i+j} x_j = (h * reversed x)_{i + M - 1}
            for (int j = 0; j < size; j++) {
                re[size - 1 - j] = x[j];
            }
            Arrays.fill(re, size, n, 0);
            Arrays.fill(im, 0);
            fourier.forward(re, im, workRe, workIm);
            for (int k = 0; k < n; k++) {
                double a = re[k] * spectrumRe[k] - im[k] * spectrumIm[k];
                im[k] = re[k] * spectrumIm[k] + im[k] * spectrumRe[k];
                re[k] = a;
            }
            fourier.backward(re, im, workRe, workIm);
            System.arraycopy(re, size - 1, y, 0, size);
        }
    }
}

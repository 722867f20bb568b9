package tern.mixers.statespace;

import java.util.stream.IntStream;

/**
 * HiPPO's matrix LegS and its normal part, in double precision (Gu et al. 2021, arXiv 2111.00396, appendix C; 2206.11893, section
 * 4). Stateless.
 */
final class Hippo {
    private static final int SWEEPS = 60;

    private Hippo() {
    }

    /** A [N,N]: −√(2n+1)√(2k+1) below the diagonal, −(n+1) on it. */
    static double[][] legs(int n) {
        double[][] a = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < i; k++) {
                a[i][k] = -Math.sqrt(2 * i + 1) * Math.sqrt(2 * k + 1);
            }
            a[i][i] = -(i + 1);
        }
        return a;
    }

    /** B [N]: √(2n+1). */
    static double[] input(int n) {
        return IntStream.range(0, n).mapToDouble(i -> Math.sqrt(2 * i + 1)).toArray();
    }

    /**
     * The normal part A + PPᵀ, P = √(n + ½), diagonalised: its eigenvalues are −½ ± i·phase.
     *
     * @param phases N/2 positive ones, largest first
     * @param real real parts of the eigenvectors of −½ + i·phase, a row for each
     * @param imaginary their imaginary parts
     */
    record Normal(double[] phases, double[][] real, double[][] imaginary) {
    }

    /** Of an even order. The skew part S has S² symmetric: two of its eigenvectors, v and Sv/phase, are those of ± i·phase. */
    static Normal normal(int n) {
        double[][] skew = legs(n);
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < n; k++) {
                skew[i][k] += Math.sqrt(i + 0.5) * Math.sqrt(k + 0.5) + (i == k ? 0.5 : 0);
            }
        }
        double[][] square = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < n; k++) {
                for (int j = 0; j < n; j++) {
                    square[i][k] -= skew[i][j] * skew[j][k];
                }
            }
        }
        double[][] vectors = diagonalise(square);
        int[] order = IntStream.range(0, n).boxed().sorted((a, b) -> Double.compare(square[b][b], square[a][a]))
                .mapToInt(i -> i).toArray();
        double[] phases = new double[n / 2];
        double[][] real = new double[n / 2][n];
        double[][] imaginary = new double[n / 2][n];
        for (int mode = 0; mode < n / 2; mode++) {
            int column = order[2 * mode];
            double phase = Math.sqrt(Math.max(0, (square[column][column]
                    + square[order[2 * mode + 1]][order[2 * mode + 1]]) / 2));
            phases[mode] = phase;
            for (int i = 0; i < n; i++) {
                real[mode][i] = vectors[i][column] / Math.sqrt(2);
                for (int j = 0; j < n; j++) {
                    imaginary[mode][i] -= skew[i][j] * vectors[j][column] / phase / Math.sqrt(2);
                }
            }
        }
        return new Normal(phases, real, imaginary);
    }

    /** Jacobi's rotations: a symmetric matrix becomes its eigenvalues' diagonal, the columns of the result their vectors. */
    private static double[][] diagonalise(double[][] a) {
        int n = a.length;
        double[][] vectors = new double[n][n];
        for (int i = 0; i < n; i++) {
            vectors[i][i] = 1;
        }
        for (int sweep = 0; sweep < SWEEPS; sweep++) {
            double off = 0;
            for (int p = 0; p < n; p++) {
                for (int q = p + 1; q < n; q++) {
                    if (Math.abs(a[p][q]) > 1e-17 * Math.sqrt(Math.abs(a[p][p] * a[q][q]))) {
                        off += Math.abs(a[p][q]);
                        rotate(a, vectors, p, q);
                    }
                }
            }
            if (off == 0) {
                return vectors;
            }
        }
        return vectors;
    }

    private static void rotate(double[][] a, double[][] vectors, int p, int q) {
        double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        double t = Math.copySign(1, theta) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        double cosine = 1 / Math.sqrt(t * t + 1);
        double sine = t * cosine;
        for (int i = 0; i < a.length; i++) {
            double left = a[i][p];
            a[i][p] = cosine * left - sine * a[i][q];
            a[i][q] = sine * left + cosine * a[i][q];
        }
        for (int i = 0; i < a.length; i++) {
            double left = a[p][i];
            a[p][i] = cosine * left - sine * a[q][i];
            a[q][i] = sine * left + cosine * a[q][i];
            left = vectors[i][p];
            vectors[i][p] = cosine * left - sine * vectors[i][q];
            vectors[i][q] = sine * left + cosine * vectors[i][q];
        }
    }
}

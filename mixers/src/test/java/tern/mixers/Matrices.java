package tern.mixers;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;

import tern.tensor.Tensor;

/** Recurrences over a matrix a head as their papers write them, in plain Java: rows are positions, heads lie side by side. */
public final class Matrices {
    private Matrices() {
    }

    /** x·Wᵀ. */
    public static double[][] map(double[][] x, Tensor weight) {
        int in = weight.dim(1);
        double[][] y = new double[x.length][weight.dim(0)];
        for (int t = 0; t < y.length; t++) {
            for (int o = 0; o < y[t].length; o++) {
                for (int i = 0; i < in; i++) {
                    y[t][o] += weight.get((long) o * in + i) * x[t][i];
                }
            }
        }
        return y;
    }

    /** f of every entry. */
    public static double[][] each(double[][] x, DoubleUnaryOperator f) {
        double[][] y = new double[x.length][];
        for (int t = 0; t < x.length; t++) {
            y[t] = Arrays.stream(x[t]).map(f).toArray();
        }
        return y;
    }

    /** Columns {@code from} to {@code to}. */
    public static double[][] columns(double[][] x, int from, int to) {
        double[][] y = new double[x.length][];
        for (int t = 0; t < x.length; t++) {
            y[t] = Arrays.copyOfRange(x[t], from, to);
        }
        return y;
    }

    /** Entry by entry. */
    public static double[][] product(double[][] a, double[][] b) {
        double[][] y = new double[a.length][a[0].length];
        for (int t = 0; t < y.length; t++) {
            for (int i = 0; i < y[t].length; i++) {
                y[t][i] = a[t][i] * b[t][i];
            }
        }
        return y;
    }

    /** Each row plus a vector. */
    public static double[][] plus(double[][] x, Tensor row) {
        double[][] y = each(x, value -> value);
        for (double[] values : y) {
            for (int i = 0; i < values.length; i++) {
                values[i] += row.get(i);
            }
        }
        return y;
    }

    /** Each group of neighbouring channels divided by its root mean square, or, with {@code centred}, by its deviation. */
    public static double[][] normalise(double[][] x, int groups, boolean centred, double epsilon) {
        double[][] y = new double[x.length][x[0].length];
        int n = x[0].length / groups;
        for (int t = 0; t < y.length; t++) {
            for (int g = 0; g < groups; g++) {
                double mean = 0;
                for (int i = 0; i < n && centred; i++) {
                    mean += x[t][g * n + i] / n;
                }
                double squares = 0;
                for (int i = 0; i < n; i++) {
                    squares += Math.pow(x[t][g * n + i] - mean, 2);
                }
                for (int i = 0; i < n; i++) {
                    y[t][g * n + i] = (x[t][g * n + i] - mean) / Math.sqrt(squares / n + epsilon);
                }
            }
        }
        return y;
    }

    /** Each row times a gain, which repeats along it. */
    public static double[][] gain(double[][] x, Tensor gain) {
        double[][] y = each(x, value -> value);
        for (double[] values : y) {
            for (int i = 0; i < values.length; i++) {
                values[i] *= gain.get(i % gain.elements());
            }
        }
        return y;
    }

    /**
     * S ← diag(e^g) S, S ← S + k (rate·(v − share·Sᵀk))ᵀ, Sᵀq: decays alone with share 0, delta rules with share 1.
     *
     * @param logDecay [T][H] or [T][H·K]
     * @param rate [T][H], what is written
     */
    public static double[][] read(int heads, double[][] q, double[][] k, double[][] v, double[][] logDecay,
            double[][] rate, double share) {
        int keys = q[0].length / heads;
        int values = v[0].length / heads;
        double[][] y = new double[q.length][heads * values];
        for (int h = 0; h < heads; h++) {
            double[][] s = new double[keys][values];
            for (int t = 0; t < q.length; t++) {
                for (int i = 0; i < keys; i++) {
                    double g = logDecay[t][logDecay[t].length == heads ? h : h * keys + i];
                    for (int j = 0; j < values; j++) {
                        s[i][j] *= Math.exp(g);
                    }
                }
                for (int j = 0; j < values; j++) {
                    double held = 0;
                    for (int i = 0; i < keys; i++) {
                        held += s[i][j] * k[t][h * keys + i];
                    }
                    double written = rate[t][h] * (v[t][h * values + j] - share * held);
                    for (int i = 0; i < keys; i++) {
                        s[i][j] += k[t][h * keys + i] * written;
                        y[t][h * values + j] += s[i][j] * q[t][h * keys + i];
                    }
                }
            }
        }
        return y;
    }

    /** A table of one number. */
    public static double[][] constant(int rows, int columns, double value) {
        double[][] y = new double[rows][columns];
        for (double[] row : y) {
            Arrays.fill(row, value);
        }
        return y;
    }

    /** Causal convolution channel by channel, then SiLU. */
    public static double[][] filtered(double[][] x, Tensor weight) {
        int taps = weight.dim(1);
        double[][] y = new double[x.length][x[0].length];
        for (int t = 0; t < y.length; t++) {
            for (int c = 0; c < y[t].length; c++) {
                for (int lag = 0; lag < Math.min(taps, t + 1); lag++) {
                    y[t][c] += weight.get((long) c * taps + taps - 1 - lag) * x[t - lag][c];
                }
            }
        }
        return each(y, Matrices::silu);
    }

    /** x·σ(x). */
    public static double silu(double x) {
        return x * sigmoid(x);
    }

    /** 1/(1 + e^−x). */
    public static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    /** ln(1 + e^x). */
    public static double softplus(double x) {
        return Math.log1p(Math.exp(x));
    }
}

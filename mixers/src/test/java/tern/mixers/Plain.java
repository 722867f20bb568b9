package tern.mixers;

import tern.tensor.Tensor;
import tern.testkit.SeededParameters;

/** Parts of mixers by their definitions, in plain Java and double precision: rows are positions. */
public final class Plain {
    private Plain() {
    }

    /** The rows of [1,T,D] or [T,D]. */
    public static double[][] rows(Tensor x) {
        int width = x.shape().last();
        double[][] rows = new double[x.shape().rows()][width];
        for (int t = 0; t < rows.length; t++) {
            for (int d = 0; d < width; d++) {
                rows[t][d] = x.get((long) t * width + d);
            }
        }
        return rows;
    }

    /** All rows one after another. */
    public static double[] flat(double[][] rows) {
        double[] flat = new double[rows.length * rows[0].length];
        for (int t = 0; t < rows.length; t++) {
            System.arraycopy(rows[t], 0, flat, t * rows[0].length, rows[0].length);
        }
        return flat;
    }

    /** x·Wᵀ + b with the parameters {@code name.weight} and {@code name.bias}. */
    public static double[][] linear(double[][] x, SeededParameters parameters, String name) {
        Tensor weight = parameters.get(name + ".weight");
        Tensor bias = parameters.get(name + ".bias");
        int in = weight.dim(1);
        double[][] y = new double[x.length][weight.dim(0)];
        for (int t = 0; t < x.length; t++) {
            for (int o = 0; o < y[t].length; o++) {
                double sum = bias.get(o);
                for (int i = 0; i < in; i++) {
                    sum += weight.get((long) o * in + i) * x[t][i];
                }
                y[t][o] = sum;
            }
        }
        return y;
    }

    /** The projected and shortly filtered streams, side by side [T][S·D]. */
    public static double[][] streams(Tensor x, SeededParameters parameters) {
        double[][] projected = linear(rows(x), parameters, "projection");
        Tensor weight = parameters.get("short.weight");
        Tensor bias = parameters.get("short.bias");
        int taps = weight.dim(1);
        double[][] y = new double[projected.length][weight.dim(0)];
        for (int t = 0; t < y.length; t++) {
            for (int c = 0; c < y[t].length; c++) {
                y[t][c] = bias.get(c);
                for (int j = 0; j < taps; j++) {
                    int at = t - taps + 1 + j;
                    y[t][c] += at < 0 ? 0 : weight.get((long) c * taps + j) * projected[at][c];
                }
            }
        }
        return y;
    }

    /** y_t = Σ_lag taps[lag][f]·x_(t−lag); lags beyond the taps contribute nothing. */
    public static double[][] convolve(double[][] taps, double[][] x) {
        double[][] y = new double[x.length][x[0].length];
        for (int t = 0; t < x.length; t++) {
            for (int lag = 0; lag <= Math.min(t, taps.length - 1); lag++) {
                for (int f = 0; f < x[0].length; f++) {
                    y[t][f] += taps[lag][f] * x[t - lag][f];
                }
            }
        }
        return y;
    }

    /** Hyena of the order given, from streams x⁰ … v and each bank's taps (skip included in tap 0) to W_o(…) + b. */
    public static double[] hyena(int order, double[][] streams, double[][][] taps, SeededParameters parameters) {
        int width = streams[0].length / (order + 1);
        double[][] v = stream(streams, order, width);
        for (int i = order - 1; i >= 1; i--) {
            v = convolve(taps[i - 1], product(v, stream(streams, i, width)));
        }
        return flat(linear(product(v, stream(streams, 0, width)), parameters, "output"));
    }

    /** y_t = Σ_s taps[t−s][f]·(q_t·k_s)·v_s for each group of channels (skip included in tap 0), to W_o y + b. */
    public static double[] heads(int headWidth, double[][] streams, double[][] taps, SeededParameters parameters) {
        int width = streams[0].length / 3;
        double[][] query = stream(streams, 0, width);
        double[][] key = stream(streams, 1, width);
        double[][] value = stream(streams, 2, width);
        double[][] y = new double[streams.length][width];
        for (int t = 0; t < y.length; t++) {
            for (int s = Math.max(0, t - taps.length + 1); s <= t; s++) {
                for (int f = 0; f < width / headWidth; f++) {
                    double product = 0;
                    for (int i = f * headWidth; i < (f + 1) * headWidth; i++) {
                        product += query[t][i] * key[s][i];
                    }
                    for (int j = f * headWidth; j < (f + 1) * headWidth; j++) {
                        y[t][j] += taps[t - s][f] * product * value[s][j];
                    }
                }
            }
        }
        return flat(linear(y, parameters, "output"));
    }

    private static double[][] stream(double[][] streams, int index, int width) {
        double[][] one = new double[streams.length][width];
        for (int t = 0; t < streams.length; t++) {
            System.arraycopy(streams[t], index * width, one[t], 0, width);
        }
        return one;
    }

    private static double[][] product(double[][] a, double[][] b) {
        double[][] y = new double[a.length][a[0].length];
        for (int t = 0; t < a.length; t++) {
            for (int d = 0; d < a[0].length; d++) {
                y[t][d] = a[t][d] * b[t][d];
            }
        }
        return y;
    }

    /** A bank's taps with the skip on top of tap 0. */
    public static double[][] withSkip(Tensor taps, Tensor skip) {
        double[][] rows = rows(taps);
        for (int f = 0; f < rows[0].length; f++) {
            rows[0][f] += skip.get(f);
        }
        return rows;
    }
}

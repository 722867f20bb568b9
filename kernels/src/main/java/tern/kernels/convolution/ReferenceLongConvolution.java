package tern.kernels.convolution;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/**
 * {@link LongConvolution} as the direct sum in plain loops, in double precision; serves every computed type. Stateless,
 * safe to share.
 */
public final class ReferenceLongConvolution implements LongConvolution {

    /** A body without state. */
    public ReferenceLongConvolution() {
    }

    @Override
    public void forward(ThreadTeam team, Tensor x, Tensor taps, Tensor skip, Tensor history, long[] ages,
            Tensor pending,
            Tensor y) {
        int batch = x.dim(0);
        int time = x.dim(1);
        int channels = x.dim(2);
        for (int b = 0; b < batch; b++) {
            int age = Math.toIntExact(ages[b]);
            for (int c = 0; c < channels; c++) {
                for (int t = 0; t < time; t++) {
                    double sum = skip.get(c) * x.get(at(x, b, t, c));
                    for (int m = 0; m < taps.dim(0) && m <= age + t; m++) {
                        sum += taps.get((long) m * channels + c) * input(x, history, age, b, age + t - m, c);
                    }
                    y.set(at(y, b, t, c), sum);
                }
                if (history.dim(1) > 0) {
                    for (int t = 0; t < time; t++) {
                        history.set(at(history, b, age + t, c), x.get(at(x, b, t, c)));
                    }
                    bringUp(pending, history, taps, age, age + time, b, c);
                }
            }
        }
    }

    /** Row j ← Σ_(i&lt;s) h_(s+j−i) x_i if the block start s has moved since {@code before}. */
    private static void bringUp(Tensor pending, Tensor history, Tensor taps, int before, int now, int b, int c) {
        int rows = pending.dim(1);
        if (rows == 0 || now / rows == before / rows) {
            return;
        }
        int start = now - now % rows;
        for (int j = 0; j < rows; j++) {
            double sum = 0;
            for (int i = Math.max(0, start + j - taps.dim(0) + 1); i < start; i++) {
                sum += taps.get((long) (start + j - i) * taps.dim(1) + c) * history.get(at(history, b, i, c));
            }
            pending.set(at(pending, b, j, c), sum);
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor x, Tensor taps, Tensor skip, Tensor history, long[] ages, Tensor dy,
            Tensor dx,
            Tensor dTaps, Tensor dSkip, Tensor dHistory) {
        int batch = x.dim(0);
        int time = x.dim(1);
        int channels = x.dim(2);
        int lags = taps.dim(0);
        for (int c = 0; c < channels; c++) {
            double skipSum = 0;
            double[] tapSums = new double[lags];
            for (int b = 0; b < batch; b++) {
                int age = Math.toIntExact(ages[b]);
                for (int t = 0; t < time; t++) {
                    double g = dy.get(at(dy, b, t, c));
                    skipSum += g * x.get(at(x, b, t, c));
                    for (int m = 0; m < lags && m <= age + t; m++) {
                        tapSums[m] += g * input(x, history, age, b, age + t - m, c);
                    }
                }
                for (int position = 0; position < age + time; position++) {
                    double sum = 0;
                    for (int t = Math.max(0, position - age); t < time && age + t - position < lags; t++) {
                        sum += taps.get((long) (age + t - position) * channels + c) * dy.get(at(dy, b, t, c));
                    }
                    if (position < age) {
                        long row = at(dHistory, b, position, c);
                        dHistory.set(row, dHistory.get(row) + sum);
                    } else {
                        long row = at(dx, b, position - age, c);
                        dx.set(row, sum + skip.get(c) * dy.get(row));
                    }
                }
            }
            dSkip.set(c, dSkip.get(c) + skipSum);
            for (int m = 0; m < lags; m++) {
                long tap = (long) m * channels + c;
                dTaps.set(tap, dTaps.get(tap) + tapSums[m]);
            }
        }
    }

    /** The input at an absolute position: of the history below the age, of x from there on. */
    private static double input(Tensor x, Tensor history, int age, int b, int position, int c) {
        return position < age ? history.get(at(history, b, position, c)) : x.get(at(x, b, position - age, c));
    }

    private static long at(Tensor tensor, int b, int row, int c) {
        return ((long) b * tensor.dim(1) + row) * tensor.dim(2) + c;
    }
}

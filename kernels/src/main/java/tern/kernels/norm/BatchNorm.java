package tern.kernels.norm;

import static tern.tensor.Tensor.FLOAT;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/**
 * Norms over batch and time; see {@code Ops.batchNorm}. One body for F32 and F64, sums in double precision; a task is 16 channels.
 * Stateless; results do not depend on the number of threads.
 */
public final class BatchNorm {
    private static final int CHANNELS = 16;

    private BatchNorm() {
    }

    /** What is done with neighbouring channels, from the first up to the one before the last. */
    @FunctionalInterface
    private interface Channels {
        void of(int from, int count);
    }

    private static void each(ThreadTeam team, int width, Channels channels) {
        team.run((width + CHANNELS - 1) / CHANNELS, (task, scratch) -> channels.of(task * CHANNELS,
                Math.min(CHANNELS, width - task * CHANNELS)));
    }

    private static void read(Tensor from, long at, int count, double... into) {
        if (from.dtype() == DType.F32) {
            for (int i = 0; i < count; i++) {
                into[i] = from.data().get(FLOAT, 4 * (at + i));
            }
        } else {
            for (int i = 0; i < count; i++) {
                into[i] = from.get(at + i);
            }
        }
    }

    private static void write(Tensor into, long at, int count, double... values) {
        if (into.dtype() == DType.F32) {
            for (int i = 0; i < count; i++) {
                into.data().set(FLOAT, 4 * (at + i), (float) values[i]);
            }
        } else {
            for (int i = 0; i < count; i++) {
                into.set(at + i, values[i]);
            }
        }
    }

    private static int valid(int[] lengths, int b, int time) {
        return lengths.length == 0 ? time : lengths[b];
    }

    /** Positions that count. */
    public static long count(Tensor x, int[] lengths) {
        long count = 0;
        for (int b = 0; b < x.dim(0); b++) {
            count += valid(lengths, b, x.dim(1));
        }
        return count;
    }

    /**
     * Mean and variance of every channel of x [B,T,D] over the positions that count.
     *
     * @param mean [D], written
     * @param variance [D], written; divided by the number of positions
     */
    public static void measure(ThreadTeam team, Tensor x, int[] lengths, Tensor mean, Tensor variance) {
        int width = x.dim(2);
        int time = x.dim(1);
        double count = count(x, lengths);
        each(team, width, (from, channels) -> {
            double[] row = new double[channels];
            double[] middle = new double[channels];
            double[] squares = new double[channels];
            for (int b = 0; b < x.dim(0); b++) {
                for (int t = 0; t < valid(lengths, b, time); t++) {
                    read(x, ((long) b * time + t) * width + from, channels, row);
                    for (int i = 0; i < channels; i++) {
                        middle[i] += row[i];
                    }
                }
            }
            for (int i = 0; i < channels; i++) {
                middle[i] /= count;
            }
            for (int b = 0; b < x.dim(0); b++) {
                for (int t = 0; t < valid(lengths, b, time); t++) {
                    read(x, ((long) b * time + t) * width + from, channels, row);
                    for (int i = 0; i < channels; i++) {
                        squares[i] += (row[i] - middle[i]) * (row[i] - middle[i]);
                    }
                }
            }
            for (int i = 0; i < channels; i++) {
                mean.set(from + i, middle[i]);
                variance.set(from + i, squares[i] / count);
            }
        });
    }

    /** y = (x − mean)·(variance + ε)^(−1/2)·gain + bias; y may be x. */
    public static void apply(ThreadTeam team, Tensor x, Tensor gain, Tensor bias, Tensor mean, Tensor variance,
            double epsilon, Tensor y) {
        int width = x.dim(2);
        long rows = (long) x.dim(0) * x.dim(1);
        each(team, width, (from, channels) -> {
            double[] row = new double[channels];
            double[] factor = new double[channels];
            double[] shift = new double[channels];
            for (int i = 0; i < channels; i++) {
                int d = from + i;
                factor[i] = gain.get(d) / Math.sqrt(variance.get(d) + epsilon);
                shift[i] = bias.get(d) - mean.get(d) * factor[i];
            }
            for (long r = 0; r < rows; r++) {
                read(x, r * width + from, channels, row);
                for (int i = 0; i < channels; i++) {
                    row[i] = row[i] * factor[i] + shift[i];
                }
                write(y, r * width + from, channels, row);
            }
        });
    }

    /**
     * Backward of {@link #apply}, and of {@link #measure} if mean and variance come from x: dx written, dGain and dBias accumulated.
     */
    public static void backward(ThreadTeam team, Tensor x, int[] lengths, Tensor gain, Tensor mean, Tensor variance,
            boolean measured, double epsilon, Tensor dy, Tensor dx, Tensor dGain, Tensor dBias) {
        int width = x.dim(2);
        int time = x.dim(1);
        double count = count(x, lengths);
        long rows = (long) x.dim(0) * time;
        each(team, width, (from, channels) -> {
            double[] row = new double[channels];
            double[] given = new double[channels];
            double[] middle = new double[channels];
            double[] factor = new double[channels];
            double[] sum = new double[channels];
            double[] slope = new double[channels];
            for (int i = 0; i < channels; i++) {
                middle[i] = mean.get(from + i);
                factor[i] = 1 / Math.sqrt(variance.get(from + i) + epsilon);
            }
            for (long r = 0; r < rows; r++) {
                read(x, r * width + from, channels, row);
                read(dy, r * width + from, channels, given);
                for (int i = 0; i < channels; i++) {
                    sum[i] += given[i];
                    slope[i] += given[i] * (row[i] - middle[i]) * factor[i];
                }
            }
            for (int i = 0; i < channels; i++) {
                dGain.set(from + i, dGain.get(from + i) + slope[i]);
                dBias.set(from + i, dBias.get(from + i) + sum[i]);
            }
            for (long r = 0; r < rows; r++) {
                boolean counts = measured && r % time < valid(lengths, (int) (r / time), time);
                read(x, r * width + from, channels, row);
                read(dy, r * width + from, channels, given);
                for (int i = 0; i < channels; i++) {
                    double scaled = (row[i] - middle[i]) * factor[i];
                    double through = counts ? (sum[i] + scaled * slope[i]) / count : 0;
                    row[i] = gain.get(from + i) * factor[i] * (given[i] - through);
                }
                write(dx, r * width + from, channels, row);
            }
        });
    }
}

package tern.kernels.norm;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/**
 * Norms over batch and time; see {@code Ops.batchNorm}. One body for F32 and F64, sums in double precision; a task is 16 channels.
 * Stateless; results do not depend on the number of threads.
 */
public final class BatchNorm {
    private static final int CHANNELS = 16;

    private BatchNorm() {
    }

    /** What is done with one channel. */
    @FunctionalInterface
    private interface Channel {
        void of(int d);
    }

    private static void each(ThreadTeam team, int width, Channel channel) {
        team.run((width + CHANNELS - 1) / CHANNELS, (task, scratch) -> {
            for (int d = task * CHANNELS; d < Math.min(width, (task + 1) * CHANNELS); d++) {
                channel.of(d);
            }
        });
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
        double count = count(x, lengths);
        each(team, width, d -> {
            double sum = 0;
            for (int b = 0; b < x.dim(0); b++) {
                for (int t = 0; t < valid(lengths, b, x.dim(1)); t++) {
                    sum += x.get(((long) b * x.dim(1) + t) * width + d);
                }
            }
            double middle = sum / count;
            double squares = 0;
            for (int b = 0; b < x.dim(0); b++) {
                for (int t = 0; t < valid(lengths, b, x.dim(1)); t++) {
                    double off = x.get(((long) b * x.dim(1) + t) * width + d) - middle;
                    squares += off * off;
                }
            }
            mean.set(d, middle);
            variance.set(d, squares / count);
        });
    }

    /** y = (x − mean)·(variance + ε)^(−1/2)·gain + bias; y may be x. */
    public static void apply(ThreadTeam team, Tensor x, Tensor gain, Tensor bias, Tensor mean, Tensor variance,
            double epsilon, Tensor y) {
        int width = x.dim(2);
        each(team, width, d -> {
            double factor = gain.get(d) / Math.sqrt(variance.get(d) + epsilon);
            double shift = bias.get(d) - mean.get(d) * factor;
            for (long row = 0; row < (long) x.dim(0) * x.dim(1); row++) {
                y.set(row * width + d, x.get(row * width + d) * factor + shift);
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
        each(team, width, d -> {
            double factor = 1 / Math.sqrt(variance.get(d) + epsilon);
            double sum = 0;
            double slope = 0;
            for (long row = 0; row < (long) x.dim(0) * time; row++) {
                double given = dy.get(row * width + d);
                sum += given;
                slope += given * (x.get(row * width + d) - mean.get(d)) * factor;
            }
            dGain.set(d, dGain.get(d) + slope);
            dBias.set(d, dBias.get(d) + sum);
            for (int b = 0; b < x.dim(0); b++) {
                for (int t = 0; t < time; t++) {
                    long at = ((long) b * time + t) * width + d;
                    double scaled = (x.get(at) - mean.get(d)) * factor;
                    double through = measured && t < valid(lengths, b, time) ? (sum + scaled * slope) / count : 0;
                    dx.set(at, gain.get(d) * factor * (dy.get(at) - through));
                }
            }
        });
    }
}

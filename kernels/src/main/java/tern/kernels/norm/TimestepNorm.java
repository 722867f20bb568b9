package tern.kernels.norm;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/**
 * Norms over all positions up to each; see {@code Ops.timestepNorm}. One body for F32 and F64, sums in double precision; a task is
 * one group of one sequence. Stateless; results do not depend on the number of threads.
 */
public final class TimestepNorm {
    private TimestepNorm() {
    }

    /** Sums over what a group has seen. */
    private static final class Seen {
        private final double epsilon;
        /** Means and variances are kept as the state keeps them, so that it does not matter where time is cut. */
        private final boolean single;
        private double count;
        private double mean;
        private double variance;

        Seen(Tensor state, int b, int groups, int g, double positions, int size, double epsilon) {
            this.epsilon = epsilon;
            this.single = state.dtype() == DType.F32;
            this.count = positions * size;
            this.mean = state.get(2L * b * groups + g);
            this.variance = state.get((2L * b + 1) * groups + g);
        }

        /** Takes a position in: the parallel form of Welford's update. */
        void take(Tensor x, long at, int size) {
            double sum = 0;
            for (int i = 0; i < size; i++) {
                sum += x.get(at + i);
            }
            double own = sum / size;
            double squares = 0;
            for (int i = 0; i < size; i++) {
                double off = x.get(at + i) - own;
                squares += off * off;
            }
            double all = count + size;
            double apart = own - mean;
            variance = kept((variance * count + squares + apart * apart * count * size / all) / all);
            mean = kept(mean + apart * size / all);
            count = all;
        }

        private double kept(double value) {
            return single ? (float) value : value;
        }

        double factor() {
            return 1 / Math.sqrt(variance + epsilon);
        }
    }

    /**
     * Normalises.
     *
     * @param x [B,T,D]
     * @param state means and variances [B,2,G]; overwritten
     * @param y [B,T,D], written; may be x
     */
    public static void forward(ThreadTeam team, Tensor x, int groups, Tensor gain, Tensor bias, double epsilon,
            long[] ages, Tensor state, Tensor y) {
        int time = x.dim(1);
        int width = x.dim(2);
        int size = width / groups;
        team.run(x.dim(0) * groups, (task, scratch) -> {
            int b = task / groups;
            int g = task % groups;
            Seen seen = new Seen(state, b, groups, g, ages[b], size, epsilon);
            for (int t = 0; t < time; t++) {
                long at = ((long) b * time + t) * width + (long) g * size;
                seen.take(x, at, size);
                double factor = seen.factor();
                for (int i = 0; i < size; i++) {
                    int d = g * size + i;
                    y.set(at + i, (x.get(at + i) - seen.mean) * factor * gain.get(d) + bias.get(d));
                }
            }
            state.set(2L * b * groups + g, seen.mean);
            state.set((2L * b + 1) * groups + g, seen.variance);
        });
    }

    /**
     * dx and dState written, dGain and dBias accumulated.
     *
     * @param state before the call
     * @param dNext gradient of the state after it
     */
    public static void backward(ThreadTeam team, Tensor x, int groups, Tensor gain, double epsilon, long[] ages,
            Tensor state, Tensor dy, Tensor dNext, Tensor dx, Tensor dState, Tensor dGain, Tensor dBias) {
        int batch = x.dim(0);
        int time = x.dim(1);
        int width = x.dim(2);
        int size = width / groups;
        // A group's gains belong to it alone, so a task takes all sequences of a group in order.
        team.run(groups, (g, scratch) -> {
            for (int b = 0; b < batch; b++) {
                double[] means = new double[time];
                double[] variances = new double[time];
                Seen seen = new Seen(state, b, groups, g, ages[b], size, epsilon);
                double before = seen.count;
                double firstMean = seen.mean;
                for (int t = 0; t < time; t++) {
                    seen.take(x, ((long) b * time + t) * width + (long) g * size, size);
                    means[t] = seen.mean;
                    variances[t] = seen.variance;
                }
                double dMean = dNext.get(2L * b * groups + g);
                double dVariance = dNext.get((2L * b + 1) * groups + g);
                // With S the sum and Q that of squares up to t: mean = S/n, variance = Q/n − mean².
                double dSum = 0;
                double dSquares = 0;
                double count = seen.count;
                for (int t = time - 1; t >= 0; t--, count -= size) {
                    long at = ((long) b * time + t) * width + (long) g * size;
                    double factor = 1 / Math.sqrt(variances[t] + epsilon);
                    double offsets = 0;
                    double slopes = 0;
                    for (int i = 0; i < size; i++) {
                        int d = g * size + i;
                        double scaled = (x.get(at + i) - means[t]) * factor;
                        double given = dy.get(at + i);
                        dGain.set(d, dGain.get(d) + given * scaled);
                        dBias.set(d, dBias.get(d) + given);
                        offsets += given * gain.get(d);
                        slopes += given * gain.get(d) * scaled;
                    }
                    double toMean = dMean - offsets * factor;
                    double toVariance = dVariance - 0.5 * slopes * factor * factor;
                    dMean = 0;
                    dVariance = 0;
                    dSum += (toMean - 2 * means[t] * toVariance) / count;
                    dSquares += toVariance / count;
                    for (int i = 0; i < size; i++) {
                        dx.set(at + i, dy.get(at + i) * gain.get(g * size + i) * factor + dSum
                                + 2 * x.get(at + i) * dSquares);
                    }
                }
                boolean empty = time == 0;
                dState.set(2L * b * groups + g,
                        empty ? dMean : before * (dSum + 2 * firstMean * dSquares));
                dState.set((2L * b + 1) * groups + g, empty ? dVariance : before * dSquares);
            }
        });
    }
}

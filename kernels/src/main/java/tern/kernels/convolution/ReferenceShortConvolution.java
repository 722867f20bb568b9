package tern.kernels.convolution;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** {@link ShortConvolution} in plain loops, summed in double precision; serves every computed type. Stateless, safe to share. */
public final class ReferenceShortConvolution implements ShortConvolution {

    /** A body without state. */
    public ReferenceShortConvolution() {
    }

    @Override
    public void forward(ThreadTeam team, Tensor x, Tensor weight, Tensor bias, Tensor history, Tensor y,
            Tensor nextHistory) {
        int batch = x.dim(0);
        int time = x.dim(1);
        int channels = x.dim(2);
        int width = weight.dim(1);
        for (int b = 0; b < batch; b++) {
            for (int c = 0; c < channels; c++) {
                for (int t = 0; t < time; t++) {
                    double sum = bias.get(c);
                    for (int j = 0; j < width; j++) {
                        sum += weight.get((long) c * width + j) * input(x, history, b, t - width + 1 + j, c);
                    }
                    y.set(at(x, b, t, c), sum);
                }
                // Oldest first: row i takes what stood T rows later, so the history may be updated in place.
                for (int i = 0; i < width - 1; i++) {
                    nextHistory.set(at(nextHistory, b, i, c), input(x, history, b, time - width + 1 + i, c));
                }
            }
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor x, Tensor weight, Tensor history, Tensor dy, Tensor dNextHistory,
            Tensor dx,
            Tensor dWeight, Tensor dBias, Tensor dHistory) {
        int batch = x.dim(0);
        int time = x.dim(1);
        int channels = x.dim(2);
        int width = weight.dim(1);
        for (int c = 0; c < channels; c++) {
            double biasSum = 0;
            double[] weightSum = new double[width];
            for (int b = 0; b < batch; b++) {
                for (int t = 0; t < time; t++) {
                    double g = dy.get(at(dy, b, t, c));
                    biasSum += g;
                    for (int j = 0; j < width; j++) {
                        weightSum[j] += g * input(x, history, b, t - width + 1 + j, c);
                    }
                }
                for (int position = 1 - width; position < time; position++) {
                    double sum = 0;
                    for (int j = 0; j < width; j++) {
                        int t = position + width - 1 - j;
                        if (t >= 0 && t < time) {
                            sum += weight.get((long) c * width + j) * dy.get(at(dy, b, t, c));
                        }
                    }
                    int kept = position - (time - width + 1);
                    if (kept >= 0) {
                        sum += dNextHistory.get(at(dNextHistory, b, kept, c));
                    }
                    if (position < 0) {
                        dHistory.set(at(dHistory, b, width - 1 + position, c), sum);
                    } else {
                        dx.set(at(dx, b, position, c), sum);
                    }
                }
            }
            dBias.set(c, dBias.get(c) + biasSum);
            for (int j = 0; j < width; j++) {
                long w = (long) c * width + j;
                dWeight.set(w, dWeight.get(w) + weightSum[j]);
            }
        }
    }

    /** The input at a position; a negative one reads the history, whose last row is position −1. */
    private static double input(Tensor x, Tensor history, int b, int position, int c) {
        return position >= 0 ? x.get(at(x, b, position, c)) : history.get(at(history, b, history.dim(1) + position, c));
    }

    private static long at(Tensor tensor, int b, int row, int c) {
        return ((long) b * tensor.dim(1) + row) * tensor.dim(2) + c;
    }
}

package tern.kernels.maximum;

import java.util.Arrays;

import tern.tensor.Tensor;

/** m_t = max(m_(t−1) + g_t, x_t) for each channel, forward and backward. Stateless. */
public final class MaximumScan {
    private MaximumScan() {
    }

    /**
     * Writes all maxima.
     *
     * @param logDecay g [B,T,D]
     * @param x [B,T,D]
     * @param before [B,1,D]
     * @param y m [B,T,D]
     */
    public static void forward(Tensor logDecay, Tensor x, Tensor before, Tensor y) {
        int width = x.dim(2);
        long sequence = (long) x.dim(1) * width;
        for (long at = 0; at < x.elements(); at++) {
            y.set(at, Math.max(previous(before, y, at, sequence, width) + logDecay.get(at), x.get(at)));
        }
    }

    private static double previous(Tensor before, Tensor y, long at, long sequence, int width) {
        long within = at % sequence;
        return within < width ? before.get(at / sequence * width + within) : y.get(at - width);
    }

    /** Backward of {@link #forward} from its result y: the last three tensors are written and none of the others. */
    public static void backward(Tensor logDecay, Tensor x, Tensor before, Tensor y, Tensor dy, Tensor dLogDecay,
            Tensor dx, Tensor dBefore) {
        int width = x.dim(2);
        long sequence = (long) x.dim(1) * width;
        double[] carried = new double[width];
        dBefore.fill(0);
        if (sequence == 0) {
            return;
        }
        for (int b = 0; b < x.dim(0); b++) {
            Arrays.fill(carried, 0);
            for (long at = (b + 1) * sequence - 1; at >= b * sequence; at--) {
                int channel = (int) (at % width);
                double gradient = dy.get(at) + carried[channel];
                boolean older = previous(before, y, at, sequence, width) + logDecay.get(at) >= x.get(at);
                dLogDecay.set(at, older ? gradient : 0);
                dx.set(at, older ? 0 : gradient);
                carried[channel] = older ? gradient : 0;
            }
            for (int channel = 0; channel < width; channel++) {
                dBefore.set((long) b * width + channel, carried[channel]);
            }
        }
    }
}

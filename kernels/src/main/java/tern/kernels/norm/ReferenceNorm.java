package tern.kernels.norm;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Plain loops in double precision, for F32 and F64. */
public final class ReferenceNorm implements Norm {
    /** A body without state. */
    public ReferenceNorm() {
    }

    @Override
    public void layer(ThreadTeam team, Tensor x, Tensor gain, Tensor bias, double epsilon, Tensor y) {
        int width = x.shape().last();
        for (int row = 0; row < x.shape().rows(); row++) {
            long at = (long) row * width;
            double mean = mean(x, at, width);
            double scale = 1 / Math.sqrt(variance(x, at, width, mean) + epsilon);
            for (int d = 0; d < width; d++) {
                y.set(at + d, gain.get(d) * (x.get(at + d) - mean) * scale + bias.get(d));
            }
        }
    }

    @Override
    public void layerBackward(ThreadTeam team, Tensor x, Tensor gain, double epsilon, Tensor dy, Tensor dx,
            Tensor dGain,
            Tensor dBias) {
        int width = x.shape().last();
        for (int row = 0; row < x.shape().rows(); row++) {
            long at = (long) row * width;
            double mean = mean(x, at, width);
            double scale = 1 / Math.sqrt(variance(x, at, width, mean) + epsilon);
            double sum = 0;
            double projection = 0;
            for (int d = 0; d < width; d++) {
                double normalised = (x.get(at + d) - mean) * scale;
                double gradient = dy.get(at + d) * gain.get(d);
                sum += gradient;
                projection += gradient * normalised;
            }
            for (int d = 0; d < width; d++) {
                double normalised = (x.get(at + d) - mean) * scale;
                double gradient = dy.get(at + d);
                dx.set(at + d, scale * (gradient * gain.get(d) - sum / width - normalised * projection / width));
                dGain.set(d, dGain.get(d) + gradient * normalised);
                dBias.set(d, dBias.get(d) + gradient);
            }
        }
    }

    @Override
    public void rms(ThreadTeam team, Tensor x, Tensor gain, double epsilon, Tensor y) {
        int width = x.shape().last();
        for (int row = 0; row < x.shape().rows(); row++) {
            long at = (long) row * width;
            double scale = 1 / Math.sqrt(variance(x, at, width, 0) + epsilon);
            for (int d = 0; d < width; d++) {
                y.set(at + d, gain.get(d) * x.get(at + d) * scale);
            }
        }
    }

    @Override
    public void rmsBackward(ThreadTeam team, Tensor x, Tensor gain, double epsilon, Tensor dy, Tensor dx,
            Tensor dGain) {
        int width = x.shape().last();
        for (int row = 0; row < x.shape().rows(); row++) {
            long at = (long) row * width;
            double scale = 1 / Math.sqrt(variance(x, at, width, 0) + epsilon);
            double projection = 0;
            for (int d = 0; d < width; d++) {
                projection += dy.get(at + d) * gain.get(d) * x.get(at + d) * scale;
            }
            for (int d = 0; d < width; d++) {
                double normalised = x.get(at + d) * scale;
                double gradient = dy.get(at + d);
                dx.set(at + d, scale * (gradient * gain.get(d) - normalised * projection / width));
                dGain.set(d, dGain.get(d) + gradient * normalised);
            }
        }
    }

    private static double mean(Tensor x, long at, int width) {
        double sum = 0;
        for (int d = 0; d < width; d++) {
            sum += x.get(at + d);
        }
        return sum / width;
    }

    private static double variance(Tensor x, long at, int width, double mean) {
        double sum = 0;
        for (int d = 0; d < width; d++) {
            double centred = x.get(at + d) - mean;
            sum += centred * centred;
        }
        return sum / width;
    }
}

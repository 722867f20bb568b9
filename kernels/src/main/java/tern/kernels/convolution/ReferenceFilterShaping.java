package tern.kernels.convolution;

import tern.kernels.ThreadTeam;
import tern.ops.FilterNorm;
import tern.tensor.Tensor;

/** {@link FilterShaping} in plain loops and double precision; serves every computed type. Stateless, safe to share. */
public final class ReferenceFilterShaping implements FilterShaping {
    /** A smaller norm divides as if it were this. */
    static final double LEAST_NORM = 1e-12;

    /** A body without state. */
    public ReferenceFilterShaping() {
    }

    @Override
    public void sine(ThreadTeam team, Tensor x, Tensor frequency, Tensor y) {
        int width = frequency.dim(0);
        for (long i = 0; i < x.elements(); i++) {
            y.set(i, Math.sin(frequency.get(i % width) * x.get(i)));
        }
    }

    @Override
    public void sineBackward(ThreadTeam team, Tensor x, Tensor frequency, Tensor dy, Tensor dx, Tensor dFrequency) {
        int width = frequency.dim(0);
        double[] sums = new double[width];
        for (long i = 0; i < x.elements(); i++) {
            int d = (int) (i % width);
            double slope = dy.get(i) * Math.cos(frequency.get(d) * x.get(i));
            sums[d] += slope * x.get(i);
            dx.set(i, slope * frequency.get(d));
        }
        accumulate(dFrequency, sums);
    }

    @Override
    public void window(ThreadTeam team, Tensor g, Tensor delta, int span, double shift, Tensor y) {
        int filters = delta.dim(0);
        for (long i = 0; i < g.elements(); i++) {
            double place = (double) (i / filters) / (span - 1);
            y.set(i, g.get(i) * (Math.exp(-Math.abs(delta.get(i % filters)) * place) + shift));
        }
    }

    @Override
    public void windowBackward(ThreadTeam team, Tensor g, Tensor delta, int span, double shift, Tensor dy, Tensor dg,
            Tensor dDelta) {
        int filters = delta.dim(0);
        double[] sums = new double[filters];
        for (long i = 0; i < g.elements(); i++) {
            int f = (int) (i % filters);
            double place = (double) (i / filters) / (span - 1);
            double decay = Math.exp(-Math.abs(delta.get(f)) * place);
            sums[f] -= dy.get(i) * g.get(i) * decay * place * Math.signum(delta.get(f));
            dg.set(i, dy.get(i) * (decay + shift));
        }
        accumulate(dDelta, sums);
    }

    @Override
    public void normalise(ThreadTeam team, Tensor taps, FilterNorm norm, Tensor y) {
        double[] norms = norms(taps, norm);
        for (long i = 0; i < taps.elements(); i++) {
            y.set(i, taps.get(i) / Math.max(norms[group(taps, norm, i)], LEAST_NORM));
        }
    }

    @Override
    public void normaliseBackward(ThreadTeam team, Tensor taps, FilterNorm norm, Tensor dy, Tensor dTaps) {
        double[] norms = norms(taps, norm);
        double[] pulls = new double[norms.length];
        for (long i = 0; i < taps.elements(); i++) {
            int group = group(taps, norm, i);
            pulls[group] += dy.get(i) * taps.get(i) / Math.max(norms[group], LEAST_NORM);
        }
        for (long i = 0; i < taps.elements(); i++) {
            int group = group(taps, norm, i);
            double size = norms[group];
            double change = switch (norm) {
                case NONE -> 0;
                case TAPS_L1, CHANNELS_L1 -> Math.signum(taps.get(i)) * pulls[group];
                case TAPS_L2 -> taps.get(i) / Math.max(size, LEAST_NORM) * pulls[group];
            };
            // Below the least norm the divisor is a constant and does not move.
            dTaps.set(i, size < LEAST_NORM ? dy.get(i) / LEAST_NORM : (dy.get(i) - change) / size);
        }
    }

    /** The norm of each group of taps that is divided by one number. */
    private static double[] norms(Tensor taps, FilterNorm norm) {
        double[] norms = new double[switch (norm) {
            case NONE -> 1;
            case TAPS_L1, TAPS_L2 -> taps.dim(1);
            case CHANNELS_L1 -> taps.dim(0);
        }];
        for (long i = 0; i < taps.elements(); i++) {
            double tap = taps.get(i);
            norms[group(taps, norm, i)] += norm == FilterNorm.TAPS_L2 ? tap * tap : Math.abs(tap);
        }
        for (int group = 0; group < norms.length; group++) {
            norms[group] = switch (norm) {
                case NONE -> 1;
                case TAPS_L1, CHANNELS_L1 -> norms[group];
                case TAPS_L2 -> Math.sqrt(norms[group]);
            };
        }
        return norms;
    }

    private static int group(Tensor taps, FilterNorm norm, long i) {
        return switch (norm) {
            case NONE -> 0;
            case TAPS_L1, TAPS_L2 -> (int) (i % taps.dim(1));
            case CHANNELS_L1 -> (int) (i / taps.dim(1));
        };
    }

    private static void accumulate(Tensor into, double[] sums) {
        for (int d = 0; d < sums.length; d++) {
            into.set(d, into.get(d) + sums[d]);
        }
    }
}

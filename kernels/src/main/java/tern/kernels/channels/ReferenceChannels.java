package tern.kernels.channels;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Plain loops in double precision, for F32 and F64. */
public final class ReferenceChannels implements Channels {
    /** A body without state. */
    public ReferenceChannels() {
    }

    @Override
    public void add(ThreadTeam team, Tensor x, Tensor row, Tensor y) {
        for (long i = 0; i < y.elements(); i++) {
            y.set(i, x.get(i) + row.get(i % row.elements()));
        }
    }

    @Override
    public void addBackward(ThreadTeam team, Tensor dy, Tensor dRow) {
        for (long i = 0; i < dy.elements(); i++) {
            addTo(dRow, i % dRow.elements(), dy.get(i));
        }
    }

    @Override
    public void multiply(ThreadTeam team, Tensor x, Tensor row, Tensor y) {
        for (long i = 0; i < y.elements(); i++) {
            y.set(i, x.get(i) * row.get(i % row.elements()));
        }
    }

    @Override
    public void multiplyBackward(ThreadTeam team, Tensor x, Tensor row, Tensor dy, Tensor dx, Tensor dRow) {
        for (long i = 0; i < dy.elements(); i++) {
            long d = i % row.elements();
            double gradient = dy.get(i);
            addTo(dRow, d, gradient * x.get(i));
            dx.set(i, gradient * row.get(d));
        }
    }

    @Override
    public void interpolate(ThreadTeam team, Tensor x, Tensor towards, Tensor weight, Tensor y) {
        for (long i = 0; i < y.elements(); i++) {
            double from = x.get(i);
            y.set(i, from + (towards.get(i) - from) * weight.get(i % weight.elements()));
        }
    }

    @Override
    public void interpolateBackward(ThreadTeam team, Tensor x, Tensor towards, Tensor weight, Tensor dy, Tensor dx,
            Tensor dTowards, Tensor dWeight) {
        for (long i = 0; i < dy.elements(); i++) {
            long d = i % weight.elements();
            double gradient = dy.get(i);
            double part = gradient * weight.get(d);
            dx.set(i, gradient - part);
            dTowards.set(i, part);
            addTo(dWeight, d, gradient * (towards.get(i) - x.get(i)));
        }
    }

    private static void addTo(Tensor sum, long at, double value) {
        sum.set(at, sum.get(at) + value);
    }
}

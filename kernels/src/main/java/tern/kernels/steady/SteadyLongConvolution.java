package tern.kernels.steady;

import tern.kernels.ThreadTeam;
import tern.kernels.convolution.LongConvolution;
import tern.tensor.Tensor;

/** Long convolutions position by position, on top of any body. Backward is the body's. Immutable. */
public final class SteadyLongConvolution implements LongConvolution {
    private final LongConvolution body;

    /** On top of this body. */
    public SteadyLongConvolution(LongConvolution body) {
        this.body = body;
    }

    @Override
    public void forward(ThreadTeam team, Tensor x, Tensor taps, Tensor skip, Tensor history, long[] ages,
            Tensor pending, Tensor y) {
        if (history.dim(1) == 0) {
            // Nothing is kept, so there is no other cut to be equal to.
            body.forward(team, x, taps, skip, history, ages, pending, y);
            return;
        }
        for (int b = 0; b < x.dim(0); b++) {
            Tensor kept = Views.sequence(history, b);
            Tensor made = Views.sequence(pending, b);
            for (int t = 0; t < x.dim(1); t++) {
                body.forward(team, Views.position(x, b, t), taps, skip, kept, new long[] {ages[b] + t}, made,
                        Views.position(y, b, t));
            }
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor x, Tensor taps, Tensor skip, Tensor history, long[] ages, Tensor dy,
            Tensor dx, Tensor dTaps, Tensor dSkip, Tensor dHistory) {
        body.backward(team, x, taps, skip, history, ages, dy, dx, dTaps, dSkip, dHistory);
    }
}

package tern.kernels.steady;

import tern.kernels.ThreadTeam;
import tern.kernels.convolution.HeadConvolution;
import tern.tensor.Tensor;

/** MultiHyena's convolutions position by position, on top of any body. Backward is the body's. Immutable. */
public final class SteadyHeadConvolution implements HeadConvolution {
    private final HeadConvolution body;

    /** On top of this body. */
    public SteadyHeadConvolution(HeadConvolution body) {
        this.body = body;
    }

    @Override
    public void forward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor taps, Tensor skip, Tensor keys,
            Tensor values, long[] ages, Tensor y) {
        if (keys.dim(1) == 0) {
            // Nothing is kept, so there is no other cut to be equal to.
            body.forward(team, query, key, value, taps, skip, keys, values, ages, y);
            return;
        }
        for (int b = 0; b < query.dim(0); b++) {
            Tensor keptKeys = Views.sequence(keys, b);
            Tensor keptValues = Views.sequence(values, b);
            for (int t = 0; t < query.dim(1); t++) {
                body.forward(team, Views.position(query, b, t), Views.position(key, b, t), Views.position(value, b, t),
                        taps, skip, keptKeys, keptValues, new long[] {ages[b] + t}, Views.position(y, b, t));
            }
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor taps, Tensor skip, Tensor keys,
            Tensor values, long[] ages, Tensor dy, Tensor dQuery, Tensor dKey, Tensor dValue, Tensor dTaps,
            Tensor dSkip, Tensor dKeys, Tensor dValues) {
        body.backward(team, query, key, value, taps, skip, keys, values, ages, dy, dQuery, dKey, dValue, dTaps, dSkip,
                dKeys, dValues);
    }
}

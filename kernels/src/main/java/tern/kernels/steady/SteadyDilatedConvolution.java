package tern.kernels.steady;

import java.util.List;

import tern.kernels.ThreadTeam;
import tern.kernels.convolution.DilatedConvolution;
import tern.ops.Dilations;
import tern.tensor.Tensor;

/** Dilated convolutions position by position, on top of any body. Backward is the body's. Immutable. */
public final class SteadyDilatedConvolution implements DilatedConvolution {
    private final DilatedConvolution body;

    /** On top of this body. */
    public SteadyDilatedConvolution(DilatedConvolution body) {
        this.body = body;
    }

    @Override
    public void forward(ThreadTeam team, Tensor x, Dilations layers, List<Tensor> inner, List<Tensor> rings,
            long[] ages, Tensor y) {
        boolean kept = rings.stream().anyMatch(ring -> ring.dim(1) > 0);
        if (!kept || !inner.isEmpty()) {
            // Nothing is kept, so there is no other cut to be equal to.
            body.forward(team, x, layers, inner, rings, ages, y);
            return;
        }
        for (int b = 0; b < x.dim(0); b++) {
            int row = b;
            List<Tensor> own = rings.stream().map(ring -> Views.sequence(ring, row)).toList();
            for (int t = 0; t < x.dim(1); t++) {
                body.forward(team, Views.position(x, b, t), layers, List.of(), own, new long[] {ages[b] + t},
                        Views.position(y, b, t));
            }
        }
    }

    @Override
    public boolean readsInner(Tensor x, Dilations layers, List<Tensor> rings) {
        return body.readsInner(x, layers, rings);
    }

    @Override
    public void backward(ThreadTeam team, Tensor x, Dilations layers, List<Tensor> inner, List<Tensor> rings,
            long[] ages, Tensor dy, List<Tensor> dNextRings, Slopes slopes) {
        body.backward(team, x, layers, inner, rings, ages, dy, dNextRings, slopes);
    }
}

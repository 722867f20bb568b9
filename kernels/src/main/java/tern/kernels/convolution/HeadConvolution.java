package tern.kernels.convolution;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** MultiHyena's convolution of outer products; see {@code Ops.headConvolution} for the equation and the histories. */
public interface HeadConvolution {
    /**
     * y_t ← Σ_(s≤t) h_(t−s)·(q_t·k_s)·v_s + skip·(q_t·k_t)·v_t; keys and values of the T positions are written into the
     * histories (unless their capacity is 0).
     *
     * @param query [B,T,F,N]; key and value alike
     * @param taps [L,F]
     * @param skip [F]
     * @param keys [B,capacity,F,N], updated in place; values alike
     * @param y [B,T,F,N] written
     */
    void forward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor taps, Tensor skip, Tensor keys,
            Tensor values, long[] ages, Tensor y);

    /** Whether {@link #forward} gives a position with a past the same bits whatever stands beside it and wherever time is cut. */
    default boolean positionsAlone() {
        return false;
    }

    /**
     * Backward of the same map: dQuery, dKey, dValue written; dTaps, dSkip accumulated; dKeys and dValues accumulated in
     * rows before {@code ages}.
     */
    void backward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor taps, Tensor skip, Tensor keys,
            Tensor values, long[] ages, Tensor dy, Tensor dQuery, Tensor dKey, Tensor dValue, Tensor dTaps,
            Tensor dSkip, Tensor dKeys, Tensor dValues);
}

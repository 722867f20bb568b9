package tern.kernels.convolution;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Long causal convolution, one filter a channel; see {@code Ops.longConvolution} for the equation and the histories. */
public interface LongConvolution {
    /**
     * y_t ← Σ_m h_m ⊙ x_(t−m) + skip ⊙ x_t; the T inputs are written into the history (unless its capacity is 0), and
     * pending is brought up to the new position (unless P is 0).
     *
     * @param x [B,T,C]
     * @param taps [L,C]
     * @param skip [C]
     * @param history [B,capacity,C], updated in place
     * @param ages rows filled, B entries
     * @param pending [B,P,C], updated in place
     * @param y [B,T,C] written
     */
    void forward(ThreadTeam team, Tensor x, Tensor taps, Tensor skip, Tensor history, long[] ages, Tensor pending,
            Tensor y);

    /** Whether {@link #forward} gives a position with a past the same bits whatever stands beside it and wherever time is cut. */
    default boolean positionsAlone() {
        return false;
    }

    /**
     * Backward of the same map, read as a function of x, taps, skip and the rows of the history before {@code ages}.
     *
     * @param history as it was when forward began, or as it is after (rows from {@code ages} on are not read)
     * @param dx [B,T,C] written
     * @param dTaps [L,C] accumulated
     * @param dSkip [C] accumulated
     * @param dHistory [B,capacity,C]: rows before {@code ages} accumulated, others left alone
     */
    void backward(ThreadTeam team, Tensor x, Tensor taps, Tensor skip, Tensor history, long[] ages, Tensor dy,
            Tensor dx, Tensor dTaps, Tensor dSkip, Tensor dHistory);
}

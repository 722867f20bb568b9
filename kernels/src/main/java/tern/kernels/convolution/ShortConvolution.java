package tern.kernels.convolution;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Short causal depthwise convolution; see {@code Ops.shortConvolution}. */
public interface ShortConvolution {
    /**
     * y ← bias + Σ_j w_j ⊙ x_(t−K+1+j); history ← the last K−1 inputs.
     *
     * @param x [B,T,C]
     * @param weight [C,K]
     * @param bias [C]
     * @param history [B,K−1,C] the inputs before x, oldest first
     * @param y [B,T,C] written
     * @param nextHistory [B,K−1,C] written; may be {@code history} itself
     */
    void forward(ThreadTeam team, Tensor x, Tensor weight, Tensor bias, Tensor history, Tensor y, Tensor nextHistory);

    /**
     * dx, dHistory written; dWeight, dBias += in an order fixed by the shape.
     *
     * @param dNextHistory [B,K−1,C] gradient of the history that forward gave back
     */
    void backward(ThreadTeam team, Tensor x, Tensor weight, Tensor history, Tensor dy, Tensor dNextHistory, Tensor dx,
            Tensor dWeight, Tensor dBias, Tensor dHistory);
}

package tern.kernels.attention;

import tern.kernels.ThreadTeam;
import tern.ops.Chunks;
import tern.tensor.Tensor;

/**
 * Attention within chunks; see {@code Ops.chunkedAttention}. Bodies keep no state; results do not depend on the number of
 * threads.
 */
public interface ChunkedAttention {
    /**
     * y [B,T,H,V] and logSum [B,H,T] written; the call's rows of the last chunk are written into keys and values, unless their
     * capacity is 0.
     *
     * @param logSum for softmax log Σ_j e^(S_ij), which backward reads
     */
    void forward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor bias, Chunks how, Tensor keys,
            Tensor values, long[] ages, int[] lengths, Tensor y, Tensor logSum);

    /** Whether {@link #forward} gives a position with a past the same bits whatever stands beside it and wherever time is cut. */
    default boolean positionsAlone() {
        return false;
    }

    /**
     * dQuery, dKey, dValue written; dBias, dKeys and dValues accumulated, the latter in the rows that counted before the call.
     *
     * @param keys the cache before the call, unchanged
     * @param values likewise
     */
    void backward(ThreadTeam team, Tensor query, Tensor key, Tensor value, Tensor bias, Chunks how, Tensor keys,
            Tensor values, long[] ages, int[] lengths, Tensor y, Tensor logSum, Tensor dy, Tensor dQuery, Tensor dKey,
            Tensor dValue, Tensor dBias, Tensor dKeys, Tensor dValues);
}

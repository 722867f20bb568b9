package tern.kernels.matmul;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Matrix products. */
public interface Matmul {
    /**
     * C ← op(A)·op(B) + keep·C, for one pair of matrices [M,K]·[K,N] or a batch [Z,M,K]·[Z,K,N] of them.
     *
     * @param a [M,K], or [K,M] if {@code transposeA}; one more axis in front for a batch
     * @param b [K,N], or [N,K] if {@code transposeB}
     * @param c [M,N]; written; must not overlap a or b
     * @param keep 0 to overwrite C (whatever it held, NaN included), 1 to accumulate
     */
    void multiply(ThreadTeam team, Tensor a, boolean transposeA, Tensor b, boolean transposeB, Tensor c, float keep);

    /** y ← x·Wᵀ + bias: x [R,in], weight [out,in], bias [out] or [0] for none, y [R,out] written. */
    void linear(ThreadTeam team, Tensor x, Tensor weight, Tensor bias, Tensor y);

    /**
     * Backward of {@link #linear}: dx ← dy·W written; dWeight += dyᵀ·x; dBias += column sums of dy ([0] for none), summed in
     * an order that does not depend on the number of threads.
     */
    void linearBackward(ThreadTeam team, Tensor x, Tensor weight, Tensor dy, Tensor dx, Tensor dWeight, Tensor dBias);
}

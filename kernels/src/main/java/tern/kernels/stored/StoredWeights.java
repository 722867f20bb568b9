package tern.kernels.stored;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/**
 * Products with, and rows of, weights as files hold them: BF16, F16 and every {@linkplain tern.tensor.DType#isBlocked
 * blocked} type. A stored number is taken for exactly the value that its decoding gives; activations are not rounded.
 */
public interface StoredWeights {
    /** y ← x·Wᵀ + bias: x [R,in], weight [out,in] stored, bias [out] or [0] for none, y [R,out] written. */
    void linear(ThreadTeam team, Tensor x, Tensor weight, Tensor bias, Tensor y);

    /** y_r ← table[ids_r]: ids [R] I32, table [V,D] stored, y [R,D]. Ids outside 0..V−1 throw, naming the id and its position. */
    void rows(ThreadTeam team, Tensor table, Tensor ids, Tensor y);
}

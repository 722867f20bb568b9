package tern.kernels.embedding;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Rows of a table. */
public interface Embedding {
    /** y_r ← table[ids_r]: ids [R] I32, table [V,D], y [R,D]. Ids outside 0..V−1 throw, naming the id and its position. */
    void forward(ThreadTeam team, Tensor table, Tensor ids, Tensor y);

    /** dTable[ids_r] += dy_r, in an order that does not depend on the number of threads. */
    void backward(ThreadTeam team, Tensor ids, Tensor dy, Tensor dTable);
}

package tern.kernels.matmul;

import tern.tensor.Shape;
import tern.tensor.Tensor;

/** The lengths of a product of matrices, checked. Immutable. */
record Product(int batch, int m, int n, int k) {

    /** Reads the lengths off the tensors of {@link Matmul#multiply}. */
    static Product of(Tensor a, boolean transposeA, Tensor b, boolean transposeB, Tensor c) {
        Shape left = a.shape(), right = b.shape(), result = c.shape();
        int rank = result.rank();
        if (rank < 2 || rank > 3 || left.rank() != rank || right.rank() != rank) {
            throw new IllegalArgumentException("multiply: A %s, B %s and C %s must all have 2 axes, or 3 for a batch"
                    .formatted(left, right, result));
        }
        if (a.dtype() != b.dtype() || a.dtype() != c.dtype() || !a.dtype().isComputed()) {
            throw new IllegalArgumentException(
                    "multiply: A %s, B %s and C %s must all be F32 or all F64".formatted(a, b, c));
        }
        int batch = rank == 3 ? result.dim(0) : 1;
        int m = left.dim(transposeA ? -1 : -2), k = left.dim(transposeA ? -2 : -1);
        int n = right.dim(transposeB ? -2 : -1);
        boolean fits = right.dim(transposeB ? -1 : -2) == k && result.dim(-2) == m && result.dim(-1) == n
                && (rank == 2 || left.dim(0) == batch && right.dim(0) == batch);
        if (!fits) {
            throw new IllegalArgumentException(
                    "multiply: A %s%s times B %s%s does not give C %s; expected [M,K]·[K,N] = [M,N]"
                            .formatted(left, transposeA ? " transposed" : "", right, transposeB ? " transposed" : "",
                                    result));
        }
        return new Product(batch, m, n, k);
    }

}

package tern.kernels.steady;

import tern.tensor.Tensor;

/** Views of single sequences and positions. */
final class Views {
    private Views() {
    }

    /** Position t of sequence b of [B,T,…] as [1,1,…]. */
    static Tensor position(Tensor x, int b, int t) {
        int row = b * x.dim(1) + t;
        return x.reshape(x.shape().with(0, x.dim(0) * x.dim(1)).with(1, 1)).slice(row, row + 1);
    }

    /** Sequence b of [B,…] as [1,…]. */
    static Tensor sequence(Tensor x, int b) {
        return x.slice(b, b + 1);
    }

    /** What a recurrence updates in place from now on. */
    static void keep(Tensor state, Tensor nextState) {
        if (state.data().address() != nextState.data().address()) {
            nextState.copyFrom(state);
        }
    }
}

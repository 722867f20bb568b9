package tern.kernels.recurrence;

import tern.kernels.ThreadTeam;
import tern.ops.Selection;
import tern.tensor.Tensor;

/**
 * Selective state spaces; see {@code Ops.selectiveScan}. Bodies keep no state; results depend neither on the number of threads nor
 * on where time is cut.
 */
public interface SelectiveScan {
    /** state [B,N,E]; y [B,T,E] and nextState written; nextState may be state. */
    void forward(ThreadTeam team, Selection in, Tensor state, Tensor y, Tensor nextState);

    /**
     * The gradients of x, step, write, read and of the state written; those of rate and skip accumulated, in double precision
     * across blocks of positions.
     *
     * @param state the state before the first position, unchanged
     * @param dNextState gradient of the state after the last
     */
    void backward(ThreadTeam team, Selection in, Tensor state, Tensor dy, Tensor dNextState, Selection dIn,
            Tensor dState);
}

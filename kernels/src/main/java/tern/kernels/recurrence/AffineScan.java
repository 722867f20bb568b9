package tern.kernels.recurrence;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/**
 * y_t = a_t ⊙ y_(t−1) + x_t; see {@code Ops.affineScan}. The factor is complex if {@code turn} has a last axis above 0. Bodies keep
 * no state; results depend neither on the number of threads nor on where time is cut.
 */
public interface AffineScan {
    /** decay, turn [B|1,T|1,C], x [B,T,C or 2C], state [B,1,…]; y and nextState written; nextState may be state. */
    void forward(ThreadTeam team, Tensor decay, Tensor turn, Tensor x, Tensor state, Tensor y, Tensor nextState);

    /**
     * dx, dState written; dDecay and dTurn accumulated, sums over what shares a factor in double precision across blocks of
     * positions.
     *
     * @param state the state before the first position, unchanged
     * @param y what forward gave
     * @param dNextState gradient of the state after the last
     */
    void backward(ThreadTeam team, Tensor decay, Tensor turn, Tensor state, Tensor y, Tensor dy, Tensor dNextState,
            Tensor dDecay, Tensor dTurn, Tensor dx, Tensor dState);
}

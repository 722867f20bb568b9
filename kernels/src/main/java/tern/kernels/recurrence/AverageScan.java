package tern.kernels.recurrence;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/**
 * RWKV-4's weighted average; see {@code Ops.averageScan}. Bodies keep no state; results do not depend on the number of
 * threads.
 */
public interface AverageScan {
    /** Above this a decay rate is as good as infinite; it keeps p − w a number. */
    double HIGHEST_RATE = 1e30;
    /** The logarithm that stands for an empty sum. */
    float NOTHING = -1e30f;

    /** key, value [B,T,D], decay, bonus [D], state [B,3,D]; y [B,T,D] and nextState written; nextState may be state. */
    void forward(ThreadTeam team, Tensor key, Tensor value, Tensor decay, Tensor bonus, Tensor state, Tensor y,
            Tensor nextState);

    /**
     * dKey, dValue, dState written; dDecay and dBonus accumulated.
     *
     * @param state the state before the first position, unchanged
     * @param dNextState gradient of the state after the last
     */
    void backward(ThreadTeam team, Tensor key, Tensor value, Tensor decay, Tensor bonus, Tensor state, Tensor dy,
            Tensor dNextState, Tensor dKey, Tensor dValue, Tensor dDecay, Tensor dBonus, Tensor dState);
}

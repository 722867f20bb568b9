package tern.kernels.recurrence;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/**
 * Recurrences over a matrix a head; see {@code Ops.gatedScan}, {@code Ops.bonusScan} and {@code Ops.rankOneScan}, which
 * differ in what {@link ScanInputs} holds. Bodies keep no state; results do not depend on the number of threads.
 */
public interface StateScan {
    /** state [B,H,K,V]; y [B,T,H,V] and nextState written; nextState may be state itself. */
    void forward(ThreadTeam team, ScanInputs in, Tensor state, Tensor y, Tensor nextState);

    /**
     * dState and the gradients of all inputs written, except that of the bonus, which is accumulated. The gradient of a
     * log-decay that holds for several positions or sequences is summed over them. Where rewrites are the keys
     * ({@link ScanInputs#rewritesKeys}), only the sum of both gradients is defined.
     *
     * @param state the state before the first position, unchanged
     * @param dNextState gradient of the state after the last
     */
    void backward(ThreadTeam team, ScanInputs in, Tensor state, Tensor dy, Tensor dNextState, ScanInputs dIn,
            Tensor dState);
}

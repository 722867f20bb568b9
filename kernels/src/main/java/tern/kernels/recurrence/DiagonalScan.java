package tern.kernels.recurrence;

import tern.kernels.ThreadTeam;
import tern.ops.Diagonal;
import tern.tensor.Tensor;

/**
 * Banks of decaying averages; see {@code Ops.diagonalScan} and {@code Ops.diagonalTaps}. Bodies keep no state; results do not
 * depend on the number of threads.
 */
public interface DiagonalScan {
    /** x [B,T,D], state [B,order,D]; y [B,T,D] and nextState written; nextState may be state. */
    void forward(ThreadTeam team, Tensor x, Diagonal system, Tensor state, Tensor y, Tensor nextState);

    /**
     * dx, dState written; the gradients of the system accumulated, in double precision across blocks of positions.
     *
     * @param state the state before the first position, unchanged
     * @param dNextState gradient of the state after the last
     */
    void backward(ThreadTeam team, Tensor x, Diagonal system, Tensor state, Tensor dy, Tensor dNextState, Tensor dx,
            Diagonal dSystem, Tensor dState);

    /** taps [L,D] written; the imaginary tensors have no rows if modes are real. */
    void taps(ThreadTeam team, Tensor logDecay, Tensor phase, Tensor gain, Tensor weight, Tensor weightImaginary,
            Tensor taps);

    /** The gradients of logDecay, phase, gain, weight and weightImaginary accumulated. */
    void tapsBackward(ThreadTeam team, Tensor logDecay, Tensor phase, Tensor gain, Tensor weight,
            Tensor weightImaginary, Tensor dTaps, Tensor dLogDecay, Tensor dPhase, Tensor dGain, Tensor dWeight,
            Tensor dWeightImaginary);
}

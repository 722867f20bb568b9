package tern.kernels.cells;

import tern.kernels.ThreadTeam;
import tern.ops.Cell;
import tern.tensor.Tensor;

/**
 * Cells of recurrent networks over time; see {@code Ops.cellScan}. Bodies keep no state; results do not depend on the number
 * of threads.
 */
public interface CellScan {
    /** How far below what is remembered the first input gate of an sLSTM may lie; below, m is that gate. */
    double LOWEST_FIRST_GATE = -60;

    /**
     * x [B,T,H,G,K], weight [H,G,K,K], bias [H,K] or [0,K], state [B,S,H·K]; y [B,T,H·K] and nextState written; nextState may be
     * state.
     *
     * @param kept [B,T,H,{@link Cell#kept},K], written for {@link #backward}; or [0]
     */
    void forward(ThreadTeam team, Cell cell, Tensor x, Tensor weight, Tensor bias, Tensor state, Tensor y,
            Tensor nextState, Tensor kept);

    /**
     * dx, dState written; dWeight, dBias accumulated.
     *
     * @param state the state before the first position, unchanged
     * @param y what the forward pass gave
     * @param kept what it kept
     * @param dNextState gradient of the state after the last position
     */
    void backward(ThreadTeam team, Cell cell, Tensor weight, Tensor bias, Tensor state, Tensor y, Tensor kept,
            Tensor dy, Tensor dNextState, Tensor dx, Tensor dWeight, Tensor dBias, Tensor dState);
}

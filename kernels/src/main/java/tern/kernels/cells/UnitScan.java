package tern.kernels.cells;

import tern.kernels.ThreadTeam;
import tern.ops.UnitCell;
import tern.tensor.DType;
import tern.tensor.Tensor;

/**
 * Cells whose units read themselves alone; see {@code Ops.unitScan} and {@code Ops.unitNewton}. Bodies keep no state; results do not
 * depend on the number of threads, nor those of {@link #forward} on where time is cut.
 */
public interface UnitScan {
    /** x [B,T,G,D], weight [W,D], state [B,S,D]; y [B,T,D] and nextState written; nextState may be state. */
    void forward(ThreadTeam team, UnitCell cell, Tensor x, Tensor weight, Tensor state, Tensor y, Tensor nextState);

    /**
     * {@link #forward} for all positions at once by Newton's method; position by position if it does not converge.
     *
     * @param limit most iterations, 0 or more
     * @param tolerance largest residual
     */
    Convergence newton(ThreadTeam team, UnitCell cell, Tensor x, Tensor weight, Tensor state, int limit,
            double tolerance, Tensor y, Tensor nextState);

    /**
     * dx, dState written; dWeight accumulated.
     *
     * @param state the state before the first position, unchanged
     * @param y what the forward pass gave
     * @param dNextState gradient of the state after the last position
     */
    void backward(ThreadTeam team, UnitCell cell, Tensor x, Tensor weight, Tensor state, Tensor y, Tensor dy,
            Tensor dNextState, Tensor dx, Tensor dWeight, Tensor dState);

    /** How Newton's method went: see {@code Solved}. */
    record Convergence(int iterations, double residual) {
    }

    /** The residual that rounding leaves. */
    static double finest(DType type) {
        return type == DType.F64 ? 1e-13 : 1e-6;
    }
}

package tern.kernels.steady;

import tern.kernels.ThreadTeam;
import tern.kernels.cells.UnitScan;
import tern.ops.UnitCell;
import tern.tensor.Tensor;

/** Cells of lone units always position by position, on top of a body that may solve for many at once. Immutable. */
public final class SteadyUnitScan implements UnitScan {
    private final UnitScan body;

    /** On top of this body, which steps steadily. */
    public SteadyUnitScan(UnitScan body) {
        this.body = body;
    }

    @Override
    public void forward(ThreadTeam team, UnitCell cell, Tensor x, Tensor weight, Tensor state, Tensor y,
            Tensor nextState) {
        body.forward(team, cell, x, weight, state, y, nextState);
    }

    @Override
    public Convergence newton(ThreadTeam team, UnitCell cell, Tensor x, Tensor weight, Tensor state, int limit,
            double tolerance, Tensor y, Tensor nextState) {
        body.forward(team, cell, x, weight, state, y, nextState);
        return new Convergence(0, 0);
    }

    @Override
    public void backward(ThreadTeam team, UnitCell cell, Tensor x, Tensor weight, Tensor state, Tensor y, Tensor dy,
            Tensor dNextState, Tensor dx, Tensor dWeight, Tensor dState) {
        body.backward(team, cell, x, weight, state, y, dy, dNextState, dx, dWeight, dState);
    }
}

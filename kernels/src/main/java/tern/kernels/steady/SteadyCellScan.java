package tern.kernels.steady;

import tern.kernels.ThreadTeam;
import tern.kernels.cells.CellScan;
import tern.ops.Cell;
import tern.tensor.Tensor;

/**
 * Cells position by position, on top of a body that would lay out weights otherwise for many. All else is the body's.
 * Immutable.
 */
public final class SteadyCellScan implements CellScan {
    private final CellScan body;

    /** On top of this body. */
    public SteadyCellScan(CellScan body) {
        this.body = body;
    }

    @Override
    public void forward(ThreadTeam team, Cell cell, Tensor x, Tensor weight, Tensor bias, Tensor state, Tensor y,
            Tensor nextState, Tensor kept) {
        Views.keep(state, nextState);
        for (int b = 0; b < x.dim(0); b++) {
            Tensor own = Views.sequence(nextState, b);
            for (int t = 0; t < x.dim(1); t++) {
                body.forward(team, cell, Views.position(x, b, t), weight, bias, own, Views.position(y, b, t), own,
                        kept.elements() == 0 ? kept : Views.position(kept, b, t));
            }
        }
    }

    @Override
    public void backward(ThreadTeam team, Cell cell, Tensor weight, Tensor bias, Tensor state, Tensor y, Tensor kept,
            Tensor dy, Tensor dNextState, Tensor dx, Tensor dWeight, Tensor dBias, Tensor dState) {
        body.backward(team, cell, weight, bias, state, y, kept, dy, dNextState, dx, dWeight, dBias, dState);
    }
}

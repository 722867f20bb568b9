package tern.kernels.cells;

import tern.kernels.ThreadTeam;
import tern.kernels.matmul.Matmul;
import tern.ops.Cell;
import tern.tensor.Tensor;

/** Vector body. */
public final class VectorCellScan implements CellScan {
    private final CellScan plain = new ReferenceCellScan();
    private final Matmul matmul;

    /** A body. */
    public VectorCellScan(Matmul matmul) {
        this.matmul = matmul;
    }

    @Override
    public void forward(ThreadTeam team, Cell cell, Tensor x, Tensor weight, Tensor bias, Tensor state, Tensor y,
            Tensor nextState, Tensor kept) {
        plain.forward(team, cell, x, weight, bias, state, y, nextState, kept);
    }

    @Override
    public void backward(ThreadTeam team, Cell cell, Tensor weight, Tensor bias, Tensor state, Tensor y, Tensor kept,
            Tensor dy, Tensor dNextState, Tensor dx, Tensor dWeight, Tensor dBias, Tensor dState) {
        plain.backward(team, cell, weight, bias, state, y, kept, dy, dNextState, dx, dWeight, dBias, dState);
    }
}

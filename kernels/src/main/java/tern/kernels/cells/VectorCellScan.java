package tern.kernels.cells;

import tern.kernels.ThreadTeam;
import tern.kernels.matmul.Matmul;
import tern.ops.Cell;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32; other types go to the plain body. Weights are laid out once a call and stay in a core's cache: a thread keeps
 * to its units from position to position ({@link ThreadTeam#rounds}), or to its heads and sequences where these are many. A few
 * positions read the weights where they lie. Weights' gradients are one product after the last position. Immutable.
 */
public final class VectorCellScan implements CellScan {
    private final CellScan plain = new ReferenceCellScan();
    private final Matmul matmul;

    /** A body without state, by these products where positions are few. */
    public VectorCellScan(Matmul matmul) {
        this.matmul = matmul;
    }

    @Override
    public void forward(ThreadTeam team, Cell cell, Tensor x, Tensor weight, Tensor bias, Tensor state, Tensor y,
            Tensor nextState, Tensor kept) {
        if (x.dtype() != DType.F32 || x.elements() == 0) {
            plain.forward(team, cell, x, weight, bias, state, y, nextState, kept);
            return;
        }
        Workspace.Mark mark = team.scratch().mark();
        new CellForward(team, cell, x, weight, bias, y, kept).run(matmul, state, nextState);
        team.scratch().release(mark);
    }

    @Override
    public void backward(ThreadTeam team, Cell cell, Tensor weight, Tensor bias, Tensor state, Tensor y, Tensor kept,
            Tensor dy, Tensor dNextState, Tensor dx, Tensor dWeight, Tensor dBias, Tensor dState) {
        if (dx.dtype() != DType.F32 || dx.elements() == 0) {
            plain.backward(team, cell, weight, bias, state, y, kept, dy, dNextState, dx, dWeight, dBias, dState);
            return;
        }
        Workspace.Mark mark = team.scratch().mark();
        CellBackward backward = new CellBackward(team, cell, weight, state, y, kept, dy, dx);
        backward.run(dNextState, dState);
        backward.weights(dWeight, dBias);
        team.scratch().release(mark);
    }
}

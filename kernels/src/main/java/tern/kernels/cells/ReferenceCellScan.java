package tern.kernels.cells;

import tern.kernels.ThreadTeam;
import tern.ops.Cell;
import tern.tensor.Tensor;

/** Plain loops in double precision, for F32 and F64; the state is kept in double precision within a call. Immutable. */
public final class ReferenceCellScan implements CellScan {
    /** A body without state. */
    public ReferenceCellScan() {
    }

    @Override
    public void forward(ThreadTeam team, Cell cell, Tensor x, Tensor weight, Tensor bias, Tensor state, Tensor y,
            Tensor nextState, Tensor kept) {
        int heads = x.dim(2);
        team.run(x.dim(0) * heads, (index, scratch) -> {
            PlainCell head = new PlainCell(cell, weight, bias, index % heads);
            head.forward(index / heads, x, state, y, nextState, kept);
        });
    }

    @Override
    public void backward(ThreadTeam team, Cell cell, Tensor weight, Tensor bias, Tensor state, Tensor y, Tensor kept,
            Tensor dy, Tensor dNextState, Tensor dx, Tensor dWeight, Tensor dBias, Tensor dState) {
        team.run(dx.dim(2), (h, scratch) -> {
            PlainCell head = new PlainCell(cell, weight, bias, h);
            for (int b = 0; b < dx.dim(0); b++) {
                head.backward(b, state, y, kept, dy, dNextState, dx, dState);
            }
            head.addTo(dWeight, dBias);
        });
    }
}

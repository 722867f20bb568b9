package tern.kernels.embedding;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Rows of a table in plain loops. Immutable. */
public final class ReferenceEmbedding implements Embedding {
    /** Keeps no state. */
    public ReferenceEmbedding() {
    }

    @Override
    public void forward(ThreadTeam team, Tensor table, Tensor ids, Tensor y) {
        TableShape shape = TableShape.of(table, ids, y);
        int width = shape.width();
        for (int r = 0; r < shape.rows(); r++) {
            for (int d = 0; d < width; d++) {
                y.set((long) r * width + d, table.get((long) ids.getInt(r) * width + d));
            }
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor ids, Tensor dy, Tensor dTable) {
        TableShape shape = TableShape.of(dTable, ids, dy);
        int width = shape.width();
        for (int r = 0; r < shape.rows(); r++) {
            for (int d = 0; d < width; d++) {
                long at = (long) ids.getInt(r) * width + d;
                dTable.set(at, dTable.get(at) + dy.get((long) r * width + d));
            }
        }
    }
}

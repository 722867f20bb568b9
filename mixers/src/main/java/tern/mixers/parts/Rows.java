package tern.mixers.parts;

import tern.ops.Ops;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Rows of a matrix by their numbers. Stateless. */
public final class Rows {
    private Rows() {
    }

    /** Rows of x [N,D] in this order, as [n,D]; x itself if that is all of them as they are. */
    public static Tensor pick(Ops ops, Tensor x, int[] rows) {
        boolean same = rows.length == x.dim(0);
        for (int i = 0; same && i < rows.length; i++) {
            same = rows[i] == i;
        }
        if (same) {
            return x;
        }
        Tensor ids = ops.zeros(DType.I32, Shape.of(1, rows.length));
        for (int i = 0; i < rows.length; i++) {
            ids.set(i, rows[i]);
        }
        return ops.reshape(ops.embed(x, ids), Shape.of(rows.length, x.dim(1)));
    }
}

package tern.kernels.embedding;

import tern.tensor.DType;
import tern.tensor.Tensor;

/** The lengths of {@link Embedding}, checked. Immutable. */
record TableShape(int rows, int width, int entries) {

    /** Reads the lengths off a table [V,D], identifiers [R] and rows [R,D], and checks every identifier. */
    static TableShape of(Tensor table, Tensor ids, Tensor rows) {
        int count = Math.toIntExact(ids.elements());
        if (table.shape().rank() != 2 || rows.shape().last() != table.dim(1)
                || rows.elements() != (long) count * table.dim(1)
                || ids.dtype() != DType.I32 || rows.dtype() != table.dtype() || !table.dtype().isComputed()) {
            throw new IllegalArgumentException(
                    "embed: table %s, ids %s and rows %s do not fit; expected [V,D], I32[R], [R,D]"
                            .formatted(table, ids, rows));
        }
        int entries = table.dim(0);
        for (int r = 0; r < count; r++) {
            int id = ids.getInt(r);
            if (id < 0 || id >= entries) {
                throw new IllegalArgumentException(
                        "embed: id %d at position %d, expected 0..%d".formatted(id, r, entries - 1));
            }
        }
        return new TableShape(count, table.dim(1), entries);
    }
}

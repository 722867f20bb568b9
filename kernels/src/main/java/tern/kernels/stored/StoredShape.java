package tern.kernels.stored;

import tern.kernels.matmul.LinearShape;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Reads lengths off the tensors of {@link StoredWeights} and checks them. */
final class StoredShape {
    private StoredShape() {
    }

    /** Lengths of a product. */
    static LinearShape of(Tensor x, Tensor weight, Tensor bias, Tensor y) {
        LinearShape shape = LinearShape.lengths(x, weight, bias, y);
        requireStored("linear", "weight", weight);
        if (!x.dtype().isComputed() || y.dtype() != x.dtype() || bias.dtype() != x.dtype()) {
            throw new IllegalArgumentException(
                    "linear: x %s, bias %s and y %s of a stored weight must all be F32 or all F64"
                            .formatted(x, bias, y));
        }
        return shape;
    }

    /** Reads the lengths off a table [V,D], identifiers [R] and rows [R,D], and checks every identifier. */
    static LinearShape ofTable(Tensor table, Tensor ids, Tensor rows) {
        int count = Math.toIntExact(ids.elements());
        if (table.shape().rank() != 2 || rows.shape().last() != table.dim(1)
                || rows.elements() != (long) count * table.dim(1) || ids.dtype() != DType.I32
                || !rows.dtype().isComputed()) {
            throw new IllegalArgumentException(
                    "embed: table %s, ids %s and rows %s do not fit; expected [V,D], I32[R], F32[R,D]"
                            .formatted(table, ids, rows));
        }
        requireStored("embed", "table", table);
        int entries = table.dim(0);
        for (int r = 0; r < count; r++) {
            int id = ids.getInt(r);
            if (id < 0 || id >= entries) {
                throw new IllegalArgumentException(
                        "embed: id %d at position %d, expected 0..%d".formatted(id, r, entries - 1));
            }
        }
        return new LinearShape(count, table.dim(1), entries, false);
    }

    private static void requireStored(String operation, String what, Tensor found) {
        DType type = found.dtype();
        if (type != DType.BF16 && type != DType.F16 && !type.isBlocked()) {
            throw new IllegalArgumentException(
                    "%s: %s %s is not of a type that weights are stored in; expected BF16, F16 or a blocked type"
                            .formatted(operation, what, found));
        }
    }
}

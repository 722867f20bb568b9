package tern.kernels.stored;

import tern.tensor.DType;
import tern.tensor.Tensor;

/**
 * The lengths of {@link StoredWeights}, checked. Immutable.
 *
 * @param rows of x and y
 * @param in length of a row of the weight
 * @param out rows of the weight
 */
record StoredShape(int rows, int in, int out, boolean biased) {

    /** Reads the lengths off the tensors of a product. */
    static StoredShape of(Tensor x, Tensor weight, Tensor bias, Tensor y) {
        if (weight.shape().rank() != 2 || x.shape().rank() != 2 || y.shape().rank() != 2) {
            throw new IllegalArgumentException(
                    "linear: x %s, weight %s and y %s must have 2 axes; flatten the outer ones"
                            .formatted(x, weight, y));
        }
        int out = weight.dim(0), in = weight.dim(1), rows = x.dim(0);
        if (x.dim(1) != in || y.dim(0) != rows || y.dim(1) != out) {
            throw new IllegalArgumentException(
                    "linear: x %s times weight %s does not give %s; expected [R,in], [out,in], [R,out]"
                            .formatted(x.shape(), weight.shape(), y.shape()));
        }
        if (bias.elements() != 0 && bias.elements() != out) {
            throw new IllegalArgumentException("linear: bias %s does not fit weight %s; expected [%d], or [0] for none"
                    .formatted(bias.shape(), weight.shape(), out));
        }
        requireStored("linear", "weight", weight);
        if (!x.dtype().isComputed() || y.dtype() != x.dtype() || bias.dtype() != x.dtype()) {
            throw new IllegalArgumentException(
                    "linear: x %s, bias %s and y %s of a stored weight must all be F32 or all F64"
                            .formatted(x, bias, y));
        }
        return new StoredShape(rows, in, out, bias.elements() != 0 && out != 0);
    }

    /** Reads the lengths off a table [V,D], identifiers [R] and rows [R,D], and checks every identifier. */
    static StoredShape ofTable(Tensor table, Tensor ids, Tensor rows) {
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
        return new StoredShape(count, table.dim(1), entries, false);
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

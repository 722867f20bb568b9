package tern.kernels.matmul;

import tern.tensor.Tensor;

/**
 * The lengths of a linear layer, checked. Immutable.
 *
 * @param rows of x and y
 * @param in length of a row of the weight
 * @param out rows of the weight
 */
public record LinearShape(int rows, int in, int out, boolean biased) {

    /** Reads the lengths off the tensors of a forward call, whatever their types. */
    public static LinearShape lengths(Tensor x, Tensor weight, Tensor bias, Tensor y) {
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
        return new LinearShape(rows, in, out, bias.elements() != 0 && out != 0);
    }

    /** Reads the lengths off the tensors of a forward call of {@link Matmul#linear}. */
    static LinearShape of(Tensor x, Tensor weight, Tensor bias, Tensor y) {
        LinearShape shape = lengths(x, weight, bias, y);
        if (x.dtype() != weight.dtype() || x.dtype() != y.dtype() || x.dtype() != bias.dtype()
                || !x.dtype().isComputed()) {
            throw new IllegalArgumentException("linear: x %s, weight %s, bias %s and y %s must all be F32 or all F64"
                    .formatted(x, weight, bias, y));
        }
        return shape;
    }

    /** Reads the lengths off the tensors of a backward call. */
    static LinearShape ofBackward(Tensor x, Tensor weight, Tensor dy, Tensor dx, Tensor dWeight, Tensor dBias) {
        LinearShape shape = of(x, weight, dBias, dy);
        if (!dx.shape().equals(x.shape()) || !dWeight.shape().equals(weight.shape()) || dx.dtype() != x.dtype()
                || dWeight.dtype() != x.dtype()) {
            throw new IllegalArgumentException(
                    "linear: gradients dx %s and dWeight %s must have the shapes of x %s and weight %s"
                            .formatted(dx, dWeight, x, weight));
        }
        return shape;
    }
}

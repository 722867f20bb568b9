package tern.ops;

import tern.tensor.Tensor;

/**
 * What a long convolution gives back.
 *
 * @param y the output
 * @param history the inputs so far, with this call's rows written
 * @param pending what past inputs contribute to the positions of the current block; see {@link Ops#longConvolution}
 */
public record Convolved(Tensor y, Tensor history, Tensor pending) {
}

package tern.ops;

import java.util.List;

import tern.tensor.Tensor;

/**
 * What {@link Ops#dilatedConvolution} gives back.
 *
 * @param y the last layer's output
 * @param rings of each layer the last inputs, of the shapes passed in (which may have been overwritten by them)
 */
public record Dilated(Tensor y, List<Tensor> rings) {
}

package tern.ops;

import java.util.Optional;

import tern.tensor.Tensor;

/**
 * A linear map about to be applied, one of several that do not need one another's results ({@link Ops#linears}).
 *
 * @param x [...,in]
 * @param weight [out,in], as {@link Ops#linear(Tensor, Tensor)} takes it
 * @param bias [out]
 */
public record LinearMap(Tensor x, Tensor weight, Optional<Tensor> bias) {
}

package tern.ops;

import tern.tensor.Tensor;

/**
 * What an operation over cached keys and values gives back.
 *
 * @param y the output
 * @param keys the key history with this call's rows written
 * @param values the value history with this call's rows written
 */
public record Attended(Tensor y, Tensor keys, Tensor values) {
}

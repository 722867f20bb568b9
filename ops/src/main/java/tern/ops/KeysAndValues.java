package tern.ops;

import tern.tensor.Tensor;

/**
 * Rows that attention reads.
 *
 * @param keys [B,R,G,K]
 * @param values [B,R,G,V]
 */
public record KeysAndValues(Tensor keys, Tensor values) {
}

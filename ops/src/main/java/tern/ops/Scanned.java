package tern.ops;

import tern.tensor.Tensor;

/**
 * What a recurrent operation gives back: its output for every position, and the state after the last.
 *
 * @param y the output
 * @param state the next state, of the same shape as the one passed in (which may have been overwritten by it)
 */
public record Scanned(Tensor y, Tensor state) {
}

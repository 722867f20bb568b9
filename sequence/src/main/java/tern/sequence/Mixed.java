package tern.sequence;

import java.util.Map;

import tern.tensor.Tensor;

/**
 * What a mixer gives back.
 *
 * @param y output [B,T,D]
 * @param state the state after the last position
 * @param wires what the mixer publishes for later branches, by name, each [B,T,…]
 */
public record Mixed(Tensor y, State state, Map<String, Tensor> wires) {
    /** Output and state, no wires. */
    public Mixed(Tensor y, State state) {
        this(y, state, Map.of());
    }
}

package tern.mixers.rwkv;

import tern.mixers.parts.Expect;

/**
 * What RWKV-6 does otherwise where it took the place of a trained attention (QRWKV6, in llama.cpp {@code rwkv6qwen2}): its state is read
 * after it is written, S ← diag(e^g)·S + (k ⊙ (1 − e^g)) vᵀ, y = Sᵀr/√N, without bonus and without norm of heads, and the gate is a
 * sigmoid.
 *
 * @param keyHeads heads of keys and values, each of which as many heads share as their number divides that of heads
 * @param biased whether receptance, key and value have biases
 */
public record Rwkv6Variation(int keyHeads, boolean biased) {
    /** Checks the number. */
    public Rwkv6Variation {
        Expect.atLeast("rwkv6", "keyHeads", keyHeads, 1, "as many as heads, or a divisor of their number");
    }
}

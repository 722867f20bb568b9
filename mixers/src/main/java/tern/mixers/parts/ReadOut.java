package tern.mixers.parts;

import java.util.Optional;

import tern.ops.Activation;
import tern.ops.Ops;
import tern.tensor.Tensor;

/**
 * Where most recurrences over matrices end: y = W_o(f(W_g x) ⊙ norm(read)). Immutable.
 *
 * @param norm of what heads read
 * @param gate W_g, if there is one
 * @param activation f
 * @param output W_o
 */
public record ReadOut(ReadNorm norm, Optional<Projection> gate, Activation activation, Projection output) {
    /** Without a gate. */
    public static ReadOut plain(ReadNorm norm, Projection output) {
        return new ReadOut(norm, Optional.empty(), Activation.IDENTITY, output);
    }

    /** With a gate. */
    public static ReadOut gated(ReadNorm norm, Projection gate, Activation activation, Projection output) {
        return new ReadOut(norm, Optional.of(gate), activation, output);
    }

    /**
     * Normalises, gates and projects.
     *
     * @param x the mixer's input [B,T,D]
     * @param read [B,T,H,V]
     */
    public Tensor apply(Ops ops, Tensor x, Tensor read) {
        Tensor y = norm.apply(ops, read);
        if (gate.isPresent()) {
            y = ops.gate(gate.get().apply(ops, x), y, activation);
        }
        return output.apply(ops, y);
    }
}

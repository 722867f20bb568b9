package tern.mixers.statespace;

import java.util.Optional;

import tern.ops.Ops;
import tern.tensor.Tensor;

/**
 * Modes in discrete time by zero-order hold, as {@link Ops#held} gives them: Ā = e^(ΔA), (Ā − 1)/A, with A = −rate + i·phase. All
 * tensors have one shape.
 *
 * @param logDecay ln|Ā| = −Δ·rate
 * @param angle Δ·phase, less whole turns
 * @param decay Re Ā
 * @param turn Im Ā
 * @param gain Re (Ā − 1)/A
 * @param gainTurn Im (Ā − 1)/A
 */
record Held(Tensor logDecay, Tensor angle, Tensor decay, Tensor turn, Tensor gain, Tensor gainTurn) {
    /**
     * From logarithms of rates and steps, and phases; for as long as the owner's derived tensors live.
     *
     * @param rescale what steps are multiplied with, if anything
     */
    static Held of(Ops ops, Object owner, Tensor logRate, Tensor phase, Tensor step, Optional<Double> rescale) {
        Tensor longer = rescale.isEmpty() ? step : ops.derived(owner, "step", () -> ops.add(step,
                ops.zeros(step.dtype(), step.shape()).fill(Math.log(rescale.get()))));
        Tensor[] parts = new Tensor[6];
        for (int i = 0; i < parts.length; i++) {
            int part = i;
            parts[i] = ops.derived(owner, "held " + part, () -> ops.reshape(
                    ops.slice(ops.derived(owner, "held", () -> ops.held(logRate, phase, longer)), 0, part, part + 1),
                    phase.shape()));
        }
        return new Held(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]);
    }
}

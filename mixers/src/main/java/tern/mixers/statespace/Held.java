package tern.mixers.statespace;

import tern.ops.Activation;
import tern.ops.Ops;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Modes in discrete time by zero-order hold: Ā = e^(ΔA), (Ā − 1)/A, with A = −rate + i·phase, exact where ΔA is tiny. All
 * tensors have one shape.
 *
 * @param logDecay ln|Ā| = −Δ·rate
 * @param angle Δ·phase
 * @param decay Re Ā
 * @param turn Im Ā
 * @param gain Re (Ā − 1)/A
 * @param gainTurn Im (Ā − 1)/A
 */
record Held(Tensor logDecay, Tensor angle, Tensor decay, Tensor turn, Tensor gain, Tensor gainTurn) {
    /** From logarithms of rates and steps, and phases. */
    static Held of(Ops ops, Tensor logRate, Tensor phase, Tensor step) {
        Tensor delta = ops.activate(step, Activation.EXP);
        Tensor rate = ops.activate(logRate, Activation.EXP);
        Tensor logDecay = ops.scale(ops.multiply(delta, rate), -1);
        Tensor angle = ops.multiply(delta, phase);
        Tensor size = ops.activate(logDecay, Activation.EXP);
        Tensor half = sine(ops, ops.scale(angle, 0.5));
        // cos θ = 1 − 2 sin²(θ/2), and e^g cos θ − 1 = (e^g − 1) cos θ − 2 sin²(θ/2).
        Tensor versed = ops.scale(ops.multiply(half, half), 2);
        Tensor cosine = ops.add(ops.scale(versed, -1), constant(ops, versed, 1));
        Tensor turn = ops.multiply(size, sine(ops, angle));
        Tensor less = ops.add(ops.multiply(ops.activate(logDecay, Activation.EXPM1), cosine), ops.scale(versed, -1));
        Tensor square = ops.add(ops.multiply(rate, rate), ops.multiply(phase, phase));
        Tensor gain = ops.add(ops.multiply(turn, phase), ops.scale(ops.multiply(less, rate), -1));
        Tensor gainTurn = ops.scale(ops.add(ops.multiply(turn, rate), ops.multiply(less, phase)), -1);
        return new Held(logDecay, angle, ops.multiply(size, cosine), turn, over(ops, gain, square),
                over(ops, gainTurn, square));
    }

    private static Tensor constant(Ops ops, Tensor like, double value) {
        return ops.zeros(like.dtype(), like.shape()).fill(value);
    }

    private static Tensor sine(Ops ops, Tensor x) {
        return ops.sine(x, ops.zeros(x.dtype(), Shape.of(x.shape().last())).fill(1));
    }

    private static Tensor over(Ops ops, Tensor x, Tensor divisor) {
        Shape column = Shape.of(Math.toIntExact(x.elements()), 1);
        return ops.reshape(ops.divideRows(ops.reshape(x, column), ops.reshape(divisor, column)), x.shape());
    }
}

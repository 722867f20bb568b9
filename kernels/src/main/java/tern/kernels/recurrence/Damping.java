package tern.kernels.recurrence;

import tern.tensor.Tensor;

/** The decay of a damped average from its parameters, in double precision; see {@code Ops.dampedLogDecay}. */
public final class Damping {
    private Damping() {
    }

    /** y ← ln(1 − σ(δ)·σ(α)). */
    public static void logDecay(Tensor delta, Tensor alpha, Tensor y) {
        for (long i = 0; i < y.elements(); i++) {
            y.set(i, Math.log1p(-sigmoid(delta.get(i)) * sigmoid(alpha.get(i))));
        }
    }

    /** dδ and dα written. */
    public static void logDecayBackward(Tensor delta, Tensor alpha, Tensor dy, Tensor dDelta, Tensor dAlpha) {
        for (long i = 0; i < dy.elements(); i++) {
            double gain = sigmoid(delta.get(i));
            double damping = sigmoid(alpha.get(i));
            double slope = -dy.get(i) * gain * damping / (1 - gain * damping);
            dDelta.set(i, slope * (1 - gain));
            dAlpha.set(i, slope * (1 - damping));
        }
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }
}

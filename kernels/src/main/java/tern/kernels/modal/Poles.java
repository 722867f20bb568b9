package tern.kernels.modal;

import tern.ops.Modes;
import tern.tensor.Allocator;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * The poles of a bank of modal filters: the one place where they are evaluated, in double precision, and rounded to the
 * type of the tensors, real and imaginary part apart (see {@link Modes}). Stateless and safe to use from any thread.
 */
public final class Poles {
    private Poles() {
    }

    /**
     * Evaluates and rounds all poles.
     *
     * @param memory where the result lives
     * @return [order] of the type of {@code modes}, in the row order of the state: Re λ of all pairs, Im λ of all pairs,
     *         then the real ρ
     */
    public static Tensor evaluate(Modes modes, Allocator memory) {
        Tensor poles = memory.allocate(modes.decay().dtype(), Shape.of(modes.order()));
        int pairs = modes.pairs();
        for (int n = 0; n < pairs; n++) {
            double radius = radius(modes.decay(), n);
            double phase = modes.phase().get(n);
            poles.set(n, radius * Math.cos(phase));
            poles.set(pairs + n, radius * Math.sin(phase));
        }
        for (int m = 0; m < modes.reals(); m++) {
            poles.set(2L * pairs + m, modes.realSign().get(m) * radius(modes.realDecay(), m));
        }
        return poles;
    }

    /**
     * Carries gradients of the poles on to decays and phases, through the formula before rounding: dν −= e^ν·(λ·dλ), dθ +=
     * Re λ·d Im λ − Im λ·d Re λ.
     *
     * @param dPoles [order] in the row order of {@link #evaluate}
     * @param dModes {@code decay}, {@code phase} and {@code realDecay} are accumulated
     */
    public static void backward(Modes modes, Tensor dPoles, Modes dModes) {
        int pairs = modes.pairs();
        for (int n = 0; n < pairs; n++) {
            double radius = radius(modes.decay(), n);
            double phase = modes.phase().get(n);
            double real = radius * Math.cos(phase);
            double imaginary = radius * Math.sin(phase);
            double dReal = dPoles.get(n);
            double dImaginary = dPoles.get(pairs + n);
            double slope = -Math.exp(modes.decay().get(n));
            accumulate(dModes.decay(), n, slope * (real * dReal + imaginary * dImaginary));
            accumulate(dModes.phase(), n, real * dImaginary - imaginary * dReal);
        }
        for (int m = 0; m < modes.reals(); m++) {
            double pole = modes.realSign().get(m) * radius(modes.realDecay(), m);
            double slope = -Math.exp(modes.realDecay().get(m));
            accumulate(dModes.realDecay(), m, slope * pole * dPoles.get(2L * pairs + m));
        }
    }

    private static double radius(Tensor decay, int index) {
        return Math.exp(-Math.exp(decay.get(index)));
    }

    private static void accumulate(Tensor sum, long at, double value) {
        sum.set(at, sum.get(at) + value);
    }
}

package tern.mixers.parts;

import tern.ops.Activation;
import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.tensor.Tensor;

/**
 * Decays whose speed and step are learned apart, as Mamba's are: g = −e^speed ⊙ softplus(x + step). Where they start, and the
 * sum. Stateless.
 */
public final class DecayStart {
    private static final double SHORTEST = 1e-3;
    private static final double LONGEST = 0.1;
    private static final double FLOOR = 1e-4;

    private DecayStart() {
    }

    /** ln of uniform deviates: how the speeds start. */
    public static Initialiser speeds(double low, double high) {
        return (parameter, random) -> {
            for (long i = 0; i < parameter.elements(); i++) {
                parameter.set(i, Math.log(Math.max(FLOOR, low + (high - low) * random.nextDouble())));
            }
        };
    }

    /** softplus⁻¹ of deviates that are uniform in their logarithm from 0.001 to 0.1: how the steps start. */
    public static Initialiser steps() {
        return (parameter, random) -> {
            for (long i = 0; i < parameter.elements(); i++) {
                double step = SHORTEST * Math.pow(LONGEST / SHORTEST, random.nextDouble());
                parameter.set(i, step + Math.log(-Math.expm1(-Math.max(step, FLOOR))));
            }
        };
    }

    /** softplus(x + step): x [B,T,C], step [C]. */
    public static Tensor step(Ops ops, Tensor x, Tensor step) {
        return ops.activate(ops.add(x, step), Activation.SOFTPLUS);
    }

    /** −e^speed ⊙ steps: steps [B,T,C], speed [C]. */
    public static Tensor logDecay(Ops ops, Tensor steps, Tensor speed) {
        return ops.multiply(steps, ops.scale(ops.activate(speed, Activation.EXP), -1));
    }
}

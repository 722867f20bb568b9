package tern.kernels.optimise;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** AdamW in a plain loop, in double. Immutable. */
public final class ReferenceAdamW implements AdamWStep {
    /** Keeps no state. */
    public ReferenceAdamW() {
    }

    @Override
    public void update(ThreadTeam team, Tensor parameter, Tensor gradient, Tensor first, Tensor second,
            Settings settings) {
        checkShapes(parameter, gradient, first, second);
        double firstCorrection = 1 - Math.pow(settings.beta1(), settings.step());
        double secondCorrection = 1 - Math.pow(settings.beta2(), settings.step());
        for (long i = 0; i < parameter.elements(); i++) {
            double g = gradient.get(i) * settings.gradientScale();
            double m = settings.beta1() * first.get(i) + (1 - settings.beta1()) * g;
            double v = settings.beta2() * second.get(i) + (1 - settings.beta2()) * g * g;
            first.set(i, m);
            second.set(i, v);
            double direction = m / firstCorrection / (Math.sqrt(v / secondCorrection) + settings.epsilon());
            double value = parameter.get(i);
            parameter.set(i, value - settings.rate() * (direction + settings.decay() * value));
        }
    }

    static void checkShapes(Tensor parameter, Tensor gradient, Tensor first, Tensor second) {
        if (!gradient.shape().equals(parameter.shape()) || !first.shape().equals(parameter.shape())
                || !second.shape().equals(parameter.shape()) || !parameter.dtype().isComputed()
                || gradient.dtype() != parameter.dtype() || first.dtype() != parameter.dtype()
                || second.dtype() != parameter.dtype()) {
            throw new IllegalArgumentException(
                    "adamW: parameter %s, gradient %s, moments %s and %s must have one type and shape"
                            .formatted(parameter, gradient, first, second));
        }
    }
}

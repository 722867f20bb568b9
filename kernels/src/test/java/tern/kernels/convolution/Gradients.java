package tern.kernels.convolution;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.function.DoubleSupplier;
import java.util.random.RandomGenerator;

import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Central differences in double precision, and seeded tensors. */
final class Gradients {
    private static final double STEP = 1e-5;
    private static final double TOLERANCE = 1e-7;

    private Gradients() {
    }

    /** Every entry of {@code gradient} is the slope of {@code loss} along the same entry of {@code variable}. */
    static void check(String name, Tensor variable, Tensor gradient, DoubleSupplier loss) {
        for (long i = 0; i < variable.elements(); i++) {
            double kept = variable.get(i);
            variable.set(i, kept + STEP);
            double above = loss.getAsDouble();
            variable.set(i, kept - STEP);
            double below = loss.getAsDouble();
            variable.set(i, kept);
            double slope = (above - below) / (2 * STEP);
            assertThat(gradient.get(i)).as("%s[%d]", name, i).isCloseTo(slope,
                    within(TOLERANCE * (1 + Math.abs(slope))));
        }
    }

    /** Σ weights ⊙ values: a scalar whose gradient with respect to the values is the weights. */
    static double dot(Tensor weights, Tensor values) {
        double sum = 0;
        for (long i = 0; i < weights.elements(); i++) {
            sum += weights.get(i) * values.get(i);
        }
        return sum;
    }

    static Tensor random(Memory memory, RandomGenerator random, DType dtype, int... lengths) {
        Tensor tensor = memory.allocate(dtype, Shape.of(lengths));
        for (long i = 0; i < tensor.elements(); i++) {
            tensor.set(i, random.nextGaussian());
        }
        return tensor;
    }

    static Tensor copy(Memory memory, Tensor source) {
        return memory.allocate(source.dtype(), source.shape()).copyFrom(source);
    }

    static Tensor zeros(Memory memory, Tensor like) {
        return memory.allocate(like.dtype(), like.shape()).fill(0);
    }
}

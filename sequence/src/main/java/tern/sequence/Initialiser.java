package tern.sequence;

import java.util.function.LongToDoubleFunction;
import java.util.random.RandomGenerator;

import tern.tensor.Tensor;

/** How a parameter starts. */
@FunctionalInterface
public interface Initialiser {
    /** Writes every element. */
    void fill(Tensor parameter, RandomGenerator random);

    /** All elements equal. */
    static Initialiser constant(double value) {
        return (parameter, random) -> parameter.fill(value);
    }

    /** Independent normal values with mean 0. */
    static Initialiser normal(double deviation) {
        return (parameter, random) -> {
            for (long i = 0; i < parameter.elements(); i++) {
                parameter.set(i, deviation * random.nextGaussian());
            }
        };
    }

    /** Independent uniform values in [low, high). */
    static Initialiser uniform(double low, double high) {
        return (parameter, random) -> {
            for (long i = 0; i < parameter.elements(); i++) {
                parameter.set(i, low + (high - low) * random.nextDouble());
            }
        };
    }

    /** Uniform within ±1/√fanIn: the usual default of a linear layer. */
    static Initialiser fanIn(int fanIn) {
        double bound = 1 / Math.sqrt(fanIn);
        return uniform(-bound, bound);
    }

    /** Element i is {@code value(i)}. */
    static Initialiser of(LongToDoubleFunction value) {
        return (parameter, random) -> {
            for (long i = 0; i < parameter.elements(); i++) {
                parameter.set(i, value.applyAsDouble(i));
            }
        };
    }
}

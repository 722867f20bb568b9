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

    /**
     * A matrix [rows,columns] with orthogonal rows, or columns if there are fewer of them, each of length {@code gain} (Saxe et
     * al. 2013, arXiv 1312.6120): normal deviates, made orthogonal one after another, twice for the rounding.
     */
    static Initialiser orthogonal(double gain) {
        return (parameter, random) -> {
            int rows = parameter.dim(0);
            int columns = parameter.dim(1);
            boolean tall = rows > columns;
            double[][] basis = new double[Math.min(rows, columns)][Math.max(rows, columns)];
            for (int i = 0; i < basis.length; i++) {
                for (int j = 0; j < basis[i].length; j++) {
                    basis[i][j] = random.nextGaussian();
                }
                for (int earlier = 0; earlier < 2 * i; earlier++) {
                    remove(basis[earlier % i], basis[i]);
                }
                double norm = Math.sqrt(dot(basis[i], basis[i]));
                for (int j = 0; j < basis[i].length; j++) {
                    basis[i][j] /= norm;
                    parameter.set(tall ? (long) j * columns + i : (long) i * columns + j, gain * basis[i][j]);
                }
            }
        };
    }

    private static void remove(double[] direction, double[] from) {
        double along = dot(direction, from);
        for (int j = 0; j < from.length; j++) {
            from[j] -= along * direction[j];
        }
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int j = 0; j < a.length; j++) {
            sum += a[j] * b[j];
        }
        return sum;
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

package tern.testkit;

import java.util.random.RandomGenerator;

import tern.tensor.Allocator;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Seeded tensors and comparisons. */
public final class Tensors {
    /** How far {@code F32} results of two ways of computing may lie apart, relative to the largest value and at least 1. */
    public static final double F32_TOLERANCE = 1e-4;
    /** The same for {@code F64}. */
    public static final double F64_TOLERANCE = 1e-11;

    private Tensors() {
    }

    /** The tolerance of a type. */
    public static double tolerance(DType dtype) {
        return dtype == DType.F64 ? F64_TOLERANCE : F32_TOLERANCE;
    }

    /**
     * Independent standard normal values, rounded to {@code F32} whatever the type, so that both types see the same
     * numbers.
     */
    public static Tensor normal(DType dtype, Shape shape, RandomGenerator random, Allocator memory) {
        Tensor tensor = memory.allocate(dtype, shape);
        for (long i = 0; i < tensor.elements(); i++) {
            tensor.set(i, (float) random.nextGaussian());
        }
        return tensor;
    }

    /** {@link #normal(DType, Shape, RandomGenerator, Allocator)} with the lengths written out. */
    public static Tensor normal(DType dtype, RandomGenerator random, Allocator memory, int... lengths) {
        return normal(dtype, Shape.of(lengths), random, memory);
    }

    /** A copy in another type. */
    public static Tensor as(DType dtype, Tensor source, Allocator memory) {
        return memory.allocate(dtype, source.shape()).copyFrom(source);
    }

    /**
     * Checks that two tensors have the same shape and lie within the tolerance of their type of each other.
     *
     * @param what named in the message
     * @throws AssertionError naming the first element that differs by too much
     */
    public static void assertClose(String what, Tensor actual, Tensor expected) {
        assertClose(what, actual, expected, tolerance(expected.dtype()));
    }

    /**
     * Checks that two tensors have the same shape and that no element differs by more than
     * {@code tolerance·max(1, largest expected absolute value)}.
     *
     * @throws AssertionError naming the worst element
     */
    public static void assertClose(String what, Tensor actual, Tensor expected, double tolerance) {
        if (!actual.shape().equals(expected.shape())) {
            throw new AssertionError(what + ": shape " + actual.shape() + ", expected " + expected.shape());
        }
        assertClose(what, actual.toDoubles(), expected.toDoubles(), tolerance);
    }

    /** {@link #assertClose(String, Tensor, Tensor, double)} for plain arrays. */
    public static void assertClose(String what, double[] actual, double[] expected, double tolerance) {
        if (actual.length != expected.length) {
            throw new AssertionError(what + ": " + actual.length + " elements, expected " + expected.length);
        }
        double largest = 1;
        for (double value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        int worst = -1;
        double distance = tolerance * largest;
        for (int i = 0; i < expected.length; i++) {
            double apart = Math.abs(actual[i] - expected[i]);
            if (!(apart <= distance)) {
                worst = i;
                distance = Double.isNaN(apart) ? Double.POSITIVE_INFINITY : apart;
            }
        }
        if (worst >= 0) {
            throw new AssertionError(
                    "%s: element %d is %s, expected %s (apart %.3g, allowed %.3g = %.1g × %.3g)".formatted(what,
                            worst, actual[worst], expected[worst], distance, tolerance * largest, tolerance, largest));
        }
    }

    /** The largest absolute difference of two tensors of the same shape, NaN if one holds a NaN. */
    public static double largestDifference(Tensor a, Tensor b) {
        double largest = 0;
        for (long i = 0; i < a.elements(); i++) {
            double apart = Math.abs(a.get(i) - b.get(i));
            if (Double.isNaN(apart)) {
                return apart;
            }
            largest = Math.max(largest, apart);
        }
        return largest;
    }

    /** Checks that two tensors hold exactly the same numbers, bit for bit. */
    public static void assertEqual(String what, Tensor actual, Tensor expected) {
        if (!actual.shape().equals(expected.shape()) || actual.dtype() != expected.dtype()) {
            throw new AssertionError(what + ": " + actual + ", expected " + expected);
        }
        long mismatch = actual.data().mismatch(expected.data());
        if (mismatch >= 0) {
            long i = mismatch / expected.dtype().bytes();
            throw new AssertionError(what + ": element " + i + " is " + actual.get(i) + ", expected exactly "
                    + expected.get(i));
        }
    }
}

package tern.tensor;

import java.util.Arrays;

/**
 * The lengths of a tensor's axes, outermost first; elements are stored row-major, the last axis contiguous. A scalar has
 * no axes. Immutable.
 */
public final class Shape {
    private static final Shape SCALAR = new Shape(new int[0]);

    private final int[] lengths;
    private final long elements;

    private Shape(int[] lengths) {
        this.lengths = lengths;
        long product = 1;
        for (int length : lengths) {
            if (length < 0) {
                throw new IllegalArgumentException(
                        "shape " + Arrays.toString(lengths)
                                + " has a negative length; expected 0 or more on every axis");
            }
            product = Math.multiplyExact(product, (long) length);
        }
        this.elements = product;
    }

    /**
     * A shape of these axis lengths.
     *
     * @throws IllegalArgumentException if a length is negative
     */
    public static Shape of(int... lengths) {
        return lengths.length == 0 ? SCALAR : new Shape(lengths.clone());
    }

    /** Number of axes. */
    public int rank() {
        return lengths.length;
    }

    /** Length of an axis; a negative axis counts from the end, so {@code dim(-1)} is the last. */
    public int dim(int axis) {
        int at = axis < 0 ? lengths.length + axis : axis;
        if (at < 0 || at >= lengths.length) {
            throw new IllegalArgumentException("shape " + this + " has no axis " + axis);
        }
        return lengths[at];
    }

    /** Length of the last axis; 1 for a scalar. */
    public int last() {
        return lengths.length == 0 ? 1 : lengths[lengths.length - 1];
    }

    /** Number of elements: the product of all lengths. */
    public long elements() {
        return elements;
    }

    /** Number of rows when all but the last axis are flattened: {@code elements / last}, 0 if the last axis is empty. */
    public int rows() {
        long rows = 1;
        for (int axis = 0; axis < lengths.length - 1; axis++) {
            rows *= lengths[axis];
        }
        return Math.toIntExact(rows);
    }

    /** This shape with another last axis. */
    public Shape withLast(int length) {
        return with(lengths.length - 1, length);
    }

    /** This shape with another length on one axis. */
    public Shape with(int axis, int length) {
        int[] changed = lengths.clone();
        changed[axis < 0 ? lengths.length + axis : axis] = length;
        return new Shape(changed);
    }

    /** This shape with one more axis in front. */
    public Shape prepend(int length) {
        int[] longer = new int[lengths.length + 1];
        longer[0] = length;
        System.arraycopy(lengths, 0, longer, 1, lengths.length);
        return new Shape(longer);
    }

    /** The axis lengths, a fresh array. */
    public int[] toArray() {
        return lengths.clone();
    }

    @Override
    public boolean equals(Object other) {
        return this == other || other instanceof Shape shape && Arrays.equals(lengths, shape.lengths);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(lengths);
    }

    @Override
    public String toString() {
        return Arrays.toString(lengths);
    }
}

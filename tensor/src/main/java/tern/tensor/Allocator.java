package tern.tensor;

/** A source of tensor memory. Its owner decides when the memory goes back. */
public interface Allocator {
    /** A tensor with undefined contents, 64-byte aligned. */
    Tensor allocate(DType dtype, Shape shape);

    /** A tensor of zeros. */
    default Tensor zeros(DType dtype, Shape shape) {
        return allocate(dtype, shape).fill(0);
    }

    /** {@link #zeros(DType, Shape)} with the lengths written out. */
    default Tensor zeros(DType dtype, int... lengths) {
        return zeros(dtype, Shape.of(lengths));
    }

    /** A copy of a tensor in this memory. */
    default Tensor copyOf(Tensor source) {
        return allocate(source.dtype(), source.shape()).copyFrom(source);
    }
}

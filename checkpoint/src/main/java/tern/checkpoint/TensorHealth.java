package tern.checkpoint;

import java.util.ArrayList;
import java.util.List;

import tern.tensor.DType;
import tern.tensor.Tensor;

/**
 * What a look at every element of a tensor found.
 *
 * @param name of the tensor
 * @param elements how many there are
 * @param nans how many are not a number
 * @param infinities how many are infinite
 * @param smallest least finite element; positive infinity if there is none
 * @param largest greatest finite element; negative infinity if there is none
 */
public record TensorHealth(String name, long elements, long nans, long infinities, double smallest, double largest) {
    private static final int READ_AT_ONCE = 8192;

    /** Whether every element is a finite number. */
    public boolean sound() {
        return nans == 0 && infinities == 0;
    }

    /**
     * What is to be said of tensors that are not {@link #sound}: how many there are, and of the first what it holds.
     *
     * @param unsound at least one
     */
    public static String complaint(List<TensorHealth> unsound) {
        TensorHealth first = unsound.getFirst();
        return (unsound.size() == 1 ? "1 tensor holds" : unsound.size() + " tensors hold")
                + " values that are not finite, the first is " + first.name + " with " + first.nans + " NaN and "
                + first.infinities + " infinite of " + first.elements;
    }

    /**
     * Looks at every tensor of a file, one element at a time.
     *
     * @return one entry a tensor, in the order of the file
     * @throws MalformedFileException if a tensor is stored in a type that cannot be read
     */
    public static List<TensorHealth> of(TensorFile file) throws MalformedFileException {
        List<TensorHealth> all = new ArrayList<>();
        for (StoredTensor stored : file.tensors()) {
            all.add(of(stored.name(), file.tensor(stored.name())));
        }
        return all;
    }

    /** Looks at one tensor. */
    public static TensorHealth of(String name, Tensor tensor) {
        long nans = 0;
        long infinities = 0;
        double smallest = Double.POSITIVE_INFINITY;
        double largest = Double.NEGATIVE_INFINITY;
        boolean wide = tensor.dtype() == DType.F64 || tensor.dtype() == DType.I64
                || tensor.dtype() == DType.I32;
        float[] part = new float[wide ? 0 : (int) Math.min(READ_AT_ONCE, tensor.elements())];
        for (long i = 0; i < tensor.elements(); i++) {
            double value;
            if (wide) {
                value = tensor.get(i);
            } else {
                int at = (int) (i % READ_AT_ONCE);
                if (at == 0) {
                    tensor.read(i, part, 0, (int) Math.min(part.length, tensor.elements() - i));
                }
                value = part[at];
            }
            if (Double.isNaN(value)) {
                nans++;
            } else if (Double.isInfinite(value)) {
                infinities++;
            } else {
                smallest = Math.min(smallest, value);
                largest = Math.max(largest, value);
            }
        }
        return new TensorHealth(name, tensor.elements(), nans, infinities, smallest, largest);
    }
}

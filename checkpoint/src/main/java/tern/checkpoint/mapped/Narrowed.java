package tern.checkpoint.mapped;

import tern.tensor.DType;
import tern.tensor.Tensor;

/** Numbers that are stored in a narrower type than they had. */
public final class Narrowed {
    private static final int AT_ONCE = 8192;

    private Narrowed() {
    }

    /**
     * Refuses finite numbers that became infinite; what was not finite before may stay so.
     *
     * @param source the numbers as they were
     * @param from the element of {@code source} that {@code stored} begins with
     * @param stored the numbers as they are stored, real ones
     * @throws IllegalArgumentException if a number is too large for the type; says which, and what would do
     */
    public static void require(Tensor source, long from, Tensor stored) {
        if (stored.dtype().isBlocked()) {
            // Encoding refused already.
            return;
        }
        float[] values = new float[(int) Math.min(AT_ONCE, stored.elements())];
        for (long at = 0; at < stored.elements(); at += values.length) {
            int count = (int) Math.min(values.length, stored.elements() - at);
            stored.read(at, values, 0, count);
            for (int i = 0; i < count; i++) {
                if (Float.isInfinite(values[i]) && Double.isFinite(source.get(from + at + i))) {
                    throw new IllegalArgumentException("the value " + source.get(from + at + i)
                            + " is too large for " + stored.dtype() + "; store these weights as "
                            + (stored.dtype() == DType.F16 ? "BF16 or " : "") + "F32");
                }
            }
        }
    }
}

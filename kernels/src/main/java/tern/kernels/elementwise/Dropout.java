package tern.kernels.elementwise;

import static tern.tensor.Tensor.FLOAT;

import tern.kernels.ThreadTeam;
import tern.ops.Dropped;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Leaves numbers out; see {@code Ops.dropout}. One body for F32 and F64. Stateless; results do not depend on the number of threads. */
public final class Dropout {
    private static final int BLOCK = 1 << 13;

    private Dropout() {
    }

    /**
     * y = x times the factor of each number.
     *
     * @param x any shape
     * @param wholeChannels whether x is [B,T,D] and a channel of a sequence has one factor
     * @param y the same shape, written; may be x
     */
    public static void apply(ThreadTeam team, Tensor x, Dropped dropped, boolean wholeChannels, Tensor y) {
        long elements = x.elements();
        int width = x.shape().rank() == 0 ? 1 : x.shape().last();
        long sequence = wholeChannels ? (long) x.dim(1) * width : 1;
        int tasks = Math.toIntExact((elements + BLOCK - 1) / BLOCK);
        team.run(tasks, (task, scratch) -> {
            long from = (long) task * BLOCK;
            long to = Math.min(elements, from + BLOCK);
            boolean single = x.dtype() == DType.F32;
            for (long i = from; i < to; i++) {
                double factor = dropped.factor(wholeChannels ? i / sequence * width + i % width : i);
                if (single) {
                    y.data().set(FLOAT, 4 * i, (float) (x.data().get(FLOAT, 4 * i) * factor));
                } else {
                    y.set(i, x.get(i) * factor);
                }
            }
        });
    }
}

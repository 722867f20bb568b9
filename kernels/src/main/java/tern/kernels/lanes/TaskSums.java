package tern.kernels.lanes;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/**
 * Adds up what the tasks of a region left, such as gradients of parameters that all of them share: in double precision, first task
 * first, so that the result depends on the tasks only. Stateless.
 */
public final class TaskSums {
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
    /** As many floats as there are lanes for doubles. */
    private static final VectorSpecies<Float> HALF = VectorSpecies.of(float.class,
            VectorShape.forBitSize(DOUBLES.vectorBitSize() / 2));
    /** Numbers that one thread adds up at a time. */
    private static final int BLOCK = 128;
    /** Numbers below which waking others costs more than it saves. */
    private static final int WORTH_A_REGION = 1 << 14;

    private TaskSums() {
    }

    /**
     * totals_i ← Σ over tasks of their i-th number.
     *
     * @param sums [tasks,n] floats
     * @param totals [n] doubles, written
     */
    public static void add(ThreadTeam team, MemorySegment sums, int tasks, int n, MemorySegment totals) {
        if ((long) tasks * n < WORTH_A_REGION) {
            block(sums, 4L * n, tasks, 0, n, totals);
            return;
        }
        team.run((n + BLOCK - 1) / BLOCK, (block, scratch) -> block(sums, 4L * n, tasks, block * BLOCK,
                Math.min(n, (block + 1) * BLOCK), totals));
    }

    private static void block(MemorySegment sums, long stride, int tasks, int from, int to, MemorySegment totals) {
        int i = from;
        for (; i <= to - HALF.length(); i += HALF.length()) {
            DoubleVector total = DoubleVector.zero(DOUBLES);
            for (int task = 0; task < tasks; task++) {
                total = total.add(FloatVector.fromMemorySegment(HALF, sums, task * stride + 4L * i, NATIVE)
                        .convertShape(VectorOperators.F2D, DOUBLES, 0));
            }
            total.intoMemorySegment(totals, 8L * i, NATIVE);
        }
        for (; i < to; i++) {
            double total = 0;
            for (int task = 0; task < tasks; task++) {
                total += sums.get(Tensor.FLOAT, task * stride + 4L * i);
            }
            totals.set(Tensor.DOUBLE, 8L * i, total);
        }
    }
}

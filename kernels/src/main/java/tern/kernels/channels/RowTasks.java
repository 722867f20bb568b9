package tern.kernels.channels;

import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Rows cut into tasks of about 32,768 elements, by the shape alone. What is summed over rows is summed in floats within a task
 * and in doubles over tasks, in their order.
 */
final class RowTasks {
    private static final int TASK_ELEMENTS = 1 << 15;

    private RowTasks() {
    }

    /** Rows {@code from} to {@code to} (exclusive). */
    @FunctionalInterface
    interface Rows {
        void run(int from, int to);
    }

    /** Rows {@code from} to {@code to} (exclusive), adding to {@code sums} from byte {@code sumsAt}. */
    @FunctionalInterface
    interface SummedRows {
        void run(int from, int to, MemorySegment sums, long sumsAt);
    }

    static void run(ThreadTeam team, int rows, int width, Rows work) {
        int each = Math.max(1, TASK_ELEMENTS / Math.max(1, width));
        if (rows <= each) {
            work.run(0, rows);
        } else {
            team.run((rows + each - 1) / each,
                    (task, scratch) -> work.run(task * each, Math.min(rows, (task + 1) * each)));
        }
    }

    /** Each task finds zeros as long as the totals together; in the end they are added to the totals, one after another. */
    static void sum(ThreadTeam team, int rows, int width, SummedRows work, Tensor... totals) {
        int each = Math.max(1, TASK_ELEMENTS / Math.max(1, width));
        int tasks = Math.max(1, (rows + each - 1) / each);
        long floats = 0;
        for (Tensor total : totals) {
            floats += total.elements();
        }
        long bytes = 4 * floats;
        Workspace.Mark mark = team.scratch().mark();
        MemorySegment sums = team.scratch().allocate(DType.F32, Shape.of(tasks, Math.toIntExact(floats))).data();
        if (tasks == 1) {
            sums.fill((byte) 0);
            work.run(0, rows, sums, 0);
        } else {
            team.run(tasks, (task, scratch) -> {
                sums.asSlice(bytes * task, bytes).fill((byte) 0);
                work.run(task * each, Math.min(rows, (task + 1) * each), sums, bytes * task);
            });
        }
        long at = 0;
        for (Tensor total : totals) {
            add(sums, at, bytes, tasks, total);
            at += total.bytes();
        }
        team.scratch().release(mark);
    }

    private static void add(MemorySegment sums, long at, long stride, int tasks, Tensor total) {
        for (long d = 0; d < total.elements(); d++) {
            double sum = total.get(d);
            for (int task = 0; task < tasks; task++) {
                sum += sums.get(FLOAT, at + stride * task + 4 * d);
            }
            total.set(d, sum);
        }
    }
}

package tern.kernels.matmul;

import java.lang.foreign.MemorySegment;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Linear layers in which the bits of a row of y depend on that row of x and on W alone, however many rows stand beside it:
 * every sum runs along the same chains in the same order ({@link FewRows#multiply}), which for up to eight rows is what
 * {@link VectorMatmul} does too. Many rows share a turned panel of W ({@link LanePanels}) and pay for that order a little: 120 to 150
 * GFLOP/s a thread where packed tiles reach 190 to 230 (Zen 5, 512-bit vectors). All else, and other types
 * than F32, is left to {@link VectorMatmul}. Immutable.
 */
public final class RowwiseMatmul implements Matmul {
    /** Bytes of W that a task reads for all rows of x. */
    private static final long TASK_BYTES = 1L << 16;
    /** Bytes of x that are met by a task's part of W before the next of them are. */
    private static final long PART_BYTES = 1L << 18;
    /** Tasks that a product of many rows is cut into, and rows that are worth turning a panel of W for. */
    private static final int FEWEST_TASKS = 16;
    private static final int FEWEST_ROWS = 32;
    private static final Shape SPARE = Shape.of(FewRows.SPARE);

    private final VectorMatmul others = new VectorMatmul();
    private final ReferenceMatmul plain = new ReferenceMatmul();

    /** Keeps no state. */
    public RowwiseMatmul() {
    }

    @Override
    public void multiply(ThreadTeam team, Tensor a, boolean transposeA, Tensor b, boolean transposeB, Tensor c,
            float keep) {
        others.multiply(team, a, transposeA, b, transposeB, c, keep);
    }

    @Override
    public void linear(ThreadTeam team, Tensor x, Tensor weight, Tensor bias, Tensor y) {
        if (y.dtype() != DType.F32) {
            plain.linear(team, x, weight, bias, y);
            return;
        }
        LinearShape shape = LinearShape.of(x, weight, bias, y);
        int m = shape.rows(), k = shape.in(), n = shape.out();
        if (m == 0 || n == 0) {
            return;
        }
        MemorySegment added = shape.biased() ? bias.data() : Blocking.NO_BIAS;
        int most = Math.clamp(TASK_BYTES / 4 / Math.max(1, k), FewRows.PASS, Integer.MAX_VALUE / 2);
        int columns = Math.min(n, most - most % FewRows.PASS);
        int rows = Math.clamp(PART_BYTES / 4 / Math.max(1, k) / 2 * 2, 2, Math.max(2, m));
        int parts = (n + columns - 1) / columns;
        if (m >= LanePanels.FEWEST) {
            // What a last part of less than a pass sums is summed by itself, in an order of its own.
            int last = (parts - 1) * columns;
            int even = n - last < FewRows.PASS ? last : n;
            panels(team, m, k, even, n, x, weight, added, y);
            return;
        }
        ThreadTeam.Task task = (index, scratch) -> {
            Workspace.Mark mark = scratch.mark();
            MemorySegment spare = scratch.allocate(DType.F32, SPARE).data();
            int from = index % parts * columns;
            int first = index / parts * rows;
            FewRows.multiply(Math.min(rows, m - first), k, from, Math.min(n, from + columns), x.data(),
                    4L * first * k, 4L * k, weight.data(), 0, 4L * k, added, y.data(), 4L * first * n, 4L * n, spare);
            scratch.release(mark);
        };
        int tasks = parts * ((m + rows - 1) / rows);
        if ((long) m * n * k >= Blocking.WORTH_A_REGION) {
            team.run(tasks, task);
        } else {
            for (int index = 0; index < tasks; index++) {
                task.run(index, team.scratch());
            }
        }
    }

    /** Columns up to {@code even} by panels, those from there on singly. */
    private static void panels(ThreadTeam team, int m, int k, int even, int n, Tensor x, Tensor weight,
            MemorySegment bias, Tensor y) {
        int parts = (even + LanePanels.COLUMNS - 1) / LanePanels.COLUMNS;
        int most = Math.clamp(PART_BYTES / 4 / Math.max(1, k) / 4 * 4, 64, Math.max(64, m));
        // Narrow layers are cut into shorter parts, so that there are tasks for several threads.
        int rows = Math.min(most, Math.max(FEWEST_ROWS, (m * parts / FEWEST_TASKS + 3) / 4 * 4));
        int heights = (m + rows - 1) / rows;
        ThreadTeam.Task task = (index, scratch) -> {
            Workspace.Mark mark = scratch.mark();
            int first = index % heights * rows;
            int height = Math.min(rows, m - first);
            int from = index / heights * LanePanels.COLUMNS;
            if (index < parts * heights) {
                LanePanels.multiply(height, k, from, Math.min(even, from + LanePanels.COLUMNS), x.data(),
                        4L * first * k,
                        4L * k, weight.data(), 4L * k, bias, y.data(), 4L * first * n, 4L * n, scratch);
            } else {
                MemorySegment spare = scratch.allocate(DType.F32, SPARE).data();
                FewRows.multiply(height, k, even, n, x.data(), 4L * first * k, 4L * k, weight.data(), 0, 4L * k, bias,
                        y.data(), 4L * first * n, 4L * n, spare);
            }
            scratch.release(mark);
        };
        int tasks = (even < n ? parts + 1 : parts) * heights;
        if ((long) m * n * k >= Blocking.WORTH_A_REGION) {
            team.run(tasks, task);
        } else {
            for (int index = 0; index < tasks; index++) {
                task.run(index, team.scratch());
            }
        }
    }

    @Override
    public void linearBackward(ThreadTeam team, Tensor x, Tensor weight, Tensor dy, Tensor dx, Tensor dWeight,
            Tensor dBias) {
        others.linearBackward(team, x, weight, dy, dx, dWeight, dBias);
    }
}

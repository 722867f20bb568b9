package tern.kernels.matmul;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Workspace;

/**
 * How one product C ← alpha·A·B + keep·C (+ bias) is cut up so that each number is fetched from far away seldom (after Goto
 * and van de Geijn 2008, Anatomy of high-performance matrix multiplication). A chunk of B of up to 8 MiB is copied into
 * panels, which then lie in the third-level cache. C is cut into tasks; a task walks along the inner products in blocks of
 * {@link #STEPS}: it copies its part of A, which stays in the second-level cache with its part of C, and runs along the
 * panels. The sums of a block are carried in single precision and added to C block by block in order, so a sum depends on
 * its row and column only, neither on the threads nor on the size of C nor on the tasks.
 *
 * <p>Offsets and row lengths are in bytes. Immutable.
 *
 * @param bias [n] added to every row; empty for none
 */
record Blocking(int m, int n, int k, MemorySegment a, long aAt, long aRow, boolean transA, MemorySegment b, long bAt,
        long bRow, boolean transB, MemorySegment c, long cAt, long cRow, float alpha, float keep, MemorySegment bias) {

    static final MemorySegment NO_BIAS = MemorySegment.NULL;
    /** Steps of a block: longer ones read and write C less often. */
    static final int STEPS = 1024;
    /** Multiply–adds below which waking others costs more than they save: some 4 µs of one thread. */
    static final long WORTH_A_REGION = 1L << 18;
    /** Numbers of A that a block of a task copies: 288 KiB. */
    private static final int TASK_FLOATS = 12 * Tile.ROWS * STEPS;
    private static final int MOST_ROWS = 40 * Tile.ROWS;
    private static final int FEWEST_ROWS = 4 * Tile.ROWS;
    private static final int TASK_COLUMNS = 16 * Tile.COLUMNS;
    private static final int FEWEST_COLUMNS = 2 * Tile.COLUMNS;
    private static final int ENOUGH_TASKS = 32;
    private static final int CHUNK_STEPS = 2 * STEPS;
    private static final int CHUNK_FLOATS = 1 << 21;

    /** A tile and a row of zeros; always the same shape, so that the workspace hands out the same tensor again. */
    private static final Shape SPARE = Shape.of((Tile.ROWS + 1) * Tile.COLUMNS);
    private static final long ZEROS = 4L * Tile.ROWS * Tile.COLUMNS;

    /** Carries it out on the calling thread. */
    void run(Workspace scratch) {
        forEachChunk(scratch, 1, chunk -> {
            for (int index = 0; index < chunk.packings(); index++) {
                chunk.pack(index);
            }
            for (int task = 0; task < chunk.tasks(); task++) {
                chunk.compute(task, scratch);
            }
        });
    }

    /** Carries it out on a team, or on the calling thread if it is too small to share. */
    void run(ThreadTeam team) {
        if (team.threads() == 1 || (long) m * n * k < WORTH_A_REGION) {
            run(team.scratch());
            return;
        }
        forEachChunk(team.scratch(), ENOUGH_TASKS, chunk -> {
            team.run(chunk.packings(), (index, scratch) -> chunk.pack(index));
            team.run(chunk.tasks(), chunk::compute);
        });
    }

    private interface Step {
        void run(Chunk chunk);
    }

    private void forEachChunk(Workspace scratch, int enoughTasks, Step step) {
        if (m <= 0 || n <= 0) {
            return;
        }
        Workspace.Mark mark = scratch.mark();
        int steps = Math.min(CHUNK_STEPS, k), most = CHUNK_FLOATS / Math.max(1, steps) / TASK_COLUMNS * TASK_COLUMNS;
        int columns = Math.min(n, Math.max(TASK_COLUMNS, most));
        int rows = Math.min(MOST_ROWS, TASK_FLOATS / Math.clamp(k, 1, STEPS));
        float[] panels = scratch.floats(steps * (columns + Tile.COLUMNS));
        for (int p = 0; p == 0 || p < k; p += CHUNK_STEPS) {
            for (int j = 0; j < n; j += columns) {
                int width = Math.min(columns, n - j);
                int parts = parts(width, FEWEST_COLUMNS, TASK_COLUMNS, count(enoughTasks, count(m, rows)));
                int taskColumns = evenly(width, parts, Tile.COLUMNS);
                parts = parts(m, FEWEST_ROWS, rows, count(enoughTasks, count(width, taskColumns)));
                step.run(new Chunk(this, j, width, p, Math.min(CHUNK_STEPS, k - p), evenly(m, parts, Tile.ROWS),
                        taskColumns, panels));
            }
        }
        scratch.release(mark);
    }

    private static int count(int length, int part) {
        return (length + part - 1) / part;
    }

    /** As many parts as wanted, unless they were to become too short or too long. */
    private static int parts(int length, int shortest, int longest, int wanted) {
        return Math.max(count(length, longest), Math.min(count(length, shortest), wanted));
    }

    /** Length of a part, a multiple of the unit. */
    private static int evenly(int length, int parts, int unit) {
        return count(count(length, parts), unit) * unit;
    }

    /** One chunk of B and the columns of C that it gives. */
    private record Chunk(Blocking whole, int firstColumn, int columns, int firstStep, int steps, int taskRows,
            int taskColumns, float[] panels) {

        private int packingsOfBlock() {
            return count(columns, Tile.COLUMNS);
        }

        int packings() {
            return packingsOfBlock() * count(steps, STEPS);
        }

        /** Columns of all panels. */
        private int paddedColumns() {
            int last = (columns - 1) / Tile.COLUMNS * Tile.COLUMNS;
            return last + Tile.panelColumns(columns - last);
        }

        /** Copies one block of one panel. */
        void pack(int index) {
            int column = index % packingsOfBlock() * Tile.COLUMNS, p = index / packingsOfBlock() * STEPS;
            int part = Math.min(STEPS, steps - p), valid = Math.min(Tile.COLUMNS, columns - column);
            int panel = Tile.panelColumns(valid), to = p * paddedColumns() + column * part;
            long j = (long) firstColumn + column, step = (long) firstStep + p;
            if (whole.transB) {
                Panels.transpose(whole.b, whole.bAt + j * whole.bRow + 4 * step, whole.bRow, valid, part, panels, to,
                        panel, true);
            } else {
                Panels.copy(whole.b, whole.bAt + step * whole.bRow + 4 * j, whole.bRow, part, valid, panels, to, panel);
            }
        }

        int tasks() {
            return count(whole.m, taskRows) * count(columns, taskColumns);
        }

        void compute(int task, Workspace scratch) {
            int down = count(whole.m, taskRows), i = task % down * taskRows, j = task / down * taskColumns;
            int height = Math.min(taskRows, whole.m - i), width = Math.min(taskColumns, columns - j);
            Workspace.Mark mark = scratch.mark();
            MemorySegment spare = scratch.allocate(DType.F32, SPARE).data();
            spare.asSlice(ZEROS).fill((byte) 0);
            float[] left = scratch.floats(count(height, Tile.ROWS) * Tile.ROWS * Math.min(STEPS, steps));
            long at = whole.cAt + i * whole.cRow + 4L * (firstColumn + j);
            boolean adds = firstStep > 0 || prepare(at, height, firstColumn + j, width);
            for (int p = 0; p < steps; p += STEPS) {
                int part = Math.min(STEPS, steps - p);
                packLeft(i, height, firstStep + p, part, left);
                int right = p * paddedColumns() + j * part;
                if (adds || p > 0) {
                    tiles(height, width, part, left, right, at, whole.c, at, 4, whole.cRow, spare);
                } else if (whole.bias.byteSize() > 0) {
                    tiles(height, width, part, left, right, at, whole.bias, 4L * (firstColumn + j), 4, 0, spare);
                } else {
                    tiles(height, width, part, left, right, at, spare, ZEROS, 0, 0, spare);
                }
            }
            scratch.release(mark);
        }

        private void packLeft(int row, int height, int step, int part, float[] left) {
            if (whole.transA) {
                Panels.transpose(whole.a, whole.aAt + step * whole.aRow + 4L * row, whole.aRow, part, height, left, 0,
                        part, false);
            } else {
                Panels.copy(whole.a, whole.aAt + row * whole.aRow + 4L * step, whole.aRow, height, part, left, 0, part);
            }
        }

        /**
         * One block of a task.
         *
         * @param add what is added: C itself, the bias in every row, or zeros
         * @param addColumn bytes from one of its numbers to the next; likewise {@code addRow}
         */
        private void tiles(int height, int width, int part, float[] left, int right, long at, MemorySegment add,
                long addAt, long addColumn, long addRow, MemorySegment spare) {
            long cRow = whole.cRow;
            for (int j = 0; j < width; j += Tile.COLUMNS) {
                int valid = Math.min(Tile.COLUMNS, width - j), panel = Tile.panelColumns(valid);
                for (int i = 0; i < height; i += Tile.ROWS) {
                    long to = at + i * cRow + 4L * j, from = addAt + i * addRow + j * addColumn;
                    if (i + Tile.ROWS <= height && valid == panel) {
                        Tile.multiply(panel, part, left, i * part, part, panels, right + j * part, whole.alpha, add,
                                from, addRow, whole.c, to, cRow);
                    } else {
                        Tile.multiplyPart(Math.min(Tile.ROWS, height - i), valid, panel, part, left, i * part, part,
                                panels, right + j * part, whole.alpha, add, from, addRow, whole.c, to, cRow, spare);
                    }
                }
            }
        }

        /** Makes a part of C ready to be added to, or says that the first block is to overwrite it. */
        private boolean prepare(long at, int height, int column, int width) {
            boolean biased = whole.bias.byteSize() > 0;
            if (whole.keep == 0 && whole.k > 0) {
                return false;
            }
            if (biased || whole.keep != 1) {
                for (int i = 0; i < height; i++) {
                    prepareRow(whole.c, at + i * whole.cRow, width, whole.keep, whole.bias, 4L * column);
                }
            }
            return true;
        }

        private static void prepareRow(MemorySegment c, long at, int width, float keep, MemorySegment bias,
                long biasAt) {
            boolean biased = bias.byteSize() > 0;
            ByteOrder order = ByteOrder.nativeOrder();
            for (int j = 0; j < width; j += Tile.LANES.length()) {
                VectorMask<Float> mask = Tile.LANES.indexInRange(j, width);
                FloatVector value = keep == 0 ? FloatVector.zero(Tile.LANES)
                        : FloatVector.fromMemorySegment(Tile.LANES, c, at + 4L * j, order, mask).mul(keep);
                if (biased) {
                    value = value.add(FloatVector.fromMemorySegment(Tile.LANES, bias, biasAt + 4L * j, order, mask));
                }
                value.intoMemorySegment(c, at + 4L * j, order, mask);
            }
        }
    }
}

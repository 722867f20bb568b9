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
 * and van de Geijn 2008, Anatomy of high-performance matrix multiplication). Chunks of A and B of up to 8 MiB each are
 * copied into panels, which then lie in the third-level cache. A chunk of C is cut into tasks; a task walks along the inner
 * products in blocks of {@link #STEPS}, and its parts of A, B and C stay in the second-level cache. The cut follows from
 * the shape alone, and sums are carried in single precision within a block and added to C block
 * by block in order, so a sum depends on its row and column only, neither on the threads nor on the size of C.
 *
 * <p>Offsets and row lengths are in bytes. Immutable.
 *
 * @param bias [n] added to every row; empty for none
 */
record Blocking(int m, int n, int k, MemorySegment a, long aAt, long aRow, boolean transA, MemorySegment b, long bAt,
        long bRow, boolean transB, MemorySegment c, long cAt, long cRow, float alpha, float keep, MemorySegment bias) {

    static final MemorySegment NO_BIAS = MemorySegment.NULL;
    /** Steps of a block: longer ones read and write C less often. */
    static final int STEPS = 512;
    /** Multiply–adds below which waking others costs more than they save: some 4 µs of one thread. */
    static final long WORTH_A_REGION = 1L << 18;
    private static final int TASK_ROWS = 16 * Tile.ROWS;
    private static final int TASK_COLUMNS = 4 * Tile.COLUMNS;
    private static final int ENOUGH_TASKS = 16;
    private static final int CHUNK_STEPS = 4 * STEPS;
    private static final int CHUNK_FLOATS = 1 << 21;
    private static final int PANELS_PER_PACKING = 4;

    // Shapes are constant, so that the workspace hands out the same tensors again and nothing is allocated.
    private static final int SMALL_FLOATS = 1 << 15;
    private static final Shape SMALL = Shape.of(SMALL_FLOATS + SMALL_FLOATS / 4);
    private static final Shape MIDDLE = Shape.of((SMALL_FLOATS + SMALL_FLOATS / 4) << 3);
    private static final Shape LARGE = Shape.of(CHUNK_FLOATS + CHUNK_FLOATS / 4);
    private static final Shape SPARE = Shape.of(Tile.ROWS * Tile.COLUMNS);

    /** Carries it out on the calling thread. */
    void run(Workspace scratch) {
        forEachChunk(scratch, chunk -> {
            chunk.pack(0, chunk.packings());
            for (int task = 0; task < chunk.tasks(); task++) {
                chunk.compute(task, scratch);
            }
        });
    }

    /** Carries it out on a team, or on the calling thread if it is too small to share. */
    void run(ThreadTeam team) {
        if ((long) m * n * k < WORTH_A_REGION) {
            run(team.scratch());
            return;
        }
        forEachChunk(team.scratch(), chunk -> {
            team.run(chunk.packings(), (index, scratch) -> chunk.pack(index, index + 1));
            team.run(chunk.tasks(), chunk::compute);
        });
    }

    private interface Step {
        void run(Chunk chunk);
    }

    private void forEachChunk(Workspace scratch, Step step) {
        if (m <= 0 || n <= 0) {
            return;
        }
        Workspace.Mark mark = scratch.mark();
        int steps = Math.min(CHUNK_STEPS, k);
        int rows = chunkLength(m, steps, TASK_ROWS), columns = chunkLength(n, steps, TASK_COLUMNS);
        MemorySegment left = room(scratch, leftBytes(rows, steps)), right = room(scratch, rightBytes(columns, steps));
        for (int p = 0; p == 0 || p < k; p += CHUNK_STEPS) {
            for (int j = 0; j < n; j += columns) {
                for (int i = 0; i < m; i += rows) {
                    step.run(new Chunk(this, i, Math.min(rows, m - i), j, Math.min(columns, n - j), p,
                            Math.min(CHUNK_STEPS, k - p), left, right, i == 0));
                }
            }
        }
        scratch.release(mark);
    }

    private static int chunkLength(int length, int steps, int unit) {
        int most = CHUNK_FLOATS / Math.max(1, steps) / unit * unit;
        return Math.min(length, Math.max(unit, most));
    }

    private static MemorySegment room(Workspace scratch, long bytes) {
        Shape shape = bytes <= 4 * SMALL.elements() ? SMALL : bytes <= 4 * MIDDLE.elements() ? MIDDLE : LARGE;
        return scratch.allocate(DType.F32, shape).data();
    }

    private static long leftBytes(int rows, int steps) {
        int blocks = (steps + STEPS - 1) / STEPS;
        return Panels.leftPanels(rows) * (Panels.leftBytes(steps) + blocks * Panels.leftBytes(0));
    }

    private static long rightBytes(int columns, int steps) {
        return Panels.rightPanels(columns) * Panels.rightBytes(steps);
    }

    /**
     * One chunk of C and of the inner products.
     *
     * @param freshRight whether B's panels are not yet those of this chunk
     */
    private record Chunk(Blocking whole, int firstRow, int rows, int firstColumn, int columns, int firstStep, int steps,
            MemorySegment left, MemorySegment right, boolean freshRight) {

        private int leftPackings() {
            return (Panels.leftPanels(rows) + PANELS_PER_PACKING - 1) / PANELS_PER_PACKING;
        }

        private int rightPackings() {
            return freshRight ? (Panels.rightPanels(columns) + PANELS_PER_PACKING - 1) / PANELS_PER_PACKING : 0;
        }

        int packings() {
            return leftPackings() + rightPackings();
        }

        void pack(int from, int to) {
            int leftPackings = leftPackings();
            if (from < leftPackings) {
                int last = Math.min(to, leftPackings);
                packLeft(from * PANELS_PER_PACKING, Math.min(Panels.leftPanels(rows), last * PANELS_PER_PACKING));
            }
            if (to > leftPackings) {
                int first = Math.max(from, leftPackings) - leftPackings;
                packRight(first * PANELS_PER_PACKING,
                        Math.min(Panels.rightPanels(columns), (to - leftPackings) * PANELS_PER_PACKING));
            }
        }

        private void packLeft(int fromPanel, int toPanel) {
            int row = fromPanel * Tile.ROWS, count = Math.min(rows, toPanel * Tile.ROWS) - row;
            long i = (long) firstRow + row;
            for (int p = 0; p < steps; p += STEPS) {
                int part = Math.min(STEPS, steps - p);
                long step = (long) firstStep + p;
                long at = whole.aAt + (whole.transA ? step * whole.aRow + 4 * i : i * whole.aRow + 4 * step);
                Panels.packLeft(whole.a, at, whole.aRow, whole.transA, count, part, whole.alpha, left,
                        leftBlock(p) + fromPanel * Panels.leftBytes(part));
            }
        }

        private void packRight(int fromPanel, int toPanel) {
            int column = fromPanel * Tile.COLUMNS, count = Math.min(columns, toPanel * Tile.COLUMNS) - column;
            long j = (long) firstColumn + column;
            for (int p = 0; p < steps; p += STEPS) {
                int part = Math.min(STEPS, steps - p);
                long step = (long) firstStep + p;
                long at = whole.bAt + (whole.transB ? j * whole.bRow + 4 * step : step * whole.bRow + 4 * j);
                Panels.packRight(whole.b, at, whole.bRow, whole.transB, count, part, right,
                        rightBlock(p) + fromPanel * Panels.rightBytes(part));
            }
        }

        /** Where the panels of A of a block begin. */
        private long leftBlock(int step) {
            return step / STEPS * Panels.leftPanels(rows) * Panels.leftBytes(STEPS);
        }

        private long rightBlock(int step) {
            return step / STEPS * Panels.rightPanels(columns) * Panels.rightBytes(STEPS);
        }

        /** Rows of a task: fewer where a small C would leave threads without work. */
        private int taskRows() {
            int rowsOfTask = TASK_ROWS;
            while (rowsOfTask > 2 * Tile.ROWS
                    && count(rows, rowsOfTask) * count(columns, taskColumns()) < ENOUGH_TASKS) {
                rowsOfTask /= 2;
                rowsOfTask -= rowsOfTask % Tile.ROWS;
            }
            return rowsOfTask;
        }

        private int taskColumns() {
            int columnsOfTask = TASK_COLUMNS;
            while (columnsOfTask > 2 * Tile.COLUMNS
                    && count(rows, TASK_ROWS) * count(columns, columnsOfTask) < ENOUGH_TASKS) {
                columnsOfTask /= 2;
            }
            return columnsOfTask;
        }

        private static int count(int length, int part) {
            return (length + part - 1) / part;
        }

        int tasks() {
            return count(rows, taskRows()) * count(columns, taskColumns());
        }

        void compute(int task, Workspace scratch) {
            int taskRows = taskRows(), taskColumns = taskColumns(), down = count(rows, taskRows);
            int i = task % down * taskRows, j = task / down * taskColumns;
            int height = Math.min(taskRows, rows - i), width = Math.min(taskColumns, columns - j);
            long at = whole.cAt + (firstRow + i) * whole.cRow + 4L * (firstColumn + j);
            boolean accumulate = firstStep > 0 || prepare(at, height, firstColumn + j, width);
            Workspace.Mark mark = scratch.mark();
            MemorySegment spare = scratch.allocate(DType.F32, SPARE).data();
            for (int p = 0; p < steps; p += STEPS) {
                int part = Math.min(STEPS, steps - p);
                long leftAt = leftBlock(p) + i / Tile.ROWS * Panels.leftBytes(part);
                long rightAt = rightBlock(p) + j / Tile.COLUMNS * Panels.rightBytes(part);
                tiles(height, width, part, leftAt, rightAt, at, accumulate || p > 0, spare);
            }
            scratch.release(mark);
        }

        private void tiles(int height, int width, int part, long leftAt, long rightAt, long at, boolean accumulate,
                MemorySegment spare) {
            long leftPanel = Panels.leftBytes(part), rightPanel = Panels.rightBytes(part), cRow = whole.cRow;
            MemorySegment c = whole.c;
            for (int j = 0; j < width; j += Tile.COLUMNS, rightAt += rightPanel) {
                long panel = leftAt;
                for (int i = 0; i < height; i += Tile.ROWS, panel += leftPanel) {
                    long tile = at + i * cRow + 4L * j;
                    if (i + Tile.ROWS <= height && j + Tile.COLUMNS <= width) {
                        Tile.multiply(part, left, panel, right, rightAt, c, tile, cRow, accumulate, spare);
                    } else {
                        Tile.multiplyPart(Math.min(Tile.ROWS, height - i), Math.min(Tile.COLUMNS, width - j), part,
                                left,
                                panel, right, rightAt, c, tile, cRow, accumulate, spare);
                    }
                }
            }
        }

        /** Makes a part of C ready to be added to, or says that the first block is to overwrite it. */
        private boolean prepare(long at, int height, int column, int width) {
            boolean biased = whole.bias.byteSize() > 0;
            if (!biased && whole.keep == 0 && whole.k > 0) {
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

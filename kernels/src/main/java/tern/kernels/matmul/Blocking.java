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
 * One product C ← alpha·A·B + keep·C (+ bias), and how it is cut up so that each number is fetched from far away seldom (after
 * Goto and van de Geijn 2008, Anatomy of high-performance matrix multiplication). On one thread a chunk of B of up to 8 MiB is
 * copied into panels, which then lie in the third-level cache. C is cut into tasks; a task walks along the inner products in
 * blocks of {@link #STEPS}: it copies its part of A, which stays in the second-level cache with its part of C, and runs along
 * the panels; where C has few columns it reads A in place ({@link TileInPlace}), since a copy would be met too seldom. A team
 * cuts it up otherwise ({@link Strips}). The sums of a block are carried in single precision and added to C
 * block by block in order, so a sum depends on its row and column only, neither on the threads nor on the size of C nor on
 * how it is cut up.
 *
 * <p>Offsets and row lengths are in bytes. Immutable.
 *
 * @param bias [n] added to every row; empty for none
 */
record Blocking(int m, int n, int k, MemorySegment a, long aAt, long aRow, boolean transA, MemorySegment b, long bAt,
        long bRow, boolean transB, MemorySegment c, long cAt, long cRow, float alpha, float keep, MemorySegment bias) {

    private static final float[] NOTHING = {};
    static final MemorySegment NO_BIAS = MemorySegment.NULL;
    /** Steps of a block: longer ones read and write C less often. */
    static final int STEPS = 1024;
    /** Multiply–adds below which waking others costs more than they save: some 4 µs of one thread. */
    static final long WORTH_A_REGION = 1L << 18;
    /** Numbers between copied rows of A, lest rows of a power of two all fall into the same few lines of a cache. */
    private static final int GAP = 16;
    /** Numbers of A that a block of a task copies: 288 KiB. */
    private static final int TASK_FLOATS = 12 * Tile.ROWS * STEPS;
    private static final int MOST_ROWS = 40 * Tile.ROWS;
    private static final int TASK_COLUMNS = 16 * Tile.COLUMNS;
    /** Columns up to which A is not copied, and steps up to which a transposed one is not; at twice as many either was as fast. */
    private static final int IN_PLACE_COLUMNS = 4 * Tile.COLUMNS;
    private static final int IN_PLACE_STEPS = STEPS / 2;
    private static final int CHUNK_STEPS = 2 * STEPS;
    private static final int CHUNK_FLOATS = 1 << 21;

    /** A tile and a row of zeros; always the same shape, so that the workspace hands out the same tensor again. */
    private static final Shape SPARE = Shape.of((Tile.ROWS + 1) * Tile.COLUMNS);
    private static final long ZEROS = 4L * Tile.ROWS * Tile.COLUMNS;

    /** Carries it out on a team, or on the calling thread if it is too small to share. */
    void run(ThreadTeam team) {
        if (team.threads() == 1 || (long) m * n * k < WORTH_A_REGION) {
            run(team.scratch());
        } else {
            new Strips(this, 1, 0, 0, 0).run(team);
        }
    }

    /** The same product of matrices that lie so many bytes further on. */
    Blocking moved(long aBytes, long bBytes, long cBytes) {
        return new Blocking(m, n, k, a, aAt + aBytes, aRow, transA, b, bAt + bBytes, bRow, transB, c, cAt + cBytes,
                cRow,
                alpha, keep, bias);
    }

    /** Carries it out on the calling thread. */
    void run(Workspace scratch) {
        if (m <= 0 || n <= 0) {
            return;
        }
        Workspace.Mark mark = scratch.mark();
        MemorySegment spare = spare(scratch);
        int steps = Math.min(CHUNK_STEPS, k), most = CHUNK_FLOATS / Math.max(1, steps) / TASK_COLUMNS * TASK_COLUMNS;
        int columns = Math.min(n, Math.max(TASK_COLUMNS, most));
        int rows = evenly(m, count(m, Math.min(MOST_ROWS, TASK_FLOATS / Math.clamp(k, 1, STEPS))), Tile.ROWS);
        float[] panels = scratch.floats(steps * (columns + Tile.COLUMNS));
        float[] left = inPlace() ? NOTHING : scratch.floats(leftFloats(rows, Math.min(STEPS, k)));
        for (int p = 0; p == 0 || p < k; p += CHUNK_STEPS) {
            for (int j = 0; j < n; j += columns) {
                runChunk(p, Math.min(CHUNK_STEPS, k - p), j, Math.min(columns, n - j), rows, panels, left, spare);
            }
        }
        scratch.release(mark);
    }

    /** One chunk of B and the columns of C that it gives. */
    private void runChunk(int firstStep, int steps, int column, int width, int rows, float[] panels, float[] left,
            MemorySegment spare) {
        int padded = (width - 1) / Tile.COLUMNS * Tile.COLUMNS;
        padded += Tile.panelColumns(width - padded);
        for (int p = 0; p < steps; p += STEPS) {
            packRight(firstStep + p, Math.min(STEPS, steps - p), column, width, panels, p * padded);
        }
        int columns = evenly(width, count(width, TASK_COLUMNS), Tile.COLUMNS);
        for (int j = 0; j < width; j += columns) {
            for (int i = 0; i < m; i += rows) {
                int height = Math.min(rows, m - i);
                for (int p = 0; p == 0 || p < steps; p += STEPS) {
                    int part = Math.min(STEPS, steps - p);
                    if (left.length > 0) {
                        packLeft(firstStep + p, part, i, height, left, 0);
                    }
                    multiply(firstStep + p, part, i, height, column + j, Math.min(columns, width - j), left, 0, panels,
                            p * padded + j * part, spare);
                }
            }
        }
    }

    /**
     * Whether one thread reads A where it lies rather than copies it, which pays where its numbers are met by few columns. Of a
     * transposed A a tile meets a line in every step, and these should still be near for the tiles beside it.
     */
    private boolean inPlace() {
        return n <= IN_PLACE_COLUMNS && (!transA || k <= IN_PLACE_STEPS);
    }

    private static int count(int length, int part) {
        return (length + part - 1) / part;
    }

    /** Length of a part, a multiple of the unit. */
    private static int evenly(int length, int parts, int unit) {
        return count(count(length, parts), unit) * unit;
    }

    /** A tile to spare and a row of zeros, which {@link #multiply} needs. */
    static MemorySegment spare(Workspace scratch) {
        MemorySegment spare = scratch.allocate(DType.F32, SPARE).data();
        spare.asSlice(ZEROS).fill((byte) 0);
        return spare;
    }

    /** Numbers that a copy of so many rows of A takes. */
    static int leftFloats(int rows, int part) {
        return count(rows, Tile.ROWS) * Tile.ROWS * (part + GAP);
    }

    /** Copies some steps of some rows of A. */
    void packLeft(int step, int part, int row, int height, float[] left, int leftAt) {
        if (transA) {
            Panels.transpose(a, aAt + step * aRow + 4L * row, aRow, part, height, left, leftAt, part + GAP, false);
        } else {
            Panels.copy(a, aAt + row * aRow + 4L * step, aRow, height, part, left, leftAt, part + GAP);
        }
    }

    /** Copies a part of a transposed A to where {@link #packLeft} of more steps and rows would, {@code row} and {@code step} in. */
    void packLeftPart(int firstStep, int steps, int firstRow, int height, float[] left, int leftAt, int row, int step,
            int part) {
        Panels.transpose(a, aAt + firstStep * aRow + 4L * firstRow, aRow, steps, height, left,
                leftAt + row * (part + GAP) + step, part + GAP, false);
    }

    /** Copies some steps of some columns of B into panels. */
    void packRight(int step, int part, int column, int width, float[] panels, int panelsAt) {
        for (int j = 0; j < width; j += Tile.COLUMNS) {
            int valid = Math.min(Tile.COLUMNS, width - j), panel = Tile.panelColumns(valid), to = panelsAt + j * part;
            if (transB) {
                Panels.transpose(b, bAt + (column + j) * bRow + 4L * step, bRow, valid, part, panels, to, panel, true);
            } else {
                Panels.copy(b, bAt + step * bRow + 4L * (column + j), bRow, part, valid, panels, to, panel);
            }
        }
    }

    /**
     * Adds one block of steps to a part of C; the first block begins with what C is to begin with.
     *
     * @param left the rows of A as {@link #packLeft} left them, from {@code leftAt} on; empty to read A in place
     * @param panels the columns of B as {@link #packRight} left them, from {@code panelsAt} on
     * @param spare from {@link #spare}
     */
    void multiply(int step, int part, int row, int height, int column, int width, float[] left, int leftAt,
            float[] panels, int panelsAt, MemorySegment spare) {
        long at = cAt + row * cRow + 4L * column;
        if (step > 0 || prepare(at, height, column, width)) {
            tiles(step, row, height, width, part, left, leftAt, panels, panelsAt, at, c, at, 4, cRow, spare);
        } else if (bias.byteSize() > 0) {
            tiles(step, row, height, width, part, left, leftAt, panels, panelsAt, at, bias, 4L * column, 4, 0, spare);
        } else {
            tiles(step, row, height, width, part, left, leftAt, panels, panelsAt, at, spare, ZEROS, 0, 0, spare);
        }
    }

    /**
     * Runs tile after tile.
     *
     * @param step the first, which matters, as the row does, where A is read in place
     * @param add what is added: C itself, the bias in every row, or zeros
     * @param addColumn bytes from one of its numbers to the next; likewise {@code addRow}
     */
    private void tiles(int step, int row, int height, int width, int part, float[] left, int leftAt, float[] panels,
            int panelsAt, long at, MemorySegment add, long addAt, long addColumn, long addRow, MemorySegment spare) {
        for (int j = 0; j < width; j += Tile.COLUMNS) {
            int valid = Math.min(Tile.COLUMNS, width - j), panel = Tile.panelColumns(valid),
                    right = panelsAt + j * part;
            for (int i = 0; i < height; i += Tile.ROWS) {
                long to = at + i * cRow + 4L * j, from = addAt + i * addRow + j * addColumn;
                int down = Math.min(Tile.ROWS, height - i);
                if ((down == Tile.ROWS || down == Tile.SHORT) && valid == panel) {
                    tile(step, row + i, down, panel, part, left, leftAt + i * (part + GAP), panels, right, add, from,
                            addRow, c, to, cRow);
                } else {
                    Tile.intoSpare(down, valid, panel, add, from, addRow, spare);
                    tile(step, row + i, down, panel, part, left, leftAt + i * (part + GAP), panels, right, spare, 0,
                            4L * panel, spare, 0, 4L * panel);
                    Tile.outOfSpare(down, valid, panel, spare, c, to, cRow);
                }
            }
        }
    }

    /** A whole tile, of which the first {@code down} rows matter. */
    private void tile(int step, int row, int down, int panel, int part, float[] left, int leftAt, float[] panels,
            int right, MemorySegment add, long from, long addRow, MemorySegment to, long toAt, long toRow) {
        int rows = down <= Tile.SHORT ? Tile.SHORT : Tile.ROWS;
        if (left.length == 0) {
            long oneRow = transA ? 4 : aRow, oneStep = transA ? aRow : 4;
            TileInPlace.multiply(rows, down, panel, part, a, aAt + row * oneRow + step * oneStep, oneRow, oneStep,
                    panels, right, alpha, add, from, addRow, to, toAt, toRow);
        } else {
            Tile.multiply(rows, panel, part, left, leftAt, part + GAP, panels, right, alpha, add, from, addRow, to,
                    toAt, toRow);
        }
    }

    /** Makes a part of C ready to be added to, or says that the first block is to overwrite it. */
    private boolean prepare(long at, int height, int column, int width) {
        boolean biased = bias.byteSize() > 0;
        if (keep == 0 && k > 0) {
            return false;
        }
        if (biased || keep != 1) {
            for (int i = 0; i < height; i++) {
                prepareRow(c, at + i * cRow, width, keep, bias, 4L * column);
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

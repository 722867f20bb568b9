package tern.kernels.stored;

import java.lang.foreign.MemorySegment;

import tern.kernels.ThreadTeam;
import tern.kernels.matmul.Gemm;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Stored weights with vectors, for F32 activations; F64 goes to the plain body. Few rows of x, as decoding has them, meet
 * four rows of W at a time, each read once and in order: one row of x without leaving the registers where
 * {@link StoredDots} has a body for the type, else by way of four decoded rows in the cache ({@link Dots}). Many rows of x
 * are multiplied by {@link Gemm} with panels of decoded rows. Which way is taken, and how work is cut up, follows from the
 * shape alone, so results are the same bits on any number of threads; up to {@link #FEW} rows of x, also whichever rows
 * stand beside them. Immutable.
 */
public final class VectorStoredWeights implements StoredWeights {
    /** More rows of x than this are worth packing W. */
    static final int FEW = Dots.MOST;
    /** Multiply–adds below which waking others costs more than they save: some 4 µs of one thread. */
    private static final long WORTH_A_REGION = 1L << 18;
    /**
     * Stored bytes of a task. They are first copied into the task's own memory, which stays in the nearest caches: while
     * copying a core waits for dozens of cache lines at once, while decoding only for the few that its many instructions a
     * line leave in sight, and rows are too short for the memory's own prefetching. Measured on one thread of an AMD EPYC
     * (Zen 5): bf16 17 to 20 GB/s, q8_0 8 to 13, q4_0 5 to 9, whether weights are mapped in small pages or lie in huge ones.
     */
    private static final long TASK_BYTES = 1L << 15;
    private static final int ENOUGH_TASKS = 24;
    /** Floats of a panel of decoded rows: as many as a product packs at once. */
    private static final int PANEL_FLOATS = 1 << 21;
    private static final int PANEL_UNIT = 64;
    private static final int PANEL_TASK_FLOATS = 1 << 14;
    private static final long TABLE_TASK_FLOATS = 1 << 14;
    private static final long TABLE_WORTH_A_REGION = 1L << 16;

    /** Rooms of a power of two floats: the same objects every time, so the workspace hands out the same tensors. */
    private static final Shape SPARE = Shape.of(Math.max(Dots.SPARE, Math.max(StoredDots.SPARE, Decoder.SPARE)));
    private static final Shape[] ROOMS = new Shape[31];

    static {
        for (int i = 0; i < ROOMS.length; i++) {
            ROOMS[i] = Shape.of(1 << i);
        }
    }

    private final ReferenceStoredWeights plain = new ReferenceStoredWeights();

    /** Keeps no state. */
    public VectorStoredWeights() {
    }

    private static MemorySegment room(Workspace scratch, long floats) {
        int power = Math.max(4, 64 - Long.numberOfLeadingZeros(Math.max(1, floats) - 1));
        if (power >= ROOMS.length) {
            throw new IllegalArgumentException("linear: rows of a stored weight are too long to decode: " + floats
                    + " numbers at once, expected at most 2^30");
        }
        return scratch.allocate(DType.F32, ROOMS[power]).data();
    }

    @Override
    public void linear(ThreadTeam team, Tensor x, Tensor weight, Tensor bias, Tensor y) {
        StoredShape shape = StoredShape.of(x, weight, bias, y);
        if (y.dtype() != DType.F32) {
            plain.linear(team, x, weight, bias, y);
        } else if (shape.rows() <= FEW) {
            few(team, shape, x.data(), weight, shape.biased() ? bias.data() : MemorySegment.NULL, y.data());
        } else {
            many(team, shape, x.data(), weight, shape.biased() ? bias.data() : MemorySegment.NULL, y.data());
        }
    }

    private static void few(ThreadTeam team, StoredShape shape, MemorySegment x, Tensor weight, MemorySegment bias,
            MemorySegment y) {
        int m = shape.rows(), k = shape.in(), n = shape.out();
        if (m == 0 || n == 0) {
            return;
        }
        DType type = weight.dtype();
        MemorySegment w = weight.data();
        long row = type.bytes(k);
        long most = Math.min(TASK_BYTES / Math.max(1, row), (n + ENOUGH_TASKS - 1) / ENOUGH_TASKS);
        int each = (int) Math.max(Dots.MOST_ROWS, most / Dots.MOST_ROWS * Dots.MOST_ROWS),
                tasks = (n + each - 1) / each;
        boolean single = m == 1 && StoredDots.has(type);
        runIfWorth(team, (long) m * n * k >= WORTH_A_REGION, tasks, (task, scratch) -> {
            Workspace.Mark mark = scratch.mark();
            int from = task * each, count = Math.min(n - from, each);
            MemorySegment spare = scratch.allocate(DType.F32, SPARE).data();
            // As much for every task, the last one too: the workspace then hands out the same tensor again.
            MemorySegment near = room(scratch, (each * row + 3) / 4);
            MemorySegment.copy(w, from * row, near, 0, count * row);
            if (single && count >= Dots.ROWS) {
                oneRow(type, k, count, x, near, row, bias, y, 4L * from, spare);
            } else {
                part(type, m, k, count, x, near, row, bias, y, 4L * from, 4L * n,
                        room(scratch, (long) Dots.MOST_ROWS * k), spare);
            }
            scratch.release(mark);
        });
    }

    /** @param at where the bias and y of the first of {@code count} rows of W lie */
    private static void oneRow(DType type, int k, int count, MemorySegment x, MemorySegment w, long row,
            MemorySegment bias, MemorySegment y, long at, MemorySegment spare) {
        for (int next = 0; next < count; next += Dots.ROWS) {
            // The last pass may go over rows once more, with the same results.
            int j = Math.min(next, count - Dots.ROWS);
            StoredDots.multiply(type, k, x, w, j * row, row, y, at + 4L * j, spare);
            if (bias.byteSize() > 0) {
                Dots.addBias(Dots.ROWS, bias, at + 4L * j, y, at + 4L * j);
            }
        }
    }

    private static void part(DType type, int m, int k, int count, MemorySegment x, MemorySegment w, long row,
            MemorySegment bias, MemorySegment y, long at, long yRow, MemorySegment decoded, MemorySegment spare) {
        if (count < Dots.ROWS) {
            for (int j = 0; j < count; j++) {
                single(type, m, k, x, w, j * row, bias, at + 4L * j, y, at + 4L * j, yRow, decoded, spare);
            }
            return;
        }
        for (int next = 0, rows; next < count; next += rows) {
            rows = count - next >= Dots.MOST_ROWS ? Dots.MOST_ROWS : Dots.ROWS;
            int j = Math.min(next, count - rows);
            Decoder.decode(type, w, j * row, rows * k, decoded, 0, spare);
            Dots.multiply(m, rows, k, x, 0, decoded, bias, at + 4L * j, y, at + 4L * j, yRow, spare);
        }
    }

    private static void single(DType type, int m, int k, MemorySegment x, MemorySegment w, long wAt, MemorySegment bias,
            long biasAt, MemorySegment y, long yAt, long yRow, MemorySegment decoded, MemorySegment spare) {
        Decoder.decode(type, w, wAt, k, decoded, 0, spare);
        float added = bias.byteSize() > 0 ? bias.get(Tensor.FLOAT, biasAt) : 0;
        for (int i = 0; i < m; i++) {
            float sum = Dots.one(k, x, 4L * i * k, decoded, 0, spare);
            y.set(Tensor.FLOAT, yAt + i * yRow, bias.byteSize() > 0 ? sum + added : sum);
        }
    }

    private static void many(ThreadTeam team, StoredShape shape, MemorySegment x, Tensor weight, MemorySegment bias,
            MemorySegment y) {
        int m = shape.rows(), k = shape.in(), n = shape.out();
        if (n == 0) {
            return;
        }
        DType type = weight.dtype();
        MemorySegment w = weight.data();
        boolean biased = bias.byteSize() > 0;
        if (biased) {
            team.run(m, (i, scratch) -> MemorySegment.copy(bias, 0, y, 4L * i * n, 4L * n));
        }
        int rows = Math.min(n, Math.max(PANEL_UNIT, PANEL_FLOATS / Math.max(1, k) / PANEL_UNIT * PANEL_UNIT));
        int each = Math.max(1, PANEL_TASK_FLOATS / Math.max(1, k));
        long row = type.bytes(k);
        Workspace.Mark mark = team.scratch().mark();
        MemorySegment panel = room(team.scratch(), (long) rows * k);
        for (int begin = 0; begin < n; begin += rows) {
            int first = begin, count = Math.min(rows, n - begin);
            team.run((count + each - 1) / each, (task, scratch) -> {
                int from = task * each, part = Math.min(each, count - from);
                Decoder.decode(type, w, (first + from) * row, part * k, panel, 4L * from * k,
                        scratch.allocate(DType.F32, SPARE).data());
            });
            Gemm.multiply(team, m, count, k, x, 0, k, false, panel, 0, k, true, y, 4L * first, n, 1, biased ? 1 : 0);
        }
        team.scratch().release(mark);
    }

    /** Tasks on the team, or one after the other where the work is too little to share. */
    private static void runIfWorth(ThreadTeam team, boolean worth, int tasks, ThreadTeam.Task task) {
        if (worth) {
            team.run(tasks, task);
        } else {
            for (int index = 0; index < tasks; index++) {
                task.run(index, team.scratch());
            }
        }
    }

    @Override
    public void rows(ThreadTeam team, Tensor table, Tensor ids, Tensor y) {
        StoredShape shape = StoredShape.ofTable(table, ids, y);
        if (y.dtype() != DType.F32) {
            plain.rows(team, table, ids, y);
            return;
        }
        int rows = shape.rows(), width = shape.in();
        int each = (int) Math.max(1, TABLE_TASK_FLOATS / Math.max(1, width));
        DType type = table.dtype();
        long row = type.bytes(width);
        MemorySegment from = table.data(), to = y.data();
        runIfWorth(team, (long) rows * width >= TABLE_WORTH_A_REGION, (rows + each - 1) / each, (task, scratch) -> {
            Workspace.Mark mark = scratch.mark();
            MemorySegment spare = scratch.allocate(DType.F32, SPARE).data();
            for (int r = task * each; r < Math.min(rows, (task + 1) * each); r++) {
                Decoder.decode(type, from, ids.getInt(r) * row, width, to, 4L * r * width, spare);
            }
            scratch.release(mark);
        });
    }
}

package tern.kernels.stored;

import static tern.kernels.stored.StoredLanes.LENGTH;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

import tern.kernels.ThreadTeam;
import tern.kernels.lanes.Lanes;
import tern.kernels.matmul.Gemm;
import tern.kernels.matmul.LinearShape;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Stored weights with vectors, for F32 activations; F64 goes to the plain body. Few rows of x, as decoding has them, meet
 * rows of W that are each read once and in order: one row of x, or two in turn, without leaving the registers where {@link StoredDots} has a
 * body for the type, else by way of a few decoded rows in the cache ({@link Dots}, {@link DotTiles}). Many rows of x
 * are multiplied by {@link Gemm} with panels of decoded rows. Which way is taken, and how work is cut up, follows from the
 * shape alone, so results are the same bits on any number of threads; up to {@link #FEW} rows of x, also whichever rows
 * stand beside them. Immutable.
 *
 * <p>Where rows are decoded in the cache, their stored bytes are copied there first: while copying a core waits for dozens of cache
 * lines at once, while decoding only for the few that its many instructions a line leave in sight. One row of x takes few enough
 * instructions a line to do without.
 */
public final class VectorStoredWeights implements StoredWeights {
    /** More rows of x than this are worth packing W. */
    static final int FEW = Dots.MOST;
    /**
     * Rows of x that are multiplied one after the other without leaving the registers: the second finds the rows of W of a task in
     * the caches, and a short prompt needs no other loops than the steps after it, which a young process has to compile.
     */
    private static final int LONE = 2;
    /** Multiply–adds below which waking others costs more than they save: some 4 µs of one thread. */
    private static final long WORTH_A_REGION = 1L << 18;
    /** Bytes of W likewise: a step comes to them when they have left the caches, and one thread waits 5 µs for so many. */
    private static final long WORTH_A_REGION_BYTES = 96L << 10;
    /** Bytes copied at once: they and the rows of x stay in the first-level cache, from where copying is fastest, too. */
    private static final int PIECE_BYTES = 12 << 10;
    /** Bytes of a task at most; a task costs a fraction of a microsecond. */
    private static final long TASK_BYTES = 1L << 15;
    private static final int ENOUGH_TASKS = 64;
    /** Columns that are decoded at once: four rows of them, and of x, stay in the first-level cache. A multiple of 256. */
    private static final int PART = 1024;
    /** Numbers decoded at once where rows go to memory. A multiple of 256. */
    private static final int STRETCH = 4096;
    /** Floats of a panel of decoded rows: as many as a product packs at once. */
    private static final int PANEL_FLOATS = 1 << 21;
    private static final int PANEL_UNIT = 64;
    private static final int PANEL_TASK_FLOATS = 1 << 14;
    private static final long TABLE_TASK_FLOATS = 1 << 14;
    private static final long TABLE_WORTH_A_REGION = 1L << 16;

    /** Rooms of a power of two floats: the same objects every time, so the workspace hands out the same tensors. */
    private static final Shape[] ROOMS = new Shape[31];

    static {
        for (int i = 0; i < ROOMS.length; i++) {
            ROOMS[i] = Shape.of(1 << i);
        }
    }

    private final ReferenceStoredWeights plain = new ReferenceStoredWeights();
    private final int few;

    /** A body that chooses the way by the number of rows. */
    public VectorStoredWeights() {
        this(FEW);
    }

    /**
     * A body that is told up to how many rows of x it takes the way of few rows, whose bits do not depend on the rows
     * beside them.
     *
     * @param few rows; {@link Integer#MAX_VALUE} for always
     */
    public VectorStoredWeights(int few) {
        this.few = few;
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
        LinearShape shape = StoredShape.of(x, weight, bias, y);
        if (y.dtype() != DType.F32) {
            plain.linear(team, x, weight, bias, y);
        } else if (shape.rows() <= few) {
            MemorySegment added = shape.biased() ? bias.data() : MemorySegment.NULL;
            for (int from = 0; from < shape.rows(); from += FEW) {
                few(team, Math.min(FEW, shape.rows() - from), shape, x.data().asSlice(4L * from * shape.in()), weight,
                        added, y.data().asSlice(4L * from * shape.out()));
            }
        } else {
            many(team, shape, x.data(), weight, shape.biased() ? bias.data() : MemorySegment.NULL, y.data());
        }
    }

    /** @param m rows of x, at most {@link #FEW} */
    private static void few(ThreadTeam team, int m, LinearShape shape, MemorySegment x, Tensor weight,
            MemorySegment bias, MemorySegment y) {
        int k = shape.in(), n = shape.out();
        if (m == 0 || n == 0) {
            return;
        }
        DType type = weight.dtype();
        MemorySegment w = weight.data();
        int row = Math.toIntExact(type.bytes(k));
        boolean tiles = DotTiles.takes(m, k);
        int unit = tiles ? DotTiles.GROUP : Dots.ROWS;
        int piece = units(unit, PIECE_BYTES / Math.max(1, row));
        int each = units(unit, Math.min(TASK_BYTES / Math.max(1, row), n / ENOUGH_TASKS));
        Workspace own = team.scratch();
        Workspace.Mark mark = own.mark();
        boolean lone = m <= LONE && StoredDots.has(type);
        float[] rows = own.floats(lone ? k : Math.multiplyExact(DotTiles.padded(m), k));
        float[] second = lone && m == LONE ? own.floats(k) : rows;
        MemorySegment.copy(x, Tensor.FLOAT, 0, rows, 0, lone ? k : m * k);
        if (second != rows) {
            MemorySegment.copy(x, Tensor.FLOAT, 4L * k, second, 0, k);
        }
        boolean worth = (long) m * n * k >= WORTH_A_REGION || (long) n * row >= WORTH_A_REGION_BYTES;
        if (worth || team.gathers()) {
            team.reads(w, (n + each - 1) / each);
        }
        runIfWorth(team, worth, (n + each - 1) / each, (task, scratch) -> {
            int from = task * each, to = Math.min(n, from + each);
            if (lone) {
                oneRow(type, k, rows, w, row, from, to, bias, y, 0, scratch);
                if (second != rows) {
                    oneRow(type, k, second, w, row, from, to, bias, y, 4L * n, scratch);
                }
            } else if (tiles) {
                DotTiles.multiply(type, m, k, rows, w, row, piece, from, to, bias, y, 4L * n, scratch);
            } else {
                someRows(type, m, k, rows, w, row, piece, from, to, bias, y, 4L * n, scratch);
            }
        });
        own.release(mark);
    }

    /** The largest multiple of {@code unit} that is not larger, but at least that. */
    private static int units(int unit, long rows) {
        return (int) Math.max(unit, rows / unit * unit);
    }

    /** Rows {@code from} to {@code to} of W with one row of x. */
    private static void oneRow(DType type, int k, float[] x, MemorySegment w, int row, int from, int to,
            MemorySegment bias, MemorySegment y, long yAt, Workspace scratch) {
        float[] vectors = scratch.floats((Sums.TOGETHER + 1) * Math.max(LENGTH, Sums.TOGETHER));
        int sums = Sums.TOGETHER * LENGTH;
        boolean pairs = StoredDots.inPairs(type, row);
        for (int next = from, count; next < to; next += count) {
            count = Math.min(Sums.TOGETHER, to - next);
            int j = 0;
            for (; pairs && j < count - 1; j += 2) {
                StoredDots.multiplyTwo(k, x, w, (long) (next + j) * row, row, vectors, j * LENGTH);
            }
            for (; j < count; j++) {
                StoredDots.multiply(type, k, x, w, (long) (next + j) * row, vectors, j * LENGTH);
            }
            // Behind the last row lies what lay there before; its sums go nowhere.
            Sums.addUp(vectors, 0, sums);
            addTails(type, k, x, 0, w, (long) next * row, row, count, vectors, sums);
            write(count, vectors, sums, bias, next, y, yAt + 4L * next);
        }
    }

    /** Rows {@code from} to {@code to} of W with m rows of x. */
    private static void someRows(DType type, int m, int k, float[] x, MemorySegment w, int row, int piece, int from,
            int to, MemorySegment bias, MemorySegment y, long yRow, Workspace scratch) {
        byte[] near = scratch.bytes(piece * row + Decoder.SMALL);
        int sums = 2 * Dots.VECTORS;
        float[] vectors = scratch.floats(sums + Sums.TOGETHER);
        float[] decoded = scratch.floats(Dots.ROWS * PART), scales = scratch.floats(Decoder.SPARE);
        for (int next = from, count; next < to; next += count) {
            count = Math.min(piece, to - next);
            MemorySegment.copy(w, ValueLayout.JAVA_BYTE, (long) next * row, near, 0, count * row);
            for (int j = 0; j < count; j += Dots.ROWS) {
                Arrays.fill(vectors, 0, sums, 0);
                for (int p = 0; p < k; p += PART) {
                    int part = Math.min(PART, k - p);
                    for (int r = 0; r < Dots.ROWS; r++) {
                        Decoder.decode(type, near, (j + r) * row + (int) type.bytes(p), part, decoded, r * PART, scales,
                                near, piece * row);
                    }
                    Dots.add(m, Lanes.bound(part), x, p, k, decoded, PART, vectors);
                }
                Dots.addChains(m, vectors);
                int four = Math.min(Dots.ROWS, count - j);
                for (int i = 0; i < m; i++) {
                    int at = sums + i % Dots.ROWS * Dots.ROWS;
                    if (at == sums) {
                        Sums.addUp(vectors, i * Dots.ROWS * LENGTH, sums);
                    }
                    addTails(type, k, x, i * k, w, (long) (next + j) * row, row, four, vectors, at);
                    write(four, vectors, at, bias, next + j, y, i * yRow + 4L * (next + j));
                }
            }
        }
    }

    /** Adds what follows the last whole vector, one product after the other; only halves have rows of any length. */
    private static void addTails(DType type, int k, float[] x, int xAt, MemorySegment w, long wAt, int row, int count,
            float[] sums, int at) {
        for (int p = Lanes.bound(k); p < k; p++) {
            for (int j = 0; j < count; j++) {
                short bits = w.get(ValueLayout.JAVA_SHORT_UNALIGNED, wAt + (long) j * row + 2L * p);
                sums[at + j] += x[xAt + p]
                        * (type == DType.BF16 ? Float.intBitsToFloat(bits << 16) : Float.float16ToFloat(bits));
            }
        }
    }

    /** Sums to y, each with the number of the bias that belongs to its row of W, of which {@code first} is the first. */
    private static void write(int count, float[] sums, int at, MemorySegment bias, int first, MemorySegment y,
            long yAt) {
        if (bias.byteSize() > 0) {
            for (int j = 0; j < count; j++) {
                sums[at + j] += bias.get(Tensor.FLOAT, 4L * (first + j));
            }
        }
        MemorySegment.copy(sums, at, y, Tensor.FLOAT, yAt, count);
    }

    private static void many(ThreadTeam team, LinearShape shape, MemorySegment x, Tensor weight, MemorySegment bias,
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
                decode(type, w, (first + from) * row, part * k, panel, 4L * from * k, scratch);
            });
            Gemm.multiply(team, m, count, k, x, 0, k, false, panel, 0, k, true, y, 4L * first, n, 1, biased ? 1 : 0);
        }
        team.scratch().release(mark);
    }

    /** Writes {@code count} numbers that follow each other. */
    private static void decode(DType type, MemorySegment from, long at, int count, MemorySegment to, long toAt,
            Workspace scratch) {
        int bytes = (int) type.bytes(STRETCH);
        byte[] near = scratch.bytes(bytes + Decoder.SMALL);
        float[] decoded = scratch.floats(STRETCH), scales = scratch.floats(Decoder.SPARE);
        for (int done = 0; done < count; done += STRETCH) {
            int part = Math.min(STRETCH, count - done);
            MemorySegment.copy(from, ValueLayout.JAVA_BYTE, at + type.bytes(done), near, 0, (int) type.bytes(part));
            Decoder.decode(type, near, 0, part, decoded, 0, scales, near, bytes);
            MemorySegment.copy(decoded, 0, to, Tensor.FLOAT, toAt + 4L * done, part);
        }
    }

    /** Tasks on the team, or one after the other where the work is too little to share. */
    private static void runIfWorth(ThreadTeam team, boolean worth, int tasks, ThreadTeam.Task task) {
        if (worth || team.gathers()) {
            team.run(tasks, task);
            return;
        }
        Workspace scratch = team.scratch();
        Workspace.Mark mark = scratch.mark();
        for (int index = 0; index < tasks; index++) {
            task.run(index, scratch);
            scratch.release(mark);
        }
    }

    @Override
    public void rows(ThreadTeam team, Tensor table, Tensor ids, Tensor y) {
        LinearShape shape = StoredShape.ofTable(table, ids, y);
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
            for (int r = task * each; r < Math.min(rows, (task + 1) * each); r++) {
                decode(type, from, ids.getInt(r) * row, width, to, 4L * r * width, scratch);
                scratch.release(mark);
            }
        });
    }
}

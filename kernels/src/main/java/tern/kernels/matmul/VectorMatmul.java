package tern.kernels.matmul;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Matrix products with vectors, for F32; other types go to the plain body. Large products are packed and cut into tiles
 * ({@link Blocking}); few rows times Wᵀ are inner products straight from W ({@link FewRows}); a batch of small products is
 * spread over the team, each on one thread. A sum depends on its row and its column only and is added up in an order that
 * follows from the shape, so results are the same bits on any number of threads. Immutable.
 */
public final class VectorMatmul implements Matmul {
    /** Bytes of W below which waking others costs more than they save. */
    private static final long WORTH_A_REGION_BYTES = 1L << 18;
    /** Multiply–adds of a task of a batch. */
    private static final long TASK_WORK = 1L << 20;
    /** Bytes of W that a task of few rows reads. */
    private static final long TASK_BYTES = 1L << 14;
    /** How many times larger a task of {@link Wide} may be, where so many tasks are left. */
    private static final int WIDE_TIMES = 4;
    private static final int WIDE_TASKS = 64;
    /** Multiply–adds from which a product of a batch is shared too. */
    private static final long LARGE_WORK = 1L << 21;
    private static final int SUM_COLUMNS = 8 * Tile.LANES.length();
    private static final int SUM_ROWS = 256;

    private static final Shape SPARE = Shape.of(FewRows.SPARE);

    private final ReferenceMatmul plain = new ReferenceMatmul();

    /** Keeps no state. */
    public VectorMatmul() {
    }

    @Override
    public void multiply(ThreadTeam team, Tensor a, boolean transposeA, Tensor b, boolean transposeB, Tensor c,
            float keep) {
        Product product = Product.of(a, transposeA, b, transposeB, c);
        if (c.dtype() != DType.F32) {
            plain.multiply(team, a, transposeA, b, transposeB, c, keep);
            return;
        }
        int batch = product.batch(), m = product.m(), n = product.n(), k = product.k();
        if (!transposeA && transposeB && keep == 0 && m <= FewRows.MOST) {
            fewRows(team, batch, m, n, k, a.data(), b.data(), Blocking.NO_BIAS, c.data());
            return;
        }
        long work = (long) m * n * k;
        if (batch > 1 && (team.threads() == 1 || work < LARGE_WORK)) {
            int each = Math.clamp(TASK_WORK / Math.max(1, work), 1, batch);
            runIfWorth(team, batch * work >= Blocking.WORTH_A_REGION, (batch + each - 1) / each, (task, scratch) -> {
                for (int z = task * each; z < Math.min(batch, (task + 1) * each); z++) {
                    one(product, z, a, transposeA, b, transposeB, c, keep).run(scratch);
                }
            });
        } else if (batch > 1) {
            new Strips(one(product, 0, a, transposeA, b, transposeB, c, keep), batch, 4L * m * k, 4L * n * k,
                    4L * m * n)
                    .run(team);
        } else if (batch == 1) {
            one(product, 0, a, transposeA, b, transposeB, c, keep).run(team);
        }
    }

    private static Blocking one(Product product, int z, Tensor a, boolean transposeA, Tensor b, boolean transposeB,
            Tensor c,
            float keep) {
        int m = product.m(), n = product.n(), k = product.k();
        return new Blocking(m, n, k, a.data(), 4L * z * m * k, 4L * (transposeA ? m : k), transposeA, b.data(),
                4L * z * n * k,
                4L * (transposeB ? k : n), transposeB, c.data(), 4L * z * m * n, 4L * n, 1, keep, Blocking.NO_BIAS);
    }

    /** Tasks on the team, or one after the other where the work is too little to share. */
    private static void runIfWorth(ThreadTeam team, boolean worth, int tasks, ThreadTeam.Task task) {
        if (worth || team.gathers()) {
            team.run(tasks, task);
        } else {
            for (int index = 0; index < tasks; index++) {
                task.run(index, team.scratch());
            }
        }
    }

    @Override
    public void linear(ThreadTeam team, Tensor x, Tensor weight, Tensor bias, Tensor y) {
        LinearShape shape = LinearShape.of(x, weight, bias, y);
        if (y.dtype() != DType.F32) {
            plain.linear(team, x, weight, bias, y);
            return;
        }
        int rows = shape.rows(), in = shape.in(), out = shape.out();
        MemorySegment added = shape.biased() ? bias.data() : Blocking.NO_BIAS;
        if (rows <= FewRows.MOST) {
            fewRows(team, 1, rows, out, in, x.data(), weight.data(), added, y.data());
        } else {
            new Blocking(rows, out, in, x.data(), 0, 4L * in, false, weight.data(), 0, 4L * in, true, y.data(),
                    0,
                    4L * out, 1, 0, added).run(team);
        }
    }

    private static void fewRows(ThreadTeam team, int batch, int m, int n, int k, MemorySegment x, MemorySegment w,
            MemorySegment bias, MemorySegment y) {
        if (m == 0 || n == 0 || batch == 0) {
            return;
        }
        if (batch == 1 && Wide.takes(m, n, k)) {
            wide(team, m, n, k, x, w, bias, y);
            return;
        }
        // The last part takes what is left over, since a part of less than a pass would add lanes up in another order.
        int columns = columnsOfTask(n, k, FewRows.PASS), parts = n / columns;
        boolean worth = 4L * batch * n * k >= WORTH_A_REGION_BYTES
                || (long) batch * m * n * k >= Blocking.WORTH_A_REGION;
        if (batch == 1 && (worth || team.gathers())) {
            team.reads(w, parts);
        }
        runIfWorth(team, worth, batch * parts, (task, scratch) -> {
            long z = task / parts;
            int part = task % parts, from = part * columns, to = part == parts - 1 ? n : from + columns;
            Workspace.Mark mark = scratch.mark();
            FewRows.multiply(m, k, from, to, x, 4 * z * m * k, 4L * k, w, 4 * z * n * k,
                    4L * k, bias,
                    y, 4 * z * m * n, 4L * n, scratch.allocate(DType.F32, SPARE).data());
            scratch.release(mark);
        });
    }

    /** Rows of W that a task reads, in whole passes, or all of them. */
    private static int columnsOfTask(int n, int k, int unit) {
        int most = Math.clamp(TASK_BYTES / 4 / Math.max(1, k), unit, Integer.MAX_VALUE / 2);
        return Math.min(n, most - most % unit);
    }

    /** As {@link #columnsOfTask}, but more where that leaves tasks enough. */
    private static int columnsOfWideTask(int n, int k) {
        int some = Math.max(n / WIDE_TASKS, Wide.ACROSS);
        return Math.max(columnsOfTask(n, k, Wide.ACROSS),
                Math.min(WIDE_TIMES * columnsOfTask(n, k, Wide.ACROSS), some - some % Wide.ACROSS));
    }

    private static void wide(ThreadTeam team, int m, int n, int k, MemorySegment x, MemorySegment w, MemorySegment bias,
            MemorySegment y) {
        Workspace own = team.scratch();
        Workspace.Mark before = own.mark();
        MemorySegment left = own.floatMemory(Wide.leftFloats(m, k));
        Wide.pack(m, k, x, 0, 4L * k, left);
        int columns = columnsOfWideTask(n, k);
        boolean worth = (long) m * n * k >= Blocking.WORTH_A_REGION;
        if (worth || team.gathers()) {
            team.reads(w, (n + columns - 1) / columns);
        }
        runIfWorth(team, worth, (n + columns - 1) / columns, (task, scratch) -> {
            Workspace.Mark mark = scratch.mark();
            Wide.multiply(m, n, k, task * columns, Math.min(n, (task + 1) * columns), left, x, 0, 4L * k, w, 0, 4L * k,
                    bias, y, 0, 4L * n, scratch.allocate(DType.F32, SPARE).data());
            scratch.release(mark);
        });
        own.release(before);
    }

    @Override
    public void linearBackward(ThreadTeam team, Tensor x, Tensor weight, Tensor dy, Tensor dx, Tensor dWeight,
            Tensor dBias) {
        LinearShape shape = LinearShape.ofBackward(x, weight, dy, dx, dWeight, dBias);
        if (dy.dtype() != DType.F32) {
            plain.linearBackward(team, x, weight, dy, dx, dWeight, dBias);
            return;
        }
        int rows = shape.rows(), in = shape.in(), out = shape.out();
        new Blocking(rows, in, out, dy.data(), 0, 4L * out, false, weight.data(), 0, 4L * in, false, dx.data(),
                0,
                4L * in, 1, 0, Blocking.NO_BIAS).run(team);
        new Blocking(out, in, rows, dy.data(), 0, 4L * out, true, x.data(), 0, 4L * in, false, dWeight.data(),
                0,
                4L * in, 1, 1, Blocking.NO_BIAS).run(team);
        if (shape.biased()) {
            MemorySegment from = dy.data(), to = dBias.data();
            runIfWorth(team, (long) rows * out >= Blocking.WORTH_A_REGION, (out + SUM_COLUMNS - 1) / SUM_COLUMNS,
                    (task, scratch) -> addColumnSums(rows, out, task * SUM_COLUMNS, from, to));
        }
    }

    /**
     * Some columns, summed from the first row to the last in blocks, so that long sums lose little: four vectors side by side,
     * because a row is far from the next and its cache lines should be fetched together.
     */
    private static void addColumnSums(int rows, int columns, int first, MemorySegment from, MemorySegment to) {
        int end = Math.min(columns, first + SUM_COLUMNS), j = first;
        for (; j <= end - 4 * Tile.LANES.length(); j += 4 * Tile.LANES.length()) {
            for (int begin = 0; begin < rows; begin += SUM_ROWS) {
                addFourVectorsOfColumnSums(begin, Math.min(rows, begin + SUM_ROWS), columns, j, from, to);
            }
        }
        for (; j < end; j += Tile.LANES.length()) {
            addVectorOfColumnSums(rows, columns, j, from, to);
        }
    }

    private static void addFourVectorsOfColumnSums(int begin, int end, int columns, int j, MemorySegment from,
            MemorySegment to) {
        ByteOrder order = ByteOrder.nativeOrder();
        long width = Tile.LANES.vectorByteSize(), at = 4L * ((long) begin * columns + j), sum = 4L * j;
        FloatVector a = FloatVector.zero(Tile.LANES), b = a, c = a, d = a;
        for (int i = begin; i < end; i++, at += 4L * columns) {
            a = a.add(FloatVector.fromMemorySegment(Tile.LANES, from, at, order));
            b = b.add(FloatVector.fromMemorySegment(Tile.LANES, from, at + width, order));
            c = c.add(FloatVector.fromMemorySegment(Tile.LANES, from, at + 2 * width, order));
            d = d.add(FloatVector.fromMemorySegment(Tile.LANES, from, at + 3 * width, order));
        }
        FloatVector.fromMemorySegment(Tile.LANES, to, sum, order).add(a).intoMemorySegment(to, sum, order);
        FloatVector.fromMemorySegment(Tile.LANES, to, sum + width, order).add(b).intoMemorySegment(to, sum + width,
                order);
        FloatVector.fromMemorySegment(Tile.LANES, to, sum + 2 * width, order).add(c).intoMemorySegment(to,
                sum + 2 * width,
                order);
        FloatVector.fromMemorySegment(Tile.LANES, to, sum + 3 * width, order).add(d).intoMemorySegment(to,
                sum + 3 * width,
                order);
    }

    private static void addVectorOfColumnSums(int rows, int columns, int j, MemorySegment from, MemorySegment to) {
        VectorMask<Float> mask = Tile.LANES.indexInRange(j, columns);
        ByteOrder order = ByteOrder.nativeOrder();
        FloatVector total = FloatVector.fromMemorySegment(Tile.LANES, to, 4L * j, order, mask);
        for (int begin = 0; begin < rows; begin += SUM_ROWS) {
            int end = Math.min(rows, begin + SUM_ROWS), i = begin;
            FloatVector even = FloatVector.zero(Tile.LANES), odd = even;
            for (; i <= end - 2; i += 2) {
                long at = 4L * ((long) i * columns + j), next = at + 4L * columns;
                even = even.add(FloatVector.fromMemorySegment(Tile.LANES, from, at, order, mask));
                odd = odd.add(FloatVector.fromMemorySegment(Tile.LANES, from, next, order, mask));
            }
            if (i < end) {
                even = even.add(
                        FloatVector.fromMemorySegment(Tile.LANES, from, 4L * ((long) i * columns + j), order, mask));
            }
            total = total.add(even.add(odd));
        }
        total.intoMemorySegment(to, 4L * j, order, mask);
    }
}

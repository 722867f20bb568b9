package tern.kernels.embedding;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/**
 * Rows of a table, copied and added as blocks of memory, for F32; other types go to the plain body. Going backward a task owns
 * some columns of the whole table and takes the rows in order, so that a row met twice is added to in a fixed order. Immutable.
 */
public final class VectorEmbedding implements Embedding {
    private static final VectorSpecies<Float> LANES = FloatVector.SPECIES_PREFERRED;
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    /** Numbers below which waking others costs more than they save. */
    private static final long WORTH_A_REGION = 1L << 16;
    private static final int TASK_FLOATS = 1 << 14;
    private static final int TASK_COLUMNS = 128;

    private final ReferenceEmbedding plain = new ReferenceEmbedding();

    /** Keeps no state. */
    public VectorEmbedding() {
    }

    @Override
    public void forward(ThreadTeam team, Tensor table, Tensor ids, Tensor y) {
        TableShape shape = TableShape.of(table, ids, y);
        int rows = shape.rows();
        long row = (long) shape.width() * table.dtype().bytes();
        MemorySegment from = table.data(), to = y.data();
        if ((long) rows * shape.width() < WORTH_A_REGION) {
            copyRows(0, rows, ids, row, from, to);
        } else {
            int each = Math.max(1, TASK_FLOATS / shape.width());
            team.run((rows + each - 1) / each,
                    (task, scratch) -> copyRows(task * each, Math.min(rows, (task + 1) * each), ids, row, from, to));
        }
    }

    private static void copyRows(int begin, int end, Tensor ids, long row, MemorySegment from, MemorySegment to) {
        for (int r = begin; r < end; r++) {
            MemorySegment.copy(from, ids.getInt(r) * row, to, r * row, row);
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor ids, Tensor dy, Tensor dTable) {
        TableShape shape = TableShape.of(dTable, ids, dy);
        if (dy.dtype() != DType.F32) {
            plain.backward(team, ids, dy, dTable);
            return;
        }
        int rows = shape.rows(), width = shape.width();
        MemorySegment from = dy.data(), to = dTable.data();
        if ((long) rows * width < WORTH_A_REGION) {
            addRows(rows, width, 0, width, ids, from, to);
        } else {
            team.run((width + TASK_COLUMNS - 1) / TASK_COLUMNS,
                    (task, scratch) -> addRows(rows, width, task * TASK_COLUMNS,
                            Math.min(width, (task + 1) * TASK_COLUMNS), ids, from, to));
        }
    }

    private static void addRows(int rows, int width, int begin, int end, Tensor ids, MemorySegment from,
            MemorySegment to) {
        for (int r = 0; r < rows; r++) {
            addRow(from, 4L * r * width, to, 4L * ids.getInt(r) * width, begin, end);
        }
    }

    private static void addRow(MemorySegment from, long fromAt, MemorySegment to, long toAt, int begin, int end) {
        int lanes = LANES.length(), i = begin;
        for (; i <= end - lanes; i += lanes) {
            long x = fromAt + 4L * i, y = toAt + 4L * i;
            FloatVector.fromMemorySegment(LANES, to, y, NATIVE)
                    .add(FloatVector.fromMemorySegment(LANES, from, x, NATIVE))
                    .intoMemorySegment(to, y, NATIVE);
        }
        if (i < end) {
            VectorMask<Float> mask = LANES.indexInRange(i, end);
            long x = fromAt + 4L * i, y = toAt + 4L * i;
            FloatVector.fromMemorySegment(LANES, to, y, NATIVE, mask)
                    .add(FloatVector.fromMemorySegment(LANES, from, x, NATIVE, mask))
                    .intoMemorySegment(to, y, NATIVE, mask);
        }
    }
}

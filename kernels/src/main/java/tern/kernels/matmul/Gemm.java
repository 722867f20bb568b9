package tern.kernels.matmul;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Workspace;

/**
 * Products of single-precision matrices that lie anywhere in memory, on the calling thread: for use inside other kernels.
 * Stateless; safe for use by several threads, each with its own scratch memory.
 *
 * <p>A block of B, up to 256 steps by 4096 columns, and a block of A, 256 steps by 240 rows, are copied into panels; the
 * former stays in the outer, the latter in the second-level cache while {@link Tile} runs over both (Goto and van de Geijn
 * 2008, Anatomy of high-performance matrix multiplication, section 4). Sums are carried in single precision within 256
 * steps and added to C from block to block, so a sum depends on its row and column only, not on the size of C.
 */
public final class Gemm {
    /** Steps of a block: a panel of B fills two thirds of a first-level cache of 48 KiB. */
    static final int STEPS = 256;
    /** Rows of a block of A. */
    static final int BLOCK_ROWS = 240;
    /** Columns of a block of B. */
    static final int BLOCK_COLUMNS = 4096;
    private static final int FEW_COLUMNS = 512;

    // Shapes are constant, so that the workspace hands out the same tensors again and nothing is allocated.
    private static final Shape LEFT = floats(Panels.leftBytes(STEPS) * Panels.leftPanels(BLOCK_ROWS));
    private static final Shape RIGHT = floats(Panels.rightBytes(STEPS) * Panels.rightPanels(BLOCK_COLUMNS));
    private static final Shape RIGHT_OF_FEW = floats(Panels.rightBytes(STEPS) * Panels.rightPanels(FEW_COLUMNS));
    private static final Shape SPARE = Shape.of(Tile.ROWS * Tile.COLUMNS);

    private Gemm() {
    }

    private static Shape floats(long bytes) {
        return Shape.of(Math.toIntExact(bytes / 4));
    }

    /**
     * C ← alpha·op(A)·op(B) + keep·C, where op(A) is [m,k], op(B) is [k,n] and C is [m,n].
     *
     * <p>Offsets are those of a matrix's first number, in bytes; {@code lda}, {@code ldb} and {@code ldc} are the numbers from
     * one stored row to the next, in elements. Arguments are the caller's promise: segments are checked for their bounds
     * only. C must not overlap A or B.
     *
     * @param transA A is stored [k,m]
     * @param transB B is stored [n,k]
     * @param keep 0 to overwrite C, whatever it held, NaN included
     * @param scratch up to 4.5 MiB, taken back on return
     */
    public static void multiply(int m, int n, int k, MemorySegment a, long aOffset, int lda, boolean transA,
            MemorySegment b,
            long bOffset, int ldb, boolean transB, MemorySegment c, long cOffset, int ldc, float alpha, float keep,
            Workspace scratch) {
        if (m <= 0 || n <= 0) {
            return;
        }
        long aRow = 4L * lda, bRow = 4L * ldb, cRow = 4L * ldc;
        boolean accumulate = prepare(m, n, k, c, cOffset, cRow, keep);
        if (k <= 0) {
            return;
        }
        Workspace.Mark mark = scratch.mark();
        MemorySegment left = scratch.allocate(DType.F32, LEFT).data();
        MemorySegment right = scratch.allocate(DType.F32, n <= FEW_COLUMNS ? RIGHT_OF_FEW : RIGHT).data();
        MemorySegment spare = scratch.allocate(DType.F32, SPARE).data();
        for (int j = 0; j < n; j += BLOCK_COLUMNS) {
            int columns = Math.min(BLOCK_COLUMNS, n - j);
            for (int p = 0; p < k; p += STEPS) {
                int steps = Math.min(STEPS, k - p);
                Panels.packRight(b, bOffset + (transB ? j * bRow + 4L * p : p * bRow + 4L * j), bRow, transB, columns,
                        steps,
                        right, 0);
                for (int i = 0; i < m; i += BLOCK_ROWS) {
                    int rows = Math.min(BLOCK_ROWS, m - i);
                    Panels.packLeft(a, aOffset + (transA ? p * aRow + 4L * i : i * aRow + 4L * p), aRow, transA, rows,
                            steps,
                            alpha, left, 0);
                    block(rows, columns, steps, left, 0, right, 0, c, cOffset + i * cRow + 4L * j, cRow,
                            accumulate || p > 0,
                            spare);
                }
            }
        }
        scratch.release(mark);
    }

    /** One block of C from panels. */
    static void block(int rows, int columns, int steps, MemorySegment left, long leftAt, MemorySegment right,
            long rightAt,
            MemorySegment c, long cAt, long cRow, boolean accumulate, MemorySegment spare) {
        long leftPanel = Panels.leftBytes(steps), rightPanel = Panels.rightBytes(steps);
        for (int j = 0; j < columns; j += Tile.COLUMNS, rightAt += rightPanel) {
            long panel = leftAt;
            for (int i = 0; i < rows; i += Tile.ROWS, panel += leftPanel) {
                long at = cAt + i * cRow + 4L * j;
                if (i + Tile.ROWS <= rows && j + Tile.COLUMNS <= columns) {
                    Tile.multiply(steps, left, panel, right, rightAt, c, at, cRow, accumulate);
                } else {
                    Tile.multiplyPart(Math.min(Tile.ROWS, rows - i), Math.min(Tile.COLUMNS, columns - j), steps, left,
                            panel,
                            right, rightAt, c, at, cRow, accumulate, spare);
                }
            }
        }
    }

    /** Makes C ready to be added to, or says that the first block is to overwrite it. */
    static boolean prepare(int m, int n, int k, MemorySegment c, long at, long row, float keep) {
        if (keep == 0 && k > 0) {
            return false;
        }
        if (keep != 1) {
            for (int i = 0; i < m; i++) {
                scale(n, c, at + i * row, keep);
            }
        }
        return true;
    }

    private static void scale(int n, MemorySegment c, long at, float keep) {
        int lanes = Tile.LANES.length();
        for (int j = 0; j < n; j += lanes) {
            VectorMask<Float> mask = Tile.LANES.indexInRange(j, n);
            FloatVector kept = keep == 0 ? FloatVector.zero(Tile.LANES)
                    : FloatVector.fromMemorySegment(Tile.LANES, c, at + 4L * j, ByteOrder.nativeOrder(), mask)
                            .mul(keep);
            kept.intoMemorySegment(c, at + 4L * j, ByteOrder.nativeOrder(), mask);
        }
    }
}

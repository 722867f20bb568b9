package tern.kernels.matmul;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

import tern.kernels.lanes.Lanes;
import tern.kernels.lanes.Tiles;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * {@link FewRows} for many rows of x, with its bits. There a sum runs along the lanes of one vector, whose numbers are added at
 * the end; here columns of y lie in the lanes, so that what each lane summed there is a product of matrices of its own: of
 * every sixteenth step of x and W. The products of all lanes are then added in the order in which FewRows adds lanes. A panel of
 * W is turned once for all rows. Stateless.
 */
final class LanePanels {
    /** Rows of x from which on turning W is worth it. */
    static final int FEWEST = 24;
    private static final int LANES = Lanes.LENGTH;
    /** Columns of a panel: as many vectors as a tile takes. */
    static final int COLUMNS = 4 * LANES;
    private static final int STEPS = 64;
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    private static final long ROW = 4L * COLUMNS;
    private static final long TILE = Tiles.ROWS * ROW;

    private LanePanels() {
    }

    /**
     * Columns {@code from} to {@code to} of y, at most {@link #COLUMNS}; as {@link FewRows#multiply} of a whole pass or more.
     */
    static void multiply(int m, int k, int from, int to, MemorySegment x, long xAt, long xRow, MemorySegment w,
            long wRow, MemorySegment bias, MemorySegment y, long yAt, long yRow, Workspace scratch) {
        MemorySegment panel = scratch.floatMemory((long) Math.max(1, k) * COLUMNS);
        MemorySegment partial = scratch.floatMemory((long) LANES * Tiles.ROWS * COLUMNS);
        MemorySegment added = scratch.floatMemory(COLUMNS);
        MemorySegment last = scratch.floatMemory((long) Tiles.ROWS * Math.max(1, k));
        MemorySegment sums = scratch.floatMemory((long) Tiles.ROWS * COLUMNS);
        int columns = to - from;
        turn(w, from * wRow, wRow, columns, k, panel, scratch);
        added.fill((byte) 0);
        if (bias.byteSize() > 0) {
            MemorySegment.copy(bias, 4L * from, added, 0, 4L * columns);
        }
        boolean biased = bias.byteSize() > 0;
        int whole = k - k % LANES;
        for (int i = 0; i < m; i += Tiles.ROWS) {
            int rows = Math.min(Tiles.ROWS, m - i);
            MemorySegment left = x;
            long leftAt = xAt + i * xRow, leftRow = xRow;
            if (rows < Tiles.ROWS) {
                for (int r = 0; r < Tiles.ROWS; r++) {
                    MemorySegment.copy(x, xAt + (i + Math.min(r, rows - 1)) * xRow, last, 4L * r * k, 4L * k);
                }
                left = last;
                leftAt = 0;
                leftRow = 4L * k;
            }
            if (whole > 0) {
                for (int lane = 0; lane < LANES; lane++) {
                    Tiles.product(left, leftAt + 4L * lane, leftRow, 4L * LANES, panel, lane * ROW, LANES * ROW,
                            partial, lane * TILE, ROW, Tiles.ROWS, COLUMNS, whole / LANES);
                }
                addLanes(partial, LANES == 16);
                MemorySegment.copy(partial, 0, sums, 0, TILE);
            } else {
                sums.fill((byte) 0);
            }
            if (biased) {
                addRow(sums, added);
            }
            if (whole < k) {
                partial.fill((byte) 0);
                for (int lane = 0; lane < k - whole; lane++) {
                    Tiles.product(left, leftAt + 4L * (whole + lane), leftRow, 4, panel, (whole + lane) * ROW, ROW,
                            partial, lane * TILE, ROW, Tiles.ROWS, COLUMNS, 1);
                }
                addLanes(partial, false);
                add(sums, 0, partial, 0, TILE);
            }
            for (int r = 0; r < rows; r++) {
                MemorySegment.copy(sums, r * ROW, y, yAt + (i + r) * yRow + 4L * from, 4L * columns);
            }
        }
    }

    /** panel[p, c] ← W[from + c, p]; columns that are not there become 0. */
    private static void turn(MemorySegment w, long at, long wRow, int columns, int k, MemorySegment panel,
            Workspace scratch) {
        float[] turned = scratch.floats(STEPS * COLUMNS);
        Arrays.fill(turned, 0);
        for (int p = 0; p < k; p += STEPS) {
            int steps = Math.min(STEPS, k - p);
            Panels.transpose(w, at + 4L * p, wRow, columns, steps, turned, 0, COLUMNS, false);
            MemorySegment.copy(turned, 0, panel, Tensor.FLOAT, p * ROW, steps * COLUMNS);
        }
    }

    /** Adds the products of all lanes to that of the first: neighbours first, or halves first. */
    private static void addLanes(MemorySegment partial, boolean neighbours) {
        if (neighbours) {
            for (int step = 1; step < LANES; step *= 2) {
                for (int lane = 0; lane < LANES; lane += 2 * step) {
                    add(partial, lane * TILE, partial, (lane + step) * TILE, TILE);
                }
            }
            return;
        }
        for (int half = LANES / 2; half > 0; half /= 2) {
            add(partial, 0, partial, half * TILE, half * TILE);
        }
    }

    private static void add(MemorySegment into, long at, MemorySegment from, long fromAt, long bytes) {
        for (long i = 0; i < bytes; i += Lanes.BYTES) {
            fromMemorySegment(Tile.LANES, into, at + i, NATIVE)
                    .add(fromMemorySegment(Tile.LANES, from, fromAt + i, NATIVE))
                    .intoMemorySegment(into, at + i, NATIVE);
        }
    }

    private static void addRow(MemorySegment sums, MemorySegment added) {
        for (long c = 0; c < ROW; c += Lanes.BYTES) {
            FloatVector vector = fromMemorySegment(Tile.LANES, added, c, NATIVE);
            for (int r = 0; r < Tiles.ROWS; r++) {
                fromMemorySegment(Tile.LANES, sums, r * ROW + c, NATIVE).add(vector).intoMemorySegment(sums,
                        r * ROW + c,
                        NATIVE);
            }
        }
    }
}

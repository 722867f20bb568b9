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

    private LanePanels() {
    }

    /**
     * Columns {@code from} to {@code to} of y, at most {@link #COLUMNS}; as {@link FewRows#multiply} of a whole pass or more.
     */
    static void multiply(int m, int k, int from, int to, MemorySegment x, long xAt, long xRow, MemorySegment w,
            long wRow, MemorySegment bias, MemorySegment y, long yAt, long yRow, Workspace scratch) {
        int columns = to - from;
        int width = (columns + LANES - 1) / LANES * LANES;
        long row = 4L * width, tile = Tiles.ROWS * row;
        MemorySegment panel = scratch.floatMemory((long) Math.max(1, k) * width);
        MemorySegment partial = scratch.floatMemory((long) LANES * Tiles.ROWS * width);
        MemorySegment added = scratch.floatMemory(width);
        MemorySegment last = scratch.floatMemory((long) Tiles.ROWS * Math.max(1, k));
        MemorySegment sums = scratch.floatMemory((long) Tiles.ROWS * width);
        turn(w, from * wRow, wRow, columns, width, k, panel, scratch);
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
                    Tiles.product(left, leftAt + 4L * lane, leftRow, 4L * LANES, panel, lane * row, LANES * row,
                            partial, lane * tile, row, Tiles.ROWS, width, whole / LANES);
                }
                addLanes(partial, tile, LANES, LANES == 16);
                MemorySegment.copy(partial, 0, sums, 0, tile);
            } else {
                sums.fill((byte) 0);
            }
            if (biased) {
                addRow(sums, row, added);
            }
            if (whole < k) {
                int rest = k - whole;
                // Lanes beyond the rest are zeros: half of them are added at once, the others would change nothing after that.
                int lanes = Math.min(LANES, 2 * Integer.highestOneBit(2 * rest - 1));
                partial.asSlice(rest * tile, (lanes - rest) * tile).fill((byte) 0);
                for (int lane = 0; lane < rest; lane++) {
                    Tiles.product(left, leftAt + 4L * (whole + lane), leftRow, 4, panel, (whole + lane) * row, row,
                            partial, lane * tile, row, Tiles.ROWS, width, 1);
                }
                addLanes(partial, tile, lanes, false);
                add(sums, 0, partial, 0, tile);
            }
            for (int r = 0; r < rows; r++) {
                MemorySegment.copy(sums, r * row, y, yAt + (i + r) * yRow + 4L * from, 4L * columns);
            }
        }
    }

    /** panel[p, c] ← W[from + c, p]; columns that are not there become 0. */
    private static void turn(MemorySegment w, long at, long wRow, int columns, int width, int k, MemorySegment panel,
            Workspace scratch) {
        float[] turned = scratch.floats(STEPS * width);
        Arrays.fill(turned, 0);
        for (int p = 0; p < k; p += STEPS) {
            int steps = Math.min(STEPS, k - p);
            Panels.transpose(w, at + 4L * p, wRow, columns, steps, turned, 0, width, false);
            MemorySegment.copy(turned, 0, panel, Tensor.FLOAT, 4L * p * width, steps * width);
        }
    }

    /** Adds the products of so many lanes to that of the first: neighbours first, or halves first. */
    private static void addLanes(MemorySegment partial, long tile, int lanes, boolean neighbours) {
        if (neighbours) {
            for (int step = 1; step < lanes; step *= 2) {
                for (int lane = 0; lane < lanes; lane += 2 * step) {
                    add(partial, lane * tile, partial, (lane + step) * tile, tile);
                }
            }
            return;
        }
        for (int half = lanes / 2; half > 0; half /= 2) {
            add(partial, 0, partial, half * tile, half * tile);
        }
    }

    private static void add(MemorySegment into, long at, MemorySegment from, long fromAt, long bytes) {
        for (long i = 0; i < bytes; i += Lanes.BYTES) {
            fromMemorySegment(Tile.LANES, into, at + i, NATIVE)
                    .add(fromMemorySegment(Tile.LANES, from, fromAt + i, NATIVE))
                    .intoMemorySegment(into, at + i, NATIVE);
        }
    }

    private static void addRow(MemorySegment sums, long row, MemorySegment added) {
        for (long c = 0; c < row; c += Lanes.BYTES) {
            FloatVector vector = fromMemorySegment(Tile.LANES, added, c, NATIVE);
            for (int r = 0; r < Tiles.ROWS; r++) {
                fromMemorySegment(Tile.LANES, sums, r * row + c, NATIVE).add(vector).intoMemorySegment(sums,
                        r * row + c,
                        NATIVE);
            }
        }
    }
}

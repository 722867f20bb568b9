package tern.kernels.cells;

import java.lang.foreign.MemorySegment;

import tern.ops.Cell;
import tern.tensor.Tensor;

/**
 * How a scan is cut up, by its shape alone. Sequences go in groups of {@code rows}, of which the last may be padded; units of a head
 * in panels of {@code wide}. A block is a group's rows of a panel. If heads and groups are many and weights few, each pair of them is
 * a task for all of time; else each block is a task of every position, and its weights stay with their thread. Immutable.
 *
 * @param rows of a group: 1, or a multiple of {@link CellTile#ROWS}
 */
record CellShape(Cell cell, int batch, int time, int heads, int units, int wide, int panels, int rows, int groups,
        boolean alone) {
    private static final int MOST_ROWS = 16;
    /** Bytes of a head's weights that a core's cache holds beside everything else. */
    private static final long CACHED = 1 << 19;
    private static final int FEW_TASKS = 4;

    static CellShape of(Cell cell, Tensor x) {
        int batch = x.dim(0);
        int heads = x.dim(2);
        int units = x.dim(4);
        int wide = CellTile.panelUnits(units);
        int panels = (units + wide - 1) / wide;
        int few = CellTile.paddedRows(Math.min(batch, CellTile.ROWS));
        boolean cached = 4L * cell.gates() * units * units <= CACHED;
        boolean alone = panels == 1 || cached && heads * ((batch + few - 1) / few) >= FEW_TASKS;
        int rows = alone ? few : CellTile.paddedRows(Math.min(batch, MOST_ROWS));
        return new CellShape(cell, batch, x.dim(1), heads, units, wide, panels, rows, (batch + rows - 1) / rows, alone);
    }

    /** Rounds of a position: the product of a reset h waits for the gates. */
    int phases() {
        return cell == Cell.GRU_RESET_FIRST ? 2 : 1;
    }

    /** Numbers of one part of a block. */
    int block() {
        return rows * wide;
    }

    /** All numbers of one part. */
    int all() {
        return heads * groups * panels * block();
    }

    /** Where a block begins among those of its part. */
    int blockAt(int head, int group, int panel) {
        return ((head * groups + group) * panels + panel) * block();
    }

    /** Sequences of a group. */
    int valid(int group) {
        return Math.min(rows, batch - group * rows);
    }

    /** Units of a panel. */
    int validUnits(int panel) {
        return Math.min(wide, units - panel * wide);
    }

    /** Numbers of all groups' rows of so many. */
    int rowNumbers(int length) {
        return heads * groups * rows * length;
    }

    /** Where a group's rows of so many numbers begin. */
    int rowsAt(int head, int group, int length) {
        return (head * groups + group) * rows * length;
    }

    /** Offset in bytes of the panel's unit 0 in slot s of [B,T,H,slots,K]. */
    private long at(int b, int t, int slots, int head, int slot, int panel) {
        return 4 * ((((((long) b * time + t) * heads + head) * slots + slot) * units) + (long) panel * wide);
    }

    /** Reads a slot of [B,T,H,slots,K] into a block. */
    void load(MemorySegment from, int slots, int slot, int t, int head, int group, int panel, float[] into, int at) {
        int count = validUnits(panel);
        for (int r = 0; r < valid(group); r++) {
            long offset = at(group * rows + r, t, slots, head, slot, panel);
            MemorySegment.copy(from, Tensor.FLOAT, offset, into, at + r * wide, count);
        }
    }

    /** Writes a block to a slot of [B,T,H,slots,K]. */
    void store(float[] from, int at, MemorySegment into, int slots, int slot, int t, int head, int group, int panel) {
        int count = validUnits(panel);
        for (int r = 0; r < valid(group); r++) {
            long offset = at(group * rows + r, t, slots, head, slot, panel);
            MemorySegment.copy(from, at + r * wide, into, Tensor.FLOAT, offset, count);
        }
    }

    private long stateAt(int b, int slot, int head, int panel) {
        return 4 * ((((long) b * cell.states() + slot) * heads + head) * units + (long) panel * wide);
    }

    /** Reads a slot of the state [B,S,H·K] into a block. */
    void loadState(MemorySegment from, int slot, int head, int group, int panel, float[] into, int at) {
        for (int r = 0; r < valid(group); r++) {
            MemorySegment.copy(from, Tensor.FLOAT, stateAt(group * rows + r, slot, head, panel), into, at + r * wide,
                    validUnits(panel));
        }
    }

    /** Writes a block to a slot of the state [B,S,H·K]. */
    void storeState(float[] from, int at, MemorySegment into, int slot, int head, int group, int panel) {
        for (int r = 0; r < valid(group); r++) {
            MemorySegment.copy(from, at + r * wide, into, Tensor.FLOAT,
                    stateAt(group * rows + r, slot, head, panel), validUnits(panel));
        }
    }

    /** Copies a block into rows of {@code length} numbers from {@code rowsAt}, as their part that begins at {@code first}. */
    void spread(float[] from, int at, int group, int panel, float[] into, int rowsAt, int length, int first) {
        for (int r = 0; r < valid(group); r++) {
            System.arraycopy(from, at + r * wide, into, rowsAt + r * length + first + panel * wide, validUnits(panel));
        }
    }

    /** The other way. */
    void gather(float[] from, int rowsAt, int length, int first, int group, int panel, float[] into, int at) {
        for (int r = 0; r < valid(group); r++) {
            System.arraycopy(from, rowsAt + r * length + first + panel * wide, into, at + r * wide, validUnits(panel));
        }
    }
}

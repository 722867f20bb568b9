package tern.kernels.cells;

import java.lang.foreign.MemorySegment;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Recurrent weights in panels, step by step {@code wide} numbers beside each other; lanes beyond the last unit hold 0. For the forward
 * pass a panel is of one gate and its steps are units before; for the backward pass it is of units before and its steps are those
 * of all its gates. Read only once made.
 */
final class CellPanels {
    final float[] packed;
    private final CellShape shape;
    private final int gates;
    private final int steps;

    private CellPanels(CellShape shape, int gates, int steps, float[] packed) {
        this.shape = shape;
        this.gates = gates;
        this.steps = steps;
        this.packed = packed;
    }

    /** Where a panel begins. */
    int at(int head, int panel, int gate) {
        return ((head * shape.panels() + panel) * gates + gate) * steps * shape.wide();
    }

    /** For products with h, of all gates. */
    static CellPanels forward(ThreadTeam team, CellShape shape, Tensor weight) {
        int units = shape.units();
        int gates = shape.cell().gates();
        int count = shape.heads() * shape.panels() * gates;
        CellPanels panels = new CellPanels(shape, gates, units,
                team.scratch().floats(Math.multiplyExact(count, units * shape.wide())));
        team.run(count, (index, scratch) -> {
            int panel = index / gates % shape.panels();
            int head = index / gates / shape.panels();
            panels.packForward(weight.data(), head, panel, index % gates, scratch);
        });
        return panels;
    }

    private void packForward(MemorySegment weight, int head, int panel, int gate, Workspace scratch) {
        int wide = shape.wide();
        int units = shape.units();
        int valid = shape.validUnits(panel);
        int to = at(head, panel, gate);
        float[] rows = scratch.floats(valid * units);
        long from = 4L * (((long) head * gates + gate) * units + (long) panel * wide) * units;
        MemorySegment.copy(weight, Tensor.FLOAT, from, rows, 0, valid * units);
        for (int k = 0; k < units; k++) {
            for (int lane = 0; lane < wide; lane++) {
                packed[to + k * wide + lane] = lane < valid ? rows[lane * units + k] : 0;
            }
        }
    }

    /** For products with gradients of gates {@code from} to {@code to}. */
    static CellPanels backward(ThreadTeam team, CellShape shape, Tensor weight, int from, int to) {
        int steps = (to - from) * shape.units();
        int count = shape.heads() * shape.panels();
        CellPanels panels = new CellPanels(shape, 1, steps,
                team.scratch().floats(Math.multiplyExact(count, steps * shape.wide())));
        team.run(count, (index, scratch) -> panels.packBackward(weight.data(), index / shape.panels(),
                index % shape.panels(), from));
        return panels;
    }

    private void packBackward(MemorySegment weight, int head, int panel, int gate) {
        int wide = shape.wide();
        int units = shape.units();
        int valid = shape.validUnits(panel);
        int into = at(head, panel, 0);
        long from = 4L * ((((long) head * shape.cell().gates() + gate) * units) * units + (long) panel * wide);
        for (int row = 0; row < steps; row++) {
            int begin = into + row * wide;
            MemorySegment.copy(weight, Tensor.FLOAT, from + 4L * row * units, packed, begin, valid);
            for (int lane = valid; lane < wide; lane++) {
                packed[begin + lane] = 0;
            }
        }
    }
}

package tern.kernels.cells;

import java.lang.foreign.MemorySegment;

import tern.kernels.ThreadTeam;
import tern.kernels.matmul.Gemm;
import tern.ops.Cell;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** One backward pass: positions from the last, then weights all at once. Its blocks may run on several threads. */
final class CellBackward {
    private final ThreadTeam team;
    private final CellShape shape;
    private final Cell cell;
    private final Tensor state;
    private final Tensor y;
    private final Tensor kept;
    private final Tensor dy;
    private final Tensor dx;
    /** Gates whose products read h itself. */
    private final int direct;
    /** Gradients of those products at even and at odd positions, as rows of gates·K. */
    private final float[][] rows;
    /** Gradients of the product that reads what was reset, as rows of K. */
    private final float[] late;
    /** Gradients of what is remembered, h first: what does not come by products. */
    private final float[] slope;
    /** σ(r) and dz between the phases of a position. */
    private final float[] between;
    /** What a GRU's last product got [B,T,H·K], or what one that resets first read; else [0]. */
    private final Tensor last;
    private final CellPanels panels;
    private final CellPanels latePanels;

    CellBackward(ThreadTeam team, Cell cell, Tensor weight, Tensor state, Tensor y, Tensor kept, Tensor dy, Tensor dx) {
        this.team = team;
        this.shape = CellShape.of(cell, dx);
        this.cell = cell;
        this.state = state;
        this.y = y;
        this.kept = kept;
        this.dy = dy;
        this.dx = dx;
        boolean first = cell == Cell.GRU_RESET_FIRST;
        this.direct = first ? 2 : cell.gates();
        Workspace scratch = team.scratch();
        int length = shape.rowNumbers(direct * shape.units());
        this.rows = new float[][] {scratch.floats(length), scratch.floats(length)};
        this.late = scratch.floats(first ? shape.rowNumbers(shape.units()) : 0);
        this.slope = scratch.floats(cell.states() * shape.all());
        this.between = scratch.floats(first ? 2 * shape.all() : 0);
        this.last = scratch.allocate(DType.F32, ofGru() ? y.shape() : Shape.of(0));
        this.panels = CellPanels.backward(team, shape, weight, 0, direct);
        this.latePanels = first ? CellPanels.backward(team, shape, weight, 2, 3) : panels;
    }

    private boolean ofGru() {
        return cell == Cell.GRU || cell == Cell.GRU_RESET_FIRST;
    }

    /** Writes dx and dState. */
    void run(Tensor dNextState, Tensor dState) {
        eachBlock((head, group, panel, s) -> shape.loadState(dNextState.data(), s, head, group, panel, slope,
                s * shape.all() + shape.blockAt(head, group, panel)));
        int rounds = shape.time() * shape.phases() + 1;
        int strands = shape.heads() * shape.groups();
        if (shape.alone()) {
            team.run(strands, (index, scratch) -> {
                Workspace.Mark mark = scratch.mark();
                for (int round = 0; round < rounds; round++) {
                    for (int panel = 0; panel < shape.panels(); panel++) {
                        block(round, index % shape.heads(), index / shape.heads(), panel, scratch);
                        scratch.release(mark);
                    }
                }
            });
        } else {
            team.rounds(rounds, strands * shape.panels(), (round, index, scratch) -> {
                int strand = index / shape.panels();
                block(round, strand % shape.heads(), strand / shape.heads(), index % shape.panels(), scratch);
            });
        }
        eachBlock((head, group, panel, s) -> shape.storeState(slope,
                s * shape.all() + shape.blockAt(head, group, panel), dState.data(), s, head, group, panel));
    }

    private interface OfBlock {
        void run(int head, int group, int panel, int slot);
    }

    private void eachBlock(OfBlock action) {
        for (int head = 0; head < shape.heads(); head++) {
            for (int group = 0; group < shape.groups(); group++) {
                for (int panel = 0; panel < shape.panels(); panel++) {
                    for (int s = 0; s < cell.states(); s++) {
                        action.run(head, group, panel, s);
                    }
                }
            }
        }
    }

    private void block(int round, int head, int group, int panel, Workspace scratch) {
        int t = shape.time() - 1 - round / shape.phases();
        int n = shape.block();
        int at = shape.blockAt(head, group, panel);
        float[] dh = scratch.floats(n);
        float[] g = scratch.floats((cell.kept() + 1) * n);
        float[] before = scratch.floats(2 * n);
        if (round % shape.phases() == 1) {
            resetBackward(t, head, group, panel, dh, g, before);
            return;
        }
        if (round > 0) {
            int length = direct * shape.units();
            CellTile.multiply(shape.rows(), length, rows[(t + 1) % 2], shape.rowsAt(head, group, length), length,
                    panels.packed, panels.at(head, panel, 0), shape.wide(), dh, 0);
            if (cell == Cell.ELMAN || cell == Cell.LSTM || cell == Cell.SLSTM) {
                System.arraycopy(dh, 0, slope, at, n);
            } else {
                CellLoops.add(slope, at, dh, 0, n);
            }
        }
        if (t < 0) {
            return;
        }
        shape.load(dy.data(), 1, 0, t, head, group, panel, dh, 0);
        CellLoops.add(dh, 0, slope, at, n);
        for (int s = 0; s < cell.kept(); s++) {
            shape.load(kept.data(), cell.kept(), s, t, head, group, panel, g, s * n);
        }
        switch (cell) {
            case ELMAN -> {
                shape.load(y.data(), 1, 0, t, head, group, panel, before, 0);
                CellLoops.elmanBackward(before, dh, n);
                given(t, head, group, panel, 0, dh, 0);
            }
            case LSTM -> {
                remembered(t, 1, head, group, panel, before, 0);
                CellLoops.lstmBackward(g, n, before, dh, slope, shape.all() + at);
                fourGates(t, head, group, panel, g);
            }
            case SLSTM -> {
                remembered(t, 1, head, group, panel, before, 0);
                remembered(t, 2, head, group, panel, before, n);
                CellLoops.exponentialBackward(g, n, before, dh, slope, shape.all() + at, shape.all());
                fourGates(t, head, group, panel, g);
            }
            case GRU -> {
                remembered(t, 0, head, group, panel, before, 0);
                CellLoops.updateBackward(g, n, before, dh);
                System.arraycopy(dh, 0, slope, at, n);
                CellLoops.lateResetBackward(g, n);
                given(t, head, group, panel, 0, g, 0);
                given(t, head, group, panel, 1, g, n);
                shape.store(g, 2 * n, dx.data(), 3, 2, t, head, group, panel);
                shape.store(g, 3 * n, last.data(), 1, 0, t, head, group, panel);
                toRows(t, head, group, panel, 2, g, 3 * n);
            }
            case GRU_RESET_FIRST -> {
                remembered(t, 0, head, group, panel, before, 0);
                CellLoops.updateBackward(g, n, before, dh);
                System.arraycopy(dh, 0, slope, at, n);
                System.arraycopy(g, 0, between, 2 * at, 2 * n);
                shape.store(g, 2 * n, dx.data(), 3, 2, t, head, group, panel);
                shape.spread(g, 2 * n, group, panel, late, shape.rowsAt(head, group, shape.units()), shape.units(), 0);
            }
        }
    }

    /** The second phase of a GRU that resets first: through its product to r and to h before. */
    private void resetBackward(int t, int head, int group, int panel, float[] dReset, float[] g, float[] before) {
        int n = shape.block();
        int at = shape.blockAt(head, group, panel);
        int units = shape.units();
        CellTile.multiply(shape.rows(), units, late, shape.rowsAt(head, group, units), units, latePanels.packed,
                latePanels.at(head, panel, 0), shape.wide(), dReset, 0);
        System.arraycopy(between, 2 * at, g, 0, 2 * n);
        remembered(t, 0, head, group, panel, before, 0);
        CellLoops.product(g, 0, before, 0, before, n, n);
        shape.store(before, n, last.data(), 1, 0, t, head, group, panel);
        CellLoops.earlyResetBackward(g, before, dReset, slope, at, n);
        given(t, head, group, panel, 0, g, 0);
        given(t, head, group, panel, 1, g, n);
    }

    /** What was remembered before a position. */
    private void remembered(int t, int slot, int head, int group, int panel, float[] into, int at) {
        if (t == 0) {
            shape.loadState(state.data(), slot, head, group, panel, into, at);
        } else if (slot == 0) {
            shape.load(y.data(), 1, 0, t - 1, head, group, panel, into, at);
        } else {
            int keptAt = cell.kept() - Math.min(3, cell.states()) + slot;
            shape.load(kept.data(), cell.kept(), keptAt, t - 1, head, group, panel, into, at);
        }
    }

    private void fourGates(int t, int head, int group, int panel, float[] g) {
        for (int gate = 0; gate < 4; gate++) {
            given(t, head, group, panel, gate, g, gate * shape.block());
        }
    }

    /** A gate's gradient goes to dx and to the rows that the position before reads. */
    private void given(int t, int head, int group, int panel, int gate, float[] from, int at) {
        shape.store(from, at, dx.data(), cell.gates(), gate, t, head, group, panel);
        toRows(t, head, group, panel, gate, from, at);
    }

    private void toRows(int t, int head, int group, int panel, int gate, float[] from, int at) {
        int length = direct * shape.units();
        shape.spread(from, at, group, panel, rows[t % 2], shape.rowsAt(head, group, length), length,
                gate * shape.units());
    }

    // ── weights ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /** Accumulates dWeight and dBias; after {@link #run}. */
    void weights(Tensor dWeight, Tensor dBias) {
        int width = shape.heads() * shape.units();
        Tensor before = team.scratch().allocate(DType.F32, y.shape());
        long row = 4L * width;
        long sequence = row * shape.time();
        for (int b = 0; b < shape.batch(); b++) {
            MemorySegment.copy(state.data(), row * b * cell.states(), before.data(), sequence * b, row);
            MemorySegment.copy(y.data(), sequence * b, before.data(), sequence * b + row, sequence - row);
        }
        for (int head = 0; head < shape.heads(); head++) {
            if (ofGru()) {
                ofGates(head, 0, 2, dx, cell.gates(), before, dWeight);
                boolean late = cell == Cell.GRU;
                ofGates(head, 2, 3, late ? last : dx, late ? 1 : cell.gates(), late ? before : last, dWeight);
            } else {
                ofGates(head, 0, cell.gates(), dx, cell.gates(), before, dWeight);
            }
        }
        if (cell.biased()) {
            int positions = shape.batch() * shape.time();
            MemorySegment ones = team.scratch().floatMemory(positions);
            for (int i = 0; i < positions; i++) {
                ones.setAtIndex(Tensor.FLOAT, i, 1);
            }
            Gemm.multiply(team, 1, width, positions, ones, 0, positions, false, last.data(), 0, width, false,
                    dBias.data(), 0, width, 1, 1);
        }
    }

    /** dWeight += dᵀ·read for some gates of a head; {@code d} has so many gates, and begins with the first if it has one. */
    private void ofGates(int head, int from, int to, Tensor d, int gates, Tensor read, Tensor dWeight) {
        int units = shape.units();
        int width = shape.heads() * units;
        int at = (head * gates + (gates == 1 ? 0 : from)) * units;
        Gemm.multiply(team, (to - from) * units, units, shape.batch() * shape.time(), d.data(), 4L * at, gates * width,
                true, read.data(), 4L * head * units, width, false, dWeight.data(),
                4L * (head * cell.gates() + from) * units * units, units, 1, 1);
    }
}

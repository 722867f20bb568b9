package tern.kernels.cells;

import java.lang.foreign.MemorySegment;
import java.util.Optional;

import tern.kernels.ThreadTeam;
import tern.kernels.matmul.Matmul;
import tern.ops.Cell;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** One forward pass. Its blocks may run on several threads, all of a position before any of the next. */
final class CellForward {
    /** Fewer positions do not pay for laying out weights. */
    private static final int FEW_POSITIONS = 16;
    /** Numbers of a position below which another thread would cost more than it gains. */
    private static final int WORTH_A_REGION = 1 << 13;

    private final ThreadTeam team;
    private final CellShape shape;
    private final Cell cell;
    private final Tensor x;
    private final Tensor weight;
    private final Tensor bias;
    private final Tensor y;
    private final Tensor kept;
    /** h of even and of odd positions as rows of K. */
    private final float[][] rows;
    /** σ(r) ⊙ h as rows of K. */
    private final float[] reset;
    /** What is remembered besides: c, n, m; or h of a GRU. */
    private final float[] remembered;
    /** σ(r) and σ(z) between the phases of a position. */
    private final float[] gates;

    CellForward(ThreadTeam team, Cell cell, Tensor x, Tensor weight, Tensor bias, Tensor y, Tensor kept) {
        this.team = team;
        this.shape = CellShape.of(cell, x);
        this.cell = cell;
        this.x = x;
        this.weight = weight;
        this.bias = bias;
        this.y = y;
        this.kept = kept;
        Workspace scratch = team.scratch();
        int length = shape.rowNumbers(shape.units());
        this.rows = new float[][] {scratch.floats(length), scratch.floats(length)};
        this.reset = scratch.floats(cell == Cell.GRU_RESET_FIRST ? length : 0);
        this.remembered = scratch.floats(Math.max(1, cell.states() - 1) * shape.all());
        this.gates = scratch.floats(cell == Cell.GRU_RESET_FIRST ? 2 * shape.all() : 0);
    }

    void run(Matmul matmul, Tensor state, Tensor nextState) {
        begin(state.data());
        int phases = shape.phases();
        if (shape.time() < FEW_POSITIONS) {
            for (int round = 0; round < shape.time() * phases; round++) {
                straight(matmul, round);
            }
        } else {
            Optional<CellPanels> panels = Optional.of(CellPanels.forward(team, shape, weight));
            int strands = shape.heads() * shape.groups();
            if (shape.alone()) {
                team.run(strands, (index, scratch) -> {
                    Workspace.Mark mark = scratch.mark();
                    for (int round = 0; round < shape.time() * phases; round++) {
                        for (int panel = 0; panel < shape.panels(); panel++) {
                            block(round, index % shape.heads(), index / shape.heads(), panel, panels, reset, scratch);
                            scratch.release(mark);
                        }
                    }
                });
            } else {
                team.rounds(shape.time() * phases, strands * shape.panels(), (round, index, scratch) -> {
                    int strand = index / shape.panels();
                    block(round, strand % shape.heads(), strand / shape.heads(), index % shape.panels(), panels, reset,
                            scratch);
                });
            }
        }
        end(nextState.data());
    }

    private void begin(MemorySegment state) {
        boolean ofGru = cell == Cell.GRU || cell == Cell.GRU_RESET_FIRST;
        float[] h = team.scratch().floats(shape.block());
        for (int head = 0; head < shape.heads(); head++) {
            for (int group = 0; group < shape.groups(); group++) {
                for (int panel = 0; panel < shape.panels(); panel++) {
                    int at = shape.blockAt(head, group, panel);
                    shape.loadState(state, 0, head, group, panel, h, 0);
                    shape.spread(h, 0, group, panel, rows[0], shape.rowsAt(head, group, shape.units()),
                            shape.units(), 0);
                    if (ofGru) {
                        System.arraycopy(h, 0, remembered, at, shape.block());
                    }
                    for (int s = 1; s < cell.states(); s++) {
                        shape.loadState(state, s, head, group, panel, remembered, (s - 1) * shape.all() + at);
                    }
                }
            }
        }
    }

    private void end(MemorySegment state) {
        float[] h = team.scratch().floats(shape.block());
        for (int head = 0; head < shape.heads(); head++) {
            for (int group = 0; group < shape.groups(); group++) {
                for (int panel = 0; panel < shape.panels(); panel++) {
                    int at = shape.blockAt(head, group, panel);
                    shape.gather(rows[shape.time() % 2], shape.rowsAt(head, group, shape.units()), shape.units(), 0,
                            group, panel, h, 0);
                    shape.storeState(h, 0, state, 0, head, group, panel);
                    for (int s = 1; s < cell.states(); s++) {
                        shape.storeState(remembered, (s - 1) * shape.all() + at, state, s, head, group, panel);
                    }
                }
            }
        }
    }

    /** A round with products straight from the weights, of all gates whether the phase needs them or not. */
    private void straight(Matmul matmul, int round) {
        Workspace.Mark mark = team.scratch().mark();
        int units = shape.units();
        boolean ofReset = round % shape.phases() == 1;
        float[] source = ofReset ? reset : rows[round / shape.phases() % 2];
        Tensor h = team.scratch().allocate(DType.F32, Shape.of(shape.heads(), shape.batch(), units));
        for (int head = 0; head < shape.heads(); head++) {
            // Groups of a head lie one after the other, so its padding stands at the end.
            MemorySegment.copy(source, shape.rowsAt(head, 0, units), h.data(), Tensor.FLOAT,
                    4L * head * shape.batch() * units, shape.batch() * units);
        }
        int all = cell.gates() * units;
        Tensor sums = team.scratch().allocate(DType.F32, Shape.of(shape.heads(), shape.batch(), all));
        matmul.multiply(team, h, false, weight.reshape(shape.heads(), all, units), true, sums, 0);
        int padded = shape.groups() * shape.rows();
        float[] products = team.scratch().floats(shape.heads() * padded * all);
        for (int head = 0; head < shape.heads(); head++) {
            MemorySegment.copy(sums.data(), Tensor.FLOAT, 4L * head * shape.batch() * all, products,
                    head * padded * all,
                    shape.batch() * all);
        }
        int blocks = shape.heads() * shape.groups() * shape.panels();
        ThreadTeam.Task task = (index, scratch) -> {
            int strand = index / shape.panels();
            block(round, strand % shape.heads(), strand / shape.heads(), index % shape.panels(), Optional.empty(),
                    products, scratch);
        };
        if (shape.batch() * shape.heads() * all >= WORTH_A_REGION) {
            team.run(blocks, task);
        } else {
            for (int index = 0; index < blocks; index++) {
                Workspace.Mark own = team.scratch().mark();
                task.run(index, team.scratch());
                team.scratch().release(own);
            }
        }
        team.scratch().release(mark);
    }

    /** Products of a gate: from panels, or from what was multiplied already. */
    private void product(int gate, float[] source, int head, int group, int panel, Optional<CellPanels> panels,
            float[] products, float[] into, int at) {
        int units = shape.units();
        if (panels.isPresent()) {
            CellTile.multiply(shape.rows(), units, source, shape.rowsAt(head, group, units), units,
                    panels.get().packed, panels.get().at(head, panel, gate), shape.wide(), into, at);
        } else {
            int all = cell.gates() * units;
            shape.gather(products, shape.rowsAt(head, group, all), all, gate * units, group, panel, into, at);
        }
    }

    private void block(int round, int head, int group, int panel, Optional<CellPanels> panels, float[] products,
            Workspace scratch) {
        int t = round / shape.phases();
        int n = shape.block();
        float[] g = scratch.floats(Math.max(cell.gates(), cell.kept()) * n);
        float[] beside = scratch.floats(n);
        float[] before = rows[t % 2];
        if (round % shape.phases() == 1) {
            resetFirst(t, head, group, panel, panels, products, g, beside);
            return;
        }
        int ready = cell == Cell.GRU_RESET_FIRST ? 2 : cell.gates();
        for (int i = 0; i < ready; i++) {
            // As in Rounds: first what the position before read last.
            int gate = round % 2 == 0 ? i : ready - 1 - i;
            boolean late = cell == Cell.GRU && gate == 2;
            int at = (late ? 3 : gate) * n;
            product(gate, before, head, group, panel, panels, products, g, at);
            if (late) {
                shape.load(x.data(), 3, gate, t, head, group, panel, g, 2 * n);
                loadBias(head, group, panel, beside);
            } else {
                shape.load(x.data(), cell.gates(), gate, t, head, group, panel, beside, 0);
            }
            CellLoops.add(g, at, beside, 0, n);
        }
        int at = shape.blockAt(head, group, panel);
        switch (cell) {
            case ELMAN -> {
                CellLoops.tanhs(g, 0, n);
                written(t, head, group, panel, g, g, 0);
            }
            case LSTM -> {
                CellLoops.lstm(g, n, remembered, at, beside);
                written(t, head, group, panel, g, beside, 0);
            }
            case GRU -> {
                CellLoops.gru(g, n, remembered, at);
                written(t, head, group, panel, g, remembered, at);
            }
            case SLSTM -> {
                CellLoops.exponential(g, n, remembered, at, shape.all(), beside);
                written(t, head, group, panel, g, beside, 0);
            }
            case GRU_RESET_FIRST -> {
                CellLoops.sigmoids(g, 0, 2 * n);
                System.arraycopy(g, 0, gates, 2 * at, 2 * n);
                CellLoops.product(g, 0, remembered, at, beside, 0, n);
                shape.spread(beside, 0, group, panel, reset, shape.rowsAt(head, group, shape.units()), shape.units(),
                        0);
            }
        }
    }

    private void resetFirst(int t, int head, int group, int panel, Optional<CellPanels> panels, float[] products,
            float[] g, float[] beside) {
        int n = shape.block();
        int at = shape.blockAt(head, group, panel);
        System.arraycopy(gates, 2 * at, g, 0, 2 * n);
        product(2, reset, head, group, panel, panels, products, g, 2 * n);
        shape.load(x.data(), 3, 2, t, head, group, panel, beside, 0);
        CellLoops.add(g, 2 * n, beside, 0, n);
        CellLoops.tanhs(g, 2 * n, n);
        CellLoops.update(g, n, remembered, at);
        written(t, head, group, panel, g, remembered, at);
    }

    private void loadBias(int head, int group, int panel, float[] into) {
        for (int r = 0; r < shape.valid(group); r++) {
            MemorySegment.copy(bias.data(), Tensor.FLOAT,
                    4L * ((long) head * shape.units() + (long) panel * shape.wide()), into, r * shape.wide(),
                    shape.validUnits(panel));
        }
    }

    /** h goes to the output and to the rows that the next position reads; what is kept, to its place. */
    private void written(int t, int head, int group, int panel, float[] g, float[] h, int at) {
        shape.store(h, at, y.data(), 1, 0, t, head, group, panel);
        shape.spread(h, at, group, panel, rows[(t + 1) % 2], shape.rowsAt(head, group, shape.units()), shape.units(),
                0);
        if (kept.elements() > 0) {
            for (int s = 0; s < cell.kept(); s++) {
                shape.store(g, s * shape.block(), kept.data(), cell.kept(), s, t, head, group, panel);
            }
        }
    }
}

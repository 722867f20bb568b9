package tern.kernels.cells;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

import tern.kernels.ThreadTeam;
import tern.kernels.lanes.Lanes;
import tern.ops.UnitCell;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32, units in the lanes; a task is some vectors of units of one sequence. Other types go to the plain body. An
 * LSTM's backward computes c again. Gradients of weights are summed in single precision over {@value #STRETCH} positions, over
 * stretches and sequences in double. Immutable.
 */
public final class VectorUnitScan implements UnitScan {
    private static final int STRETCH = 256;
    private static final int VECTORS = 4;

    private final UnitScan plain = new ReferenceUnitScan();

    /** A body without state. */
    public VectorUnitScan() {
    }

    /** Where the units of a task lie. */
    record Strip(UnitCell cell, Tensor x, int b, int from, int n, int valid) {
        static int wide(int units) {
            return Math.min(VECTORS * Lanes.LENGTH, Lanes.padded(units));
        }

        static int count(int units) {
            return (units + wide(units) - 1) / wide(units);
        }

        static Strip of(UnitCell cell, Tensor x, int index) {
            int units = x.dim(3);
            int wide = wide(units);
            int from = index % count(units) * wide;
            return new Strip(cell, x, index / count(units), from, wide, Math.min(wide, units - from));
        }

        /** Copies {@code rows} rows of a tensor into parts. */
        void load(Tensor tensor, long row, int rows, float[] into, int at) {
            long width = tensor.shape().last();
            for (int i = 0; i < rows; i++) {
                MemorySegment.copy(tensor.data(), Tensor.FLOAT, 4 * ((row + i) * width + from), into, at + i * n,
                        valid);
                Arrays.fill(into, at + i * n + valid, at + (i + 1) * n, 0);
            }
        }

        /** The other way. */
        void store(float[] parts, int at, int rows, Tensor tensor, long row) {
            long width = tensor.shape().last();
            for (int i = 0; i < rows; i++) {
                MemorySegment.copy(parts, at + i * n, tensor.data(), Tensor.FLOAT, 4 * ((row + i) * width + from),
                        valid);
            }
        }

        int time() {
            return x.dim(1);
        }

        /** The first row of a position in a tensor with so many a position. */
        long row(int t, int rows) {
            return ((long) b * time() + t) * rows;
        }

        float[] weights(Tensor weight, Workspace scratch) {
            float[] w = scratch.floats(cell.weights() * n);
            load(weight, 0, cell.weights(), w, 0);
            return w;
        }
    }

    @Override
    public void forward(ThreadTeam team, UnitCell cell, Tensor x, Tensor weight, Tensor state, Tensor y,
            Tensor nextState) {
        if (x.dtype() != DType.F32) {
            plain.forward(team, cell, x, weight, state, y, nextState);
            return;
        }
        team.run(x.dim(0) * Strip.count(x.dim(3)), (index, scratch) -> {
            Strip strip = Strip.of(cell, x, index);
            int states = cell.states();
            float[] w = strip.weights(weight, scratch);
            float[] g = scratch.floats(4 * strip.n);
            float[] s = scratch.floats(states * strip.n);
            strip.load(state, (long) strip.b * states, states, s, 0);
            for (int t = 0; t < strip.time(); t++) {
                strip.load(x, strip.row(t, cell.gates()), cell.gates(), g, 0);
                UnitLoops.step(cell, g, w, s, strip.n);
                strip.store(s, 0, 1, y, strip.row(t, 1));
            }
            strip.store(s, 0, states, nextState, (long) strip.b * states);
        });
    }

    @Override
    public Convergence newton(ThreadTeam team, UnitCell cell, Tensor x, Tensor weight, Tensor state, int limit,
            double tolerance, Tensor y, Tensor nextState) {
        if (x.dtype() != DType.F32 || x.elements() == 0) {
            return plain.newton(team, cell, x, weight, state, limit, tolerance, y, nextState);
        }
        Workspace.Mark mark = team.scratch().mark();
        Convergence went = new UnitNewton(team, cell, x, weight, state).solve(limit, tolerance, y, nextState);
        team.scratch().release(mark);
        if (!(went.residual() <= tolerance)) {
            forward(team, cell, x, weight, state, y, nextState);
        }
        return went;
    }

    @Override
    public void backward(ThreadTeam team, UnitCell cell, Tensor x, Tensor weight, Tensor state, Tensor y, Tensor dy,
            Tensor dNextState, Tensor dx, Tensor dWeight, Tensor dState) {
        if (x.dtype() != DType.F32) {
            plain.backward(team, cell, x, weight, state, y, dy, dNextState, dx, dWeight, dState);
            return;
        }
        Workspace.Mark mark = team.scratch().mark();
        int batch = x.dim(0);
        Tensor sums = team.scratch().zeros(DType.F64, Shape.of(batch, cell.weights(), x.dim(3)));
        team.run(batch * Strip.count(x.dim(3)), (index, scratch) -> backward(Strip.of(cell, x, index), weight, state,
                y, dy, dNextState, dx, dState, sums, scratch));
        long all = dWeight.elements();
        for (long i = 0; i < all; i++) {
            double sum = 0;
            for (int b = 0; b < batch; b++) {
                sum += sums.get(b * all + i);
            }
            dWeight.set(i, dWeight.get(i) + sum);
        }
        team.scratch().release(mark);
    }

    private static void backward(Strip strip, Tensor weight, Tensor state, Tensor y, Tensor dy, Tensor dNextState,
            Tensor dx, Tensor dState, Tensor sums, Workspace scratch) {
        UnitCell cell = strip.cell;
        int n = strip.n;
        int states = cell.states();
        float[] w = strip.weights(weight, scratch);
        float[] dw = scratch.floats(cell.weights() * n);
        float[] g = scratch.floats(4 * n);
        float[] d = scratch.floats(states * n);
        float[] dh = scratch.floats(n);
        float[] before = scratch.floats(states * n);
        float[] after = scratch.floats(states * n);
        float[] memory = scratch.floats(states > 1 ? (strip.time() + 1) * n : 0);
        if (states > 1) {
            again(strip, w, state, y, memory, scratch);
        }
        Arrays.fill(dw, 0, cell.weights() * n, 0);
        strip.load(dNextState, (long) strip.b * states, states, d, 0);
        for (int t = strip.time() - 1; t >= 0; t--) {
            strip.load(dy, strip.row(t, 1), 1, dh, 0);
            CellLoops.add(d, 0, dh, 0, n);
            if (t == 0) {
                strip.load(state, (long) strip.b * states, states, before, 0);
            } else {
                strip.load(y, strip.row(t - 1, 1), 1, before, 0);
                System.arraycopy(memory, t * n * (states - 1), before, n * (states - 1), n * (states - 1));
            }
            strip.load(strip.x, strip.row(t, cell.gates()), cell.gates(), g, 0);
            System.arraycopy(before, 0, after, 0, states * n);
            UnitLoops.step(cell, g, w, after, n);
            UnitLoops.back(cell, g, w, before, after, d, dw, n);
            strip.store(g, 0, cell.gates(), dx, strip.row(t, cell.gates()));
            if (t % STRETCH == 0) {
                for (int part = 0; part < cell.weights(); part++) {
                    for (int i = 0; i < strip.valid; i++) {
                        long at = ((long) strip.b * cell.weights() + part) * sums.dim(2) + strip.from + i;
                        sums.set(at, sums.get(at) + dw[part * n + i]);
                    }
                }
                Arrays.fill(dw, 0, cell.weights() * n, 0);
            }
        }
        strip.store(d, 0, states, dState, (long) strip.b * states);
    }

    /** c before each position. */
    private static void again(Strip strip, float[] w, Tensor state, Tensor y, float[] memory, Workspace scratch) {
        int n = strip.n;
        float[] g = scratch.floats(4 * n);
        float[] s = scratch.floats(2 * n);
        strip.load(state, (long) strip.b * 2, 2, s, 0);
        for (int t = 0; t < strip.time(); t++) {
            System.arraycopy(s, n, memory, t * n, n);
            strip.load(strip.x, strip.row(t, strip.cell.gates()), strip.cell.gates(), g, 0);
            UnitLoops.step(strip.cell, g, w, s, n);
            strip.load(y, strip.row(t, 1), 1, s, 0);
        }
    }
}

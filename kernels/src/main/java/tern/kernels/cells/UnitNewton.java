package tern.kernels.cells;

import java.util.Arrays;

import tern.kernels.ThreadTeam;
import tern.kernels.cells.UnitScan.Convergence;
import tern.kernels.cells.VectorUnitScan.Strip;
import tern.ops.UnitCell;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Newton's method for all positions of some sequences: s_t = f(s_(t−1), x_t) for all t is one system, whose Newton step is the linear
 * recurrence d_t = J_t d_(t−1) + r_t (ParaRNN, arXiv 2510.21450, section 3). It is solved in three passes over chunks of time: each
 * chunk is joined to one equation, the chunks are substituted one after the other, and each chunk's positions within it. A task is
 * a chunk of some units of one sequence.
 */
final class UnitNewton {
    private static final int CHUNK = 64;

    private final ThreadTeam team;
    private final UnitCell cell;
    private final Tensor x;
    private final Tensor weight;
    private final Tensor state;
    private final int size;
    private final int strips;
    private final int chunks;
    /** [B,T,S,D]. */
    private final Tensor states;
    private final Tensor right;
    /** [B,T,S·S,D]. */
    private final Tensor left;
    /** Of each chunk and strip: its joined equation, S·S + S parts, then what comes into it, S parts. */
    private final Tensor ends;
    private final double[] residuals;

    UnitNewton(ThreadTeam team, UnitCell cell, Tensor x, Tensor weight, Tensor state) {
        this.team = team;
        this.cell = cell;
        this.x = x;
        this.weight = weight;
        this.state = state;
        this.size = cell.states();
        this.strips = x.dim(0) * Strip.count(x.dim(3));
        this.chunks = (x.dim(1) + CHUNK - 1) / CHUNK;
        Shape all = Shape.of(x.dim(0), x.dim(1), size, x.dim(3));
        Workspace scratch = team.scratch();
        this.states = scratch.allocate(DType.F32, all);
        this.right = scratch.allocate(DType.F32, all);
        this.left = scratch.allocate(DType.F32, all.with(2, size * size));
        this.ends = scratch.allocate(DType.F32,
                Shape.of(strips * chunks, (size * size + 2 * size) * Strip.wide(x.dim(3))));
        this.residuals = new double[strips * chunks];
    }

    Convergence solve(int limit, double tolerance, Tensor y, Tensor nextState) {
        eachChunk(this::guess);
        double residual = linearised();
        int count = 0;
        for (; count < limit && !(residual <= tolerance); count++) {
            team.run(strips, this::substitute);
            eachChunk(this::correct);
            residual = linearised();
        }
        team.run(strips, (index, scratch) -> {
            Strip strip = Strip.of(cell, x, index);
            float[] s = scratch.floats(size * strip.n());
            for (int t = 0; t < strip.time(); t++) {
                strip.load(states, strip.row(t, size), size, s, 0);
                strip.store(s, 0, 1, y, strip.row(t, 1));
            }
        });
        if (residual <= tolerance) {
            team.run(strips, (index, scratch) -> {
                Strip strip = Strip.of(cell, x, index);
                float[] s = scratch.floats(size * strip.n());
                strip.load(states, strip.row(strip.time() - 1, size), size, s, 0);
                strip.store(s, 0, size, nextState, (long) strip.b() * size);
            });
        }
        return new Convergence(count, residual);
    }

    private interface OfChunk {
        void run(Strip strip, int index, int from, int to, Workspace scratch);
    }

    private void eachChunk(OfChunk action) {
        team.run(strips * chunks, (index, scratch) -> {
            int from = index % chunks * CHUNK;
            action.run(Strip.of(cell, x, index / chunks), index, from, Math.min(x.dim(1), from + CHUNK), scratch);
        });
    }

    /** s_t = f(0, x_t). */
    private void guess(Strip strip, int index, int from, int to, Workspace scratch) {
        float[] w = strip.weights(weight, scratch);
        float[] g = scratch.floats(4 * strip.n());
        float[] s = scratch.floats(size * strip.n());
        for (int t = from; t < to; t++) {
            before(strip, t, s, t == 0);
            strip.load(x, strip.row(t, cell.gates()), cell.gates(), g, 0);
            UnitLoops.step(cell, g, w, s, strip.n());
            strip.store(s, 0, size, states, strip.row(t, size));
        }
    }

    /** The state before a position as it is known now; zeros if it is not. */
    private void before(Strip strip, int t, float[] s, boolean known) {
        if (!known) {
            Arrays.fill(s, 0, size * strip.n(), 0);
        } else if (t == 0) {
            strip.load(state, (long) strip.b() * size, size, s, 0);
        } else {
            strip.load(states, strip.row(t - 1, size), size, s, 0);
        }
    }

    private double linearised() {
        eachChunk(this::linearise);
        double largest = 0;
        for (double residual : residuals) {
            largest = Math.max(largest, residual);
        }
        return largest;
    }

    private void linearise(Strip strip, int index, int from, int to, Workspace scratch) {
        int n = strip.n();
        float[] w = strip.weights(weight, scratch);
        float[] g = scratch.floats(4 * n);
        float[] before = scratch.floats(size * n);
        float[] after = scratch.floats(size * n);
        float[] known = scratch.floats(size * n);
        float[] jacobian = scratch.floats(size * size * n);
        float[] joined = scratch.floats(size * size * n);
        float[] sum = scratch.floats(size * n);
        float[] spare = scratch.floats(size * size * n);
        Arrays.fill(joined, 0, size * size * n, 0);
        for (int i = 0; i < size; i++) {
            Arrays.fill(joined, (i * size + i) * n, (i * size + i + 1) * n, 1);
        }
        Arrays.fill(sum, 0, size * n, 0);
        double largest = 0;
        for (int t = from; t < to; t++) {
            before(strip, t, before, true);
            System.arraycopy(before, 0, after, 0, size * n);
            strip.load(x, strip.row(t, cell.gates()), cell.gates(), g, 0);
            UnitLoops.step(cell, g, w, after, n);
            UnitLoops.jacobian(cell, g, w, before, jacobian, n);
            strip.load(states, strip.row(t, size), size, known, 0);
            UnitLoops.residual(after, known, 0, known, 0, size * n);
            for (int i = 0; i < size; i++) {
                largest = Math.max(largest, UnitLoops.largest(known, i * n, strip.valid()));
            }
            UnitLoops.apply(jacobian, 0, known, 0, sum, spare, size, n);
            UnitLoops.join(jacobian, 0, joined, spare, size, n);
            strip.store(known, 0, size, right, strip.row(t, size));
            strip.store(jacobian, 0, size * size, left, strip.row(t, size * size));
        }
        residuals[index] = largest;
        ends(index, joined, size * size, 0, true, n);
        ends(index, sum, size, size * size, true, n);
    }

    /** Copies parts to or from what is known of a chunk as a whole. */
    private void ends(int index, float[] parts, int count, int first, boolean store, int n) {
        long at = (long) index * ends.dim(1) + (long) first * n;
        for (int i = 0; i < count * n; i++) {
            if (store) {
                ends.data().setAtIndex(Tensor.FLOAT, at + i, parts[i]);
            } else {
                parts[i] = ends.data().getAtIndex(Tensor.FLOAT, at + i);
            }
        }
    }

    private void substitute(int strip, Workspace scratch) {
        int n = Strip.wide(x.dim(3));
        float[] joined = scratch.floats(size * size * n);
        float[] sum = scratch.floats(size * n);
        float[] spare = scratch.floats(size * n);
        float[] d = scratch.floats(size * n);
        Arrays.fill(d, 0, size * n, 0);
        for (int chunk = 0; chunk < chunks; chunk++) {
            int index = strip * chunks + chunk;
            ends(index, d, size, size * size + size, true, n);
            ends(index, joined, size * size, 0, false, n);
            ends(index, sum, size, size * size, false, n);
            UnitLoops.apply(joined, 0, sum, 0, d, spare, size, n);
        }
    }

    private void correct(Strip strip, int index, int from, int to, Workspace scratch) {
        int n = strip.n();
        float[] jacobian = scratch.floats(size * size * n);
        float[] sum = scratch.floats(size * n);
        float[] spare = scratch.floats(size * n);
        float[] d = scratch.floats(size * n);
        float[] s = scratch.floats(size * n);
        ends(index, d, size, size * size + size, false, n);
        for (int t = from; t < to; t++) {
            strip.load(left, strip.row(t, size * size), size * size, jacobian, 0);
            strip.load(right, strip.row(t, size), size, sum, 0);
            UnitLoops.apply(jacobian, 0, sum, 0, d, spare, size, n);
            strip.load(states, strip.row(t, size), size, s, 0);
            CellLoops.add(s, 0, d, 0, size * n);
            strip.store(s, 0, size, states, strip.row(t, size));
        }
    }
}

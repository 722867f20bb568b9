package tern.kernels.convolution;

import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

import tern.kernels.lanes.Lanes;
import tern.ops.Activation;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Depthwise layers backward, a {@link DilatedPlan.Column} a task, from the last block of time to the first. c is computed again
 * from what the layer read, which costs less than reading it would. Where a whole call fits in cache, so is what the layers
 * read, together with f'(c), for which it takes one exponential instead of two.
 *
 * @param again whether layers are passed forward again; the plan is then one block
 * @param sums [B, all taps and biases, channels] in F64, written: what each sequence adds to their gradients
 * @param place where each layer's taps begin in the second axis of the sums
 */
record DilatedBackward(DilatedPlan plan, boolean again, Tensor x, List<Tensor> inner, List<Tensor> rings, long[] ages,
        Tensor dy,
        List<Tensor> dNextRings, DilatedConvolution.Slopes slopes, Tensor sums, int[] place) {

    /** Rows that grow towards the beginning of time. */
    private static final class Window {
        private final MemorySegment rows;
        private final int size;
        private final int after;
        /** The oldest row. */
        private int front;

        /** @param after rows that are read behind a block */
        private Window(Workspace scratch, int size, int after) {
            this.rows = scratch.floatMemory((long) size * LENGTH);
            this.size = size;
            this.after = after;
            this.front = size - after;
        }

        /** Makes room for rows before the oldest, which is moved if need be, and gives their place. */
        private long grow(int count) {
            if (front < count) {
                MemorySegment.copy(rows, (long) front * BYTES, rows, (long) (size - after) * BYTES,
                        (long) after * BYTES);
                front = size - after;
            }
            front -= count;
            return at();
        }

        /** Forgets the rows that were grown; what comes behind a block stays. */
        private void startAgain() {
            front = size - after;
        }

        private long at() {
            return (long) front * BYTES;
        }
    }

    /**
     * What one layer has in scratch.
     *
     * @param slopes f'(c) of every row, if it was passed again; the taps, which nobody reads as such, otherwise
     */
    private record Layer(MemorySegment taps, Window g, Window dc, MemorySegment slopes) {
    }

    /** Scratch of a task besides the layers'. */
    private record Parts(MemorySegment gradient, MemorySegment other, MemorySegment slopes) {
    }

    void run(int task, Workspace scratch) {
        DilatedPlan.Column column = DilatedPlan.Column.of(plan, task);
        clearSums(column);
        Layer[] own = new Layer[plan.depth()];
        int mostTaps = 0;
        Optional<Window> shared = again && !wantsRings() ? Optional.of(later(widest(), scratch)) : Optional.empty();
        for (int l = 0; l < own.length; l++) {
            int of = l;
            own[l] = layer(l, column, shared.orElseGet(() -> later(of, scratch)), scratch);
            mostTaps = Math.max(mostTaps, plan.taps()[l]);
        }
        long block = (long) plan.block() * LENGTH;
        Parts parts = new Parts(scratch.floatMemory(block), scratch.floatMemory(block),
                scratch.floatMemory((mostTaps + 1L) * LENGTH));
        if (again) {
            forwardAgain(own, column, parts.other);
        }
        int blocks = (plan.time() + plan.block() - 1) / plan.block();
        for (int i = blocks - 1; i >= 0; i--) {
            int t = i * plan.block();
            int rows = Math.min(plan.block(), plan.time() - t);
            column.gatherCall(dy, t, rows, parts.gradient, 0);
            for (int l = own.length - 1; l >= 0; l--) {
                block(own[l], l, column, t, rows, parts);
            }
            column.scatterCall(parts.gradient, 0, rows, slopes.dx(), t);
        }
        for (int l = 0; wantsRings() && l < own.length; l++) {
            ring(own[l], l, column, parts);
        }
    }

    private boolean wantsRings() {
        return plan.ringed() && !slopes.dRings().isEmpty();
    }

    /** The layer that reads furthest. */
    private int widest() {
        int widest = 0;
        for (int l = 1; l < plan.depth(); l++) {
            widest = plan.before()[l] > plan.before()[widest] ? l : widest;
        }
        return widest;
    }

    private Layer layer(int l, DilatedPlan.Column column, Window dc, Workspace scratch) {
        int before = plan.before()[l];
        MemorySegment taps = DilatedForward.taps(plan, l, column, scratch);
        if (again) {
            Window g = new Window(scratch, before + plan.time(), before);
            g.grow(plan.time());
            load(l, column, -before, before, g.rows, 0);
            return new Layer(taps, g, dc, scratch.floatMemory((long) plan.time() * LENGTH));
        }
        Window g = new Window(scratch, plan.window(l), before);
        // The rows that the last block's window ends with, some of which may lie before the call.
        load(l, column, plan.time() - before, before, g.rows, g.at());
        return new Layer(taps, g, dc, taps);
    }

    /** A window of dc, with the zeros that follow the call. */
    private Window later(int l, Workspace scratch) {
        Window dc = new Window(scratch, plan.window(l), plan.before()[l]);
        Lanes.clear(dc.rows, dc.at(), (long) dc.size * BYTES);
        return dc;
    }

    /** Fills the layers' windows and slopes. */
    private void forwardAgain(Layer[] own, DilatedPlan.Column column, MemorySegment unread) {
        Activation f = plan.layers().activation();
        int rows = plan.time();
        column.gatherCall(x, 0, rows, own[0].g.rows, (long) own[0].g.after * BYTES);
        for (int l = 0; l < own.length; l++) {
            Layer layer = own[l];
            int count = plan.taps()[l];
            long at = (long) layer.g.after * BYTES;
            if (l < own.length - 1) {
                Layer next = own[l + 1];
                DilatedRows.convolve(layer.g.rows, at, plan.step(l), layer.taps, 0, count, (long) count * BYTES, rows,
                        next.g.rows, (long) next.g.after * BYTES, new DilatedRows.Ending.ValueAndSlope(f,
                                plan.layers().residual(), layer.g.rows, at, layer.slopes));
            } else if (f != Activation.IDENTITY) {
                DilatedRows.convolve(layer.g.rows, at, plan.step(l), layer.taps, 0, count, (long) count * BYTES, rows,
                        unread, 0, new DilatedRows.Ending.SlopeAlone(f, layer.slopes));
            }
        }
    }

    /** Rows that layer l read, from row t of the call on; negative rows came before it. */
    private void load(int l, DilatedPlan.Column column, int t, int rows, MemorySegment into, long to) {
        int early = Math.min(rows, Math.max(0, -t));
        if (early > 0) {
            if (plan.ringed()) {
                column.gatherRing(rings.get(l), ages[column.sequence()] + t, early, into, to);
            } else {
                Lanes.clear(into, to, to + (long) early * BYTES);
            }
        }
        if (rows > early) {
            column.gatherCall(l == 0 ? x : inner.get(l - 1), t + early, rows - early, into,
                    to + (long) early * BYTES);
        }
    }

    /** One layer of one block: the gradient of its output becomes that of its input. */
    private void block(Layer own, int l, DilatedPlan.Column column, int t, int rows, Parts parts) {
        int before = plan.before()[l];
        int count = plan.taps()[l];
        long step = plan.step(l);
        if (!again) {
            load(l, column, t - before, rows, own.g.rows, own.g.grow(rows));
        }
        long at = own.g.at() + (long) before * BYTES;
        if (again) {
            own.dc.startAgain();
        }
        long dcAt = own.dc.grow(rows);
        MemorySegment dc = own.dc.rows;
        if (again && plan.threeTaps(l)) {
            ThreeTaps.slopes(own.slopes, parts.gradient, rows, dc, dcAt, own.g.rows, at, step, parts.slopes);
        } else {
            slope(own, l, at, dcAt, rows, parts);
            DilatedRows.slopes(dc, dcAt, own.g.rows, at, step, count, rows, parts.slopes, 0);
        }
        addSums(column, l, parts.slopes, count);
        if (plan.threeTaps(l)) {
            ThreeTaps.back(dc, dcAt, step, own.taps, rows, parts.gradient);
        } else {
            back(own, l, dcAt, rows, parts.other);
            if (plan.layers().residual()) {
                DilatedRows.add(parts.other, 0, rows, parts.gradient, 0);
            } else {
                MemorySegment.copy(parts.other, 0, parts.gradient, 0, (long) rows * BYTES);
            }
        }
        keep(l, column, t, rows, parts.gradient, parts.other);
    }

    /** dc ← f'(c) ⊙ the gradient. */
    private void slope(Layer own, int l, long at, long dcAt, int rows, Parts parts) {
        int count = plan.taps()[l];
        Activation f = plan.layers().activation();
        if (f == Activation.IDENTITY) {
            MemorySegment.copy(parts.gradient, 0, own.dc.rows, dcAt, (long) rows * BYTES);
        } else if (again) {
            DilatedRows.multiply(own.slopes, parts.gradient, rows, own.dc.rows, dcAt);
        } else {
            DilatedRows.convolve(own.g.rows, at, plan.step(l), own.taps, 0, count, (long) count * BYTES, rows,
                    own.dc.rows, dcAt, new DilatedRows.Ending.Slope(f, parts.gradient, 0));
        }
    }

    /** Σ_k w_k dc_(t + kd) for rows of dc. */
    private void back(Layer own, int l, long dcAt, int rows, MemorySegment into) {
        int count = plan.taps()[l];
        // Behind the bias there is a row of zeros.
        DilatedRows.convolve(own.dc.rows, dcAt, -plan.step(l), own.taps, 0, count, (count + 1L) * BYTES, rows, into,
                0, DilatedForward.NOTHING);
    }

    /** What the gradient of the next ring says of rows of the call. */
    private void keep(int l, DilatedPlan.Column column, int t, int rows, MemorySegment gradient, MemorySegment other) {
        Tensor dNext = dNextRings.get(l);
        int from = Math.max(t, plan.time() - dNext.dim(1));
        int count = t + rows - from;
        if (count > 0 && dNext.dim(1) > 0) {
            column.gatherRing(dNext, ages[column.sequence()] + from, count, other, 0);
            DilatedRows.add(other, 0, count, gradient, (long) (from - t) * BYTES);
        }
    }

    private void ring(Layer own, int l, DilatedPlan.Column column, Parts parts) {
        int before = plan.before()[l];
        for (int end = 0; end > -before; end -= plan.block()) {
            int rows = Math.min(plan.block(), before + end);
            int t = end - rows;
            long at = own.dc.grow(rows);
            Lanes.clear(own.dc.rows, at, at + (long) rows * BYTES);
            back(own, l, at, rows, parts.gradient);
            keep(l, column, t, rows, parts.gradient, parts.other);
            column.scatterRing(parts.gradient, 0, rows, slopes.dRings().get(l), ages[column.sequence()] + t);
        }
    }

    private void clearSums(DilatedPlan.Column column) {
        for (int row = 0; row < sums.dim(1); row++) {
            long at = sum(column, row);
            for (int c = 0; c < column.count(); c++) {
                sums.data().setAtIndex(Tensor.DOUBLE, at + c, 0);
            }
        }
    }

    private void addSums(DilatedPlan.Column column, int l, MemorySegment block, int count) {
        int all = plan.layer(l).taps();
        for (int k = 0; k <= count; k++) {
            long at = sum(column, place[l] + (k == count ? all : k));
            for (int c = 0; c < column.count(); c++) {
                double before = sums.data().getAtIndex(Tensor.DOUBLE, at + c);
                sums.data().setAtIndex(Tensor.DOUBLE, at + c,
                        before + block.getAtIndex(Tensor.FLOAT, (long) k * LENGTH + c));
            }
        }
    }

    private long sum(DilatedPlan.Column column, int row) {
        return ((long) column.sequence() * sums.dim(1) + row) * plan.channels() + column.first();
    }
}

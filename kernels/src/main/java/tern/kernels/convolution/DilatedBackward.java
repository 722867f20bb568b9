package tern.kernels.convolution;

import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;

import java.lang.foreign.MemorySegment;
import java.util.List;

import tern.kernels.lanes.Lanes;
import tern.ops.Activation;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Depthwise layers backward, a {@link DilatedPlan.Column} a task, from the last block of time to the first. c is computed again
 * from what the layer read, which costs less than reading it would.
 *
 * @param sums [B, all taps and biases, channels] in F64, written: what each sequence adds to their gradients
 * @param place where each layer's taps begin in the second axis of the sums
 */
record DilatedBackward(DilatedPlan plan, Tensor x, List<Tensor> inner, List<Tensor> rings, long[] ages, Tensor dy,
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

        private long at() {
            return (long) front * BYTES;
        }
    }

    private record Layer(MemorySegment taps, Window g, Window dc) {
    }

    /** Scratch of a task besides the layers'. */
    private record Parts(MemorySegment gradient, MemorySegment other, MemorySegment slopes) {
    }

    void run(int task, Workspace scratch) {
        DilatedPlan.Column column = DilatedPlan.Column.of(plan, task);
        clearSums(column);
        Layer[] own = new Layer[plan.depth()];
        int mostTaps = 0;
        for (int l = 0; l < own.length; l++) {
            own[l] = layer(l, column, scratch);
            mostTaps = Math.max(mostTaps, plan.taps()[l]);
        }
        long block = (long) plan.block() * LENGTH;
        Parts parts = new Parts(scratch.floatMemory(block), scratch.floatMemory(block),
                scratch.floatMemory((mostTaps + 1L) * LENGTH));
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
        for (int l = 0; plan.ringed() && !slopes.dRings().isEmpty() && l < own.length; l++) {
            ring(own[l], l, column, parts);
        }
    }

    private Layer layer(int l, DilatedPlan.Column column, Workspace scratch) {
        int before = plan.before()[l];
        MemorySegment taps = DilatedForward.taps(plan, l, column, scratch);
        Window g = new Window(scratch, plan.window(l), before);
        // The rows that the last block's window ends with, some of which may lie before the call.
        load(l, column, plan.time() - before, before, g.rows, g.at());
        Window dc = new Window(scratch, plan.window(l), before);
        Lanes.clear(dc.rows, dc.at(), (long) dc.size * BYTES);
        return new Layer(taps, g, dc);
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
        load(l, column, t - before, rows, own.g.rows, own.g.grow(rows));
        long at = own.g.at() + (long) before * BYTES;
        long dcAt = own.dc.grow(rows);
        MemorySegment dc = own.dc.rows;
        Activation f = plan.layers().activation();
        if (f == Activation.IDENTITY) {
            MemorySegment.copy(parts.gradient, 0, dc, dcAt, (long) rows * BYTES);
        } else {
            DilatedRows.convolve(own.g.rows, at, step, own.taps, 0, count, (long) count * BYTES, rows, dc, dcAt,
                    new DilatedRows.Ending.Slope(f, parts.gradient, 0));
        }
        DilatedRows.slopes(dc, dcAt, own.g.rows, at, step, count, rows, parts.slopes, 0);
        addSums(column, l, parts.slopes, count);
        back(own, l, dcAt, rows, parts.other);
        if (plan.layers().residual()) {
            DilatedRows.add(parts.other, 0, rows, parts.gradient, 0);
        } else {
            MemorySegment.copy(parts.other, 0, parts.gradient, 0, (long) rows * BYTES);
        }
        keep(l, column, t, rows, parts.gradient, parts.other);
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

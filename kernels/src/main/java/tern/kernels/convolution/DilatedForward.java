package tern.kernels.convolution;

import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;

import java.lang.foreign.MemorySegment;
import java.util.List;

import tern.kernels.lanes.Lanes;
import tern.ops.Activation;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** Depthwise layers forward, a {@link DilatedPlan.Column} a task. */
record DilatedForward(DilatedPlan plan, Tensor x, List<Tensor> inner, List<Tensor> rings, long[] ages, Tensor y) {

    /** Sums that stay what they are. */
    static final DilatedRows.Ending NOTHING = new DilatedRows.Ending.Nothing();

    /** What one layer has in scratch: taps and bias, and rows of its input. */
    private static final class Layer {
        private final MemorySegment taps;
        private final MemorySegment window;
        private final int size;
        private final int before;
        /** The row after the newest. */
        private int end;

        private Layer(MemorySegment taps, MemorySegment window, int size, int before) {
            this.taps = taps;
            this.window = window;
            this.size = size;
            this.before = before;
            this.end = before;
        }

        /** Makes room for rows behind the newest. */
        private void makeRoom(int rows) {
            if (end + rows > size) {
                MemorySegment.copy(window, (long) (end - before) * BYTES, window, 0, (long) before * BYTES);
                end = before;
            }
        }
    }

    void run(int task, Workspace scratch) {
        DilatedPlan.Column column = DilatedPlan.Column.of(plan, task);
        Layer[] own = new Layer[plan.depth()];
        for (int l = 0; l < own.length; l++) {
            own[l] = layer(l, column, scratch);
        }
        MemorySegment last = scratch.floatMemory((long) plan.block() * LENGTH);
        for (int t = 0; t < plan.time(); t += plan.block()) {
            int rows = Math.min(plan.block(), plan.time() - t);
            own[0].makeRoom(rows);
            column.gatherCall(x, t, rows, own[0].window, (long) own[0].end * BYTES);
            for (int l = 0; l < own.length; l++) {
                block(own, l, column, t, rows, last);
            }
            column.scatterCall(last, 0, rows, y, t);
        }
        for (int l = 0; plan.ringed() && l < own.length; l++) {
            int kept = Math.min(plan.time(), own[l].before);
            if (kept > 0) {
                column.scatterRing(own[l].window, (long) (own[l].end - kept) * BYTES, kept, rings.get(l),
                        ages[column.sequence()] + plan.time() - kept);
            }
        }
    }

    private Layer layer(int l, DilatedPlan.Column column, Workspace scratch) {
        int before = plan.before()[l];
        MemorySegment taps = taps(plan, l, column, scratch);
        Layer layer = new Layer(taps, scratch.floatMemory((long) plan.window(l) * LENGTH), plan.window(l), before);
        before(plan, rings.get(l), ages, column, layer.window, 0, before);
        return layer;
    }

    /** The taps that count and, after them, the bias and zeros, a row each. */
    static MemorySegment taps(DilatedPlan plan, int l, DilatedPlan.Column column, Workspace scratch) {
        long bias = (long) plan.taps()[l] * BYTES;
        MemorySegment rows = scratch.floatMemory((plan.taps()[l] + 2L) * LENGTH);
        column.gather(plan.layer(l).weight(), 0, plan.taps()[l], rows, 0);
        column.gather(plan.layer(l).bias(), 0, 1, rows, bias);
        Lanes.clear(rows, bias + BYTES, bias + 2 * BYTES);
        return rows;
    }

    /** The {@code rows} rows before the call. */
    static void before(DilatedPlan plan, Tensor ring, long[] ages, DilatedPlan.Column column, MemorySegment into,
            long to, int rows) {
        if (plan.ringed() && rows > 0) {
            column.gatherRing(ring, ages[column.sequence()] - rows, rows, into, to);
        } else {
            Lanes.clear(into, to, to + (long) rows * BYTES);
        }
    }

    /** One layer of one block: its input stands at the end of its window, its output goes to the next one's. */
    private void block(Layer[] own, int l, DilatedPlan.Column column, int t, int rows, MemorySegment last) {
        Layer layer = own[l];
        boolean isLast = l == own.length - 1;
        if (!isLast) {
            own[l + 1].makeRoom(rows);
        }
        MemorySegment out = isLast ? last : own[l + 1].window;
        long to = isLast ? 0 : (long) own[l + 1].end * BYTES;
        long at = (long) layer.end * BYTES;
        int count = plan.taps()[l];
        DilatedRows.Ending ending = plan.layers().activation() == Activation.IDENTITY && !plan.layers().residual()
                ? NOTHING
                : new DilatedRows.Ending.Value(plan.layers().activation(), plan.layers().residual(), layer.window, at);
        DilatedRows.convolve(layer.window, at, plan.step(l), layer.taps, 0, count, (long) count * BYTES, rows, out,
                to, ending);
        layer.end += rows;
        if (!isLast && !inner.isEmpty()) {
            column.scatterCall(out, to, rows, inner.get(l), t);
        }
    }
}

package tern.kernels.convolution;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.bound;

import java.lang.foreign.MemorySegment;
import java.util.List;
import jdk.incubator.vector.FloatVector;

import tern.kernels.elementwise.ActivationLanes;
import tern.ops.Activation;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Depthwise layers forward for few positions of sequences with a long past: taps are met where the rings hold them, row by
 * row, so that the rings are neither copied nor read where no tap looks.
 *
 * @param made what each layer makes, [B,T,C]; the last is y
 */
record DilatedSteps(DilatedPlan plan, Tensor x, List<Tensor> made, List<Tensor> rings, long[] ages) {

    /** All layers of channels {@code first} to {@code last} (exclusive) of one sequence. */
    void run(int b, int first, int last, Workspace scratch) {
        Tensor g = x;
        for (int l = 0; l < plan.depth(); l++) {
            Tensor out = made.get(l);
            for (int t = 0; t < plan.time(); t++) {
                position(l, g, b, t, first, last, out, scratch);
            }
            keep(rings.get(l), g, b, first, last);
            g = out;
        }
    }

    private void position(int l, Tensor g, int b, int t, int first, int last, Tensor out, Workspace scratch) {
        int width = last - first;
        int dilation = plan.layer(l).dilation();
        int taps = plan.taps()[l];
        MemorySegment weight = plan.layer(l).weight().data();
        long stride = 4L * plan.channels();
        long lane = 4L * first;
        long row = ((long) b * plan.time() + t) * stride + lane;
        int here = Math.min(taps, t / dilation + 1);
        sum(g.data(), row, dilation * stride, weight, lane, stride, here, plan.layer(l).bias().data(), lane,
                out.data(), row, width);
        int size = rings.get(l).dim(1);
        for (int k = here, run; k < taps; k += run) {
            int place = Math.floorMod(ages[b] + t - (long) k * dilation, size);
            run = Math.min(taps - k, place / dilation + 1);
            sum(rings.get(l).data(), ((long) b * size + place) * stride + lane, dilation * stride, weight,
                    k * stride + lane, stride, run, out.data(), row, out.data(), row, width);
        }
        int whole = bound(width);
        Activation f = plan.layers().activation();
        boolean residual = plan.layers().residual();
        ActivationLanes.valueAndAdd(f, out.data(), row, residual, g.data(), row, whole);
        if (whole < width) {
            long rest = row + 4L * whole;
            ActivationLanes.value(f, out.data(), rest, out.data(), rest, width - whole, scratch);
            if (residual) {
                add(g.data(), rest, out.data(), rest, width - whole);
            }
        }
    }

    /** out ← start + Σ_k tap_k ⊙ x_(at − k steps), over channels. */
    private static void sum(MemorySegment x, long at, long step, MemorySegment taps, long firstTap, long tapStride,
            int count, MemorySegment start, long startAt, MemorySegment out, long outAt, int width) {
        int c = 0;
        for (int whole = bound(width); c < whole; c += LENGTH) {
            long lane = 4L * c;
            FloatVector sum = fromMemorySegment(SPECIES, start, startAt + lane, ORDER);
            for (int k = 0; k < count; k++) {
                sum = fromMemorySegment(SPECIES, x, at + lane - k * step, ORDER)
                        .fma(fromMemorySegment(SPECIES, taps, firstTap + lane + k * tapStride, ORDER), sum);
            }
            sum.intoMemorySegment(out, outAt + lane, ORDER);
        }
        for (; c < width; c++) {
            long lane = 4L * c;
            float sum = start.get(Tensor.FLOAT, startAt + lane);
            for (int k = 0; k < count; k++) {
                sum = Math.fma(x.get(Tensor.FLOAT, at + lane - k * step),
                        taps.get(Tensor.FLOAT, firstTap + lane + k * tapStride), sum);
            }
            out.set(Tensor.FLOAT, outAt + lane, sum);
        }
    }

    private static void add(MemorySegment a, long aAt, MemorySegment into, long at, int count) {
        for (int c = 0; c < count; c++) {
            into.set(Tensor.FLOAT, at + 4L * c,
                    a.get(Tensor.FLOAT, aAt + 4L * c) + into.get(Tensor.FLOAT, at + 4L * c));
        }
    }

    private void keep(Tensor ring, Tensor g, int b, int first, int last) {
        int size = ring.dim(1);
        long stride = 4L * plan.channels();
        for (int t = Math.max(0, plan.time() - size); size > 0 && t < plan.time(); t++) {
            int place = Math.floorMod(ages[b] + t, size);
            MemorySegment.copy(g.data(), ((long) b * plan.time() + t) * stride + 4L * first, ring.data(),
                    ((long) b * size + place) * stride + 4L * first, 4L * (last - first));
        }
    }
}

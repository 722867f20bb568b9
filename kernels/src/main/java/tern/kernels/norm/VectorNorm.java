package tern.kernels.norm;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.bound;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

import tern.kernels.ThreadTeam;
import tern.kernels.lanes.Lanes;
import tern.kernels.lanes.TaskSums;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Vector bodies for F32. A row is read from memory once and then found in the first-level cache; sums over a row are kept
 * in floats, one per lane and chain. Tasks are runs of rows of about 32,768 elements; gradients of gain and bias are summed
 * in floats within a task and in doubles over tasks, in their order. Loops run to where they meet their end, so that they are not
 * counted: entering one that is costs 100 cycles a tensor, and a row has two or three.
 */
public final class VectorNorm implements Norm {
    private static final int TASK_ELEMENTS = 1 << 15;

    /** A body without state. */
    public VectorNorm() {
    }

    @FunctionalInterface
    private interface Rows {
        void run(int from, int to, int task, Workspace scratch);
    }

    private static int rowsPerTask(int width) {
        return Math.max(1, TASK_ELEMENTS / Math.max(1, width));
    }

    private static int tasks(int rows, int width) {
        int each = rowsPerTask(width);
        return (rows + each - 1) / each;
    }

    private static void rows(ThreadTeam team, int rows, int width, Rows work) {
        int each = rowsPerTask(width);
        int tasks = tasks(rows, width);
        if (tasks == 1) {
            Workspace.Mark mark = team.scratch().mark();
            work.run(0, rows, 0, team.scratch());
            team.scratch().release(mark);
        } else {
            team.run(tasks,
                    (task, scratch) -> work.run(task * each, Math.min(rows, (task + 1) * each), task, scratch));
        }
    }

    @Override
    public void layer(ThreadTeam team, Tensor x, Tensor gain, Tensor bias, double epsilon, Tensor y) {
        int width = x.shape().last();
        MemorySegment in = x.data();
        MemorySegment gains = gain.data();
        MemorySegment biases = bias.data();
        MemorySegment out = y.data();
        rows(team, x.shape().rows(), width, (from, to, task, scratch) -> {
            MemorySegment found = scratch.floatMemory(2);
            for (int row = from; row < to; row++) {
                long at = 4L * row * width;
                moments(in, at, width, found);
                float scale = scale(found.get(FLOAT, 4), width, epsilon);
                layerRow(in, at, gains, biases, found.get(FLOAT, 0), scale, out, width);
            }
        });
    }

    @Override
    public void rms(ThreadTeam team, Tensor x, Tensor gain, double epsilon, Tensor y) {
        int width = x.shape().last();
        MemorySegment in = x.data();
        MemorySegment gains = gain.data();
        MemorySegment out = y.data();
        rows(team, x.shape().rows(), width, (from, to, task, scratch) -> {
            for (int row = from; row < to; row++) {
                long at = 4L * row * width;
                rmsRow(in, at, gains, scale(squares(in, at, 0, width), width, epsilon), out, width);
            }
        });
    }

    @Override
    public void layerBackward(ThreadTeam team, Tensor x, Tensor gain, double epsilon, Tensor dy, Tensor dx,
            Tensor dGain,
            Tensor dBias) {
        int width = x.shape().last();
        int rows = x.shape().rows();
        int tasks = tasks(rows, width);
        MemorySegment in = x.data();
        MemorySegment gains = gain.data();
        MemorySegment gradient = dy.data();
        MemorySegment out = dx.data();
        Workspace.Mark mark = team.scratch().mark();
        MemorySegment gainSums = team.scratch().floatMemory((long) tasks * width);
        MemorySegment biasSums = team.scratch().floatMemory((long) tasks * width);
        rows(team, rows, width, (from, to, task, scratch) -> {
            MemorySegment found = scratch.floatMemory(2);
            MemorySegment gainSum = gainSums.asSlice(4L * task * width, 4L * width).fill((byte) 0);
            MemorySegment biasSum = biasSums.asSlice(4L * task * width, 4L * width).fill((byte) 0);
            for (int row = from; row < to; row++) {
                long at = 4L * row * width;
                sums(in, at, gradient, gains, width, found);
                float mean = found.get(FLOAT, 0) / width;
                float gradientMean = found.get(FLOAT, 4) / width;
                projections(in, at, mean, gradient, gains, width, found);
                float scale = scale(found.get(FLOAT, 0), width, epsilon);
                float projection = found.get(FLOAT, 4) * scale / width;
                layerRowBackward(in, at, gains, mean, scale, gradientMean, projection, gradient, out, gainSum, biasSum,
                        width);
            }
        });
        addSums(team, gainSums, tasks, dGain);
        addSums(team, biasSums, tasks, dBias);
        team.scratch().release(mark);
    }

    @Override
    public void rmsBackward(ThreadTeam team, Tensor x, Tensor gain, double epsilon, Tensor dy, Tensor dx,
            Tensor dGain) {
        int width = x.shape().last();
        int rows = x.shape().rows();
        int tasks = tasks(rows, width);
        MemorySegment in = x.data();
        MemorySegment gains = gain.data();
        MemorySegment gradient = dy.data();
        MemorySegment out = dx.data();
        Workspace.Mark mark = team.scratch().mark();
        MemorySegment gainSums = team.scratch().floatMemory((long) tasks * width);
        rows(team, rows, width, (from, to, task, scratch) -> {
            MemorySegment found = scratch.floatMemory(2);
            MemorySegment gainSum = gainSums.asSlice(4L * task * width, 4L * width).fill((byte) 0);
            for (int row = from; row < to; row++) {
                long at = 4L * row * width;
                projections(in, at, 0, gradient, gains, width, found);
                float scale = scale(found.get(FLOAT, 0), width, epsilon);
                float projection = found.get(FLOAT, 4) * scale / width;
                rmsRowBackward(in, at, gains, scale, projection, gradient, out, gainSum, width);
            }
        });
        addSums(team, gainSums, tasks, dGain);
        team.scratch().release(mark);
    }

    private static float scale(float squares, int width, double epsilon) {
        return (float) (1 / Math.sqrt(squares / (double) width + epsilon));
    }

    private static void addSums(ThreadTeam team, MemorySegment sums, int tasks, Tensor total) {
        int width = Math.toIntExact(total.elements());
        Tensor added = team.scratch().allocate(DType.F64, Shape.of(width));
        TaskSums.add(team, sums, tasks, width, added.data());
        for (int d = 0; d < width; d++) {
            total.set(d, total.get(d) + added.get(d));
        }
    }

    // found ← the mean of a row and Σ (x − mean)². Together they are too long for the compiler to put into whoever calls them: with
    // all of a row's loops in one method, 768 numbers in cache took 160 or 330 ns, depending on what had been compiled before.
    private static void moments(MemorySegment x, long at, int n, MemorySegment found) {
        FloatVector a = FloatVector.broadcast(SPECIES, 0);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        int fours = n - n % (4 * LENGTH);
        int whole = bound(n);
        for (long o = at, end = at + 4L * fours; o != end; o += 4 * BYTES) {
            a = a.add(fromMemorySegment(SPECIES, x, o, ORDER));
            b = b.add(fromMemorySegment(SPECIES, x, o + BYTES, ORDER));
            c = c.add(fromMemorySegment(SPECIES, x, o + 2 * BYTES, ORDER));
            d = d.add(fromMemorySegment(SPECIES, x, o + 3 * BYTES, ORDER));
        }
        for (long o = at + 4L * fours, end = at + 4L * whole; o != end; o += BYTES) {
            a = a.add(fromMemorySegment(SPECIES, x, o, ORDER));
        }
        float sum = Lanes.sum(a.add(b).add(c.add(d)));
        for (int i = whole; i < n; i++) {
            sum += x.get(FLOAT, at + 4L * i);
        }
        float mean = sum / n;
        FloatVector means = FloatVector.broadcast(SPECIES, mean);
        a = FloatVector.broadcast(SPECIES, 0);
        b = a;
        c = a;
        d = a;
        for (long o = at, end = at + 4L * fours; o != end; o += 4 * BYTES) {
            FloatVector first = fromMemorySegment(SPECIES, x, o, ORDER).sub(means);
            FloatVector second = fromMemorySegment(SPECIES, x, o + BYTES, ORDER).sub(means);
            FloatVector third = fromMemorySegment(SPECIES, x, o + 2 * BYTES, ORDER).sub(means);
            FloatVector fourth = fromMemorySegment(SPECIES, x, o + 3 * BYTES, ORDER).sub(means);
            a = first.fma(first, a);
            b = second.fma(second, b);
            c = third.fma(third, c);
            d = fourth.fma(fourth, d);
        }
        for (long o = at + 4L * fours, end = at + 4L * whole; o != end; o += BYTES) {
            FloatVector rest = fromMemorySegment(SPECIES, x, o, ORDER).sub(means);
            a = rest.fma(rest, a);
        }
        float squares = Lanes.sum(a.add(b).add(c.add(d)));
        for (int i = whole; i < n; i++) {
            float rest = x.get(FLOAT, at + 4L * i) - mean;
            squares += rest * rest;
        }
        found.set(FLOAT, 0, mean);
        found.set(FLOAT, 4, squares);
    }

    private static float squares(MemorySegment x, long at, float mean, int n) {
        FloatVector means = FloatVector.broadcast(SPECIES, mean);
        FloatVector even = FloatVector.broadcast(SPECIES, 0);
        FloatVector odd = even;
        int i = n - n % (2 * LENGTH);
        for (long o = 0, end = 4L * i; o != end; o += 2 * BYTES) {
            FloatVector first = fromMemorySegment(SPECIES, x, at + o, ORDER).sub(means);
            FloatVector second = fromMemorySegment(SPECIES, x, at + o + BYTES, ORDER).sub(means);
            even = first.fma(first, even);
            odd = second.fma(second, odd);
        }
        float sum = Lanes.sum(even.add(odd));
        for (; i < n; i++) {
            float rest = x.get(FLOAT, at + 4L * i) - mean;
            sum += rest * rest;
        }
        return sum;
    }

    // found ← Σ x and Σ dy·gain, both of a row in one pass.
    private static void sums(MemorySegment x, long at, MemorySegment dy, MemorySegment gain, int n,
            MemorySegment found) {
        FloatVector even = FloatVector.broadcast(SPECIES, 0);
        FloatVector odd = even;
        FloatVector evenGradient = even;
        FloatVector oddGradient = even;
        int i = n - n % (2 * LENGTH);
        for (long o = 0, end = 4L * i; o != end; o += 2 * BYTES) {
            even = even.add(fromMemorySegment(SPECIES, x, at + o, ORDER));
            odd = odd.add(fromMemorySegment(SPECIES, x, at + o + BYTES, ORDER));
            evenGradient = fromMemorySegment(SPECIES, dy, at + o, ORDER)
                    .fma(fromMemorySegment(SPECIES, gain, o, ORDER), evenGradient);
            oddGradient = fromMemorySegment(SPECIES, dy, at + o + BYTES, ORDER)
                    .fma(fromMemorySegment(SPECIES, gain, o + BYTES, ORDER), oddGradient);
        }
        float sum = Lanes.sum(even.add(odd));
        float gradient = Lanes.sum(evenGradient.add(oddGradient));
        for (; i < n; i++) {
            sum += x.get(FLOAT, at + 4L * i);
            gradient += dy.get(FLOAT, at + 4L * i) * gain.get(FLOAT, 4L * i);
        }
        found.set(FLOAT, 0, sum);
        found.set(FLOAT, 4, gradient);
    }

    // found ← Σ (x − mean)² and Σ dy·gain·(x − mean), both of a row in one pass.
    private static void projections(MemorySegment x, long at, float mean, MemorySegment dy, MemorySegment gain, int n,
            MemorySegment found) {
        FloatVector means = FloatVector.broadcast(SPECIES, mean);
        FloatVector even = FloatVector.broadcast(SPECIES, 0);
        FloatVector odd = even;
        FloatVector evenSquares = even;
        FloatVector oddSquares = even;
        int i = n - n % (2 * LENGTH);
        for (long o = 0, end = 4L * i; o != end; o += 2 * BYTES) {
            FloatVector first = fromMemorySegment(SPECIES, x, at + o, ORDER).sub(means);
            FloatVector second = fromMemorySegment(SPECIES, x, at + o + BYTES, ORDER).sub(means);
            evenSquares = first.fma(first, evenSquares);
            oddSquares = second.fma(second, oddSquares);
            even = fromMemorySegment(SPECIES, dy, at + o, ORDER)
                    .mul(fromMemorySegment(SPECIES, gain, o, ORDER)).fma(first, even);
            odd = fromMemorySegment(SPECIES, dy, at + o + BYTES, ORDER)
                    .mul(fromMemorySegment(SPECIES, gain, o + BYTES, ORDER)).fma(second, odd);
        }
        float squares = Lanes.sum(evenSquares.add(oddSquares));
        float projection = Lanes.sum(even.add(odd));
        for (; i < n; i++) {
            float rest = x.get(FLOAT, at + 4L * i) - mean;
            squares += rest * rest;
            projection += dy.get(FLOAT, at + 4L * i) * gain.get(FLOAT, 4L * i) * rest;
        }
        found.set(FLOAT, 0, squares);
        found.set(FLOAT, 4, projection);
    }

    private static void layerRow(MemorySegment x, long at, MemorySegment gain, MemorySegment bias, float mean,
            float scale,
            MemorySegment y, int n) {
        FloatVector means = FloatVector.broadcast(SPECIES, mean);
        FloatVector scales = FloatVector.broadcast(SPECIES, scale);
        int fours = n - n % (4 * LENGTH);
        int i = bound(n);
        for (long o = 0, end = 4L * fours; o != end; o += 4 * BYTES) {
            long p = o + BYTES;
            long q = o + 2 * BYTES;
            long r = o + 3 * BYTES;
            FloatVector first = fromMemorySegment(SPECIES, x, at + o, ORDER).sub(means).mul(scales);
            FloatVector second = fromMemorySegment(SPECIES, x, at + p, ORDER).sub(means).mul(scales);
            FloatVector third = fromMemorySegment(SPECIES, x, at + q, ORDER).sub(means).mul(scales);
            FloatVector fourth = fromMemorySegment(SPECIES, x, at + r, ORDER).sub(means).mul(scales);
            first.fma(fromMemorySegment(SPECIES, gain, o, ORDER), fromMemorySegment(SPECIES, bias, o, ORDER))
                    .intoMemorySegment(y, at + o, ORDER);
            second.fma(fromMemorySegment(SPECIES, gain, p, ORDER), fromMemorySegment(SPECIES, bias, p, ORDER))
                    .intoMemorySegment(y, at + p, ORDER);
            third.fma(fromMemorySegment(SPECIES, gain, q, ORDER), fromMemorySegment(SPECIES, bias, q, ORDER))
                    .intoMemorySegment(y, at + q, ORDER);
            fourth.fma(fromMemorySegment(SPECIES, gain, r, ORDER), fromMemorySegment(SPECIES, bias, r, ORDER))
                    .intoMemorySegment(y, at + r, ORDER);
        }
        for (long o = 4L * fours, end = 4L * i; o != end; o += BYTES) {
            FloatVector normalised = fromMemorySegment(SPECIES, x, at + o, ORDER).sub(means).mul(scales);
            normalised.fma(fromMemorySegment(SPECIES, gain, o, ORDER),
                    fromMemorySegment(SPECIES, bias, o, ORDER)).intoMemorySegment(y, at + o, ORDER);
        }
        for (; i < n; i++) {
            float normalised = (x.get(FLOAT, at + 4L * i) - mean) * scale;
            y.set(FLOAT, at + 4L * i, Math.fma(normalised, gain.get(FLOAT, 4L * i), bias.get(FLOAT, 4L * i)));
        }
    }

    private static void rmsRow(MemorySegment x, long at, MemorySegment gain, float scale, MemorySegment y, int n) {
        FloatVector scales = FloatVector.broadcast(SPECIES, scale);
        int i = bound(n);
        for (long o = 0, end = 4L * i; o != end; o += BYTES) {
            fromMemorySegment(SPECIES, x, at + o, ORDER).mul(scales)
                    .mul(fromMemorySegment(SPECIES, gain, o, ORDER)).intoMemorySegment(y, at + o, ORDER);
        }
        for (; i < n; i++) {
            y.set(FLOAT, at + 4L * i, x.get(FLOAT, at + 4L * i) * scale * gain.get(FLOAT, 4L * i));
        }
    }

    private static void layerRowBackward(MemorySegment x, long at, MemorySegment gain, float mean, float scale,
            float gradientMean, float projection, MemorySegment dy, MemorySegment dx, MemorySegment dGain,
            MemorySegment dBias, int n) {
        FloatVector means = FloatVector.broadcast(SPECIES, mean);
        FloatVector scales = FloatVector.broadcast(SPECIES, scale);
        FloatVector gradientMeans = FloatVector.broadcast(SPECIES, gradientMean);
        FloatVector back = FloatVector.broadcast(SPECIES, -projection);
        int i = bound(n);
        for (long o = 0, end = 4L * i; o != end; o += BYTES) {
            FloatVector normalised = fromMemorySegment(SPECIES, x, at + o, ORDER).sub(means).mul(scales);
            FloatVector gradient = fromMemorySegment(SPECIES, dy, at + o, ORDER);
            FloatVector centred = gradient.mul(fromMemorySegment(SPECIES, gain, o, ORDER)).sub(gradientMeans);
            normalised.fma(back, centred).mul(scales).intoMemorySegment(dx, at + o, ORDER);
            gradient.fma(normalised, fromMemorySegment(SPECIES, dGain, o, ORDER)).intoMemorySegment(dGain, o,
                    ORDER);
            gradient.add(fromMemorySegment(SPECIES, dBias, o, ORDER)).intoMemorySegment(dBias, o, ORDER);
        }
        for (; i < n; i++) {
            float normalised = (x.get(FLOAT, at + 4L * i) - mean) * scale;
            float gradient = dy.get(FLOAT, at + 4L * i);
            float centred = gradient * gain.get(FLOAT, 4L * i) - gradientMean;
            dx.set(FLOAT, at + 4L * i, (centred - normalised * projection) * scale);
            dGain.set(FLOAT, 4L * i, dGain.get(FLOAT, 4L * i) + gradient * normalised);
            dBias.set(FLOAT, 4L * i, dBias.get(FLOAT, 4L * i) + gradient);
        }
    }

    private static void rmsRowBackward(MemorySegment x, long at, MemorySegment gain, float scale, float projection,
            MemorySegment dy, MemorySegment dx, MemorySegment dGain, int n) {
        FloatVector scales = FloatVector.broadcast(SPECIES, scale);
        FloatVector back = FloatVector.broadcast(SPECIES, -projection);
        int i = bound(n);
        for (long o = 0, end = 4L * i; o != end; o += BYTES) {
            FloatVector normalised = fromMemorySegment(SPECIES, x, at + o, ORDER).mul(scales);
            FloatVector gradient = fromMemorySegment(SPECIES, dy, at + o, ORDER);
            normalised.fma(back, gradient.mul(fromMemorySegment(SPECIES, gain, o, ORDER))).mul(scales)
                    .intoMemorySegment(dx, at + o, ORDER);
            gradient.fma(normalised, fromMemorySegment(SPECIES, dGain, o, ORDER)).intoMemorySegment(dGain, o,
                    ORDER);
        }
        for (; i < n; i++) {
            float normalised = x.get(FLOAT, at + 4L * i) * scale;
            float gradient = dy.get(FLOAT, at + 4L * i);
            float pulled = gradient * gain.get(FLOAT, 4L * i);
            dx.set(FLOAT, at + 4L * i, (pulled - normalised * projection) * scale);
            dGain.set(FLOAT, 4L * i, dGain.get(FLOAT, 4L * i) + gradient * normalised);
        }
    }
}

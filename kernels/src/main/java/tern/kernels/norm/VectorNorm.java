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
 * Vector bodies for F32. A row is read from memory once and then found in a near cache; sums over a row are kept
 * in floats, one per lane and chain. On the way back of the layer norm all sums of a row come of one pass and two rows go back
 * together, which meets gain and sums of gradients once for both. Tasks are runs of rows of about 32,768 elements; gradients
 * of gain and bias are summed
 * in floats within a task and in doubles over tasks, in their order. Loops run to where they meet their end, so that they are not
 * counted: entering one that is costs 100 cycles a tensor, and a row has two or three.
 */
public final class VectorNorm implements Norm {
    private static final int TASK_ELEMENTS = 1 << 15;
    /** Bytes that tensors may have together to be found in a cache by themselves. */
    private static final long NEAR = 32L << 20;
    /** Floats that the way back needs of a whole row, and where each lies, in bytes; see {@link #facts}. */
    private static final int FACTS = 4;
    private static final long MEAN = 0;
    private static final long SCALE = 4;
    private static final long GRADIENT = 8;
    private static final long BACK = 12;

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
        boolean far = 3 * x.bytes() > NEAR;
        Workspace.Mark mark = team.scratch().mark();
        MemorySegment gainSums = team.scratch().floatMemory((long) tasks * width);
        MemorySegment biasSums = team.scratch().floatMemory((long) tasks * width);
        rows(team, rows, width, (from, to, task, scratch) -> {
            MemorySegment found = scratch.floatMemory(2 * FACTS);
            MemorySegment gainSum = gainSums.asSlice(4L * task * width, 4L * width).fill((byte) 0);
            MemorySegment biasSum = biasSums.asSlice(4L * task * width, 4L * width).fill((byte) 0);
            int row = from;
            if (far) {
                bringNear(in, gradient, 4L * from * width, 4L * to * width, out);
            }
            for (; row + 2 <= to; row += 2) {
                long at = 4L * row * width;
                facts(in, at, gradient, gains, width, epsilon, found, 0);
                facts(in, at + 4L * width, gradient, gains, width, epsilon, found, 4 * FACTS);
                layerTwoRowsBackward(in, at, gains, found, gradient, out, gainSum, biasSum, width);
            }
            if (row < to) {
                long at = 4L * row * width;
                facts(in, at, gradient, gains, width, epsilon, found, 0);
                layerRowBackward(in, at, gains, found, gradient, out, gainSum, biasSum, width);
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

    /**
     * Something is written where the result will be, so that a task's rows lie in a second-level cache when they are worked on: a pass
     * that does little has many lines of memory under way, while those between two sums of a row have few.
     */
    private static void bringNear(MemorySegment x, MemorySegment dy, long from, long to, MemorySegment dx) {
        for (long o = from, end = from + 4L * bound((int) ((to - from) / 4)); o != end; o += BYTES) {
            fromMemorySegment(SPECIES, x, o, ORDER).add(fromMemorySegment(SPECIES, dy, o, ORDER))
                    .intoMemorySegment(dx, o, ORDER);
        }
    }

    /**
     * The mean of a row's first numbers, from which its moments are then taken in one pass. As these are L of the n numbers themselves,
     * n·variance is at least L·(mean − shift)², so what cancels is at most n/L of what is left, whatever the row.
     */
    private static float shift(MemorySegment x, long at, int n) {
        if (n < 4 * LENGTH) {
            float sum = 0;
            for (int i = 0; i < n; i++) {
                sum += x.get(FLOAT, at + 4L * i);
            }
            return sum / n;
        }
        return Lanes.sum(fromMemorySegment(SPECIES, x, at, ORDER).add(fromMemorySegment(SPECIES, x, at + BYTES, ORDER))
                .add(fromMemorySegment(SPECIES, x, at + 2 * BYTES, ORDER)
                        .add(fromMemorySegment(SPECIES, x, at + 3 * BYTES, ORDER))))
                / (4 * LENGTH);
    }

    // found ← what the way back of a row needs of the whole row: the mean m, the scale s = 1 / √(variance + epsilon), the mean of
    // dy·gain, and −Σ dy·gain·(x − m)·s / n. All sums are of one pass.
    private static void facts(MemorySegment x, long at, MemorySegment dy, MemorySegment gain, int n, double epsilon,
            MemorySegment found, long to) {
        float shift = shift(x, at, n);
        FloatVector shifts = FloatVector.broadcast(SPECIES, shift);
        FloatVector even = FloatVector.broadcast(SPECIES, 0);
        FloatVector odd = even;
        FloatVector evenSquares = even;
        FloatVector oddSquares = even;
        FloatVector evenGradient = even;
        FloatVector oddGradient = even;
        FloatVector evenProduct = even;
        FloatVector oddProduct = even;
        int i = n - n % (2 * LENGTH);
        for (long o = 0, end = 4L * i; o != end; o += 2 * BYTES) {
            FloatVector first = fromMemorySegment(SPECIES, x, at + o, ORDER).sub(shifts);
            FloatVector second = fromMemorySegment(SPECIES, x, at + o + BYTES, ORDER).sub(shifts);
            FloatVector pulled = fromMemorySegment(SPECIES, dy, at + o, ORDER)
                    .mul(fromMemorySegment(SPECIES, gain, o, ORDER));
            FloatVector next = fromMemorySegment(SPECIES, dy, at + o + BYTES, ORDER)
                    .mul(fromMemorySegment(SPECIES, gain, o + BYTES, ORDER));
            even = even.add(first);
            odd = odd.add(second);
            evenSquares = first.fma(first, evenSquares);
            oddSquares = second.fma(second, oddSquares);
            evenGradient = evenGradient.add(pulled);
            oddGradient = oddGradient.add(next);
            evenProduct = pulled.fma(first, evenProduct);
            oddProduct = next.fma(second, oddProduct);
        }
        float sum = Lanes.sum(even.add(odd));
        float squares = Lanes.sum(evenSquares.add(oddSquares));
        float gradient = Lanes.sum(evenGradient.add(oddGradient));
        float product = Lanes.sum(evenProduct.add(oddProduct));
        for (; i < n; i++) {
            float rest = x.get(FLOAT, at + 4L * i) - shift;
            float pulled = dy.get(FLOAT, at + 4L * i) * gain.get(FLOAT, 4L * i);
            sum += rest;
            squares += rest * rest;
            gradient += pulled;
            product += pulled * rest;
        }
        float off = sum / n;
        float scale = scale(Math.max(0, squares - off * sum), n, epsilon);
        found.set(FLOAT, to + MEAN, shift + off);
        found.set(FLOAT, to + SCALE, scale);
        found.set(FLOAT, to + GRADIENT, gradient / n);
        found.set(FLOAT, to + BACK, -(product - off * gradient) * scale / n);
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

    // Two rows, of which the gradients of gain and bias get the first, then the second.
    private static void layerTwoRowsBackward(MemorySegment x, long at, MemorySegment gain, MemorySegment found,
            MemorySegment dy, MemorySegment dx, MemorySegment dGain, MemorySegment dBias, int n) {
        FloatVector means = FloatVector.broadcast(SPECIES, found.get(FLOAT, MEAN));
        FloatVector scales = FloatVector.broadcast(SPECIES, found.get(FLOAT, SCALE));
        FloatVector gradientMeans = FloatVector.broadcast(SPECIES, found.get(FLOAT, GRADIENT));
        FloatVector back = FloatVector.broadcast(SPECIES, found.get(FLOAT, BACK));
        FloatVector nextMeans = FloatVector.broadcast(SPECIES, found.get(FLOAT, 4 * FACTS + MEAN));
        FloatVector nextScales = FloatVector.broadcast(SPECIES, found.get(FLOAT, 4 * FACTS + SCALE));
        FloatVector nextGradientMeans = FloatVector.broadcast(SPECIES, found.get(FLOAT, 4 * FACTS + GRADIENT));
        FloatVector nextBack = FloatVector.broadcast(SPECIES, found.get(FLOAT, 4 * FACTS + BACK));
        long below = at + 4L * n;
        int i = bound(n);
        for (long o = 0, end = 4L * i; o != end; o += BYTES) {
            FloatVector gains = fromMemorySegment(SPECIES, gain, o, ORDER);
            FloatVector normalised = fromMemorySegment(SPECIES, x, at + o, ORDER).sub(means).mul(scales);
            FloatVector gradient = fromMemorySegment(SPECIES, dy, at + o, ORDER);
            FloatVector next = fromMemorySegment(SPECIES, x, below + o, ORDER).sub(nextMeans).mul(nextScales);
            FloatVector nextGradient = fromMemorySegment(SPECIES, dy, below + o, ORDER);
            normalised.fma(back, gradient.mul(gains).sub(gradientMeans)).mul(scales)
                    .intoMemorySegment(dx, at + o, ORDER);
            next.fma(nextBack, nextGradient.mul(gains).sub(nextGradientMeans)).mul(nextScales)
                    .intoMemorySegment(dx, below + o, ORDER);
            nextGradient.fma(next, gradient.fma(normalised, fromMemorySegment(SPECIES, dGain, o, ORDER)))
                    .intoMemorySegment(dGain, o, ORDER);
            nextGradient.add(gradient.add(fromMemorySegment(SPECIES, dBias, o, ORDER)))
                    .intoMemorySegment(dBias, o, ORDER);
        }
        layerRestBackward(x, at, gain, found, 0, dy, dx, dGain, dBias, i, n);
        layerRestBackward(x, below, gain, found, 4 * FACTS, dy, dx, dGain, dBias, i, n);
    }

    private static void layerRowBackward(MemorySegment x, long at, MemorySegment gain, MemorySegment found,
            MemorySegment dy, MemorySegment dx, MemorySegment dGain, MemorySegment dBias, int n) {
        FloatVector means = FloatVector.broadcast(SPECIES, found.get(FLOAT, MEAN));
        FloatVector scales = FloatVector.broadcast(SPECIES, found.get(FLOAT, SCALE));
        FloatVector gradientMeans = FloatVector.broadcast(SPECIES, found.get(FLOAT, GRADIENT));
        FloatVector back = FloatVector.broadcast(SPECIES, found.get(FLOAT, BACK));
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
        layerRestBackward(x, at, gain, found, 0, dy, dx, dGain, dBias, i, n);
    }

    private static void layerRestBackward(MemorySegment x, long at, MemorySegment gain, MemorySegment found, long place,
            MemorySegment dy, MemorySegment dx, MemorySegment dGain, MemorySegment dBias, int from, int n) {
        float mean = found.get(FLOAT, place + MEAN);
        float scale = found.get(FLOAT, place + SCALE);
        float gradientMean = found.get(FLOAT, place + GRADIENT);
        float back = found.get(FLOAT, place + BACK);
        for (int i = from; i < n; i++) {
            float normalised = (x.get(FLOAT, at + 4L * i) - mean) * scale;
            float gradient = dy.get(FLOAT, at + 4L * i);
            float centred = gradient * gain.get(FLOAT, 4L * i) - gradientMean;
            dx.set(FLOAT, at + 4L * i, (centred + normalised * back) * scale);
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

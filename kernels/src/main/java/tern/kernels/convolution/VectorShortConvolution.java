package tern.kernels.convolution;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * {@link ShortConvolution} on {@link DType#F32} with channels in the vector lanes, four positions at a time so that each
 * input and each tap is read once for four outputs. Sums over positions run in single precision over some rows and in
 * double precision over these sums. Stateless, safe to share.
 */
public final class VectorShortConvolution implements ShortConvolution {
    private static final VectorSpecies<Float> LANES = FloatVector.SPECIES_PREFERRED;
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    private static final VectorSpecies<Double> DOUBLES = DoubleVector.SPECIES_PREFERRED;
    /** As many floats as there are lanes for doubles. */
    private static final VectorSpecies<Float> HALF = VectorSpecies.of(float.class,
            VectorShape.forBitSize(DOUBLES.vectorBitSize() / 2));
    /** Loops run to where they meet their end, so that they are not counted: entering such a loop costs 100 cycles a tensor. */
    private static final long WIDTH = LANES.vectorByteSize();
    /** Elements of a task, at least. */
    private static final int TASK = 1 << 15;
    /** More tasks than this do not help, and each leaves sums to be added up. */
    private static final int MOST_TASKS = Integer.getInteger("MT", 128);
    /** Channels of a task that adds up what others left. */
    private static final int COLLECTED = 64;

    /** A body without state. */
    public VectorShortConvolution() {
    }

    /** Rows of one sequence. */
    @FunctionalInterface
    private interface RowWork {
        void run(int b, int from, int to, int task);
    }

    private static int rowsOfTask(int batch, int time, int channels) {
        long few = (long) batch * time / MOST_TASKS;
        return Math.toIntExact(Math.max(4, Math.max(TASK / Math.max(1, channels), few) & ~3));
    }

    private static int tasksOfSequence(int batch, int time, int channels) {
        int each = rowsOfTask(batch, time, channels);
        return (time + each - 1) / each;
    }

    private static void eachRows(ThreadTeam team, int batch, int time, int channels, RowWork work) {
        int each = rowsOfTask(batch, time, channels);
        int parts = tasksOfSequence(batch, time, channels);
        if ((double) batch * time * channels < TASK) {
            for (int b = 0; b < batch && parts > 0; b++) {
                work.run(b, 0, time, b);
            }
            return;
        }
        team.run(batch * parts, (task, scratch) -> {
            int from = task % parts * each;
            work.run(task / parts, from, Math.min(time, from + each), task);
        });
    }

    /** Taps as rows of channels, which is how they are met. */
    private static MemorySegment turned(Workspace scratch, Tensor weight) {
        int channels = weight.dim(0);
        int width = weight.dim(1);
        MemorySegment rows = scratch.floatMemory((long) width * channels);
        for (int c = 0; c < channels; c++) {
            for (int j = 0; j < width; j++) {
                rows.set(Tensor.FLOAT, 4L * (j * (long) channels + c),
                        weight.data().get(Tensor.FLOAT, 4L * (c * (long) width
                                + j)));
            }
        }
        return rows;
    }

    @Override
    public void forward(ThreadTeam team, Tensor x, Tensor weight, Tensor bias, Tensor history, Tensor y,
            Tensor nextHistory) {
        int batch = x.dim(0);
        int time = x.dim(1);
        int channels = x.dim(2);
        int width = weight.dim(1);
        long stride = 4L * channels;
        Workspace.Mark mark = team.scratch().mark();
        MemorySegment taps = turned(team.scratch(), weight);
        eachRows(team, batch, time, channels, (b, from, to, task) -> {
            long base = b * (long) time * stride;
            int row = from;
            // The first outputs read the history.
            for (; row < Math.min(to, width - 1); row++) {
                MemorySegment.copy(bias.data(), 0, y.data(), base + row * stride, stride);
                for (int j = 0; j < width; j++) {
                    int position = row - width + 1 + j;
                    addProducts(taps, j * stride, position < 0 ? history.data() : x.data(), position < 0
                            ? (b * (width - 1L) + width - 1 + position) * stride
                            : base + position * stride, y.data(), base + row * stride, channels);
                }
            }
            for (; row + 4 <= to; row += 4) {
                long at = base + row * stride;
                switch (width) {
                    case 3 -> fourRowsOfThreeTaps(x.data(), at, taps, bias.data(), y.data(), stride, channels);
                    case 4 -> fourRowsOfFourTaps(x.data(), at, taps, bias.data(), y.data(), stride, channels);
                    default -> fourRows(x.data(), at, taps, width, bias.data(), y.data(), stride, channels);
                }
            }
            for (; row < to; row++) {
                long at = base + row * stride;
                MemorySegment.copy(bias.data(), 0, y.data(), at, stride);
                for (int j = 0; j < width; j++) {
                    addProducts(taps, j * stride, x.data(), at - (width - 1L - j) * stride, y.data(), at, channels);
                }
            }
        });
        for (int b = 0; b < batch; b++) {
            for (int i = 0; i < width - 1; i++) {
                int position = time - width + 1 + i;
                long to = (b * (width - 1L) + i) * stride;
                if (position < 0) {
                    MemorySegment.copy(history.data(), (b * (width - 1L) + width - 1 + position) * stride,
                            nextHistory.data(), to,
                            stride);
                } else {
                    MemorySegment.copy(x.data(), (b * (long) time + position) * stride, nextHistory.data(), to, stride);
                }
            }
        }
        team.scratch().release(mark);
    }

    private static void fourRowsOfThreeTaps(MemorySegment x, long at, MemorySegment taps, MemorySegment bias,
            MemorySegment y,
            long stride, int channels) {
        int c = LANES.loopBound(channels);
        for (long lane = 0; lane != 4L * c; lane += WIDTH) {
            long in = at + lane;
            FloatVector first = fromMemorySegment(LANES, taps, lane, NATIVE);
            FloatVector second = fromMemorySegment(LANES, taps, lane + stride, NATIVE);
            FloatVector third = fromMemorySegment(LANES, taps, lane + 2 * stride, NATIVE);
            FloatVector start = fromMemorySegment(LANES, bias, lane, NATIVE);
            FloatVector a = fromMemorySegment(LANES, x, in - 2 * stride, NATIVE);
            FloatVector b = fromMemorySegment(LANES, x, in - stride, NATIVE);
            FloatVector p = fromMemorySegment(LANES, x, in, NATIVE);
            FloatVector q = fromMemorySegment(LANES, x, in + stride, NATIVE);
            FloatVector r = fromMemorySegment(LANES, x, in + 2 * stride, NATIVE);
            FloatVector s = fromMemorySegment(LANES, x, in + 3 * stride, NATIVE);
            p.fma(third, b.fma(second, a.fma(first, start))).intoMemorySegment(y, in, NATIVE);
            q.fma(third, p.fma(second, b.fma(first, start))).intoMemorySegment(y, in + stride, NATIVE);
            r.fma(third, q.fma(second, p.fma(first, start))).intoMemorySegment(y, in + 2 * stride, NATIVE);
            s.fma(third, r.fma(second, q.fma(first, start))).intoMemorySegment(y, in + 3 * stride, NATIVE);
        }
        fourRowsOfLastChannels(x, at, taps, 3, bias, y, stride, c, channels);
    }

    private static void fourRowsOfFourTaps(MemorySegment x, long at, MemorySegment taps, MemorySegment bias,
            MemorySegment y,
            long stride, int channels) {
        int c = LANES.loopBound(channels);
        for (long lane = 0; lane != 4L * c; lane += WIDTH) {
            long in = at + lane;
            FloatVector first = fromMemorySegment(LANES, taps, lane, NATIVE);
            FloatVector second = fromMemorySegment(LANES, taps, lane + stride, NATIVE);
            FloatVector third = fromMemorySegment(LANES, taps, lane + 2 * stride, NATIVE);
            FloatVector fourth = fromMemorySegment(LANES, taps, lane + 3 * stride, NATIVE);
            FloatVector start = fromMemorySegment(LANES, bias, lane, NATIVE);
            FloatVector a = fromMemorySegment(LANES, x, in - 3 * stride, NATIVE);
            FloatVector b = fromMemorySegment(LANES, x, in - 2 * stride, NATIVE);
            FloatVector d = fromMemorySegment(LANES, x, in - stride, NATIVE);
            FloatVector p = fromMemorySegment(LANES, x, in, NATIVE);
            FloatVector q = fromMemorySegment(LANES, x, in + stride, NATIVE);
            FloatVector r = fromMemorySegment(LANES, x, in + 2 * stride, NATIVE);
            FloatVector s = fromMemorySegment(LANES, x, in + 3 * stride, NATIVE);
            p.fma(fourth, d.fma(third, b.fma(second, a.fma(first, start)))).intoMemorySegment(y, in, NATIVE);
            q.fma(fourth, p.fma(third, d.fma(second, b.fma(first, start)))).intoMemorySegment(y, in + stride, NATIVE);
            r.fma(fourth, q.fma(third, p.fma(second, d.fma(first, start)))).intoMemorySegment(y, in + 2 * stride,
                    NATIVE);
            s.fma(fourth, r.fma(third, q.fma(second, p.fma(first, start)))).intoMemorySegment(y, in + 3 * stride,
                    NATIVE);
        }
        fourRowsOfLastChannels(x, at, taps, 4, bias, y, stride, c, channels);
    }

    private static void fourRows(MemorySegment x, long at, MemorySegment taps, int width, MemorySegment bias,
            MemorySegment y,
            long stride, int channels) {
        int c = LANES.loopBound(channels);
        for (long lane = 0; lane != 4L * c; lane += WIDTH) {
            FloatVector p = fromMemorySegment(LANES, bias, lane, NATIVE);
            FloatVector q = p;
            FloatVector r = p;
            FloatVector s = p;
            long in = at + lane - (width - 1) * stride;
            for (int j = 0; j < width; j++) {
                FloatVector tap = fromMemorySegment(LANES, taps, lane + j * stride, NATIVE);
                long o = in + j * stride;
                p = fromMemorySegment(LANES, x, o, NATIVE).fma(tap, p);
                q = fromMemorySegment(LANES, x, o + stride, NATIVE).fma(tap, q);
                r = fromMemorySegment(LANES, x, o + 2 * stride, NATIVE).fma(tap, r);
                s = fromMemorySegment(LANES, x, o + 3 * stride, NATIVE).fma(tap, s);
            }
            p.intoMemorySegment(y, at + lane, NATIVE);
            q.intoMemorySegment(y, at + lane + stride, NATIVE);
            r.intoMemorySegment(y, at + lane + 2 * stride, NATIVE);
            s.intoMemorySegment(y, at + lane + 3 * stride, NATIVE);
        }
        fourRowsOfLastChannels(x, at, taps, width, bias, y, stride, c, channels);
    }

    private static void fourRowsOfLastChannels(MemorySegment x, long at, MemorySegment taps, int width,
            MemorySegment bias,
            MemorySegment y, long stride, int from, int channels) {
        for (int c = from; c < channels; c++) {
            for (int row = 0; row < 4; row++) {
                float sum = bias.get(Tensor.FLOAT, 4L * c);
                for (int j = 0; j < width; j++) {
                    sum = Math.fma(taps.get(Tensor.FLOAT, j * stride + 4L * c),
                            x.get(Tensor.FLOAT, at + (row - width + 1L + j)
                                    * stride + 4L * c),
                            sum);
                }
                y.set(Tensor.FLOAT, at + row * stride + 4L * c, sum);
            }
        }
    }

    /** sum ← sum + a ⊙ b, a row each. */
    private static void addProducts(MemorySegment a, long aAt, MemorySegment b, long bAt, MemorySegment sum, long at,
            int width) {
        int c = 0;
        for (int whole = LANES.loopBound(width); c < whole; c += LANES.length()) {
            fromMemorySegment(LANES, a, aAt + 4L * c, NATIVE).fma(fromMemorySegment(LANES, b, bAt + 4L * c, NATIVE),
                    fromMemorySegment(LANES, sum, at + 4L * c, NATIVE)).intoMemorySegment(sum, at + 4L * c, NATIVE);
        }
        for (; c < width; c++) {
            sum.set(Tensor.FLOAT, at + 4L * c,
                    Math.fma(a.get(Tensor.FLOAT, aAt + 4L * c), b.get(Tensor.FLOAT, bAt + 4L * c), sum
                            .get(Tensor.FLOAT, at + 4L * c)));
        }
    }

    private static void addRow(MemorySegment a, long aAt, MemorySegment sum, long at, int width) {
        int c = 0;
        for (int whole = LANES.loopBound(width); c < whole; c += LANES.length()) {
            fromMemorySegment(LANES, a, aAt + 4L * c, NATIVE).add(fromMemorySegment(LANES, sum, at + 4L * c, NATIVE))
                    .intoMemorySegment(sum, at + 4L * c, NATIVE);
        }
        for (; c < width; c++) {
            sum.set(Tensor.FLOAT, at + 4L * c, a.get(Tensor.FLOAT, aAt + 4L * c) + sum.get(Tensor.FLOAT, at + 4L * c));
        }
    }

    @Override
    public void backward(ThreadTeam team, Tensor x, Tensor weight, Tensor history, Tensor dy, Tensor dNextHistory,
            Tensor dx,
            Tensor dWeight, Tensor dBias, Tensor dHistory) {
        int batch = x.dim(0);
        int time = x.dim(1);
        int channels = x.dim(2);
        int width = weight.dim(1);
        long stride = 4L * channels;
        Workspace.Mark mark = team.scratch().mark();
        MemorySegment taps = turned(team.scratch(), weight);
        int tasks = batch * tasksOfSequence(batch, time, channels);
        // Of each task the sums of every tap and of the bias.
        Tensor sums = team.scratch().allocate(DType.F32, Shape.of(tasks, width + 1, channels));
        sums.fill(0);
        eachRows(team, batch, time, channels, (b, from, to, task) -> {
            long base = b * (long) time * stride;
            long sum = task * (width + 1L) * stride;
            int row = from;
            while (row < to) {
                long at = base + row * stride;
                if (row >= width - 1 && row + 3 + width <= time && row + 4 <= to) {
                    switch (width) {
                        case 3 -> fourRowsBackwardOfThreeTaps(x.data(), dy.data(), at, taps, dx.data(), sums.data(),
                                sum, stride,
                                channels);
                        case 4 -> fourRowsBackwardOfFourTaps(x.data(), dy.data(), at, taps, dx.data(), sums.data(), sum,
                                stride,
                                channels);
                        default ->
                            fourRowsBackward(x.data(), dy.data(), at, taps, width, dx.data(), sums.data(), sum, stride,
                                    channels);
                    }
                    row += 4;
                    continue;
                }
                dx.data().asSlice(at, stride).fill((byte) 0);
                for (int j = 0; j < width; j++) {
                    int position = row - width + 1 + j;
                    addProducts(dy.data(), at, position < 0 ? history.data() : x.data(), position < 0
                            ? (b * (width - 1L) + width - 1 + position) * stride
                            : base + position * stride, sums.data(), sum + j * stride, channels);
                    int output = row + width - 1 - j;
                    if (output < time) {
                        addProducts(taps, j * stride, dy.data(), base + output * stride, dx.data(), at, channels);
                    }
                }
                addRow(dy.data(), at, sums.data(), sum + width * stride, channels);
                int kept = row - (time - width + 1);
                if (kept >= 0) {
                    addRow(dNextHistory.data(), (b * (width - 1L) + kept) * stride, dx.data(), at, channels);
                }
                row++;
            }
        });
        for (int b = 0; b < batch; b++) {
            for (int i = 0; i < width - 1; i++) {
                long at = (b * (width - 1L) + i) * stride;
                dHistory.data().asSlice(at, stride).fill((byte) 0);
                int position = i - width + 1;
                for (int j = 0; j < width; j++) {
                    int output = position + width - 1 - j;
                    if (output >= 0 && output < time) {
                        addProducts(taps, j * stride, dy.data(), (b * (long) time + output) * stride, dHistory.data(),
                                at, channels);
                    }
                }
                int kept = position - (time - width + 1);
                if (kept >= 0) {
                    addRow(dNextHistory.data(), (b * (width - 1L) + kept) * stride, dHistory.data(), at, channels);
                }
            }
        }
        collect(team, sums, width, channels, tasks, dWeight, dBias);
        team.scratch().release(mark);
    }

    private static void fourRowsBackwardOfThreeTaps(MemorySegment x, MemorySegment dy, long at, MemorySegment taps,
            MemorySegment dx, MemorySegment sums, long sum, long stride, int channels) {
        int c = LANES.loopBound(channels);
        for (long lane = 0; lane != 4L * c; lane += WIDTH) {
            long o = at + lane;
            long slope = sum + lane;
            FloatVector g0 = fromMemorySegment(LANES, dy, o, NATIVE);
            FloatVector g1 = fromMemorySegment(LANES, dy, o + stride, NATIVE);
            FloatVector g2 = fromMemorySegment(LANES, dy, o + 2 * stride, NATIVE);
            FloatVector g3 = fromMemorySegment(LANES, dy, o + 3 * stride, NATIVE);
            FloatVector g4 = fromMemorySegment(LANES, dy, o + 4 * stride, NATIVE);
            FloatVector g5 = fromMemorySegment(LANES, dy, o + 5 * stride, NATIVE);
            FloatVector w0 = fromMemorySegment(LANES, taps, lane, NATIVE);
            FloatVector w1 = fromMemorySegment(LANES, taps, lane + stride, NATIVE);
            FloatVector w2 = fromMemorySegment(LANES, taps, lane + 2 * stride, NATIVE);
            g0.fma(w2, g1.fma(w1, g2.mul(w0)))
                    .intoMemorySegment(dx, o, NATIVE);
            g1.fma(w2, g2.fma(w1, g3.mul(w0)))
                    .intoMemorySegment(dx, o + stride, NATIVE);
            g2.fma(w2, g3.fma(w1, g4.mul(w0)))
                    .intoMemorySegment(dx, o + 2 * stride, NATIVE);
            g3.fma(w2, g4.fma(w1, g5.mul(w0)))
                    .intoMemorySegment(dx, o + 3 * stride, NATIVE);
            FloatVector x0 = fromMemorySegment(LANES, x, o - 2 * stride, NATIVE);
            FloatVector x1 = fromMemorySegment(LANES, x, o - stride, NATIVE);
            FloatVector x2 = fromMemorySegment(LANES, x, o, NATIVE);
            FloatVector x3 = fromMemorySegment(LANES, x, o + stride, NATIVE);
            FloatVector x4 = fromMemorySegment(LANES, x, o + 2 * stride, NATIVE);
            FloatVector x5 = fromMemorySegment(LANES, x, o + 3 * stride, NATIVE);
            FloatVector s0 = x0.fma(g0, fromMemorySegment(LANES, sums, slope, NATIVE));
            FloatVector r0 = x1.mul(g1);
            s0 = x2.fma(g2, s0);
            r0 = x3.fma(g3, r0);
            s0.add(r0).intoMemorySegment(sums, slope, NATIVE);
            FloatVector s1 = x1.fma(g0, fromMemorySegment(LANES, sums, slope + stride, NATIVE));
            FloatVector r1 = x2.mul(g1);
            s1 = x3.fma(g2, s1);
            r1 = x4.fma(g3, r1);
            s1.add(r1).intoMemorySegment(sums, slope + stride, NATIVE);
            FloatVector s2 = x2.fma(g0, fromMemorySegment(LANES, sums, slope + 2 * stride, NATIVE));
            FloatVector r2 = x3.mul(g1);
            s2 = x4.fma(g2, s2);
            r2 = x5.fma(g3, r2);
            s2.add(r2).intoMemorySegment(sums, slope + 2 * stride, NATIVE);
            g0.add(g1).add(g2.add(g3)).add(fromMemorySegment(LANES, sums, slope + 3 * stride, NATIVE))
                    .intoMemorySegment(sums, slope + 3 * stride, NATIVE);
        }
        fourRowsBackwardOfLastChannels(x, dy, at, taps, 3, dx, sums, sum, stride, c, channels);
    }

    private static void fourRowsBackwardOfFourTaps(MemorySegment x, MemorySegment dy, long at, MemorySegment taps,
            MemorySegment dx, MemorySegment sums, long sum, long stride, int channels) {
        int c = LANES.loopBound(channels);
        fourRowsBackOfFourTaps(dy, at, taps, dx, stride, c);
        fourSlopesOfFourTaps(x, dy, at, sums, sum, stride, c);
        fourRowsBackwardOfLastChannels(x, dy, at, taps, 4, dx, sums, sum, stride, c, channels);
    }

    /** Of four positions what the outputs send back to the inputs: a loop of its own, as the compiler has registers for either. */
    private static void fourRowsBackOfFourTaps(MemorySegment dy, long at, MemorySegment taps, MemorySegment dx,
            long stride, int channels) {
        for (long lane = 0; lane != 4L * channels; lane += WIDTH) {
            long o = at + lane;
            FloatVector g0 = fromMemorySegment(LANES, dy, o, NATIVE);
            FloatVector g1 = fromMemorySegment(LANES, dy, o + stride, NATIVE);
            FloatVector g2 = fromMemorySegment(LANES, dy, o + 2 * stride, NATIVE);
            FloatVector g3 = fromMemorySegment(LANES, dy, o + 3 * stride, NATIVE);
            FloatVector g4 = fromMemorySegment(LANES, dy, o + 4 * stride, NATIVE);
            FloatVector g5 = fromMemorySegment(LANES, dy, o + 5 * stride, NATIVE);
            FloatVector g6 = fromMemorySegment(LANES, dy, o + 6 * stride, NATIVE);
            FloatVector w0 = fromMemorySegment(LANES, taps, lane, NATIVE);
            FloatVector w1 = fromMemorySegment(LANES, taps, lane + stride, NATIVE);
            FloatVector w2 = fromMemorySegment(LANES, taps, lane + 2 * stride, NATIVE);
            FloatVector w3 = fromMemorySegment(LANES, taps, lane + 3 * stride, NATIVE);
            g0.fma(w3, g1.fma(w2, g2.fma(w1, g3.mul(w0))))
                    .intoMemorySegment(dx, o, NATIVE);
            g1.fma(w3, g2.fma(w2, g3.fma(w1, g4.mul(w0))))
                    .intoMemorySegment(dx, o + stride, NATIVE);
            g2.fma(w3, g3.fma(w2, g4.fma(w1, g5.mul(w0))))
                    .intoMemorySegment(dx, o + 2 * stride, NATIVE);
            g3.fma(w3, g4.fma(w2, g5.fma(w1, g6.mul(w0))))
                    .intoMemorySegment(dx, o + 3 * stride, NATIVE);
        }
    }

    /** What four positions add to the gradients of taps and bias. */
    private static void fourSlopesOfFourTaps(MemorySegment x, MemorySegment dy, long at, MemorySegment sums, long sum,
            long stride, int channels) {
        for (long lane = 0; lane != 4L * channels; lane += WIDTH) {
            long o = at + lane;
            long slope = sum + lane;
            FloatVector g0 = fromMemorySegment(LANES, dy, o, NATIVE);
            FloatVector g1 = fromMemorySegment(LANES, dy, o + stride, NATIVE);
            FloatVector g2 = fromMemorySegment(LANES, dy, o + 2 * stride, NATIVE);
            FloatVector g3 = fromMemorySegment(LANES, dy, o + 3 * stride, NATIVE);
            FloatVector x0 = fromMemorySegment(LANES, x, o - 3 * stride, NATIVE);
            FloatVector x1 = fromMemorySegment(LANES, x, o - 2 * stride, NATIVE);
            FloatVector x2 = fromMemorySegment(LANES, x, o - stride, NATIVE);
            FloatVector x3 = fromMemorySegment(LANES, x, o, NATIVE);
            FloatVector x4 = fromMemorySegment(LANES, x, o + stride, NATIVE);
            FloatVector x5 = fromMemorySegment(LANES, x, o + 2 * stride, NATIVE);
            FloatVector x6 = fromMemorySegment(LANES, x, o + 3 * stride, NATIVE);
            FloatVector s0 = x0.fma(g0, fromMemorySegment(LANES, sums, slope, NATIVE));
            FloatVector r0 = x1.mul(g1);
            s0 = x2.fma(g2, s0);
            r0 = x3.fma(g3, r0);
            s0.add(r0).intoMemorySegment(sums, slope, NATIVE);
            FloatVector s1 = x1.fma(g0, fromMemorySegment(LANES, sums, slope + stride, NATIVE));
            FloatVector r1 = x2.mul(g1);
            s1 = x3.fma(g2, s1);
            r1 = x4.fma(g3, r1);
            s1.add(r1).intoMemorySegment(sums, slope + stride, NATIVE);
            FloatVector s2 = x2.fma(g0, fromMemorySegment(LANES, sums, slope + 2 * stride, NATIVE));
            FloatVector r2 = x3.mul(g1);
            s2 = x4.fma(g2, s2);
            r2 = x5.fma(g3, r2);
            s2.add(r2).intoMemorySegment(sums, slope + 2 * stride, NATIVE);
            FloatVector s3 = x3.fma(g0, fromMemorySegment(LANES, sums, slope + 3 * stride, NATIVE));
            FloatVector r3 = x4.mul(g1);
            s3 = x5.fma(g2, s3);
            r3 = x6.fma(g3, r3);
            s3.add(r3).intoMemorySegment(sums, slope + 3 * stride, NATIVE);
            g0.add(g1).add(g2.add(g3)).add(fromMemorySegment(LANES, sums, slope + 4 * stride, NATIVE))
                    .intoMemorySegment(sums, slope + 4 * stride, NATIVE);
        }
    }

    /** Four positions whose inputs and outputs all lie in this call. */
    private static void fourRowsBackward(MemorySegment x, MemorySegment dy, long at, MemorySegment taps, int width,
            MemorySegment dx, MemorySegment sums, long sum, long stride, int channels) {
        int c = LANES.loopBound(channels);
        for (long lane = 0; lane != 4L * c; lane += WIDTH) {
            long o = at + lane;
            FloatVector p = fromMemorySegment(LANES, dy, o, NATIVE);
            FloatVector q = fromMemorySegment(LANES, dy, o + stride, NATIVE);
            FloatVector r = fromMemorySegment(LANES, dy, o + 2 * stride, NATIVE);
            FloatVector s = fromMemorySegment(LANES, dy, o + 3 * stride, NATIVE);
            long biasSum = sum + width * stride + lane;
            p.add(q).add(r.add(s)).add(fromMemorySegment(LANES, sums, biasSum, NATIVE)).intoMemorySegment(sums, biasSum,
                    NATIVE);
            FloatVector a = FloatVector.zero(LANES);
            FloatVector b = a;
            FloatVector d = a;
            FloatVector e = a;
            for (int j = 0; j < width; j++) {
                FloatVector tap = fromMemorySegment(LANES, taps, j * stride + lane, NATIVE);
                long out = o + (width - 1 - j) * stride;
                a = fromMemorySegment(LANES, dy, out, NATIVE).fma(tap, a);
                b = fromMemorySegment(LANES, dy, out + stride, NATIVE).fma(tap, b);
                d = fromMemorySegment(LANES, dy, out + 2 * stride, NATIVE).fma(tap, d);
                e = fromMemorySegment(LANES, dy, out + 3 * stride, NATIVE).fma(tap, e);
                long in = o - (width - 1 - j) * stride;
                FloatVector slope = fromMemorySegment(LANES, sums, sum + j * stride + lane, NATIVE);
                slope = fromMemorySegment(LANES, x, in, NATIVE).fma(p, slope);
                slope = fromMemorySegment(LANES, x, in + stride, NATIVE).fma(q, slope);
                slope = fromMemorySegment(LANES, x, in + 2 * stride, NATIVE).fma(r, slope);
                slope = fromMemorySegment(LANES, x, in + 3 * stride, NATIVE).fma(s, slope);
                slope.intoMemorySegment(sums, sum + j * stride + lane, NATIVE);
            }
            a.intoMemorySegment(dx, o, NATIVE);
            b.intoMemorySegment(dx, o + stride, NATIVE);
            d.intoMemorySegment(dx, o + 2 * stride, NATIVE);
            e.intoMemorySegment(dx, o + 3 * stride, NATIVE);
        }
        fourRowsBackwardOfLastChannels(x, dy, at, taps, width, dx, sums, sum, stride, c, channels);
    }

    private static void fourRowsBackwardOfLastChannels(MemorySegment x, MemorySegment dy, long at, MemorySegment taps,
            int width, MemorySegment dx, MemorySegment sums, long sum, long stride, int from, int channels) {
        for (int c = from; c < channels; c++) {
            long o = at + 4L * c;
            for (int row = 0; row < 4; row++) {
                float slope = dy.get(Tensor.FLOAT, o + row * stride);
                float back = 0;
                for (int j = 0; j < width; j++) {
                    long far = (width - 1L - j) * stride;
                    back = Math.fma(taps.get(Tensor.FLOAT, j * stride + 4L * c),
                            dy.get(Tensor.FLOAT, o + row * stride + far), back);
                    long place = sum + j * stride + 4L * c;
                    sums.set(Tensor.FLOAT, place,
                            Math.fma(slope, x.get(Tensor.FLOAT, o + row * stride - far), sums.get(Tensor.FLOAT,
                                    place)));
                }
                dx.set(Tensor.FLOAT, o + row * stride, back);
                long place = sum + width * stride + 4L * c;
                sums.set(Tensor.FLOAT, place, slope + sums.get(Tensor.FLOAT, place));
            }
        }
    }

    /** Adds up what the tasks left, first task first, some channels after others on any thread. */
    private static void collect(ThreadTeam team, Tensor sums, int width, int channels, int tasks, Tensor dWeight,
            Tensor dBias) {
        Tensor totals = team.scratch().allocate(DType.F64, Shape.of(width + 1, channels));
        team.run((channels + COLLECTED - 1) / COLLECTED, (block, scratch) -> {
            for (int j = 0; j <= width; j++) {
                collect(sums.data(), 4L * channels * j, 4L * channels * (width + 1), tasks, block * COLLECTED,
                        Math.min(channels, (block + 1) * COLLECTED), totals.data(), 8L * channels * j);
            }
        });
        for (int c = 0; c < channels; c++) {
            for (int j = 0; j < width; j++) {
                long place = (long) c * width + j;
                dWeight.set(place, dWeight.get(place) + totals.get(j * (long) channels + c));
            }
            dBias.set(c, dBias.get(c) + totals.get(width * (long) channels + c));
        }
    }

    private static void collect(MemorySegment sums, long at, long stride, int tasks, int from, int to,
            MemorySegment totals, long totalAt) {
        int c = from;
        for (; c <= to - HALF.length(); c += HALF.length()) {
            DoubleVector total = DoubleVector.zero(DOUBLES);
            for (int task = 0; task < tasks; task++) {
                total = total.add(fromMemorySegment(HALF, sums, at + task * stride + 4L * c, NATIVE)
                        .convertShape(VectorOperators.F2D, DOUBLES, 0));
            }
            total.intoMemorySegment(totals, totalAt + 8L * c, NATIVE);
        }
        for (; c < to; c++) {
            double total = 0;
            for (int task = 0; task < tasks; task++) {
                total += sums.get(Tensor.FLOAT, at + task * stride + 4L * c);
            }
            totals.set(Tensor.DOUBLE, totalAt + 8L * c, total);
        }
    }
}

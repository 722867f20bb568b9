package tern.kernels.convolution;

import static jdk.incubator.vector.FloatVector.fromArray;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

import tern.kernels.ThreadTeam;
import tern.kernels.lanes.TaskSums;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * {@link ShortConvolution} on {@link DType#F32} with channels in the vector lanes, eight positions at a time (four where there
 * are not three or four taps) so that each input and each tap is read once for them. Backward goes by inputs: what an input
 * sends to the outputs after it gives both its own gradient and its share of those of the taps, so that x and dy are read and
 * dx is written once. Sums over positions run in single precision over some rows and in
 * double precision over these sums. Stateless, safe to share.
 */
public final class VectorShortConvolution implements ShortConvolution {
    private static final VectorSpecies<Float> LANES = FloatVector.SPECIES_PREFERRED;
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    /** Loops run to where they meet their end, so that they are not counted: entering such a loop costs 100 cycles a tensor. */
    private static final long WIDTH = LANES.vectorByteSize();
    /** Rows side by side: fewer instructions for each line of memory, so that the core has more lines under way. */
    private static final int ROWS = 8;
    private static final int LENGTH = LANES.length();
    /** Elements of each tensor that are brought near at once, so that all of them lie in a second-level cache. */
    private static final int FETCHED = 1 << 15;
    /** Bytes that tensors may have together to be found in a cache by themselves. */
    private static final long NEAR = 32L << 20;
    /** Elements of a task, at least. */
    private static final int TASK = 1 << 15;
    /** More tasks than this do not help, and each leaves sums to be added up. */
    private static final int MOST_TASKS = 64;

    private static final VectorShuffle<Float> FIRST = everyFourth(0), SECOND = everyFourth(1), THIRD = everyFourth(2),
            FOURTH = everyFourth(3);
    private static final VectorMask<Float> SECOND_QUARTER = fromQuarter(1), THIRD_QUARTER = fromQuarter(2),
            LAST_QUARTER = fromQuarter(3);

    /** A body without state. */
    public VectorShortConvolution() {
    }

    /** Rows of one sequence. */
    @FunctionalInterface
    private interface RowWork {
        void run(int b, int from, int to, int task, Workspace scratch);
    }

    private static int rowsOfTask(int batch, int time, int channels) {
        long few = (long) batch * time / MOST_TASKS;
        return Math.toIntExact(Math.max(ROWS, Math.max(TASK / Math.max(1, channels), few) & -ROWS));
    }

    private static int tasksOfSequence(int batch, int time, int channels) {
        int each = rowsOfTask(batch, time, channels);
        return (time + each - 1) / each;
    }

    private static void eachRows(ThreadTeam team, int batch, int time, int channels, RowWork work) {
        int each = rowsOfTask(batch, time, channels);
        int parts = tasksOfSequence(batch, time, channels);
        ThreadTeam.Task one = (task, scratch) -> {
            int from = task % parts * each;
            work.run(task / parts, from, Math.min(time, from + each), task, scratch);
        };
        if ((double) batch * time * channels < TASK) {
            for (int task = 0; task < batch * parts; task++) {
                one.run(task, team.scratch());
            }
            return;
        }
        team.run(batch * parts, one);
    }

    /** Taps as rows of channels, which is how they are met. A step meets them once, so that turning them must not cost more. */
    private static MemorySegment turned(Workspace scratch, Tensor weight) {
        int channels = weight.dim(0);
        int width = weight.dim(1);
        MemorySegment rows = scratch.floatMemory((long) width * channels);
        int whole = width == 4 ? LANES.loopBound(channels) : 0;
        for (int c = 0; c < whole; c += LANES.length()) {
            turnFour(weight.data(), 16L * c, rows, 4L * c, 4L * channels);
        }
        for (int c = whole; c < channels; c++) {
            for (int j = 0; j < width; j++) {
                rows.set(Tensor.FLOAT, 4L * (j * (long) channels + c),
                        weight.data().get(Tensor.FLOAT, 4L * (c * (long) width
                                + j)));
            }
        }
        return rows;
    }

    /** Four taps of as many channels as a vector has lanes. */
    private static void turnFour(MemorySegment taps, long at, MemorySegment rows, long to, long stride) {
        FloatVector a = fromMemorySegment(LANES, taps, at, NATIVE);
        FloatVector b = fromMemorySegment(LANES, taps, at + WIDTH, NATIVE);
        FloatVector c = fromMemorySegment(LANES, taps, at + 2 * WIDTH, NATIVE);
        FloatVector d = fromMemorySegment(LANES, taps, at + 3 * WIDTH, NATIVE);
        a.rearrange(FIRST).blend(b.rearrange(FIRST), SECOND_QUARTER).blend(c.rearrange(FIRST), THIRD_QUARTER)
                .blend(d.rearrange(FIRST), LAST_QUARTER).intoMemorySegment(rows, to, NATIVE);
        a.rearrange(SECOND).blend(b.rearrange(SECOND), SECOND_QUARTER).blend(c.rearrange(SECOND), THIRD_QUARTER)
                .blend(d.rearrange(SECOND), LAST_QUARTER).intoMemorySegment(rows, to + stride, NATIVE);
        a.rearrange(THIRD).blend(b.rearrange(THIRD), SECOND_QUARTER).blend(c.rearrange(THIRD), THIRD_QUARTER)
                .blend(d.rearrange(THIRD), LAST_QUARTER).intoMemorySegment(rows, to + 2 * stride, NATIVE);
        a.rearrange(FOURTH).blend(b.rearrange(FOURTH), SECOND_QUARTER).blend(c.rearrange(FOURTH), THIRD_QUARTER)
                .blend(d.rearrange(FOURTH), LAST_QUARTER).intoMemorySegment(rows, to + 3 * stride, NATIVE);
    }

    /** Every fourth number of four vectors that follow each other, in each quarter those of one of them. */
    private static VectorShuffle<Float> everyFourth(int from) {
        return VectorShuffle.fromOp(LANES, i -> (4 * i + from) % LANES.length());
    }

    /** Lanes from a quarter on; those of later quarters are replaced afterwards. */
    private static VectorMask<Float> fromQuarter(int quarter) {
        return VectorMask.fromLong(LANES, -1L << quarter * LANES.length() / 4);
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
        eachRows(team, batch, time, channels, (b, from, to, task, scratch) -> {
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
            for (; (width == 3 || width == 4) && row + ROWS <= to; row += ROWS) {
                long at = base + row * stride;
                if (width == 3) {
                    eightRowsOfThreeTaps(x.data(), at, taps, bias.data(), y.data(), stride, channels);
                } else {
                    eightRowsOfFourTaps(x.data(), at, taps, bias.data(), y.data(), stride, channels);
                }
            }
            for (; row + 4 <= to; row += 4) {
                fourRows(x.data(), base + row * stride, taps, width, bias.data(), y.data(), stride, channels);
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

    private static void eightRowsOfThreeTaps(MemorySegment x, long at, MemorySegment taps, MemorySegment bias,
            MemorySegment y, long stride, int channels) {
        int c = LANES.loopBound(channels);
        for (long lane = 0; lane != 4L * c; lane += WIDTH) {
            long in = at + lane;
            FloatVector first = fromMemorySegment(LANES, taps, lane, NATIVE);
            FloatVector second = fromMemorySegment(LANES, taps, lane + stride, NATIVE);
            FloatVector third = fromMemorySegment(LANES, taps, lane + 2 * stride, NATIVE);
            FloatVector start = fromMemorySegment(LANES, bias, lane, NATIVE);
            FloatVector before2 = fromMemorySegment(LANES, x, in - 2 * stride, NATIVE);
            FloatVector before1 = fromMemorySegment(LANES, x, in - stride, NATIVE);
            FloatVector x0 = fromMemorySegment(LANES, x, in, NATIVE);
            x0.fma(third, before1.fma(second, before2.fma(first, start))).intoMemorySegment(y, in, NATIVE);
            FloatVector x1 = fromMemorySegment(LANES, x, in + stride, NATIVE);
            x1.fma(third, x0.fma(second, before1.fma(first, start))).intoMemorySegment(y, in + stride, NATIVE);
            FloatVector x2 = fromMemorySegment(LANES, x, in + 2 * stride, NATIVE);
            x2.fma(third, x1.fma(second, x0.fma(first, start))).intoMemorySegment(y, in + 2 * stride, NATIVE);
            FloatVector x3 = fromMemorySegment(LANES, x, in + 3 * stride, NATIVE);
            x3.fma(third, x2.fma(second, x1.fma(first, start))).intoMemorySegment(y, in + 3 * stride, NATIVE);
            FloatVector x4 = fromMemorySegment(LANES, x, in + 4 * stride, NATIVE);
            x4.fma(third, x3.fma(second, x2.fma(first, start))).intoMemorySegment(y, in + 4 * stride, NATIVE);
            FloatVector x5 = fromMemorySegment(LANES, x, in + 5 * stride, NATIVE);
            x5.fma(third, x4.fma(second, x3.fma(first, start))).intoMemorySegment(y, in + 5 * stride, NATIVE);
            FloatVector x6 = fromMemorySegment(LANES, x, in + 6 * stride, NATIVE);
            x6.fma(third, x5.fma(second, x4.fma(first, start))).intoMemorySegment(y, in + 6 * stride, NATIVE);
            FloatVector x7 = fromMemorySegment(LANES, x, in + 7 * stride, NATIVE);
            x7.fma(third, x6.fma(second, x5.fma(first, start))).intoMemorySegment(y, in + 7 * stride, NATIVE);
        }
        rowsOfLastChannels(ROWS, x, at, taps, 3, bias, y, stride, c, channels);
    }

    private static void eightRowsOfFourTaps(MemorySegment x, long at, MemorySegment taps, MemorySegment bias,
            MemorySegment y, long stride, int channels) {
        int c = LANES.loopBound(channels);
        for (long lane = 0; lane != 4L * c; lane += WIDTH) {
            long in = at + lane;
            FloatVector first = fromMemorySegment(LANES, taps, lane, NATIVE);
            FloatVector second = fromMemorySegment(LANES, taps, lane + stride, NATIVE);
            FloatVector third = fromMemorySegment(LANES, taps, lane + 2 * stride, NATIVE);
            FloatVector fourth = fromMemorySegment(LANES, taps, lane + 3 * stride, NATIVE);
            FloatVector start = fromMemorySegment(LANES, bias, lane, NATIVE);
            FloatVector before3 = fromMemorySegment(LANES, x, in - 3 * stride, NATIVE);
            FloatVector before2 = fromMemorySegment(LANES, x, in - 2 * stride, NATIVE);
            FloatVector before1 = fromMemorySegment(LANES, x, in - stride, NATIVE);
            FloatVector x0 = fromMemorySegment(LANES, x, in, NATIVE);
            x0.fma(fourth, before1.fma(third, before2.fma(second, before3.fma(first, start)))).intoMemorySegment(y, in,
                    NATIVE);
            FloatVector x1 = fromMemorySegment(LANES, x, in + stride, NATIVE);
            x1.fma(fourth, x0.fma(third, before1.fma(second, before2.fma(first, start)))).intoMemorySegment(y,
                    in + stride, NATIVE);
            FloatVector x2 = fromMemorySegment(LANES, x, in + 2 * stride, NATIVE);
            x2.fma(fourth, x1.fma(third, x0.fma(second, before1.fma(first, start)))).intoMemorySegment(y,
                    in + 2 * stride, NATIVE);
            FloatVector x3 = fromMemorySegment(LANES, x, in + 3 * stride, NATIVE);
            x3.fma(fourth, x2.fma(third, x1.fma(second, x0.fma(first, start)))).intoMemorySegment(y, in + 3 * stride,
                    NATIVE);
            FloatVector x4 = fromMemorySegment(LANES, x, in + 4 * stride, NATIVE);
            x4.fma(fourth, x3.fma(third, x2.fma(second, x1.fma(first, start)))).intoMemorySegment(y, in + 4 * stride,
                    NATIVE);
            FloatVector x5 = fromMemorySegment(LANES, x, in + 5 * stride, NATIVE);
            x5.fma(fourth, x4.fma(third, x3.fma(second, x2.fma(first, start)))).intoMemorySegment(y, in + 5 * stride,
                    NATIVE);
            FloatVector x6 = fromMemorySegment(LANES, x, in + 6 * stride, NATIVE);
            x6.fma(fourth, x5.fma(third, x4.fma(second, x3.fma(first, start)))).intoMemorySegment(y, in + 6 * stride,
                    NATIVE);
            FloatVector x7 = fromMemorySegment(LANES, x, in + 7 * stride, NATIVE);
            x7.fma(fourth, x6.fma(third, x5.fma(second, x4.fma(first, start)))).intoMemorySegment(y, in + 7 * stride,
                    NATIVE);
        }
        rowsOfLastChannels(ROWS, x, at, taps, 4, bias, y, stride, c, channels);
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
        rowsOfLastChannels(4, x, at, taps, width, bias, y, stride, c, channels);
    }

    private static void rowsOfLastChannels(int rows, MemorySegment x, long at, MemorySegment taps, int width,
            MemorySegment bias, MemorySegment y, long stride, int from, int channels) {
        for (int c = from; c < channels; c++) {
            for (int row = 0; row < rows; row++) {
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
        int parts = tasksOfSequence(batch, time, channels), tasks = batch * parts;
        // Of each task the sums of every tap and of the bias.
        Tensor sums = team.scratch().allocate(DType.F32, Shape.of(tasks, width + 1, channels));
        boolean far = 3 * x.bytes() > NEAR;
        eachRows(team, batch, time, channels, (b, from, to, task, scratch) -> {
            long base = b * (long) time * stride;
            long sum = task * (width + 1L) * stride;
            sums.data().asSlice(sum, (width + 1L) * stride).fill((byte) 0);
            int row = from;
            if (width == 3 || width == 4) {
                int eights = Math.max(from, from + (Math.min(to, time - width + 1) - from & -ROWS));
                eightRowsBackward(x.data(), dy.data(), base, from, eights, taps, width, dx.data(), sums.data(), sum,
                        stride, channels, far, scratch);
                row = eights;
            }
            for (; row + 4 <= to && row + 3 + width <= time; row += 4) {
                fourRowsBackward(x.data(), dy.data(), base + row * stride, taps, width, dx.data(), sums.data(), sum,
                        stride, channels);
            }
            for (; row < to; row++) {
                long at = base + row * stride;
                addRow(dy.data(), at, sums.data(), sum + width * stride, channels);
                rowBackward(x.data(), at, dy.data(), base, row, time, taps, width, dNextHistory.data(), b, dx.data(),
                        at, sums.data(), sum, stride, channels);
            }
        });
        for (int b = 0; b < batch; b++) {
            for (int i = 0; i < width - 1; i++) {
                long at = (b * (width - 1L) + i) * stride;
                rowBackward(history.data(), at, dy.data(), b * (long) time * stride, i - width + 1, time, taps, width,
                        dNextHistory.data(), b, dHistory.data(), at, sums.data(), (long) b * parts * (width + 1)
                                * stride,
                        stride, channels);
            }
        }
        collect(team, sums, width, channels, tasks, dWeight, dBias);
        team.scratch().release(mark);
    }

    /**
     * One position, whose outputs may lie past the last and whose input may be of the history: what comes back to it is written,
     * what it adds to the gradients of the taps is added.
     *
     * @param position negative in the history
     * @param from offset of its input in {@code x}
     */
    private static void rowBackward(MemorySegment x, long from, MemorySegment dy, long base, int position, int time,
            MemorySegment taps, int width, MemorySegment dNextHistory, int b, MemorySegment dx, long to,
            MemorySegment sums, long sum, long stride, int channels) {
        dx.asSlice(to, stride).fill((byte) 0);
        for (int j = 0; j < width; j++) {
            int output = position + width - 1 - j;
            if (output >= 0 && output < time) {
                addProducts(taps, j * stride, dy, base + output * stride, dx, to, channels);
                addProducts(x, from, dy, base + output * stride, sums, sum + j * stride, channels);
            }
        }
        int kept = position - (time - width + 1);
        if (kept >= 0) {
            addRow(dNextHistory, (b * (width - 1L) + kept) * stride, dx, to, channels);
        }
    }

    /** Positions in eights, of three or four taps, whose outputs all lie in this call. */
    private static void eightRowsBackward(MemorySegment x, MemorySegment dy, long base, int from, int to,
            MemorySegment taps, int width, MemorySegment dx, MemorySegment sums, long sum, long stride, int channels,
            boolean far, Workspace scratch) {
        int whole = LANES.loopBound(channels);
        float[] kept = scratch.floats((2 * width + 1) * whole);
        keep(kept, taps, width, stride, whole);
        int together = far ? Math.max(ROWS, FETCHED / Math.max(1, channels) & -ROWS) : to - from;
        for (int start = from; start < to; start += together) {
            int end = Math.min(to, start + together);
            if (far) {
                bringNear(x, dy, base + start * stride, base + end * stride - WIDTH, dx);
            }
            for (int row = start; row < end; row += ROWS) {
                long at = base + row * stride;
                if (width == 3) {
                    eightRowsBackwardOfThreeTaps(x, dy, at, kept, dx, stride, whole);
                } else {
                    eightRowsBackwardOfFourTaps(x, dy, at, kept, dx, stride, whole);
                }
                rowsBackwardOfLastChannels(ROWS, x, dy, at, taps, width, dx, sums, sum, stride, whole, channels);
            }
        }
        for (int j = 0; j <= width; j++) {
            for (int c = 0; c < whole; c += LENGTH) {
                fromArray(LANES, kept, (2 * width + 1) * c + j * LENGTH).intoMemorySegment(sums,
                        sum + j * stride + 4L * c,
                        NATIVE);
            }
        }
    }

    /** For each vector of channels that follows another: sums of each tap and of the bias, 0 at first, and the taps. */
    private static void keep(float[] kept, MemorySegment taps, int width, long stride, int whole) {
        int place = 0;
        for (int c = 0; c < whole; c += LENGTH) {
            for (int j = 0; j <= width; j++) {
                FloatVector.zero(LANES).intoArray(kept, place);
                place += LENGTH;
            }
            for (int j = 0; j < width; j++) {
                fromMemorySegment(LANES, taps, j * stride + 4L * c, NATIVE).intoArray(kept, place);
                place += LENGTH;
            }
        }
    }

    /**
     * Something is written where dx will be, so that x, dy and the place of dx lie in a near cache when eight rows of each are met
     * at once. Memory gives lines one after another, asked for by few instructions each, at twice to three times the rate at which
     * it gives eight rows side by side.
     */
    private static void bringNear(MemorySegment x, MemorySegment dy, long from, long to, MemorySegment dx) {
        for (long o = from; o <= to; o += WIDTH) {
            fromMemorySegment(LANES, x, o, NATIVE).add(fromMemorySegment(LANES, dy, o, NATIVE)).intoMemorySegment(dx, o,
                    NATIVE);
        }
    }

    private static void eightRowsBackwardOfThreeTaps(MemorySegment x, MemorySegment dy, long at, float[] kept,
            MemorySegment dx, long stride, int whole) {
        int end = 7 * whole;
        long o = at;
        for (int c = 0; c != end; c += 7 * LENGTH) {
            FloatVector g0 = fromMemorySegment(LANES, dy, o, NATIVE);
            FloatVector g1 = fromMemorySegment(LANES, dy, o + stride, NATIVE);
            FloatVector g2 = fromMemorySegment(LANES, dy, o + 2 * stride, NATIVE);
            FloatVector g3 = fromMemorySegment(LANES, dy, o + 3 * stride, NATIVE);
            FloatVector g4 = fromMemorySegment(LANES, dy, o + 4 * stride, NATIVE);
            FloatVector g5 = fromMemorySegment(LANES, dy, o + 5 * stride, NATIVE);
            FloatVector g6 = fromMemorySegment(LANES, dy, o + 6 * stride, NATIVE);
            FloatVector g7 = fromMemorySegment(LANES, dy, o + 7 * stride, NATIVE);
            FloatVector g8 = fromMemorySegment(LANES, dy, o + 8 * stride, NATIVE);
            FloatVector g9 = fromMemorySegment(LANES, dy, o + 9 * stride, NATIVE);
            FloatVector x0 = fromMemorySegment(LANES, x, o, NATIVE);
            FloatVector x1 = fromMemorySegment(LANES, x, o + stride, NATIVE);
            FloatVector x2 = fromMemorySegment(LANES, x, o + 2 * stride, NATIVE);
            FloatVector x3 = fromMemorySegment(LANES, x, o + 3 * stride, NATIVE);
            FloatVector x4 = fromMemorySegment(LANES, x, o + 4 * stride, NATIVE);
            FloatVector x5 = fromMemorySegment(LANES, x, o + 5 * stride, NATIVE);
            FloatVector x6 = fromMemorySegment(LANES, x, o + 6 * stride, NATIVE);
            FloatVector x7 = fromMemorySegment(LANES, x, o + 7 * stride, NATIVE);
            x7.fma(g9,
                    x6.fma(g8, x5.fma(g7,
                            x4.fma(g6, x3.fma(g5, x2.fma(g4, x1.fma(g3, x0.fma(g2, fromArray(LANES, kept, c)))))))))
                    .intoArray(kept, c);
            x7.fma(g8, x6.fma(g7, x5.fma(g6,
                    x4.fma(g5, x3.fma(g4, x2.fma(g3, x1.fma(g2, x0.fma(g1, fromArray(LANES, kept, c + LENGTH)))))))))
                    .intoArray(kept, c + LENGTH);
            x7.fma(g7,
                    x6.fma(g6, x5.fma(g5, x4.fma(g4,
                            x3.fma(g3, x2.fma(g2, x1.fma(g1, x0.fma(g0, fromArray(LANES, kept, c + 2 * LENGTH)))))))))
                    .intoArray(kept, c + 2 * LENGTH);
            fromArray(LANES, kept, c + 3 * LENGTH).add(g0).add(g1).add(g2).add(g3).add(g4).add(g5).add(g6).add(g7)
                    .intoArray(kept, c + 3 * LENGTH);
            FloatVector w0 = fromArray(LANES, kept, c + 4 * LENGTH);
            FloatVector w1 = fromArray(LANES, kept, c + 5 * LENGTH);
            FloatVector w2 = fromArray(LANES, kept, c + 6 * LENGTH);
            g0.fma(w2, g1.fma(w1, g2.mul(w0))).intoMemorySegment(dx, o, NATIVE);
            g1.fma(w2, g2.fma(w1, g3.mul(w0))).intoMemorySegment(dx, o + stride, NATIVE);
            g2.fma(w2, g3.fma(w1, g4.mul(w0))).intoMemorySegment(dx, o + 2 * stride, NATIVE);
            g3.fma(w2, g4.fma(w1, g5.mul(w0))).intoMemorySegment(dx, o + 3 * stride, NATIVE);
            g4.fma(w2, g5.fma(w1, g6.mul(w0))).intoMemorySegment(dx, o + 4 * stride, NATIVE);
            g5.fma(w2, g6.fma(w1, g7.mul(w0))).intoMemorySegment(dx, o + 5 * stride, NATIVE);
            g6.fma(w2, g7.fma(w1, g8.mul(w0))).intoMemorySegment(dx, o + 6 * stride, NATIVE);
            g7.fma(w2, g8.fma(w1, g9.mul(w0))).intoMemorySegment(dx, o + 7 * stride, NATIVE);
            o += WIDTH;
        }
    }

    /**
     * Eight positions of four taps whose outputs all lie in this call. All of segments in one body must be few: after some thirty the
     * compiler puts calls in place of what it no longer puts in, so that sums and taps come from an array.
     *
     * @param kept sums of the taps, of the bias, and taps; see {@link #keep}
     * @param whole channels in whole vectors
     */
    private static void eightRowsBackwardOfFourTaps(MemorySegment x, MemorySegment dy, long at, float[] kept,
            MemorySegment dx, long stride, int whole) {
        int end = 9 * whole;
        long o = at;
        for (int c = 0; c != end; c += 9 * LENGTH) {
            FloatVector g0 = fromMemorySegment(LANES, dy, o, NATIVE);
            FloatVector g1 = fromMemorySegment(LANES, dy, o + stride, NATIVE);
            FloatVector g2 = fromMemorySegment(LANES, dy, o + 2 * stride, NATIVE);
            FloatVector g3 = fromMemorySegment(LANES, dy, o + 3 * stride, NATIVE);
            FloatVector g4 = fromMemorySegment(LANES, dy, o + 4 * stride, NATIVE);
            FloatVector g5 = fromMemorySegment(LANES, dy, o + 5 * stride, NATIVE);
            FloatVector g6 = fromMemorySegment(LANES, dy, o + 6 * stride, NATIVE);
            FloatVector g7 = fromMemorySegment(LANES, dy, o + 7 * stride, NATIVE);
            FloatVector g8 = fromMemorySegment(LANES, dy, o + 8 * stride, NATIVE);
            FloatVector g9 = fromMemorySegment(LANES, dy, o + 9 * stride, NATIVE);
            FloatVector g10 = fromMemorySegment(LANES, dy, o + 10 * stride, NATIVE);
            FloatVector x0 = fromMemorySegment(LANES, x, o, NATIVE);
            FloatVector x1 = fromMemorySegment(LANES, x, o + stride, NATIVE);
            FloatVector x2 = fromMemorySegment(LANES, x, o + 2 * stride, NATIVE);
            FloatVector x3 = fromMemorySegment(LANES, x, o + 3 * stride, NATIVE);
            FloatVector x4 = fromMemorySegment(LANES, x, o + 4 * stride, NATIVE);
            FloatVector x5 = fromMemorySegment(LANES, x, o + 5 * stride, NATIVE);
            FloatVector x6 = fromMemorySegment(LANES, x, o + 6 * stride, NATIVE);
            FloatVector x7 = fromMemorySegment(LANES, x, o + 7 * stride, NATIVE);
            x7.fma(g10,
                    x6.fma(g9, x5.fma(g8,
                            x4.fma(g7, x3.fma(g6, x2.fma(g5, x1.fma(g4, x0.fma(g3, fromArray(LANES, kept, c)))))))))
                    .intoArray(kept, c);
            x7.fma(g9, x6.fma(g8, x5.fma(g7,
                    x4.fma(g6, x3.fma(g5, x2.fma(g4, x1.fma(g3, x0.fma(g2, fromArray(LANES, kept, c + LENGTH)))))))))
                    .intoArray(kept, c + LENGTH);
            x7.fma(g8,
                    x6.fma(g7, x5.fma(g6, x4.fma(g5,
                            x3.fma(g4, x2.fma(g3, x1.fma(g2, x0.fma(g1, fromArray(LANES, kept, c + 2 * LENGTH)))))))))
                    .intoArray(kept, c + 2 * LENGTH);
            x7.fma(g7,
                    x6.fma(g6, x5.fma(g5, x4.fma(g4,
                            x3.fma(g3, x2.fma(g2, x1.fma(g1, x0.fma(g0, fromArray(LANES, kept, c + 3 * LENGTH)))))))))
                    .intoArray(kept, c + 3 * LENGTH);
            fromArray(LANES, kept, c + 4 * LENGTH).add(g0).add(g1).add(g2).add(g3).add(g4).add(g5).add(g6).add(g7)
                    .intoArray(kept, c + 4 * LENGTH);
            FloatVector w0 = fromArray(LANES, kept, c + 5 * LENGTH);
            FloatVector w1 = fromArray(LANES, kept, c + 6 * LENGTH);
            FloatVector w2 = fromArray(LANES, kept, c + 7 * LENGTH);
            FloatVector w3 = fromArray(LANES, kept, c + 8 * LENGTH);
            g0.fma(w3, g1.fma(w2, g2.fma(w1, g3.mul(w0)))).intoMemorySegment(dx, o, NATIVE);
            g1.fma(w3, g2.fma(w2, g3.fma(w1, g4.mul(w0)))).intoMemorySegment(dx, o + stride, NATIVE);
            g2.fma(w3, g3.fma(w2, g4.fma(w1, g5.mul(w0)))).intoMemorySegment(dx, o + 2 * stride, NATIVE);
            g3.fma(w3, g4.fma(w2, g5.fma(w1, g6.mul(w0)))).intoMemorySegment(dx, o + 3 * stride, NATIVE);
            g4.fma(w3, g5.fma(w2, g6.fma(w1, g7.mul(w0)))).intoMemorySegment(dx, o + 4 * stride, NATIVE);
            g5.fma(w3, g6.fma(w2, g7.fma(w1, g8.mul(w0)))).intoMemorySegment(dx, o + 5 * stride, NATIVE);
            g6.fma(w3, g7.fma(w2, g8.fma(w1, g9.mul(w0)))).intoMemorySegment(dx, o + 6 * stride, NATIVE);
            g7.fma(w3, g8.fma(w2, g9.fma(w1, g10.mul(w0)))).intoMemorySegment(dx, o + 7 * stride, NATIVE);
            o += WIDTH;
        }
    }

    /** Four positions whose outputs all lie in this call. */
    private static void fourRowsBackward(MemorySegment x, MemorySegment dy, long at, MemorySegment taps, int width,
            MemorySegment dx, MemorySegment sums, long sum, long stride, int channels) {
        int c = LANES.loopBound(channels);
        for (long lane = 0; lane != 4L * c; lane += WIDTH) {
            long o = at + lane;
            FloatVector p = fromMemorySegment(LANES, x, o, NATIVE);
            FloatVector q = fromMemorySegment(LANES, x, o + stride, NATIVE);
            FloatVector r = fromMemorySegment(LANES, x, o + 2 * stride, NATIVE);
            FloatVector s = fromMemorySegment(LANES, x, o + 3 * stride, NATIVE);
            FloatVector a = FloatVector.zero(LANES);
            FloatVector b = a;
            FloatVector d = a;
            FloatVector e = a;
            for (int j = 0; j < width; j++) {
                FloatVector tap = fromMemorySegment(LANES, taps, j * stride + lane, NATIVE);
                FloatVector slope = fromMemorySegment(LANES, sums, sum + j * stride + lane, NATIVE);
                long out = o + (width - 1 - j) * stride;
                FloatVector g = fromMemorySegment(LANES, dy, out, NATIVE);
                a = g.fma(tap, a);
                slope = g.fma(p, slope);
                FloatVector h = fromMemorySegment(LANES, dy, out + stride, NATIVE);
                b = h.fma(tap, b);
                slope = h.fma(q, slope);
                FloatVector i = fromMemorySegment(LANES, dy, out + 2 * stride, NATIVE);
                d = i.fma(tap, d);
                slope = i.fma(r, slope);
                FloatVector k = fromMemorySegment(LANES, dy, out + 3 * stride, NATIVE);
                e = k.fma(tap, e);
                slope = k.fma(s, slope);
                slope.intoMemorySegment(sums, sum + j * stride + lane, NATIVE);
            }
            a.intoMemorySegment(dx, o, NATIVE);
            b.intoMemorySegment(dx, o + stride, NATIVE);
            d.intoMemorySegment(dx, o + 2 * stride, NATIVE);
            e.intoMemorySegment(dx, o + 3 * stride, NATIVE);
            long biasSum = sum + width * stride + lane;
            fromMemorySegment(LANES, sums, biasSum, NATIVE).add(fromMemorySegment(LANES, dy, o, NATIVE))
                    .add(fromMemorySegment(LANES, dy, o + stride, NATIVE))
                    .add(fromMemorySegment(LANES, dy, o + 2 * stride, NATIVE))
                    .add(fromMemorySegment(LANES, dy, o + 3 * stride, NATIVE)).intoMemorySegment(sums, biasSum, NATIVE);
        }
        rowsBackwardOfLastChannels(4, x, dy, at, taps, width, dx, sums, sum, stride, c, channels);
    }

    private static void rowsBackwardOfLastChannels(int rows, MemorySegment x, MemorySegment dy, long at,
            MemorySegment taps, int width, MemorySegment dx, MemorySegment sums, long sum, long stride, int from,
            int channels) {
        for (int c = from; c < channels; c++) {
            for (int row = 0; row < rows; row++) {
                long o = at + 4L * c + row * stride;
                float input = x.get(Tensor.FLOAT, o);
                float back = 0;
                for (int j = 0; j < width; j++) {
                    float g = dy.get(Tensor.FLOAT, o + (width - 1L - j) * stride);
                    back = Math.fma(taps.get(Tensor.FLOAT, j * stride + 4L * c), g, back);
                    long place = sum + j * stride + 4L * c;
                    sums.set(Tensor.FLOAT, place, Math.fma(input, g, sums.get(Tensor.FLOAT, place)));
                }
                dx.set(Tensor.FLOAT, o, back);
                long place = sum + width * stride + 4L * c;
                sums.set(Tensor.FLOAT, place, dy.get(Tensor.FLOAT, o) + sums.get(Tensor.FLOAT, place));
            }
        }
    }

    /** Adds up what the tasks left, first task first. */
    private static void collect(ThreadTeam team, Tensor sums, int width, int channels, int tasks, Tensor dWeight,
            Tensor dBias) {
        Tensor totals = team.scratch().allocate(DType.F64, Shape.of(width + 1, channels));
        TaskSums.add(team, sums.data(), tasks, (width + 1) * channels, totals.data());
        for (int c = 0; c < channels; c++) {
            for (int j = 0; j < width; j++) {
                long place = (long) c * width + j;
                dWeight.set(place, dWeight.get(place) + totals.get(j * (long) channels + c));
            }
            dBias.set(c, dBias.get(c) + totals.get(width * (long) channels + c));
        }
    }
}

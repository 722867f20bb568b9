package tern.kernels.convolution;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.convolution.Butterflies.LANES;
import static tern.kernels.convolution.Butterflies.VECTOR;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Causal convolution term by term, for few positions or few taps. */
final class DirectSums {
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    /** Vectors of channels that a task takes together, so that it reads rows in runs of cache lines. */
    private static final int CHUNK = 4;
    /** Multiply-adds below which a parallel region costs more than it saves. */
    private static final double WORTH_SHARING = 1 << 17;

    private DirectSums() {
    }

    /** Some channels of one sequence. */
    @FunctionalInterface
    interface Part {
        void run(int b, int from, int to);
    }

    /** Cuts sequences and channels into tasks, or does not if all {@code terms} of all channels are few. */
    static void run(ThreadTeam team, int batch, int channels, double terms, Part part) {
        int width = CHUNK * LANES.length();
        int chunks = (channels + width - 1) / width;
        if (terms * channels < WORTH_SHARING) {
            for (int b = 0; b < batch; b++) {
                part.run(b, 0, channels);
            }
        } else {
            team.run(batch * chunks, (task, scratch) -> {
                int from = task % chunks * width;
                part.run(task / chunks, from, Math.min(channels, from + width));
            });
        }
    }

    /**
     * out_p ← Σ h_(p−i) in_i over the inputs i of {@code begin} … {@code end} − 1 that are not after p and meet a tap.
     *
     * @param first row of {@code in} that holds input 0
     * @param outRow row of {@code out} that takes the first output
     * @param position p of the first output
     * @param count outputs
     * @param from first channel
     * @param to end of the channels
     */
    static void sum(Tensor taps, Tensor in, long first, long begin, long end, Tensor out, long outRow, long position,
            int count, int from, int to) {
        long stride = 4L * in.dim(2);
        int lags = taps.dim(0);
        int lanes = LANES.length();
        int wide = from + (to - from) / (CHUNK * lanes) * CHUNK * lanes;
        int whole = from + (to - from) / lanes * lanes;
        int fours = count / 4 * 4;
        for (int channel = from; channel < whole; channel += lanes) {
            long lane = 4L * channel;
            for (int t = 0; t < fours; t += 4) {
                long p = position + t;
                long low = Math.max(begin, p + 4 - lags);
                long high = Math.min(end, p + 1);
                int groups = (int) Math.max(0, (high - low) / 4);
                long at = (outRow + t) * stride + lane;
                four(taps.data(), groups > 0 ? (p - low) * stride + lane : lane, in.data(),
                        groups > 0 ? (first + low) * stride + lane : lane, groups, out.data(), at, stride);
                for (int k = 0; k < 4; k++) {
                    long least = Math.max(begin, p + k - lags + 1);
                    long most = Math.min(end, p + k + 1);
                    if (groups == 0) {
                        add(taps, in, first, least, most, p + k, out, at + k * stride, stride, lane);
                    } else {
                        add(taps, in, first, least, low, p + k, out, at + k * stride, stride, lane);
                        add(taps, in, first, low + 4L * groups, most, p + k, out, at + k * stride, stride, lane);
                    }
                }
            }
        }
        for (int t = fours; t < count; t++) {
            long p = position + t;
            long low = Math.max(begin, p - lags + 1);
            long high = Math.min(end, p + 1);
            int terms = (int) Math.max(0, high - low);
            long at = (outRow + t) * stride;
            long tap = terms > 0 ? (p - low) * stride : 0;
            long input = terms > 0 ? (first + low) * stride : 0;
            int channel = from;
            for (; channel < wide; channel += CHUNK * lanes) {
                oneOfFourVectors(taps.data(), tap + 4L * channel, in.data(), input + 4L * channel, terms, out.data(),
                        at + 4L * channel, stride);
            }
            for (; channel < whole; channel += lanes) {
                FloatVector.zero(LANES).intoMemorySegment(out.data(), at + 4L * channel, NATIVE);
                one(taps.data(), tap + 4L * channel, in.data(), input + 4L * channel, terms, out.data(),
                        at + 4L * channel,
                        stride);
            }
        }
        for (int t = 0; t < count; t++) {
            long p = position + t;
            long low = Math.max(begin, p - lags + 1);
            long high = Math.min(end, p + 1);
            for (int channel = whole; channel < to; channel++) {
                float sum = 0;
                for (long i = low; i < high; i++) {
                    sum = Math.fma(taps.data().get(Tensor.FLOAT, (p - i) * stride + 4L * channel),
                            in.data().get(Tensor.FLOAT,
                                    (first + i) * stride + 4L * channel),
                            sum);
                }
                out.data().set(Tensor.FLOAT, (outRow + t) * stride + 4L * channel, sum);
            }
        }
    }

    private static void add(Tensor taps, Tensor in, long first, long low, long high, long p, Tensor out, long at,
            long stride,
            long lane) {
        if (low < high) {
            one(taps.data(), (p - low) * stride + lane, in.data(), (first + low) * stride + lane, (int) (high - low),
                    out.data(),
                    at, stride);
        }
    }

    /** Four outputs in a row of one vector of channels, over groups of four inputs; {@code tap} is the lag of the first two. */
    private static void four(MemorySegment taps, long tap, MemorySegment in, long input, int groups, MemorySegment out,
            long at,
            long stride) {
        FloatVector a = FloatVector.zero(LANES);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (int group = 0; group < groups; group++) {
            long i = input + 4L * group * stride;
            long h = tap - 4L * group * stride;
            FloatVector first = fromMemorySegment(LANES, in, i, NATIVE);
            FloatVector second = fromMemorySegment(LANES, in, i + stride, NATIVE);
            FloatVector third = fromMemorySegment(LANES, in, i + 2 * stride, NATIVE);
            FloatVector fourth = fromMemorySegment(LANES, in, i + 3 * stride, NATIVE);
            FloatVector lag = fromMemorySegment(LANES, taps, h - 3 * stride, NATIVE);
            a = fourth.fma(lag, a);
            lag = fromMemorySegment(LANES, taps, h - 2 * stride, NATIVE);
            a = third.fma(lag, a);
            b = fourth.fma(lag, b);
            lag = fromMemorySegment(LANES, taps, h - stride, NATIVE);
            a = second.fma(lag, a);
            b = third.fma(lag, b);
            c = fourth.fma(lag, c);
            lag = fromMemorySegment(LANES, taps, h, NATIVE);
            a = first.fma(lag, a);
            b = second.fma(lag, b);
            c = third.fma(lag, c);
            d = fourth.fma(lag, d);
            lag = fromMemorySegment(LANES, taps, h + stride, NATIVE);
            b = first.fma(lag, b);
            c = second.fma(lag, c);
            d = third.fma(lag, d);
            lag = fromMemorySegment(LANES, taps, h + 2 * stride, NATIVE);
            c = first.fma(lag, c);
            d = second.fma(lag, d);
            lag = fromMemorySegment(LANES, taps, h + 3 * stride, NATIVE);
            d = first.fma(lag, d);
        }
        a.intoMemorySegment(out, at, NATIVE);
        b.intoMemorySegment(out, at + stride, NATIVE);
        c.intoMemorySegment(out, at + 2 * stride, NATIVE);
        d.intoMemorySegment(out, at + 3 * stride, NATIVE);
    }

    /** Adds to one output of one vector of channels; inputs go up as lags go down. */
    private static void one(MemorySegment taps, long tap, MemorySegment in, long input, int terms, MemorySegment out,
            long at,
            long stride) {
        FloatVector even = fromMemorySegment(LANES, out, at, NATIVE);
        FloatVector odd = FloatVector.zero(LANES);
        int pairs = terms / 2;
        for (int i = 0; i < pairs; i++) {
            long x = input + 2L * i * stride;
            long h = tap - 2L * i * stride;
            even = fromMemorySegment(LANES, in, x, NATIVE).fma(fromMemorySegment(LANES, taps, h, NATIVE), even);
            odd = fromMemorySegment(LANES, in, x + stride, NATIVE)
                    .fma(fromMemorySegment(LANES, taps, h - stride, NATIVE), odd);
        }
        FloatVector sum = even.add(odd);
        if (terms % 2 == 1) {
            long last = terms - 1L;
            sum = fromMemorySegment(LANES, in, input + last * stride, NATIVE)
                    .fma(fromMemorySegment(LANES, taps, tap - last
                            * stride, NATIVE), sum);
        }
        sum.intoMemorySegment(out, at, NATIVE);
    }

    /** One output of four neighbouring vectors of channels. */
    private static void oneOfFourVectors(MemorySegment taps, long tap, MemorySegment in, long input, int terms,
            MemorySegment out, long at, long stride) {
        FloatVector a = FloatVector.zero(LANES);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (int i = 0; i < terms; i++) {
            long x = input + i * stride;
            long h = tap - i * stride;
            a = fromMemorySegment(LANES, in, x, NATIVE).fma(fromMemorySegment(LANES, taps, h, NATIVE), a);
            b = fromMemorySegment(LANES, in, x + VECTOR, NATIVE).fma(fromMemorySegment(LANES, taps, h + VECTOR, NATIVE),
                    b);
            c = fromMemorySegment(LANES, in, x + 2 * VECTOR, NATIVE).fma(
                    fromMemorySegment(LANES, taps, h + 2 * VECTOR, NATIVE),
                    c);
            d = fromMemorySegment(LANES, in, x + 3 * VECTOR, NATIVE).fma(
                    fromMemorySegment(LANES, taps, h + 3 * VECTOR, NATIVE),
                    d);
        }
        a.intoMemorySegment(out, at, NATIVE);
        b.intoMemorySegment(out, at + VECTOR, NATIVE);
        c.intoMemorySegment(out, at + 2 * VECTOR, NATIVE);
        d.intoMemorySegment(out, at + 3 * VECTOR, NATIVE);
    }

    /** Adds rows of one tensor to rows of another. */
    static void addRows(Tensor from, long fromRow, Tensor to, long toRow, int count, int low, int high) {
        long stride = 4L * from.dim(2);
        int whole = low + (high - low) / LANES.length() * LANES.length();
        for (int t = 0; t < count; t++) {
            long source = (fromRow + t) * stride;
            long target = (toRow + t) * stride;
            for (int c = low; c < whole; c += LANES.length()) {
                fromMemorySegment(LANES, to.data(), target + 4L * c, NATIVE)
                        .add(fromMemorySegment(LANES, from.data(), source + 4L
                                * c, NATIVE))
                        .intoMemorySegment(to.data(), target + 4L * c, NATIVE);
            }
            for (int c = whole; c < high; c++) {
                long place = target + 4L * c;
                to.data().set(Tensor.FLOAT, place,
                        to.data().get(Tensor.FLOAT, place) + from.data().get(Tensor.FLOAT, source + 4L
                                * c));
            }
        }
    }

    /** y ← y + skip ⊙ x for some rows, which have the same numbers in both. */
    static void addSkip(Tensor skip, Tensor x, Tensor y, long row, int count, int low, int high) {
        long stride = 4L * x.dim(2);
        int whole = low + (high - low) / LANES.length() * LANES.length();
        for (int t = 0; t < count; t++) {
            long at = (row + t) * stride;
            for (int c = low; c < whole; c += LANES.length()) {
                fromMemorySegment(LANES, skip.data(), 4L * c, NATIVE)
                        .fma(fromMemorySegment(LANES, x.data(), at + 4L * c, NATIVE),
                                fromMemorySegment(LANES, y.data(), at + 4L * c, NATIVE))
                        .intoMemorySegment(y.data(), at + 4L * c, NATIVE);
            }
            for (int c = whole; c < high; c++) {
                long place = at + 4L * c;
                y.data().set(Tensor.FLOAT, place,
                        Math.fma(skip.data().get(Tensor.FLOAT, 4L * c), x.data().get(Tensor.FLOAT, place),
                                y.data().get(Tensor.FLOAT, place)));
            }
        }
    }
}

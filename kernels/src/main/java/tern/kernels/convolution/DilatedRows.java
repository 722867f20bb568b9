package tern.kernels.convolution;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import tern.kernels.elementwise.ActivationLanes;
import tern.ops.Activation;

/**
 * Dilated sums over rows of one vector of channels that lie one after another. Taps are rows too, tap 0 first. A step is in
 * bytes and may be negative: then taps meet later rows instead of earlier ones. Every output is summed from the bias on in
 * the order of the taps, so a value does not depend on the loop that made it.
 */
final class DilatedRows {
    /** Rows of a tile that stays in the first cache while it is made and ended. */
    private static final int TILE = 128;

    private DilatedRows() {
    }

    /** Rows of a tensor into rows of one vector. */
    static void gather(MemorySegment from, long at, long stride, int rows, MemorySegment into, long to) {
        for (int i = 0; i < rows; i++) {
            fromMemorySegment(SPECIES, from, at + i * stride, ORDER).intoMemorySegment(into, to + (long) i * BYTES,
                    ORDER);
        }
    }

    /** {@link #gather} of fewer channels than lanes; the other lanes become 0. */
    static void gather(MemorySegment from, long at, long stride, int rows, VectorMask<Float> channels,
            MemorySegment into, long to) {
        for (int i = 0; i < rows; i++) {
            fromMemorySegment(SPECIES, from, at + i * stride, ORDER, channels).intoMemorySegment(into,
                    to + (long) i * BYTES, ORDER);
        }
    }

    /** Rows of one vector into rows of a tensor. */
    static void scatter(MemorySegment from, long at, int rows, MemorySegment into, long to, long stride) {
        for (int i = 0; i < rows; i++) {
            fromMemorySegment(SPECIES, from, at + (long) i * BYTES, ORDER).intoMemorySegment(into, to + i * stride,
                    ORDER);
        }
    }

    /** {@link #scatter} of fewer channels than lanes. */
    static void scatter(MemorySegment from, long at, int rows, VectorMask<Float> channels, MemorySegment into, long to,
            long stride) {
        for (int i = 0; i < rows; i++) {
            fromMemorySegment(SPECIES, from, at + (long) i * BYTES, ORDER).intoMemorySegment(into, to + i * stride,
                    ORDER, channels);
        }
    }

    /** into ← into + from. */
    static void add(MemorySegment from, long at, int rows, MemorySegment into, long to) {
        for (int i = 0; i < rows; i++) {
            long row = (long) i * BYTES;
            fromMemorySegment(SPECIES, from, at + row, ORDER)
                    .add(fromMemorySegment(SPECIES, into, to + row, ORDER)).intoMemorySegment(into, to + row, ORDER);
        }
    }

    /** What becomes of sums while they are still in cache; addresses in bytes. */
    sealed interface Ending {
        /** Rows of the output from {@code row} on are made. */
        void made(MemorySegment out, long outAt, long row, int rows);

        /** The sums are left as they are. */
        record Nothing() implements Ending {
            @Override
            public void made(MemorySegment out, long outAt, long row, int rows) {
                // They are what is wanted.
            }
        }

        /** out ← f(out), plus the rows beside if residual. */
        record Value(Activation f, boolean residual, MemorySegment beside, long besideAt) implements Ending {
            @Override
            public void made(MemorySegment out, long outAt, long row, int rows) {
                ActivationLanes.valueAndAdd(f, out, outAt + row, residual, beside, besideAt + row, rows * LENGTH);
            }
        }

        /** slopes ← f'(out), from their beginning; out ← f(out), plus the rows beside if residual. */
        record ValueAndSlope(Activation f, boolean residual, MemorySegment beside, long besideAt,
                MemorySegment slopes) implements Ending {
            @Override
            public void made(MemorySegment out, long outAt, long row, int rows) {
                if (f != Activation.IDENTITY || residual) {
                    ActivationLanes.valueAndSlope(f, out, outAt + row, residual, beside, besideAt + row, slopes, row,
                            rows * LENGTH);
                }
            }
        }

        /** slopes ← f'(out), from their beginning. */
        record SlopeAlone(Activation f, MemorySegment slopes) implements Ending {
            @Override
            public void made(MemorySegment out, long outAt, long row, int rows) {
                ActivationLanes.slopes(f, out, outAt + row, slopes, row, rows * LENGTH);
            }
        }

        /** out ← f'(out) ⊙ the rows beside. */
        record Slope(Activation f, MemorySegment beside, long besideAt) implements Ending {
            @Override
            public void made(MemorySegment out, long outAt, long row, int rows) {
                ActivationLanes.slopeTimes(f, out, outAt + row, beside, besideAt + row, rows * LENGTH);
            }
        }
    }

    /** into ← a ⊙ b, both from their beginning. */
    static void multiply(MemorySegment a, MemorySegment b, int rows, MemorySegment into, long to) {
        for (int i = 0; i < rows; i++) {
            long row = (long) i * BYTES;
            fromMemorySegment(SPECIES, a, row, ORDER).mul(fromMemorySegment(SPECIES, b, row, ORDER))
                    .intoMemorySegment(into, to + row, ORDER);
        }
    }

    /** Bias + Σ_k tap_k·g_(t − k steps) for {@code rows} rows from {@code at} on, by whichever loop reads least. */
    static void convolve(MemorySegment g, long at, long step, MemorySegment taps, long firstTap, int count, long bias,
            int rows, MemorySegment out, long outAt, Ending ending) {
        int apart = (int) (Math.abs(step) / BYTES);
        int done = 0;
        int group = 4 * apart;
        if (count > 3 && rows >= group) {
            int together = Math.max(1, TILE / group) * group;
            for (; rows - done >= group; done += Math.min(together, (rows - done) / group * group)) {
                int tile = Math.min(together, (rows - done) / group * group);
                fourApart(g, at, step, taps, firstTap, count, bias, done, tile / group, out, outAt, ending);
            }
        }
        for (int tile; done < rows; done += tile) {
            tile = Math.min(TILE, rows - done);
            long o = (long) done * BYTES;
            if (count == 3) {
                three(g, at + o, step, taps, firstTap, bias, tile, out, outAt + o);
            } else if (count == 2) {
                two(g, at + o, step, taps, firstTap, bias, tile, out, outAt + o);
            } else {
                int fours = tile / 4;
                fourTogether(g, at + o, step, taps, firstTap, count, bias, fours, out, outAt + o);
                for (int row = 4 * fours; row < tile; row++) {
                    long last = o + (long) row * BYTES;
                    one(g, at + last, step, taps, firstTap, count, bias, out, outAt + last);
                }
            }
            ending.made(out, outAt, o, tile);
        }
    }

    /** Of few taps the rows are read faster again than kept. */
    private static void three(MemorySegment g, long at, long step, MemorySegment taps, long firstTap, long bias,
            int rows, MemorySegment out, long outAt) {
        FloatVector start = fromMemorySegment(SPECIES, taps, bias, ORDER);
        FloatVector u = fromMemorySegment(SPECIES, taps, firstTap, ORDER);
        FloatVector v = fromMemorySegment(SPECIES, taps, firstTap + BYTES, ORDER);
        FloatVector w = fromMemorySegment(SPECIES, taps, firstTap + 2 * BYTES, ORDER);
        for (int i = 0; i < rows; i++) {
            long row = (long) i * BYTES;
            FloatVector sum = fromMemorySegment(SPECIES, g, at + row, ORDER).fma(u, start);
            sum = fromMemorySegment(SPECIES, g, at + row - step, ORDER).fma(v, sum);
            fromMemorySegment(SPECIES, g, at + row - 2 * step, ORDER).fma(w, sum).intoMemorySegment(out, outAt + row,
                    ORDER);
        }
    }

    private static void two(MemorySegment g, long at, long step, MemorySegment taps, long firstTap, long bias,
            int rows, MemorySegment out, long outAt) {
        FloatVector start = fromMemorySegment(SPECIES, taps, bias, ORDER);
        FloatVector u = fromMemorySegment(SPECIES, taps, firstTap, ORDER);
        FloatVector v = fromMemorySegment(SPECIES, taps, firstTap + BYTES, ORDER);
        for (int i = 0; i < rows; i++) {
            long row = (long) i * BYTES;
            FloatVector sum = fromMemorySegment(SPECIES, g, at + row, ORDER).fma(u, start);
            fromMemorySegment(SPECIES, g, at + row - step, ORDER).fma(v, sum).intoMemorySegment(out, outAt + row,
                    ORDER);
        }
    }

    /**
     * Groups of four outputs t, t + d, t + 2d, t + 3d from a row on, two at a time while there are two: such a group reads 3 more
     * rows than one output would.
     */
    private static void fourApart(MemorySegment g, long at, long step, MemorySegment taps, long firstTap, int count,
            long bias, int row, int groups, MemorySegment out, long outAt, Ending ending) {
        long span = Math.abs(step);
        int apart = (int) (span / BYTES);
        // Of outputs against the step the first is the last in time.
        long first = (long) row * BYTES + (step < 0 ? 3 * span : 0);
        if (apart == 1) {
            // Neighbouring groups; their rows lie four apart.
            int pairs = groups / 2;
            eight(g, at + first, step, 4 * span, taps, firstTap, count, bias, pairs, 8 * span, out, outAt + first);
            if (groups % 2 == 1) {
                long o = first + 8 * span * pairs;
                four(g, at + o, step, taps, firstTap, count, bias, out, outAt + o);
            }
            ending.made(out, outAt, (long) row * BYTES, 4 * groups);
            return;
        }
        int each = Math.max(2, TILE / 4);
        for (int group = 0; group < groups; group++) {
            long begin = 4 * group * span;
            for (int from = 0; from < apart; from += each) {
                int width = Math.min(each, apart - from);
                long o = first + begin + (long) from * BYTES;
                eight(g, at + o, step, BYTES, taps, firstTap, count, bias, width / 2, 2 * BYTES, out, outAt + o);
                if (width % 2 == 1) {
                    long last = o + (width - 1L) * BYTES;
                    four(g, at + last, step, taps, firstTap, count, bias, out, outAt + last);
                }
                if (4 * apart > TILE) {
                    for (int i = 0; i < 4; i++) {
                        ending.made(out, outAt, (long) row * BYTES + begin + i * span + (long) from * BYTES, width);
                    }
                }
            }
        }
        if (4 * apart <= TILE) {
            ending.made(out, outAt, (long) row * BYTES, 4 * groups * apart);
        }
    }

    /**
     * Outputs o, o + d, o + 2d, o + 3d, and as many from {@code other} bytes on, for offsets o that lie {@code stride} apart. They
     * share taps, and each row of a four is read once for it; eight sums hide the latency of fma.
     */
    private static void eight(MemorySegment g, long at, long step, long other, MemorySegment taps, long firstTap,
            int count, long bias, int repeats, long stride, MemorySegment out, long outAt) {
        FloatVector start = fromMemorySegment(SPECIES, taps, bias, ORDER);
        for (int i = 0; i < repeats; i++) {
            long in = at + i * stride;
            FloatVector u = fromMemorySegment(SPECIES, taps, firstTap, ORDER);
            FloatVector v = fromMemorySegment(SPECIES, taps, firstTap + BYTES, ORDER);
            FloatVector w = fromMemorySegment(SPECIES, taps, firstTap + 2 * BYTES, ORDER);
            FloatVector x = fromMemorySegment(SPECIES, g, in + 3 * step, ORDER);
            FloatVector y = fromMemorySegment(SPECIES, g, in + other + 3 * step, ORDER);
            FloatVector d = x.fma(u, start);
            FloatVector h = y.fma(u, start);
            x = fromMemorySegment(SPECIES, g, in + 2 * step, ORDER);
            y = fromMemorySegment(SPECIES, g, in + other + 2 * step, ORDER);
            FloatVector c = x.fma(u, start);
            FloatVector q = y.fma(u, start);
            d = x.fma(v, d);
            h = y.fma(v, h);
            x = fromMemorySegment(SPECIES, g, in + step, ORDER);
            y = fromMemorySegment(SPECIES, g, in + other + step, ORDER);
            FloatVector b = x.fma(u, start);
            FloatVector p = y.fma(u, start);
            c = x.fma(v, c);
            q = y.fma(v, q);
            d = x.fma(w, d);
            h = y.fma(w, h);
            FloatVector a = start;
            FloatVector e = start;
            for (int k = 3; k < count; k++) {
                FloatVector tap = fromMemorySegment(SPECIES, taps, firstTap + (long) k * BYTES, ORDER);
                x = fromMemorySegment(SPECIES, g, in, ORDER);
                y = fromMemorySegment(SPECIES, g, in + other, ORDER);
                a = x.fma(u, a);
                b = x.fma(v, b);
                c = x.fma(w, c);
                d = x.fma(tap, d);
                e = y.fma(u, e);
                p = y.fma(v, p);
                q = y.fma(w, q);
                h = y.fma(tap, h);
                u = v;
                v = w;
                w = tap;
                in -= step;
            }
            x = fromMemorySegment(SPECIES, g, in, ORDER);
            y = fromMemorySegment(SPECIES, g, in + other, ORDER);
            a = x.fma(u, a);
            b = x.fma(v, b);
            c = x.fma(w, c);
            e = y.fma(u, e);
            p = y.fma(v, p);
            q = y.fma(w, q);
            x = fromMemorySegment(SPECIES, g, in - step, ORDER);
            y = fromMemorySegment(SPECIES, g, in + other - step, ORDER);
            a = x.fma(v, a);
            b = x.fma(w, b);
            e = y.fma(v, e);
            p = y.fma(w, p);
            a = fromMemorySegment(SPECIES, g, in - 2 * step, ORDER).fma(w, a);
            e = fromMemorySegment(SPECIES, g, in + other - 2 * step, ORDER).fma(w, e);
            long to = outAt + i * stride;
            a.intoMemorySegment(out, to, ORDER);
            b.intoMemorySegment(out, to + step, ORDER);
            c.intoMemorySegment(out, to + 2 * step, ORDER);
            d.intoMemorySegment(out, to + 3 * step, ORDER);
            e.intoMemorySegment(out, to + other, ORDER);
            p.intoMemorySegment(out, to + other + step, ORDER);
            q.intoMemorySegment(out, to + other + 2 * step, ORDER);
            h.intoMemorySegment(out, to + other + 3 * step, ORDER);
        }
    }

    private static void four(MemorySegment g, long at, long step, MemorySegment taps, long firstTap, int count,
            long bias, MemorySegment out, long to) {
        for (int i = 0; i < 4; i++) {
            one(g, at + i * step, step, taps, firstTap, count, bias, out, to + i * step);
        }
    }

    /** Four neighbouring outputs at a time: each tap is read once for them. */
    private static void fourTogether(MemorySegment g, long at, long step, MemorySegment taps, long firstTap, int count,
            long bias, int fours, MemorySegment out, long outAt) {
        FloatVector start = fromMemorySegment(SPECIES, taps, bias, ORDER);
        for (int i = 0; i < fours; i++) {
            long o = 4L * i * BYTES;
            long in = at + o;
            FloatVector a = start;
            FloatVector b = start;
            FloatVector c = start;
            FloatVector d = start;
            for (int k = 0; k < count; k++) {
                FloatVector tap = fromMemorySegment(SPECIES, taps, firstTap + (long) k * BYTES, ORDER);
                a = fromMemorySegment(SPECIES, g, in, ORDER).fma(tap, a);
                b = fromMemorySegment(SPECIES, g, in + BYTES, ORDER).fma(tap, b);
                c = fromMemorySegment(SPECIES, g, in + 2 * BYTES, ORDER).fma(tap, c);
                d = fromMemorySegment(SPECIES, g, in + 3 * BYTES, ORDER).fma(tap, d);
                in -= step;
            }
            a.intoMemorySegment(out, outAt + o, ORDER);
            b.intoMemorySegment(out, outAt + o + BYTES, ORDER);
            c.intoMemorySegment(out, outAt + o + 2 * BYTES, ORDER);
            d.intoMemorySegment(out, outAt + o + 3 * BYTES, ORDER);
        }
    }

    private static void one(MemorySegment g, long at, long step, MemorySegment taps, long firstTap, int count,
            long bias, MemorySegment out, long outAt) {
        FloatVector sum = fromMemorySegment(SPECIES, taps, bias, ORDER);
        for (int k = 0; k < count; k++) {
            sum = fromMemorySegment(SPECIES, g, at - k * step, ORDER)
                    .fma(fromMemorySegment(SPECIES, taps, firstTap + (long) k * BYTES, ORDER), sum);
        }
        sum.intoMemorySegment(out, outAt, ORDER);
    }

    /** sums[k] ← Σ_t dc_t·g_(t − k steps) for all taps, and after them Σ_t dc_t. */
    static void slopes(MemorySegment dc, long dcAt, MemorySegment g, long at, long step, int count, int rows,
            MemorySegment sums, long sumAt) {
        int k = 0;
        for (; k + 8 <= count; k += 8) {
            eightTaps(dc, dcAt, g, at - k * step, step, rows, sums, sumAt + (long) k * BYTES);
        }
        for (; k + 3 <= count; k += 3) {
            threeTaps(dc, dcAt, g, at - k * step, step, rows, sums, sumAt + (long) k * BYTES);
        }
        for (; k < count; k++) {
            oneTap(dc, dcAt, g, at - k * step, rows, sums, sumAt + (long) k * BYTES);
        }
        total(dc, dcAt, rows, sums, sumAt + (long) count * BYTES);
    }

    // Rows a step apart, one chain of them after another: of the eight rows of g that an output meets seven were met by the
    // output before.
    private static void eightTaps(MemorySegment dc, long dcAt, MemorySegment g, long at, long step, int rows,
            MemorySegment sums, long sumAt) {
        FloatVector s0 = FloatVector.zero(SPECIES);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        FloatVector s4 = s0;
        FloatVector s5 = s0;
        FloatVector s6 = s0;
        FloatVector s7 = s0;
        long end = (long) rows * BYTES;
        long chains = Math.min(step, end);
        for (long row = 0; row < chains; row += BYTES) {
            long in = at + row;
            FloatVector g1 = fromMemorySegment(SPECIES, g, in - step, ORDER);
            FloatVector g2 = fromMemorySegment(SPECIES, g, in - 2 * step, ORDER);
            FloatVector g3 = fromMemorySegment(SPECIES, g, in - 3 * step, ORDER);
            FloatVector g4 = fromMemorySegment(SPECIES, g, in - 4 * step, ORDER);
            FloatVector g5 = fromMemorySegment(SPECIES, g, in - 5 * step, ORDER);
            FloatVector g6 = fromMemorySegment(SPECIES, g, in - 6 * step, ORDER);
            FloatVector g7 = fromMemorySegment(SPECIES, g, in - 7 * step, ORDER);
            for (long o = row; o < end; o += step) {
                FloatVector slope = fromMemorySegment(SPECIES, dc, dcAt + o, ORDER);
                FloatVector g0 = fromMemorySegment(SPECIES, g, at + o, ORDER);
                s0 = slope.fma(g0, s0);
                s1 = slope.fma(g1, s1);
                s2 = slope.fma(g2, s2);
                s3 = slope.fma(g3, s3);
                s4 = slope.fma(g4, s4);
                s5 = slope.fma(g5, s5);
                s6 = slope.fma(g6, s6);
                s7 = slope.fma(g7, s7);
                g7 = g6;
                g6 = g5;
                g5 = g4;
                g4 = g3;
                g3 = g2;
                g2 = g1;
                g1 = g0;
            }
        }
        s0.intoMemorySegment(sums, sumAt, ORDER);
        s1.intoMemorySegment(sums, sumAt + BYTES, ORDER);
        s2.intoMemorySegment(sums, sumAt + 2 * BYTES, ORDER);
        s3.intoMemorySegment(sums, sumAt + 3 * BYTES, ORDER);
        s4.intoMemorySegment(sums, sumAt + 4 * BYTES, ORDER);
        s5.intoMemorySegment(sums, sumAt + 5 * BYTES, ORDER);
        s6.intoMemorySegment(sums, sumAt + 6 * BYTES, ORDER);
        s7.intoMemorySegment(sums, sumAt + 7 * BYTES, ORDER);
    }

    private static void threeTaps(MemorySegment dc, long dcAt, MemorySegment g, long at, long step, int rows,
            MemorySegment sums, long sumAt) {
        FloatVector s0 = FloatVector.zero(SPECIES);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        for (long o = 0; o < (long) rows * BYTES; o += BYTES) {
            FloatVector slope = fromMemorySegment(SPECIES, dc, dcAt + o, ORDER);
            s0 = slope.fma(fromMemorySegment(SPECIES, g, at + o, ORDER), s0);
            s1 = slope.fma(fromMemorySegment(SPECIES, g, at + o - step, ORDER), s1);
            s2 = slope.fma(fromMemorySegment(SPECIES, g, at + o - 2 * step, ORDER), s2);
        }
        s0.intoMemorySegment(sums, sumAt, ORDER);
        s1.intoMemorySegment(sums, sumAt + BYTES, ORDER);
        s2.intoMemorySegment(sums, sumAt + 2 * BYTES, ORDER);
    }

    private static void oneTap(MemorySegment dc, long dcAt, MemorySegment g, long at, int rows, MemorySegment sums,
            long sumAt) {
        FloatVector even = FloatVector.zero(SPECIES);
        FloatVector odd = even;
        long whole = (long) (rows & ~1) * BYTES;
        for (long o = 0; o < whole; o += 2 * BYTES) {
            even = fromMemorySegment(SPECIES, dc, dcAt + o, ORDER)
                    .fma(fromMemorySegment(SPECIES, g, at + o, ORDER), even);
            odd = fromMemorySegment(SPECIES, dc, dcAt + o + BYTES, ORDER)
                    .fma(fromMemorySegment(SPECIES, g, at + o + BYTES, ORDER), odd);
        }
        if ((rows & 1) == 1) {
            even = fromMemorySegment(SPECIES, dc, dcAt + whole, ORDER)
                    .fma(fromMemorySegment(SPECIES, g, at + whole, ORDER), even);
        }
        even.add(odd).intoMemorySegment(sums, sumAt, ORDER);
    }

    private static void total(MemorySegment dc, long dcAt, int rows, MemorySegment sums, long sumAt) {
        FloatVector even = FloatVector.zero(SPECIES);
        FloatVector odd = even;
        long whole = (long) (rows & ~1) * BYTES;
        for (long o = 0; o < whole; o += 2 * BYTES) {
            even = fromMemorySegment(SPECIES, dc, dcAt + o, ORDER).add(even);
            odd = fromMemorySegment(SPECIES, dc, dcAt + o + BYTES, ORDER).add(odd);
        }
        if ((rows & 1) == 1) {
            even = fromMemorySegment(SPECIES, dc, dcAt + whole, ORDER).add(even);
        }
        even.add(odd).intoMemorySegment(sums, sumAt, ORDER);
    }
}

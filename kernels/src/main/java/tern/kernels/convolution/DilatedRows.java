package tern.kernels.convolution;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/**
 * Dilated sums over rows of one vector of channels that lie one after another. Taps are rows too, tap 0 first. A step is in
 * bytes and may be negative: then taps meet later rows instead of earlier ones. Every output is summed from the bias on in
 * the order of the taps, so a value does not depend on the loop that made it.
 */
final class DilatedRows {
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

    /** into ← into ⊙ from. */
    static void multiply(MemorySegment from, long at, int rows, MemorySegment into, long to) {
        for (int i = 0; i < rows; i++) {
            long row = (long) i * BYTES;
            fromMemorySegment(SPECIES, from, at + row, ORDER)
                    .mul(fromMemorySegment(SPECIES, into, to + row, ORDER)).intoMemorySegment(into, to + row, ORDER);
        }
    }

    /** Bias + Σ_k tap_k·g_(t − k steps) for {@code rows} rows from {@code at} on, by whichever loop reads least. */
    static void convolve(MemorySegment g, long at, long step, MemorySegment taps, long firstTap, int count, long bias,
            int rows, MemorySegment out, long outAt) {
        int apart = (int) (Math.abs(step) / BYTES);
        int groups = count >= 3 ? rows / (4 * apart) : 0;
        // Of outputs against the step the first is the last in time.
        long first = step < 0 ? -3 * step : 0;
        fourApart(g, at + first, step, taps, firstTap, count, bias, groups, out, outAt + first);
        int done = groups * 4 * apart;
        int fours = (rows - done) / 4;
        long more = (long) done * BYTES;
        fourTogether(g, at + more, step, taps, firstTap, count, bias, fours, out, outAt + more);
        for (int row = done + 4 * fours; row < rows; row++) {
            long o = (long) row * BYTES;
            one(g, at + o, step, taps, firstTap, count, bias, out, outAt + o);
        }
    }

    /** Groups of four outputs t, t + d, t + 2d, t + 3d, two groups at a time while there are two. */
    private static void fourApart(MemorySegment g, long at, long step, MemorySegment taps, long firstTap, int count,
            long bias, int groups, MemorySegment out, long outAt) {
        long span = Math.abs(step);
        int group = 0;
        if (span == BYTES) {
            // Neighbouring groups; their rows lie four apart.
            int pairs = groups / 2;
            eight(g, at, step, 4 * span, taps, firstTap, count, bias, pairs, 8 * span, out, outAt);
            group = 2 * pairs;
        }
        for (; group < groups; group++) {
            long o = 4 * group * span;
            int pairs = (int) (span / (2 * BYTES));
            eight(g, at + o, step, BYTES, taps, firstTap, count, bias, pairs, 2 * BYTES, out, outAt + o);
            if (2L * pairs * BYTES < span) {
                long last = o + span - BYTES;
                four(g, at + last, step, taps, firstTap, count, bias, out, outAt + last);
            }
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

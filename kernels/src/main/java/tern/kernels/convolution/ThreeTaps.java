package tern.kernels.convolution;

import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * The way back of layers of three taps that add to what they read, with what {@link DilatedRows} does in several passes in
 * one each. Addresses and steps in bytes.
 */
final class ThreeTaps {
    private ThreeTaps() {
    }

    /** gradient ← gradient + Σ_k tap_k·dc_(t + k steps). */
    static void back(MemorySegment dc, long at, long step, MemorySegment taps, int rows, MemorySegment gradient) {
        FloatVector first = fromMemorySegment(SPECIES, taps, 0, ORDER);
        FloatVector second = fromMemorySegment(SPECIES, taps, BYTES, ORDER);
        FloatVector third = fromMemorySegment(SPECIES, taps, 2 * BYTES, ORDER);
        for (int i = 0; i < rows; i++) {
            long row = (long) i * BYTES;
            FloatVector sum = fromMemorySegment(SPECIES, dc, at + row, ORDER).mul(first);
            sum = fromMemorySegment(SPECIES, dc, at + row + step, ORDER).fma(second, sum);
            sum = fromMemorySegment(SPECIES, dc, at + row + 2 * step, ORDER).fma(third, sum);
            sum.add(fromMemorySegment(SPECIES, gradient, row, ORDER)).intoMemorySegment(gradient, row, ORDER);
        }
    }

    /**
     * dc ← slopes ⊙ gradient, both from their beginning, and sums[k] ← Σ_t dc_t·g_(t − k steps) for the three taps, and after
     * them Σ_t dc_t.
     */
    static void slopes(MemorySegment slopes, MemorySegment gradient, int rows, MemorySegment dc, long dcAt,
            MemorySegment g, long at, long step, MemorySegment sums) {
        FloatVector s0 = FloatVector.zero(SPECIES);
        FloatVector s1 = s0;
        FloatVector s2 = s0;
        FloatVector s3 = s0;
        FloatVector t0 = s0;
        FloatVector t1 = s0;
        FloatVector t2 = s0;
        FloatVector t3 = s0;
        int pairs = rows / 2;
        for (int i = 0; i < pairs; i++) {
            long row = 2L * i * BYTES;
            FloatVector even = fromMemorySegment(SPECIES, slopes, row, ORDER)
                    .mul(fromMemorySegment(SPECIES, gradient, row, ORDER));
            FloatVector odd = fromMemorySegment(SPECIES, slopes, row + BYTES, ORDER)
                    .mul(fromMemorySegment(SPECIES, gradient, row + BYTES, ORDER));
            even.intoMemorySegment(dc, dcAt + row, ORDER);
            odd.intoMemorySegment(dc, dcAt + row + BYTES, ORDER);
            long in = at + row;
            s0 = even.fma(fromMemorySegment(SPECIES, g, in, ORDER), s0);
            t0 = odd.fma(fromMemorySegment(SPECIES, g, in + BYTES, ORDER), t0);
            s1 = even.fma(fromMemorySegment(SPECIES, g, in - step, ORDER), s1);
            t1 = odd.fma(fromMemorySegment(SPECIES, g, in + BYTES - step, ORDER), t1);
            s2 = even.fma(fromMemorySegment(SPECIES, g, in - 2 * step, ORDER), s2);
            t2 = odd.fma(fromMemorySegment(SPECIES, g, in + BYTES - 2 * step, ORDER), t2);
            s3 = even.add(s3);
            t3 = odd.add(t3);
        }
        if (rows % 2 == 1) {
            long row = 2L * pairs * BYTES;
            FloatVector last = fromMemorySegment(SPECIES, slopes, row, ORDER)
                    .mul(fromMemorySegment(SPECIES, gradient, row, ORDER));
            last.intoMemorySegment(dc, dcAt + row, ORDER);
            s0 = last.fma(fromMemorySegment(SPECIES, g, at + row, ORDER), s0);
            s1 = last.fma(fromMemorySegment(SPECIES, g, at + row - step, ORDER), s1);
            s2 = last.fma(fromMemorySegment(SPECIES, g, at + row - 2 * step, ORDER), s2);
            s3 = last.add(s3);
        }
        s0.add(t0).intoMemorySegment(sums, 0, ORDER);
        s1.add(t1).intoMemorySegment(sums, BYTES, ORDER);
        s2.add(t2).intoMemorySegment(sums, 2 * BYTES, ORDER);
        s3.add(t3).intoMemorySegment(sums, 3 * BYTES, ORDER);
    }
}

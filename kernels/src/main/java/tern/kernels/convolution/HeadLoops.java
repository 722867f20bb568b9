package tern.kernels.convolution;

import static jdk.incubator.vector.FloatVector.broadcast;
import static jdk.incubator.vector.FloatVector.fromMemorySegment;
import static tern.kernels.convolution.Butterflies.LANES;
import static tern.kernels.convolution.Butterflies.POINT;
import static tern.kernels.convolution.Butterflies.VECTOR;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShuffle;

/**
 * Inner loops of {@link VectorHeadConvolution} on dense rows: one vector a position, lanes of heads one after another.
 */
final class HeadLoops {
    private static final ByteOrder NATIVE = ByteOrder.nativeOrder();
    private static final VectorShuffle<Float> SWAP1 = VectorShuffle.fromOp(LANES, lane -> lane ^ 1);
    private static final VectorShuffle<Float> SWAP2 = VectorShuffle.fromOp(LANES, lane -> (lane ^ 2) % LANES.length());
    private static final VectorShuffle<Float> SWAP4 = VectorShuffle.fromOp(LANES, lane -> (lane ^ 4) % LANES.length());
    private static final VectorShuffle<Float> SWAP8 = VectorShuffle.fromOp(LANES, lane -> (lane ^ 8) % LANES.length());

    private HeadLoops() {
    }

    /** Rows ← the same rows with lanes moved. */
    static void turn(MemorySegment rows, int count, VectorShuffle<Float> shuffle) {
        for (int i = 0; i < count; i++) {
            long at = i * VECTOR;
            fromMemorySegment(LANES, rows, at, NATIVE).rearrange(shuffle).intoMemorySegment(rows, at, NATIVE);
        }
    }

    /** Whole vectors from rows to rows. */
    static void copy(MemorySegment from, long at, long stride, MemorySegment to, long toAt, long toStride, int count) {
        for (int i = 0; i < count; i++) {
            fromMemorySegment(LANES, from, at + i * stride, NATIVE).intoMemorySegment(to, toAt + i * toStride, NATIVE);
        }
    }

    /** Every second vector of a tile ← the first taps of a vector, spread over the lanes of their heads. */
    static void spreadInto(MemorySegment taps, long tapAt, long stride, int count, VectorShuffle<Float> spread,
            MemorySegment tile, long at) {
        for (int i = 0; i < count; i++) {
            fromMemorySegment(LANES, taps, tapAt + i * stride, NATIVE).rearrange(spread).intoMemorySegment(tile,
                    at + i * POINT,
                    NATIVE);
        }
    }

    static void clear(MemorySegment rows, int count) {
        for (int i = 0; i < count; i++) {
            FloatVector.zero(LANES).intoMemorySegment(rows, i * VECTOR, NATIVE);
        }
    }

    /** Every second vector of a tile ← a ⊙ b, rows from {@code a} and {@code b} on. */
    static void multiplyInto(MemorySegment a, long aAt, MemorySegment b, long bAt, int count, MemorySegment tile,
            long at) {
        for (int i = 0; i < count; i++) {
            fromMemorySegment(LANES, a, aAt + i * VECTOR, NATIVE)
                    .mul(fromMemorySegment(LANES, b, bAt + i * VECTOR, NATIVE))
                    .intoMemorySegment(tile, at + i * POINT, NATIVE);
        }
    }

    static void clearInto(int count, MemorySegment tile, long at) {
        for (int i = 0; i < count; i++) {
            FloatVector.zero(LANES).intoMemorySegment(tile, at + i * POINT, NATIVE);
        }
    }

    /** sum ← sum + other ⊙ (scale·tile + skip ⊙ a ⊙ b), with other in its own rows and a, b from {@code at}. */
    static void collect(MemorySegment tile, long tileAt, float scale, MemorySegment skip, MemorySegment a,
            MemorySegment b,
            long at, MemorySegment other, MemorySegment sum, long sumAt, int count) {
        FloatVector factor = broadcast(LANES, scale);
        FloatVector straight = fromMemorySegment(LANES, skip, 0, NATIVE);
        for (int i = 0; i < count; i++) {
            FloatVector own = fromMemorySegment(LANES, a, at + i * VECTOR, NATIVE)
                    .mul(fromMemorySegment(LANES, b, at + i * VECTOR,
                            NATIVE));
            FloatVector whole = fromMemorySegment(LANES, tile, tileAt + i * POINT, NATIVE).fma(factor,
                    own.mul(straight));
            long o = sumAt + i * VECTOR;
            whole.fma(fromMemorySegment(LANES, other, o, NATIVE), fromMemorySegment(LANES, sum, o, NATIVE))
                    .intoMemorySegment(sum, o,
                            NATIVE);
        }
    }

    /** With z = scale·tile (+ skip ⊙ q ⊙ g if {@code own}): dk ← dk + z ⊙ v, dv ← dv + z ⊙ k. */
    static void collectBoth(MemorySegment tile, long tileAt, float scale, boolean own, MemorySegment skip,
            MemorySegment q,
            MemorySegment g, long ownAt, MemorySegment k, MemorySegment v, MemorySegment dk, MemorySegment dv, long at,
            int count) {
        FloatVector factor = broadcast(LANES, scale);
        FloatVector straight = fromMemorySegment(LANES, skip, 0, NATIVE);
        for (int i = 0; i < count; i++) {
            FloatVector z = fromMemorySegment(LANES, tile, tileAt + i * POINT, NATIVE).mul(factor);
            if (own) {
                z = fromMemorySegment(LANES, q, ownAt + i * VECTOR, NATIVE).mul(straight)
                        .fma(fromMemorySegment(LANES, g, ownAt + i
                                * VECTOR, NATIVE), z);
            }
            long o = at + i * VECTOR;
            z.fma(fromMemorySegment(LANES, v, o, NATIVE), fromMemorySegment(LANES, dk, o, NATIVE)).intoMemorySegment(dk,
                    o, NATIVE);
            z.fma(fromMemorySegment(LANES, k, o, NATIVE), fromMemorySegment(LANES, dv, o, NATIVE)).intoMemorySegment(dv,
                    o, NATIVE);
        }
    }

    /**
     * All products of the backward pass: sum ← sum + g·conj(x) (or ← if {@code first}), x ← x·h, g ← g·conj(h).
     */
    static void correlate(MemorySegment g, MemorySegment x, MemorySegment h, MemorySegment sum, long at, int count,
            boolean first) {
        FloatVector keep = broadcast(LANES, 1);
        for (int i = 0; i < count; i++) {
            long re = at + i * POINT;
            long im = re + VECTOR;
            FloatVector gr = fromMemorySegment(LANES, g, re, NATIVE);
            FloatVector gi = fromMemorySegment(LANES, g, im, NATIVE);
            FloatVector xr = fromMemorySegment(LANES, x, re, NATIVE);
            FloatVector xi = fromMemorySegment(LANES, x, im, NATIVE);
            FloatVector hr = fromMemorySegment(LANES, h, re, NATIVE);
            FloatVector hi = fromMemorySegment(LANES, h, im, NATIVE);
            FloatVector sr = gr.fma(xr, gi.mul(xi));
            FloatVector si = gi.mul(xr).sub(gr.mul(xi));
            if (!first) {
                sr = fromMemorySegment(LANES, sum, re, NATIVE).fma(keep, sr);
                si = fromMemorySegment(LANES, sum, im, NATIVE).fma(keep, si);
            }
            sr.intoMemorySegment(sum, re, NATIVE);
            si.intoMemorySegment(sum, im, NATIVE);
            xr.mul(hr).sub(xi.mul(hi)).intoMemorySegment(x, re, NATIVE);
            xr.fma(hi, xi.mul(hr)).intoMemorySegment(x, im, NATIVE);
            gr.fma(hr, gi.mul(hi)).intoMemorySegment(g, re, NATIVE);
            gi.mul(hr).sub(gr.mul(hi)).intoMemorySegment(g, im, NATIVE);
        }
    }

    /**
     * One output position of one vector of heads by the direct sum: y ← Σ_s h_s ⊙ (q·k_s) ⊙ v_s over {@code terms} rows of
     * keys and values upwards and taps downwards.
     *
     * @param width lanes of a head, a power of two
     * @param spread from the taps of neighbouring filters to lanes
     */
    static void attendDirectly(MemorySegment query, long queryAt, MemorySegment keys, MemorySegment values, long rowAt,
            long rowStride, MemorySegment taps, long tapAt, long tapStride, int terms, int width,
            VectorShuffle<Float> spread,
            MemorySegment y, long yAt) {
        FloatVector q = fromMemorySegment(LANES, query, queryAt, NATIVE);
        FloatVector sum = FloatVector.zero(LANES);
        for (int i = 0; i < terms; i++) {
            long row = rowAt + i * rowStride;
            FloatVector score = q.mul(fromMemorySegment(LANES, keys, row, NATIVE));
            if (width > 1) {
                score = score.add(score.rearrange(SWAP1));
            }
            if (width > 2) {
                score = score.add(score.rearrange(SWAP2));
            }
            if (width > 4) {
                score = score.add(score.rearrange(SWAP4));
            }
            if (width > 8) {
                score = score.add(score.rearrange(SWAP8));
            }
            FloatVector tap = fromMemorySegment(LANES, taps, tapAt - i * tapStride, NATIVE).rearrange(spread);
            sum = score.mul(tap).fma(fromMemorySegment(LANES, values, row, NATIVE), sum);
        }
        sum.intoMemorySegment(y, yAt, NATIVE);
    }
}

package tern.kernels.lanes;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

import tern.tensor.Tensor;

/**
 * Float vectors of the width that this machine prefers, and functions of them. Functions are accurate to about 2 units in
 * the last place unless they say otherwise, take any input (infinities, NaN) and return a NaN for a NaN.
 */
public final class Lanes {
    /** The preferred species. */
    public static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;
    /** Floats in a vector. */
    public static final int LENGTH = SPECIES.length();
    /** Bytes in a vector. */
    public static final int BYTES = SPECIES.vectorByteSize();
    /** The byte order of memory, for bodies so long that they must store without a call to {@link #store}. */
    public static final ByteOrder ORDER = ByteOrder.nativeOrder();

    // Below −88 the result is 0 and above 89 it is +∞, by the exponent bits of 2^n alone.
    private static final float EXP_LOWEST = -88;
    private static final float EXP_HIGHEST = 89;
    private static final int EXP_LOWEST_BITS = Float.floatToRawIntBits(EXP_LOWEST);
    private static final int EXP_HIGHEST_BITS = Float.floatToRawIntBits(EXP_HIGHEST);
    // Adding 1.5·2^23 rounds to an integer, which is then found in the low bits of the sum.
    private static final float ROUND = 12582912;
    private static final float LOG2_E = 1.44269504f;
    // ln 2 in two parts, the first with few enough bits that n times it is exact.
    private static final float LN2_HIGH = 0.693359375f;
    private static final float LN2_LOW = -2.12194440e-4f;
    // (e^r − 1 − r)/r² on |r| ≤ ln(2)/2, minimax relative to e^r: error 3.3e-9.
    private static final float EXP_2 = 0.4999999403953552f;
    private static final float EXP_3 = 0.16666515171527863f;
    private static final float EXP_4 = 0.04166845604777336f;
    private static final float EXP_5 = 0.008369418792426586f;
    private static final float EXP_6 = 0.0013813144760206342f;
    // Within ±0.5 the series of e^x − 1 up to x^8/8! is within 2e-8 of the limit, relatively.
    private static final float EXPM1_NEAR = 0.5f;
    private static final float ONE_SIXTH = 1 / 6f;
    private static final float ONE_24TH = 1 / 24f;
    private static final float ONE_120TH = 1 / 120f;
    private static final float ONE_720TH = 1 / 720f;
    private static final float ONE_5040TH = 1 / 5040f;
    private static final float ONE_40320TH = 1 / 40320f;
    // (tanh x − x)/x³ in x² on |x| ≤ 0.625, minimax relative to tanh x: error 4.4e-9.
    private static final float TANH_NEAR = 0.625f;
    private static final float TANH_3 = -0.3333328068256378f;
    private static final float TANH_5 = 0.13331441581249237f;
    private static final float TANH_7 = -0.05373971536755562f;
    private static final float TANH_9 = 0.02063908614218235f;
    private static final float TANH_11 = -0.005704986862838268f;

    // atanh t = t + t³/3 + t⁵/5 + … up to t¹⁵/15: on |t| ≤ 1/3 within 2e-9 of the limit, relatively.
    private static final float ONE_THIRD = 1 / 3f;
    private static final float ONE_5TH = 1 / 5f;
    private static final float ONE_7TH = 1 / 7f;
    private static final float ONE_9TH = 1 / 9f;
    private static final float ONE_11TH = 1 / 11f;
    private static final float ONE_13TH = 1 / 13f;
    private static final float ONE_15TH = 1 / 15f;

    private static final VectorShuffle<Float> BY_HALF = VectorShuffle.iota(SPECIES, LENGTH / 2, 1, true);
    private static final VectorShuffle<Float> BY_QUARTER = VectorShuffle.iota(SPECIES, LENGTH / 4, 1, true);
    private static final VectorShuffle<Float> BY_EIGHTH = VectorShuffle.iota(SPECIES, LENGTH / 8, 1, true);
    private static final VectorShuffle<Float> BY_SIXTEENTH = VectorShuffle.iota(SPECIES, LENGTH / 16, 1, true);

    private Lanes() {
    }

    /** The vector at a byte offset. */
    public static FloatVector load(MemorySegment from, long at) {
        return FloatVector.fromMemorySegment(SPECIES, from, at, ORDER);
    }

    /** The lanes set in {@code mask} at a byte offset, 0 elsewhere. */
    public static FloatVector load(MemorySegment from, long at, VectorMask<Float> mask) {
        return FloatVector.fromMemorySegment(SPECIES, from, at, ORDER, mask);
    }

    /** Stores a vector at a byte offset. */
    public static void store(FloatVector vector, MemorySegment into, long at) {
        vector.intoMemorySegment(into, at, ORDER);
    }

    /** Stores the lanes set in {@code mask}. */
    public static void store(FloatVector vector, MemorySegment into, long at, VectorMask<Float> mask) {
        vector.intoMemorySegment(into, at, ORDER, mask);
    }

    /** Zeroes the floats from one byte offset to another, without a slice that would be an object of its own. */
    public static void clear(MemorySegment into, long from, long to) {
        long at = from;
        for (; at <= to - BYTES; at += BYTES) {
            FloatVector.zero(SPECIES).intoMemorySegment(into, at, ORDER);
        }
        for (; at < to; at += Float.BYTES) {
            into.set(Tensor.FLOAT, at, 0);
        }
    }

    /** The float at a byte offset in every lane. */
    public static FloatVector broadcast(MemorySegment from, long at) {
        return FloatVector.broadcast(SPECIES, from.get(Tensor.FLOAT, at));
    }

    /** The same value in every lane. */
    public static FloatVector all(float value) {
        return FloatVector.broadcast(SPECIES, value);
    }

    /** The first {@code count} lanes, all of them if there are more. */
    public static VectorMask<Float> first(int count) {
        return SPECIES.indexInRange(0, count);
    }

    /** The largest multiple of a vector's floats that is at most {@code n}. */
    public static int bound(int n) {
        return n - n % LENGTH;
    }

    /** {@code n} rounded up to whole vectors. */
    public static int padded(int n) {
        return (n + LENGTH - 1) / LENGTH * LENGTH;
    }

    /**
     * The sum of all lanes, halves first. {@code reduceLanes} would add them one after another in interpreted code and in
     * halves in compiled code, so that a result depended on when the compiler had come round to it.
     */
    public static float sum(FloatVector x) {
        FloatVector sum = x.add(x.rearrange(BY_HALF));
        sum = LENGTH >= 4 ? sum.add(sum.rearrange(BY_QUARTER)) : sum;
        sum = LENGTH >= 8 ? sum.add(sum.rearrange(BY_EIGHTH)) : sum;
        sum = LENGTH >= 16 ? sum.add(sum.rearrange(BY_SIXTEENTH)) : sum;
        return sum.lane(0);
    }

    /** e^x: 0 for x below −87.7 and +∞ for x above 88.4, a little before the range of floats ends. */
    public static FloatVector exp(FloatVector x) {
        FloatVector low = x.blend(EXP_LOWEST, x.compare(VectorOperators.LT, EXP_LOWEST));
        return expWithin(low.blend(EXP_HIGHEST, low.compare(VectorOperators.GT, EXP_HIGHEST)));
    }

    /**
     * {@link #exp} with the same bits in less time, except that it makes a number of what is none. Bits of floats are compared as
     * whole numbers, since masks cost thrice as much: of negative ones, without sign, those further down are the larger, and all
     * are larger than those of positive ones.
     */
    public static FloatVector expOfNumber(FloatVector x) {
        return expWithin(x.reinterpretAsInts().lanewise(VectorOperators.UMIN, EXP_LOWEST_BITS)
                .lanewise(VectorOperators.MIN, EXP_HIGHEST_BITS).reinterpretAsFloats());
    }

    /** {@link #exp} of what lies between −88, of which it makes 0, and 89. */
    public static FloatVector expWithin(FloatVector x) {
        FloatVector rounded = x.mul(LOG2_E).add(ROUND);
        FloatVector n = rounded.sub(ROUND);
        FloatVector r = n.fma(all(-LN2_LOW), n.fma(all(-LN2_HIGH), x));
        FloatVector q = r.fma(all(EXP_6), all(EXP_5));
        q = q.fma(r, all(EXP_4));
        q = q.fma(r, all(EXP_3));
        q = q.fma(r, all(EXP_2));
        FloatVector power = rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).add(0x3F800000)
                .reinterpretAsFloats();
        return q.fma(r.mul(r), r).add(1).mul(power);
    }

    /**
     * x ← e^x for a multiple of {@link #LENGTH} numbers, the same bits as {@link #exp}. It is written out, because a loop around
     * that method keeps its vectors on the heap, at a tenth of the speed, whenever the compiler has come to the method first.
     */
    public static void exponentials(float[] x, int count) {
        FloatVector log2 = FloatVector.broadcast(SPECIES, LOG2_E);
        FloatVector round = FloatVector.broadcast(SPECIES, ROUND);
        FloatVector high = FloatVector.broadcast(SPECIES, -LN2_HIGH);
        FloatVector small = FloatVector.broadcast(SPECIES, -LN2_LOW);
        FloatVector p6 = FloatVector.broadcast(SPECIES, EXP_6);
        FloatVector p5 = FloatVector.broadcast(SPECIES, EXP_5);
        FloatVector p4 = FloatVector.broadcast(SPECIES, EXP_4);
        FloatVector p3 = FloatVector.broadcast(SPECIES, EXP_3);
        FloatVector p2 = FloatVector.broadcast(SPECIES, EXP_2);
        for (int i = 0; i < count; i += LENGTH) {
            FloatVector given = FloatVector.fromArray(SPECIES, x, i);
            FloatVector low = given.blend(EXP_LOWEST, given.compare(VectorOperators.LT, EXP_LOWEST));
            FloatVector in = low.blend(EXP_HIGHEST, low.compare(VectorOperators.GT, EXP_HIGHEST));
            FloatVector rounded = in.mul(log2).add(round);
            FloatVector n = rounded.sub(round);
            FloatVector r = n.fma(small, n.fma(high, in));
            FloatVector q = r.fma(p6, p5).fma(r, p4).fma(r, p3).fma(r, p2);
            FloatVector power = rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23).add(0x3F800000)
                    .reinterpretAsFloats();
            q.fma(r.mul(r), r).add(1).mul(power).intoArray(x, i);
        }
    }

    /** e^x − 1, its relative error small near 0 too; −1 for x below −87.7 and +∞ for x above 88.4. */
    public static FloatVector expm1(FloatVector x) {
        FloatVector p = x.fma(all(ONE_40320TH), all(ONE_5040TH));
        p = p.fma(x, all(ONE_720TH));
        p = p.fma(x, all(ONE_120TH));
        p = p.fma(x, all(ONE_24TH));
        p = p.fma(x, all(ONE_SIXTH));
        p = p.fma(x, all(0.5f));
        FloatVector near = p.mul(x).fma(x, x);
        return exp(x).sub(1).blend(near, x.abs().compare(VectorOperators.LT, EXPM1_NEAR));
    }

    /** ln(1 + e^x), its relative error small on both sides; 0 for x below −87.7. */
    public static FloatVector softplus(FloatVector x) {
        FloatVector small = exp(x.abs().neg());
        // ln(1 + e) = 2 atanh(e/(2 + e)).
        FloatVector t = small.div(small.add(2));
        FloatVector square = t.mul(t);
        FloatVector p = square.fma(all(ONE_15TH), all(ONE_13TH));
        p = p.fma(square, all(ONE_11TH));
        p = p.fma(square, all(ONE_9TH));
        p = p.fma(square, all(ONE_7TH));
        p = p.fma(square, all(ONE_5TH));
        p = p.fma(square, all(ONE_THIRD));
        FloatVector log = p.mul(square).fma(t, t);
        return log.add(log).add(x.blend(0, x.compare(VectorOperators.LE, 0)));
    }

    /** 1/(1 + e^(−x)), its relative error small on both sides; 0 for x below −88.4. */
    public static FloatVector sigmoid(FloatVector x) {
        return all(1).div(exp(x.neg()).add(1));
    }

    /** σ(x)·(1 − σ(x)) without cancellation. */
    public static FloatVector sigmoidSlope(FloatVector x) {
        FloatVector small = exp(x.abs().neg());
        FloatVector sum = small.add(1);
        return small.div(sum.mul(sum));
    }

    /** tanh x. */
    public static FloatVector tanh(FloatVector x) {
        FloatVector size = x.abs();
        FloatVector square = x.mul(x);
        FloatVector p = square.fma(all(TANH_11), all(TANH_9));
        p = p.fma(square, all(TANH_7));
        p = p.fma(square, all(TANH_5));
        p = p.fma(square, all(TANH_3));
        FloatVector near = p.mul(square).fma(x, x);
        FloatVector far = all(1).sub(all(2).div(exp(size.add(size)).add(1)));
        FloatVector signed = far.blend(far.neg(), x.compare(VectorOperators.LT, 0));
        return signed.blend(near, size.compare(VectorOperators.LT, TANH_NEAR));
    }

    /** 1 − tanh²x without cancellation. */
    public static FloatVector tanhSlope(FloatVector x) {
        FloatVector size = x.abs();
        FloatVector small = exp(size.add(size).neg());
        FloatVector sum = small.add(1);
        return small.mul(4).div(sum.mul(sum));
    }
}

package tern.kernels.stored;

import static jdk.incubator.vector.VectorOperators.LSHR;
import static tern.kernels.stored.StoredLanes.LENGTH;
import static tern.kernels.stored.StoredLanes.load;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

import tern.kernels.lanes.Lanes;
import tern.tensor.DType;

/**
 * Inner products of one row of x with one stored row of W, decoded in registers straight from where it lies: what is left of a
 * step of decoding is reading W. Rows follow each other in memory and are read one after the other, because a processor
 * fetches one long run of bytes ahead by itself, and several short ones beside each other not. The arithmetic and its order
 * are those of {@link Decoder} and {@link Dots}, so a sum has the same bits as where several rows of x share decoded rows.
 * Stateless.
 *
 * <p>Loops end by {@code !=}, which keeps the compiler from unrolling them: it then moves loads about, so that they no longer
 * follow each other, and rows are read at a third of the speed.
 */
final class StoredDots {
    private StoredDots() {
    }

    /**
     * The bodies. The compiler takes no call of a handle that it does not know into the caller; bodies in the middle of a large
     * method would run into the number of nodes where it begins to box vectors.
     */
    private static final MethodHandle[] BODIES = new MethodHandle[DType.values().length];

    private static final MethodHandle TWO;
    /** Bytes of a row: two so long are taken for one run. */
    private static final int NEIGHBOURS = 512;

    static {
        MethodType body = MethodType.methodType(void.class, int.class, float[].class, MemorySegment.class, long.class,
                float[].class, int.class);
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            BODIES[DType.BF16.ordinal()] = lookup.findStatic(StoredDots.class, "brains", body);
            BODIES[DType.F16.ordinal()] = lookup.findStatic(StoredDots.class, "halves", body);
            BODIES[DType.Q8_0.ordinal()] = lookup.findStatic(StoredDots.class,
                    StoredLanes.HAS_SIXTEEN ? "pairsOfEights" : "eights", body);
            BODIES[DType.Q4_0.ordinal()] = lookup.findStatic(StoredDots.class,
                    StoredLanes.HAS_SIXTEEN ? "foursByTable" : "fours", body);
            TWO = lookup.findStatic(StoredDots.class, "twoOfFours", body.insertParameterTypes(4, long.class));
        } catch (ReflectiveOperationException renamed) {
            throw new ExceptionInInitializerError(renamed);
        }
    }

    /** Whether the type has a body here. */
    static boolean has(DType type) {
        return BODIES[type.ordinal()] != null;
    }

    /**
     * A sum of products, still spread over the lanes of a vector; what follows the last whole vector of a row is left out.
     *
     * @param wAt of the first byte of the row
     * @param vectors a vector of it is written at {@code at}
     */
    static void multiply(DType type, int k, float[] x, MemorySegment w, long wAt, float[] vectors, int at) {
        try {
            BODIES[type.ordinal()].invokeExact(k / type.blockLength(), x, w, wAt, vectors, at);
        } catch (RuntimeException | Error thrown) {
            throw thrown;
        } catch (Throwable undeclared) {
            throw new AssertionError(undeclared);
        }
    }

    /**
     * Whether two rows are better read side by side. They are in Q4_0, where decoding is the limit, as long as they are so short that
     * a processor still takes them for one run of bytes: on one core rows of 432 bytes come at 16.0 GB/s so and at 12.8 one by one,
     * rows of 576 bytes at 5.1 and 13.
     */
    static boolean inPairs(DType type, int row) {
        return type == DType.Q4_0 && StoredLanes.HAS_SIXTEEN && row <= NEIGHBOURS;
    }

    /**
     * {@link #multiply} with two rows, {@code row} bytes apart, of a type read {@link #inPairs}.
     *
     * @param vectors two of it are written at {@code at}
     */
    static void multiplyTwo(int k, float[] x, MemorySegment w, long wAt, long row, float[] vectors, int at) {
        try {
            TWO.invokeExact(k / DType.Q4_0.blockLength(), x, w, wAt, row, vectors, at);
        } catch (RuntimeException | Error thrown) {
            throw thrown;
        } catch (Throwable undeclared) {
            throw new AssertionError(undeclared);
        }
    }

    static void brains(int k, float[] x, MemorySegment w, long wAt, float[] vectors, int to) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a;
        int bound = Lanes.bound(k), pairs = bound - bound % (2 * LENGTH);
        long at = wAt;
        for (int p = 0; p != pairs; p += 2 * LENGTH) {
            a = load(x, p).fma(StoredLanes.brain(w, at), a);
            b = load(x, p + LENGTH).fma(StoredLanes.brain(w, at + 2 * LENGTH), b);
            at += 4 * LENGTH;
        }
        if (pairs < bound) {
            a = load(x, pairs).fma(StoredLanes.brain(w, at), a);
        }
        a.add(b).intoArray(vectors, to);
    }

    static void halves(int k, float[] x, MemorySegment w, long wAt, float[] vectors, int to) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a;
        int bound = Lanes.bound(k), pairs = bound - bound % (2 * LENGTH);
        long at = wAt;
        for (int p = 0; p != pairs; p += 2 * LENGTH) {
            a = load(x, p).fma(StoredLanes.half(w, at), a);
            b = load(x, p + LENGTH).fma(StoredLanes.half(w, at + 2 * LENGTH), b);
            at += 4 * LENGTH;
        }
        if (pairs < bound) {
            a = load(x, pairs).fma(StoredLanes.half(w, at), a);
        }
        a.add(b).intoArray(vectors, to);
    }

    static void eights(int blocks, float[] x, MemorySegment w, long wAt, float[] vectors, int to) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a;
        long at = wAt;
        for (int p = 0; p != 32 * blocks; p += 32) {
            FloatVector scale = Lanes.all(StoredLanes.scale(w, at));
            for (int i = 0; i < 32; i += 2 * LENGTH) {
                a = load(x, p + i).fma(eight(w, at + 2 + i).mul(scale), a);
                b = load(x, p + i + LENGTH).fma(eight(w, at + 2 + i + LENGTH).mul(scale), b);
            }
            at += 34;
        }
        a.add(b).intoArray(vectors, to);
    }

    /** {@link #eights} where half a block is a vector: two blocks at a time, because a turn of the loop takes as long with one. */
    static void pairsOfEights(int blocks, float[] x, MemorySegment w, long wAt, float[] vectors, int to) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a;
        long at = wAt;
        int pairs = 32 * (blocks & -2);
        for (int p = 0; p != pairs; p += 64) {
            FloatVector first = Lanes.all(StoredLanes.scale(w, at)), next = Lanes.all(StoredLanes.scale(w, at + 34));
            a = load(x, p).fma(eight(w, at + 2).mul(first), a);
            b = load(x, p + 16).fma(eight(w, at + 18).mul(first), b);
            a = load(x, p + 32).fma(eight(w, at + 36).mul(next), a);
            b = load(x, p + 48).fma(eight(w, at + 52).mul(next), b);
            at += 68;
        }
        if (pairs != 32 * blocks) {
            FloatVector last = Lanes.all(StoredLanes.scale(w, at));
            a = load(x, pairs).fma(eight(w, at + 2).mul(last), a);
            b = load(x, pairs + 16).fma(eight(w, at + 18).mul(last), b);
        }
        a.add(b).intoArray(vectors, to);
    }

    private static FloatVector eight(MemorySegment w, long at) {
        return StoredLanes.floats(StoredLanes.signed(w, at));
    }

    static void fours(int blocks, float[] x, MemorySegment w, long wAt, float[] vectors, int to) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a;
        long at = wAt;
        for (int p = 0; p != 32 * blocks; p += 32) {
            FloatVector scale = Lanes.all(StoredLanes.scale(w, at)), offset = scale.mul(-8);
            for (int i = 0; i < 32; i += 2 * LENGTH) {
                a = load(x, p + i).fma(four(w, at + 2, i).fma(scale, offset), a);
                b = load(x, p + i + LENGTH).fma(four(w, at + 2, i + LENGTH).fma(scale, offset), b);
            }
            at += 18;
        }
        a.add(b).intoArray(vectors, to);
    }

    /**
     * {@link #fours} where a vector has a lane for each of the sixteen values of a block: the block's values are made once, and
     * each number picks its own. Two blocks at a time: a turn of the loop takes as long with one.
     */
    static void foursByTable(int blocks, float[] x, MemorySegment w, long wAt, float[] vectors, int to) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a, values = StoredLanes.FOURS;
        long at = wAt;
        int pairs = 32 * (blocks & -2);
        for (int p = 0; p != pairs; p += 64) {
            FloatVector first = values.mul(StoredLanes.scale(w, at)), next = values.mul(StoredLanes.scale(w, at + 18));
            IntVector two = StoredLanes.unsigned(w, at + 2), four = StoredLanes.unsigned(w, at + 20);
            a = load(x, p).fma(StoredLanes.pick(first, two), a);
            b = load(x, p + 16).fma(StoredLanes.pick(first, two.lanewise(LSHR, 4)), b);
            a = load(x, p + 32).fma(StoredLanes.pick(next, four), a);
            b = load(x, p + 48).fma(StoredLanes.pick(next, four.lanewise(LSHR, 4)), b);
            at += 36;
        }
        if (pairs != 32 * blocks) {
            FloatVector last = values.mul(StoredLanes.scale(w, at));
            IntVector two = StoredLanes.unsigned(w, at + 2);
            a = load(x, pairs).fma(StoredLanes.pick(last, two), a);
            b = load(x, pairs + 16).fma(StoredLanes.pick(last, two.lanewise(LSHR, 4)), b);
        }
        a.add(b).intoArray(vectors, to);
    }

    /** Numbers are rows of W, letters halves of blocks. */
    static void twoOfFours(int blocks, float[] x, MemorySegment w, long wAt, long row, float[] vectors, int to) {
        FloatVector a1 = FloatVector.zero(Lanes.SPECIES), b1 = a1, a2 = a1, b2 = a1, values = StoredLanes.FOURS;
        long at = wAt;
        for (int p = 0; p != 32 * blocks; p += 32) {
            FloatVector a = load(x, p), b = load(x, p + 16);
            FloatVector values1 = values.mul(StoredLanes.scale(w, at));
            FloatVector values2 = values.mul(StoredLanes.scale(w, at + row));
            IntVector pairs1 = StoredLanes.unsigned(w, at + 2), pairs2 = StoredLanes.unsigned(w, at + row + 2);
            a1 = a.fma(StoredLanes.pick(values1, pairs1), a1);
            a2 = a.fma(StoredLanes.pick(values2, pairs2), a2);
            b1 = b.fma(StoredLanes.pick(values1, pairs1.lanewise(LSHR, 4)), b1);
            b2 = b.fma(StoredLanes.pick(values2, pairs2.lanewise(LSHR, 4)), b2);
            at += 18;
        }
        a1.add(b1).intoArray(vectors, to);
        a2.add(b2).intoArray(vectors, to + LENGTH);
    }

    /** The lower halves of sixteen bytes come first, their upper halves sixteen later. */
    private static FloatVector four(MemorySegment w, long at, int i) {
        return StoredLanes.floats(i < 16 ? StoredLanes.unsigned(w, at + i).and(15)
                : StoredLanes.unsigned(w, at + i - 16).lanewise(LSHR, 4));
    }
}

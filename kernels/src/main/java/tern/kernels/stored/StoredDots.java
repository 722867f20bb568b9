package tern.kernels.stored;

import static jdk.incubator.vector.VectorOperators.LSHR;
import static tern.kernels.stored.StoredLanes.LENGTH;
import static tern.kernels.stored.StoredLanes.load;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import jdk.incubator.vector.FloatVector;

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

    static {
        MethodType body = MethodType.methodType(void.class, int.class, float[].class, MemorySegment.class, long.class,
                float[].class, int.class);
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            BODIES[DType.BF16.ordinal()] = lookup.findStatic(StoredDots.class, "brains", body);
            BODIES[DType.F16.ordinal()] = lookup.findStatic(StoredDots.class, "halves", body);
            BODIES[DType.Q8_0.ordinal()] = lookup.findStatic(StoredDots.class, "eights", body);
            BODIES[DType.Q4_0.ordinal()] = lookup.findStatic(StoredDots.class, "fours", body);
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

    /** The lower halves of sixteen bytes come first, their upper halves sixteen later. */
    private static FloatVector four(MemorySegment w, long at, int i) {
        return StoredLanes.floats(i < 16 ? StoredLanes.unsigned(w, at + i).and(15)
                : StoredLanes.unsigned(w, at + i - 16).lanewise(LSHR, 4));
    }
}

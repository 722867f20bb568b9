package tern.kernels.stored;

import static jdk.incubator.vector.VectorOperators.LSHR;
import static tern.kernels.stored.StoredLanes.LENGTH;
import static tern.kernels.stored.StoredLanes.load;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import jdk.incubator.vector.FloatVector;

import tern.kernels.lanes.Lanes;
import tern.tensor.DType;

/**
 * Inner products of one row of x with {@link Dots#ROWS} stored rows of W, decoded in registers: what is left of a step of
 * decoding is reading W. The arithmetic and its order are those of {@link Decoder} and {@link Dots}, so a sum has the same
 * bits as where several rows of x share decoded rows. Stateless.
 */
final class StoredDots {
    private StoredDots() {
    }

    /**
     * The bodies, for as many rows as the compiler keeps in registers. It takes no call of a handle that it does not know into
     * the caller; bodies in the middle of a large method would run into the number of nodes where it begins to box vectors.
     */
    private static final MethodHandle[] BODIES = new MethodHandle[DType.values().length];

    static {
        MethodType body = MethodType.methodType(void.class, int.class, float[].class, byte[].class, int.class,
                int.class,
                float[].class, int.class);
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            BODIES[DType.BF16.ordinal()] = lookup.findStatic(StoredDots.class, "brains", body);
            BODIES[DType.Q8_0.ordinal()] = lookup.findStatic(StoredDots.class, "eights", body);
            BODIES[DType.Q4_0.ordinal()] = lookup.findStatic(StoredDots.class, "twoFours", body);
        } catch (ReflectiveOperationException renamed) {
            throw new ExceptionInInitializerError(renamed);
        }
    }

    /** Whether the type has a body here. */
    static boolean has(DType type) {
        return BODIES[type.ordinal()] != null;
    }

    /**
     * {@link Dots#ROWS} sums of products, each still spread over the lanes of a vector; what follows the last whole vector of a
     * row is left out.
     *
     * @param wRow bytes of a row of W
     * @param vectors written from {@code at} on, a vector for each row
     */
    static void multiply(DType type, int k, float[] x, byte[] w, int wAt, int wRow, float[] vectors, int at) {
        MethodHandle body = BODIES[type.ordinal()];
        for (int j = 0, step = type == DType.Q4_0 ? 2 : Dots.ROWS; j < Dots.ROWS; j += step) {
            try {
                body.invokeExact(k / type.blockLength(), x, w, wAt + j * wRow, wRow, vectors, at + j * LENGTH);
            } catch (RuntimeException | Error thrown) {
                throw thrown;
            } catch (Throwable undeclared) {
                throw new AssertionError(undeclared);
            }
        }
    }

    static void brains(int k, float[] x, byte[] w, int wAt, int wRow, float[] vectors, int to) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a, c = a, d = a;
        int bound = Lanes.bound(k);
        for (int p = 0; p < bound; p += LENGTH) {
            int at = wAt + 2 * p;
            FloatVector v = load(x, p);
            a = v.fma(StoredLanes.brain(w, at), a);
            b = v.fma(StoredLanes.brain(w, at + wRow), b);
            c = v.fma(StoredLanes.brain(w, at + 2 * wRow), c);
            d = v.fma(StoredLanes.brain(w, at + 3 * wRow), d);
        }
        a.intoArray(vectors, to);
        b.intoArray(vectors, to + LENGTH);
        c.intoArray(vectors, to + 2 * LENGTH);
        d.intoArray(vectors, to + 3 * LENGTH);
    }

    static void eights(int blocks, float[] x, byte[] w, int wAt, int wRow, float[] vectors, int to) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a, c = a, d = a;
        for (int block = 0; block < blocks; block++) {
            int at = wAt + 34 * block;
            FloatVector as = scale(w, at), bs = scale(w, at + wRow), cs = scale(w, at + 2 * wRow),
                    ds = scale(w, at + 3 * wRow);
            for (int i = 0; i < 32; i += LENGTH) {
                int q = at + 2 + i;
                FloatVector v = load(x, 32 * block + i);
                a = v.fma(eight(w, q).mul(as), a);
                b = v.fma(eight(w, q + wRow).mul(bs), b);
                c = v.fma(eight(w, q + 2 * wRow).mul(cs), c);
                d = v.fma(eight(w, q + 3 * wRow).mul(ds), d);
            }
        }
        a.intoArray(vectors, to);
        b.intoArray(vectors, to + LENGTH);
        c.intoArray(vectors, to + 2 * LENGTH);
        d.intoArray(vectors, to + 3 * LENGTH);
    }

    private static FloatVector scale(byte[] w, int at) {
        return Lanes.all(StoredLanes.scale(w, at));
    }

    private static FloatVector eight(byte[] w, int at) {
        return StoredLanes.floats(StoredLanes.signed(w, at));
    }

    /** The lower halves of sixteen bytes come first, their upper halves sixteen later. */
    static void twoFours(int blocks, float[] x, byte[] w, int wAt, int wRow, float[] vectors, int to) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a;
        for (int block = 0; block < blocks; block++) {
            int at = wAt + 18 * block;
            FloatVector as = scale(w, at), bs = scale(w, at + wRow), ao = as.mul(-8), bo = bs.mul(-8);
            for (int i = 0; i < 16; i += LENGTH) {
                FloatVector v = load(x, 32 * block + i);
                a = v.fma(lower(w, at + 2 + i).fma(as, ao), a);
                b = v.fma(lower(w, at + 2 + i + wRow).fma(bs, bo), b);
            }
            for (int i = 0; i < 16; i += LENGTH) {
                FloatVector v = load(x, 32 * block + 16 + i);
                a = v.fma(upper(w, at + 2 + i).fma(as, ao), a);
                b = v.fma(upper(w, at + 2 + i + wRow).fma(bs, bo), b);
            }
        }
        a.intoArray(vectors, to);
        b.intoArray(vectors, to + LENGTH);
    }

    private static FloatVector lower(byte[] w, int at) {
        return StoredLanes.floats(StoredLanes.unsigned(w, at).and(15));
    }

    private static FloatVector upper(byte[] w, int at) {
        return StoredLanes.floats(StoredLanes.unsigned(w, at).lanewise(LSHR, 4));
    }
}

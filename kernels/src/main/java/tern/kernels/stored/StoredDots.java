package tern.kernels.stored;

import static jdk.incubator.vector.VectorOperators.LSHR;
import static tern.kernels.stored.StoredLanes.LENGTH;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

import tern.kernels.lanes.Lanes;
import tern.tensor.DType;
import tern.tensor.Tensor;

/**
 * Inner products of one row of x with {@link Dots#ROWS} stored rows of W, decoded in registers: what is left of a step of
 * decoding is reading W. The arithmetic and its order are those of {@link Decoder} and {@link Dots}, so a sum has the same
 * bits as where several rows of x share decoded rows. Stateless.
 *
 * <p>Methods are as large as the JVM keeps in registers, four rows or two: it gives up taking calls in beyond a number of
 * nodes, some thirty vector operations here, and boxes their vectors then. Types that need more are decoded into the cache.
 */
final class StoredDots {
    /** Floats of scratch. */
    static final int SPARE = Dots.ROWS * Lanes.LENGTH;

    private StoredDots() {
    }

    /** Two rows of one type, or all four; called through this interface for the reason that {@link Decoder} gives. */
    private interface Rows {
        void run(int blocks, MemorySegment x, MemorySegment w, long wAt, long wRow, MemorySegment spare, long sums);
    }

    private static final Rows[] ROWS = new Rows[DType.values().length];

    static {
        ROWS[DType.BF16.ordinal()] = StoredDots::brains;
        ROWS[DType.F16.ordinal()] = StoredDots::halves;
        ROWS[DType.Q8_0.ordinal()] = StoredDots::eights;
        ROWS[DType.Q4_0.ordinal()] = StoredDots::fours;
    }

    /** Whether the type has a body here. */
    static boolean has(DType type) {
        return switch (type) {
            case BF16, F16, Q8_0, Q4_0 -> true;
            default -> false;
        };
    }

    /**
     * {@link Dots#ROWS} sums of k products, stored at {@code y}.
     *
     * @param wRow bytes of a row of W
     * @param spare {@link #SPARE} floats
     */
    static void multiply(DType type, int k, MemorySegment x, MemorySegment w, long wAt, long wRow, MemorySegment y,
            long yAt, MemorySegment spare) {
        Rows rows = ROWS[type.ordinal()];
        for (int j = 0, step = type == DType.BF16 ? Dots.ROWS : 2; j < Dots.ROWS; j += step) {
            rows.run(k / type.blockLength(), x, w, wAt + j * wRow, wRow, spare, (long) j * Lanes.BYTES);
        }
        Dots.addUp(1, Dots.ROWS, spare, y, yAt, 0);
        if (Lanes.bound(k) < k) {
            addTails(type, k, x, w, wAt, wRow, y, yAt);
        }
    }

    private static void addTails(DType type, int k, MemorySegment x, MemorySegment w, long wAt, long wRow,
            MemorySegment y, long yAt) {
        for (int j = 0; j < Dots.ROWS; j++) {
            float sum = y.get(Tensor.FLOAT, yAt + 4 * j);
            for (int p = Lanes.bound(k); p < k; p++) {
                long at = wAt + j * wRow + 2L * p;
                sum += x.get(Tensor.FLOAT, 4L * p)
                        * (type == DType.BF16 ? Decoder.brain(w, at) : Decoder.half(w, at));
            }
            y.set(Tensor.FLOAT, yAt + 4 * j, sum);
        }
    }

    /** Four rows: they are simple enough. */
    private static void brains(int k, MemorySegment x, MemorySegment w, long wAt, long wRow, MemorySegment spare,
            long sums) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a, c = a, d = a;
        int bound = Lanes.bound(k);
        for (int p = 0; p < bound; p += LENGTH) {
            long at = wAt + 2L * p;
            FloatVector v = Lanes.load(x, 4L * p);
            a = v.fma(StoredLanes.brain(w, at), a);
            b = v.fma(StoredLanes.brain(w, at + wRow), b);
            c = v.fma(StoredLanes.brain(w, at + 2 * wRow), c);
            d = v.fma(StoredLanes.brain(w, at + 3 * wRow), d);
        }
        Lanes.store(a, spare, sums);
        Lanes.store(b, spare, sums + Lanes.BYTES);
        Lanes.store(c, spare, sums + 2 * Lanes.BYTES);
        Lanes.store(d, spare, sums + 3 * Lanes.BYTES);
    }

    private static void halves(int k, MemorySegment x, MemorySegment w, long wAt, long wRow, MemorySegment spare,
            long sums) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a;
        int bound = Lanes.bound(k);
        for (int p = 0; p < bound; p += LENGTH) {
            long at = wAt + 2L * p;
            FloatVector v = Lanes.load(x, 4L * p);
            a = v.fma(StoredLanes.half(w, at), a);
            b = v.fma(StoredLanes.half(w, at + wRow), b);
        }
        Lanes.store(a, spare, sums);
        Lanes.store(b, spare, sums + Lanes.BYTES);
    }

    private static void eights(int blocks, MemorySegment x, MemorySegment w, long wAt, long wRow, MemorySegment spare,
            long sums) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a;
        for (int block = 0; block < blocks; block++) {
            long at = wAt + 34L * block;
            FloatVector as = scale(w, at), bs = scale(w, at + wRow);
            for (int i = 0; i < 32; i += LENGTH) {
                FloatVector v = Lanes.load(x, 128L * block + 4 * i);
                a = v.fma(eight(w, at + 2 + i).mul(as), a);
                b = v.fma(eight(w, at + 2 + i + wRow).mul(bs), b);
            }
        }
        Lanes.store(a, spare, sums);
        Lanes.store(b, spare, sums + Lanes.BYTES);
    }

    private static FloatVector scale(MemorySegment w, long at) {
        return Lanes.all(StoredLanes.scale(w, at));
    }

    private static FloatVector eight(MemorySegment w, long at) {
        return StoredLanes.floats(StoredLanes.signed(w, at));
    }

    private static void fours(int blocks, MemorySegment x, MemorySegment w, long wAt, long wRow, MemorySegment spare,
            long sums) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a;
        for (int block = 0; block < blocks; block++) {
            long at = wAt + 18L * block;
            FloatVector as = scale(w, at), bs = scale(w, at + wRow), ao = as.mul(-8), bo = bs.mul(-8);
            for (int i = 0; i < 32; i += LENGTH) {
                long q = at + 2 + (i & 15);
                int shift = i >> 4 << 2;
                FloatVector v = Lanes.load(x, 128L * block + 4 * i);
                a = v.fma(four(w, q, shift).fma(as, ao), a);
                b = v.fma(four(w, q + wRow, shift).fma(bs, bo), b);
            }
        }
        Lanes.store(a, spare, sums);
        Lanes.store(b, spare, sums + Lanes.BYTES);
    }

    private static FloatVector four(MemorySegment w, long at, int shift) {
        return StoredLanes.floats(StoredLanes.unsigned(w, at).lanewise(LSHR, shift).and(15));
    }
}

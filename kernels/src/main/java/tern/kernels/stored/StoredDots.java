package tern.kernels.stored;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static tern.kernels.stored.StoredLanes.LENGTH;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

import tern.kernels.lanes.Lanes;
import tern.tensor.DType;
import tern.tensor.Tensor;

/**
 * Inner products of one row of x with {@link Dots#ROWS} stored rows of W, decoded in registers: what is left of a step of
 * decoding is reading W. The arithmetic and its order are those of {@link Decoder} and {@link Dots}, so a sum has the same
 * bits as where several rows of x share decoded rows. Stateless.
 *
 * <p>Four rows, because more streams are fetched more slowly than four, and fewer do not hide the multiply–adds' latency.
 * The methods are as large as the JVM keeps in registers: it gives up taking calls in beyond a number of nodes, some forty
 * vector operations, and boxes their vectors then.
 */
final class StoredDots {
    /** Where the scales of large blocks begin, behind the sums. */
    private static final long SCALES = (long) Dots.ROWS * Lanes.BYTES;

    private StoredDots() {
    }

    /** Whether the type has a body here. */
    static boolean has(DType type) {
        return switch (type) {
            case BF16, F16, Q8_0, Q4_0, Q4_K, Q6_K -> true;
            default -> false;
        };
    }

    /** Floats of scratch for rows of k. */
    static long spare(DType type, int k) {
        return Dots.ROWS * (Lanes.LENGTH + (LargeScales.has(type) ? LargeScales.bytes(k / 256) / 4 : 0));
    }

    /**
     * {@link Dots#ROWS} sums of k products, stored at {@code y}.
     *
     * @param wRow bytes of a row of W
     * @param spare as many floats as {@link #spare} says
     */
    static void multiply(DType type, int k, MemorySegment x, MemorySegment w, long wAt, long wRow, MemorySegment y,
            long yAt, MemorySegment spare) {
        switch (type) {
            case BF16 -> brains(k, x, w, wAt, wRow, spare);
            case F16 -> {
                halves(k, x, w, wAt, wRow, spare, 0);
                halves(k, x, w, wAt + 2 * wRow, wRow, spare, 2 * Lanes.BYTES);
            }
            case Q8_0 -> eights(k / 32, x, w, wAt, wRow, spare);
            case Q4_0 -> {
                fours(k / 32, x, w, wAt, wRow, spare, 0);
                fours(k / 32, x, w, wAt + 2 * wRow, wRow, spare, 2 * Lanes.BYTES);
            }
            default -> large(type, k / 256, x, w, wAt, wRow, spare);
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

    private static void brains(int k, MemorySegment x, MemorySegment w, long wAt, long wRow, MemorySegment spare) {
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
        Dots.keep(a, b, c, d, spare, 0);
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

    private static void eights(int blocks, MemorySegment x, MemorySegment w, long wAt, long wRow,
            MemorySegment spare) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a, c = a, d = a;
        for (int block = 0; block < blocks; block++) {
            long at = wAt + 34L * block;
            FloatVector as = scale(w, at), bs = scale(w, at + wRow), cs = scale(w, at + 2 * wRow),
                    ds = scale(w, at + 3 * wRow);
            for (int i = 0; i < 32; i += LENGTH) {
                long q = at + 2 + i;
                FloatVector v = Lanes.load(x, 128L * block + 4 * i);
                a = v.fma(eight(w, q).mul(as), a);
                b = v.fma(eight(w, q + wRow).mul(bs), b);
                c = v.fma(eight(w, q + 2 * wRow).mul(cs), c);
                d = v.fma(eight(w, q + 3 * wRow).mul(ds), d);
            }
        }
        Dots.keep(a, b, c, d, spare, 0);
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
        return StoredLanes.floats(StoredLanes.bits(w, at, shift, 4));
    }

    private static void large(DType type, int blocks, MemorySegment x, MemorySegment w, long wAt, long wRow,
            MemorySegment spare) {
        long each = LargeScales.bytes(blocks);
        for (int j = 0; j < Dots.ROWS; j++) {
            LargeScales.make(type, w, wAt + j * wRow, blocks, spare, SCALES + j * each);
        }
        for (int j = 0; j < Dots.ROWS; j += 2) {
            if (type == DType.Q4_K) {
                largeFours(blocks, x, w, wAt + j * wRow, wRow, spare, SCALES + j * each, (long) j * Lanes.BYTES);
            } else {
                largeSixes(blocks, x, w, wAt + j * wRow, wRow, spare, SCALES + j * each, (long) j * Lanes.BYTES);
            }
        }
    }

    private static void largeFours(int blocks, MemorySegment x, MemorySegment w, long wAt, long wRow,
            MemorySegment spare, long scales, long sums) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a;
        long next = LargeScales.bytes(blocks);
        for (int group = 0; group < 8 * blocks; group++) {
            long own = scales + LargeScales.STRIDE * (group >> 3) + 4 * (group & 7);
            long at = wAt + 144L * (group >> 3) + 16 + 32 * (group >> 1 & 3);
            int shift = (group & 1) << 2;
            FloatVector af = Lanes.broadcast(spare, own), ao = Lanes.broadcast(spare, own + 32);
            own += next;
            FloatVector bf = Lanes.broadcast(spare, own), bo = Lanes.broadcast(spare, own + 32);
            for (int i = 0; i < 32; i += LENGTH) {
                FloatVector v = Lanes.load(x, 128L * group + 4 * i);
                a = v.fma(four(w, at + i, shift).fma(af, ao), a);
                b = v.fma(four(w, at + i + wRow, shift).fma(bf, bo), b);
            }
        }
        Lanes.store(a, spare, sums);
        Lanes.store(b, spare, sums + Lanes.BYTES);
    }

    private static void largeSixes(int blocks, MemorySegment x, MemorySegment w, long wAt, long wRow,
            MemorySegment spare, long scales, long sums) {
        FloatVector a = FloatVector.zero(Lanes.SPECIES), b = a;
        long next = LargeScales.bytes(blocks);
        for (int column = 0; column < 8 * blocks; column++) {
            int half = column >> 2 & 1, shift = column >> 1 << 2 & 4;
            long block = wAt + 210L * (column >> 3), low = block + 64 * half + 32 * (column & 1);
            long high = block + 128 + 32 * half, own = scales + LargeScales.STRIDE * (column >> 3) + 8 * (column & 7);
            for (int i = 0; i < 32; i += LENGTH) {
                FloatVector v = Lanes.load(x, 128L * column + 4 * i);
                long f = own + (i >> 4 << 2);
                a = v.fma(six(w, low + i, shift, high + i, 2 * (column & 3)).mul(Lanes.broadcast(spare, f)), a);
                b = v.fma(six(w, low + wRow + i, shift, high + wRow + i, 2 * (column & 3))
                        .mul(Lanes.broadcast(spare, f + next)), b);
            }
        }
        Lanes.store(a, spare, sums);
        Lanes.store(b, spare, sums + Lanes.BYTES);
    }

    private static FloatVector six(MemorySegment w, long low, int shift, long high, int highShift) {
        IntVector upper = StoredLanes.unsigned(w, high).lanewise(LSHR, highShift).and(3).lanewise(LSHL, 4);
        return StoredLanes.floats(StoredLanes.bits(w, low, shift, 4).or(upper).sub(32));
    }
}

package tern.kernels.recurrence;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.broadcast;
import static tern.kernels.lanes.Lanes.load;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

import tern.kernels.lanes.Lanes;
import tern.tensor.Tensor;

/**
 * What a chunk does with matrices that have a row a position: channels in the lanes, one vector of channels along all
 * positions, so that loops are long. Rows are whole vectors; offsets and strides are bytes. Stateless.
 */
final class ChunkRows {
    private static final VectorShuffle<Float> SWAP_1 = swap(1);
    private static final VectorShuffle<Float> SWAP_2 = swap(2);
    private static final VectorShuffle<Float> SWAP_4 = swap(4);
    private static final VectorShuffle<Float> SWAP_8 = swap(8);
    private static final VectorMask<Float> ODD_1 = odd(1);
    private static final VectorMask<Float> ODD_2 = odd(2);
    private static final VectorMask<Float> FIRST_FOUR = Lanes.first(4);

    private ChunkRows() {
    }

    private static VectorShuffle<Float> swap(int distance) {
        return VectorShuffle.fromOp(SPECIES, lane -> (lane ^ distance) % LENGTH);
    }

    private static VectorMask<Float> odd(int distance) {
        boolean[] lanes = new boolean[LENGTH];
        for (int lane = 0; lane < LENGTH; lane++) {
            lanes[lane] = (lane & distance) != 0;
        }
        return VectorMask.fromArray(SPECIES, lanes, 0);
    }

    // The sums of four vectors' lanes in the first four lanes: halves of two vectors are added together at each step.
    private static FloatVector sums(FloatVector a, FloatVector b, FloatVector c, FloatVector d) {
        FloatVector ab = a.blend(b, ODD_1).add(b.blend(a, ODD_1).rearrange(SWAP_1));
        FloatVector cd = c.blend(d, ODD_1).add(d.blend(c, ODD_1).rearrange(SWAP_1));
        FloatVector all = ab.blend(cd, ODD_2).add(cd.blend(ab, ODD_2).rearrange(SWAP_2));
        all = LENGTH >= 8 ? all.add(all.rearrange(SWAP_4)) : all;
        return LENGTH >= 16 ? all.add(all.rearrange(SWAP_8)) : all;
    }

    /** A float for each row at {@code to} ← x_r·y_r; rows in groups of four. */
    static void dots(MemorySegment x, long xAt, long xRow, MemorySegment y, long yAt, long yRow, int rows, int n,
            MemorySegment into, long to) {
        for (int r = 0; r < rows; r += 4) {
            dotFour(x, xAt + r * xRow, xRow, y, yAt + r * yRow, yRow, n, into, to + 4L * r);
        }
    }

    private static void dotFour(MemorySegment x, long xAt, long xRow, MemorySegment y, long yAt, long yRow, int n,
            MemorySegment into, long to) {
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (int i = 0; i < n; i += LENGTH) {
            long left = xAt + 4L * i;
            long right = yAt + 4L * i;
            a = load(x, left).fma(load(y, right), a);
            b = load(x, left + xRow).fma(load(y, right + yRow), b);
            c = load(x, left + 2 * xRow).fma(load(y, right + 2 * yRow), c);
            d = load(x, left + 3 * xRow).fma(load(y, right + 3 * yRow), d);
        }
        sums(a, b, c, d).intoMemorySegment(into, to, ORDER, FIRST_FOUR);
    }

    /**
     * left_t ← c ⊙ x_t, where c is the product of decays up to position t, or of those before it.
     *
     * @param inclusive whether the position's own decay counts
     * @param total [n] ← the product of all
     */
    static void scaleByPrefix(MemorySegment x, MemorySegment w, boolean inclusive, int rows, int n, MemorySegment left,
            long leftRow, MemorySegment total) {
        long row = 4L * n;
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector c = FloatVector.broadcast(SPECIES, 1);
            for (int t = 0; t < rows; t++) {
                long at = t * row + 4L * i;
                FloatVector next = c.mul(load(w, at));
                load(x, at).mul(inclusive ? next : c).intoMemorySegment(left, t * leftRow + 4L * i, ORDER);
                c = next;
            }
            c.intoMemorySegment(total, 4L * i, ORDER);
        }
    }

    /** aged_j ← key_j ⊙ w_(j+1) ⊙ … for all rows, keys as they are after the last; total ← w_0 ⊙ w_1 ⊙ …. */
    static void ageToEnd(MemorySegment key, MemorySegment w, int rows, int n, MemorySegment aged, MemorySegment total) {
        long row = 4L * n;
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector later = FloatVector.broadcast(SPECIES, 1);
            for (int j = rows - 1; j >= 0; j--) {
                long at = j * row + 4L * i;
                load(key, at).mul(later).intoMemorySegment(aged, at, ORDER);
                later = later.mul(load(w, at));
            }
            later.intoMemorySegment(total, 4L * i, ORDER);
        }
    }

    /** y ← y + Σ_r factor_r·row_r. */
    static void addRows(MemorySegment factors, long factorsAt, long step, int count, MemorySegment rows, long at,
            long row, int n, MemorySegment y, long yAt) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector sum = load(y, yAt + 4L * i);
            long here = at + 4L * i;
            for (int r = 0; r < count; r++) {
                sum = broadcast(factors, factorsAt + r * step).fma(load(rows, here + r * row), sum);
            }
            sum.intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    /** z ← x ⊙ y, all rows of y the same. */
    static void scale(MemorySegment x, MemorySegment y, int rows, int n, MemorySegment z) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector factor = load(y, 4L * i);
            for (int t = 0; t < rows; t++) {
                long at = 4L * (t * n + i);
                load(x, at).mul(factor).intoMemorySegment(z, at, ORDER);
            }
        }
    }

    /** x ← x ⊙ y, everything after one another. */
    static void multiply(MemorySegment x, MemorySegment y, int count) {
        for (int i = 0; i < count; i += LENGTH) {
            load(x, 4L * i).mul(load(y, 4L * i)).intoMemorySegment(x, 4L * i, ORDER);
        }
    }

    /** z ← z + x ⊙ y, everything after one another. */
    static void addProduct(MemorySegment x, MemorySegment y, MemorySegment z, int count) {
        for (int i = 0; i < count; i += LENGTH) {
            load(x, 4L * i).fma(load(y, 4L * i), load(z, 4L * i)).intoMemorySegment(z, 4L * i, ORDER);
        }
    }

    /** y ← y + x, everything after one another. */
    static void add(MemorySegment x, MemorySegment y, int count) {
        for (int i = 0; i < count; i += LENGTH) {
            load(y, 4L * i).add(load(x, 4L * i)).intoMemorySegment(y, 4L * i, ORDER);
        }
    }

    /** One vector of each row from one place to another. */
    static void copy(MemorySegment from, long at, long row, int rows, MemorySegment into, long to, long intoRow) {
        for (int t = 0; t < rows; t++) {
            load(from, at + t * row).intoMemorySegment(into, to + t * intoRow, ORDER);
        }
    }

    /** {@link #copy} of exponentials. */
    static void packExponentials(MemorySegment from, long at, long row, int rows, MemorySegment into, long to,
            long intoRow) {
        for (int t = 0; t < rows; t++) {
            Lanes.exp(load(from, at + t * row)).intoMemorySegment(into, to + t * intoRow, ORDER);
        }
    }

    /** n times the exponential of one number. */
    static void fillExponential(MemorySegment from, long at, MemorySegment into, long to, int n) {
        FloatVector values = Lanes.exp(broadcast(from, at));
        for (int i = 0; i < n; i += LENGTH) {
            values.intoMemorySegment(into, to + 4L * i, ORDER);
        }
    }

    /** y ← value, n numbers. */
    static void fill(float value, MemorySegment y, long yAt, int n) {
        FloatVector values = FloatVector.broadcast(SPECIES, value);
        for (int i = 0; i < n; i += LENGTH) {
            values.intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    /** sum_t ← sum_t + Σ_(j&lt;t) x_j ⊙ dx_j: what was written before a position and is read after the chunk crosses it. */
    static void addBefore(MemorySegment x, MemorySegment dx, int rows, int n, MemorySegment sum) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector run = FloatVector.zero(SPECIES);
            for (int t = 0; t < rows; t++) {
                long at = 4L * (t * n + i);
                load(sum, at).add(run).intoMemorySegment(sum, at, ORDER);
                run = load(x, at).fma(load(dx, at), run);
            }
        }
    }

    /**
     * sum_t ← sum_t + Σ_(s≥t) x_s ⊙ dx_s, or over s &gt; t: what is read at or after a position.
     *
     * @param sign 1 or −1
     */
    static void addFrom(float sign, boolean inclusive, MemorySegment x, MemorySegment dx, int rows, int n,
            MemorySegment sum) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector run = FloatVector.zero(SPECIES);
            for (int t = rows - 1; t >= 0; t--) {
                long at = 4L * (t * n + i);
                FloatVector next = load(x, at).mul(sign).fma(load(dx, at), run);
                load(sum, at).add(inclusive ? next : run).intoMemorySegment(sum, at, ORDER);
                run = next;
            }
        }
    }

    /** sum ← sum + y in every row, then 0 where w is 0. */
    static void addWhereAlive(MemorySegment y, MemorySegment w, int rows, int n, MemorySegment sum) {
        FloatVector zero = FloatVector.zero(SPECIES);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector all = load(y, 4L * i);
            for (int t = 0; t < rows; t++) {
                long at = 4L * (t * n + i);
                FloatVector whole = load(sum, at).add(all);
                whole.blend(zero, load(w, at).compare(VectorOperators.EQ, 0)).intoMemorySegment(sum, at, ORDER);
            }
        }
    }

    /** z_t ← z_t + factor_t·(x ⊙ y_t), all rows of x the same. */
    static void addScaled(MemorySegment factors, MemorySegment x, MemorySegment y, int rows, int n, MemorySegment z) {
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector common = load(x, 4L * i);
            for (int t = 0; t < rows; t++) {
                long at = 4L * (t * n + i);
                broadcast(factors, 4L * t).mul(common).fma(load(y, at), load(z, at)).intoMemorySegment(z, at, ORDER);
            }
        }
    }

    /** The first number of a row ← the sum of all. */
    static void sumRow(MemorySegment x, long at, int n) {
        FloatVector sum = FloatVector.zero(SPECIES);
        for (int i = 0; i < n; i += LENGTH) {
            sum = sum.add(load(x, at + 4L * i));
        }
        x.set(Tensor.FLOAT, at, Lanes.sum(sum));
    }
}

package tern.kernels.recurrence;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.lanes.Lanes.broadcast;
import static tern.kernels.lanes.Lanes.load;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;

import tern.kernels.lanes.Lanes;
import tern.tensor.Tensor;

/**
 * What a chunk does position by position: keys shrink by each decay as they age and meet each query, and the same backwards.
 * Rows are whole vectors; offsets and strides are bytes. Rows come four at a time, so that four sums are under way and
 * become one vector at the end. Stateless.
 */
final class PairRows {
    private static final VectorShuffle<Float> SWAP_1 = swap(1);
    private static final VectorShuffle<Float> SWAP_2 = swap(2);
    private static final VectorShuffle<Float> SWAP_4 = swap(4);
    private static final VectorShuffle<Float> SWAP_8 = swap(8);
    private static final VectorMask<Float> ODD_1 = odd(1);
    private static final VectorMask<Float> ODD_2 = odd(2);
    private static final VectorMask<Float> FIRST_FOUR = Lanes.first(4);

    private PairRows() {
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

    /** Four floats at {@code to} ← x·row_r for four rows. */
    static void dotFour(MemorySegment x, long xAt, MemorySegment rows, long at, long row, int n, MemorySegment into,
            long to) {
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector q = load(x, xAt + 4L * i);
            long here = at + 4L * i;
            a = q.fma(load(rows, here), a);
            b = q.fma(load(rows, here + row), b);
            c = q.fma(load(rows, here + 2 * row), c);
            d = q.fma(load(rows, here + 3 * row), d);
        }
        sums(a, b, c, d).intoMemorySegment(into, to, ORDER, FIRST_FOUR);
    }

    /** Four floats at {@code to} ← x_r·y_r for four rows of each. */
    static void dotRows(MemorySegment x, long xAt, long xRow, MemorySegment y, long yAt, long yRow, int n,
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

    /** {@link #dotFour} of rows that first shrink: row_r ← w ⊙ row_r, from one place to another or in place. */
    static void advanceFour(MemorySegment w, long wAt, MemorySegment x, long xAt, MemorySegment rows, long from,
            long at, long row, int n, MemorySegment into, long to) {
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector decay = load(w, wAt + 4L * i);
            FloatVector q = load(x, xAt + 4L * i);
            long old = from + 4L * i;
            long here = at + 4L * i;
            FloatVector aged = load(rows, old).mul(decay);
            aged.intoMemorySegment(rows, here, ORDER);
            a = q.fma(aged, a);
            aged = load(rows, old + row).mul(decay);
            aged.intoMemorySegment(rows, here + row, ORDER);
            b = q.fma(aged, b);
            aged = load(rows, old + 2 * row).mul(decay);
            aged.intoMemorySegment(rows, here + 2 * row, ORDER);
            c = q.fma(aged, c);
            aged = load(rows, old + 3 * row).mul(decay);
            aged.intoMemorySegment(rows, here + 3 * row, ORDER);
            d = q.fma(aged, d);
        }
        sums(a, b, c, d).intoMemorySegment(into, to, ORDER, FIRST_FOUR);
    }

    /**
     * Backward of one aged row: what came from later positions and from the query after the decay goes back through the
     * decay, then what came from the query before it is added. dDecay ← dDecay + aged ⊙ Y, X ← w ⊙ Y + before·p with
     * Y = X + after·q.
     */
    static void retreat(float after, MemorySegment q, long qAt, float before, MemorySegment p, long pAt,
            MemorySegment w, long wAt, MemorySegment aged, long agedAt, MemorySegment x, long xAt,
            MemorySegment dDecay, long dDecayAt, int n) {
        FloatVector one = FloatVector.broadcast(SPECIES, after);
        FloatVector other = FloatVector.broadcast(SPECIES, before);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector y = one.fma(load(q, qAt + 4L * i), load(x, xAt + 4L * i));
            load(aged, agedAt + 4L * i).fma(y, load(dDecay, dDecayAt + 4L * i)).intoMemorySegment(dDecay,
                    dDecayAt + 4L * i, ORDER);
            other.fma(load(p, pAt + 4L * i), y.mul(load(w, wAt + 4L * i))).intoMemorySegment(x, xAt + 4L * i, ORDER);
        }
    }

    /** {@link #retreat} of four rows after one another, their factors likewise. */
    static void retreatFour(MemorySegment after, MemorySegment before, long factorsAt, MemorySegment q, long qAt,
            MemorySegment p, long pAt, MemorySegment w, long wAt, MemorySegment aged, long agedAt, MemorySegment x,
            long xAt, long row, MemorySegment dDecay, long dDecayAt, int n) {
        FloatVector a0 = broadcast(after, factorsAt);
        FloatVector a1 = broadcast(after, factorsAt + 4);
        FloatVector a2 = broadcast(after, factorsAt + 8);
        FloatVector a3 = broadcast(after, factorsAt + 12);
        FloatVector b0 = broadcast(before, factorsAt);
        FloatVector b1 = broadcast(before, factorsAt + 4);
        FloatVector b2 = broadcast(before, factorsAt + 8);
        FloatVector b3 = broadcast(before, factorsAt + 12);
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector query = load(q, qAt + 4L * i);
            FloatVector probe = load(p, pAt + 4L * i);
            FloatVector decay = load(w, wAt + 4L * i);
            FloatVector sum = load(dDecay, dDecayAt + 4L * i);
            long old = agedAt + 4L * i;
            long here = xAt + 4L * i;
            FloatVector y = a0.fma(query, load(x, here));
            sum = load(aged, old).fma(y, sum);
            b0.fma(probe, y.mul(decay)).intoMemorySegment(x, here, ORDER);
            y = a1.fma(query, load(x, here + row));
            sum = load(aged, old + row).fma(y, sum);
            b1.fma(probe, y.mul(decay)).intoMemorySegment(x, here + row, ORDER);
            y = a2.fma(query, load(x, here + 2 * row));
            sum = load(aged, old + 2 * row).fma(y, sum);
            b2.fma(probe, y.mul(decay)).intoMemorySegment(x, here + 2 * row, ORDER);
            y = a3.fma(query, load(x, here + 3 * row));
            sum = load(aged, old + 3 * row).fma(y, sum);
            b3.fma(probe, y.mul(decay)).intoMemorySegment(x, here + 3 * row, ORDER);
            sum.intoMemorySegment(dDecay, dDecayAt + 4L * i, ORDER);
        }
    }

    /** aged_j ← key_j ⊙ w_(j+1) ⊙ … for all rows, and total ← w_0 ⊙ w_1 ⊙ …: keys as they are after the last row. */
    static void ageToEnd(MemorySegment key, MemorySegment w, int rows, int n, MemorySegment aged, long agedAt,
            MemorySegment total, long totalAt) {
        long row = 4L * n;
        for (int i = 0; i < n; i += LENGTH) {
            FloatVector later = FloatVector.broadcast(SPECIES, 1);
            for (int j = rows - 1; j >= 0; j--) {
                long at = j * row + 4L * i;
                load(key, at).mul(later).intoMemorySegment(aged, agedAt + at, ORDER);
                later = later.mul(load(w, at));
            }
            later.intoMemorySegment(total, totalAt + 4L * i, ORDER);
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

    /** z ← x ⊙ y. */
    static void multiply(MemorySegment x, long xAt, MemorySegment y, long yAt, MemorySegment z, long zAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            load(x, xAt + 4L * i).mul(load(y, yAt + 4L * i)).intoMemorySegment(z, zAt + 4L * i, ORDER);
        }
    }

    /** z ← z + x ⊙ y. */
    static void addProduct(MemorySegment x, long xAt, MemorySegment y, long yAt, MemorySegment z, long zAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            load(x, xAt + 4L * i).fma(load(y, yAt + 4L * i), load(z, zAt + 4L * i)).intoMemorySegment(z, zAt + 4L * i,
                    ORDER);
        }
    }

    /** z ← z + factor·x. */
    static void addScaled(float factor, MemorySegment x, long xAt, MemorySegment z, long zAt, int n) {
        FloatVector factors = FloatVector.broadcast(SPECIES, factor);
        for (int i = 0; i < n; i += LENGTH) {
            factors.fma(load(x, xAt + 4L * i), load(z, zAt + 4L * i)).intoMemorySegment(z, zAt + 4L * i, ORDER);
        }
    }

    /** z ← z + factor·x ⊙ y. */
    static void addScaledProduct(float factor, MemorySegment x, long xAt, MemorySegment y, long yAt, MemorySegment z,
            long zAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            load(x, xAt + 4L * i).mul(factor).fma(load(y, yAt + 4L * i), load(z, zAt + 4L * i)).intoMemorySegment(z,
                    zAt + 4L * i, ORDER);
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

    /** y ← x. */
    static void copy(MemorySegment x, long xAt, MemorySegment y, long yAt, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            load(x, xAt + 4L * i).intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }

    /** y ← value. */
    static void fill(float value, MemorySegment y, long yAt, int n) {
        FloatVector values = FloatVector.broadcast(SPECIES, value);
        for (int i = 0; i < n; i += LENGTH) {
            values.intoMemorySegment(y, yAt + 4L * i, ORDER);
        }
    }
}

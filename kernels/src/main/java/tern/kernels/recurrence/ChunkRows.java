package tern.kernels.recurrence;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.recurrence.PanelProducts.PANEL;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

import tern.kernels.lanes.Lanes;

/**
 * What a chunk does with matrices that have a row a position: channels in the lanes, one vector of channels along all
 * positions. Matrices lie in panels ({@link PanelProducts}); n columns are whole vectors. Stateless.
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

    /** Where a column begins in panels of so many rows. */
    static int column(int i, int rows) {
        return i / PANEL * PANEL * rows + i % PANEL;
    }

    // ── between tensors and panels ──────────────────────────────────────────────────────────────────────────────────

    /**
     * Copies rows of a tensor; what is left of the chunk and of the last vector becomes 0.
     *
     * @param at byte offset of the first row, {@code step} bytes before the next
     * @param length rows that there are, of {@code rows}
     * @param first row of the panels that they go to
     */
    static void pack(MemorySegment x, long at, long step, int length, int rows, int width, float[] to, int first,
            int panelRows) {
        int i = 0;
        for (; i + 4 * LENGTH <= width; i += 4 * LENGTH) {
            packFour(x, at + 4L * i, step, length, to, column(i, panelRows) + first * PANEL,
                    column(i + 2 * LENGTH, panelRows) + first * PANEL);
        }
        for (; i < width; i += LENGTH) {
            VectorMask<Float> valid = Lanes.first(width - i);
            int into = column(i, panelRows) + first * PANEL;
            for (int t = 0; t < length; t++) {
                FloatVector.fromMemorySegment(SPECIES, x, at + 4L * i + t * step, ORDER, valid)
                        .intoArray(to, into + t * PANEL);
            }
        }
        for (i = 0; i < width && length < rows; i += LENGTH) {
            fill(0, to, column(i, panelRows) + (first + length) * PANEL, rows - length);
        }
    }

    // A panel may be two vectors wide.
    private static void packFour(MemorySegment x, long at, long step, int length, float[] to, int into, int second) {
        for (int t = 0; t < length; t++) {
            long from = at + t * step;
            FloatVector.fromMemorySegment(SPECIES, x, from, ORDER).intoArray(to, into + t * PANEL);
            FloatVector.fromMemorySegment(SPECIES, x, from + 4L * LENGTH, ORDER).intoArray(to,
                    into + t * PANEL + LENGTH);
            FloatVector.fromMemorySegment(SPECIES, x, from + 8L * LENGTH, ORDER).intoArray(to, second + t * PANEL);
            FloatVector.fromMemorySegment(SPECIES, x, from + 12L * LENGTH, ORDER).intoArray(to,
                    second + t * PANEL + LENGTH);
        }
    }

    /** Copies rows to a tensor. */
    static void unpack(float[] from, int first, int panelRows, int length, int width, MemorySegment y, long at,
            long step) {
        int i = 0;
        for (; i + 4 * LENGTH <= width; i += 4 * LENGTH) {
            unpackFour(from, column(i, panelRows) + first * PANEL, column(i + 2 * LENGTH, panelRows) + first * PANEL,
                    length, y, at + 4L * i, step);
        }
        for (; i < width; i += LENGTH) {
            VectorMask<Float> valid = Lanes.first(width - i);
            int out = column(i, panelRows) + first * PANEL;
            for (int t = 0; t < length; t++) {
                FloatVector.fromArray(SPECIES, from, out + t * PANEL)
                        .intoMemorySegment(y, at + 4L * i + t * step, ORDER, valid);
            }
        }
    }

    private static void unpackFour(float[] from, int out, int second, int length, MemorySegment y, long at, long step) {
        for (int t = 0; t < length; t++) {
            long to = at + t * step;
            FloatVector.fromArray(SPECIES, from, out + t * PANEL).intoMemorySegment(y, to, ORDER);
            FloatVector.fromArray(SPECIES, from, out + t * PANEL + LENGTH).intoMemorySegment(y, to + 4L * LENGTH,
                    ORDER);
            FloatVector.fromArray(SPECIES, from, second + t * PANEL).intoMemorySegment(y, to + 8L * LENGTH, ORDER);
            FloatVector.fromArray(SPECIES, from, second + t * PANEL + LENGTH).intoMemorySegment(y, to + 12L * LENGTH,
                    ORDER);
        }
    }

    /** Exponentials of a vector's numbers, each in all n columns of its row. */
    static void spreadExponentials(float[] g, float[] to, int n, int panelRows) {
        Lanes.exponentials(g, LENGTH);
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows);
            for (int t = 0; t < LENGTH; t++) {
                FloatVector.broadcast(SPECIES, g[t]).intoArray(to, at + t * PANEL);
            }
        }
    }

    /** One vector of each of some rows ← value. */
    static void fill(float value, float[] y, int at, int rows) {
        FloatVector values = FloatVector.broadcast(SPECIES, value);
        for (int t = 0; t < rows; t++) {
            values.intoArray(y, at + t * PANEL);
        }
    }

    // ── decays ──────────────────────────────────────────────────────────────────────────────────────────────────────

    /**
     * aged_j ← key_j ⊙ w_(j+1) ⊙ …, keys as they are after the last position.
     *
     * @param key in panels of {@code keyRows} rows, its first rows; so is aged
     * @param later [rows,n] ← w_(j+1) ⊙ …
     * @param total [n] ← the product of all
     * @param inverse [n] ← 1/total, or 0 where that is so small that it would be of no use
     * @return whether there is such a channel
     */
    static boolean suffix(float[] key, float[] w, int rows, int n, int keyRows, float[] aged, float[] later,
            float[] total, float[] inverse, float smallest) {
        boolean any = false;
        FloatVector one = FloatVector.broadcast(SPECIES, 1);
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, rows);
            int keyAt = column(i, keyRows);
            FloatVector run = one;
            for (int j = rows - 1; j >= 0; j--) {
                run.intoArray(later, at + j * PANEL);
                FloatVector.fromArray(SPECIES, key, keyAt + j * PANEL).mul(run).intoArray(aged, keyAt + j * PANEL);
                run = run.mul(FloatVector.fromArray(SPECIES, w, at + j * PANEL));
            }
            run.intoArray(total, i);
            VectorMask<Float> slow = run.compare(VectorOperators.LT, smallest);
            one.div(run).blend(0, slow).intoArray(inverse, i);
            any |= slow.anyTrue();
        }
        return any;
    }

    /** c_t ← w_0 ⊙ … ⊙ w_(t−1), one row more than w has: the first is ones, the last the product of all. */
    static void prefix(float[] w, int rows, int n, float[] c) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, rows);
            int to = column(i, rows + 1);
            FloatVector run = FloatVector.broadcast(SPECIES, 1);
            run.intoArray(c, to);
            for (int t = 0; t < rows; t++) {
                run = run.mul(FloatVector.fromArray(SPECIES, w, at + t * PANEL));
                run.intoArray(c, to + (t + 1) * PANEL);
            }
        }
    }

    /** z ← x ⊙ y. Rows begin at {@code first} for x and z, in panels of {@code panelRows}, and at {@code yFirst} for y. */
    static void multiply(float[] x, int first, int panelRows, float[] y, int yFirst, int yRows, int rows, int n,
            float[] z) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows) + first * PANEL;
            int yAt = column(i, yRows) + yFirst * PANEL;
            for (int t = 0; t < rows; t++) {
                FloatVector.fromArray(SPECIES, x, at + t * PANEL)
                        .mul(FloatVector.fromArray(SPECIES, y, yAt + t * PANEL)).intoArray(z, at + t * PANEL);
            }
        }
    }

    /**
     * z_t ← x_t ⊙ w_0 ⊙ … up to the position or before it, into rows of any length, and scaled ← z ⊙ s, where all rows of s
     * are the same.
     */
    static void multiplyByPrefix(float[] x, int first, int panelRows, float[] w, boolean inclusive, float[] s, int rows,
            int n, float[] z, int zAt, int zRow, float[] scaled) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows) + first * PANEL;
            int wAt = column(i, rows);
            int to = zAt + i;
            FloatVector factor = FloatVector.fromArray(SPECIES, s, i);
            FloatVector run = FloatVector.broadcast(SPECIES, 1);
            for (int t = 0; t < rows; t++) {
                FloatVector next = run.mul(FloatVector.fromArray(SPECIES, w, wAt + t * PANEL));
                FloatVector product = FloatVector.fromArray(SPECIES, x, at + t * PANEL).mul(inclusive ? next : run);
                product.intoArray(z, to + t * zRow);
                product.mul(factor).intoArray(scaled, at + t * PANEL);
                run = next;
            }
        }
    }

    /** z ← x ⊙ s, all rows of s the same; x and z each with their first row and rows in a panel. */
    static void scale(float[] x, int first, int panelRows, float[] s, int rows, int n, float[] z, int zFirst,
            int zRows) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows) + first * PANEL;
            int to = column(i, zRows) + zFirst * PANEL;
            FloatVector factor = FloatVector.fromArray(SPECIES, s, i);
            for (int t = 0; t < rows; t++) {
                FloatVector.fromArray(SPECIES, x, at + t * PANEL).mul(factor).intoArray(z, to + t * PANEL);
            }
        }
    }

    /** The first number of each row ← the sum of the row. */
    static void sumRows(float[] x, int rows, int n) {
        for (int t = 0; t < rows; t++) {
            FloatVector sum = FloatVector.zero(SPECIES);
            for (int i = 0; i < n; i += LENGTH) {
                sum = sum.add(FloatVector.fromArray(SPECIES, x, column(i, rows) + t * PANEL));
            }
            x[t * PANEL] = Lanes.sum(sum);
        }
    }

    /** A float for each row ← x_r·y_r; rows in groups of four, x in panels of {@code xRows} rows, y of {@code yRows}. */
    static void dots(float[] x, int xRows, float[] y, int yRows, int rows, int n, float[] into) {
        for (int r = 0; r < rows; r += 4) {
            FloatVector a = FloatVector.zero(SPECIES);
            FloatVector b = a;
            FloatVector c = a;
            FloatVector d = a;
            for (int i = 0; i < n; i += LENGTH) {
                int at = column(i, xRows) + r * PANEL;
                int to = column(i, yRows) + r * PANEL;
                a = FloatVector.fromArray(SPECIES, x, at).fma(FloatVector.fromArray(SPECIES, y, to), a);
                b = FloatVector.fromArray(SPECIES, x, at + PANEL).fma(FloatVector.fromArray(SPECIES, y, to + PANEL), b);
                c = FloatVector.fromArray(SPECIES, x, at + 2 * PANEL)
                        .fma(FloatVector.fromArray(SPECIES, y, to + 2 * PANEL), c);
                d = FloatVector.fromArray(SPECIES, x, at + 3 * PANEL)
                        .fma(FloatVector.fromArray(SPECIES, y, to + 3 * PANEL), d);
            }
            sums(a, b, c, d).intoArray(into, r, FIRST_FOUR);
        }
    }

    // ── gradients ───────────────────────────────────────────────────────────────────────────────────────────────────

    /**
     * x ← c ⊙ (x + s ⊙ pairs), the gradients of queries from the state and from pairs; all rows of s are the same. Rows of x and
     * pairs begin at {@code first} in panels of {@code panelRows}, those of c at {@code cFirst}.
     */
    static void addPairs(float[] x, float[] pairs, int first, int panelRows, float[] c, int cFirst, int cRows,
            float[] s,
            int rows, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows) + first * PANEL;
            int cAt = column(i, cRows) + cFirst * PANEL;
            FloatVector factor = FloatVector.fromArray(SPECIES, s, i);
            for (int t = 0; t < rows; t++) {
                FloatVector.fromArray(SPECIES, pairs, at + t * PANEL)
                        .fma(factor, FloatVector.fromArray(SPECIES, x, at + t * PANEL))
                        .mul(FloatVector.fromArray(SPECIES, c, cAt + t * PANEL)).intoArray(x, at + t * PANEL);
            }
        }
    }

    /** x ← c ⊙ x + pairs, likewise. */
    static void addDecayedPairs(float[] x, float[] pairs, int first, int panelRows, float[] c, int cFirst, int cRows,
            int rows, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows) + first * PANEL;
            int cAt = column(i, cRows) + cFirst * PANEL;
            for (int t = 0; t < rows; t++) {
                FloatVector.fromArray(SPECIES, c, cAt + t * PANEL)
                        .fma(FloatVector.fromArray(SPECIES, x, at + t * PANEL),
                                FloatVector.fromArray(SPECIES, pairs, at + t * PANEL))
                        .intoArray(x, at + t * PANEL);
            }
        }
    }

    /** sum ← total ⊙ Σ x_r ⊙ y_r over all rows, in two chains of sums. */
    static void decayedDots(float[] x, float[] y, int rows, int n, float[] total, float[] sum) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, rows);
            FloatVector even = FloatVector.zero(SPECIES);
            FloatVector odd = even;
            for (int r = 0; r < rows; r += 2) {
                int next = at + r * PANEL;
                even = FloatVector.fromArray(SPECIES, x, next).fma(FloatVector.fromArray(SPECIES, y, next), even);
                odd = FloatVector.fromArray(SPECIES, x, next + PANEL)
                        .fma(FloatVector.fromArray(SPECIES, y, next + PANEL), odd);
            }
            even.add(odd).mul(FloatVector.fromArray(SPECIES, total, i)).intoArray(sum, i);
        }
    }

    /** sum_t ← Σ_(s&ge;t) x_s ⊙ dx_s − y_s ⊙ dy_s, or of x over s &gt; t: what is read at or after a position. */
    static void readAfter(boolean inclusive, float[] x, float[] dx, float[] y, float[] dy, int first, int panelRows,
            int rows, int n, float[] sum) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows) + first * PANEL;
            int to = column(i, rows);
            FloatVector run = FloatVector.zero(SPECIES);
            for (int t = rows - 1; t >= 0; t--) {
                int here = at + t * PANEL;
                run = FloatVector.fromArray(SPECIES, y, here).neg().fma(FloatVector.fromArray(SPECIES, dy, here), run);
                FloatVector next = FloatVector.fromArray(SPECIES, x, here)
                        .fma(FloatVector.fromArray(SPECIES, dx, here), run);
                FloatVector crossing = inclusive ? next : run;
                (first == 0 ? crossing : crossing.add(FloatVector.fromArray(SPECIES, sum, to + t * PANEL)))
                        .intoArray(sum, to + t * PANEL);
                run = next;
            }
        }
    }

    /**
     * sum_t ← sum_t + begin + Σ_(j&lt;t) y_j ⊙ dy_j, what was written before a position and is read after the chunk; then 0
     * where w is 0.
     *
     * @param begin [n], or nothing if there is a row before the first
     */
    static void writtenBefore(float[] y, float[] dy, int first, int panelRows, float[] begin, float[] w, int rows,
            int n,
            float[] sum) {
        FloatVector zero = FloatVector.zero(SPECIES);
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows) + first * PANEL;
            int to = column(i, rows);
            FloatVector run = first == 0 ? FloatVector.fromArray(SPECIES, begin, i) : zero;
            for (int t = 0; t < rows; t++) {
                FloatVector whole = FloatVector.fromArray(SPECIES, sum, to + t * PANEL).add(run);
                whole.blend(zero, FloatVector.fromArray(SPECIES, w, to + t * PANEL).compare(VectorOperators.EQ, 0))
                        .intoArray(sum, to + t * PANEL);
                run = FloatVector.fromArray(SPECIES, y, at + t * PANEL)
                        .fma(FloatVector.fromArray(SPECIES, dy, at + t * PANEL), run);
            }
        }
    }

    /** x ← x + y, rows from {@code first} on, in panels of {@code panelRows}. */
    static void add(float[] x, float[] y, int first, int panelRows, int rows, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows) + first * PANEL;
            for (int t = 0; t < rows; t++) {
                FloatVector.fromArray(SPECIES, x, at + t * PANEL)
                        .add(FloatVector.fromArray(SPECIES, y, at + t * PANEL)).intoArray(x, at + t * PANEL);
            }
        }
    }

    /** x_t ← x_t + factor_t·y_t, x's rows from {@code first} on, y's from {@code yFirst} on. */
    static void addOwn(float[] factors, float[] y, int yFirst, float[] x, int first, int panelRows, int rows, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows) + first * PANEL;
            int from = column(i, panelRows) + yFirst * PANEL;
            for (int t = 0; t < rows; t++) {
                FloatVector.broadcast(SPECIES, factors[t])
                        .fma(FloatVector.fromArray(SPECIES, y, from + t * PANEL),
                                FloatVector.fromArray(SPECIES, x, at + t * PANEL))
                        .intoArray(x, at + t * PANEL);
            }
        }
    }

    /** Likewise, factor_t·(s ⊙ y_t), all rows of s the same. */
    static void addOwn(float[] factors, float[] s, float[] y, float[] x, int panelRows, int rows, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows);
            FloatVector common = FloatVector.fromArray(SPECIES, s, i);
            for (int t = 0; t < rows; t++) {
                FloatVector.broadcast(SPECIES, factors[t]).mul(common)
                        .fma(FloatVector.fromArray(SPECIES, y, at + t * PANEL),
                                FloatVector.fromArray(SPECIES, x, at + t * PANEL))
                        .intoArray(x, at + t * PANEL);
            }
        }
    }

    /** sum ← sum + Σ_t factor_t·x_t ⊙ y_t. */
    static void addProducts(float[] factors, float[] x, float[] y, int panelRows, int rows, int n, float[] sum) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows);
            FloatVector run = FloatVector.fromArray(SPECIES, sum, i);
            for (int t = 0; t < rows; t++) {
                run = FloatVector.broadcast(SPECIES, factors[t]).mul(FloatVector.fromArray(SPECIES, x, at + t * PANEL))
                        .fma(FloatVector.fromArray(SPECIES, y, at + t * PANEL), run);
            }
            run.intoArray(sum, i);
        }
    }

    /** A narrow matrix's rows ⊙ one row of lanes. */
    static void decayLanes(float[] x, float[] lanes, int rows, float[] z) {
        FloatVector factor = FloatVector.fromArray(SPECIES, lanes, 0);
        for (int i = 0; i < rows; i++) {
            FloatVector.fromArray(SPECIES, x, i * LENGTH).mul(factor).intoArray(z, i * LENGTH);
        }
    }
}

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
    static final VectorMask<Float> FIRST_FOUR = Lanes.first(4);

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

    /** The sums of four vectors' lanes in the first four lanes: halves of two vectors are added together at each step. */
    static FloatVector sums(FloatVector a, FloatVector b, FloatVector c, FloatVector d) {
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

    /**
     * Copies rows as {@link #pack}, and once more with each row multiplied by a number of its own.
     *
     * @param factors a number a row, from {@code factorAt} on
     * @param scaled the second copy, its first row at {@code scaledAt}, rows {@code scaledRow} and panels {@code scaledPanel}
     *     floats apart
     */
    static void packScaled(MemorySegment x, long at, long step, int length, int rows, int width, float[] to, int first,
            int panelRows, float[] factors, int factorAt, float[] scaled, int scaledAt, int scaledRow,
            int scaledPanel) {
        int i = 0;
        for (; i + 4 * LENGTH <= width && PANEL == 4 * LENGTH; i += 4 * LENGTH) {
            packScaledFour(x, at + 4L * i, step, length, to, column(i, panelRows) + first * PANEL, factors, factorAt,
                    scaled, scaledAt + i / PANEL * scaledPanel, scaledRow);
        }
        for (; i < width; i += LENGTH) {
            VectorMask<Float> valid = Lanes.first(width - i);
            int into = column(i, panelRows) + first * PANEL;
            int out = scaledAt + i / PANEL * scaledPanel + i % PANEL;
            for (int t = 0; t < length; t++) {
                FloatVector row = FloatVector.fromMemorySegment(SPECIES, x, at + 4L * i + t * step, ORDER, valid);
                row.intoArray(to, into + t * PANEL);
                row.mul(factors[factorAt + t]).intoArray(scaled, out + t * scaledRow);
            }
        }
        FloatVector zero = FloatVector.zero(SPECIES);
        for (i = 0; i < width && length < rows; i += LENGTH) {
            fill(0, to, column(i, panelRows) + (first + length) * PANEL, rows - length);
            for (int t = length; t < rows; t++) {
                zero.intoArray(scaled, scaledAt + i / PANEL * scaledPanel + i % PANEL + t * scaledRow);
            }
        }
    }

    private static void packScaledFour(MemorySegment x, long at, long step, int length, float[] to, int into,
            float[] factors, int factorAt, float[] scaled, int out, int outRow) {
        for (int t = 0; t < length; t++) {
            long from = at + t * step;
            FloatVector a = FloatVector.fromMemorySegment(SPECIES, x, from, ORDER);
            FloatVector b = FloatVector.fromMemorySegment(SPECIES, x, from + 4L * LENGTH, ORDER);
            FloatVector c = FloatVector.fromMemorySegment(SPECIES, x, from + 8L * LENGTH, ORDER);
            FloatVector d = FloatVector.fromMemorySegment(SPECIES, x, from + 12L * LENGTH, ORDER);
            a.intoArray(to, into + t * PANEL);
            b.intoArray(to, into + t * PANEL + LENGTH);
            c.intoArray(to, into + t * PANEL + 2 * LENGTH);
            d.intoArray(to, into + t * PANEL + 3 * LENGTH);
            FloatVector factor = FloatVector.broadcast(SPECIES, factors[factorAt + t]);
            int place = out + t * outRow;
            a.mul(factor).intoArray(scaled, place);
            b.mul(factor).intoArray(scaled, place + LENGTH);
            c.mul(factor).intoArray(scaled, place + 2 * LENGTH);
            d.mul(factor).intoArray(scaled, place + 3 * LENGTH);
        }
    }

    /**
     * Copies the first rows of panels, each multiplied by a number of its own.
     *
     * @param factors a number a row, from {@code factorAt} on
     * @param scaled its first row at {@code scaledAt}, rows {@code scaledRow} and panels {@code scaledPanel} floats apart
     */
    static void scaled(float[] from, int panelRows, float[] factors, int factorAt, int rows, int n, float[] scaled,
            int scaledAt, int scaledRow, int scaledPanel) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows);
            int out = scaledAt + i / PANEL * scaledPanel + i % PANEL;
            for (int t = 0; t < rows; t++) {
                FloatVector.fromArray(SPECIES, from, at + t * PANEL).mul(factors[factorAt + t]).intoArray(scaled,
                        out + t * scaledRow);
            }
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

    /**
     * Copies rows to a tensor, x_t + factor_t·(s ⊙ z_t), all rows of s the same.
     *
     * @param z in panels like x, from row {@code zFirst} on
     */
    static void unpackOwn(float[] x, int first, float[] factors, float[] s, float[] z, int zFirst, int panelRows,
            int length, int width, MemorySegment y, long at, long step) {
        for (int i = 0; i < width; i += LENGTH) {
            int from = column(i, panelRows) + first * PANEL;
            int own = column(i, panelRows) + zFirst * PANEL;
            FloatVector common = FloatVector.fromArray(SPECIES, s, i);
            VectorMask<Float> valid = Lanes.first(width - i);
            boolean whole = width - i >= LENGTH;
            for (int t = 0; t < length; t++) {
                FloatVector sum = common.mul(factors[t]).fma(FloatVector.fromArray(SPECIES, z, own + t * PANEL),
                        FloatVector.fromArray(SPECIES, x, from + t * PANEL));
                if (whole) {
                    sum.intoMemorySegment(y, at + 4L * i + t * step, ORDER);
                } else {
                    sum.intoMemorySegment(y, at + 4L * i + t * step, ORDER, valid);
                }
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
     * z_t ← x_t ⊙ w_0 ⊙ … up to the position or before it, and scaled ← z ⊙ s, where all rows of s are the same; z with its first
     * row at {@code zAt}, rows {@code zRow} and panels {@code zPanel} floats apart.
     */
    static void multiplyByPrefix(float[] x, int first, int panelRows, float[] w, boolean inclusive, float[] s, int rows,
            int n, float[] z, int zAt, int zRow, int zPanel, float[] scaled) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows) + first * PANEL;
            int wAt = column(i, rows);
            int to = zAt + i / PANEL * zPanel + i % PANEL;
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
     * Gradients of a chunk's reading and writing rows from the parts that products have made: r ← c ⊙ r + f ⊙ rp, of reading rows
     * from the state and from pairs, and w ← l ⊙ w + wp, of writing rows, wp ← g ⊙ wp before; and what crosses each position
     * into {@code sum}: Σ_(s&ge;t) x_s ⊙ r_s − y_s ⊙ wp_s, with x over s &gt; t if queries are early, + begin + Σ_(j&lt;t) y_j ⊙
     * (l ⊙ w)_j. Here f is c ⊙ s and g is l, but both are 1 where s is 0: pairs of those channels come as they are.
     *
     * @param first the first row of x, r, rp, y, w and wp, all in panels of {@code panelRows} rows; not 0 if it is added to sum
     * @param c from row {@code cFirst} on, of {@code rows} + 1 rows
     * @param begin [n], counted if {@code first} is 0
     */
    static void finish(boolean early, float[] x, float[] r, float[] rp, float[] y, float[] w, float[] wp, int first,
            int panelRows, float[] c, int cFirst, float[] l, float[] s, float[] begin, int rows, int n, float[] sum) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows) + first * PANEL;
            int cAt = column(i, rows + 1) + cFirst * PANEL;
            int to = column(i, rows);
            readAfter(early, x, r, rp, y, wp, at, c, cAt, l, to, s, i, rows, first > 0, sum);
            writtenBefore(y, w, wp, at, l, to, begin, first == 0 ? i : -1, rows, sum);
        }
    }

    // The sum waits for one addition a row, products stand beside it.
    private static void readAfter(boolean early, float[] x, float[] r, float[] rp, float[] y, float[] wp, int at,
            float[] c, int cAt, float[] l, int to, float[] s, int i, int rows, boolean add, float[] sum) {
        FloatVector one = FloatVector.broadcast(SPECIES, 1);
        FloatVector inverse = FloatVector.fromArray(SPECIES, s, i);
        VectorMask<Float> asIs = inverse.compare(VectorOperators.EQ, 0);
        FloatVector run = FloatVector.zero(SPECIES);
        for (int t = rows - 1; t >= 0; t--) {
            int here = at + t * PANEL;
            FloatVector decay = FloatVector.fromArray(SPECIES, c, cAt + t * PANEL);
            FloatVector pair = FloatVector.fromArray(SPECIES, wp, here)
                    .mul(FloatVector.fromArray(SPECIES, l, to + t * PANEL).blend(one, asIs));
            pair.intoArray(wp, here);
            FloatVector written = pair.mul(FloatVector.fromArray(SPECIES, y, here));
            FloatVector read = decay.mul(inverse).blend(one, asIs).fma(FloatVector.fromArray(SPECIES, rp, here),
                    decay.mul(FloatVector.fromArray(SPECIES, r, here)));
            read.intoArray(r, here);
            FloatVector more = read.mul(FloatVector.fromArray(SPECIES, x, here)).sub(written);
            FloatVector crossing = run.add(more);
            FloatVector kept = early ? run.sub(written) : crossing;
            (add ? kept.add(FloatVector.fromArray(SPECIES, sum, to + t * PANEL)) : kept)
                    .intoArray(sum, to + t * PANEL);
            run = crossing;
        }
    }

    private static void writtenBefore(float[] y, float[] w, float[] wp, int at, float[] l, int to, float[] begin,
            int beginAt, int rows, float[] sum) {
        FloatVector run = beginAt >= 0 ? FloatVector.fromArray(SPECIES, begin, beginAt) : FloatVector.zero(SPECIES);
        for (int t = 0; t < rows; t++) {
            int here = at + t * PANEL;
            FloatVector late = FloatVector.fromArray(SPECIES, l, to + t * PANEL)
                    .mul(FloatVector.fromArray(SPECIES, w, here));
            FloatVector.fromArray(SPECIES, sum, to + t * PANEL).add(run).intoArray(sum, to + t * PANEL);
            run = run.add(late.mul(FloatVector.fromArray(SPECIES, y, here)));
            late.add(FloatVector.fromArray(SPECIES, wp, here)).intoArray(w, here);
        }
    }

    /** x ← 0 where w is 0. */
    static void forget(float[] w, int rows, int n, float[] x) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, rows);
            for (int t = 0; t < rows; t++) {
                FloatVector.fromArray(SPECIES, x, at + t * PANEL)
                        .blend(0, FloatVector.fromArray(SPECIES, w, at + t * PANEL).compare(VectorOperators.EQ, 0))
                        .intoArray(x, at + t * PANEL);
            }
        }
    }

    /**
     * The same where all channels share decays: r_t ← c_t·r_t + rp_t and w_t ← l_t·w_t + wp_t, and into a vector a row the parts of
     * sums over the channels of x_t ⊙ c_t·r_t and y_t ⊙ l_t·w_t.
     */
    static void finishShared(float[] x, float[] r, float[] rp, float[] y, float[] w, float[] wp, int first,
            int panelRows, float[] c, int cAt, float[] l, int lAt, int rows, int n, float[] reads, float[] writes) {
        int i = 0;
        for (; i + 4 * LENGTH <= n && PANEL == 4 * LENGTH; i += 4 * LENGTH) {
            int at = column(i, panelRows) + first * PANEL;
            decayAndAddFour(x, r, rp, at, c, cAt, rows, i > 0, reads);
            decayAndAddFour(y, w, wp, at, l, lAt, rows, i > 0, writes);
        }
        for (; i < n; i += LENGTH) {
            int at = column(i, panelRows) + first * PANEL;
            decayAndAdd(x, r, rp, at, c, cAt, rows, i > 0, reads);
            decayAndAdd(y, w, wp, at, l, lAt, rows, i > 0, writes);
        }
    }

    private static void decayAndAddFour(float[] x, float[] r, float[] pairs, int at, float[] c, int cAt, int rows,
            boolean add, float[] sums) {
        for (int t = 0; t < rows; t++) {
            int here = at + t * PANEL;
            FloatVector factor = FloatVector.broadcast(SPECIES, c[cAt + t]);
            FloatVector r0 = FloatVector.fromArray(SPECIES, r, here).mul(factor);
            FloatVector r1 = FloatVector.fromArray(SPECIES, r, here + LENGTH).mul(factor);
            FloatVector r2 = FloatVector.fromArray(SPECIES, r, here + 2 * LENGTH).mul(factor);
            FloatVector r3 = FloatVector.fromArray(SPECIES, r, here + 3 * LENGTH).mul(factor);
            FloatVector even = r0.mul(FloatVector.fromArray(SPECIES, x, here));
            FloatVector odd = r1.mul(FloatVector.fromArray(SPECIES, x, here + LENGTH));
            even = r2.fma(FloatVector.fromArray(SPECIES, x, here + 2 * LENGTH), even);
            odd = r3.fma(FloatVector.fromArray(SPECIES, x, here + 3 * LENGTH), odd);
            r0.add(FloatVector.fromArray(SPECIES, pairs, here)).intoArray(r, here);
            r1.add(FloatVector.fromArray(SPECIES, pairs, here + LENGTH)).intoArray(r, here + LENGTH);
            r2.add(FloatVector.fromArray(SPECIES, pairs, here + 2 * LENGTH)).intoArray(r, here + 2 * LENGTH);
            r3.add(FloatVector.fromArray(SPECIES, pairs, here + 3 * LENGTH)).intoArray(r, here + 3 * LENGTH);
            FloatVector product = even.add(odd);
            (add ? product.add(FloatVector.fromArray(SPECIES, sums, t * LENGTH)) : product).intoArray(sums, t * LENGTH);
        }
    }

    private static void decayAndAdd(float[] x, float[] r, float[] pairs, int at, float[] c, int cAt, int rows,
            boolean add, float[] sums) {
        for (int t = 0; t < rows; t++) {
            int here = at + t * PANEL;
            FloatVector decayed = FloatVector.fromArray(SPECIES, r, here).mul(c[cAt + t]);
            decayed.add(FloatVector.fromArray(SPECIES, pairs, here)).intoArray(r, here);
            FloatVector product = decayed.mul(FloatVector.fromArray(SPECIES, x, here));
            (add ? product.add(FloatVector.fromArray(SPECIES, sums, t * LENGTH)) : product).intoArray(sums, t * LENGTH);
        }
    }

    /** sum ← total ⊙ Σ x_r ⊙ y_r over all rows, an even number; x begins with row {@code first}. */
    static void decayedDots(float[] x, int first, float[] y, int rows, int n, float[] total, float[] sum) {
        int i = 0;
        for (; i + 4 * LENGTH <= n && PANEL == 4 * LENGTH; i += 4 * LENGTH) {
            int at = column(i, rows);
            fourDots(x, at + first * PANEL, y, at, rows, total, sum, i);
        }
        for (; i < n; i += LENGTH) {
            int at = column(i, rows);
            int from = at + first * PANEL;
            FloatVector even = FloatVector.zero(SPECIES);
            FloatVector odd = even;
            for (int r = 0; r < rows * PANEL; r += 2 * PANEL) {
                even = FloatVector.fromArray(SPECIES, x, from + r).fma(FloatVector.fromArray(SPECIES, y, at + r), even);
                odd = FloatVector.fromArray(SPECIES, x, from + r + PANEL)
                        .fma(FloatVector.fromArray(SPECIES, y, at + r + PANEL), odd);
            }
            even.add(odd).mul(FloatVector.fromArray(SPECIES, total, i)).intoArray(sum, i);
        }
    }

    // Four vectors of a row, two rows at a time.
    private static void fourDots(float[] x, int from, float[] y, int at, int rows, float[] total, float[] sum, int to) {
        FloatVector a0 = FloatVector.zero(SPECIES);
        FloatVector a1 = a0;
        FloatVector a2 = a0;
        FloatVector a3 = a0;
        FloatVector b0 = a0;
        FloatVector b1 = a0;
        FloatVector b2 = a0;
        FloatVector b3 = a0;
        for (int r = 0; r < rows * PANEL; r += 2 * PANEL) {
            int left = from + r;
            int right = at + r;
            a0 = FloatVector.fromArray(SPECIES, x, left).fma(FloatVector.fromArray(SPECIES, y, right), a0);
            a1 = FloatVector.fromArray(SPECIES, x, left + LENGTH)
                    .fma(FloatVector.fromArray(SPECIES, y, right + LENGTH), a1);
            a2 = FloatVector.fromArray(SPECIES, x, left + 2 * LENGTH)
                    .fma(FloatVector.fromArray(SPECIES, y, right + 2 * LENGTH), a2);
            a3 = FloatVector.fromArray(SPECIES, x, left + 3 * LENGTH)
                    .fma(FloatVector.fromArray(SPECIES, y, right + 3 * LENGTH), a3);
            b0 = FloatVector.fromArray(SPECIES, x, left + PANEL)
                    .fma(FloatVector.fromArray(SPECIES, y, right + PANEL), b0);
            b1 = FloatVector.fromArray(SPECIES, x, left + PANEL + LENGTH)
                    .fma(FloatVector.fromArray(SPECIES, y, right + PANEL + LENGTH), b1);
            b2 = FloatVector.fromArray(SPECIES, x, left + PANEL + 2 * LENGTH)
                    .fma(FloatVector.fromArray(SPECIES, y, right + PANEL + 2 * LENGTH), b2);
            b3 = FloatVector.fromArray(SPECIES, x, left + PANEL + 3 * LENGTH)
                    .fma(FloatVector.fromArray(SPECIES, y, right + PANEL + 3 * LENGTH), b3);
        }
        a0.add(b0).mul(FloatVector.fromArray(SPECIES, total, to)).intoArray(sum, to);
        a1.add(b1).mul(FloatVector.fromArray(SPECIES, total, to + LENGTH)).intoArray(sum, to + LENGTH);
        a2.add(b2).mul(FloatVector.fromArray(SPECIES, total, to + 2 * LENGTH)).intoArray(sum, to + 2 * LENGTH);
        a3.add(b3).mul(FloatVector.fromArray(SPECIES, total, to + 3 * LENGTH)).intoArray(sum, to + 3 * LENGTH);
    }

    /** x ← x + y, x's rows from {@code first} on, y's from {@code yFirst} on. */
    static void add(float[] x, int first, float[] y, int yFirst, int panelRows, int rows, int n) {
        for (int i = 0; i < n; i += LENGTH) {
            int at = column(i, panelRows) + first * PANEL;
            int from = column(i, panelRows) + yFirst * PANEL;
            for (int t = 0; t < rows; t++) {
                FloatVector.fromArray(SPECIES, x, at + t * PANEL)
                        .add(FloatVector.fromArray(SPECIES, y, from + t * PANEL)).intoArray(x, at + t * PANEL);
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

    /** A narrow matrix's rows ⊙ one row of lanes, the vector at {@code lanesAt}. */
    static void decayLanes(float[] x, float[] lanes, int lanesAt, int rows, float[] z) {
        FloatVector factor = FloatVector.fromArray(SPECIES, lanes, lanesAt);
        for (int i = 0; i < rows; i++) {
            FloatVector.fromArray(SPECIES, x, i * LENGTH).mul(factor).intoArray(z, i * LENGTH);
        }
    }
}

package tern.kernels.recurrence;

import static jdk.incubator.vector.VectorOperators.EQ;
import static jdk.incubator.vector.VectorOperators.LT;
import static jdk.incubator.vector.VectorOperators.MUL;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.SPECIES;
import static tern.kernels.recurrence.PanelProducts.PANEL;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

import tern.kernels.lanes.Lanes;

/**
 * The pairs of positions within a chunk, positions in the lanes: a chunk is one vector long. What is narrow has a row a
 * position; what is in panels ({@link PanelProducts}) has one too, and of it the column of one channel is read, from a place
 * that is told. Where a channel is taken by itself, the decay of each position multiplies the lanes that it lies between, so
 * that every pair meets the product of the decays between its two positions. Stateless.
 */
final class AgeChains {
    private static final FloatVector POSITIONS = FloatVector.zero(SPECIES).addIndex(1);

    private AgeChains() {
    }

    // The lanes of positions before this one.
    private static VectorMask<Float> first(int position) {
        return POSITIONS.compare(LT, (float) position);
    }

    /** Scores ← 0 where a query is before the key or, unless it sees what it writes, at it; into rows of any length. */
    static void mask(float[] scores, boolean own, float[] into, int at, int row) {
        FloatVector zero = FloatVector.zero(SPECIES);
        for (int i = 0; i < LENGTH; i++) {
            zero.blend(FloatVector.fromArray(SPECIES, scores, i * LENGTH), first(own ? i + 1 : i))
                    .intoArray(into, at + i * row);
        }
    }

    /** {@link #mask}, and scores ⊙ decays. */
    static void maskAndDecay(float[] scores, float[] decays, int decaysAt, boolean own, float[] into, int at, int row) {
        FloatVector zero = FloatVector.zero(SPECIES);
        for (int i = 0; i < LENGTH; i++) {
            FloatVector decayed = FloatVector.fromArray(SPECIES, scores, i * LENGTH)
                    .mul(FloatVector.fromArray(SPECIES, decays, decaysAt + i * LENGTH));
            zero.blend(decayed, first(own ? i + 1 : i)).intoArray(into, at + i * row);
        }
    }

    /**
     * The decay between positions where all channels share it: row i + 1, lane j ← w_(j+1)·…·w_i. Row i is what a query that
     * sees the state before its own decay needs. Row 0 is 0, and so are lanes after the position; the last row is what keys
     * become until the chunk's end.
     *
     * @param upTo for each position and one more ← the product of all w before it
     */
    static void decays(float[] w, float[] decays, float[] upTo) {
        FloatVector row = FloatVector.zero(SPECIES);
        row.intoArray(decays, 0);
        float product = 1;
        for (int i = 0; i < LENGTH; i++) {
            row = row.mul(w[i]).blend(1, POSITIONS.compare(EQ, (float) i));
            row.intoArray(decays, (i + 1) * LENGTH);
            upTo[i] = product;
            product *= w[i];
        }
        upTo[LENGTH] = product;
    }

    // ── gradients of shared decays ──────────────────────────────────────────────────────────────────────────────────
    // Row t of the crossings collects, in any lanes, products that the decay of position t is a factor of.

    /**
     * Pairs with the query at or after a position, or after it, in the lanes of their keys.
     *
     * @param early whether queries see the keys before the decay of their own position
     * @param scores gradients of scores, narrow
     * @param squares rows of scores, decayed
     * @param add whether there are others already
     */
    static void crossPairs(boolean early, float[] scores, float[] squares, int at, boolean add, float[] crossings) {
        FloatVector run = FloatVector.zero(SPECIES);
        for (int i = LENGTH - 1; i >= 0; i--) {
            FloatVector next = FloatVector.fromArray(SPECIES, scores, i * LENGTH)
                    .fma(FloatVector.fromArray(SPECIES, squares, at + i * LENGTH), run);
            FloatVector crossing = early ? run : next;
            (add ? crossing.add(FloatVector.fromArray(SPECIES, crossings, i * LENGTH)) : crossing)
                    .intoArray(crossings, i * LENGTH);
            run = next;
        }
    }

    /** Of those, pairs whose key is at or after the position too are not crossings. */
    static void crossOnly(float[] crossings) {
        for (int t = 0; t < LENGTH; t++) {
            FloatVector.zero(SPECIES).blend(FloatVector.fromArray(SPECIES, crossings, t * LENGTH), first(t))
                    .intoArray(crossings, t * LENGTH);
        }
    }

    /** What queries at or after a position, or after it, read of the state before the chunk. */
    static void crossReads(boolean early, float[] reads, float[] crossings) {
        FloatVector run = FloatVector.zero(SPECIES);
        for (int t = LENGTH - 1; t >= 0; t--) {
            FloatVector next = run.add(FloatVector.fromArray(SPECIES, reads, t * LENGTH));
            FloatVector.fromArray(SPECIES, crossings, t * LENGTH).add(early ? run : next)
                    .intoArray(crossings, t * LENGTH);
            run = next;
        }
    }

    /** What keys before a position write into the state after the chunk. */
    static void crossWrites(float[] writes, float[] crossings) {
        FloatVector run = FloatVector.zero(SPECIES);
        for (int t = 0; t < LENGTH; t++) {
            FloatVector.fromArray(SPECIES, crossings, t * LENGTH).add(run).intoArray(crossings, t * LENGTH);
            run = run.add(FloatVector.fromArray(SPECIES, writes, t * LENGTH));
        }
    }

    /**
     * Gradients of log-decays: the sums of the crossings' rows and of what crosses the whole chunk, 0 where the decay is.
     *
     * @param whole in n lanes
     */
    static void crossed(float[] crossings, float[] whole, int n, float[] w, float[] turned, float[] gradients) {
        Transposition.block(crossings, 0, LENGTH, turned, 0, LENGTH);
        FloatVector all = FloatVector.zero(SPECIES);
        for (int i = 0; i < n; i += LENGTH) {
            all = all.add(FloatVector.fromArray(SPECIES, whole, i));
        }
        FloatVector sum = FloatVector.broadcast(SPECIES, Lanes.sum(all));
        for (int i = 0; i < LENGTH; i++) {
            sum = sum.add(FloatVector.fromArray(SPECIES, turned, i * LENGTH));
        }
        sum.blend(0, FloatVector.fromArray(SPECIES, w, 0).compare(EQ, 0)).intoArray(gradients, 0);
    }

    // ── one channel ─────────────────────────────────────────────────────────────────────────────────────────────────

    /**
     * Scores of one channel, added: score_i ← score_i + x_i·key, where keys of earlier positions shrink by the decays.
     *
     * @param early whether queries see the keys before the decay of their own position
     * @param w where in the panels the channel's decays are; likewise the others
     */
    static void addScores(boolean early, float[] keys, int keyAt, float[] decay, int w, float[] x, int xAt,
            float[] scores, float[] lanes) {
        for (int i = 0; i < LENGTH; i++) {
            lanes[i] = keys[keyAt + i * PANEL];
        }
        FloatVector key = FloatVector.fromArray(SPECIES, lanes, 0);
        for (int i = 0; i < LENGTH; i++) {
            FloatVector next = key.lanewise(MUL, FloatVector.broadcast(SPECIES, decay[w + i * PANEL]), first(i));
            FloatVector.broadcast(SPECIES, x[xAt + i * PANEL])
                    .fma(early ? key : next, FloatVector.fromArray(SPECIES, scores, i * LENGTH))
                    .intoArray(scores, i * LENGTH);
            key = next;
        }
    }

    /**
     * Gradients of one channel of keys from queries after them, added: dKey_j ← dKey_j + Σ_i dScore_ij·x_i·w_(j+1)·….
     *
     * @param dScores in a panel, 0 where a query is not after the key
     */
    static void addKeys(boolean early, float[] decay, int w, float[] x, int xAt, float[] dScores, int dScoresAt,
            float[] dKeys, int to, float[] lanes) {
        FloatVector age = FloatVector.broadcast(SPECIES, 1);
        FloatVector sum = FloatVector.zero(SPECIES);
        for (int i = 0; i < LENGTH; i++) {
            FloatVector next = age.lanewise(MUL, FloatVector.broadcast(SPECIES, decay[w + i * PANEL]), first(i));
            sum = FloatVector.fromArray(SPECIES, dScores, dScoresAt + i * PANEL).mul(early ? age : next)
                    .fma(FloatVector.broadcast(SPECIES, x[xAt + i * PANEL]), sum);
            age = next;
        }
        scatter(sum, dKeys, to, lanes);
    }

    /**
     * Gradients of one channel of queries from keys before them, added.
     *
     * @param dScores narrow and turned: a row a key position, queries in the lanes
     */
    static void addQueries(boolean early, float[] decay, int w, float[] keys, int keyAt, float[] dScores,
            float[] dQueries, int to, float[] lanes) {
        FloatVector age = FloatVector.broadcast(SPECIES, 1);
        FloatVector sum = FloatVector.zero(SPECIES);
        for (int j = LENGTH - 1; j >= 0; j--) {
            sum = FloatVector.fromArray(SPECIES, dScores, j * LENGTH).mul(age)
                    .fma(FloatVector.broadcast(SPECIES, keys[keyAt + j * PANEL]), sum);
            VectorMask<Float> after = first(early ? j + 1 : j).not();
            age = age.lanewise(MUL, FloatVector.broadcast(SPECIES, decay[w + j * PANEL]), after);
        }
        scatter(sum, dQueries, to, lanes);
    }

    private static void scatter(FloatVector sum, float[] into, int to, float[] lanes) {
        sum.intoArray(lanes, 0);
        for (int i = 0; i < LENGTH; i++) {
            into[to + i * PANEL] += lanes[i];
        }
    }

    /**
     * Rows first … first + 3 solved among each other: w_i ← w_i + Σ_(j&lt;i) a_ij·w_j.
     *
     * @param at where a's number (first, first) is
     * @param row floats from one row of a to the next
     * @param w in panels of {@code wRows} rows, the first of the four at {@code wFirst}
     */
    static void solve(float[] a, int at, int row, float[] w, int wFirst, int wRows, int n) {
        float a10 = a[at + row];
        float a20 = a[at + 2 * row];
        float a21 = a[at + 2 * row + 1];
        float a30 = a[at + 3 * row];
        float a31 = a[at + 3 * row + 1];
        float a32 = a[at + 3 * row + 2];
        for (int i = 0; i < n; i += LENGTH) {
            int to = ChunkRows.column(i, wRows) + wFirst * PANEL;
            FloatVector w0 = FloatVector.fromArray(SPECIES, w, to);
            FloatVector w1 = FloatVector.broadcast(SPECIES, a10).fma(w0,
                    FloatVector.fromArray(SPECIES, w, to + PANEL));
            FloatVector w2 = FloatVector.broadcast(SPECIES, a21).fma(w1, FloatVector.broadcast(SPECIES, a20).fma(w0,
                    FloatVector.fromArray(SPECIES, w, to + 2 * PANEL)));
            FloatVector w3 = FloatVector.broadcast(SPECIES, a31).fma(w1, FloatVector.broadcast(SPECIES, a30).fma(w0,
                    FloatVector.fromArray(SPECIES, w, to + 3 * PANEL)));
            w1.intoArray(w, to + PANEL);
            w2.intoArray(w, to + 2 * PANEL);
            FloatVector.broadcast(SPECIES, a32).fma(w2, w3).intoArray(w, to + 3 * PANEL);
        }
    }

    /** The same upwards, for columns of a turned: w_i ← w_i + Σ_(j&gt;i) a_ij·w_j. */
    static void solveBack(float[] a, int at, int row, float[] w, int wFirst, int wRows, int n) {
        float a23 = a[at + 2 * row + 3];
        float a13 = a[at + row + 3];
        float a12 = a[at + row + 2];
        float a03 = a[at + 3];
        float a02 = a[at + 2];
        float a01 = a[at + 1];
        for (int i = 0; i < n; i += LENGTH) {
            int to = ChunkRows.column(i, wRows) + wFirst * PANEL;
            FloatVector w3 = FloatVector.fromArray(SPECIES, w, to + 3 * PANEL);
            FloatVector w2 = FloatVector.broadcast(SPECIES, a23).fma(w3,
                    FloatVector.fromArray(SPECIES, w, to + 2 * PANEL));
            FloatVector w1 = FloatVector.broadcast(SPECIES, a12).fma(w2, FloatVector.broadcast(SPECIES, a13).fma(w3,
                    FloatVector.fromArray(SPECIES, w, to + PANEL)));
            FloatVector w0 = FloatVector.broadcast(SPECIES, a02).fma(w2, FloatVector.broadcast(SPECIES, a03).fma(w3,
                    FloatVector.fromArray(SPECIES, w, to)));
            w2.intoArray(w, to + 2 * PANEL);
            w1.intoArray(w, to + PANEL);
            FloatVector.broadcast(SPECIES, a01).fma(w1, w0).intoArray(w, to);
        }
    }

    /** The diagonal. */
    static void own(float[] scores, float[] own) {
        for (int i = 0; i < LENGTH; i++) {
            own[i] = scores[i * LENGTH + i];
        }
    }
}

package tern.kernels.recurrence;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.padded;
import static tern.kernels.recurrence.PanelProducts.PANEL;
import static tern.kernels.recurrence.PanelProducts.length;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;

import tern.kernels.lanes.Lanes;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * What both passes know of a chunk's positions: queries and keys, decays and the pairs of positions.
 *
 * <p>The decay between positions j and i is the product of (Q ⊙ c_i)/c_C and of the key as it is at the chunk's end, both
 * products of decays, so that it is exact to a few units in the last place, and pairs are a product of matrices; but only
 * for channels that keep at least {@link #SMALLEST} of themselves in the chunk. The others ("slow", few at the decays of
 * models) are taken one by one, every decay between two positions as the product of those between them. Where all channels
 * share a decay there is nothing to fear: a square of decays multiplies the pairs.
 */
final class ChunkParts {
    /**
     * Positions in a chunk: those of a vector, 16 where it has 512 bits. Longer ones would only add pairs, since the state stays
     * in the first-level cache: measured on one core, the update of a state of 64 by 64 makes 223 GFLOP/s with 16 positions at
     * once and 246 with 32, a gain of 2 % of the whole against 10 % more pairs.
     */
    static final int CHUNK = LENGTH;
    /** e^−60: its inverse times any number that occurs is far from infinity. */
    private static final float SMALLEST = 8.7565e-27f;

    final int keys;
    final int values;
    final boolean rankOne;
    /** Whether all channels share a decay. */
    final boolean shared;
    /** Key and value width padded to lanes. */
    final int n;
    final int m;
    /** 1, or 2 where probes lie below queries, rewrites below keys and W below V. */
    final int sides;
    /** Rows of what has sides. */
    final int rows;

    /** Queries, below them probes; keys, below them rewrites. */
    final float[] query;
    final float[] key;
    /** Decays, their products after each position and up to each, over all and the inverse of that. */
    final float[] decay;
    final float[] later;
    final float[] earlier;
    final float[] total;
    /** What weighs a position's own pair. */
    final float[] bonus;
    /** Keys and rewrites at the end of the chunk. */
    final float[] aged;
    final float[] spare;

    private final ScanInputs in;
    private final int h;
    private final boolean before;
    private final float[] inverse;
    /** Queries and probes for pairs. */
    private final float[] pairing;
    /** Keys or rewrites for pairs, turned. */
    private final float[] turned;
    private final float[] scores;
    /** Decays between positions where channels share them. */
    private final float[] between;
    private final float[] product;
    private final float[] own;
    private final float[] lanes;
    private boolean slow;

    /** Head h. */
    ChunkParts(ScanInputs in, int h, Workspace scratch) {
        this.in = in;
        this.h = h;
        this.keys = in.keyWidth();
        this.values = in.valueWidth();
        this.before = in.readsBefore();
        this.rankOne = in.hasRankOne();
        this.shared = in.decayWidth() == 1;
        this.n = padded(keys);
        this.m = padded(values);
        this.sides = rankOne ? 2 : 1;
        this.rows = sides * CHUNK;
        this.query = scratch.floats(length(rows, n));
        this.key = scratch.floats(length(rows, n));
        this.decay = scratch.floats(length(CHUNK, n));
        this.later = scratch.floats(length(CHUNK, n));
        this.earlier = scratch.floats(length(CHUNK + 1, n));
        this.total = scratch.floats(n);
        this.bonus = scratch.floats(length(1, n));
        this.aged = scratch.floats(length(rows, n));
        this.spare = scratch.floats(PanelProducts.scratchLength());
        this.inverse = scratch.floats(n);
        this.pairing = scratch.floats(length(rows, n));
        this.turned = scratch.floats(n * CHUNK);
        this.scores = scratch.floats(CHUNK * CHUNK);
        this.between = scratch.floats((CHUNK + 1) * CHUNK);
        this.product = scratch.floats(length(CHUNK, n));
        this.own = scratch.floats(CHUNK);
        this.lanes = scratch.floats(CHUNK);
        if (before) {
            ChunkRows.pack(in.bonus().data(), 4L * h * keys, 0, 1, 1, keys, bonus, 0, 1);
        }
    }

    /** Reads positions. Those past the last have zeros and a decay of 1: they change nothing. */
    void pack(int b, int start, int length) {
        pack(in.query(), b, start, length, query, 0);
        if (rankOne) {
            pack(in.probe(), b, start, length, query, CHUNK);
        }
        packWritten(b, start, length);
    }

    /** Reads what a position writes, and the decays. */
    void packWritten(int b, int start, int length) {
        pack(in.key(), b, start, length, key, 0);
        if (rankOne) {
            pack(in.rewrite(), b, start, length, key, CHUNK);
        }
        packDecays(b, start, length);
    }

    private void pack(Tensor x, int b, int start, int length, float[] to, int first) {
        ChunkRows.pack(x.data(), 4 * in.keyAt(b, start, h), 4L * in.heads() * keys, length, CHUNK, keys, to, first,
                rows);
    }

    /** Reads values or gradients of outputs. */
    void packValues(Tensor x, int b, int start, int length, float[] to, int first, int panelRows) {
        ChunkRows.pack(x.data(), 4 * in.valueAt(b, start, h), 4L * in.heads() * values, length, CHUNK, values, to,
                first, panelRows);
    }

    private void packDecays(int b, int start, int length) {
        MemorySegment g = in.logDecay().data();
        long at = 4 * in.decayAt(b, start, h);
        long step = in.logDecay().dim(1) == 1 ? 0 : 4L * in.heads() * in.decayWidth();
        if (shared) {
            for (int t = 0; t < CHUNK; t++) {
                lanes[t] = t < length ? g.get(FLOAT, at + t * step) : 0;
            }
            ChunkRows.spreadExponentials(lanes, decay, n, CHUNK);
        } else {
            ChunkRows.pack(g, at, step, length, CHUNK, keys, decay, 0, CHUNK);
            Lanes.exponentials(decay, length(CHUNK, n));
        }
    }

    /** Products of decays, and keys and rewrites as they are at the chunk's end. */
    void age() {
        slow = ChunkRows.suffix(key, decay, CHUNK, n, rows, aged, later, total, inverse, SMALLEST) && !shared;
        if (rankOne) {
            ChunkRows.multiply(key, CHUNK, rows, later, 0, CHUNK, CHUNK, n, aged);
        }
        if (shared) {
            AgeChains.decays(decay, between);
        }
    }

    /** Queries (reader 0) or probes (1) as they read the state before the chunk: rows of {@code leftRow} numbers. */
    void read(float[] left, int leftRow, int reader) {
        ChunkRows.multiplyByPrefix(query, reader * CHUNK, rows, decay, !before && reader == 0, inverse, CHUNK, n, left,
                reader * CHUNK * leftRow, leftRow, pairing);
    }

    /** Products of decays up to each position, for {@link #read(float[],int)} and {@link #addPairs}. */
    void prefix() {
        ChunkRows.prefix(decay, CHUNK, n, earlier);
    }

    /** The same into panels, after {@link #prefix}. */
    void read(float[] reading, int reader) {
        ChunkRows.multiply(query, reader * CHUNK, rows, earlier, before || reader == 1 ? 0 : 1, CHUNK + 1, CHUNK, n,
                reading);
        ChunkRows.scale(reading, reader * CHUNK, rows, inverse, CHUNK, n, pairing, reader * CHUNK, rows);
    }

    /** Queries and probes in the form that pairs with {@link #writingForPairs}. */
    float[] readingForPairs() {
        return shared ? query : pairing;
    }

    /** Keys and rewrites in the form that pairs with {@link #readingForPairs}. */
    float[] writingForPairs() {
        return shared ? key : aged;
    }

    /** Turns keys (side 0) or rewrites (1) for {@link #scores}. */
    void turn(int side) {
        Transposition.turn(writingForPairs(), side * CHUNK, rows, n, turned);
    }

    /** Keys or rewrites at the chunk's end, turned; after {@link #turn}. */
    void turnAged(float[] into) {
        if (shared) {
            for (int t = 0; t < CHUNK; t++) {
                lanes[t] = later[t * PANEL];
            }
            ChunkRows.decayLanes(turned, lanes, n, into);
        } else {
            System.arraycopy(turned, 0, into, 0, n * CHUNK);
        }
    }

    /** Pairs of queries or probes with the keys or rewrites that are turned: rows of {@code row} numbers from {@code at} on. */
    void scores(int reader, int side, float[] into, int at, int row) {
        PanelProducts.narrow(readingForPairs(), reader * CHUNK, rows, turned, scores, 0, CHUNK, n);
        boolean early = before || reader == 1;
        if (slow) {
            addSlowScores(reader, side, early);
        }
        mask(scores, early, !early, into, at, row);
    }

    private void addSlowScores(int reader, int side, boolean early) {
        for (int i = 0; i < n; i++) {
            if (inverse[i] == 0) {
                int column = ChunkRows.column(i, rows);
                AgeChains.addScores(early, key, column + side * CHUNK * PANEL, decay, ChunkRows.column(i, CHUNK), query,
                        column + reader * CHUNK * PANEL, scores, lanes);
            }
        }
    }

    /** Scores or their gradients, which are 0 where the query is not after the key (or, with own pairs, at it). */
    void mask(float[] square, boolean early, boolean own, float[] into, int at, int row) {
        if (shared) {
            AgeChains.maskAndDecay(square, between, early ? 0 : CHUNK, own, into, at, row);
        } else {
            AgeChains.mask(square, own, into, at, row);
        }
    }

    /** Pairs of positions with themselves, weighed by the bonus. */
    void ownPairs(float[] into, int at, int row) {
        ChunkRows.scale(query, 0, rows, bonus, CHUNK, n, product, 0, CHUNK);
        ChunkRows.dots(product, CHUNK, key, rows, CHUNK, n, own);
        for (int i = 0; i < CHUNK; i++) {
            into[at + i * row + i] = own[i];
        }
    }

    /** Gradients of queries or probes: x from the state, what pairs add, both as {@link #read} makes them. */
    void addPairs(float[] x, float[] pairs, int reader) {
        int first = before || reader == 1 ? 0 : 1;
        if (shared) {
            ChunkRows.addDecayedPairs(x, pairs, reader * CHUNK, rows, earlier, first, CHUNK + 1, CHUNK, n);
        } else {
            ChunkRows.addPairs(x, pairs, reader * CHUNK, rows, earlier, first, CHUNK + 1, inverse, CHUNK, n);
        }
    }

    /** What the pairs of slow channels add to gradients of queries and probes. */
    void addSlowQueries(float[] dSquares, float[] dReading) {
        for (int pair = 0; slow && pair < sides * sides; pair++) {
            int reader = pair / sides;
            int side = pair % sides;
            Transposition.block(dSquares, reader * CHUNK * PANEL + side * CHUNK, PANEL, scores, 0, CHUNK);
            for (int i = 0; i < n; i++) {
                if (inverse[i] == 0) {
                    int column = ChunkRows.column(i, rows);
                    AgeChains.addQueries(before || reader == 1, decay, ChunkRows.column(i, CHUNK), key,
                            column + side * CHUNK * PANEL, scores, dReading, column + reader * CHUNK * PANEL, lanes);
                }
            }
        }
    }

    /** What the pairs of slow channels add to gradients of keys and rewrites. */
    void addSlowKeys(float[] dSquares, float[] dWriting) {
        for (int pair = 0; slow && pair < sides * sides; pair++) {
            int reader = pair / sides;
            int side = pair % sides;
            for (int i = 0; i < n; i++) {
                if (inverse[i] == 0) {
                    int column = ChunkRows.column(i, rows);
                    AgeChains.addKeys(before || reader == 1, decay, ChunkRows.column(i, CHUNK), query,
                            column + reader * CHUNK * PANEL, dSquares, reader * CHUNK * PANEL + side * CHUNK, dWriting,
                            column + side * CHUNK * PANEL, lanes);
                }
            }
        }
    }
}

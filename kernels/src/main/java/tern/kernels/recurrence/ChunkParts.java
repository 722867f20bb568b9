package tern.kernels.recurrence;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.padded;
import static tern.kernels.recurrence.PanelProducts.PANEL;
import static tern.kernels.recurrence.PanelProducts.length;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

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
    /** Of the sides those that are written with: 1 where rewrites are the keys. */
    final int writers;

    /** Queries, below them probes; keys, below them rewrites. */
    final float[] query;
    final float[] key;
    /** Decays; where channels share them, only {@link #upTo} and a vector of them. */
    final float[] decay;
    /** Their products after each position and up to each, if channels differ. */
    final float[] later;
    final float[] earlier;
    /** Their products over all positions, and the inverse of that. */
    final float[] total;
    final float[] inverse;
    /** What weighs a position's own pair. */
    final float[] bonus;
    /** Decays between positions where channels share them, and up to each. */
    final float[] between;
    final float[] upTo;
    /** Keys and rewrites at the end of the chunk. */
    final float[] aged;
    final float[] spare;

    private final ScanInputs in;
    private final boolean before;
    /** Queries and probes for pairs. */
    private final float[] pairing;
    /** Keys or rewrites for pairs, turned. */
    private final float[] turned;
    private final float[] scores;
    private final float[] product;
    private final float[] own;
    private final float[] lanes;
    private int h;
    private boolean slow;
    /** Whether heads may share queries, keys and their pairs without decays, and where those that are here now are from. */
    private final boolean shareable;
    private boolean again;
    private long packedAt = -1;

    /**
     * Of one head after another: {@link #head} comes first.
     *
     * @param tied whether rewrites need not be told from keys
     */
    ChunkParts(ScanInputs in, boolean tied, Workspace scratch) {
        this.in = in;
        this.keys = in.keyWidth();
        this.values = in.valueWidth();
        this.before = in.readsBefore();
        this.rankOne = in.hasRankOne();
        this.shared = in.decayWidth() == 1;
        this.shareable = shared && !rankOne && !before && in.keyHeads() < in.heads();
        this.n = padded(keys);
        this.m = padded(values);
        this.sides = rankOne ? 2 : 1;
        this.rows = sides * CHUNK;
        this.writers = tied ? 1 : sides;
        this.query = scratch.floats(length(rows, n));
        this.key = scratch.floats(length(rows, n));
        this.decay = scratch.floats(shared ? CHUNK : length(CHUNK, n));
        this.later = scratch.floats(shared ? 0 : length(CHUNK, n));
        this.earlier = scratch.floats(shared ? 0 : length(CHUNK + 1, n));
        this.total = scratch.floats(n);
        this.bonus = scratch.floats(length(1, n));
        this.aged = scratch.floats(length(rows, n));
        this.spare = scratch.floats(PanelProducts.scratchLength());
        this.inverse = scratch.floats(n);
        this.pairing = scratch.floats(shared ? 0 : length(rows, n));
        this.turned = scratch.floats(n * CHUNK);
        this.scores = scratch.floats(CHUNK * CHUNK);
        this.between = scratch.floats((CHUNK + 1) * CHUNK);
        this.upTo = scratch.floats(CHUNK + 1);
        this.product = scratch.floats(length(CHUNK, n));
        this.own = scratch.floats(CHUNK);
        this.lanes = scratch.floats(CHUNK);
        if (!before) {
            Arrays.fill(bonus, 1);
        }
    }

    /** What follows is of this head. */
    void head(int head) {
        h = head;
        if (before) {
            ChunkRows.pack(in.bonus().data(), 4L * h * keys, 0, 1, 1, keys, bonus, 0, 1);
        }
    }

    /**
     * Reads positions: queries and probes, and once more as they read the state before the chunk, with what has decayed of it;
     * and what {@link #packWritten} reads. Positions past the last have zeros and a decay of 1: they change nothing.
     *
     * @param reading the second copy, its rows {@code row} and its panels {@code panel} floats apart
     */
    void pack(int b, int start, int length, float[] reading, int row, int panel) {
        packWritten(b, start, length);
        packRead(in.query(), b, start, length, 0, reading, row, panel);
        if (rankOne) {
            packRead(in.probe(), b, start, length, 1, reading, row, panel);
        }
    }

    /** Reads decays, keys and rewrites, and makes these as they are at the chunk's end. */
    void packWritten(int b, int start, int length) {
        long at = in.keyAt(b, start, h);
        again = shareable && at == packedAt;
        packedAt = at;
        packDecays(b, start, length);
        packKeys(in.key(), b, start, length, 0);
        if (writers == 2) {
            packKeys(in.rewrite(), b, start, length, 1);
        }
    }

    private void packDecays(int b, int start, int length) {
        MemorySegment g = in.logDecay().data();
        long at = 4 * in.decayAt(b, start, h);
        long step = in.logDecay().dim(1) == 1 ? 0 : 4L * in.heads() * in.decayWidth();
        if (shared) {
            for (int t = 0; t < CHUNK; t++) {
                decay[t] = t < length ? g.get(FLOAT, at + t * step) : 0;
            }
            Lanes.exponentials(decay, CHUNK);
            AgeChains.decays(decay, between, upTo);
            Arrays.fill(total, 0, n, upTo[CHUNK]);
        } else {
            ChunkRows.pack(g, at, step, length, CHUNK, keys, decay, 0, CHUNK);
            Lanes.exponentials(decay, length(CHUNK, n));
        }
    }

    private void packKeys(Tensor x, int b, int start, int length, int side) {
        long at = 4 * in.keyAt(b, start, h);
        long step = 4 * in.keyStep();
        if (again) {
            ChunkRows.scaled(key, rows, between, CHUNK * CHUNK, CHUNK, n, aged, 0, PANEL, rows * PANEL);
            return;
        }
        if (shared) {
            ChunkRows.packScaled(x.data(), at, step, length, CHUNK, keys, key, side * CHUNK, rows, between,
                    CHUNK * CHUNK, aged, side * CHUNK * PANEL, PANEL, rows * PANEL);
            return;
        }
        ChunkRows.pack(x.data(), at, step, length, CHUNK, keys, key, side * CHUNK, rows);
        if (side == 0) {
            slow = ChunkRows.suffix(key, decay, CHUNK, n, rows, aged, later, total, inverse, SMALLEST);
        } else {
            ChunkRows.multiply(key, CHUNK, rows, later, 0, CHUNK, CHUNK, n, aged);
        }
    }

    private void packRead(Tensor x, int b, int start, int length, int reader, float[] reading, int row, int panel) {
        long at = 4 * in.keyAt(b, start, h);
        long step = 4 * in.keyStep();
        int to = reader * CHUNK * row;
        if (again) {
            ChunkRows.scaled(query, rows, upTo, early(reader) ? 0 : 1, CHUNK, n, reading, to, row, panel);
        } else if (shared) {
            ChunkRows.packScaled(x.data(), at, step, length, CHUNK, keys, query, reader * CHUNK, rows, upTo,
                    early(reader) ? 0 : 1, reading, to, row, panel);
        } else {
            ChunkRows.pack(x.data(), at, step, length, CHUNK, keys, query, reader * CHUNK, rows);
            ChunkRows.multiplyByPrefix(query, reader * CHUNK, rows, decay, !early(reader), inverse, CHUNK, n, reading,
                    to, row, panel, pairing);
        }
    }

    /** Whether queries (reader 0) or probes (1) see the state before the decay of their own position. */
    boolean early(int reader) {
        return before || reader == 1;
    }

    /** Reads values or gradients of outputs. */
    void packValues(Tensor x, int b, int start, int length, float[] to, int first, int panelRows) {
        ChunkRows.pack(x.data(), 4 * in.valueAt(b, start, h), 4L * in.heads() * values, length, CHUNK, values, to,
                first, panelRows);
    }

    /** Products of decays up to each position, for {@link #finish}. */
    void prefix() {
        if (!shared) {
            ChunkRows.prefix(decay, CHUNK, n, earlier);
        }
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
        if (again) {
            return;
        }
        Transposition.turn(writingForPairs(), side * CHUNK, rows, n, turned);
    }

    /** Keys or rewrites at the chunk's end, turned; after {@link #turn}. */
    void turnAged(float[] into) {
        if (shared) {
            ChunkRows.decayLanes(turned, between, CHUNK * CHUNK, n, into);
        } else {
            System.arraycopy(turned, 0, into, 0, n * CHUNK);
        }
    }

    /** Pairs of queries or probes with the keys or rewrites that are turned: rows of {@code row} numbers from {@code at} on. */
    void scores(int reader, int side, float[] into, int at, int row) {
        if (!again) {
            PanelProducts.narrow(readingForPairs(), reader * CHUNK, rows, turned, scores, 0, CHUNK, n);
        }
        boolean early = early(reader);
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

    /**
     * Gradients of queries and keys (x = 0), or probes and rewrites (1), from what the state and what pairs give to them; and,
     * added, of log-decays, if channels differ.
     *
     * @param begin what crosses all positions
     */
    void finish(int x, float[] dReading, float[] readPairs, float[] dWriting, float[] writePairs, float[] begin,
            float[] dDecay) {
        ChunkRows.finish(early(x), query, dReading, readPairs, key, dWriting, writePairs, x * CHUNK, rows, earlier,
                early(x) ? 0 : 1, later, inverse, begin, CHUNK, n, dDecay);
    }

    /** The same where they share decays; what crosses positions to read or be written is left in two vectors for each. */
    void finishShared(int x, float[] dReading, float[] readPairs, float[] dWriting, float[] writePairs, float[] reads,
            float[] writes) {
        ChunkRows.finishShared(query, dReading, readPairs, key, dWriting, writePairs, x * CHUNK, rows, upTo,
                early(x) ? 0 : 1, between, CHUNK * CHUNK, CHUNK, n, reads, writes);
    }

    /** What the pairs of slow channels give to gradients of queries and probes, in the place of what products have given. */
    void slowQueries(float[] dSquares, float[] readPairs) {
        clearSlow(readPairs);
        for (int pair = 0; slow && pair < sides * writers; pair++) {
            int reader = pair / writers;
            int side = pair % writers;
            Transposition.block(dSquares, reader * CHUNK * PANEL + side * CHUNK, PANEL, scores, 0, CHUNK);
            for (int i = 0; i < n; i++) {
                if (inverse[i] == 0) {
                    int column = ChunkRows.column(i, rows);
                    AgeChains.addQueries(early(reader), decay, ChunkRows.column(i, CHUNK), key,
                            column + side * CHUNK * PANEL, scores, readPairs, column + reader * CHUNK * PANEL, lanes);
                }
            }
        }
    }

    /** Likewise to gradients of keys and rewrites. */
    void slowKeys(float[] dSquares, float[] writePairs) {
        clearSlow(writePairs);
        for (int pair = 0; slow && pair < sides * writers; pair++) {
            int reader = pair / writers;
            int side = pair % writers;
            for (int i = 0; i < n; i++) {
                if (inverse[i] == 0) {
                    int column = ChunkRows.column(i, rows);
                    AgeChains.addKeys(early(reader), decay, ChunkRows.column(i, CHUNK), query,
                            column + reader * CHUNK * PANEL, dSquares, reader * CHUNK * PANEL + side * CHUNK,
                            writePairs, column + side * CHUNK * PANEL, lanes);
                }
            }
        }
    }

    private void clearSlow(float[] pairs) {
        for (int i = 0; slow && i < n; i++) {
            for (int t = 0; inverse[i] == 0 && t < rows; t++) {
                pairs[ChunkRows.column(i, rows) + t * PANEL] = 0;
            }
        }
    }
}

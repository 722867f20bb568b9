package tern.kernels.recurrence;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.recurrence.PanelProducts.PANEL;
import static tern.kernels.recurrence.PanelProducts.length;
import static tern.tensor.Tensor.DOUBLE;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * The backward pass of {@link ChunkScan}. It keeps the state before each stretch of chunks and computes those before its
 * chunks again. States and their gradients are kept turned, [V,K], so that what multiplies them comes as it lies in memory.
 * The gradient of a log-decay is what crosses its position: from the state before the chunk and into that after it as sums of
 * just that, within the chunk as a difference of sums over its positions, or, where channels share decays, as a sum over the
 * pairs on both sides of it; it is 0 where the decay itself is.
 */
final class ChunkBackward {
    /**
     * Floats of states that are kept at once, and chunks at least. All states are kept if they are not more than {@link #FAR};
     * but several cores at once fill the way to memory with them, so then as many as stay in the second-level cache, with a
     * second computation of each, unless a rank-one term makes that dear. Measured on 4,096 positions of 4 heads of 64, one
     * decay a head: 32 states at a time instead of 256 take 1.06 of the time on one core, and 0.81 on four.
     */
    private static final int NEAR = 1 << 17;
    private static final int FAR = 1 << 20;
    private static final int FEWEST = 16;
    private static final int CHUNK = ChunkParts.CHUNK;
    private static final int SQUARE = CHUNK * CHUNK;

    private final ScanInputs in;
    private final int h;
    private final ScanInputs dIn;
    private final Tensor dLogDecay;
    private final MemorySegment dDecaySums;
    private final MemorySegment dBonusSums;
    private final ChunkParts parts;
    private final int n;
    private final int m;
    private final int sides;
    private final int rows;
    /** Of the sides those that are written with, and their rows. */
    private final int writers;
    private final int writtenRows;

    /** The gradient of S after the chunk, turned; and S on the way between checkpoints. */
    private final float[] dState;
    private final float[] state;
    /** V, below it W; and the gradients of outputs, below them those of R. */
    private final float[] written;
    private final float[] outputs;
    /** Q ⊙ c, below it A ⊙ c. */
    private final float[] reading;
    /** Squares of pairs: queries with keys, with rewrites, probes with keys, with rewrites; the last turned too. */
    private final float[] squares;
    private final float[] innerTurned;
    /** Their gradients in one panel, queries above probes, keys beside rewrites. */
    private final float[] dSquares;
    /** Keys and rewrites at the chunk's end, turned. */
    private final float[][] agedTurned;
    private final float[] scores;
    private final float[] turned;
    private final float[] dValues;
    private final float[] dReading;
    private final float[] dWriting;
    /** What pairs give to reading and writing. */
    private final float[] readPairs;
    private final float[] writePairs;
    private final float[] dDecay;
    private final float[] dTotal;
    /** Where channels share decays: what crosses positions, and what is read and written across the chunk's ends. */
    private final float[] crossings;
    private final float[] reads;
    private final float[] writes;
    /** Gradients of pairs of a position with itself: of a query with its key, and with its rewrite. */
    private final float[] dOwn;
    private final float[] dOwnRewrite;
    private final float[] dBonus;
    private final float[] spare;

    /** All chunks, and those of a stretch. */
    private final int chunks;
    private final int stretch;
    /** Rows of an array of states from one of them to the next, and where the one before the chunk begins. */
    private final int stateRows;
    private int before;
    private final float[] checkpoints;
    private final float[] states;
    private final float[] straight;

    /**
     * Head h.
     *
     * @param alone whether no other head is worked on meanwhile
     * @param dLogDecay [B,T,H,K or 1], written unless positions share log-decays
     * @param dDecaySums [K or 1] in double precision, added to
     * @param dBonusSums [K] in double precision, added to
     */
    ChunkBackward(ScanInputs in, int h, boolean alone, ScanInputs dIn, Tensor dLogDecay, MemorySegment dDecaySums,
            MemorySegment dBonusSums, Workspace scratch) {
        this.in = in;
        this.h = h;
        this.dIn = dIn;
        this.dLogDecay = dLogDecay;
        this.dDecaySums = dDecaySums;
        this.dBonusSums = dBonusSums;
        this.parts = new ChunkParts(in, in.rewritesKeys(), scratch);
        parts.head(h);
        this.n = parts.n;
        this.m = parts.m;
        this.sides = parts.sides;
        this.rows = parts.rows;
        this.writers = parts.writers;
        this.writtenRows = writers * CHUNK;
        this.state = scratch.floats(length(m, n));
        this.dState = scratch.floats(length(m, n));
        this.written = scratch.floats(length(rows, m));
        this.outputs = scratch.floats(length(rows, m));
        this.reading = scratch.floats(length(rows, n));
        this.squares = scratch.floats(4 * SQUARE);
        this.innerTurned = scratch.floats(SQUARE);
        this.dSquares = scratch.floats(rows * PANEL);
        this.agedTurned = new float[][] {scratch.floats(n * CHUNK), scratch.floats(writers == 2 ? n * CHUNK : 0)};
        this.scores = scratch.floats(SQUARE);
        this.turned = scratch.floats(Math.max(n, m) * CHUNK);
        this.dValues = scratch.floats(Math.max(length(CHUNK, m), m * CHUNK));
        this.dReading = scratch.floats(length(rows, n));
        this.dWriting = scratch.floats(length(rows, n));
        this.readPairs = scratch.floats(length(rows, n));
        this.writePairs = scratch.floats(length(rows, n));
        this.crossings = scratch.floats(SQUARE);
        this.reads = scratch.floats(SQUARE);
        this.writes = scratch.floats(SQUARE);
        this.dDecay = scratch.floats(length(CHUNK, n));
        this.dTotal = scratch.floats(n);
        this.dOwn = scratch.floats(CHUNK);
        this.dOwnRewrite = scratch.floats(CHUNK);
        this.dBonus = scratch.floats(n);
        this.spare = parts.spare;
        if (writers < sides) {
            // Rows that no product writes: there is nothing to write with.
            Arrays.fill(dWriting, 0);
            Arrays.fill(writePairs, 0);
            Arrays.fill(parts.key, 0);
        }
        this.stateRows = length(m, n) / PANEL;
        this.chunks = (in.time() + CHUNK - 1) / CHUNK;
        this.stretch = (long) chunks * length(m, n) <= (alone || sides == 2 ? FAR : NEAR) ? Math.max(1, chunks)
                : Math.max(FEWEST, NEAR / length(m, n));
        this.checkpoints = scratch.floats(Math.max(1, (chunks + stretch - 1) / stretch) * length(m, n));
        this.states = scratch.floats(Math.min(chunks, stretch) * length(m, n));
        this.straight = scratch.floats(length(n, m));
    }

    /** All positions of sequence b. */
    void run(Tensor initial, Tensor dy, Tensor dNextState, Tensor dInitial, int b) {
        int stretches = (chunks + stretch - 1) / stretch;
        load(initial, b, checkpoints);
        for (int i = 0; i + 1 < stretches; i++) {
            pass(b, i * stretch, checkpoints, i * stateRows, state, 0);
            for (int chunk = i * stretch + 1; chunk < (i + 1) * stretch - 1; chunk++) {
                pass(b, chunk, state, 0, state, 0);
            }
            pass(b, (i + 1) * stretch - 1, state, 0, checkpoints, (i + 1) * stateRows);
        }
        load(dNextState, b, dState);
        for (int i = stretches - 1; i >= 0; i--) {
            int first = i * stretch;
            int end = Math.min(first + stretch, chunks);
            System.arraycopy(checkpoints, i * stateRows * PANEL, states, 0, stateRows * PANEL);
            for (int chunk = first; chunk + 1 < end; chunk++) {
                int at = (chunk - first) * stateRows;
                pass(b, chunk, states, at, states, at + stateRows);
            }
            for (int chunk = end - 1; chunk >= first; chunk--) {
                before = (chunk - first) * stateRows;
                chunk(b, chunk * CHUNK, dy);
            }
        }
        store(dInitial, b);
    }

    private void load(Tensor x, int b, float[] into) {
        int values = in.valueWidth();
        ChunkRows.pack(x.data(), 4L * (b * in.heads() + h) * in.keyWidth() * values, 4L * values, in.keyWidth(), n,
                values, straight, 0, n);
        Transposition.transpose(straight, n, m, into);
    }

    private void store(Tensor x, int b) {
        int values = in.valueWidth();
        Transposition.transpose(dState, m, n, straight);
        ChunkRows.unpack(straight, 0, n, in.keyWidth(), values, x.data(),
                4L * (b * in.heads() + h) * in.keyWidth() * values, 4L * values);
    }

    // The state after a chunk, from that before it.
    private void pass(int b, int chunk, float[] from, int fromFirst, float[] to, int toFirst) {
        int start = chunk * CHUNK;
        int length = Math.min(CHUNK, in.time() - start);
        parts.packValues(in.value(), b, start, length, written, 0, rows);
        if (sides == 2) {
            parts.pack(b, start, length, reading, PANEL, rows * PANEL);
            for (int side = 0; side < writers; side++) {
                parts.turn(side);
                parts.scores(1, side, squares, (2 + side) * SQUARE, CHUNK);
            }
            rewritten(from, fromFirst);
        } else {
            parts.packWritten(b, start, length);
        }
        PanelProducts.decayColumns(written, rows, parts.aged, rows, parts.total, from, fromFirst, to, toFirst, m, n,
                writtenRows, spare);
    }

    // W, by solving for four positions after another; or V + W in the place of V.
    private void rewritten(float[] from, int first) {
        Transposition.turn(reading, CHUNK, rows, n, turned);
        PanelProducts.narrow(from, first, m, turned, dValues, 0, m, n);
        Transposition.turnBack(dValues, m, written, CHUNK, rows);
        int solved = (writers - 1) * CHUNK;
        if (writers == 2) {
            PanelProducts.rows(squares, 2 * SQUARE, CHUNK, written, 0, rows, written, CHUNK, rows, CHUNK, m, CHUNK,
                    true,
                    spare);
        } else {
            ChunkRows.add(written, 0, written, CHUNK, rows, CHUNK, m);
        }
        for (int i = 0; i < CHUNK; i += 4) {
            int at = (1 + writers) * SQUARE + i * CHUNK;
            if (i > 0) {
                PanelProducts.rows(squares, at, CHUNK, written, solved, rows, written, solved + i, rows, 4, m, i, true,
                        spare);
            }
            AgeChains.solve(squares, at + i, CHUNK, written, solved + i, rows, m);
        }
    }

    // One chunk: dState becomes the gradient of the state before it.
    private void chunk(int b, int start, Tensor dy) {
        int length = Math.min(CHUNK, in.time() - start);
        parts.pack(b, start, length, reading, PANEL, rows * PANEL);
        parts.packValues(in.value(), b, start, length, written, 0, rows);
        parts.packValues(dy, b, start, length, outputs, 0, rows);
        parts.prefix();
        for (int side = 0; side < writers; side++) {
            parts.turn(side);
            parts.turnAged(agedTurned[side]);
            for (int reader = 0; reader < sides; reader++) {
                parts.scores(reader, side, squares, (2 * reader + side) * SQUARE, CHUNK);
            }
        }
        if (in.readsBefore()) {
            parts.ownPairs(squares, 0, CHUNK);
        }
        if (sides == 2) {
            rewritten(states, before);
        }
        values();
        pairs();
        queries();
        keys();
        ChunkRows.decayedDots(states, before, dState, m, n, parts.total, dTotal);
        for (int side = 0; side < sides; side++) {
            if (parts.shared) {
                parts.finishShared(side, dReading, readPairs, dWriting, writePairs, reads, writes);
                AgeChains.crossReads(parts.early(side), reads, crossings);
                AgeChains.crossWrites(writes, crossings);
            } else {
                parts.finish(side, dReading, readPairs, dWriting, writePairs, dTotal, dDecay);
            }
        }
        PanelProducts.decayColumns(outputs, rows, reading, rows, parts.total, dState, 0, dState, 0, m, n, rows, spare);
        unpack(b, start, length);
        unpackDecay(b, start, length);
        addBonus();
    }

    // Gradients of values, and of R below those of outputs. Where rewrites are the keys both are the same.
    private void values() {
        if (sides == 2) {
            int side = writers - 1;
            PanelProducts.narrow(dState, m, agedTurned[side], outputs, rows, squares, side * SQUARE, dValues, m, n,
                    CHUNK);
            Transposition.turnBack(dValues, m, outputs, CHUNK, rows);
            Transposition.block(squares, (2 + side) * SQUARE, CHUNK, innerTurned, 0, CHUNK);
            for (int i = CHUNK - 4; i >= 0; i -= 4) {
                int at = i * CHUNK + i;
                if (i + 4 < CHUNK) {
                    PanelProducts.rows(innerTurned, at + 4, CHUNK, outputs, CHUNK + i + 4, rows, outputs, CHUNK + i,
                            rows, 4, m, CHUNK - i - 4, true, spare);
                }
                AgeChains.solveBack(innerTurned, at, CHUNK, outputs, CHUNK + i, rows, m);
            }
        }
        if (sides == writers) {
            PanelProducts.narrow(dState, m, agedTurned[0], outputs, rows, squares, 0, dValues, m, n, CHUNK);
        }
        if (writers == 2) {
            PanelProducts.narrowColumns(outputs, CHUNK, rows, squares, 2 * SQUARE, dValues, m, CHUNK);
        }
    }

    // Gradients of all pairs of positions. Those of a position with itself know no decay, so they stand apart where gradients of
    // decays come from sums over pairs, and where a bonus weighs them.
    private void pairs() {
        boolean apart = !parts.shared || in.readsBefore();
        for (int side = 0; side < writers; side++) {
            Transposition.turn(written, side * CHUNK, rows, m, turned);
            for (int reader = 0; reader < sides; reader++) {
                boolean early = parts.early(reader);
                PanelProducts.narrow(outputs, reader * CHUNK, rows, turned, scores, 0, CHUNK, m);
                if (reader == 0 && apart) {
                    AgeChains.own(scores, side == 0 ? dOwn : dOwnRewrite);
                }
                if (parts.shared) {
                    AgeChains.crossPairs(early, scores, squares, (2 * reader + side) * SQUARE, reader + side > 0,
                            crossings);
                }
                parts.mask(scores, early, !apart && !early, dSquares, reader * CHUNK * PANEL + side * CHUNK, PANEL);
            }
        }
        if (parts.shared) {
            AgeChains.crossOnly(crossings);
        }
    }

    // Parts of gradients of queries and probes.
    private void queries() {
        for (int p = 0; p < m; p += PANEL) {
            PanelProducts.rows(outputs, p * rows, PANEL, states, before + p, m, dReading, 0, rows, rows, n,
                    Math.min(PANEL, m - p), p > 0, spare);
        }
        PanelProducts.rows(dSquares, 0, PANEL, parts.writingForPairs(), 0, rows, readPairs, 0, rows, rows, n,
                writtenRows, false, spare);
        parts.slowQueries(dSquares, readPairs);
    }

    // Parts of gradients of keys and rewrites.
    private void keys() {
        for (int p = 0; p < m; p += PANEL) {
            PanelProducts.rows(written, p * rows, PANEL, dState, p, m, dWriting, 0, rows, writtenRows, n,
                    Math.min(PANEL, m - p), p > 0, spare);
        }
        PanelProducts.columns(dSquares, rows, parts.readingForPairs(), 0, rows, writePairs, rows, writtenRows, n, rows,
                spare);
        parts.slowKeys(dSquares, writePairs);
    }

    private void unpack(int b, int start, int length) {
        if (parts.shared && !in.readsBefore()) {
            unpack(dReading, 0, dIn.query(), b, start, length);
            unpack(dWriting, 0, dIn.key(), b, start, length);
        } else {
            if (writers == 2) {
                ChunkRows.addOwn(dOwnRewrite, parts.key, CHUNK, dReading, 0, rows, CHUNK, n);
            }
            unpackOwn(dReading, 0, dOwn, parts.key, dIn.query(), b, start, length);
            unpackOwn(dWriting, 0, dOwn, parts.query, dIn.key(), b, start, length);
        }
        if (sides == 2) {
            unpack(dReading, CHUNK, dIn.probe(), b, start, length);
            if (parts.shared || writers == 1) {
                unpack(dWriting, CHUNK, dIn.rewrite(), b, start, length);
            } else {
                unpackOwn(dWriting, CHUNK, dOwnRewrite, parts.query, dIn.rewrite(), b, start, length);
            }
        }
        boolean ready = writers < sides;
        if (!ready) {
            Transposition.turnBack(dValues, m, outputs, 0, rows);
        }
        ChunkRows.unpack(outputs, ready ? CHUNK : 0, rows, length, in.valueWidth(), dIn.value().data(),
                4 * in.valueAt(b, start, h), 4L * in.heads() * in.valueWidth());
    }

    private void unpack(float[] x, int first, Tensor to, int b, int start, int length) {
        ChunkRows.unpack(x, first, rows, length, in.keyWidth(), to.data(), 4 * in.keyAt(b, start, h),
                4 * in.keyStep());
    }

    // With what pairs of positions with themselves give.
    private void unpackOwn(float[] x, int first, float[] own, float[] y, Tensor to, int b, int start, int length) {
        ChunkRows.unpackOwn(x, first, own, parts.bonus, y, 0, rows, length, in.keyWidth(), to.data(),
                4 * in.keyAt(b, start, h), 4 * in.keyStep());
    }

    // Gradients of log-decays: to their places, or added to sums [K or 1] over positions.
    private void unpackDecay(int b, int start, int length) {
        int width = in.decayWidth();
        long to = 4 * ((((long) b * in.time() + start) * in.heads() + h) * width);
        long step = 4L * in.heads() * width;
        boolean summed = in.logDecay().dim(1) == 1;
        if (parts.shared) {
            AgeChains.crossed(crossings, dTotal, n, parts.decay, scores, dDecay);
            for (int t = 0; t < length && !summed; t++) {
                dLogDecay.data().set(FLOAT, to + t * step, dDecay[t]);
            }
        } else {
            ChunkRows.forget(parts.decay, CHUNK, n, dDecay);
            if (!summed) {
                ChunkRows.unpack(dDecay, 0, CHUNK, length, width, dLogDecay.data(), to, step);
            }
        }
        for (int i = 0; i < width && summed; i++) {
            float sum = 0;
            for (int t = 0; t < length; t++) {
                sum += dDecay[parts.shared ? t : ChunkRows.column(i, CHUNK) + t * PANEL];
            }
            dDecaySums.set(DOUBLE, 8L * i, dDecaySums.get(DOUBLE, 8L * i) + sum);
        }
    }

    private void addBonus() {
        if (!in.readsBefore()) {
            return;
        }
        for (int i = 0; i < n; i += LENGTH) {
            ChunkRows.fill(0, dBonus, i, 1);
        }
        ChunkRows.addProducts(dOwn, parts.query, parts.key, rows, CHUNK, n, dBonus);
        for (int i = 0; i < in.keyWidth(); i++) {
            dBonusSums.set(DOUBLE, 8L * i, dBonusSums.get(DOUBLE, 8L * i) + dBonus[i]);
        }
    }
}

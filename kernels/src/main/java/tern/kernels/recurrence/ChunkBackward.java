package tern.kernels.recurrence;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.recurrence.PanelProducts.PANEL;
import static tern.kernels.recurrence.PanelProducts.length;
import static tern.tensor.Tensor.DOUBLE;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;

import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * The backward pass of {@link ChunkScan}. It keeps the state before each stretch of chunks and computes those before its
 * chunks again. States and their gradients are kept turned, [V,K], so that what multiplies them comes as it lies in memory.
 * The gradient of a log-decay is what crosses its position: from the state before the chunk and into that after it as sums of
 * just that, within the chunk as a difference of sums over its positions; it is 0 where the decay itself is.
 */
final class ChunkBackward {
    /**
     * Floats of states that are kept at once, and chunks at least. Measured on one core, 4 heads of 64 by 4,096 positions: states
     * of 256 chunks, so that none is computed twice, take 0.96 (with a rank-one term 0.87) of the time of states of 64, though
     * they no longer fit the second-level cache.
     */
    private static final int KEPT = 1 << 20;
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

    /** S before the chunk and the gradient of S after it, turned. */
    private final float[] state;
    private final float[] dState;
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
    private final float[] pairs;
    private final float[] dDecay;
    private final float[] dTotal;
    /** Gradients of pairs of a position with itself: of a query with its key, and with its rewrite. */
    private final float[] dOwn;
    private final float[] dOwnRewrite;
    private final float[] dBonus;
    private final float[] spare;

    /** All chunks, and those of a stretch. */
    private final int chunks;
    private final int stretch;
    private final float[] checkpoints;
    private final float[] states;
    private final float[] straight;

    /**
     * Head h.
     *
     * @param dLogDecay [B,T,H,K or 1], written unless positions share log-decays
     * @param dDecaySums [K or 1] in double precision, added to
     * @param dBonusSums [K] in double precision, added to
     */
    ChunkBackward(ScanInputs in, int h, ScanInputs dIn, Tensor dLogDecay, MemorySegment dDecaySums,
            MemorySegment dBonusSums, Workspace scratch) {
        this.in = in;
        this.h = h;
        this.dIn = dIn;
        this.dLogDecay = dLogDecay;
        this.dDecaySums = dDecaySums;
        this.dBonusSums = dBonusSums;
        this.parts = new ChunkParts(in, h, scratch);
        this.n = parts.n;
        this.m = parts.m;
        this.sides = parts.sides;
        this.rows = parts.rows;
        this.state = scratch.floats(length(m, n));
        this.dState = scratch.floats(length(m, n));
        this.written = scratch.floats(length(rows, m));
        this.outputs = scratch.floats(length(rows, m));
        this.reading = scratch.floats(length(rows, n));
        this.squares = scratch.floats(4 * SQUARE);
        this.innerTurned = scratch.floats(SQUARE);
        this.dSquares = scratch.floats(rows * PANEL);
        this.agedTurned = new float[][] {scratch.floats(n * CHUNK), scratch.floats(sides == 2 ? n * CHUNK : 0)};
        this.scores = scratch.floats(SQUARE);
        this.turned = scratch.floats(Math.max(n, m) * CHUNK);
        this.dValues = scratch.floats(Math.max(length(CHUNK, m), m * CHUNK));
        this.dReading = scratch.floats(length(rows, n));
        this.dWriting = scratch.floats(length(rows, n));
        this.pairs = scratch.floats(length(rows, n));
        this.dDecay = scratch.floats(length(CHUNK, n));
        this.dTotal = scratch.floats(n);
        this.dOwn = scratch.floats(CHUNK);
        this.dOwnRewrite = scratch.floats(CHUNK);
        this.dBonus = scratch.floats(n);
        this.spare = parts.spare;
        this.chunks = (in.time() + CHUNK - 1) / CHUNK;
        this.stretch = Math.max(FEWEST, KEPT / length(m, n));
        this.checkpoints = scratch.floats(Math.max(1, (chunks + stretch - 1) / stretch) * length(m, n));
        this.states = scratch.floats(Math.min(chunks, stretch) * length(m, n));
        this.straight = scratch.floats(length(n, m));
    }

    /** All positions of sequence b. */
    void run(Tensor before, Tensor dy, Tensor dNextState, Tensor dBefore, int b) {
        int stretches = (chunks + stretch - 1) / stretch;
        load(before, b, state);
        for (int i = 0; i + 1 < stretches; i++) {
            keep(checkpoints, i);
            for (int chunk = i * stretch; chunk < (i + 1) * stretch; chunk++) {
                pass(b, chunk);
            }
        }
        keep(checkpoints, Math.max(0, stretches - 1));
        load(dNextState, b, dState);
        for (int i = stretches - 1; i >= 0; i--) {
            int first = i * stretch;
            int end = Math.min(first + stretch, chunks);
            back(checkpoints, i);
            for (int chunk = first; chunk < end; chunk++) {
                keep(states, chunk - first);
                if (chunk + 1 < end) {
                    pass(b, chunk);
                }
            }
            for (int chunk = end - 1; chunk >= first; chunk--) {
                back(states, chunk - first);
                chunk(b, chunk * CHUNK, dy);
            }
        }
        store(dBefore, b);
    }

    private void keep(float[] states, int place) {
        System.arraycopy(state, 0, states, place * length(m, n), length(m, n));
    }

    private void back(float[] states, int place) {
        System.arraycopy(states, place * length(m, n), state, 0, length(m, n));
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

    // The state after a chunk.
    private void pass(int b, int chunk) {
        int start = chunk * CHUNK;
        int length = Math.min(CHUNK, in.time() - start);
        parts.packValues(in.value(), b, start, length, written, 0, rows);
        if (sides == 2) {
            parts.pack(b, start, length);
            parts.age();
            parts.prefix();
            parts.read(reading, 1);
            for (int side = 0; side < 2; side++) {
                parts.turn(side);
                parts.scores(1, side, squares, (2 + side) * SQUARE, CHUNK);
            }
            rewritten();
        } else {
            parts.packWritten(b, start, length);
            parts.age();
        }
        PanelProducts.decayColumns(written, rows, parts.aged, rows, parts.total, state, m, m, n, rows, spare);
    }

    // W, by solving for four positions after another.
    private void rewritten() {
        Transposition.turn(reading, CHUNK, rows, n, turned);
        PanelProducts.narrow(state, 0, m, turned, dValues, 0, m, n);
        Transposition.turnBack(dValues, m, written, CHUNK, rows);
        PanelProducts.rows(squares, 2 * SQUARE, CHUNK, written, 0, rows, written, CHUNK, rows, CHUNK, m, CHUNK, true,
                spare);
        for (int i = 0; i < CHUNK; i += 4) {
            int at = 3 * SQUARE + i * CHUNK;
            if (i > 0) {
                PanelProducts.rows(squares, at, CHUNK, written, CHUNK, rows, written, CHUNK + i, rows, 4, m, i, true,
                        spare);
            }
            AgeChains.solve(squares, at + i, CHUNK, written, CHUNK + i, rows, m);
        }
    }

    // One chunk: state is that before it, dState becomes the gradient of it.
    private void chunk(int b, int start, Tensor dy) {
        int length = Math.min(CHUNK, in.time() - start);
        parts.pack(b, start, length);
        parts.packValues(in.value(), b, start, length, written, 0, rows);
        parts.packValues(dy, b, start, length, outputs, 0, rows);
        parts.age();
        parts.prefix();
        for (int reader = 0; reader < sides; reader++) {
            parts.read(reading, reader);
        }
        for (int side = 0; side < sides; side++) {
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
            rewritten();
        }
        values();
        pairs();
        queries();
        keys();
        ChunkRows.decayedDots(state, dState, m, n, parts.total, dTotal);
        for (int side = 0; side < sides; side++) {
            ChunkRows.readAfter(side == 0 && !in.readsBefore(), parts.query, dReading, parts.key, pairs, side * CHUNK,
                    rows, CHUNK, n, dDecay);
        }
        for (int side = 0; side < sides; side++) {
            ChunkRows.writtenBefore(parts.key, dWriting, side * CHUNK, rows, dTotal, parts.decay, CHUNK, n, dDecay);
        }
        ChunkRows.add(dWriting, pairs, 0, rows, rows, n);
        own();
        PanelProducts.decayColumns(outputs, rows, reading, rows, parts.total, dState, m, m, n, rows, spare);
        unpack(b, start, length);
        unpackDecay(b, start, length);
        addBonus();
    }

    // Gradients of values, and of R below those of outputs.
    private void values() {
        if (sides == 2) {
            PanelProducts.narrow(dState, 0, m, agedTurned[1], dValues, 0, m, n);
            PanelProducts.narrowColumns(outputs, 0, rows, squares, SQUARE, dValues, m, CHUNK);
            Transposition.turnBack(dValues, m, outputs, CHUNK, rows);
            Transposition.block(squares, 3 * SQUARE, CHUNK, innerTurned, 0, CHUNK);
            for (int i = CHUNK - 4; i >= 0; i -= 4) {
                int at = i * CHUNK + i;
                if (i + 4 < CHUNK) {
                    PanelProducts.rows(innerTurned, at + 4, CHUNK, outputs, CHUNK + i + 4, rows, outputs, CHUNK + i,
                            rows, 4, m, CHUNK - i - 4, true, spare);
                }
                AgeChains.solveBack(innerTurned, at, CHUNK, outputs, CHUNK + i, rows, m);
            }
        }
        PanelProducts.narrow(dState, 0, m, agedTurned[0], dValues, 0, m, n);
        PanelProducts.narrowColumns(outputs, 0, rows, squares, 0, dValues, m, CHUNK);
        if (sides == 2) {
            PanelProducts.narrowColumns(outputs, CHUNK, rows, squares, 2 * SQUARE, dValues, m, CHUNK);
        }
    }

    // Gradients of all pairs of different positions, and those of pairs of a position with itself apart.
    private void pairs() {
        for (int side = 0; side < sides; side++) {
            Transposition.turn(written, side * CHUNK, rows, m, turned);
            for (int reader = 0; reader < sides; reader++) {
                PanelProducts.narrow(outputs, reader * CHUNK, rows, turned, scores, 0, CHUNK, m);
                if (reader == 0) {
                    AgeChains.own(scores, side == 0 ? dOwn : dOwnRewrite);
                }
                parts.mask(scores, reader == 1 || in.readsBefore(), false, dSquares,
                        reader * CHUNK * PANEL + side * CHUNK,
                        PANEL);
            }
        }
    }

    // Gradients of queries and probes.
    private void queries() {
        PanelProducts.rowsOfPanels(outputs, rows, state, m, dReading, n, m, spare);
        PanelProducts.rows(dSquares, 0, PANEL, parts.writingForPairs(), 0, rows, pairs, 0, rows, rows, n, rows, false,
                spare);
        for (int reader = 0; reader < sides; reader++) {
            parts.addPairs(dReading, pairs, reader);
        }
        parts.addSlowQueries(dSquares, dReading);
    }

    // Gradients of keys and rewrites: from the state after the chunk, and from pairs.
    private void keys() {
        PanelProducts.rowsOfPanels(written, rows, dState, m, dWriting, n, m, spare);
        PanelProducts.columns(dSquares, rows, parts.readingForPairs(), 0, rows, pairs, rows, rows, n, rows, spare);
        for (int side = 0; side < sides; side++) {
            ChunkRows.multiply(dWriting, side * CHUNK, rows, parts.later, 0, CHUNK, CHUNK, n, dWriting);
            if (!parts.shared) {
                ChunkRows.multiply(pairs, side * CHUNK, rows, parts.later, 0, CHUNK, CHUNK, n, pairs);
            }
        }
        parts.addSlowKeys(dSquares, pairs);
    }

    // Pairs of a position with itself know no decay, so they come last.
    private void own() {
        if (in.readsBefore()) {
            ChunkRows.addOwn(dOwn, parts.bonus, parts.key, dReading, rows, CHUNK, n);
            ChunkRows.addOwn(dOwn, parts.bonus, parts.query, dWriting, rows, CHUNK, n);
            return;
        }
        ChunkRows.addOwn(dOwn, parts.key, 0, dReading, 0, rows, CHUNK, n);
        ChunkRows.addOwn(dOwn, parts.query, 0, dWriting, 0, rows, CHUNK, n);
        if (sides == 2) {
            ChunkRows.addOwn(dOwnRewrite, parts.key, CHUNK, dReading, 0, rows, CHUNK, n);
            ChunkRows.addOwn(dOwnRewrite, parts.query, 0, dWriting, CHUNK, rows, CHUNK, n);
        }
    }

    private void unpack(int b, int start, int length) {
        long at = 4 * in.keyAt(b, start, h);
        long step = 4L * in.heads() * in.keyWidth();
        ChunkRows.unpack(dReading, 0, rows, length, in.keyWidth(), dIn.query().data(), at, step);
        ChunkRows.unpack(dWriting, 0, rows, length, in.keyWidth(), dIn.key().data(), at, step);
        if (sides == 2) {
            ChunkRows.unpack(dReading, CHUNK, rows, length, in.keyWidth(), dIn.probe().data(), at, step);
            ChunkRows.unpack(dWriting, CHUNK, rows, length, in.keyWidth(), dIn.rewrite().data(), at, step);
        }
        Transposition.turnBack(dValues, m, written, 0, rows);
        ChunkRows.unpack(written, 0, rows, length, in.valueWidth(), dIn.value().data(),
                4 * in.valueAt(b, start, h), 4L * in.heads() * in.valueWidth());
    }

    // Gradients of log-decays: to their places, or added to sums [K or 1] over positions.
    private void unpackDecay(int b, int start, int length) {
        int width = in.decayWidth();
        if (parts.shared) {
            ChunkRows.sumRows(dDecay, CHUNK, n);
        }
        if (in.logDecay().dim(1) > 1) {
            long to = 4 * ((((long) b * in.time() + start) * in.heads() + h) * width);
            long step = 4L * in.heads() * width;
            if (width == 1) {
                for (int t = 0; t < length; t++) {
                    dLogDecay.data().set(FLOAT, to + t * step, dDecay[t * PANEL]);
                }
            } else {
                ChunkRows.unpack(dDecay, 0, CHUNK, length, width, dLogDecay.data(), to, step);
            }
        }
        for (int i = 0; in.logDecay().dim(1) == 1 && i < width; i++) {
            float sum = 0;
            for (int t = 0; t < length; t++) {
                sum += dDecay[ChunkRows.column(i, CHUNK) + t * PANEL];
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

package tern.kernels.recurrence;

import static tern.kernels.lanes.Lanes.BYTES;
import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.load;
import static tern.kernels.lanes.Lanes.padded;
import static tern.kernels.lanes.Lanes.store;
import static tern.tensor.Tensor.DOUBLE;
import static tern.tensor.Tensor.FLOAT;
import static tern.tensor.Tensor.INT;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

import tern.kernels.lanes.Lanes;
import tern.kernels.lanes.Tiles;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Many positions of one head in chunks of one vector of positions, 16 where vectors have 512 bits (Yang et al. 2023, arXiv
 * 2312.06635, section 4; with a rank-one term the WY form of arXiv 2406.06484, section 3). With c_i = e^(g_1 + … + g_i) from
 * the chunk's beginning and every decay between positions j and i taken as the product of those between them, never as a
 * quotient:
 *
 * <pre>
 * R  = (A ⊙ c_(i−1))·S + tril₋(a_i·k_j e^…)·V          W = (I − tril₋(a_i·b_j e^…))⁻¹·R
 * Y  = (Q ⊙ c_i)·S + tril(q_i·k_j e^…)·V + tril(q_i·b_j e^…)·W
 * S ← c_C ⊙ S + (K e^…)ᵀ·V + (B e^…)ᵀ·W
 * </pre>
 *
 * <p>S, V and W lie below one another, and so do what multiplies them, so that each line is one product. Longer chunks would
 * only add pairs: at a head of 64 the state stays in the first-level cache either way. Backward keeps the state before each
 * stretch of chunks and computes those before its chunks again. The gradient of a log-decay is what crosses its position:
 * from the state before the chunk and into that after it as sums of just that, within the chunk as a difference of sums
 * over its positions; it is 0 where the decay itself is.
 */
final class ChunkScan {
    /** Positions in a chunk. */
    static final int CHUNK = LENGTH;
    /** Chunks whose states are kept at once in the backward pass. */
    private static final int STRETCH = 64;
    private static final long SQUARE_ROW = BYTES;

    private final ScanInputs in;
    private final int h;
    private final int keys;
    private final int values;
    private final boolean before;
    private final boolean rankOne;
    /** Key and value width padded to lanes. */
    private final int n;
    private final int m;
    /** 1, or 2 where rewrites lie beside keys and W below V. */
    private final int sides;
    /** Bytes of a row of keys, of values, of the left sides of products and of aged keys (and rewrites). */
    private final long keyRow;
    private final long valueRow;
    private final long leftRow;
    private final long probeRow;
    private final long agedRow;

    private final MemorySegment query;
    private final MemorySegment key;
    private final MemorySegment probe;
    private final MemorySegment rewrite;
    private final MemorySegment decay;
    /** What weighs a position's own pair: the bonus, or ones. */
    private final MemorySegment bonus;
    /** c_C. */
    private final MemorySegment total;
    /** S, V and W below one another. */
    private final MemorySegment stack;
    /** Q ⊙ c beside the pairs of queries with keys and rewrites. */
    private final MemorySegment left;
    /** A ⊙ c beside the pairs of probes with keys. */
    private final MemorySegment probeLeft;
    /** The pairs of probes with rewrites. */
    private final MemorySegment inner;
    /** Keys, beside them rewrites, as they are at the end of the chunk: positions in the lanes. */
    private final MemorySegment aged;
    private final MemorySegment product;
    private final MemorySegment own;
    private final MemorySegment update;
    private final MemorySegment turning;
    private final MemorySegment tile;

    /** Head h. */
    ChunkScan(ScanInputs in, int h, Workspace scratch) {
        this.in = in;
        this.h = h;
        this.keys = in.keyWidth();
        this.values = in.valueWidth();
        this.before = in.readsBefore();
        this.rankOne = in.hasRankOne();
        this.n = padded(keys);
        this.m = padded(values);
        this.sides = rankOne ? 2 : 1;
        this.keyRow = 4L * n;
        this.valueRow = 4L * m;
        this.leftRow = keyRow + sides * SQUARE_ROW;
        this.probeRow = keyRow + SQUARE_ROW;
        this.agedRow = (long) sides * BYTES;
        this.query = floats(scratch, CHUNK * n);
        this.key = floats(scratch, CHUNK * n);
        this.decay = floats(scratch, CHUNK * n);
        this.probe = floats(scratch, rankOne ? CHUNK * n : 0);
        this.rewrite = floats(scratch, rankOne ? CHUNK * n : 0);
        this.bonus = floats(scratch, n);
        this.total = floats(scratch, n);
        this.stack = floats(scratch, (n + sides * CHUNK) * m);
        this.left = floats(scratch, CHUNK * (n + sides * CHUNK));
        this.probeLeft = floats(scratch, rankOne ? CHUNK * (n + CHUNK) : 0);
        this.inner = floats(scratch, rankOne ? CHUNK * CHUNK : 0);
        this.aged = floats(scratch, sides * CHUNK * n);
        this.product = floats(scratch, sides * CHUNK * Math.max(m, n));
        this.own = floats(scratch, CHUNK);
        this.update = floats(scratch, Tiles.decayScratchLength(m));
        this.turning = floats(scratch, Transposition.scratchLength());
        this.tile = floats(scratch, Tiles.scratchLength());
        if (before) {
            packRow(in.bonus(), 4L * h * keys, keys, bonus, 0, n);
        } else {
            ChunkRows.fill(1, bonus, 0, n);
        }
    }

    private static MemorySegment floats(Workspace scratch, int count) {
        return scratch.floatMemory(count);
    }

    // ── forward ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /** All positions of sequence b. */
    void forward(Tensor state, Tensor y, Tensor nextState, int b) {
        loadState(state, b, stack);
        for (int start = 0; start < in.time(); start += CHUNK) {
            int length = Math.min(CHUNK, in.time() - start);
            own.set(INT, 0, StepScan.fetch(in, y, b, start, length, h));
            pack(b, start, length);
            pairs();
            rewritten();
            Tiles.product(left, 0, leftRow, 4, stack, 0, valueRow, product, 0, valueRow, CHUNK, m, (int) leftRow / 4);
            unpack(product, 0, valueRow, length, y, in.valueAt(b, start, h), values);
            advance();
        }
        storeState(stack, nextState, b);
    }

    private void loadState(Tensor state, int b, MemorySegment into) {
        into.asSlice(0, n * valueRow).fill((byte) 0);
        long at = 4L * (b * in.heads() + h) * keys * values;
        for (int i = 0; i < keys; i++) {
            MemorySegment.copy(state.data(), at + 4L * i * values, into, i * valueRow, 4L * values);
        }
    }

    private void storeState(MemorySegment from, Tensor state, int b) {
        long at = 4L * (b * in.heads() + h) * keys * values;
        for (int i = 0; i < keys; i++) {
            MemorySegment.copy(from, i * valueRow, state.data(), at + 4L * i * values, 4L * values);
        }
    }

    // Positions past the last have zeros and a decay of 1: they change nothing.
    private void pack(int b, int start, int length) {
        long at = in.keyAt(b, start, h);
        pack(in.query(), at, keys, length, query, 0, n);
        pack(in.key(), at, keys, length, key, 0, n);
        if (rankOne) {
            pack(in.probe(), at, keys, length, probe, 0, n);
            pack(in.rewrite(), at, keys, length, rewrite, 0, n);
        }
        pack(in.value(), in.valueAt(b, start, h), values, length, stack, n * valueRow, m);
        packDecays(b, start, in.logDecay().dim(1) == 1 ? 1 : length);
        for (int t = 1; t < length && in.logDecay().dim(1) == 1; t++) {
            MemorySegment.copy(decay, 0, decay, t * keyRow, keyRow);
        }
        ChunkRows.fill(1, decay, length * keyRow, (CHUNK - length) * n);
    }

    private void packDecays(int b, int start, int length) {
        MemorySegment g = in.logDecay().data();
        long at = 4 * in.decayAt(b, start, h);
        long step = 4L * in.heads() * in.decayWidth();
        if (in.decayWidth() == 1) {
            for (int t = 0; t < length; t++) {
                ChunkRows.fillExponential(g, at + t * step, decay, t * keyRow, n);
            }
            return;
        }
        int whole = keys - keys % LENGTH;
        for (int i = 0; i < whole; i += LENGTH) {
            ChunkRows.packExponentials(g, at + 4L * i, step, length, decay, 4L * i, keyRow);
        }
        for (int t = 0; t < length && whole < keys; t++) {
            FloatVector rest = load(g, at + t * step + 4L * whole, Lanes.first(keys - whole));
            store(Lanes.exp(rest), decay, t * keyRow + 4L * whole);
        }
    }

    private void pack(Tensor x, long at, int width, int length, MemorySegment into, long to, int padded) {
        long step = 4L * in.heads() * width;
        int whole = width - width % LENGTH;
        for (int i = 0; i < whole; i += LENGTH) {
            ChunkRows.copy(x.data(), 4 * (at + i), step, length, into, to + 4L * i, 4L * padded);
        }
        for (int t = 0; t < length && whole < width; t++) {
            store(load(x.data(), 4 * (at + whole) + t * step, Lanes.first(width - whole)), into,
                    to + 4L * (t * padded + whole));
        }
        ChunkRows.fill(0, into, to + 4L * length * padded, (CHUNK - length) * padded);
    }

    private static void packRow(Tensor x, long at, int width, MemorySegment into, long to, int padded) {
        MemorySegment data = x.data();
        int i = 0;
        for (; i + LENGTH <= width; i += LENGTH) {
            load(data, at + 4L * i).intoMemorySegment(into, to + 4L * i, ORDER);
        }
        if (i < padded) {
            store(load(data, at + 4L * i, Lanes.first(width - i)), into, to + 4L * i);
        }
    }

    private void unpack(MemorySegment from, long at, long row, int length, Tensor y, long to, int width) {
        long step = 4L * in.heads() * width;
        int whole = width - width % LENGTH;
        for (int i = 0; i < whole; i += LENGTH) {
            ChunkRows.copy(from, at + 4L * i, row, length, y.data(), 4 * (to + i), step);
        }
        for (int t = 0; t < length && whole < width; t++) {
            store(load(from, at + t * row + 4L * whole), y.data(), 4 * (to + whole) + t * step,
                    Lanes.first(width - whole));
        }
    }

    private static void unpackRow(MemorySegment from, long at, MemorySegment into, long to, int width) {
        int i = 0;
        for (; i + LENGTH <= width; i += LENGTH) {
            load(from, at + 4L * i).intoMemorySegment(into, to + 4L * i, ORDER);
        }
        if (i < width) {
            store(load(from, at + 4L * i), into, to + 4L * i, Lanes.first(width - i));
        }
    }

    // Left sides of products, pairs, and keys and rewrites at the chunk's end.
    private void pairs() {
        ChunkRows.scaleByPrefix(query, decay, !before, CHUNK, n, left, leftRow, total);
        Transposition.transpose(key, 0, keyRow, CHUNK, n, aged, 0, agedRow, turning);
        scores(aged, 0, agedRow, before, query, left, keyRow, leftRow);
        if (rankOne) {
            ChunkRows.scaleByPrefix(probe, decay, false, CHUNK, n, probeLeft, probeRow, total);
            Transposition.transpose(key, 0, keyRow, CHUNK, n, product, 0, BYTES, turning);
            scores(product, 0, BYTES, true, probe, probeLeft, keyRow, probeRow);
            Transposition.transpose(rewrite, 0, keyRow, CHUNK, n, product, 0, BYTES, turning);
            scores(product, 0, BYTES, true, probe, inner, 0, SQUARE_ROW);
            Transposition.transpose(rewrite, 0, keyRow, CHUNK, n, aged, BYTES, agedRow, turning);
            scores(aged, BYTES, agedRow, false, query, left, keyRow + SQUARE_ROW, leftRow);
        }
        if (before) {
            ChunkRows.scale(query, bonus, CHUNK, n, product);
            ChunkRows.dots(product, 0, keyRow, key, 0, keyRow, CHUNK, n, own, 0);
            for (int i = 0; i < CHUNK; i++) {
                left.set(FLOAT, i * leftRow + keyRow + 4L * i, own.get(FLOAT, 4L * i));
            }
        }
    }

    private void scores(MemorySegment keys, long keysAt, long keysRow, boolean early, MemorySegment x,
            MemorySegment scores, long at, long row) {
        for (int i = 0; i < CHUNK; i += AgeChains.PASS) {
            if (early) {
                AgeChains.scoresBefore(keys, keysAt, keysRow, decay, i * keyRow, x, i * keyRow, keyRow, i, n, scores,
                        at + i * row, row);
            } else {
                AgeChains.scoresAfter(keys, keysAt, keysRow, decay, i * keyRow, x, i * keyRow, keyRow, i, n, scores,
                        at + i * row, row);
            }
        }
    }

    // W, by solving for one position after another.
    private void rewritten() {
        if (!rankOne) {
            return;
        }
        long at = (n + CHUNK) * valueRow;
        Tiles.product(probeLeft, 0, probeRow, 4, stack, 0, valueRow, stack, at, valueRow, CHUNK, m, n + CHUNK);
        for (int i = 1; i < CHUNK; i++) {
            ChunkRows.addRows(inner, i * SQUARE_ROW, 4, i, stack, at, valueRow, m, stack, at + i * valueRow);
        }
    }

    // S to the end of the chunk.
    private void advance() {
        Tiles.decay(total, 0, aged, 0, agedRow, 4, stack, n * valueRow, valueRow, stack, 0, valueRow, n, m,
                sides * CHUNK, update);
    }

    // ── backward ────────────────────────────────────────────────────────────────────────────────────────────────────

    /** What only the backward pass needs. "Turned" matrices have positions in the lanes. */
    private final class Backward {
        /** Gradients of S, of outputs and of R below one another. */
        private final MemorySegment dStack;
        /** Outputs' gradients, those of R, V and W turned. */
        private final MemorySegment turnedOutputs;
        private final MemorySegment turnedSolved;
        private final MemorySegment turnedValues;
        private final MemorySegment turnedWritten;
        /** Gradients of pairs: queries with keys and with rewrites, probes with keys and with rewrites; one turned. */
        private final MemorySegment dQueryKey;
        private final MemorySegment dQueryRewrite;
        private final MemorySegment dProbeKey;
        private final MemorySegment dProbeRewrite;
        private final MemorySegment turnedPairs;
        /** Gradients of pairs of a position with itself: of a query with its key, and with its rewrite. */
        private final MemorySegment dOwn;
        private final MemorySegment dOwnRewrite;
        private final MemorySegment ignored;
        /** Decays and sums of one chain, turned. */
        private final MemorySegment age;
        private final MemorySegment sum;
        private final MemorySegment through;
        private final MemorySegment dQuery;
        private final MemorySegment dKey;
        private final MemorySegment dProbe;
        private final MemorySegment dRewrite;
        private final MemorySegment later;
        private final MemorySegment dDecay;
        private final MemorySegment dTotal;

        private Backward(Workspace scratch) {
            dStack = floats(scratch, (n + sides * CHUNK) * m);
            turnedOutputs = floats(scratch, CHUNK * m);
            turnedValues = floats(scratch, CHUNK * m);
            turnedSolved = floats(scratch, rankOne ? CHUNK * m : 0);
            turnedWritten = floats(scratch, rankOne ? CHUNK * m : 0);
            dQueryKey = floats(scratch, CHUNK * CHUNK);
            dQueryRewrite = floats(scratch, CHUNK * CHUNK);
            dProbeKey = floats(scratch, CHUNK * CHUNK);
            dProbeRewrite = floats(scratch, CHUNK * CHUNK);
            turnedPairs = floats(scratch, CHUNK * CHUNK);
            dOwn = floats(scratch, CHUNK);
            dOwnRewrite = floats(scratch, CHUNK);
            ignored = floats(scratch, CHUNK);
            age = floats(scratch, CHUNK * n);
            sum = floats(scratch, CHUNK * n);
            through = floats(scratch, CHUNK * n);
            dQuery = floats(scratch, CHUNK * n);
            dKey = floats(scratch, CHUNK * n);
            dProbe = floats(scratch, rankOne ? CHUNK * n : 0);
            dRewrite = floats(scratch, rankOne ? CHUNK * n : 0);
            later = floats(scratch, CHUNK * n);
            dDecay = floats(scratch, CHUNK * n);
            dTotal = floats(scratch, n);
        }

        // One chunk: stack holds S before it, dStack the gradient of S after it, then of S before it.
        private void chunk(int b, int start, int length, Tensor dy) {
            pairs();
            rewritten();
            pack(dy, in.valueAt(b, start, h), values, length, dStack, n * valueRow, m);
            valuesAndPairs();
            ChunkRows.dots(stack, 0, valueRow, dStack, 0, valueRow, n, m, dTotal, 0);
            ChunkRows.multiply(dTotal, total, n);
            ChunkRows.fill(0, dDecay, 0, CHUNK * n);
            queries(before ? 1 : 0, query, turnedOutputs, dQueryKey, dQueryRewrite, dQuery);
            keys(key, turnedValues, dQueryKey, dProbeKey, dKey);
            if (rankOne) {
                queries(1, probe, turnedSolved, dProbeKey, dProbeRewrite, dProbe);
                keys(rewrite, turnedWritten, dQueryRewrite, dProbeRewrite, dRewrite);
            }
            ChunkRows.addWhereAlive(dTotal, decay, CHUNK, n, dDecay);
            // Pairs of a position with itself know no decay, so they come last.
            ChunkRows.addScaled(dOwn, bonus, key, CHUNK, n, dQuery);
            ChunkRows.addScaled(dOwn, bonus, query, CHUNK, n, dKey);
            if (rankOne) {
                ChunkRows.addScaled(dOwnRewrite, bonus, rewrite, CHUNK, n, dQuery);
                ChunkRows.addScaled(dOwnRewrite, bonus, query, CHUNK, n, dRewrite);
            }
            Tiles.decay(total, 0, left, 0, 4, leftRow, dStack, n * valueRow, valueRow, dStack, 0, valueRow, n, m,
                    CHUNK, update);
            if (rankOne) {
                Tiles.accumulate(probeLeft, 0, 4, probeRow, dStack, (n + CHUNK) * valueRow, valueRow, dStack, 0,
                        valueRow, n, m, CHUNK, tile);
            }
        }

        // The gradients of values (in product), of W, of R, and of all pairs.
        private void valuesAndPairs() {
            long outputs = n * valueRow;
            long solved = outputs + CHUNK * valueRow;
            Tiles.product(aged, 0, 4, agedRow, dStack, 0, valueRow, product, 0, valueRow, sides * CHUNK, m, n);
            Tiles.accumulate(left, keyRow, 4, leftRow, dStack, outputs, valueRow, product, 0, valueRow, CHUNK, m, CHUNK,
                    tile);
            turn(dStack, outputs, turnedOutputs);
            turn(stack, outputs, turnedValues);
            AgeChains.narrow(dStack, outputs, valueRow, turnedValues, 0, dQueryKey, 0, CHUNK, m);
            AgeChains.mask(dQueryKey, dOwn);
            if (rankOne) {
                Tiles.accumulate(left, keyRow + SQUARE_ROW, 4, leftRow, dStack, outputs, valueRow, product,
                        CHUNK * valueRow, valueRow, CHUNK, m, CHUNK, tile);
                MemorySegment.copy(product, CHUNK * valueRow, dStack, solved, CHUNK * valueRow);
                for (int j = CHUNK - 2; j >= 0; j--) {
                    ChunkRows.addRows(inner, (j + 1) * SQUARE_ROW + 4L * j, SQUARE_ROW, CHUNK - 1 - j, dStack,
                            solved + (j + 1) * valueRow, valueRow, m, dStack, solved + j * valueRow);
                }
                Tiles.accumulate(probeLeft, keyRow, 4, probeRow, dStack, solved, valueRow, product, 0, valueRow, CHUNK,
                        m, CHUNK, tile);
                turn(dStack, solved, turnedSolved);
                turn(stack, solved, turnedWritten);
                AgeChains.narrow(dStack, outputs, valueRow, turnedWritten, 0, dQueryRewrite, 0, CHUNK, m);
                AgeChains.mask(dQueryRewrite, dOwnRewrite);
                AgeChains.narrow(dStack, solved, valueRow, turnedValues, 0, dProbeKey, 0, CHUNK, m);
                AgeChains.mask(dProbeKey, ignored);
                AgeChains.narrow(dStack, solved, valueRow, turnedWritten, 0, dProbeRewrite, 0, CHUNK, m);
                AgeChains.mask(dProbeRewrite, ignored);
            }
        }

        private void turn(MemorySegment rows, long at, MemorySegment into) {
            Transposition.transpose(rows, at, valueRow, CHUNK, m, into, 0, BYTES, turning);
        }

        // Gradients of queries (or probes) from the state, and from keys and rewrites in the chunk.
        private void queries(int later, MemorySegment x, MemorySegment outputs, MemorySegment dKeyPairs,
                MemorySegment dRewritePairs, MemorySegment dx) {
            ChunkRows.fill(0, sum, 0, CHUNK * n);
            queryChain(later, key, dKeyPairs);
            if (rankOne) {
                queryChain(later, rewrite, dRewritePairs);
            }
            AgeChains.narrow(stack, 0, valueRow, outputs, 0, through, 0, n, m);
            ChunkRows.addProduct(age, through, sum, CHUNK * n);
            Transposition.transpose(sum, 0, BYTES, n, CHUNK, dx, 0, keyRow, turning);
            ChunkRows.addFrom(1, later == 0, x, dx, CHUNK, n, dDecay);
        }

        private void queryChain(int later, MemorySegment keys, MemorySegment dPairs) {
            ChunkRows.fill(1, age, 0, CHUNK * n);
            Transposition.transpose(dPairs, 0, BYTES, CHUNK, CHUNK, turnedPairs, 0, BYTES, turning);
            for (int j = CHUNK - AgeChains.PASS; j >= 0; j -= AgeChains.PASS) {
                AgeChains.queries(later, age, sum, decay, j * keyRow, keys, j * keyRow, keyRow, j, n, turnedPairs);
            }
        }

        // Gradients of keys (or rewrites) from queries and probes in the chunk, and from the state after it.
        private void keys(MemorySegment x, MemorySegment written, MemorySegment dQueryPairs, MemorySegment dProbePairs,
                MemorySegment dx) {
            ChunkRows.fill(0, sum, 0, CHUNK * n);
            if (rankOne) {
                keyChain(true, probe, dProbePairs);
            }
            keyChain(before, query, dQueryPairs);
            Transposition.transpose(sum, 0, BYTES, n, CHUNK, dx, 0, keyRow, turning);
            ChunkRows.addFrom(-1, true, x, dx, CHUNK, n, dDecay);
            AgeChains.narrow(dStack, 0, valueRow, written, 0, through, 0, n, m);
            ChunkRows.multiply(through, age, CHUNK * n);
            Transposition.transpose(through, 0, BYTES, n, CHUNK, later, 0, keyRow, turning);
            ChunkRows.addBefore(x, later, CHUNK, n, dDecay);
            ChunkRows.add(later, dx, CHUNK * n);
        }

        private void keyChain(boolean early, MemorySegment x, MemorySegment dPairs) {
            ChunkRows.fill(1, age, 0, CHUNK * n);
            for (int i = 0; i < CHUNK; i += AgeChains.PASS) {
                if (early) {
                    AgeChains.keysBefore(age, sum, decay, i * keyRow, x, i * keyRow, keyRow, i, n, dPairs);
                } else {
                    AgeChains.keysAfter(age, sum, decay, i * keyRow, x, i * keyRow, keyRow, i, n, dPairs);
                }
            }
        }

        // Gradients of log-decays: to their places, or added to sums [K or 1] over positions.
        private void unpackDecay(int b, int start, int length, Tensor dLogDecay, MemorySegment dDecaySums,
                MemorySegment dBonusSums) {
            boolean shared = in.logDecay().dim(1) == 1;
            for (int t = 0; t < length; t++) {
                long row = t * keyRow;
                if (in.decayWidth() == 1) {
                    ChunkRows.sumRow(dDecay, row, n);
                }
                if (!shared) {
                    long to = 4 * ((((long) b * in.time() + start + t) * in.heads() + h) * in.decayWidth());
                    unpackRow(dDecay, row, dLogDecay.data(), to, in.decayWidth());
                }
            }
            for (int i = 0; shared && i < in.decayWidth(); i++) {
                float sum = 0;
                for (int t = 0; t < length; t++) {
                    sum += dDecay.get(FLOAT, t * keyRow + 4L * i);
                }
                dDecaySums.set(DOUBLE, 8L * i, dDecaySums.get(DOUBLE, 8L * i) + sum);
            }
            for (int i = 0; before && i < keys; i++) {
                float sum = 0;
                for (int t = 0; t < length; t++) {
                    long at = t * keyRow + 4L * i;
                    sum += dOwn.get(FLOAT, 4L * t) * (query.get(FLOAT, at) * key.get(FLOAT, at));
                }
                dBonusSums.set(DOUBLE, 8L * i, dBonusSums.get(DOUBLE, 8L * i) + sum);
            }
        }
    }

    /**
     * All positions of sequence b; the gradient of log-decays that positions share and that of the bonus are left in sums.
     *
     * @param dLogDecay [B,T,H,K or 1], written unless positions share log-decays
     * @param dDecaySums [K or 1] in double precision, added to
     * @param dBonusSums [K] in double precision, added to
     */
    void backward(Tensor state, Tensor dy, Tensor dNextState, ScanInputs dIn, Tensor dState, Tensor dLogDecay,
            MemorySegment dDecaySums, MemorySegment dBonusSums, int b, Workspace scratch) {
        Backward back = new Backward(scratch);
        int chunks = (in.time() + CHUNK - 1) / CHUNK;
        int stretches = (chunks + STRETCH - 1) / STRETCH;
        long bytes = n * valueRow;
        MemorySegment checkpoints = floats(scratch, stretches * n * m);
        MemorySegment states = floats(scratch, Math.min(chunks, STRETCH) * n * m);
        loadState(state, b, stack);
        for (int stretch = 0; stretch < stretches; stretch++) {
            MemorySegment.copy(stack, 0, checkpoints, stretch * bytes, bytes);
            for (int chunk = stretch * STRETCH; stretch + 1 < stretches && chunk < (stretch + 1) * STRETCH; chunk++) {
                pass(b, chunk);
            }
        }
        loadState(dNextState, b, back.dStack);
        for (int stretch = stretches - 1; stretch >= 0; stretch--) {
            int first = stretch * STRETCH;
            int end = Math.min(first + STRETCH, chunks);
            MemorySegment.copy(checkpoints, stretch * bytes, stack, 0, bytes);
            for (int chunk = first; chunk < end; chunk++) {
                MemorySegment.copy(stack, 0, states, (chunk - first) * bytes, bytes);
                if (chunk + 1 < end) {
                    pass(b, chunk);
                }
            }
            for (int chunk = end - 1; chunk >= first; chunk--) {
                int start = chunk * CHUNK;
                int length = Math.min(CHUNK, in.time() - start);
                MemorySegment.copy(states, (chunk - first) * bytes, stack, 0, bytes);
                own.set(INT, 0, StepScan.fetch(in, dy, b, start, length, h)
                        | StepScan.fetch(dIn, dIn.value(), b, start, length, h));
                pack(b, start, length);
                back.chunk(b, start, length, dy);
                long at = in.keyAt(b, start, h);
                unpack(back.dQuery, 0, keyRow, length, dIn.query(), at, keys);
                unpack(back.dKey, 0, keyRow, length, dIn.key(), at, keys);
                unpack(product, 0, valueRow, length, dIn.value(), in.valueAt(b, start, h), values);
                if (rankOne) {
                    unpack(back.dProbe, 0, keyRow, length, dIn.probe(), at, keys);
                    unpack(back.dRewrite, 0, keyRow, length, dIn.rewrite(), at, keys);
                }
                back.unpackDecay(b, start, length, dLogDecay, dDecaySums, dBonusSums);
            }
        }
        storeState(back.dStack, dState, b);
    }

    // The state after a chunk.
    private void pass(int b, int chunk) {
        int start = chunk * CHUNK;
        pack(b, start, Math.min(CHUNK, in.time() - start));
        if (rankOne) {
            pairs();
            rewritten();
            advance();
        } else {
            ChunkRows.ageToEnd(key, decay, CHUNK, n, product, total);
            Tiles.decay(total, 0, product, 0, 4, keyRow, stack, n * valueRow, valueRow, stack, 0, valueRow, n, m,
                    CHUNK, update);
        }
    }
}

package tern.kernels.recurrence;

import static tern.kernels.lanes.Lanes.LENGTH;
import static tern.kernels.lanes.Lanes.ORDER;
import static tern.kernels.lanes.Lanes.load;
import static tern.kernels.lanes.Lanes.padded;
import static tern.kernels.lanes.Lanes.store;
import static tern.tensor.Tensor.DOUBLE;
import static tern.tensor.Tensor.FLOAT;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

import tern.kernels.lanes.Lanes;
import tern.kernels.lanes.Tiles;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Many positions of one head in chunks of {@value #CHUNK} (Yang et al. 2023, arXiv 2312.06635, section 4; with a rank-one
 * term the WY form of arXiv 2406.06484, section 3). With c_i = e^(g_1 + … + g_i) from the chunk's beginning and every decay
 * between positions j and i taken as the product of those between them, which is never above 1:
 *
 * <pre>
 * R  = (A ⊙ c_(i−1))·S + tril₋(a_i·k_j e^…)·V          W = (I − tril₋(a_i·b_j e^…))⁻¹·R
 * Y  = (Q ⊙ c_i)·S + tril(q_i·k_j e^…)·V + tril(q_i·b_j e^…)·W
 * S ← c_C ⊙ S + (K e^…)ᵀ·V + (B e^…)ᵀ·W
 * </pre>
 *
 * <p>S, V and W lie below one another, and so do what multiplies them, so that each line is one product. A chunk is so
 * short that the pairs within it cost little beside the products with S, and longer ones would only add pairs: at a head of
 * 64 the state stays in the first-level cache either way. Backward keeps the state before each stretch of chunks, computes
 * those before its chunks again, and walks back along each chain of products, so gradients of decays are sums of what
 * crosses a position, not differences of large sums.
 */
final class ChunkScan {
    /** Positions in a chunk. */
    static final int CHUNK = 16;
    /** Chunks whose states are kept at once in the backward pass. */
    private static final int STRETCH = 64;

    private final ScanInputs in;
    private final int h;
    private final int keys;
    private final int values;
    private final boolean before;
    private final boolean rankOne;
    /** Key and value width padded to lanes. */
    private final int n;
    private final int m;
    /** Bytes of a row of keys, of values, of the left sides of products and of a square of pairs. */
    private final long keyRow;
    private final long valueRow;
    private final long leftRow;
    private final long probeRow;
    private static final long SQUARE_ROW = 4L * CHUNK;
    /** Bytes of a block of aged keys (and rewrites). */
    private final long block;
    private final int blocks;
    private final boolean history;

    private final MemorySegment query;
    private final MemorySegment key;
    private final MemorySegment probe;
    private final MemorySegment rewrite;
    private final MemorySegment decay;
    private final MemorySegment bonus;
    /** c_0 … c_C. */
    private final MemorySegment prefix;
    /** S, V and W below one another. */
    private final MemorySegment stack;
    /** Q ⊙ c beside the pairs of queries with keys and rewrites. */
    private final MemorySegment left;
    /** A ⊙ c beside the pairs of probes with keys. */
    private final MemorySegment probeLeft;
    /** The pairs of probes with rewrites. */
    private final MemorySegment inner;
    /** Keys (and below them rewrites) as they are at the current position, or at each position of the chunk. */
    private final MemorySegment aged;
    private final MemorySegment product;
    private final MemorySegment sums;
    private final MemorySegment tile;

    /** Head h, for the forward pass or with what the backward pass needs besides. */
    ChunkScan(ScanInputs in, int h, boolean history, Workspace scratch) {
        this.in = in;
        this.h = h;
        this.history = history;
        this.keys = in.keyWidth();
        this.values = in.valueWidth();
        this.before = in.readsBefore();
        this.rankOne = in.hasRankOne();
        this.n = padded(keys);
        this.m = padded(values);
        this.keyRow = 4L * n;
        this.valueRow = 4L * m;
        int blockRows = rankOne ? 2 * CHUNK : CHUNK;
        this.leftRow = 4L * (n + blockRows);
        this.probeRow = 4L * (n + CHUNK);
        this.block = blockRows * keyRow;
        this.blocks = history ? CHUNK : 1;
        this.query = floats(scratch, CHUNK * n);
        this.key = floats(scratch, CHUNK * n);
        this.decay = floats(scratch, CHUNK * n);
        this.probe = floats(scratch, rankOne ? CHUNK * n : 0);
        this.rewrite = floats(scratch, rankOne ? CHUNK * n : 0);
        this.bonus = floats(scratch, before ? n : 0);
        this.prefix = floats(scratch, (CHUNK + 1) * n);
        this.stack = floats(scratch, (n + blockRows) * m);
        this.left = floats(scratch, CHUNK * (n + blockRows));
        this.probeLeft = floats(scratch, rankOne ? CHUNK * (n + CHUNK) : 0);
        this.inner = floats(scratch, rankOne ? CHUNK * CHUNK : 0);
        this.aged = floats(scratch, blocks * blockRows * n);
        this.product = floats(scratch, blockRows * Math.max(m, n));
        this.sums = floats(scratch, 2 * CHUNK);
        this.tile = floats(scratch, Tiles.scratchLength());
        PairRows.fill(1, prefix, 0, n);
        if (before) {
            packRow(in.bonus(), 4L * h * keys, keys, bonus, 0, n);
        }
    }

    private static MemorySegment floats(Workspace scratch, int count) {
        return scratch.allocate(DType.F32, Shape.of(count)).data();
    }

    // ── forward ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /** All positions of sequence b. */
    void forward(Tensor state, Tensor y, Tensor nextState, int b) {
        loadState(state, b, stack);
        for (int start = 0; start < in.time(); start += CHUNK) {
            int length = Math.min(CHUNK, in.time() - start);
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
        for (int t = 0; t < CHUNK; t++) {
            if (t >= length) {
                PairRows.fill(1, decay, t * keyRow, n);
            } else if (t > 0 && in.logDecay().dim(1) == 1) {
                PairRows.copy(decay, 0, decay, t * keyRow, n);
            } else {
                decays(4 * in.decayAt(b, start + t, h), t * keyRow);
            }
        }
    }

    private void decays(long at, long to) {
        MemorySegment g = in.logDecay().data();
        if (in.decayWidth() == 1) {
            FloatVector one = Lanes.exp(Lanes.broadcast(g, at));
            for (int i = 0; i < n; i += LENGTH) {
                one.intoMemorySegment(decay, to + 4L * i, ORDER);
            }
        } else {
            StepScan.exponentials(g, at, keys, decay, to);
        }
    }

    private void pack(Tensor x, long at, int width, int length, MemorySegment into, long to, int padded) {
        long step = 4L * in.heads() * width;
        for (int t = 0; t < length; t++) {
            packRow(x, 4 * at + t * step, width, into, to + 4L * t * padded, padded);
        }
        PairRows.fill(0, into, to + 4L * length * padded, (CHUNK - length) * padded);
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
        for (int t = 0; t < length; t++) {
            unpackRow(from, at + t * row, y.data(), 4 * to + t * step, width);
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

    // Ages keys and rewrites position by position, and lets each meet the queries and probes on its way.
    private void pairs() {
        for (int i = 0; i < CHUNK; i++) {
            long old = history ? Math.max(0, i - 1) * block : 0;
            long here = history ? i * block : 0;
            long row = i * keyRow;
            if (before) {
                PairRows.multiply(query, row, prefix, row, left, i * leftRow, n);
                dots(query, row, old, i, left, i * leftRow + keyRow);
            }
            if (rankOne) {
                PairRows.multiply(probe, row, prefix, row, probeLeft, i * probeRow, n);
                dots(probe, row, old, i, probeLeft, i * probeRow + keyRow);
                dots(probe, row, old + CHUNK * keyRow, i, inner, i * SQUARE_ROW);
            }
            PairRows.multiply(prefix, row, decay, row, prefix, row + keyRow, n);
            if (before) {
                age(old, here, i, sums, 0);
            } else {
                PairRows.multiply(query, row, prefix, row + keyRow, left, i * leftRow, n);
                age(old, here, i, left, i * leftRow + keyRow);
            }
            PairRows.copy(key, row, aged, here + row, n);
            if (rankOne) {
                long rewrites = CHUNK * keyRow;
                age(old + rewrites, here + rewrites, i, left, i * leftRow + keyRow + SQUARE_ROW);
                PairRows.copy(rewrite, row, aged, here + rewrites + row, n);
            }
            clear(i);
        }
        own();
    }

    private void dots(MemorySegment x, long xAt, long from, int count, MemorySegment into, long to) {
        for (int j = 0; j < count; j += 4) {
            PairRows.dotFour(x, xAt, aged, from + j * keyRow, keyRow, n, into, to + 4L * j);
        }
    }

    private void age(long from, long to, int i, MemorySegment into, long at) {
        for (int j = 0; j < i; j += 4) {
            PairRows.advanceFour(decay, i * keyRow, query, i * keyRow, aged, from + j * keyRow, to + j * keyRow, keyRow,
                    n, into, at + 4L * j);
        }
    }

    // Pairs of a position with itself and later ones.
    private void clear(int i) {
        long at = i * leftRow + keyRow;
        for (int j = i; j < CHUNK; j++) {
            left.set(FLOAT, at + 4L * j, 0);
            if (rankOne) {
                left.set(FLOAT, at + SQUARE_ROW + 4L * j, 0);
                probeLeft.set(FLOAT, i * probeRow + keyRow + 4L * j, 0);
                inner.set(FLOAT, i * SQUARE_ROW + 4L * j, 0);
            }
        }
    }

    // Pairs of a position with itself.
    private void own() {
        for (int i = 0; i < CHUNK; i += 4) {
            if (before) {
                for (int r = i; r < i + 4; r++) {
                    PairRows.multiply(query, r * keyRow, bonus, 0, product, r * keyRow, n);
                }
                PairRows.dotRows(product, i * keyRow, keyRow, key, i * keyRow, keyRow, n, sums, 4L * i);
            } else {
                PairRows.dotRows(query, i * keyRow, keyRow, key, i * keyRow, keyRow, n, sums, 4L * i);
            }
            if (rankOne) {
                PairRows.dotRows(query, i * keyRow, keyRow, rewrite, i * keyRow, keyRow, n, sums, 4L * (CHUNK + i));
            }
        }
        for (int i = 0; i < CHUNK; i++) {
            long at = i * leftRow + keyRow + 4L * i;
            left.set(FLOAT, at, sums.get(FLOAT, 4L * i));
            if (rankOne) {
                left.set(FLOAT, at + SQUARE_ROW, sums.get(FLOAT, 4L * (CHUNK + i)));
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
            PairRows.addRows(inner, i * SQUARE_ROW, 4, i, stack, at, valueRow, m, stack, at + i * valueRow);
        }
    }

    // S to the end of the chunk.
    private void advance() {
        Tiles.decay(prefix, CHUNK * keyRow, aged, (blocks - 1) * block, 4, keyRow, stack, n * valueRow, valueRow, stack,
                0, valueRow, n, m, (int) (block / keyRow));
    }

    // ── backward ────────────────────────────────────────────────────────────────────────────────────────────────────

    /** What only the backward pass needs; rows of keys and of values as in the forward pass. */
    private final class Backward {
        /** Gradients of S, of outputs and of R below one another, and dSᵀ and Sᵀ. */
        private final MemorySegment dStack;
        private final MemorySegment turned;
        private final MemorySegment turning;
        /** Gradients of Q ⊙ c and below it of A ⊙ c; of aged keys and below them of rewrites. */
        private final MemorySegment dLeft;
        private final MemorySegment dAged;
        /** Gradients of the pairs of queries and keys, queries and rewrites, probes and keys, probes and rewrites. */
        private final MemorySegment dQueryKey;
        private final MemorySegment dQueryRewrite;
        private final MemorySegment dProbeKey;
        private final MemorySegment dProbeRewrite;
        private final MemorySegment zeros;
        /** Gradients of pairs of a position with itself: with its key, then with its rewrite. */
        private final MemorySegment dOwn;
        private final MemorySegment dPrefix;
        private final MemorySegment dQuery;
        private final MemorySegment dKey;
        private final MemorySegment dProbe;
        private final MemorySegment dRewrite;
        private final MemorySegment dDecay;

        private Backward(Workspace scratch) {
            int rows = rankOne ? 2 * CHUNK : CHUNK;
            dStack = floats(scratch, (n + rows) * m);
            turned = floats(scratch, n * m);
            turning = floats(scratch, Transposition.scratchLength());
            dLeft = floats(scratch, rows * n);
            dAged = floats(scratch, rows * n);
            dQueryKey = floats(scratch, CHUNK * CHUNK);
            dQueryRewrite = floats(scratch, CHUNK * CHUNK);
            dProbeKey = floats(scratch, CHUNK * CHUNK);
            dProbeRewrite = floats(scratch, CHUNK * CHUNK);
            zeros = floats(scratch, CHUNK * CHUNK).fill((byte) 0);
            dOwn = floats(scratch, 2 * CHUNK);
            dPrefix = floats(scratch, n);
            dQuery = floats(scratch, CHUNK * n);
            dKey = floats(scratch, CHUNK * n);
            dProbe = floats(scratch, rankOne ? CHUNK * n : 0);
            dRewrite = floats(scratch, rankOne ? CHUNK * n : 0);
            dDecay = floats(scratch, CHUNK * n);
        }

        // One chunk: stack holds S before it, dStack the gradient of S after it, then of S before it.
        private void chunk(int b, int start, int length, Tensor dy) {
            pairs();
            rewritten();
            pack(dy, in.valueAt(b, start, h), values, length, dStack, n * valueRow, m);
            valuesAndPairs();
            int rows = rankOne ? 2 * CHUNK : CHUNK;
            Transposition.transpose(stack, n, m, turned, turning);
            Tiles.product(dStack, n * valueRow, valueRow, 4, turned, 0, keyRow, dLeft, 0, keyRow, rows, n, m);
            Transposition.transpose(dStack, n, m, turned, turning);
            Tiles.product(stack, n * valueRow, valueRow, 4, turned, 0, keyRow, dAged, 0, keyRow, rows, n, m);
            for (int i = 0; i < n; i += 4) {
                PairRows.dotRows(stack, i * valueRow, valueRow, dStack, i * valueRow, valueRow, m, dPrefix, 4L * i);
            }
            Tiles.decay(prefix, CHUNK * keyRow, left, 0, 4, leftRow, dStack, n * valueRow, valueRow, dStack, 0,
                    valueRow, n, m, CHUNK);
            if (rankOne) {
                Tiles.accumulate(probeLeft, 0, 4, probeRow, dStack, (n + CHUNK) * valueRow, valueRow, dStack, 0,
                        valueRow, n, m, CHUNK, tile);
            }
            for (int i = CHUNK - 1; i >= 0; i--) {
                position(i);
            }
        }

        // The gradients of values (in product), of W, of R, and of all pairs.
        private void valuesAndPairs() {
            long last = (blocks - 1) * block;
            Tiles.product(aged, last, keyRow, 4, dStack, 0, valueRow, product, 0, valueRow, (int) (block / keyRow), m,
                    n);
            Tiles.accumulate(left, keyRow, 4, leftRow, dStack, n * valueRow, valueRow, product, 0, valueRow, CHUNK, m,
                    CHUNK, tile);
            long outputs = n * valueRow;
            if (rankOne) {
                long dWritten = CHUNK * valueRow;
                long solved = (n + CHUNK) * valueRow;
                Tiles.accumulate(left, keyRow + SQUARE_ROW, 4, leftRow, dStack, outputs, valueRow, product, dWritten,
                        valueRow, CHUNK, m, CHUNK, tile);
                MemorySegment.copy(product, dWritten, dStack, solved, CHUNK * valueRow);
                for (int j = CHUNK - 2; j >= 0; j--) {
                    PairRows.addRows(inner, (j + 1) * SQUARE_ROW + 4L * j, SQUARE_ROW, CHUNK - 1 - j, dStack,
                            solved + (j + 1) * valueRow, valueRow, m, dStack, solved + j * valueRow);
                }
                Tiles.accumulate(probeLeft, keyRow, 4, probeRow, dStack, solved, valueRow, product, 0, valueRow, CHUNK,
                        m, CHUNK, tile);
                pairGradients(outputs, outputs + CHUNK * valueRow, dQueryRewrite, CHUNK);
                pairGradients(solved, outputs, dProbeKey, -1);
                pairGradients(solved, outputs + CHUNK * valueRow, dProbeRewrite, -1);
            }
            pairGradients(outputs, outputs, dQueryKey, 0);
        }

        // Rows of dStack against rows of values in stack; those of a position with itself go to dOwn.
        private void pairGradients(long rows, long others, MemorySegment into, int own) {
            for (int i = 0; i < CHUNK; i++) {
                for (int j = 0; j <= i; j += 4) {
                    PairRows.dotFour(dStack, rows + i * valueRow, stack, others + j * valueRow, valueRow, m, into,
                            i * SQUARE_ROW + 4L * j);
                }
                if (own >= 0) {
                    dOwn.set(FLOAT, 4L * (own + i), into.get(FLOAT, i * SQUARE_ROW + 4L * i));
                }
            }
        }

        // Back through one position: dAged holds the gradients of keys as they are after it.
        private void position(int i) {
            long row = i * keyRow;
            long here = i * block;
            PairRows.fill(0, dQuery, row, n);
            if (!before) {
                PairRows.addProduct(dLeft, row, query, row, dPrefix, 0, n);
                PairRows.multiply(dLeft, row, prefix, row + keyRow, dQuery, row, n);
                PairRows.addRows(dQueryKey, i * SQUARE_ROW, 4, i, aged, here, keyRow, n, dQuery, row);
            }
            PairRows.multiply(dPrefix, 0, prefix, row + keyRow, dDecay, row, n);
            PairRows.multiply(dPrefix, 0, decay, row, dPrefix, 0, n);
            retreat(i, 0, before ? zeros : dQueryKey, before ? dQueryKey : dProbeKey);
            PairRows.copy(dAged, row, dKey, row, n);
            if (rankOne) {
                long rewrites = CHUNK * keyRow;
                PairRows.addRows(dQueryRewrite, i * SQUARE_ROW, 4, i, aged, here + rewrites, keyRow, n, dQuery, row);
                retreat(i, rewrites, dQueryRewrite, dProbeRewrite);
                PairRows.copy(dAged, rewrites + row, dRewrite, row, n);
                PairRows.multiply(dLeft, rewrites + row, prefix, row, dProbe, row, n);
                PairRows.addProduct(dLeft, rewrites + row, probe, row, dPrefix, 0, n);
                if (i > 0) {
                    PairRows.addRows(dProbeKey, i * SQUARE_ROW, 4, i, aged, here - block, keyRow, n, dProbe, row);
                    PairRows.addRows(dProbeRewrite, i * SQUARE_ROW, 4, i, aged, here - block + rewrites, keyRow, n,
                            dProbe, row);
                }
            }
            if (before) {
                PairRows.multiply(dLeft, row, prefix, row, dQuery, row, n);
                PairRows.addProduct(dLeft, row, query, row, dPrefix, 0, n);
                if (i > 0) {
                    PairRows.addRows(dQueryKey, i * SQUARE_ROW, 4, i, aged, here - block, keyRow, n, dQuery, row);
                }
            }
            own(i);
        }

        // Keys (or rewrites) written before position i, back through its decay.
        private void retreat(int i, long rows, MemorySegment after, MemorySegment earlier) {
            MemorySegment other = rankOne ? probe : query;
            MemorySegment factors = before || rankOne ? earlier : zeros;
            long row = i * keyRow;
            long from = i * block + rows;
            int j = 0;
            for (; j + 4 <= i; j += 4) {
                PairRows.retreatFour(after, factors, i * SQUARE_ROW + 4L * j, query, row, other, row, decay, row, aged,
                        from + j * keyRow, dAged, rows + j * keyRow, keyRow, dDecay, row, n);
            }
            for (; j < i; j++) {
                long at = i * SQUARE_ROW + 4L * j;
                PairRows.retreat(after.get(FLOAT, at), query, row, factors.get(FLOAT, at), other, row, decay, row, aged,
                        from + j * keyRow, dAged, rows + j * keyRow, dDecay, row, n);
            }
        }

        private void own(int i) {
            long row = i * keyRow;
            float dPair = dOwn.get(FLOAT, 4L * i);
            if (before) {
                PairRows.addScaledProduct(dPair, bonus, 0, key, row, dQuery, row, n);
                PairRows.addScaledProduct(dPair, bonus, 0, query, row, dKey, row, n);
            } else {
                PairRows.addScaled(dPair, key, row, dQuery, row, n);
                PairRows.addScaled(dPair, query, row, dKey, row, n);
            }
            if (rankOne) {
                float dOther = dOwn.get(FLOAT, 4L * (CHUNK + i));
                PairRows.addScaled(dOther, rewrite, row, dQuery, row, n);
                PairRows.addScaled(dOther, query, row, dRewrite, row, n);
            }
        }

        // Gradients of log-decays: to their places, or added to sums [K or 1] over positions.
        private void unpackDecay(int b, int start, int length, Tensor dLogDecay, MemorySegment dDecaySums,
                MemorySegment dBonusSums) {
            boolean shared = in.logDecay().dim(1) == 1;
            for (int t = 0; t < length; t++) {
                long row = t * keyRow;
                if (in.decayWidth() == 1) {
                    PairRows.sumRow(dDecay, row, n);
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
        } else {
            PairRows.ageToEnd(key, decay, CHUNK, n, aged, (blocks - 1) * block, prefix, CHUNK * keyRow);
        }
        advance();
    }
}

package tern.kernels.memory;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

import tern.kernels.lanes.Lanes;
import tern.kernels.lanes.Tiles;
import tern.kernels.memory.MemoryScan.Inputs;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Some positions of one head whose gradients are taken at one anchor, learnt and read at once. With e = K A − V, β, m the products of 1 − α
 * and η up to a position, n_ij = θ_j η_(j+1) … η_i, f_i = (1 − α_i) f_(i−1) + m_i and G_i = (1 − α_i) G_(i−1) + n_i (arXiv 2501.00663, section
 * 3.2):
 *
 * <pre>
 * Y = β ⊙ Q M + f ⊙ Q S − 2 (Q Kᵀ ⊙ G) e          M ← β M + f S − 2 Kᵀ (G ⊙ e),  S ← m S − 2 Kᵀ (n ⊙ e)     with the last row of each
 * </pre>
 *
 * <p>Memories are rows of keys; matrices of positions have a row for each, padded with zeros to groups that {@link Tiles} takes. Confined to
 * one thread.
 */
final class MemoryPiece {
    /** Most positions of a piece. */
    static final int LONGEST = 64;

    private final Inputs in;
    private final int b;
    private final int head;
    private final int keys;
    private final int values;
    /** Floats from one row of keys to the next. */
    private final int wide;
    /** Rows of a memory. */
    private final int rows;
    /** Floats from one row of values, or of a memory, to the next. */
    private final int n;
    /** Floats from one row of pairs of positions to the next. */
    private final int p;
    /** Rows of a matrix of positions. */
    private final int most;
    private final int longest;

    private final MemorySegment query;
    private final MemorySegment key;
    /** Kᵀ. */
    private final MemorySegment turned;
    private final MemorySegment surprise;
    private final MemorySegment ofMemory;
    private final MemorySegment ofMomentum;
    private final MemorySegment pairs;
    private final MemorySegment weights;
    private final MemorySegment y;
    private final MemorySegment learnt;
    private final MemorySegment tile;
    /** What each surprise was multiplied with. */
    private final float[] shortened;
    private final float[] beta;
    private final float[] m;
    private final float[] f;
    /** n and G, a row for each position. */
    private final float[] latest;
    private final float[] all;
    private int count;
    private int from;

    MemoryPiece(Inputs in, int index, Workspace scratch) {
        this.in = in;
        this.longest = Math.min(Math.min(LONGEST, in.chunk()), in.time());
        this.b = index / in.heads();
        this.head = index % in.heads();
        this.keys = in.key().dim(3);
        this.values = in.value().dim(3);
        this.wide = Lanes.padded(keys);
        this.rows = Tiles.paddedRows(keys);
        this.n = Lanes.padded(values);
        this.p = Lanes.padded(longest);
        this.most = Tiles.paddedRows(longest);
        this.query = zeros(scratch, most * wide);
        this.key = zeros(scratch, most * wide);
        this.turned = zeros(scratch, rows * p);
        this.surprise = zeros(scratch, most * n);
        this.ofMemory = zeros(scratch, most * n);
        this.ofMomentum = zeros(scratch, most * n);
        this.pairs = zeros(scratch, most * p);
        this.weights = zeros(scratch, most * p);
        this.y = zeros(scratch, most * n);
        this.learnt = zeros(scratch, most * n);
        this.tile = scratch.floatMemory(Tiles.scratchLength());
        this.shortened = scratch.floats(p);
        this.beta = scratch.floats(p);
        this.m = scratch.floats(p);
        this.f = scratch.floats(p);
        this.latest = scratch.floats(most * p);
        this.all = scratch.floats(most * p);
    }

    static MemorySegment zeros(Workspace scratch, int floats) {
        MemorySegment made = scratch.floatMemory(floats);
        made.fill((byte) 0);
        return made;
    }

    /** Floats of M, of S or of the anchor. */
    int apart() {
        return rows * n;
    }

    /** Positions of the piece that begins at {@code t}: up to the end of the chunk. */
    int length(int t) {
        int toEnd = (int) (in.chunk() - (in.ages()[b] + t) % in.chunk());
        return Math.min(Math.min(longest, toEnd), in.time() - t);
    }

    /** Reads the state of the head into M, S and the anchor, one after the other. */
    void load(Tensor state, MemorySegment into) {
        long base = (long) (b * in.heads() + head) * 3 * keys;
        for (int part = 0; part < 3; part++) {
            for (int k = 0; k < keys; k++) {
                MemorySegment.copy(state.data(), 4 * (base + part * keys + k) * values, into,
                        4L * (part * apart() + k * n), 4L * values);
            }
        }
    }

    void store(MemorySegment from, Tensor state) {
        long base = (long) (b * in.heads() + head) * 3 * keys;
        for (int part = 0; part < 3; part++) {
            for (int k = 0; k < keys; k++) {
                MemorySegment.copy(from, 4L * (part * apart() + k * n), state.data(),
                        4 * (base + part * keys + k) * values, 4L * values);
            }
        }
    }

    /** Rows of the positions of the piece, the last ones zero. */
    private void gather(Tensor x, int width, MemorySegment into, int stride) {
        for (int i = 0; i < count; i++) {
            MemorySegment.copy(x.data(), 4 * in.row(b, from + i, head) * width, into, 4L * i * stride, 4L * width);
        }
        Lanes.clear(into, 4L * count * stride, 4L * Tiles.paddedRows(count) * stride);
    }

    private void scatter(MemorySegment x, int stride, Tensor into, int width) {
        for (int i = 0; i < count; i++) {
            MemorySegment.copy(x, 4L * i * stride, into.data(), 4 * in.row(b, from + i, head) * width, 4L * width);
        }
    }

    private float gate(Tensor of, int i) {
        return of.data().get(Tensor.FLOAT, 4 * in.row(b, from + i, head));
    }

    /** y[j][i] = x[i][j] for the rows of the piece. */
    private void turn(MemorySegment x, int stride, int columns, MemorySegment into) {
        for (int j = 0; j < columns; j++) {
            for (int i = 0; i < count; i++) {
                into.set(Tensor.FLOAT, 4L * (j * p + i), x.get(Tensor.FLOAT, 4L * (i * stride + j)));
            }
            for (int i = count; i < p; i++) {
                into.set(Tensor.FLOAT, 4L * (j * p + i), 0);
            }
        }
    }

    /** What the products of gates come to. */
    private void gates() {
        float before = 1;
        float momentum = 1;
        float mixed = 0;
        for (int i = 0; i < count; i++) {
            float eta = gate(in.momentum(), i);
            float keep = gate(in.keep(), i);
            before *= keep;
            momentum *= eta;
            mixed = keep * mixed + momentum;
            beta[i] = before;
            m[i] = momentum;
            f[i] = mixed;
            int row = i * p;
            for (int j = 0; j < i; j++) {
                latest[row + j] = eta * latest[row - p + j];
                all[row + j] = keep * all[row - p + j] + latest[row + j];
            }
            latest[row + i] = gate(in.rate(), i);
            all[row + i] = latest[row + i];
            Arrays.fill(latest, row + i + 1, row + p, 0);
            Arrays.fill(all, row + i + 1, row + p, 0);
        }
    }

    /** What the positions read and how much each counts for each later one. */
    private void open(int t, int length, MemorySegment state, long at) {
        from = t;
        count = length;
        gather(in.key(), keys, key, wide);
        gather(in.value(), values, learnt, n);
        long anchor = at + 8L * apart();
        int padded = Tiles.paddedRows(count);
        Tiles.product(key, 0, 4L * wide, 4, state, anchor, 4L * n, surprise, 0, 4L * n, padded, n, keys);
        MemoryLoops.add(-1, learnt, 0, surprise, 0, count * n);
        for (int i = 0; i < count; i++) {
            long row = 4L * i * n;
            shortened[i] = (float) MemoryScan.shortening(MemoryLoops.dot(surprise, row, surprise, row, n));
            if (shortened[i] < 1) {
                MemoryLoops.scale(shortened[i], surprise, row, surprise, row, n);
            }
        }
        gates();
    }

    private void read(MemorySegment state, long at) {
        int padded = Tiles.paddedRows(count);
        gather(in.query(), keys, query, wide);
        turn(key, wide, keys, turned);
        Tiles.product(query, 0, 4L * wide, 4, state, at, 4L * n, ofMemory, 0, 4L * n, padded, n, keys);
        Tiles.product(query, 0, 4L * wide, 4, state, at + 4L * apart(), 4L * n, ofMomentum, 0, 4L * n, padded, n,
                keys);
        Tiles.product(query, 0, 4L * wide, 4, turned, 0, 4L * p, pairs, 0, 4L * p, padded, p, keys);
        for (int i = 0; i < count; i++) {
            MemoryLoops.products(-2, all, i * p, pairs, 4L * i * p, weights, 4L * i * p, p);
        }
        Lanes.clear(weights, 4L * count * p, 4L * padded * p);
    }

    /** Rows times a number each: learnt_i = factor·numbers_i·x_i. */
    private void scaled(float factor, float[] numbers, int numbersAt, MemorySegment x) {
        for (int i = 0; i < count; i++) {
            MemoryLoops.scale(factor * numbers[numbersAt + i], x, 4L * i * n, learnt, 4L * i * n, n);
        }
    }

    /** learnt is written by keys into a memory. */
    private void write(MemorySegment by, MemorySegment into, long at) {
        Tiles.accumulate(by, 0, 4, 4L * wide, learnt, 0, 4L * n, into, at, 4L * n, rows, n, count, tile);
    }

    /** M, S and the anchor after the piece. */
    private void move(MemorySegment state, long at) {
        int last = (count - 1) * p;
        MemoryLoops.combine(beta[count - 1], state, at, f[count - 1], state, at + 4L * apart(), state, at, apart());
        MemoryLoops.scale(m[count - 1], state, at + 4L * apart(), state, at + 4L * apart(), apart());
        scaled(-2, all, last, surprise);
        write(key, state, at);
        scaled(-2, latest, last, surprise);
        write(key, state, at + 4L * apart());
    }

    /** Learns positions without reading, from a state at a place in memory, which becomes the one after them. */
    void learn(int t, int length, MemorySegment state, long at) {
        anchor(t, state, at);
        open(t, length, state, at);
        move(state, at);
    }

    /** The anchor moves to M where a chunk begins. */
    void anchor(int t, MemorySegment state, long at) {
        if (in.begins(b, t)) {
            MemorySegment.copy(state, at, state, at + 8L * apart(), 4L * apart());
        }
    }

    /** Learns and reads positions; the state becomes the one after them. */
    void forward(int t, int length, MemorySegment state, Tensor into) {
        anchor(t, state, 0);
        open(t, length, state, 0);
        read(state, 0);
        for (int i = 0; i < count; i++) {
            long row = 4L * i * n;
            MemoryLoops.combine(beta[i], ofMemory, row, f[i], ofMomentum, row, y, row, n);
        }
        Tiles.accumulate(weights, 0, 4L * p, 4, surprise, 0, 4L * n, y, 0, 4L * n, Tiles.paddedRows(count), n, count,
                tile);
        scatter(y, n, into, values);
        move(state, 0);
    }

    /** Room for gradients. */
    static final class Slopes {
        private final MemorySegment dy;
        private final MemorySegment dyTurned;
        private final MemorySegment surpriseTurned;
        private final MemorySegment dSurprise;
        private final MemorySegment dSurpriseTurned;
        private final MemorySegment ofMemory;
        private final MemorySegment ofMomentum;
        private final MemorySegment dWeights;
        private final MemorySegment byKeys;
        private final MemorySegment turned;
        private final MemorySegment part;
        private final float[] dBeta;
        private final float[] dM;
        private final float[] dF;
        private final float[] dLatest;
        private final float[] dAll;

        Slopes(MemoryPiece of, Workspace scratch) {
            dy = zeros(scratch, of.most * of.n);
            dyTurned = zeros(scratch, of.n * of.p);
            surpriseTurned = zeros(scratch, of.n * of.p);
            dSurprise = zeros(scratch, of.most * of.n);
            dSurpriseTurned = zeros(scratch, of.n * of.p);
            ofMemory = zeros(scratch, of.most * of.n);
            ofMomentum = zeros(scratch, of.most * of.n);
            dWeights = zeros(scratch, of.most * of.p);
            byKeys = zeros(scratch, of.most * of.wide);
            turned = zeros(scratch, of.rows * of.p);
            part = zeros(scratch, of.rows * of.p);
            dBeta = scratch.floats(of.p);
            dM = scratch.floats(of.p);
            dF = scratch.floats(of.p);
            dLatest = scratch.floats(of.most * of.p);
            dAll = scratch.floats(of.most * of.p);
        }
    }

    /**
     * Gradients of positions.
     *
     * @param state M, S and the anchor before the piece, at a place in memory
     * @param d the gradients of M, S and the anchor after it, which become those before it
     */
    void backward(int t, int length, MemorySegment state, long at, Tensor given, MemorySegment d, Slopes to,
            Inputs dIn) {
        open(t, length, state, at);
        read(state, at);
        int padded = Tiles.paddedRows(count);
        gather(given, values, to.dy, n);
        turn(to.dy, n, values, to.dyTurned);
        turn(surprise, n, values, to.surpriseTurned);
        Tiles.product(key, 0, 4L * wide, 4, d, 0, 4L * n, to.ofMemory, 0, 4L * n, padded, n, keys);
        Tiles.product(key, 0, 4L * wide, 4, d, 4L * apart(), 4L * n, to.ofMomentum, 0, 4L * n, padded, n, keys);
        Tiles.product(to.dy, 0, 4L * n, 4, to.surpriseTurned, 0, 4L * p, to.dWeights, 0, 4L * p, padded, p, values);
        surpriseSlopes(to);
        gateSlopes(state, at, d, to, dIn);
        // From here on the gradients of weights are those of the pairs.
        for (int i = 0; i < count; i++) {
            MemoryLoops.products(-2, all, i * p, to.dWeights, 4L * i * p, to.dWeights, 4L * i * p, p);
        }
        querySlopes(state, at, to, dIn);
        keySlopes(state, at, d, to, dIn);
        stateSlopes(t, d, to);
        for (int i = 0; i < count; i++) {
            MemoryLoops.scale(-1, to.dSurprise, 4L * i * n, to.dSurprise, 4L * i * n, n);
        }
        scatter(to.dSurprise, n, dIn.value(), values);
    }

    private void surpriseSlopes(Slopes to) {
        Tiles.product(weights, 0, 4, 4L * p, to.dy, 0, 4L * n, to.dSurprise, 0, 4L * n, Tiles.paddedRows(count), n,
                count);
        int last = (count - 1) * p;
        for (int j = 0; j < count; j++) {
            long row = 4L * j * n;
            MemoryLoops.add(-2 * all[last + j], to.ofMemory, row, to.dSurprise, row, n);
            MemoryLoops.add(-2 * latest[last + j], to.ofMomentum, row, to.dSurprise, row, n);
            if (shortened[j] < 1) {
                // What would have made the surprise longer moved nothing.
                float along = MemoryLoops.dot(to.dSurprise, row, surprise, row, n)
                        / (MemoryScan.LONGEST_SURPRISE * MemoryScan.LONGEST_SURPRISE);
                MemoryLoops.add(-along, surprise, row, to.dSurprise, row, n);
                MemoryLoops.scale(shortened[j], to.dSurprise, row, to.dSurprise, row, n);
            }
        }
        turn(to.dSurprise, n, values, to.dSurpriseTurned);
    }

    /** The gradients of β, m, f, n and G, then through their recurrences those of the gates. */
    private void gateSlopes(MemorySegment state, long at, MemorySegment d, Slopes to, Inputs dIn) {
        int last = count - 1;
        for (int i = 0; i < count; i++) {
            long row = 4L * i * n;
            to.dBeta[i] = MemoryLoops.dot(to.dy, row, ofMemory, row, n);
            to.dF[i] = MemoryLoops.dot(to.dy, row, ofMomentum, row, n);
            to.dM[i] = 0;
            for (int j = 0; j <= i; j++) {
                long pair = 4L * (i * p + j);
                to.dAll[i * p + j] = -2 * pairs.get(Tensor.FLOAT, pair) * to.dWeights.get(Tensor.FLOAT, pair);
                to.dLatest[i * p + j] = 0;
            }
        }
        long apart = 4L * apart();
        to.dBeta[last] += MemoryLoops.dot(d, 0, state, at, apart());
        to.dF[last] += MemoryLoops.dot(d, 0, state, at + apart, apart());
        to.dM[last] = MemoryLoops.dot(d, apart, state, at + apart, apart());
        for (int j = 0; j < count; j++) {
            long row = 4L * j * n;
            to.dAll[last * p + j] -= 2 * MemoryLoops.dot(to.ofMemory, row, surprise, row, n);
            to.dLatest[last * p + j] = -2 * MemoryLoops.dot(to.ofMomentum, row, surprise, row, n);
        }
        for (int i = last; i >= 0; i--) {
            gateSlopes(i, to, dIn);
        }
    }

    private void gateSlopes(int i, Slopes to, Inputs dIn) {
        float eta = gate(in.momentum(), i);
        float keep = gate(in.keep(), i);
        int row = i * p;
        float dKeep = to.dBeta[i] * (i > 0 ? beta[i - 1] : 1);
        to.dM[i] += to.dF[i];
        float dEta = to.dM[i] * (i > 0 ? m[i - 1] : 1);
        if (i > 0) {
            to.dBeta[i - 1] += keep * to.dBeta[i];
            dKeep += to.dF[i] * f[i - 1];
            to.dF[i - 1] += keep * to.dF[i];
            to.dM[i - 1] += eta * to.dM[i];
        }
        for (int j = 0; j < i; j++) {
            float dPair = to.dAll[row + j];
            float dOne = to.dLatest[row + j] + dPair;
            dKeep += dPair * all[row - p + j];
            to.dAll[row - p + j] += keep * dPair;
            dEta += dOne * latest[row - p + j];
            to.dLatest[row - p + j] += eta * dOne;
        }
        long own = 4 * in.row(b, from + i, head);
        dIn.keep().data().set(Tensor.FLOAT, own, dKeep);
        dIn.momentum().data().set(Tensor.FLOAT, own, dEta);
        dIn.rate().data().set(Tensor.FLOAT, own, to.dAll[row + i] + to.dLatest[row + i]);
    }

    /** turned += numbers ⊙ (a memory · rows), a column for each position. */
    private void turnedSum(MemorySegment memory, long at, MemorySegment by, float factor, float[] numbers, int first,
            Slopes to) {
        Tiles.product(memory, at, 4L * n, 4, by, 0, 4L * p, to.part, 0, 4L * p, rows, p, values);
        for (int k = 0; k < keys; k++) {
            MemoryLoops.addProducts(factor, numbers, first, to.part, 4L * k * p, to.turned, 4L * k * p, p);
        }
    }

    /** byKeys plus what stands in turned, as rows of positions. */
    private void sum(Slopes to, Tensor into) {
        for (int i = 0; i < count; i++) {
            long own = 4 * in.row(b, from + i, head) * keys;
            for (int k = 0; k < keys; k++) {
                into.data().set(Tensor.FLOAT, own + 4L * k, to.byKeys.get(Tensor.FLOAT, 4L * (i * wide + k))
                        + to.turned.get(Tensor.FLOAT, 4L * (k * p + i)));
            }
        }
    }

    private void querySlopes(MemorySegment state, long at, Slopes to, Inputs dIn) {
        Lanes.clear(to.turned, 0, 4L * rows * p);
        turnedSum(state, at, to.dyTurned, 1, beta, 0, to);
        turnedSum(state, at + 4L * apart(), to.dyTurned, 1, f, 0, to);
        Tiles.product(to.dWeights, 0, 4L * p, 4, key, 0, 4L * wide, to.byKeys, 0, 4L * wide, Tiles.paddedRows(count),
                wide, count);
        sum(to, dIn.query());
    }

    private void keySlopes(MemorySegment state, long at, MemorySegment d, Slopes to, Inputs dIn) {
        int last = (count - 1) * p;
        Tiles.product(state, at + 8L * apart(), 4L * n, 4, to.dSurpriseTurned, 0, 4L * p, to.turned, 0, 4L * p, rows,
                p, values);
        turnedSum(d, 0, to.surpriseTurned, -2, all, last, to);
        turnedSum(d, 4L * apart(), to.surpriseTurned, -2, latest, last, to);
        Tiles.product(to.dWeights, 0, 4, 4L * p, query, 0, 4L * wide, to.byKeys, 0, 4L * wide,
                Tiles.paddedRows(count), wide, count);
        sum(to, dIn.key());
    }

    private void stateSlopes(int t, MemorySegment d, Slopes to) {
        int last = count - 1;
        long apart = 4L * apart();
        Tiles.accumulate(key, 0, 4, 4L * wide, to.dSurprise, 0, 4L * n, d, 2 * apart, 4L * n, rows, n, count, tile);
        MemoryLoops.combine(m[last], d, apart, f[last], d, 0, d, apart, apart());
        MemoryLoops.scale(beta[last], d, 0, d, 0, apart());
        scaled(1, beta, 0, to.dy);
        write(query, d, 0);
        scaled(1, f, 0, to.dy);
        write(query, d, apart);
        if (in.begins(b, t)) {
            MemoryLoops.add(1, d, 2 * apart, d, 0, apart());
            Lanes.clear(d, 2 * apart, 3 * apart);
        }
    }
}

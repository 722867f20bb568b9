package tern.kernels.recurrence;

import static tern.kernels.recurrence.PanelProducts.PANEL;
import static tern.kernels.recurrence.PanelProducts.length;

import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Many positions of one head in chunks of one vector of positions, 16 where vectors have 512 bits (Yang et al. 2023, arXiv
 * 2312.06635, section 4; with a rank-one term the WY form of arXiv 2406.06484, section 3). With c_i = e^(g_1 + … + g_i) from
 * the chunk's beginning:
 *
 * <pre>
 * R  = (A ⊙ c_(i−1))·S + tril₋(a_i·k_j e^…)·V          W = (I − tril₋(a_i·b_j e^…))⁻¹·R
 * Y  = (Q ⊙ c_i)·S + tril(q_i·k_j e^…)·V + tril(q_i·b_j e^…)·W
 * S ← c_C ⊙ S + (K e^…)ᵀ·V + (B e^…)ᵀ·W
 * </pre>
 *
 * <p>Where rewrites are the keys, V + W is all that is needed: it solves (I − tril₋(a_i·k_j e^…))·X = V + (A ⊙ c_(i−1))·S, and
 * half of the products are left out.
 *
 * <p>S, V and W lie below one another, and so does what multiplies them, so that each line is one product. How pairs are made
 * is told in {@link ChunkParts}.
 *
 * <p>Longer chunks would only add pairs: at a head of 64 the state stays in the first-level cache either way.
 */
final class ChunkScan {
    private static final int CHUNK = ChunkParts.CHUNK;

    private final ScanInputs in;
    private final int h;
    private final ChunkParts parts;
    private final int n;
    private final int m;
    /** Rows of the stack, and numbers in a row of the left sides. */
    private final int stackRows;
    private final int leftRow;

    /** S, V and W below one another; or S and V, which becomes V + W. */
    private final float[] stack;
    /** Rows Q ⊙ c beside the pairs of queries with keys and rewrites, below them the same of probes. */
    private final float[] left;
    private final float[] product;

    /** Head h. */
    ChunkScan(ScanInputs in, int h, Workspace scratch) {
        this.in = in;
        this.h = h;
        this.parts = new ChunkParts(in, h, in.rewritesKeys(), scratch);
        this.n = parts.n;
        this.m = parts.m;
        this.stackRows = n + parts.writers * CHUNK;
        this.leftRow = stackRows;
        this.stack = scratch.floats(length(stackRows, m));
        this.left = scratch.floats(parts.rows * leftRow);
        this.product = scratch.floats(length(CHUNK, m));
    }

    /** The state before the first position of sequence b. */
    void begin(Tensor state, int b) {
        ChunkRows.pack(state.data(), stateAt(b), 4L * in.valueWidth(), in.keyWidth(), n, in.valueWidth(), stack, 0,
                stackRows);
    }

    /** Asks memory for the next positions of all heads. */
    void fetch(Tensor y, int b, int start) {
        int length = Math.min(CHUNK, in.time() - start);
        parts.fetch(in.query(), b, start, length);
        parts.fetch(in.key(), b, start, length);
        parts.fetch(in.value(), b, start, length);
        parts.fetch(y, b, start, length);
        if (in.decayWidth() > 1 && in.logDecay().dim(1) > 1) {
            parts.fetch(in.logDecay(), in.logDecay().dim(0) == 1 ? 0 : b, start, length);
        }
        if (parts.rankOne) {
            parts.fetch(in.probe(), b, start, length);
        }
        if (parts.writers == 2) {
            parts.fetch(in.rewrite(), b, start, length);
        }
    }

    /** The state after the last. */
    void end(Tensor nextState, int b) {
        ChunkRows.unpack(stack, 0, stackRows, in.keyWidth(), in.valueWidth(), nextState.data(), stateAt(b),
                4L * in.valueWidth());
    }

    private long stateAt(int b) {
        return 4L * (b * in.heads() + h) * in.keyWidth() * in.valueWidth();
    }

    /** The next positions of sequence b. */
    void chunk(Tensor y, int b, int start) {
        int length = Math.min(CHUNK, in.time() - start);
        parts.pack(b, start, length, left, leftRow, PANEL);
        parts.packValues(in.value(), b, start, length, stack, n, stackRows);
        pairs();
        rewritten();
        PanelProducts.rows(left, 0, leftRow, stack, 0, stackRows, product, 0, CHUNK, CHUNK, m, leftRow, false,
                parts.spare);
        ChunkRows.unpack(product, 0, CHUNK, length, in.valueWidth(), y.data(), 4 * in.valueAt(b, start, h),
                4L * in.heads() * in.valueWidth());
        PanelProducts.decayRows(parts.aged, parts.rows, stack, n, stackRows, parts.total, stack, stackRows, n, m,
                parts.writers * CHUNK, parts.spare);
    }

    private void pairs() {
        for (int side = 0; side < parts.writers; side++) {
            parts.turn(side);
            for (int reader = 0; reader < parts.sides; reader++) {
                parts.scores(reader, side, left, reader * CHUNK * leftRow + n + side * CHUNK, leftRow);
            }
        }
        if (in.readsBefore()) {
            parts.ownPairs(left, n, leftRow);
        }
    }

    // W, by solving for four positions after another; or V + W in the place of V, which needs no product with V before.
    private void rewritten() {
        if (!parts.rankOne) {
            return;
        }
        int solved = n + (parts.writers - 1) * CHUNK;
        PanelProducts.rows(left, CHUNK * leftRow, leftRow, stack, 0, stackRows, stack, solved, stackRows, CHUNK, m,
                solved, parts.writers == 1, parts.spare);
        for (int i = 0; i < CHUNK; i += 4) {
            int at = (CHUNK + i) * leftRow + solved;
            if (i > 0) {
                PanelProducts.rows(left, at, leftRow, stack, solved, stackRows, stack, solved + i, stackRows, 4, m, i,
                        true, parts.spare);
            }
            AgeChains.solve(left, at + i, leftRow, stack, solved + i, stackRows, m);
        }
    }
}

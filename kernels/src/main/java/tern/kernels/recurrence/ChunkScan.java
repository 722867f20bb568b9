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
    private final int firstHead;
    private final ChunkParts parts;
    private final int n;
    private final int m;
    /** Rows of the stack, and numbers in a row of the left sides. */
    private final int stackRows;
    private final int leftRow;

    /** Of each head S, V and W below one another; or S and V, which becomes V + W. */
    private final float[][] stacks;
    /** Rows Q ⊙ c beside the pairs of queries with keys and rewrites, below them the same of probes. */
    private final float[] left;
    private final float[] product;

    /** Heads that lie side by side: all that they need but their states is in the same places. */
    ChunkScan(ScanInputs in, int firstHead, int heads, Workspace scratch) {
        this.in = in;
        this.firstHead = firstHead;
        this.parts = new ChunkParts(in, in.rewritesKeys(), scratch);
        this.n = parts.n;
        this.m = parts.m;
        this.stackRows = n + parts.writers * CHUNK;
        this.leftRow = stackRows;
        this.stacks = new float[heads][];
        for (int i = 0; i < heads; i++) {
            stacks[i] = scratch.floats(length(stackRows, m));
        }
        this.left = scratch.floats(parts.rows * leftRow);
        this.product = scratch.floats(length(CHUNK, m));
    }

    /** All positions of sequence b. */
    void run(Tensor state, Tensor y, Tensor nextState, int b) {
        for (int i = 0; i < stacks.length; i++) {
            ChunkRows.pack(state.data(), stateAt(b, firstHead + i), 4L * in.valueWidth(), in.keyWidth(), n,
                    in.valueWidth(), stacks[i], 0, stackRows);
        }
        RowsAhead ahead = new RowsAhead(in, y, firstHead, stacks.length);
        for (int start = 0; start < in.time(); start += CHUNK) {
            if (ahead.block() > 0 && start % ahead.block() == 0) {
                parts.spare[0] = ahead.fetch(b, start);
            }
            for (int i = 0; i < stacks.length; i++) {
                parts.head(firstHead + i);
                chunk(y, b, start, firstHead + i, stacks[i]);
            }
        }
        for (int i = 0; i < stacks.length; i++) {
            ChunkRows.unpack(stacks[i], 0, stackRows, in.keyWidth(), in.valueWidth(), nextState.data(),
                    stateAt(b, firstHead + i), 4L * in.valueWidth());
        }
    }

    private long stateAt(int b, int h) {
        return 4L * (b * in.heads() + h) * in.keyWidth() * in.valueWidth();
    }

    // The next positions of a head.
    private void chunk(Tensor y, int b, int start, int h, float[] stack) {
        int length = Math.min(CHUNK, in.time() - start);
        parts.pack(b, start, length, left, leftRow, PANEL);
        parts.packValues(in.value(), b, start, length, stack, n, stackRows);
        pairs();
        rewritten(stack);
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
    private void rewritten(float[] stack) {
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

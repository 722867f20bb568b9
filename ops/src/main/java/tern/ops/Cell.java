package tern.ops;

/**
 * Cells of recurrent networks whose every unit reads the h of all units of its head. Gates in the order of
 * {@link Ops#cellScan}: x_g and R_g belong to gate g, h_(t−1) is the h before; σ the logistic function, ⊙ by units.
 */
public enum Cell {
    /** h = tanh(x + R h) (Elman 1990). State h. */
    ELMAN(1, 1, 0),
    /**
     * Gates i, f, z, o: c ← σ(f) c + σ(i) tanh(z), h = σ(o) tanh(c), each gate x_g + R_g h (Hochreiter and Schmidhuber 1997; Gers
     * et al. 2000). State h, c.
     */
    LSTM(4, 2, 5),
    /**
     * Gates r, z, n with the reset after the product: n = tanh(x_n + σ(r) ⊙ (R_n h + bias)), h ← σ(z) h + (1 − σ(z)) n (the
     * usual one of libraries). State h.
     */
    GRU(3, 1, 4),
    /** Gates r, z, n with the reset before the product: n = tanh(x_n + R_n (σ(r) ⊙ h)) (Cho et al. 2014, 1406.1078). State h. */
    GRU_RESET_FIRST(3, 1, 3),
    /**
     * Gates i, f, z, o, exponential ones kept in range by m: m ← max(ln σ(f) + m, i), c ← e^(ln σ(f) + m₋ − m) c + e^(i − m) tanh(z),
     * n likewise of ones, h = σ(o) c/n (sLSTM; Beck et al. 2024, arXiv 2405.04517, section 2.2). State h, c, n, m; n = 0 means that
     * nothing was seen yet, then m is not read: zeros are the empty state.
     */
    SLSTM(4, 4, 7);

    private final int gates;
    private final int states;
    private final int kept;

    Cell(int gates, int states, int kept) {
        this.gates = gates;
        this.states = states;
        this.kept = kept;
    }

    /** G: numbers that a unit reads at each position. */
    public int gates() {
        return gates;
    }

    /** S: numbers that a unit remembers, h first. */
    public int states() {
        return states;
    }

    /** Numbers of each unit and position, besides h, that a backward pass reads. */
    public int kept() {
        return kept;
    }

    /** Whether the product of the last gate has a bias of its own. */
    public boolean biased() {
        return this == GRU;
    }
}

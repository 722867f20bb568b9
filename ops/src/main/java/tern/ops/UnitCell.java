package tern.ops;

/**
 * Cells of recurrent networks whose units read themselves alone, so that the Jacobian of a position is a block for each unit
 * (ParaRNN; arXiv 2510.21450, section 4). Gates in the order of {@link Ops#unitScan}: x_g belongs to gate g; a and C are rows of
 * its weights in the order of their names here; all products by units.
 */
public enum UnitCell {
    /**
     * Gates z, r, n: h ← (1 − σ(z)) h + σ(z) n with z = x_z + a_z h, r = x_r + a_r h, n = tanh(x_n + a_n σ(r) h). Weights a_z, a_r,
     * a_n; state h.
     */
    PARA_GRU(3, 3, 1),
    /**
     * Gates f, z, o: c ← σ(f) c + (1 − σ(f)) tanh(z), h ← σ(o) tanh(c) with f = x_f + a_f h + C_f c, z = x_z + a_z h, o = x_o + a_o h
     * + C_o c, the last with the new c. Weights a_f, a_z, a_o, C_f, C_o; state h, c.
     */
    PARA_LSTM(3, 5, 2);

    private final int gates;
    private final int weights;
    private final int states;

    UnitCell(int gates, int weights, int states) {
        this.gates = gates;
        this.weights = weights;
        this.states = states;
    }

    /** G: numbers that a unit reads at each position. */
    public int gates() {
        return gates;
    }

    /** W: weights of a unit. */
    public int weights() {
        return weights;
    }

    /** S: numbers that a unit remembers, h first. */
    public int states() {
        return states;
    }
}

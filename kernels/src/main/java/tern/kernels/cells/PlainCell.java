package tern.kernels.cells;

import tern.ops.Cell;
import tern.tensor.Tensor;

/** One head of a cell in plain loops. Confined to one thread. */
final class PlainCell {
    private final Cell cell;
    private final int head;
    private final int units;
    private final int gates;
    /** [G·K,K]. */
    private final double[] weight;
    /** [K], zeros for a cell without. */
    private final double[] bias;
    private final double[] dWeight;
    private final double[] dBias;
    /** S rows of K. */
    private final double[][] state;
    /** The state's gradient. */
    private final double[][] slope;

    PlainCell(Cell cell, Tensor weights, Tensor biases, int head) {
        this.cell = cell;
        this.head = head;
        this.units = weights.dim(2);
        this.gates = cell.gates();
        this.weight = new double[gates * units * units];
        this.bias = new double[units];
        for (int i = 0; i < weight.length; i++) {
            weight[i] = weights.get((long) head * weight.length + i);
        }
        for (int i = 0; cell.biased() && i < units; i++) {
            bias[i] = biases.get((long) head * units + i);
        }
        this.dWeight = new double[weight.length];
        this.dBias = new double[units];
        this.state = new double[cell.states()][units];
        this.slope = new double[cell.states()][units];
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    /** Row r of a tensor whose rows are [H,n,K]: its entry i of slot s, here at the head. */
    private long at(long row, int heads, int slots, int slot, int i) {
        return ((row * heads + head) * slots + slot) * units + i;
    }

    private void read(Tensor from, int b, double[][] into) {
        int heads = from.dim(2) / units;
        for (int s = 0; s < into.length; s++) {
            for (int i = 0; i < units; i++) {
                into[s][i] = from.get(at((long) b * into.length + s, heads, 1, 0, i));
            }
        }
    }

    private void write(double[][] values, Tensor into, int b) {
        int heads = into.dim(2) / units;
        for (int s = 0; s < values.length; s++) {
            for (int i = 0; i < units; i++) {
                into.set(at((long) b * values.length + s, heads, 1, 0, i), values[s][i]);
            }
        }
    }

    /** out += R_gate·h. */
    private void product(int gate, double[] h, double[] out) {
        for (int i = 0; i < units; i++) {
            int row = (gate * units + i) * units;
            double sum = 0;
            for (int j = 0; j < units; j++) {
                sum += weight[row + j] * h[j];
            }
            out[i] += sum;
        }
    }

    /** dh += R_gateᵀ·d, and the weight's gradient by h. */
    private void productBackward(int gate, double[] d, double[] h, double[] dh) {
        for (int i = 0; i < units; i++) {
            int row = (gate * units + i) * units;
            for (int j = 0; j < units; j++) {
                dh[j] += weight[row + j] * d[i];
                dWeight[row + j] += d[i] * h[j];
            }
        }
    }

    void forward(int b, Tensor x, Tensor first, Tensor y, Tensor last, Tensor kept) {
        int time = x.dim(1);
        int heads = x.dim(2);
        read(first, b, state);
        for (int t = 0; t < time; t++) {
            long row = (long) b * time + t;
            double[][] given = new double[gates][units];
            for (int g = 0; g < gates; g++) {
                for (int i = 0; i < units; i++) {
                    given[g][i] = x.get(at(row, heads, gates, g, i));
                }
            }
            double[][] keep = step(given);
            for (int s = 0; kept.elements() > 0 && s < keep.length; s++) {
                for (int i = 0; i < units; i++) {
                    kept.set(at(row, heads, keep.length, s, i), keep[s][i]);
                }
            }
            for (int i = 0; i < units; i++) {
                y.set(at(row, heads, 1, 0, i), state[0][i]);
            }
        }
        write(state, last, b);
    }

    /** One position: from what the gates are given to what is kept; the state moves on. */
    private double[][] step(double[][] given) {
        double[] h = state[0];
        double[][] keep = new double[cell.kept()][units];
        for (int g = 0; g < gates; g++) {
            if (g < 2 || cell == Cell.LSTM || cell == Cell.SLSTM) {
                product(g, h, given[g]);
            }
        }
        switch (cell) {
            case ELMAN -> {
                for (int i = 0; i < units; i++) {
                    h[i] = Math.tanh(given[0][i]);
                }
            }
            case LSTM -> {
                for (int i = 0; i < units; i++) {
                    keep[0][i] = sigmoid(given[0][i]);
                    keep[1][i] = sigmoid(given[1][i]);
                    keep[2][i] = Math.tanh(given[2][i]);
                    keep[3][i] = sigmoid(given[3][i]);
                    state[1][i] = keep[1][i] * state[1][i] + keep[0][i] * keep[2][i];
                    keep[4][i] = state[1][i];
                    h[i] = keep[3][i] * Math.tanh(state[1][i]);
                }
            }
            case GRU, GRU_RESET_FIRST -> gru(given, keep, h);
            case SLSTM -> {
                for (int i = 0; i < units; i++) {
                    exponential(i, given, keep);
                }
            }
        }
        return keep;
    }

    private void gru(double[][] given, double[][] keep, double[] h) {
        boolean late = cell == Cell.GRU;
        double[] read = new double[units];
        double[] reset = new double[units];
        for (int i = 0; i < units; i++) {
            keep[0][i] = sigmoid(given[0][i]);
            keep[1][i] = sigmoid(given[1][i]);
            reset[i] = keep[0][i] * h[i];
            read[i] = bias[i];
        }
        product(2, late ? h : reset, read);
        for (int i = 0; i < units; i++) {
            keep[2][i] = Math.tanh(given[2][i] + (late ? keep[0][i] * read[i] : read[i]));
            if (late) {
                keep[3][i] = read[i];
            }
            h[i] = keep[1][i] * h[i] + (1 - keep[1][i]) * keep[2][i];
        }
    }

    private void exponential(int i, double[][] given, double[][] keep) {
        double forget = given[1][i];
        double old = Math.min(forget, 0) - Math.log1p(Math.exp(-Math.abs(forget))) + state[3][i];
        boolean fresh = state[2][i] == 0 && given[0][i] - old < LOWEST;
        double m = fresh ? given[0][i] : Math.max(old, given[0][i]);
        keep[0][i] = Math.exp(given[0][i] - m);
        keep[1][i] = fresh ? 0 : Math.exp(old - m);
        keep[2][i] = Math.tanh(given[2][i]);
        keep[3][i] = sigmoid(given[3][i]);
        keep[4][i] = sigmoid(-forget);
        state[1][i] = keep[1][i] * state[1][i] + keep[0][i] * keep[2][i];
        state[2][i] = keep[1][i] * state[2][i] + keep[0][i];
        state[3][i] = m;
        keep[5][i] = state[1][i];
        keep[6][i] = state[2][i];
        state[0][i] = keep[3][i] * state[1][i] / state[2][i];
    }

    private static final double LOWEST = CellScan.LOWEST_FIRST_GATE;

    // ── backward ────────────────────────────────────────────────────────────────────────────────────────────────────

    void backward(int b, Tensor first, Tensor y, Tensor kept, Tensor dy, Tensor dLast, Tensor dx, Tensor dFirst) {
        int time = dx.dim(1);
        int heads = dx.dim(2);
        double[][] start = new double[cell.states()][units];
        read(first, b, start);
        read(dLast, b, slope);
        double[][] before = new double[cell.states()][units];
        double[][] keep = new double[cell.kept()][units];
        for (int t = time - 1; t >= 0; t--) {
            long row = (long) b * time + t;
            for (int i = 0; i < units; i++) {
                before[0][i] = t == 0 ? start[0][i] : y.get(at(row - 1, heads, 1, 0, i));
                // c of an LSTM, c and n of an sLSTM are the last that was kept.
                for (int s = 1; s < Math.min(3, cell.states()); s++) {
                    int slot = cell.kept() - Math.min(3, cell.states()) + s;
                    before[s][i] = t == 0 ? start[s][i] : kept.get(at(row - 1, heads, keep.length, slot, i));
                }
                for (int s = 0; s < keep.length; s++) {
                    keep[s][i] = kept.get(at(row, heads, keep.length, s, i));
                }
                slope[0][i] += dy.get(at(row, heads, 1, 0, i));
            }
            double[] h = new double[units];
            for (int i = 0; cell == Cell.ELMAN && i < units; i++) {
                h[i] = y.get(at(row, heads, 1, 0, i));
            }
            double[][] given = retreat(before, keep, h);
            for (int g = 0; g < gates; g++) {
                for (int i = 0; i < units; i++) {
                    dx.set(at(row, heads, gates, g, i), given[g][i]);
                }
            }
        }
        write(slope, dFirst, b);
    }

    /** One position back: the slope of the state after it becomes that of the state before; gives the gates' own. */
    private double[][] retreat(double[][] before, double[][] keep, double[] h) {
        double[][] given = new double[gates][units];
        double[] dh = slope[0];
        double[] dBefore = new double[units];
        switch (cell) {
            case ELMAN -> {
                for (int i = 0; i < units; i++) {
                    given[0][i] = dh[i] * (1 - h[i] * h[i]);
                }
            }
            case LSTM -> {
                for (int i = 0; i < units; i++) {
                    double in = keep[0][i], forget = keep[1][i], z = keep[2][i], out = keep[3][i];
                    double tanh = Math.tanh(keep[4][i]);
                    double dc = slope[1][i] + dh[i] * out * (1 - tanh * tanh);
                    given[0][i] = dc * z * in * (1 - in);
                    given[1][i] = dc * before[1][i] * forget * (1 - forget);
                    given[2][i] = dc * in * (1 - z * z);
                    given[3][i] = dh[i] * tanh * out * (1 - out);
                    slope[1][i] = dc * forget;
                }
            }
            case GRU, GRU_RESET_FIRST -> gruBackward(before[0], keep, given, dBefore);
            case SLSTM -> {
                for (int i = 0; i < units; i++) {
                    exponentialBackward(i, before, keep, given);
                }
            }
        }
        for (int g = 0; g < gates; g++) {
            if (g < 2 || cell == Cell.LSTM || cell == Cell.SLSTM) {
                productBackward(g, given[g], before[0], dBefore);
            }
        }
        System.arraycopy(dBefore, 0, dh, 0, units);
        return given;
    }

    private void gruBackward(double[] before, double[][] keep, double[][] given, double[] dBefore) {
        boolean late = cell == Cell.GRU;
        double[] dh = slope[0];
        double[] dRead = new double[units];
        double[] dReset = new double[units];
        double[] reset = new double[units];
        for (int i = 0; i < units; i++) {
            double r = keep[0][i], z = keep[1][i], n = keep[2][i];
            given[1][i] = dh[i] * (before[i] - n) * z * (1 - z);
            given[2][i] = dh[i] * (1 - z) * (1 - n * n);
            dBefore[i] = dh[i] * z;
            dRead[i] = late ? given[2][i] * r : given[2][i];
            reset[i] = r * before[i];
            dBias[i] += dRead[i];
        }
        productBackward(2, dRead, late ? before : reset, late ? dBefore : dReset);
        for (int i = 0; i < units; i++) {
            double r = keep[0][i];
            double dr = late ? given[2][i] * keep[3][i] : dReset[i] * before[i];
            given[0][i] = dr * r * (1 - r);
            dBefore[i] += late ? 0 : dReset[i] * r;
        }
    }

    private void exponentialBackward(int i, double[][] before, double[][] keep, double[][] given) {
        double in = keep[0][i], forget = keep[1][i], z = keep[2][i], out = keep[3][i], c = keep[5][i], n = keep[6][i];
        double dh = slope[0][i];
        double dc = slope[1][i] + dh * out / n;
        double dn = slope[2][i] - dh * out * c / (n * n);
        double written = in * (dc * z + dn);
        double carried = forget * (dc * before[1][i] + dn * before[2][i]);
        double rest = slope[3][i] - written - carried;
        boolean older = forget == 1;
        double old = carried + (older ? rest : 0);
        given[0][i] = written + (older ? 0 : rest);
        given[1][i] = old * keep[4][i];
        given[2][i] = dc * in * (1 - z * z);
        given[3][i] = dh * c / n * out * (1 - out);
        slope[1][i] = dc * forget;
        slope[2][i] = dn * forget;
        slope[3][i] = old;
    }

    /** Adds the gradients that were gathered. */
    void addTo(Tensor dWeights, Tensor dBiases) {
        for (int i = 0; i < dWeight.length; i++) {
            long at = (long) head * dWeight.length + i;
            dWeights.set(at, dWeights.get(at) + dWeight[i]);
        }
        for (int i = 0; cell.biased() && i < units; i++) {
            long at = (long) head * units + i;
            dBiases.set(at, dBiases.get(at) + dBias[i]);
        }
    }
}

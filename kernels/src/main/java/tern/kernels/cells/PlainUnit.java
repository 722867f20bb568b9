package tern.kernels.cells;

import tern.ops.UnitCell;
import tern.tensor.Tensor;

/** One unit in double precision: its next state, that state's Jacobian, and the way back. Confined to one thread. */
final class PlainUnit {
    private final UnitCell cell;
    private final double[] weight;
    private final double[] gate = new double[3];
    /** Of the next state, row by row. */
    final double[] jacobian;
    final double[] next;

    PlainUnit(UnitCell cell, Tensor weights, int unit) {
        this.cell = cell;
        this.weight = new double[cell.weights()];
        for (int w = 0; w < weight.length; w++) {
            weight[w] = weights.get((long) w * weights.dim(1) + unit);
        }
        this.next = new double[cell.states()];
        this.jacobian = new double[next.length * next.length];
    }

    private static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    /** Writes {@link #next} of x [G] and a state [S]. */
    void step(double[] x, double[] state) {
        double h = state[0];
        switch (cell) {
            case PARA_GRU -> {
                gate[0] = sigmoid(x[0] + weight[0] * h);
                gate[1] = sigmoid(x[1] + weight[1] * h);
                gate[2] = Math.tanh(x[2] + weight[2] * gate[1] * h);
                next[0] = h + gate[0] * (gate[2] - h);
            }
            case PARA_LSTM -> {
                gate[0] = sigmoid(x[0] + weight[0] * h + weight[3] * state[1]);
                gate[1] = Math.tanh(x[1] + weight[1] * h);
                next[1] = gate[1] + gate[0] * (state[1] - gate[1]);
                gate[2] = sigmoid(x[2] + weight[2] * h + weight[4] * next[1]);
                next[0] = gate[2] * Math.tanh(next[1]);
            }
        }
    }

    /** {@link #step}, and its {@link #jacobian}: a row is the gradient of one number of the next state. */
    void linearise(double[] x, double[] state) {
        step(x, state);
        double[] given = new double[3];
        double[] back = new double[next.length];
        for (int row = 0; row < next.length; row++) {
            double[] one = new double[next.length];
            one[row] = 1;
            back(state, one, given, new double[weight.length], back);
            System.arraycopy(back, 0, jacobian, row * next.length, next.length);
        }
    }

    /**
     * The way back through the last {@link #step}.
     *
     * @param slope of the next state
     * @param dx written
     * @param dWeight added to
     * @param dState written
     */
    void back(double[] state, double[] slope, double[] dx, double[] dWeight, double[] dState) {
        double h = state[0];
        switch (cell) {
            case PARA_GRU -> {
                double z = gate[0], r = gate[1], n = gate[2];
                dx[0] = slope[0] * (n - h) * z * (1 - z);
                dx[2] = slope[0] * z * (1 - n * n);
                dx[1] = dx[2] * weight[2] * h * r * (1 - r);
                dWeight[0] += dx[0] * h;
                dWeight[1] += dx[1] * h;
                dWeight[2] += dx[2] * h * r;
                dState[0] = slope[0] * (1 - z) + dx[0] * weight[0] + dx[1] * weight[1] + dx[2] * weight[2] * r;
            }
            case PARA_LSTM -> {
                double f = gate[0], z = gate[1], o = gate[2], tanh = Math.tanh(next[1]);
                dx[2] = slope[0] * tanh * o * (1 - o);
                double dc = slope[1] + slope[0] * o * (1 - tanh * tanh) + dx[2] * weight[4];
                dx[0] = dc * (state[1] - z) * f * (1 - f);
                dx[1] = dc * (1 - f) * (1 - z * z);
                dWeight[0] += dx[0] * h;
                dWeight[1] += dx[1] * h;
                dWeight[2] += dx[2] * h;
                dWeight[3] += dx[0] * state[1];
                dWeight[4] += dx[2] * next[1];
                dState[0] = dx[0] * weight[0] + dx[1] * weight[1] + dx[2] * weight[2];
                dState[1] = dc * f + dx[0] * weight[3];
            }
        }
    }
}

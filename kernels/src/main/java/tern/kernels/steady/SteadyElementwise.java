package tern.kernels.steady;

import tern.kernels.ThreadTeam;
import tern.kernels.elementwise.Elementwise;
import tern.ops.Activation;
import tern.tensor.Tensor;

/**
 * Functions of elements whose rows do not fill whole vectors, row by row: an element then meets the same instruction wherever
 * its row stands. Rows that do are left to the body together. Immutable.
 */
public final class SteadyElementwise implements Elementwise {
    // A multiple of every vector's length in floats.
    private static final int LANES = 16;
    private final Elementwise body;

    /** On top of this body. */
    public SteadyElementwise(Elementwise body) {
        this.body = body;
    }

    @FunctionalInterface
    private interface Row {
        void run(int row);
    }

    private static boolean even(Tensor x) {
        return x.shape().last() % LANES == 0;
    }

    private static Tensor rows(Tensor x) {
        return x.reshape(x.shape().rows(), x.shape().last());
    }

    private static void each(Tensor x, Row work) {
        for (int row = 0; row < x.shape().rows(); row++) {
            work.run(row);
        }
    }

    private static Tensor row(Tensor x, int row) {
        return rows(x).slice(row, row + 1);
    }

    @Override
    public void add(ThreadTeam team, Tensor a, Tensor b, Tensor y) {
        // One addition an element has the same bits in any instruction.
        body.add(team, a, b, y);
    }

    @Override
    public void addToColumns(ThreadTeam team, Tensor part, Tensor whole, int from) {
        body.addToColumns(team, part, whole, from);
    }

    @Override
    public void multiply(ThreadTeam team, Tensor a, Tensor b, Tensor y) {
        body.multiply(team, a, b, y);
    }

    @Override
    public void multiplyBackward(ThreadTeam team, Tensor a, Tensor b, Tensor dy, Tensor da, Tensor db) {
        body.multiplyBackward(team, a, b, dy, da, db);
    }

    @Override
    public void scale(ThreadTeam team, Tensor x, double factor, Tensor y) {
        body.scale(team, x, factor, y);
    }

    @Override
    public void activate(ThreadTeam team, Tensor x, Activation f, Tensor y) {
        if (even(x)) {
            body.activate(team, x, f, y);
        } else {
            each(x, row -> body.activate(team, row(x, row), f, row(y, row)));
        }
    }

    @Override
    public void activateBackward(ThreadTeam team, Tensor x, Activation f, Tensor dy, Tensor dx) {
        body.activateBackward(team, x, f, dy, dx);
    }

    @Override
    public void gate(ThreadTeam team, Tensor gate, Tensor value, Activation f, Tensor y) {
        if (even(gate)) {
            body.gate(team, gate, value, f, y);
        } else {
            each(gate, row -> body.gate(team, row(gate, row), row(value, row), f, row(y, row)));
        }
    }

    @Override
    public void gateBackward(ThreadTeam team, Tensor gate, Tensor value, Activation f, Tensor dy, Tensor dGate,
            Tensor dValue) {
        body.gateBackward(team, gate, value, f, dy, dGate, dValue);
    }

    @Override
    public double sum(ThreadTeam team, Tensor x) {
        return body.sum(team, x);
    }

    @Override
    public double sumOfSquares(ThreadTeam team, Tensor x) {
        return body.sumOfSquares(team, x);
    }
}

package tern.mixers.statespace;

import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;

import tern.ops.Ops;
import tern.sequence.Initialiser;
import tern.sequence.ParameterScope;
import tern.sequence.Role;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * h ← Ā h + B̄ u with a dense Ā [N,N] and B̄ [N], for many positions at once by powers of Ā, which are found by squaring. Immutable.
 *
 * @param transition Ā
 * @param input B̄
 */
record DenseSystem(Tensor transition, Tensor input) {
    /** Positions that a state's free response is computed for at a time: N numbers a channel each. */
    static final int BLOCK = 64;

    /**
     * Parameters {@code transition} [N,N] and {@code input} [N].
     *
     * @param start values of Ā and B̄, N rows of N + 1; asked for only where parameters start, as they may take seconds
     */
    static DenseSystem declare(ParameterScope scope, int order, Role role, Supplier<double[][]> start) {
        Once<double[][]> values = new Once<>(start);
        return new DenseSystem(
                scope.parameter("transition", Shape.of(order, order), role,
                        Initialiser.of(i -> values.get()[(int) (i / order)][(int) (i % order)])),
                scope.parameter("input", Shape.of(order), role, Initialiser.of(n -> values.get()[(int) n][order])));
    }

    private int order() {
        return input.dim(0);
    }

    /** Ā^(2^i). */
    private Tensor power(Ops ops, int i) {
        return ops.derived(this, "power " + i, () -> i == 0 ? transition
                : ops.linear(power(ops, i - 1), turned(ops, i - 1)));
    }

    /** (Ā^(2^i))ᵀ. */
    private Tensor turned(Ops ops, int i) {
        return ops.derived(this, "turned " + i, () -> i == 0 ? ops.linear(identity(ops), transition)
                : ops.linear(turned(ops, i - 1), power(ops, i - 1)));
    }

    private Tensor identity(Ops ops) {
        Tensor one = ops.zeros(input.dtype(), Shape.of(order(), order()));
        for (int n = 0; n < order(); n++) {
            one.set((long) n * order() + n, 1);
        }
        return one;
    }

    /** Ā^τ B̄ for τ = 0 … length−1: [length,N]. */
    Tensor impulse(Ops ops, int length) {
        return ops.derived(this, "impulse " + length, () -> ops.reshape(
                doubled(ops, ops.reshape(input, Shape.of(1, 1, 1, order())), length), Shape.of(length, order())));
    }

    /** Ā^(t+1) h for t = 0 … time−1: h [B,C,N], [B,time,C,N]. */
    Tensor free(Ops ops, Tensor state, int time) {
        Tensor first = ops.linear(ops.reshape(state, Shape.of(state.dim(0), 1, state.dim(1), state.dim(2))),
                transition);
        return doubled(ops, first, time);
    }

    /** Rows x, Āx, Ā²x … along axis 1. */
    private Tensor doubled(Ops ops, Tensor first, int length) {
        Tensor rows = first;
        for (int i = 0; rows.dim(1) < length; i++) {
            int more = Math.min(rows.dim(1), length - rows.dim(1));
            rows = ops.concat(List.of(rows, ops.linear(ops.slice(rows, 1, 0, more), power(ops, i))), 1);
        }
        return rows;
    }

    /** Values of Ā and B̄ by the bilinear rule for A, B and Δ: N rows of N + 1. A is lower triangular. */
    static double[][] bilinear(double[][] a, double[] b, double step) {
        int n = b.length;
        double[][] solved = new double[n][n + 1];
        for (int column = 0; column <= n; column++) {
            for (int i = 0; i < n; i++) {
                double sum = column == n ? step * b[i] : (i == column ? 1 : 0) + step / 2 * a[i][column];
                for (int k = 0; k < i; k++) {
                    sum += step / 2 * a[i][k] * solved[k][column];
                }
                solved[i][column] = sum / (1 - step / 2 * a[i][i]);
            }
        }
        return solved;
    }

    /** Values of Ā and B̄ by zero-order hold of one position: N rows of N + 1, from e^M of M = [[A, B], [0, 0]]. */
    static double[][] held(double[][] a, double[] b) {
        int n = b.length + 1;
        double[][] m = new double[n][n];
        double size = 0;
        for (int i = 0; i < n - 1; i++) {
            double sum = Math.abs(b[i]);
            System.arraycopy(a[i], 0, m[i], 0, n - 1);
            m[i][n - 1] = b[i];
            for (int k = 0; k < n - 1; k++) {
                sum += Math.abs(a[i][k]);
            }
            size = Math.max(size, sum);
        }
        int halvings = Math.max(0, Math.getExponent(size) + 3);
        double[][] power = new double[n][n];
        double[][] sum = new double[n][n];
        for (int i = 0; i < n; i++) {
            power[i][i] = 1;
            sum[i][i] = 1;
        }
        for (int term = 1; term <= 16; term++) {
            power = product(power, m, Math.scalb(1.0, -halvings) / term);
            for (int i = 0; i < n; i++) {
                for (int k = 0; k < n; k++) {
                    sum[i][k] += power[i][k];
                }
            }
        }
        for (int i = 0; i < halvings; i++) {
            sum = product(sum, sum, 1);
        }
        return Arrays.copyOf(sum, n - 1);
    }

    private static double[][] product(double[][] a, double[][] b, double factor) {
        int n = a.length;
        double[][] c = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                for (int k = 0; k < n; k++) {
                    c[i][k] += factor * a[i][j] * b[j][k];
                }
            }
        }
        return c;
    }
}

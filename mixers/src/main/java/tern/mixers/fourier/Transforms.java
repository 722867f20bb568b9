package tern.mixers.fourier;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import java.util.function.UnaryOperator;

import tern.ops.Ops;
import tern.sequence.MixerInput;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Matrices of transforms, and their use on padded batches. Stateless. */
final class Transforms {
    private Transforms() {
    }

    /** cos(2πjk/n + shift)·scale [n,n]. */
    static Tensor fourier(Ops ops, DType type, int n, double shift, double scale) {
        Tensor matrix = ops.zeros(type, Shape.of(n, n));
        for (int j = 0; j < n; j++) {
            for (int k = 0; k < n; k++) {
                // The product is reduced first: an angle of many turns would lose its last digits.
                double angle = 2 * Math.PI * ((long) j * k % n) / n;
                matrix.set((long) j * n + k, scale * Math.cos(angle + shift));
            }
        }
        return matrix;
    }

    /**
     * The first m coefficients of the orthonormal cosine transform of n positions, turned back as m positions, and scaled so
     * that what is constant stays as large [m,n].
     */
    static Tensor shortening(Ops ops, DType type, int n, int m) {
        double[][] of = cosines(n, m);
        double[][] back = cosines(m, m);
        double scale = Math.sqrt((double) m / n);
        Tensor matrix = ops.zeros(type, Shape.of(m, n));
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                double sum = 0;
                for (int k = 0; k < m; k++) {
                    sum += back[k][i] * of[k][j];
                }
                matrix.set((long) i * n + j, scale * sum);
            }
        }
        return matrix;
    }

    /** The same from m positions to n, of which {@link #shortening} gives the m back. */
    static Tensor lengthening(Ops ops, DType type, int n, int m) {
        Tensor down = shortening(ops, type, n, m);
        Tensor matrix = ops.zeros(type, Shape.of(n, m));
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                matrix.set((long) j * m + i, down.get((long) i * n + j) * n / m);
            }
        }
        return matrix;
    }

    /** Row k is coefficient k of the orthonormal cosine transform (DCT-II) of n positions. */
    private static double[][] cosines(int n, int rows) {
        double[][] table = new double[rows][n];
        for (int k = 0; k < rows; k++) {
            for (int j = 0; j < n; j++) {
                table[k][j] = Math.sqrt((k == 0 ? 1.0 : 2.0) / n) * Math.cos(Math.PI * (2L * j + 1) * k / (2.0 * n));
            }
        }
        return table;
    }

    /** Applies something to whole sequences: to all together, or to each by itself where they differ in length. */
    static Tensor eachWhole(Ops ops, MixerInput in, UnaryOperator<Tensor> apply) {
        return in.lengths().length == 0 ? apply.apply(in.x())
                : join(ops, in.batch(), b -> alone(ops, in, b, apply));
    }

    private static Tensor alone(Ops ops, MixerInput in, int b, UnaryOperator<Tensor> apply) {
        int length = in.lengths()[b];
        Tensor y = apply.apply(ops.slice(ops.slice(in.x(), 0, b, b + 1), 1, 0, length));
        return length == in.time() ? y
                : ops.concat(List.of(y, ops.zeros(y.dtype(), y.shape().with(1, in.time() - length))), 1);
    }

    private static Tensor join(Ops ops, int batch, IntFunction<Tensor> part) {
        List<Tensor> parts = new ArrayList<>();
        for (int b = 0; b < batch; b++) {
            parts.add(part.apply(b));
        }
        return ops.concat(parts, 0);
    }
}

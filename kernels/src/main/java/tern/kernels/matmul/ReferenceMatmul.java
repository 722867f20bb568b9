package tern.kernels.matmul;

import tern.kernels.ThreadTeam;
import tern.tensor.Tensor;

/** Matrix products in plain loops, accumulated in double. Immutable. */
public final class ReferenceMatmul implements Matmul {
    /** Keeps no state. */
    public ReferenceMatmul() {
    }

    @Override
    public void multiply(ThreadTeam team, Tensor a, boolean transposeA, Tensor b, boolean transposeB, Tensor c,
            float keep) {
        Product product = Product.of(a, transposeA, b, transposeB, c);
        int m = product.m(), n = product.n(), k = product.k();
        for (int z = 0; z < product.batch(); z++) {
            long fromA = (long) z * m * k, fromB = (long) z * k * n, fromC = (long) z * m * n;
            for (int i = 0; i < m; i++) {
                for (int j = 0; j < n; j++) {
                    double sum = 0;
                    for (int p = 0; p < k; p++) {
                        double left = a.get(fromA + (transposeA ? (long) p * m + i : (long) i * k + p));
                        double right = b.get(fromB + (transposeB ? (long) j * k + p : (long) p * n + j));
                        sum += left * right;
                    }
                    long at = fromC + (long) i * n + j;
                    c.set(at, keep == 0 ? sum : sum + keep * c.get(at));
                }
            }
        }
    }

    @Override
    public void linear(ThreadTeam team, Tensor x, Tensor weight, Tensor bias, Tensor y) {
        LinearShape shape = LinearShape.of(x, weight, bias, y);
        int in = shape.in(), out = shape.out();
        for (int r = 0; r < shape.rows(); r++) {
            for (int j = 0; j < out; j++) {
                double sum = shape.biased() ? bias.get(j) : 0;
                for (int i = 0; i < in; i++) {
                    sum += x.get((long) r * in + i) * weight.get((long) j * in + i);
                }
                y.set((long) r * out + j, sum);
            }
        }
    }

    @Override
    public void linearBackward(ThreadTeam team, Tensor x, Tensor weight, Tensor dy, Tensor dx, Tensor dWeight,
            Tensor dBias) {
        LinearShape shape = LinearShape.ofBackward(x, weight, dy, dx, dWeight, dBias);
        int in = shape.in(), out = shape.out(), rows = shape.rows();
        for (int r = 0; r < rows; r++) {
            for (int i = 0; i < in; i++) {
                double sum = 0;
                for (int j = 0; j < out; j++) {
                    sum += dy.get((long) r * out + j) * weight.get((long) j * in + i);
                }
                dx.set((long) r * in + i, sum);
            }
        }
        for (int j = 0; j < out; j++) {
            for (int i = 0; i < in; i++) {
                double sum = dWeight.get((long) j * in + i);
                for (int r = 0; r < rows; r++) {
                    sum += dy.get((long) r * out + j) * x.get((long) r * in + i);
                }
                dWeight.set((long) j * in + i, sum);
            }
        }
        if (shape.biased()) {
            for (int j = 0; j < out; j++) {
                double sum = dBias.get(j);
                for (int r = 0; r < rows; r++) {
                    sum += dy.get((long) r * out + j);
                }
                dBias.set(j, sum);
            }
        }
    }
}

package tern.kernels.lanes;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Small products against sums in double precision. */
class TilesTest {

    @Test
    void productsOfAllShapes() {
        for (int m = 4; m <= 12; m += 4) {
            for (int vectors = 1; vectors <= 7; vectors++) {
                for (int k = 0; k <= 9; k += 3) {
                    check(3000 + 100 * m + 10 * vectors + k, m, vectors * Lanes.LENGTH, k, false);
                    check(4000 + 100 * m + 10 * vectors + k, m, vectors * Lanes.LENGTH, k, true);
                }
            }
        }
    }

    private static void check(long seed, int m, int n, int k, boolean turned) {
        try (KernelLaw law = new KernelLaw(seed)) {
            Tensor a = turned ? law.gaussian(DType.F32, k, m) : law.gaussian(DType.F32, m, k);
            Tensor b = law.gaussian(DType.F32, k, n);
            Tensor before = law.gaussian(DType.F32, m, n);
            Tensor product = law.blank(DType.F32, m, n);
            Tensor sum = law.copy(before);
            Tensor expectedProduct = law.blank(DType.F32, m, n);
            Tensor expectedSum = law.blank(DType.F32, m, n);
            for (int i = 0; i < m; i++) {
                for (int j = 0; j < n; j++) {
                    double entry = 0;
                    for (int p = 0; p < k; p++) {
                        entry += a.get(turned ? p * m + i : i * k + p) * b.get((long) p * n + j);
                    }
                    expectedProduct.set((long) i * n + j, entry);
                    expectedSum.set((long) i * n + j, before.get((long) i * n + j) + entry);
                }
            }
            long row = turned ? 4 : 4L * k;
            long step = turned ? 4L * m : 4;
            Tensor scratch = law.blank(DType.F32, Tiles.scratchLength());
            Tiles.product(a.data(), 0, row, step, b.data(), 0, 4L * n, product.data(), 0, 4L * n, m, n, k);
            Tiles.accumulate(a.data(), 0, row, step, b.data(), 0, 4L * n, sum.data(), 0, 4L * n, m, n, k,
                    scratch.data());
            law.assertClose("product", product, expectedProduct);
            law.assertClose("sum", sum, expectedSum);
            law.assertGuardsUntouched();
        }
    }
}

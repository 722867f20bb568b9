package tern.kernels.matmul;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Strided products equal plain ones on every edge of a tile and a block. */
class GemmLawTest {
    private static final double ROUNDING = 0x1p-24;

    /**
     * Largest difference that a chain of so many fused multiply–adds may make, of the size of the sum: errors of single
     * roundings add up like a random walk, to 0.3·√k roundings on average (measured, normal deviates), and the worst of
     * some ten thousand sums stands nine times as far out; scaling by alpha and adding to C cost a few more. Chains end
     * after {@link Blocking#STEPS}, and so does the growth: a block of 1024 errs exactly as one naive loop over 1024 numbers,
     * 9217 numbers err no more than 1024 (5.7e-7 on average, a naive loop 1.7e-6, OpenBLAS 3.8e-7 with blocks of 384).
     * Blocks of 512 would err 4.0e-7, for 3 to 5 % of the speed.
     */
    private static double tolerance(int k) {
        return ROUNDING * (4 + 3 * Math.sqrt(Math.min(k, Blocking.STEPS)));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void smallSizesEqualThePlainLoops(int form) {
        long seed = Long.getLong("tern.seed", 20261122);
        int edge = 2 * Tile.LANES.length() + 1;
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam team = law.team(1);
            for (int i = 0; i < 200; i++) {
                check(law, team, law.random().nextInt(edge + 1), law.random().nextInt(edge + 1),
                        law.random().nextInt(edge + 1), form);
            }
            law.assertGuardsUntouched();
        }
    }

    @Test
    void everyLengthOfEachAxisEqualsThePlainLoops() {
        long seed = Long.getLong("tern.seed", 20261122);
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam team = law.team(1);
            KernelLaw.lengths().forEach(length -> {
                check(law, team, length, 3, 5, length % 4);
                check(law, team, 5, length, 3, length % 4);
                check(law, team, 3, 5, length, length % 4);
            });
            law.assertGuardsUntouched();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void sizesBeyondABlockEqualThePlainLoops(int form) {
        long seed = Long.getLong("tern.seed", 20261122);
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam team = law.team(1);
            check(law, team, 7, 9, 2 * Blocking.STEPS + 3, form);
            check(law, team, 500, 33, 17, form);
            check(law, team, 3, 5000, 2, form);
            check(law, team, 5, 7, 9 * Blocking.STEPS + 1, form);
            law.assertGuardsUntouched();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8})
    void theErrorDoesNotGrowBeyondABlock(int blocks) {
        int rows = 40, columns = 50, k = blocks * Blocking.STEPS;
        try (KernelLaw law = new KernelLaw(blocks)) {
            Tensor a = law.gaussian(DType.F32, rows, k), b = law.gaussian(DType.F32, columns, k);
            Tensor c = law.blank(DType.F32, rows, columns);
            new VectorMatmul().multiply(law.team(2), a, false, b, true, c, 0);
            double errors = 0, squares = 0;
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < columns; j++) {
                    double exact = 0;
                    for (int p = 0; p < k; p++) {
                        exact += a.get((long) i * k + p) * b.get((long) j * k + p);
                    }
                    errors += Math.pow(c.get((long) i * columns + j) - exact, 2);
                    squares += exact * exact;
                }
            }
            assertThat(Math.sqrt(errors / squares)).as("%d blocks: error on average, of the size of the sums", blocks)
                    .isBetween(0.1 * ROUNDING * Math.sqrt(Blocking.STEPS), 0.4 * ROUNDING * Math.sqrt(Blocking.STEPS));
        }
    }

    /** Matrices are the middle columns of wider ones, so that strides count and neighbours are guards. */
    private static void check(KernelLaw law, ThreadTeam team, int m, int n, int k, int form) {
        boolean transA = (form & 1) != 0, transB = (form & 2) != 0;
        int before = law.random().nextInt(4), after = law.random().nextInt(4);
        float alpha = law.random().nextInt(3) == 0 ? 1 : (float) law.random().nextGaussian();
        float keep = new float[] {0, 1, 0.5f}[law.random().nextInt(3)];
        Tensor a = transA ? law.gaussian(DType.F32, k, m) : law.gaussian(DType.F32, m, k);
        Tensor b = transB ? law.gaussian(DType.F32, n, k) : law.gaussian(DType.F32, k, n);
        Tensor kept = law.gaussian(DType.F32, m, n);
        Tensor expected = law.copy(kept);
        Tensor scaled = law.copy(a);
        for (long i = 0; i < a.elements(); i++) {
            scaled.set(i, a.get(i) * alpha);
        }
        new ReferenceMatmul().multiply(team, scaled, transA, b, transB, expected, keep);

        Tensor wideA = widen(law, a, before, after), wideB = widen(law, b, after, before);
        Tensor wideC = keep == 0 ? law.blank(DType.F32, m, before + n + after) : widen(law, kept, before, after);
        Tensor untouched = law.copy(wideC);
        Gemm.multiply(m, n, k, wideA.data(), 4L * before, wideA.dim(1), transA, wideB.data(), 4L * after, wideB.dim(1),
                transB, wideC.data(), 4L * before, before + n + after, alpha, keep, team.scratch());

        String what = "m %d n %d k %d transA %b transB %b alpha %s keep %s".formatted(m, n, k, transA, transB, alpha,
                keep);
        law.assertClose(what, narrow(law, wideC, before, n), expected, tolerance(k));
        law.assertSame(what + ", left of C", narrow(law, wideC, 0, before), narrow(law, untouched, 0, before));
        law.assertSame(what + ", right of C", narrow(law, wideC, before + n, after),
                narrow(law, untouched, before + n, after));
    }

    private static Tensor widen(KernelLaw law, Tensor source, int before, int after) {
        int rows = source.dim(0), columns = source.dim(1);
        Tensor wide = law.blank(DType.F32, rows, before + columns + after);
        for (int i = 0; i < rows; i++) {
            MemorySegment.copy(source.data(), 4L * i * columns, wide.data(), 4L * (i * wide.dim(1) + before),
                    4L * columns);
        }
        return wide;
    }

    private static Tensor narrow(KernelLaw law, Tensor wide, int from, int columns) {
        Tensor part = law.blank(DType.F32, wide.dim(0), columns);
        for (int i = 0; i < wide.dim(0); i++) {
            MemorySegment.copy(wide.data(), 4L * (i * wide.dim(1) + from), part.data(), 4L * i * columns, 4L * columns);
        }
        return part;
    }
}

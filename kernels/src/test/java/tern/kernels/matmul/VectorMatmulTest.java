package tern.kernels.matmul;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The vector body equals the plain one, and is the same bits on any number of threads. */
class VectorMatmulTest {
    private static final int EDGE = 2 * Tile.LANES.length() + 1;

    private final Matmul vector = new VectorMatmul();
    private final Matmul plain = new ReferenceMatmul();

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void smallProductsEqualThePlainLoops(int form) {
        long seed = Long.getLong("tern.seed", 20261122);
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1), four = law.team(4);
            for (int i = 0; i < 150; i++) {
                int batch = law.random().nextInt(4);
                checkMultiply(law, one, four, batch, law.random().nextInt(EDGE + 1), law.random().nextInt(EDGE + 1),
                        law.random().nextInt(EDGE + 1), form, law.random().nextInt(2));
            }
            KernelLaw.lengths().forEach(length -> {
                checkMultiply(law, one, four, 0, length, 3, 2, form, 0);
                checkMultiply(law, one, four, 0, 2, length, 3, form, 0);
                checkMultiply(law, one, four, 0, 3, 2, length, form, 0);
            });
            law.assertGuardsUntouched();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void largerProductsEqualThePlainLoops(int form) {
        long seed = Long.getLong("tern.seed", 20261122);
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1), four = law.team(4);
            checkMultiply(law, one, four, 0, 131, 77, 90, form, 0);
            checkMultiply(law, one, four, 0, 20, 33, 2 * Blocking.STEPS + 5, form, 1);
            checkMultiply(law, one, four, 0, 17, 700, 40, form, 0);
            checkMultiply(law, one, four, 3, 70, 65, 64, form, 1);
            checkMultiply(law, one, four, 40, 20, 19, 18, form, 0);
            checkMultiply(law, one, four, 0, 1, 300, 1000, form, 0);
            checkMultiply(law, one, four, 0, 7, 300, 300, form, 0);
            law.assertGuardsUntouched();
        }
    }

    /** Every way in which a team cuts products up: whole strips and parts, blocks of steps, batches, rows of a transposed A. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3})
    void sharedProductsAreTheSameBitsOnAnyTeam(int form) {
        long seed = Long.getLong("tern.seed", 20261122);
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1);
            for (int threads : new int[] {2, 3, 7}) {
                ThreadTeam several = law.team(threads);
                checkMultiply(law, one, several, 0, 100, 30, 100, form, 0);
                checkMultiply(law, one, several, 0, 83, 3 * Tile.COLUMNS + 5, 61, form, 1);
                checkMultiply(law, one, several, 0, 19, 9 * Tile.COLUMNS + 1, Blocking.STEPS + 3, form, 0);
                checkMultiply(law, one, several, 3, 140, 150, 130, form, 0);
                checkMultiply(law, one, several, 2, 2100, 9, 500, form, 1);
            }
            checkMultiply(law, one, law.team(3), 0, 2200, 7, Blocking.STEPS + 1, form, 0);
            law.assertGuardsUntouched();
        }
    }

    @Test
    void linearAndItsBackwardEqualThePlainLoops() {
        long seed = Long.getLong("tern.seed", 20261122);
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1), four = law.team(4);
            for (int i = 0; i < 150; i++) {
                checkLinear(law, one, four, law.random().nextInt(EDGE + 1), law.random().nextInt(EDGE + 1),
                        law.random().nextInt(EDGE + 1));
            }
            KernelLaw.lengths().forEach(length -> {
                checkLinear(law, one, four, length, 3, 2);
                checkLinear(law, one, four, 2, length, 3);
                checkLinear(law, one, four, 3, 2, length);
            });
            for (int rows : new int[] {1, 2, 3, 4, 5, 16, 17, 300}) {
                checkLinear(law, one, four, rows, 130, 257);
            }
            for (int rows = 7; rows <= 17; rows++) {
                checkLinear(law, one, four, rows, 1 + law.random().nextInt(100), 15 + law.random().nextInt(100));
                checkLinear(law, one, four, rows, Blocking.STEPS + 5, 53);
            }
            law.assertGuardsUntouched();
        }
    }

    @Test
    void doublePrecisionGoesToThePlainBody() {
        try (KernelLaw law = new KernelLaw(1)) {
            ThreadTeam team = law.team(1);
            Tensor a = law.gaussian(DType.F64, 5, 6), b = law.gaussian(DType.F64, 6, 7);
            Tensor expected = law.blank(DType.F64, 5, 7), actual = law.blank(DType.F64, 5, 7);
            plain.multiply(team, a, false, b, false, expected, 0);
            vector.multiply(team, a, false, b, false, actual, 0);
            law.assertSame("F64", actual, expected);
        }
    }

    @Test
    void aSumDoesNotDependOnTheSizeOfTheProduct() {
        try (KernelLaw law = new KernelLaw(2)) {
            ThreadTeam team = law.team(4);
            Tensor a = law.gaussian(DType.F32, 400, 700), b = law.gaussian(DType.F32, 700, 130);
            Tensor whole = law.blank(DType.F32, 400, 130), part = law.blank(DType.F32, 30, 130);
            vector.multiply(team, a, false, b, false, whole, 0);
            vector.multiply(team, a.slice(170, 200), false, b, false, part, 0);
            law.assertSame("rows 170 to 200", whole.slice(170, 200), part);
            assertThat(part.get(0)).isNotZero();
        }
    }

    /** Few columns meet A where it lies, many a copy of it. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aColumnDoesNotDependOnHowManyThereAre(boolean transA) {
        try (KernelLaw law = new KernelLaw(4)) {
            ThreadTeam team = law.team(1);
            for (int steps : new int[] {19, 64, Blocking.STEPS / 2, Blocking.STEPS + 7}) {
                Tensor a = transA ? law.gaussian(DType.F32, steps, 45) : law.gaussian(DType.F32, 45, steps);
                Tensor b = law.gaussian(DType.F32, 5 * Tile.COLUMNS, steps);
                Tensor whole = law.blank(DType.F32, 45, 5 * Tile.COLUMNS);
                vector.multiply(team, a, transA, b, true, whole, 0);
                for (int columns : new int[] {1, Tile.NARROW + 1, Tile.COLUMNS, 3 * Tile.COLUMNS - 2}) {
                    Tensor few = law.blank(DType.F32, 45, columns);
                    vector.multiply(team, a, transA, b.slice(0, columns), true, few, 0);
                    for (int i = 0; i < 45; i++) {
                        law.assertSame("steps %d columns %d row %d".formatted(steps, columns, i), few.slice(i, i + 1),
                                whole.slice(i, i + 1).reshape(5 * Tile.COLUMNS).slice(0, columns).reshape(1, columns));
                    }
                }
            }
            law.assertGuardsUntouched();
        }
    }

    @Test
    void aRowOfFewDoesNotDependOnHowManyThereAre() {
        long seed = Long.getLong("tern.seed", 20261122);
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam team = law.team(3);
            for (int out : new int[] {FewRows.PASS, 61, 700}) {
                int in = 1 + law.random().nextInt(900);
                Tensor x = law.gaussian(DType.F32, FewRows.MOST, in), weight = law.gaussian(DType.F32, out, in);
                Tensor bias = law.gaussian(DType.F32, out), alone = law.blank(DType.F32, FewRows.MOST, out);
                for (int i = 0; i < FewRows.MOST; i++) {
                    vector.linear(team, x.slice(i, i + 1), weight, bias, alone.slice(i, i + 1));
                }
                for (int rows = 2; rows <= FewRows.MOST; rows++) {
                    Tensor together = law.blank(DType.F32, rows, out);
                    vector.linear(team, x.slice(0, rows), weight, bias, together);
                    law.assertSame(rows + " rows, in " + in + " out " + out, together, alone.slice(0, rows));
                }
            }
            law.assertGuardsUntouched();
        }
    }

    /** One row alone meets a large matrix row after row, and with others not. */
    @Test
    void aRowOfFewMeetsALargeMatrixAsASmallOne() {
        int in = 640, out = (int) (FewRows.IN_CACHES_BYTES / 4 / in) + 9;
        try (KernelLaw law = new KernelLaw(5)) {
            ThreadTeam team = law.team(2);
            Tensor x = law.gaussian(DType.F32, 3, in), weight = law.gaussian(DType.F32, out, in);
            Tensor bias = law.gaussian(DType.F32, out), small = law.blank(DType.F32, 1, 16);
            Tensor alone = law.blank(DType.F32, 3, out), together = law.copy(alone);
            for (int i = 0; i < 3; i++) {
                vector.linear(team, x.slice(i, i + 1), weight, bias, alone.slice(i, i + 1));
            }
            vector.linear(team, x, weight, bias, together);
            law.assertSame("three rows", together, alone);
            vector.linear(team, x.slice(0, 1), weight.slice(0, 16), bias.slice(0, 16), small);
            law.assertSame("sixteen columns", small.reshape(16), alone.reshape(3 * out).slice(0, 16));
        }
    }

    @Test
    void aRowOfARowwiseProductDoesNotDependOnHowManyThereAre() {
        long seed = Long.getLong("tern.seed", 20261122);
        Matmul rowwise = new RowwiseMatmul();
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam team = law.team(3);
            int[][] shapes = {{1, 3}, {200, FewRows.PASS}, {64, 65}, {300, LanePanels.COLUMNS}, {128, 387}, {777, 94}};
            for (int[] shape : shapes) {
                int rows = LanePanels.FEWEST + law.random().nextInt(80), in = shape[0], out = shape[1];
                Tensor x = law.gaussian(DType.F32, rows, in), weight = law.gaussian(DType.F32, out, in);
                Tensor alone = law.blank(DType.F32, rows, out), together = law.blank(DType.F32, rows, out);
                for (Tensor bias : List.of(law.gaussian(DType.F32, out), law.gaussian(DType.F32, 0))) {
                    for (int i = 0; i < rows; i++) {
                        rowwise.linear(team, x.slice(i, i + 1), weight, bias, alone.slice(i, i + 1));
                    }
                    rowwise.linear(team, x, weight, bias, together);
                    law.assertSame(rows + " rows, in " + in + " out " + out, together, alone);
                    rowwise.linear(law.team(1), x, weight, bias, together);
                    law.assertSame("on one thread, in " + in + " out " + out, together, alone);
                }
            }
            law.assertGuardsUntouched();
        }
    }

    private void checkMultiply(KernelLaw law, ThreadTeam one, ThreadTeam several, int batch, int m, int n, int k,
            int form,
            float keep) {
        boolean transA = (form & 1) != 0, transB = (form & 2) != 0;
        Tensor a = law.gaussian(DType.F32, shape(batch, transA ? k : m, transA ? m : k));
        Tensor b = law.gaussian(DType.F32, shape(batch, transB ? n : k, transB ? k : n));
        Tensor kept = keep == 0 ? law.blank(DType.F32, shape(batch, m, n))
                : law.gaussian(DType.F32, shape(batch, m, n));
        Tensor expected = law.copy(kept), onOne = law.copy(kept), onSeveral = law.copy(kept);
        plain.multiply(one, a, transA, b, transB, expected, keep);
        vector.multiply(one, a, transA, b, transB, onOne, keep);
        vector.multiply(several, a, transA, b, transB, onSeveral, keep);
        String what = "batch %d m %d n %d k %d transA %b transB %b keep %s".formatted(batch, m, n, k, transA, transB,
                keep);
        law.assertClose(what, onOne, expected);
        law.assertSame(what + ", " + several.threads() + " threads", onSeveral, onOne);
    }

    private static int[] shape(int batch, int rows, int columns) {
        return batch == 0 ? new int[] {rows, columns} : new int[] {batch, rows, columns};
    }

    private void checkLinear(KernelLaw law, ThreadTeam one, ThreadTeam four, int rows, int in, int out) {
        boolean biased = law.random().nextBoolean();
        String what = "rows %d in %d out %d biased %b".formatted(rows, in, out, biased);
        Tensor x = law.gaussian(DType.F32, rows, in), weight = law.gaussian(DType.F32, out, in);
        Tensor bias = law.gaussian(DType.F32, biased ? out : 0);
        Tensor expected = law.blank(DType.F32, rows, out), onOne = law.copy(expected), onFour = law.copy(expected);
        plain.linear(one, x, weight, bias, expected);
        vector.linear(one, x, weight, bias, onOne);
        vector.linear(four, x, weight, bias, onFour);
        law.assertClose(what, onOne, expected);
        law.assertSame(what + ", four threads", onFour, onOne);

        Tensor dy = law.gaussian(DType.F32, rows, out);
        Tensor dWeight = law.gaussian(DType.F32, out, in), dBias = law.gaussian(DType.F32, biased ? out : 0);
        Tensor[] want = gradients(law, rows, in, dWeight, dBias), got = gradients(law, rows, in, dWeight, dBias),
                gotOnFour = gradients(law, rows, in, dWeight, dBias);
        plain.linearBackward(one, x, weight, dy, want[0], want[1], want[2]);
        vector.linearBackward(one, x, weight, dy, got[0], got[1], got[2]);
        vector.linearBackward(four, x, weight, dy, gotOnFour[0], gotOnFour[1], gotOnFour[2]);
        for (int i = 0; i < 3; i++) {
            String which = new String[] {"dx", "dWeight", "dBias"}[i] + ", " + what;
            law.assertClose(which, got[i], want[i]);
            law.assertSame(which + ", four threads", gotOnFour[i], got[i]);
        }
    }

    private static Tensor[] gradients(KernelLaw law, int rows, int in, Tensor dWeight, Tensor dBias) {
        return new Tensor[] {law.blank(DType.F32, rows, in), law.copy(dWeight), law.copy(dBias)};
    }
}

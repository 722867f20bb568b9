package tern.kernels.embedding;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The vector body equals the plain one, and is the same bits on any number of threads. */
class VectorEmbeddingTest {

    @Test
    void equalsThePlainLoops() {
        long seed = Long.getLong("tern.seed", 20261122);
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1), four = law.team(4);
            KernelLaw.lengths().forEach(length -> {
                check(law, one, four, DType.F32, 3, length, 7);
                check(law, one, four, DType.F32, 2, 5, length);
                check(law, one, four, DType.F64, 2, length, 5);
            });
            check(law, one, four, DType.F32, 20, 130, 700);
            law.assertGuardsUntouched();
        }
    }

    private static void check(KernelLaw law, ThreadTeam one, ThreadTeam four, DType dtype, int entries, int width,
            int rows) {
        String what = "%s entries %d width %d rows %d".formatted(dtype, entries, width, rows);
        Embedding plain = new ReferenceEmbedding(), vector = new VectorEmbedding();
        Tensor table = law.gaussian(dtype, entries, width), ids = law.zeros(DType.I32, rows);
        for (int r = 0; r < rows; r++) {
            ids.set(r, law.random().nextInt(entries));
        }
        Tensor want = law.blank(dtype, rows, width), got = law.copy(want);
        plain.forward(one, table, ids, want);
        vector.forward(four, table, ids, got);
        law.assertSame("forward, " + what, got, want);

        Tensor dTable = law.gaussian(dtype, entries, width), dOne = law.copy(dTable), dFour = law.copy(dTable);
        plain.backward(one, ids, want, dTable);
        vector.backward(one, ids, want, dOne);
        vector.backward(four, ids, want, dFour);
        law.assertClose("backward, " + what, dOne, dTable);
        law.assertSame("backward, four threads, " + what, dFour, dOne);
    }
}

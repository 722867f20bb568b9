package tern.kernels.attention;

import java.util.List;
import java.util.function.DoubleSupplier;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.kernels.attention.CrossAttention.Inputs;
import tern.ops.Spans;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Plain gradients are slopes; vector = plain; a query by itself gives the same bits; the order of rows in a ring does not count. */
class CrossAttentionTest {
    private final CrossAttention plain = new ReferenceCrossAttention();
    private final CrossAttention vector = new VectorCrossAttention();

    private static Spans anySpans(KernelLaw law, int queries, int rows) {
        int[] first = law.random().ints(queries, 0, rows).toArray();
        int[] count = law.random().ints(queries, 0, rows + 1).toArray();
        return new Spans(first, count);
    }

    private static Inputs any(KernelLaw law, DType type, int batch, int time, int rows, int heads, int keys, int values,
            int distances) {
        return new Inputs(law.gaussian(type, batch, time, heads, keys), law.gaussian(type, batch, rows, heads, keys),
                law.gaussian(type, batch, rows, heads, values), law.gaussian(type, heads, distances),
                anySpans(law, batch * time, rows));
    }

    private static Tensor forward(KernelLaw law, CrossAttention body, ThreadTeam team, Inputs in) {
        Tensor y = law.blank(in.query().dtype(), in.query().dim(0), in.time(), in.heads(), in.value().dim(3));
        body.forward(team, in, y);
        return y;
    }

    private static List<Tensor> backward(KernelLaw law, CrossAttention body, ThreadTeam team, Inputs in, Tensor dy) {
        List<Tensor> slopes = List.of(in.query(), in.key(), in.value(), in.bias()).stream()
                .map(of -> law.blank(of.dtype(), of.shape().toArray())).toList();
        body.backward(team, in, dy, slopes.get(0), slopes.get(1), slopes.get(2), slopes.get(3));
        return slopes;
    }

    @Test
    void plainGradientsAreSlopes() {
        try (KernelLaw law = new KernelLaw(7100)) {
            for (int distances : new int[] {0, 3}) {
                Inputs in = any(law, DType.F64, 2, 3, 4, 2, 3, 2, distances);
                ThreadTeam team = law.team(1);
                Tensor dy = law.gaussian(DType.F64, 2, 3, 2, 2);
                List<Tensor> slopes = backward(law, plain, team, in, dy);
                DoubleSupplier loss = () -> KernelLaw.dot(dy, forward(law, plain, team, in));
                List<Tensor> of = List.of(in.query(), in.key(), in.value(), in.bias());
                for (int i = 0; i < of.size(); i++) {
                    law.assertGradient("input " + i, of.get(i), slopes.get(i), loss);
                }
            }
            law.assertGuardsUntouched();
        }
    }

    @Test
    void vectorIsPlain() {
        KernelLaw.lengths().filter(n -> n > 0).forEach(n -> {
            check(7200 + n, 2, 3, 5, 2, n, 34 - n, 4);
            check(7300 + n, 1, 4, n, 2, 5, 6, n % 3 * 4);
        });
        check(7400, 2, 70, 100, 3, 32, 16, 60);
        check(7401, 1, 0, 7, 2, 8, 8, 0);
    }

    private void check(long seed, int batch, int time, int rows, int heads, int keys, int values, int distances) {
        try (KernelLaw law = new KernelLaw(seed)) {
            Inputs in = any(law, DType.F32, batch, time, rows, heads, keys, values, distances);
            Tensor dy = law.gaussian(DType.F32, batch, time, heads, values);
            Tensor expected = forward(law, plain, law.team(1), in);
            List<Tensor> slopes = backward(law, plain, law.team(1), in, dy);
            for (int threads : new int[] {1, 4}) {
                law.assertClose("y", forward(law, vector, law.team(threads), in), expected);
                List<Tensor> found = backward(law, vector, law.team(threads), in, dy);
                for (int i = 0; i < found.size(); i++) {
                    law.assertClose("gradient " + i, found.get(i), slopes.get(i), 2 * KernelLaw.TOLERANCE_F32);
                }
            }
            law.assertGuardsUntouched();
        }
    }

    @Test
    void aQueryDoesNotSeeThoseBesideIt() {
        try (KernelLaw law = new KernelLaw(7500)) {
            Inputs in = any(law, DType.F32, 1, 9, 40, 2, 16, 20, 50);
            ThreadTeam team = law.team(2);
            Tensor whole = forward(law, vector, team, in);
            for (int t = 0; t < 9; t++) {
                Tensor query = law.blank(DType.F32, 1, 1, 2, 16);
                for (int i = 0; i < 32; i++) {
                    query.set(i, in.query().get(t * 32L + i));
                }
                Inputs alone = new Inputs(query, in.key(), in.value(), in.bias(),
                        new Spans(new int[] {in.spans().first()[t]}, new int[] {in.spans().count()[t]}));
                Tensor expected = law.blank(DType.F32, 1, 1, 2, 20);
                for (int i = 0; i < 40; i++) {
                    expected.set(i, whole.get(t * 40L + i));
                }
                law.assertSame("query " + t, forward(law, vector, team, alone), expected);
            }
        }
    }
}

package tern.kernels.optimise;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelLaw;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** The vector body equals the plain one, and is the same bits on any number of threads. */
class VectorAdamWTest {

    @Test
    void equalsThePlainLoop() {
        long seed = Long.getLong("tern.seed", 20261122);
        try (KernelLaw law = new KernelLaw(seed)) {
            ThreadTeam one = law.team(1), four = law.team(4);
            KernelLaw.lengths().forEach(length -> check(law, one, four, DType.F32, length));
            check(law, one, four, DType.F64, 7);
            check(law, one, four, DType.F32, 100_003);
            law.assertGuardsUntouched();
        }
    }

    private static void check(KernelLaw law, ThreadTeam one, ThreadTeam four, DType dtype, int length) {
        Tensor parameter = law.gaussian(dtype, length), first = law.gaussian(dtype, length);
        Tensor second = law.gaussian(dtype, length);
        for (long i = 0; i < length; i++) {
            second.set(i, second.get(i) * second.get(i));
        }
        Tensor[] plain = {law.copy(parameter), law.copy(first), law.copy(second)};
        Tensor[] vector = {law.copy(parameter), law.copy(first), law.copy(second)};
        Tensor[] shared = {parameter, first, second};
        for (int step = 1; step <= 3; step++) {
            Tensor gradient = law.gaussian(dtype, length);
            AdamWStep.Settings settings = new AdamWStep.Settings(0.01, 0.9, 0.95, 1e-8, 0.1, step, 0.7);
            new ReferenceAdamW().update(one, plain[0], gradient, plain[1], plain[2], settings);
            new VectorAdamW().update(one, vector[0], gradient, vector[1], vector[2], settings);
            new VectorAdamW().update(four, shared[0], gradient, shared[1], shared[2], settings);
        }
        for (int i = 0; i < 3; i++) {
            String what = new String[] {"parameter", "first moment", "second moment"}[i] + ", length " + length;
            law.assertClose(what, vector[i], plain[i]);
            law.assertSame(what + ", four threads", shared[i], vector[i]);
        }
    }
}

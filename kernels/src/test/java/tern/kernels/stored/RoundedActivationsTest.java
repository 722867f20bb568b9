package tern.kernels.stored;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.ValueLayout;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import tern.kernels.KernelLaw;
import tern.tensor.DType;
import tern.tensor.Tensor;

/** Products of two rounded factors are what ggml defines: sums of whole numbers times two scales, offsets times a rounded sum. */
class RoundedActivationsTest {
    private static final int BLOCK = 32;

    @ParameterizedTest
    @EnumSource(names = {"Q8_0", "Q4_0", "Q5_0", "Q4_1", "Q5_1"})
    void productsAreSumsOfWholeNumbers(DType type) {
        long seed = Long.getLong("tern.seed", 20261122);
        try (KernelLaw law = new KernelLaw(seed)) {
            int rows = 5, in = 5 * BLOCK, out = 13;
            Tensor x = law.gaussian(DType.F32, rows, in), weight = law.stored(type, out, in);
            Tensor bias = law.gaussian(DType.F32, out), y = law.blank(DType.F32, rows, out);
            new RoundedActivations(new VectorStoredWeights()).linear(law.team(4), x, weight, bias, y);
            for (int i = 0; i < rows; i++) {
                for (int n = 0; n < out; n++) {
                    double sum = bias.get(n), size = Math.abs(sum);
                    for (int p = 0; p < in; p += BLOCK) {
                        double part = ofBlocks(weight, (long) n * in + p, x, (long) i * in + p);
                        sum += part;
                        size += Math.abs(part);
                    }
                    assertThat(y.get((long) i * out + n)).as("%s, seed %d, row %d, output %d", type, seed, i, n)
                            .isBetween(sum - 2e-6 * (1 + size), sum + 2e-6 * (1 + size));
                }
            }
        }
    }

    private static double ofBlocks(Tensor weight, long wAt, Tensor x, long xAt) {
        double largest = 0;
        for (int i = 0; i < BLOCK; i++) {
            largest = Math.max(largest, Math.abs(x.get(xAt + i)));
        }
        double scale = half((float) largest / 127), offset = offset(weight, wAt), products = 0;
        int whole = 0;
        for (int i = 0; i < BLOCK; i++) {
            int rounded = (int) Math.rint((float) x.get(xAt + i) * (127 / (float) largest));
            products += (weight.get(wAt + i) - offset) * rounded;
            whole += rounded;
        }
        return scale * products + offset * half((float) largest / 127 * whole);
    }

    /** What the type adds to every number of the block. */
    private static double offset(Tensor weight, long at) {
        if (weight.dtype() != DType.Q4_1 && weight.dtype() != DType.Q5_1) {
            return 0;
        }
        long block = at / BLOCK * weight.dtype().blockBytes();
        return Float.float16ToFloat(weight.data().get(ValueLayout.JAVA_SHORT_UNALIGNED, block + 2));
    }

    private static double half(float value) {
        return Float.float16ToFloat(Float.floatToFloat16(value));
    }
}

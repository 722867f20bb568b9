package tern.mixers.griffin;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.Matrices;
import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** The laws, and the equations written out. */
class RgLruTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("rg-lru", RgLruConfig.of(6, 2), 6, 8, 30),
                MixerCase.of("wide", new RgLruConfig(36, 4, 3), 3, 8, 24));
    }

    @Test
    void equalsItsEquations() {
        try (Bench bench = new Bench(new RgLruConfig(4, 2, 4), 6, 8, 3)) {
            SeededParameters p = bench.parameters;
            Tensor in = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, 7, 6);
            double[][] u = Plain.linear(Plain.rows(in), p, "input");
            double[][] beside = Plain.linear(Plain.rows(in), p, "gate");
            double[][] x = new double[7][4];
            double[][] h = new double[7][4];
            for (int t = 0; t < 7; t++) {
                for (int c = 0; c < 4; c++) {
                    x[t][c] = p.get("short.bias").get(c);
                    for (int lag = 0; lag < Math.min(4, t + 1); lag++) {
                        x[t][c] += p.get("short.weight").get(c * 4L + 3 - lag) * u[t - lag][c];
                    }
                }
                for (int c = 0; c < 4; c++) {
                    double open = gate(p, "recurrenceGate", x[t], c);
                    double decay = t == 0 ? 0 : Math.exp(-8 * open * Matrices.softplus(p.get("decay").get(c)));
                    h[t][c] = Math.sqrt(1 - decay * decay) * gate(p, "inputGate", x[t], c) * x[t][c]
                            + (t == 0 ? 0 : decay * h[t - 1][c]);
                }
            }
            for (int t = 0; t < 7; t++) {
                for (int c = 0; c < 4; c++) {
                    double z = beside[t][c];
                    h[t][c] *= z / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z * z * z)));
                }
            }
            Tensors.assertClose("rg-lru", bench.y(in), Plain.flat(Plain.linear(h, p, "output")),
                    Tensors.F64_TOLERANCE);
        }
    }

    /** σ of a map of the two channels of a head. */
    private static double gate(SeededParameters p, String name, double[] x, int c) {
        double sum = p.get(name + ".bias").get(c);
        for (int i = 0; i < 2; i++) {
            sum += p.get(name + ".weight").get(c * 2L + i) * x[c / 2 * 2 + i];
        }
        return Matrices.sigmoid(sum);
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> RgLruConfig.of(6, 4))
                .withMessageContaining("heads is 4").withMessageContaining("6");
    }
}

package tern.mixers.minimal;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.Matrices;
import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** The laws, and the equations written out. */
class MinimalCellTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("minGRU", new MinGruConfig(7, 1), 5, 8, 24),
                MixerCase.of("minLSTM", new MinLstmConfig(36, 4), 5, 8, 24));
    }

    @Test
    void equalsItsEquations() {
        for (boolean lstm : new boolean[] {false, true}) {
            MixerConfig config = lstm ? new MinLstmConfig(3, 1) : new MinGruConfig(3, 1);
            try (Bench bench = new Bench(config, 5, 8, 4)) {
                SeededParameters p = bench.parameters;
                Tensor in = Tensors.normal(DType.F64, Seeds.random(6), bench.memory, 1, 8, 5);
                double[][] gates = Matrices.each(Plain.linear(Plain.rows(in), p, "gates"), Matrices::sigmoid);
                double[][] candidates = Matrices.each(Plain.linear(Plain.rows(in), p, "candidate"),
                        x -> x >= 0 ? x + 0.5 : Matrices.sigmoid(x));
                double[][] h = new double[8][3];
                for (int t = 0; t < 8; t++) {
                    for (int i = 0; i < 3; i++) {
                        double open = lstm ? gates[t][3 + i] / (gates[t][i] + gates[t][3 + i]) : gates[t][i];
                        h[t][i] = (1 - open) * (t == 0 ? 0 : h[t - 1][i]) + open * candidates[t][i];
                    }
                }
                Tensors.assertClose("minimal cell", bench.y(in), Plain.flat(Matrices.map(h, p.get("output.weight"))),
                        Tensors.F64_TOLERANCE);
            }
        }
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> new MinGruConfig(0, 1))
                .withMessageContaining("min-gru: inner is 0");
        assertThatIllegalArgumentException().isThrownBy(() -> new MinLstmConfig(4, 0))
                .withMessageContaining("min-lstm: shortFilter is 0");
    }
}

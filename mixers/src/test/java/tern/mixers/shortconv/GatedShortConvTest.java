package tern.mixers.shortconv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static tern.mixers.Matrices.columns;
import static tern.mixers.Matrices.map;
import static tern.mixers.Matrices.product;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
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

/** The laws, and the definition written out. */
class GatedShortConvTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("lfm2", GatedShortConvConfig.of(), 6, 16, 24),
                MixerCase.of("one tap, biases", new GatedShortConvConfig(1, true), 5, 16, 24));
    }

    @Test
    void equalsItsDefinition() {
        int time = 6;
        try (Bench bench = new Bench(new GatedShortConvConfig(3, false), 5, 16, 3)) {
            SeededParameters p = bench.parameters;
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, time, 5);
            double[][] all = map(Plain.rows(x), p.get("projection.weight"));
            double[][] in = product(columns(all, 0, 5), columns(all, 10, 15));
            double[][] sums = new double[time][5];
            for (int t = 0; t < time; t++) {
                for (int c = 0; c < 5; c++) {
                    for (int lag = 0; lag <= Math.min(2, t); lag++) {
                        sums[t][c] += p.get("short.weight").get(3L * c + 2 - lag) * in[t - lag][c];
                    }
                }
            }
            double[][] y = map(product(columns(all, 5, 10), sums), p.get("output.weight"));
            Tensors.assertClose("short convolution", bench.y(x), Plain.flat(y), Tensors.F64_TOLERANCE);
            assertThat(bench.mixer.stateLayout().floats(100)).isEqualTo(10);
        }
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> new GatedShortConvConfig(0, false))
                .withMessageContaining("taps is 0");
    }
}

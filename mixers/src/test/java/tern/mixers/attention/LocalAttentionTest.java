package tern.mixers.attention;

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

/** The laws, and the definition written out. */
class LocalAttentionTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("griffin", LocalAttentionConfig.griffin(2, 4, 5), 6, 8, 24),
                MixerCase.of("two key heads", new LocalAttentionConfig(4, 2, 2, 2, 0, 0, false), 6, 8, 24),
                MixerCase.of("longer than read", LocalAttentionConfig.griffin(2, 8, 64), 6, 8, 40));
    }

    /** Softmax over the last positions, and all of them while there are fewer. */
    @Test
    void equalsTheDefinition() {
        LocalAttentionConfig config = new LocalAttentionConfig(4, 2, 3, 4, 0, 0, true);
        try (Bench bench = new Bench(config, 6, 8, 3)) {
            SeededParameters p = bench.parameters;
            int time = 11;
            Tensor in = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, time, 6);
            double[][] query = Matrices.map(Plain.rows(in), p.get("query.weight"));
            double[][] key = Matrices.map(Plain.rows(in), p.get("key.weight"));
            double[][] value = Matrices.map(Plain.rows(in), p.get("value.weight"));
            double[][] y = new double[time][12];
            for (int t = 0; t < time; t++) {
                for (int h = 0; h < 4; h++) {
                    double sum = 0;
                    for (int s = Math.max(0, t - 3); s <= t; s++) {
                        double score = 0;
                        for (int i = 0; i < 3; i++) {
                            score += query[t][h * 3 + i] * key[s][h / 2 * 3 + i];
                        }
                        double weight = Math.exp(score / Math.sqrt(3));
                        sum += weight;
                        for (int i = 0; i < 3; i++) {
                            y[t][h * 3 + i] += weight * value[s][h / 2 * 3 + i];
                        }
                    }
                    for (int i = 0; i < 3; i++) {
                        y[t][h * 3 + i] /= sum;
                    }
                }
            }
            Tensors.assertClose("local attention", bench.y(in), Plain.flat(Plain.linear(y, p, "output")),
                    Tensors.F64_TOLERANCE);
        }
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> LocalAttentionConfig.griffin(2, 4, 1))
                .withMessageContaining("window is 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LocalAttentionConfig(2, 1, 4, 8, 10_000, 3, false))
                .withMessageContaining("turned is 3");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LocalAttentionConfig(65_536, 65_536, 65_536, 8, 0, 0, false))
                .withMessageContaining("headWidth is 65536, times heads 65536");
    }
}

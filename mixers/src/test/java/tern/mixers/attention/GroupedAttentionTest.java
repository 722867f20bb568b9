package tern.mixers.attention;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static tern.mixers.Matrices.columns;
import static tern.mixers.Matrices.gain;
import static tern.mixers.Matrices.map;
import static tern.mixers.Matrices.normalise;

import java.util.List;
import java.util.Optional;

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
class GroupedAttentionTest extends MixerContract {
    private static final GroupedAttentionConfig GATED = new GroupedAttentionConfig(4, 2, 6, 100, 4, true,
            Optional.of(1e-3), 0.5, false, false);

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("gate, norms, part of a head turned", GATED, 8, 16, 24),
                MixerCase.of("no positions, biases",
                        new GroupedAttentionConfig(3, 1, 2, 0, 0, false, Optional.empty(), 1, true, true), 5, 16, 24));
    }

    @Test
    void equalsTheDefinition() {
        int time = 7;
        try (Bench bench = new Bench(GATED, 8, 16, 3)) {
            SeededParameters p = bench.parameters;
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, time, 8);
            double[][] queries = map(Plain.rows(x), p.get("query.weight"));
            double[][] keys = gain(normalise(Matrices.each(map(Plain.rows(x), p.get("key.weight")), k -> k / 2), 2,
                    false, 1e-3), p.get("keyNorm.gain"));
            double[][] values = map(Plain.rows(x), p.get("value.weight"));
            double[][] y = new double[time][24];
            for (int h = 0; h < 4; h++) {
                double[][] query = gain(normalise(columns(queries, 12 * h, 12 * h + 6), 1, false, 1e-3),
                        p.get("queryNorm.gain"));
                double[][] key = columns(keys, h / 2 * 6, h / 2 * 6 + 6);
                for (int t = 0; t < time; t++) {
                    double[] weights = new double[t + 1];
                    double total = 0;
                    for (int s = 0; s <= t; s++) {
                        double score = 0;
                        for (int i = 0; i < 6; i++) {
                            score += turned(query[t], t)[i] * turned(key[s], s)[i];
                        }
                        weights[s] = Math.exp(score / Math.sqrt(6));
                        total += weights[s];
                    }
                    for (int i = 0; i < 6; i++) {
                        for (int s = 0; s <= t; s++) {
                            y[t][6 * h + i] += weights[s] / total * values[s][h / 2 * 6 + i];
                        }
                        y[t][6 * h + i] *= Matrices.sigmoid(queries[t][12 * h + 6 + i]);
                    }
                }
            }
            Tensors.assertClose("grouped attention", bench.y(x), Plain.flat(map(y, p.get("output.weight"))),
                    Tensors.F64_TOLERANCE);
        }
    }

    /** The first four channels of six, in pairs (0, 2) and (1, 3). */
    private static double[] turned(double[] head, int position) {
        double[] turned = head.clone();
        for (int i = 0; i < 2; i++) {
            double angle = position * Math.pow(100, -i / 2.0);
            turned[i] = head[i] * Math.cos(angle) - head[i + 2] * Math.sin(angle);
            turned[i + 2] = head[i + 2] * Math.cos(angle) + head[i] * Math.sin(angle);
        }
        return turned;
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> GroupedAttentionConfig.of(4, 3, 8, 100))
                .withMessageContaining("keyHeads is 3");
        assertThatIllegalArgumentException().isThrownBy(() -> GroupedAttentionConfig.of(4, 2, 7, 100))
                .withMessageContaining("rotaryWidth is 7");
        assertThatIllegalArgumentException().isThrownBy(() -> GroupedAttentionConfig.normed(4, 2, 8, 100, 2))
                .withMessageContaining("normEpsilon is 2.0");
    }
}

package tern.mixers.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
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
                MixerCase.of("longer texts than trained on, by divisors",
                        GroupedAttentionConfig.of(2, 1, 4, 50).stretched(Optional.empty(),
                                Optional.of(Slowed.longRope(List.of(1.0, 1.5), List.of(1.25, 7.0), 8, 32, 1.2))),
                        8, 16, 24),
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

    /** Numbers computed apart from Tern, from the formulas as Hugging Face's library has them. */
    @Test
    void speedsAreThoseOfTheModelsThatHaveThem() {
        assertThat(Slowed.linear(2.5, 8).speeds(10_000, 8)).containsExactly(
                new double[] {0.4, 0.04, 0.004, 0.0004}, within(1e-15));
        assertThat(Slowed.llama3(8, 1, 4, 8192, 500_000, 16).speeds(500_000, 16)).containsExactly(
                new double[] {1, 0.19392274474868576, 0.03760603093086393, 0.007292664737217109,
                    0.0005248461609929547, 3.428102195952591e-05, 6.647869871181235e-06, 1.2891731721515574e-06},
                within(1e-15));
        List<Double> small = List.of(1.0, 1.05, 1.2, 2.0);
        List<Double> large = List.of(1.1, 2.25, 16.5, 31.0);
        assertThat(Slowed.longRope(small, large, 4096, 4096, 1).speeds(10_000, 8)).containsExactly(
                new double[] {1, 0.09523809523809523, 0.008333333333333333, 0.0005}, within(1e-15));
        assertThat(Slowed.longRope(small, large, 4096, 131_072, 1).speeds(10_000, 8)).containsExactly(
                new double[] {0.9090909090909091, 0.044444444444444446, 0.0006060606060606061, 3.2258064516129034e-05},
                within(1e-15));
        assertThat(Slowed.usualAttention(32, 4096)).isCloseTo(1.1902380714238083, within(1e-15));
        assertThat(Slowed.usualAttention(1, 4096)).isEqualTo(1);
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GroupedAttentionConfig.of(4, 2, 8, 100).stretched(Optional.empty(),
                        Optional.of(Slowed.linear(2, 6))))
                .withMessageContaining("3 divisors, expected one for each of the 4 pairs");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GroupedAttentionConfig.of(4, 2, 8, 100).stretched(Optional.of(Yarn.of(2, 64)),
                        Optional.of(Slowed.linear(2, 8))))
                .withMessageContaining("yarn does so too");
        assertThatIllegalArgumentException().isThrownBy(() -> Slowed.llama3(8, 4, 1, 8192, 10_000, 8))
                .withMessageContaining("expected fast above slow");
        assertThatIllegalArgumentException().isThrownBy(() -> GroupedAttentionConfig.of(4, 3, 8, 100))
                .withMessageContaining("keyHeads is 3");
        assertThatIllegalArgumentException().isThrownBy(() -> GroupedAttentionConfig.of(4, 2, 7, 100))
                .withMessageContaining("rotaryWidth is 7");
        assertThatIllegalArgumentException().isThrownBy(() -> GroupedAttentionConfig.of(65_536, 1, 65_538, 100))
                .withMessageContaining("headWidth is 65538, times heads 65536");
        assertThatIllegalArgumentException().isThrownBy(() -> GroupedAttentionConfig.normed(4, 2, 8, 100, 2))
                .withMessageContaining("normEpsilon is 2.0");
    }
}

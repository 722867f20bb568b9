package tern.mixers.linear;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static tern.mixers.Matrices.map;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.mixers.linear.FeatureMapConfig.Kind;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** The laws for all features and normalisers, and the equations written out. */
class LinearAttentionTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    private static MixerCase of(String name, FeatureMapConfig features, Normaliser normaliser, int residual) {
        return MixerCase.of(name, new LinearAttentionConfig(2, 3, features, normaliser, residual), 6, 8, 40);
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(of("elu + 1", FeatureMapConfig.of(Kind.ELU_PLUS_ONE), Normaliser.SUM, 0),
                of("relu", FeatureMapConfig.of(Kind.RELU), Normaliser.NONE, 0),
                of("identity", FeatureMapConfig.of(Kind.IDENTITY), Normaliser.NONE, 0),
                of("hadamard", FeatureMapConfig.learned(Kind.HADAMARD, 4), Normaliser.NONE, 0),
                of("DPFP", new FeatureMapConfig(Kind.DPFP, 2, true), Normaliser.NONE, 0),
                of("taylor", FeatureMapConfig.of(Kind.TAYLOR), Normaliser.SUM, 0),
                of("T2R", FeatureMapConfig.learned(Kind.LEARNED_RELU, 5), Normaliser.NONE, 0),
                of("hedgehog", FeatureMapConfig.learned(Kind.HEDGEHOG, 4), Normaliser.SUM, 0),
                of("hedgehog, tied", new FeatureMapConfig(Kind.HEDGEHOG, 2, true), Normaliser.MEAN, 0),
                of("LinFusion", FeatureMapConfig.of(Kind.ELU_PLUS_ONE), Normaliser.MEAN, 5),
                MixerCase.of("long", LinearAttentionConfig.of(2, 16), 32, 8, 150));
    }

    /** y_t = Σ_(s≤t) φ(q_t)·φ(k_s) v_s / (Σ_(s≤t) φ(q_t)·φ(k_s) + ε), head by head, with the parameters in the open. */
    @Test
    void equalsTheWeighedAverage() {
        for (Normaliser normaliser : List.of(Normaliser.SUM, Normaliser.MEAN)) {
            try (Bench bench = new Bench(new LinearAttentionConfig(2, 3,
                    FeatureMapConfig.of(Kind.ELU_PLUS_ONE), normaliser, 0), 6, 8, 11)) {
                int time = 7;
                Tensor x = Tensors.normal(DType.F64, Seeds.random(3), bench.memory, 1, time, 6);
                double[] y = bench.y(x);
                double[][] q = map(Plain.rows(x), bench.parameters.get("query.weight"));
                double[][] k = map(Plain.rows(x), bench.parameters.get("key.weight"));
                double[][] v = map(Plain.rows(x), bench.parameters.get("value.weight"));
                Tensor output = bench.parameters.get("output.weight");
                for (int t = 0; t < time; t++) {
                    double[] read = new double[6];
                    for (int h = 0; h < 2; h++) {
                        double sum = normaliser == Normaliser.SUM ? 1e-6 : 1e-4 * (t + 1);
                        double[] values = new double[3];
                        for (int s = 0; s <= t; s++) {
                            double score = 0;
                            for (int i = 3 * h; i < 3 * h + 3; i++) {
                                score += elu(q[t][i]) * elu(k[s][i]);
                            }
                            sum += score;
                            for (int j = 0; j < 3; j++) {
                                values[j] += score * v[s][3 * h + j];
                            }
                        }
                        for (int j = 0; j < 3; j++) {
                            read[3 * h + j] = values[j] / sum;
                        }
                    }
                    for (int d = 0; d < 6; d++) {
                        double expected = 0;
                        for (int i = 0; i < 6; i++) {
                            expected += output.get(6L * d + i) * read[i];
                        }
                        assertThat(y[6 * t + d]).as(normaliser + " t " + t).isCloseTo(expected, within(1e-12));
                    }
                }
            }
        }
    }

    private static double elu(double x) {
        return x > 0 ? x + 1 : Math.exp(x);
    }

    /** Products of Taylor features are 1 + q·k/√K + (q·k/√K)²/2; Hedgehog's and T2R's are as defined. */
    @Test
    void featuresAreAsDefined() {
        try (Bench bench = new Bench(LinearAttentionConfig.of(1, 4), 4, 8, 5)) {
            Tensor q = bench.memory.zeros(DType.F64, 1, 1, 1, 4).setAll(0.5, -1, 2, 0.25);
            Tensor k = bench.memory.zeros(DType.F64, 1, 1, 1, 4).setAll(1, 0.75, -0.5, 3);
            double dot = (0.5 - 0.75 - 1 + 0.75) / 2;
            FeatureMap taylor = new FeatureMap(FeatureMapConfig.of(Kind.TAYLOR), bench.parameters.child("taylor"), 1,
                    4);
            assertThat(dot(taylor.apply(bench.ops.eager(), q), taylor.apply(bench.ops.eager(), k)))
                    .isCloseTo(1 + dot + dot * dot / 2, within(1e-12));
            FeatureMap dpfp = new FeatureMap(new FeatureMapConfig(Kind.DPFP, 1, true), bench.parameters.child("dpfp"),
                    1, 4);
            assertThat(dpfp.apply(bench.ops.eager(), q).toDoubles()).containsExactly(0, 0, 0, 0.5, 0, 0, 0, 0);
            FeatureMap hedgehog = new FeatureMap(FeatureMapConfig.learned(Kind.HEDGEHOG, 2),
                    bench.parameters.child("hedgehog"), 1, 4);
            bench.parameters.get("hedgehog.weight").setAll(1, 0, 0, 0, 0, 0, 1, 0);
            double small = 1 / (1 + Math.exp(1.5));
            double[] found = hedgehog.apply(bench.ops.eager(), q).toDoubles();
            assertThat(found[0]).isCloseTo(small, within(1e-12));
            assertThat(found[1]).isCloseTo(1 - small, within(1e-12));
            assertThat(found[2]).isCloseTo(1 - small, within(1e-12));
            assertThat(found[3]).isCloseTo(small, within(1e-12));
            FeatureMap learned = new FeatureMap(FeatureMapConfig.learned(Kind.LEARNED_RELU, 2),
                    bench.parameters.child("relu"), 1, 4);
            bench.parameters.get("relu.weight").setAll(1, 1, 0, 0, 0, 0, 1, 1);
            bench.parameters.get("relu.bias").setAll(0.125, -0.25);
            assertThat(learned.apply(bench.ops.eager(), q).toDoubles()).containsExactly(0, 2);
        }
    }

    private static double dot(Tensor a, Tensor b) {
        double sum = 0;
        for (long i = 0; i < a.elements(); i++) {
            sum += a.get(i) * b.get(i);
        }
        return sum;
    }

    /** With features that are not negative, what is read lies among the values read so far. */
    @Test
    void aNormalisedReadIsAnAverage() {
        try (Bench bench = new Bench(LinearAttentionConfig.of(2, 3), 6, 8, 2)) {
            bench.parameters.get("value.weight").fill(0);
            bench.parameters.get("output.weight").fill(0);
            for (int d = 0; d < 6; d++) {
                bench.parameters.get("value.weight").set(7L * d, 1);
                bench.parameters.get("output.weight").set(7L * d, 1);
            }
            Tensor x = Tensors.normal(DType.F64, Seeds.random(4), bench.memory, 1, 30, 6);
            double[] y = bench.y(x);
            for (int d = 0; d < 6; d++) {
                double low = Double.POSITIVE_INFINITY;
                double high = Double.NEGATIVE_INFINITY;
                for (int t = 0; t < 30; t++) {
                    low = Math.min(low, x.get(6L * t + d));
                    high = Math.max(high, x.get(6L * t + d));
                    assertThat(y[6 * t + d]).isBetween(low - 1e-5, high + 1e-5);
                }
            }
        }
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new LinearAttentionConfig(1, 4, FeatureMapConfig.of(Kind.IDENTITY), Normaliser.SUM,
                        0))
                .withMessageContaining("features IDENTITY may be negative").withMessageContaining("NONE");
        assertThat(FeatureMapConfig.of(Kind.TAYLOR).features(16)).isEqualTo(273);
    }
}

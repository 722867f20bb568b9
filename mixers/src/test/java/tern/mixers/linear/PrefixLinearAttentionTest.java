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

/** The laws, and both sums written out. */
class PrefixLinearAttentionTest extends MixerContract {
    private static final FeatureMapConfig ELU = FeatureMapConfig.of(Kind.ELU_PLUS_ONE);

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(
                MixerCase.of("read as it comes", new PrefixLinearAttentionConfig(2, 3, ELU, 5, false), 6, 8, 20),
                MixerCase.of("read whole", new PrefixLinearAttentionConfig(2, 3, ELU, 5, true), 6, 8, 20),
                MixerCase.of("taylor", new PrefixLinearAttentionConfig(2, 3, FeatureMapConfig.of(Kind.TAYLOR), 4,
                        false), 6, 8, 20));
    }

    @Test
    void equalsBothSums() {
        for (boolean whole : new boolean[] {false, true}) {
            try (Bench bench = new Bench(new PrefixLinearAttentionConfig(1, 2, ELU, 4, whole), 3, 8, 11)) {
                int time = 7;
                Tensor x = Tensors.normal(DType.F64, Seeds.random(3), bench.memory, 1, time, 3);
                double[][] rows = Plain.rows(x);
                double[][] q = map(rows, bench.parameters.get("query.weight"));
                double[][] k = map(rows, bench.parameters.get("key.weight"));
                double[][] v = map(rows, bench.parameters.get("value.weight"));
                double[][] prefixKeys = map(rows, bench.parameters.get("prefixKey.weight"));
                double[][] prefixValues = map(rows, bench.parameters.get("prefixValue.weight"));
                double[][] read = new double[time][3];
                for (int t = 0; t < time; t++) {
                    double sum = 1e-12;
                    for (int s = 0; s < time; s++) {
                        double own = s <= t ? score(q[t], k[s]) : 0;
                        double first = s < 4 && (whole || s <= t) ? score(q[t], prefixKeys[s]) : 0;
                        sum += own + first;
                        for (int j = 0; j < 3; j++) {
                            read[t][j] += own * v[s][j] + first * prefixValues[s][j];
                        }
                    }
                    for (int j = 0; j < 3; j++) {
                        read[t][j] /= sum;
                    }
                }
                double[] expected = Plain.flat(map(read, bench.parameters.get("output.weight")));
                double[] found = bench.y(x);
                for (int i = 0; i < expected.length; i++) {
                    assertThat(found[i]).as("whole %s, %d", whole, i).isCloseTo(expected[i], within(1e-11));
                }
            }
        }
    }

    private static double score(double[] q, double[] k) {
        double sum = 0;
        for (int i = 0; i < q.length; i++) {
            sum += elu(q[i]) * elu(k[i]);
        }
        return sum;
    }

    private static double elu(double x) {
        return x > 0 ? x + 1 : Math.exp(x);
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new PrefixLinearAttentionConfig(1, 2, ELU, 0, false))
                .withMessageContaining("prefix is 0");
    }
}

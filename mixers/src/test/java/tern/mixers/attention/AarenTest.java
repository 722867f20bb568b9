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
class AarenTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    /** A sum of weights of 0 says that there is no average yet. */
    @Override
    protected boolean hasSlopes(String slot, long age) {
        return age > 0;
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("aaren", new AarenConfig(2), 6, 8, 40));
    }

    /** A masked softmax with one query, for scores of any size. */
    @Test
    void equalsASoftmax() {
        for (double size : new double[] {1, 1e4}) {
            try (Bench bench = new Bench(new AarenConfig(2), 6, 8, 3)) {
                SeededParameters p = bench.parameters;
                Tensor query = p.get("query");
                for (int i = 0; i < query.elements(); i++) {
                    query.set(i, size * query.get(i));
                }
                int time = 9;
                Tensor in = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, time, 6);
                double[][] key = Matrices.map(Plain.rows(in), p.get("key.weight"));
                double[][] value = Matrices.map(Plain.rows(in), p.get("value.weight"));
                double[][] y = new double[time][6];
                for (int h = 0; h < 2; h++) {
                    double[] scores = new double[time];
                    for (int t = 0; t < time; t++) {
                        for (int i = 0; i < 3; i++) {
                            scores[t] += query.get(h * 3L + i) * key[t][h * 3 + i] / Math.sqrt(3);
                        }
                        double highest = Double.NEGATIVE_INFINITY;
                        for (int s = 0; s <= t; s++) {
                            highest = Math.max(highest, scores[s]);
                        }
                        double sum = 0;
                        for (int s = 0; s <= t; s++) {
                            sum += Math.exp(scores[s] - highest);
                        }
                        for (int s = 0; s <= t; s++) {
                            for (int i = 0; i < 3; i++) {
                                y[t][h * 3 + i] += Math.exp(scores[s] - highest) / sum * value[s][h * 3 + i];
                            }
                        }
                    }
                }
                Tensors.assertClose("aaren", bench.y(in), Plain.flat(Matrices.map(y, p.get("output.weight"))), 1e-9);
            }
        }
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> new Bench(new AarenConfig(4), 6, 8, 1))
                .withMessageContaining("heads is 4");
    }
}

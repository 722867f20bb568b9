package tern.mixers.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;

import org.junit.jupiter.api.Test;

import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.sequence.BranchContext;
import tern.sequence.Form;
import tern.sequence.MixerInput;
import tern.sequence.SequenceMixer;
import tern.sequence.State;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

class AttentionTest extends MixerContract {
    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("one head", AttentionConfig.of(1), 6, 16, 24),
                MixerCase.of("four heads over two key heads", new AttentionConfig(4, 2, 10_000, true), 16, 16, 24),
                MixerCase.of("three heads, no positions", new AttentionConfig(3, 1, 0, false), 15, 16, 24),
                MixerCase.of("long", new AttentionConfig(4, 2, 10_000, false), 8, 160, 160));
    }

    /** Position by position, softmax over all earlier positions, written out in plain Java. */
    @Test
    void equalsTheDefinition() {
        Seeds.forAll(4, (seed, random) -> {
            try (OpsUnderTest ops = ops(); Memory memory = new Memory()) {
                int heads = 4;
                int keyHeads = 2;
                int headWidth = 6;
                int width = heads * headWidth;
                double base = 100;
                SeededParameters parameters = new SeededParameters(DType.F64, seed, 0.1, memory);
                SequenceMixer mixer = new AttentionConfig(heads, keyHeads, base, true).build(
                        new BranchContext(width, 8, 0, 1), parameters);
                int time = Seeds.between(random, 1, 9);
                Tensor x = Tensors.normal(DType.F64, random, memory, 1, time, width);
                Tensor y = mixer.mix(Form.PARALLEL, ops.eager(), MixerInput.fresh(x),
                        State.empty(mixer.stateLayout(), DType.F64, 1, 0, memory)).y();

                double[][] rows = Plain.linear(Plain.rows(x), parameters, "projection");
                double[][] read = new double[time][width];
                for (int h = 0; h < heads; h++) {
                    int group = h * keyHeads / heads;
                    for (int t = 0; t < time; t++) {
                        double[] query = turned(rows[t], h * headWidth, headWidth, t, base);
                        double[] weights = new double[t + 1];
                        double total = 0;
                        for (int s = 0; s <= t; s++) {
                            double[] key = turned(rows[s], (heads + group) * headWidth, headWidth, s, base);
                            double score = 0;
                            for (int k = 0; k < headWidth; k++) {
                                score += query[k] * key[k];
                            }
                            weights[s] = Math.exp(score / Math.sqrt(headWidth));
                            total += weights[s];
                        }
                        for (int s = 0; s <= t; s++) {
                            for (int k = 0; k < headWidth; k++) {
                                read[t][h * headWidth + k] += weights[s] / total
                                        * rows[s][(heads + keyHeads + group) * headWidth + k];
                            }
                        }
                    }
                }
                Tensors.assertClose("y", y.toDoubles(), Plain.flat(Plain.linear(read, parameters, "output")),
                        Tensors.F64_TOLERANCE);
            }
        });
    }

    private static double[] turned(double[] row, int from, int width, int position, double base) {
        double[] y = new double[width];
        for (int i = 0; i < width / 2; i++) {
            double angle = position * Math.pow(base, -2.0 * i / width);
            double a = row[from + i];
            double b = row[from + i + width / 2];
            y[i] = a * Math.cos(angle) - b * Math.sin(angle);
            y[i + width / 2] = a * Math.sin(angle) + b * Math.cos(angle);
        }
        return y;
    }

    @Test
    void theCacheGrowsByKeysAndValuesOfTheKeyHeads() {
        try (Memory memory = new Memory()) {
            SequenceMixer mixer = new AttentionConfig(4, 2, 0, false).build(new BranchContext(32, 8, 0, 1),
                    new SeededParameters(DType.F32, 1, 0, memory));
            assertThat(mixer.stateLayout().floats(10)).isEqualTo(10 * 2 * 2 * 8);
        }
    }

    @Test
    void aConfigNamesWhatItExpects() {
        assertThatIllegalArgumentException().isThrownBy(() -> AttentionConfig.of(0)).withMessage(
                "attention: heads is 0, expected 1 or more (1 = a single head as wide as the stack)");
        assertThatIllegalArgumentException().isThrownBy(() -> new AttentionConfig(4, 3, 0, false)).withMessage(
                "attention: keyHeads is 3, which does not divide the number of heads 4; choose one of its divisors");
        assertThatIllegalArgumentException().isThrownBy(() -> new AttentionConfig(4, 4, 0.5, false))
                .withMessageContaining(
                        "ropeBase is 0.5, expected more than 1");
        try (Memory memory = new Memory()) {
            SeededParameters parameters = new SeededParameters(DType.F32, 1, 0, memory);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> AttentionConfig.of(5).build(new BranchContext(16, 8, 0, 1),
                            parameters))
                    .withMessageContaining("heads is 5, which does not divide the width 16");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> AttentionConfig.of(4).build(new BranchContext(12, 8, 0, 1),
                            parameters))
                    .withMessageContaining("a head is 3 wide").withMessageContaining("even");
        }
    }
}

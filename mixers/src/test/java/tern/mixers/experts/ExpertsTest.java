package tern.mixers.experts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static tern.mixers.Matrices.map;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;

import tern.mixers.Bench;
import tern.mixers.Matrices;
import tern.mixers.Plain;
import tern.mixers.TapedOps;
import tern.ops.Activation;
import tern.sequence.MixerInput;
import tern.sequence.State;
import tern.sequence.StateLayout;
import tern.tensor.DType;
import tern.tensor.Tensor;
import tern.testkit.MixerCase;
import tern.testkit.MixerContract;
import tern.testkit.OpsUnderTest;
import tern.testkit.SeededParameters;
import tern.testkit.Seeds;
import tern.testkit.Tensors;

/** The laws, and the definition written out. */
class ExpertsTest extends MixerContract {
    private static final ExpertsConfig SIGMOID = new ExpertsConfig(5, 2, 6, Activation.RELU_SQUARED, false,
            ExpertsConfig.Scoring.SIGMOID, true, Optional.of(1e-3), 2.5, Optional.of(new SharedExpert(7, false)));
    private static final int TIME = 9;

    @Override
    protected OpsUnderTest ops() {
        return TapedOps.fastest();
    }

    @Override
    protected List<MixerCase> cases() {
        return List.of(MixerCase.of("softmax, shared expert with a gate", ExpertsConfig.of(6, 3, 5), 4, 16, 24),
                MixerCase.of("sigmoid", new ExpertsConfig(4, 2, 6, Activation.SILU, true,
                        ExpertsConfig.Scoring.SIGMOID, true, Optional.empty(), 1, Optional.empty()), 4, 16, 24));
    }

    @Test
    void equalsItsDefinition() {
        for (ExpertsConfig config : List.of(ExpertsConfig.of(6, 3, 5), SIGMOID)) {
            try (Bench bench = new Bench(config, 4, 16, 3)) {
                SeededParameters p = bench.parameters;
                if (config.corrected()) {
                    p.get("correction").setAll(0.4, -0.3, 0, 0.2, -0.1);
                }
                Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, TIME, 4);
                double[][] rows = Plain.rows(x);
                double[][] logits = map(rows, p.get("router.weight"));
                double[][] y = layer(rows, p, "shared.", config);
                for (int t = 0; t < TIME; t++) {
                    if (config.shared().orElseThrow().gated()) {
                        double open = Matrices.sigmoid(map(rows, p.get("sharedGate.weight"))[t][0]);
                        y[t] = Arrays.stream(y[t]).map(value -> value * open).toArray();
                    }
                    double[] scores = scores(config, logits[t]);
                    double[] added = config.corrected() ? p.get("correction").toDoubles() : new double[scores.length];
                    List<Integer> chosen = IntStream.range(0, scores.length).boxed()
                            .sorted((a, b) -> Double.compare(scores[b] + added[b], scores[a] + added[a]))
                            .limit(config.chosen()).toList();
                    double sum = chosen.stream().mapToDouble(e -> scores[e]).sum()
                            + config.renormalise().orElseThrow();
                    for (int e : chosen) {
                        double[] one = layer(new double[][] {rows[t]}, p, "experts." + e + ".", config)[0];
                        for (int i = 0; i < 4; i++) {
                            y[t][i] += config.scale() * scores[e] / sum * one[i];
                        }
                    }
                }
                Tensors.assertClose(config.toString(), bench.y(x), Plain.flat(y), Tensors.F64_TOLERANCE);
            }
        }
    }

    private static double[] scores(ExpertsConfig config, double[] logits) {
        double sum = Arrays.stream(logits).map(Math::exp).sum();
        return Arrays.stream(logits).map(logit -> config.scoring() == ExpertsConfig.Scoring.SOFTMAX
                ? Math.exp(logit) / sum : Matrices.sigmoid(logit)).toArray();
    }

    private static double[][] layer(double[][] x, SeededParameters p, String name, ExpertsConfig config) {
        double[][] value = map(x, p.get(name + "value.weight"));
        double[][] inner = config.gated()
                ? Matrices.product(Matrices.each(map(x, p.get(name + "gate.weight")), Matrices::silu), value)
                : Matrices.each(value, v -> Math.pow(Math.max(0, v), 2));
        return map(inner, p.get(name + "output.weight"));
    }

    /** Of a loss that does not look at the output, only the penalty's gradient is left: that of its formula, by differences. */
    @Test
    void trainingPaysForUnevenUse() {
        for (ExpertsConfig config : List.of(ExpertsConfig.of(6, 3, 5), SIGMOID)) {
            try (Bench bench = new Bench(config.withBalance(0.5), 4, 16, 3)) {
                Tensor router = bench.parameters.get("router.weight");
                Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 1, TIME, 4);
                double[] found = bench.ops.gradients(List.of(router), ops -> ops.scale(ops.mean(
                        bench.mixer.chunk(ops, MixerInput.fresh(x), State.of(StateLayout.STATELESS, List.of())).y(), 1),
                        0)).getFirst().toDoubles();
                for (int i = 0; i < found.length; i++) {
                    double kept = router.get(i);
                    router.set(i, kept + 1e-5);
                    double above = unevenness(config, map(Plain.rows(x), router));
                    router.set(i, kept - 1e-5);
                    double below = unevenness(config, map(Plain.rows(x), router));
                    router.set(i, kept);
                    assertThat(found[i]).as("%s, %d", config.scoring(), i).isCloseTo(0.5 * (above - below) / 2e-5,
                            within(1e-8));
                }
                assertThat(Arrays.stream(found).map(Math::abs).max().orElseThrow()).isGreaterThan(1e-4);
            }
        }
    }

    private static double unevenness(ExpertsConfig config, double[][] logits) {
        int experts = config.experts();
        double[] choices = new double[experts];
        double[] shares = new double[experts];
        for (double[] row : logits) {
            double[] scores = scores(config, row);
            double sum = Arrays.stream(scores).sum();
            IntStream.range(0, experts).boxed().sorted((a, b) -> Double.compare(scores[b], scores[a]))
                    .limit(config.chosen()).forEach(e -> choices[e]++);
            for (int e = 0; e < experts; e++) {
                shares[e] += scores[e] / sum / logits.length;
            }
        }
        double uneven = 0;
        for (int e = 0; e < experts; e++) {
            uneven += experts * choices[e] / (logits.length * config.chosen()) * shares[e];
        }
        return uneven;
    }

    /** What nobody chose could hold anything. */
    @Test
    void expertsThatNobodyChoseAreNotRead() {
        try (Bench bench = new Bench(SIGMOID, 4, 16, 3)) {
            bench.parameters.get("correction").setAll(9, -9, -9, 9, -9);
            for (int e : new int[] {1, 2, 4}) {
                bench.parameters.get("experts." + e + ".value.weight").fill(Double.NaN);
            }
            Tensor x = Tensors.normal(DType.F64, Seeds.random(5), bench.memory, 2, TIME, 4);
            assertThat(bench.y(x)).doesNotContain(Double.NaN);
        }
    }

    @Test
    void configsNameWhatTheyExpect() {
        assertThatIllegalArgumentException().isThrownBy(() -> ExpertsConfig.of(4, 5, 8))
                .withMessageContaining("chosen is 5").withMessageContaining("at most the 4 experts");
    }
}

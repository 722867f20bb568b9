package tern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import org.junit.jupiter.api.Test;

import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.model.Parameters;
import tern.model.Parameters.Parameter;
import tern.model.Stack;
import tern.sequence.Role;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.text.RandomWindows;
import tern.text.TokenStore;
import tern.text.Windows;

class TrainerTest {
    private static final KernelSet FAST = KernelSet.fastest();
    private static final TrainingConfig CONFIG = Tiny.training(2, 16);

    @Test
    void aTinyModelLearnsAShortTextByHeart() {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(1)) {
            TrainingConfig config = Tiny.training(1, 79).with("learningRate", "0.01").with("weightDecay", "0");
            Stack model = Tiny.model(Tiny.config(32, 79, 2), DType.F32, memory);
            try (Trainer trainer = new Trainer(model, config, FAST, team)) {
                Windows windows = Tiny.windows(config);
                Validation validation = new Validation(Tiny.tokens(Tiny.TEXT), 79, 8);
                double before = trainer.evaluate(validation).bits();
                for (int step = 0; step < 200; step++) {
                    trainer.step(windows, config.schedule().rate((step + 1) / 200.0));
                }
                double after = trainer.evaluate(validation).bits();
                // Of bytes 8, and what a head tied to rows of length 1 loses at first by logits of deviation 1.
                assertThat(before).isBetween(7.5, 9.5);
                assertThat(after).isBetween(0.0, 0.1);
            }
        }
    }

    @Test
    void lossesAndParametersDoNotDependOnThreads() {
        Run one = run(1, Tiny.training(3, 24), DType.F32, 20, 5);
        Run four = run(4, Tiny.training(3, 24), DType.F32, 20, 5);
        assertThat(four.losses).containsExactly(one.losses);
        assertThat(four.parameters()).isEqualTo(one.parameters());
    }

    @Test
    void compiledCodeGivesTheBitsOfInterpretedCode() {
        // The first run begins in the interpreter, the second finds everything compiled.
        Run cold = run(1, Tiny.training(3, 24), DType.F32, 20, 120);
        Run warm = run(1, Tiny.training(3, 24), DType.F32, 20, 120);
        assertThat(warm.losses).containsExactly(cold.losses);
        assertThat(warm.parameters()).isEqualTo(cold.parameters());
    }

    @Test
    void noiseDoesNotDependOnThreadsAndFollowsTheSeed() {
        TrainingConfig noisy = Tiny.training(3, 24).with("noise", "0.3");
        Run one = run(1, noisy, DType.F32, 20, 3);
        assertThat(run(4, noisy, DType.F32, 20, 3).parameters()).isEqualTo(one.parameters());
        assertThat(run(1, noisy.with("seed", "2"), DType.F32, 20, 3).parameters()).isNotEqualTo(one.parameters());
    }

    @Test
    void accumulatingBatchesIsALargerBatch() {
        TrainingConfig eight = Tiny.training(8, 16);
        TrainingConfig fourByTwo = Tiny.training(4, 16).with("accumulation", "2");
        double[] whole = gradients(eight, DType.F64);
        double[] parts = gradients(fourByTwo, DType.F64);
        double largest = Arrays.stream(whole).map(Math::abs).max().orElseThrow();
        assertThat(largest).isGreaterThan(1e-3);
        for (int i = 0; i < whole.length; i++) {
            assertThat(parts[i]).isCloseTo(whole[i], within(1e-12 * largest));
        }
        assertThat(run(1, fourByTwo, DType.F64, 16, 4).losses)
                .usingComparatorWithPrecision(1e-9).containsExactly(run(1, eight, DType.F64, 16, 4).losses);
    }

    @Test
    void recomputingGivesTheSameGradientsToTheBit() {
        TrainingConfig kept = Tiny.training(3, 24);
        assertThat(gradients(kept.with("recompute", "true"), DType.F32)).isEqualTo(gradients(kept, DType.F32));
    }

    @Test
    void gradientsAreScaledDownToTheClipNorm() {
        // A first update of Adam does not see the scale, so the moments are looked at.
        TrainingConfig free = Tiny.training(2, 16).with("clip", "0").with("beta1", "0");
        double norm = firstMomentNorm(free);
        assertThat(norm).isGreaterThan(0.1);
        assertThat(firstMomentNorm(free.with("clip", Double.toString(norm / 10)))).isCloseTo(norm / 10,
                within(1e-5 * norm));
        assertThat(firstMomentNorm(free.with("clip", Double.toString(norm * 10)))).isEqualTo(norm);
    }

    /** Noise a thousand times as long as what clipping leaves stays so long, unless it is there to be clipped. */
    @Test
    void noiseIsAddedToWhatWasClippedOrClippedWithIt() {
        TrainingConfig free = Tiny.training(2, 16).with("clip", "1e-3").with("beta1", "0").with("noise", "1e-4");
        long elements = new Stack(Tiny.config(16, 16, 2), Parameters.Source.shapesOnly()).parameters().count();
        double noise = Math.sqrt(1e-4 * elements);
        assertThat(noise).isGreaterThan(0.1);
        assertThat(firstMomentNorm(free)).isCloseTo(noise, within(0.1 * noise));
        assertThat(firstMomentNorm(free.with("noiseFirst", "false"))).isEqualTo(firstMomentNorm(free));
        TrainingConfig first = free.with("noiseFirst", "true");
        assertThat(firstMomentNorm(first)).isCloseTo(1e-3, within(1e-6));
        assertThat(firstMomentNorm(first.with("clip", "0"))).isEqualTo(firstMomentNorm(free.with("clip", "0")));
        assertThat(firstMomentNorm(first.with("noise", "0")))
                .isEqualTo(firstMomentNorm(free.with("noise", "0")));
    }

    private static double firstMomentNorm(TrainingConfig config) {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(1)) {
            Stack model = Tiny.model(Tiny.config(16, config.time(), 2), DType.F32, memory);
            try (Trainer trainer = new Trainer(model, config, FAST, team)) {
                trainer.step(Tiny.windows(config), 1e-3);
                double sum = trainer.optimiser().moments().entrySet().stream()
                        .filter(moment -> moment.getKey().startsWith("first."))
                        .flatMapToDouble(moment -> Arrays.stream(moment.getValue().toDoubles()))
                        .map(value -> value * value).sum();
                return Math.sqrt(sum);
            }
        }
    }

    /** Adam's first update is as long as its rate, whatever the gradient is. */
    @Test
    void filtersMoveAtARateOfTheirOwn() {
        TrainingConfig usual = Tiny.training(2, 16).with("weightDecay", "0").with("epsilon", "1e-30");
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(1)) {
            List<List<double[]>> after = new ArrayList<>();
            Stack before = Tiny.model(Tiny.config(16, 16, 2), DType.F64, memory);
            for (TrainingConfig config : List.of(usual, usual.with("filterRate", "0.25"))) {
                Stack model = Tiny.model(Tiny.config(16, 16, 2), DType.F64, memory);
                try (Trainer trainer = new Trainer(model, config, FAST, team)) {
                    trainer.step(Tiny.windows(config), 1e-3);
                }
                after.add(values(model));
            }
            int filters = 0;
            for (int i = 0; i < after.getFirst().size(); i++) {
                Parameter parameter = before.parameters().all().get(i);
                boolean own = parameter.role() == Role.FILTER;
                for (int j = 0; j < after.getFirst().get(i).length; j++) {
                    double start = parameter.tensor().get(j), moved = after.getFirst().get(i)[j] - start;
                    filters += own && moved != 0 ? 1 : 0;
                    assertThat(after.getLast().get(i)[j] - start).as(parameter.name())
                            .isCloseTo((own ? 0.25 : 1) * moved, within(1e-12));
                }
            }
            assertThat(filters).isGreaterThan(100);
        }
    }

    /** It changes what is learnt and not what is told. */
    @Test
    void theWrapIsInTheGradientAndNotInTheLoss() {
        TrainingConfig usual = Tiny.training(2, 16), wrapped = usual.with("l2Wrap", "0.1");
        assertThat(gradients(wrapped, DType.F64)).isNotEqualTo(gradients(usual, DType.F64));
        assertThat(run(1, wrapped, DType.F64, 16, 1).losses).containsExactly(run(1, usual, DType.F64, 16, 1).losses);
        assertThat(run(1, wrapped, DType.F64, 16, 4).losses).isNotEqualTo(run(1, usual, DType.F64, 16, 4).losses);
    }

    @Test
    void onlyMatricesDecay() {
        TrainingConfig config = Tiny.training(2, 16).with("weightDecay", "0.1");
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(1)) {
            Stack model = Tiny.model(Tiny.config(16, 16, 2), DType.F32, memory);
            try (Trainer trainer = new Trainer(model, config, FAST, team)) {
                List<double[]> before = values(model);
                // Zero gradients leave nothing but the decay.
                trainer.gradients().zero();
                trainer.optimiser().update(trainer.gradients(), 0.5, 1);
                List<double[]> after = values(model);
                int matrices = 0;
                for (int i = 0; i < before.size(); i++) {
                    Parameter parameter = model.parameters().all().get(i);
                    double kept = parameter.role() == Role.MATRIX ? 1 - 0.5 * 0.1 : 1;
                    matrices += parameter.role() == Role.MATRIX ? 1 : 0;
                    for (int j = 0; j < before.get(i).length; j++) {
                        assertThat(after.get(i)[j]).as(parameter.name())
                                .isCloseTo(kept * before.get(i)[j], within(1e-7));
                    }
                }
                assertThat(matrices).isGreaterThan(10);
            }
        }
    }

    @Test
    void aGradientThatIsNotFiniteStopsWithStepParameterAndAdvice() {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(1)) {
            Stack model = Tiny.model(Tiny.config(16, 16, 2), DType.F32, memory);
            try (Trainer trainer = new Trainer(model, CONFIG, FAST, team)) {
                Windows windows = Tiny.windows(CONFIG);
                trainer.step(windows, 1e-3);
                model.parameters().find("branches.2.mixer.projection.weight").orElseThrow().tensor().set(5, Double.NaN);
                List<List<Double>> before = boxed(values(model));
                assertThatThrownBy(() -> trainer.step(windows, 1e-3)).isInstanceOf(TrainingDiverged.class)
                        .hasMessageContaining("step 2").hasMessageContaining("branches.2.mixer.projection.weight")
                        .hasMessageContaining("lower the learning rate");
                assertThat(boxed(values(model))).isEqualTo(before);
                assertThat(trainer.steps()).isEqualTo(1);
            }
        }
    }

    @Test
    void activationsAreEstimatedFromShortSteps() {
        for (String recompute : List.of("false", "true")) {
            TrainingConfig config = Tiny.training(6, 256).with("recompute", recompute);
            try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(1)) {
                Stack model = Tiny.model(Tiny.everything(32, 256), DType.F32, memory);
                try (Trainer trainer = new Trainer(model, config, FAST, team)) {
                    long estimated = trainer.estimateStep().activations();
                    assertThat(trainer.activations()).isZero();
                    TokenStore tokens = Tiny.tokens(Tiny.TEXT.repeat(10));
                    trainer.step(new RandomWindows(tokens, 6, 256, 1), 1e-3);
                    assertThat((double) estimated / trainer.activations()).as("estimated " + estimated + ", taken "
                            + trainer.activations() + ", recompute " + recompute).isBetween(0.9, 1.3);
                }
            }
        }
    }

    @Test
    void nativeMemoryIsThatOfTheFirstStepAndGoesBackOnClose() {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(1)) {
            Stack model = Tiny.model(Tiny.config(16, 16, 2), DType.F32, memory);
            Trainer trainer = new Trainer(model, CONFIG, FAST, team);
            Windows windows = Tiny.windows(CONFIG);
            trainer.step(windows, 1e-3);
            long first = trainer.bytes();
            for (int step = 0; step < 20; step++) {
                trainer.step(windows, 1e-3);
            }
            assertThat(trainer.bytes()).isEqualTo(first);
            Tensor moment = trainer.optimiser().moments().values().iterator().next();
            trainer.close();
            assertThatThrownBy(() -> moment.get(0)).isInstanceOf(IllegalStateException.class);
        }
    }

    private record Run(double[] losses, List<double[]> values) {
        List<List<Double>> parameters() {
            return boxed(values);
        }
    }

    private static List<List<Double>> boxed(List<double[]> values) {
        return values.stream().map(part -> Arrays.stream(part).boxed().toList()).toList();
    }

    private static Run run(int threads, TrainingConfig config, DType dtype, int width, int steps) {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(threads)) {
            Stack model = Tiny.model(Tiny.everything(width, config.time()), dtype, memory);
            try (Trainer trainer = new Trainer(model, config, FAST, team)) {
                Windows windows = Tiny.windows(config);
                double[] losses = new double[steps];
                for (int step = 0; step < steps; step++) {
                    losses[step] = trainer.step(windows, 3e-3).loss();
                }
                return new Run(losses, values(model));
            }
        }
    }

    private static double[] gradients(TrainingConfig config, DType dtype) {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(1)) {
            Stack model = Tiny.model(Tiny.everything(12, config.time()), dtype, memory);
            try (Trainer trainer = new Trainer(model, config, FAST, team)) {
                trainer.accumulate(Tiny.windows(config));
                return model.parameters().trained().stream().flatMapToDouble(parameter -> Arrays.stream(
                        trainer.gradients().of(parameter.tensor()).orElseThrow().toDoubles())).toArray();
            }
        }
    }

    private static List<double[]> values(Stack model) {
        List<double[]> values = new ArrayList<>();
        model.parameters().all().forEach(parameter -> values.add(parameter.tensor().toDoubles()));
        return values;
    }
}

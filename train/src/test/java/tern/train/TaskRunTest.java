package tern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import tern.checkpoint.Checkpoint;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.model.HeadConfig;
import tern.model.ModelInput;
import tern.model.ModelState;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.Form;
import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Batch;
import tern.tasks.Draws;
import tern.tasks.Example;
import tern.tasks.Generator;
import tern.tasks.Input;
import tern.tasks.Task;
import tern.tasks.synthetic.AddingProblem;
import tern.tasks.synthetic.InductionHeads;
import tern.tasks.synthetic.ListOps;
import tern.tasks.synthetic.Parity;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** Models learn tasks, are judged rightly, and go on where they were broken off. */
class TaskRunTest {
    @TempDir
    private Path folder;

    private final ThreadTeam team = new ThreadTeam(2);

    @AfterEach
    void release() {
        team.close();
    }

    private static Task task(Generator generator) throws IOException {
        return generator.open("task", Path.of("none"));
    }

    private static StackConfig small(Task task) {
        return TaskPlan.fitted(StackConfig.of(32, task.length(),
                List.of(AttentionConfig.of(2), GatedMlpConfig.gated(32, Activation.SILU), AttentionConfig.of(2),
                        GatedMlpConfig.gated(32, Activation.SILU))),
                task);
    }

    private TaskPlan plan(Task task, String name, String... settings) {
        Budget budget = new Budget.Steps(1);
        TrainingConfig training = TaskPlan.usual(task, budget, 1);
        long steps = 1;
        for (String setting : settings) {
            String[] parts = setting.split("=", 2);
            if (parts[0].equals("steps")) {
                steps = Long.parseLong(parts[1]);
            } else {
                training = training.with(parts[0], parts[1]);
            }
        }
        return new TaskPlan(task, name, small(task), training, new Budget.Steps(steps), folder.resolve(name));
    }

    private TaskRun.Result run(TaskPlan plan) throws IOException, TaskRun.Stopped {
        return new TaskRun(plan, KernelSet.fastest(), team).run(look -> {
        }, () -> false);
    }

    /** A model of 20,000 parameters finds what followed the marker. */
    @Test
    void symbolsAreLearnt() throws Exception {
        Task task = task(new InductionHeads(4, 10, 1, List.of(2)));
        TaskRun.Result result = run(
                plan(task, "symbols", "steps=250", "learningRate=5e-3", "warmup=0.1", "validateEvery=50"));
        assertThat(result.tests().getFirst().scores().accuracy()).isGreaterThan(0.9);
        assertThat(result.looks()).hasSize(5);
        assertThat(result.looks().getLast().trainingLoss()).isLessThan(result.looks().getFirst().trainingLoss());
        assertThat(result.tests()).extracting(TaskRun.AtLength::length).containsExactly(10, 20);
        assertThat(result.positions()).isEqualTo(250L * 64 * 10);
        assertThat(folder.resolve("symbols/state.safetensors")).doesNotExist();
        try (Checkpoint saved = Checkpoint.open(folder.resolve("symbols"))) {
            assertThat(saved.notes()).containsEntry("task", "task");
        }
    }

    @Test
    void classesAndNumbersAreLearnt() throws Exception {
        Task lists = task(new ListOps(2, 3, 2, 8, 500));
        TaskRun.Result classes = run(plan(lists, "classes", "steps=120", "learningRate=5e-3", "validateEvery=0"));
        double guess = lists.baselines(8).getFirst().value();
        assertThat(classes.tests().getFirst().scores().accuracy()).isGreaterThan(guess + 0.1);
        assertThat(classes.looks()).hasSize(1);
        Task sums = task(new AddingProblem(6, false, List.of()));
        TaskRun.Result numbers = run(plan(sums, "numbers", "steps=150", "learningRate=5e-3", "validateEvery=0"));
        assertThat(numbers.tests().getFirst().scores().loss()).isLessThan(0.08);
        assertThat(numbers.tests().getFirst().scores().absoluteError()).isLessThan(0.25);
    }

    /** Broken off after any step, a run comes to the very same numbers. */
    @Test
    void aRunGoesOnToTheSameNumbers() throws Exception {
        Task task = task(new Parity(12, List.of(2)));
        String[] settings = {"steps=12", "validateEvery=4"};
        TaskRun.Result whole = run(plan(task, "whole", settings));
        TaskPlan broken = plan(task, "broken", settings);
        int stops = 0;
        for (int limit = 6; limit <= 9; limit += 3) {
            AtomicInteger asked = new AtomicInteger();
            int stopAt = limit;
            try {
                new TaskRun(broken, KernelSet.fastest(), team).run(look -> {
                }, () -> asked.incrementAndGet() >= stopAt);
            } catch (TaskRun.Stopped stopped) {
                stops++;
                assertThat(stopped).hasMessageContaining("stopped after step");
                assertThat(folder.resolve("broken/state.safetensors")).exists();
            }
        }
        assertThat(stops).isPositive();
        TaskRun.Result resumed = run(broken);
        assertThat(resumed.tests()).isEqualTo(whole.tests());
        assertThat(resumed.looks()).extracting(TaskRun.Look::score)
                .isEqualTo(whole.looks().stream().map(TaskRun.Look::score).toList());
        assertThat(resumed.positions()).isEqualTo(whole.positions());
    }

    /** What was asked to stop loses no step: not between two looks, nor where there is none before the end. */
    @ParameterizedTest
    @ValueSource(ints = {0, 4})
    void aRunThatStopsGoesOnFromThere(int every) throws Exception {
        Task task = task(new Parity(12, List.of(2)));
        String[] settings = {"steps=10", "validateEvery=" + every};
        TaskRun.Result whole = run(plan(task, "whole", settings));
        TaskPlan broken = plan(task, "broken", settings);
        AtomicInteger asked = new AtomicInteger();
        assertThatExceptionOfType(TaskRun.Stopped.class)
                .isThrownBy(() -> new TaskRun(broken, KernelSet.fastest(), team).run(look -> {
                }, () -> asked.incrementAndGet() == 7)).withMessageContaining("stopped after step 7");
        AtomicInteger more = new AtomicInteger();
        TaskRun.Result resumed = new TaskRun(broken, KernelSet.fastest(), team).run(look -> {
        }, () -> {
            more.incrementAndGet();
            return false;
        });
        assertThat(more).as("asked after each step but the last").hasValue(2);
        assertThat(resumed.tests()).isEqualTo(whole.tests());
        assertThat(resumed.looks()).extracting(TaskRun.Look::trainingLoss)
                .isEqualTo(whole.looks().stream().map(TaskRun.Look::trainingLoss).toList());
        assertThat(resumed.positions()).isEqualTo(whole.positions());
    }

    /** Broken off while it was judged, a run has no step left to make; what its steps took is known all the same. */
    @Test
    void whatStepsTookOutlivesThem() throws Exception {
        AtomicBoolean breaks = new AtomicBoolean(true);
        TaskPlan plan = plan(task(new Breaking(breaks)), "judged", "steps=3", "validateEvery=1");
        assertThatIllegalStateException().isThrownBy(() -> run(plan)).withMessage("broken off");
        assertThat(folder.resolve("judged/state.safetensors")).exists();
        breaks.set(false);
        TaskRun.Result again = run(plan);
        assertThat(again.steps()).isEqualTo(3);
        assertThat(again.looks()).hasSize(3);
        assertThat(again.cost().forwardNanos()).isPositive();
        assertThat(again.cost().backwardNanos()).isPositive();
        Files.write(folder.resolve("judged/state.safetensors"), new byte[] {1, 2, 3});
        assertThatIOException().isThrownBy(() -> run(plan)).withMessageContaining("judged/state.safetensors: ")
                .withMessageEndingWith("; remove the folder to begin this run again");
    }

    /** Parity of 12 bits that can be learnt, but not be tested at 24 while it breaks. */
    private record Breaking(AtomicBoolean breaks) implements Generator {
        private static final Parity BITS = new Parity(12, List.of(2));

        @Override
        public String description() {
            return BITS.description();
        }

        @Override
        public Input input() {
            return BITS.input();
        }

        @Override
        public Answer answer() {
            return BITS.answer();
        }

        @Override
        public int length() {
            return BITS.length();
        }

        @Override
        public List<Integer> testLengths() {
            return BITS.testLengths();
        }

        @Override
        public Example draw(Draws draws, int length, boolean training) {
            if (length > BITS.length() && breaks.get()) {
                throw new IllegalStateException("broken off");
            }
            return BITS.draw(draws, length, training);
        }

        @Override
        public List<Baseline> baselines(List<Example> test) {
            return BITS.baselines(test);
        }
    }

    /** Scores against a count made one sequence at a time. */
    @Test
    void scoresAreCountedOverScoredPositionsOnly() throws IOException {
        Task task = task(new InductionHeads(5, 9, 2, List.of()));
        try (Memory memory = new Memory();
                Workspace scratch = new Workspace();
                EagerOps ops = new EagerOps(KernelSet.fastest(), team, scratch)) {
            Stack model = new Stack(small(task), Parameters.Source.initialised(3, DType.F32, memory));
            List<Example> examples = task.validation().subList(0, 50);
            long right = 0;
            long last = 0;
            long exact = 0;
            double loss = 0;
            for (Example example : examples) {
                Batch one = Batch.of(task, List.of(example));
                Tensor ids = memory.zeros(DType.I32, 1, one.time());
                Trainer.write(one.ids(), ids);
                ModelState fresh = ModelState.empty(model.stateLayouts(), DType.F32, 1, 0, memory);
                Tensor rows = model.read(ops,
                        model.forward(Form.PARALLEL, ops, ModelInput.padded(ids), fresh).hidden());
                Tensor logits = model.outputs(ops, rows);
                int hits = 0;
                for (int t = 7; t < 9; t++) {
                    int best = 0;
                    double sum = 0;
                    for (int v = 0; v < 6; v++) {
                        best = logits.get(6L * t + v) > logits.get(6L * t + best) ? v : best;
                        sum += Math.exp(logits.get(6L * t + v));
                    }
                    loss += Math.log(sum) - logits.get(6L * t + one.labels()[t]);
                    hits += best == one.labels()[t] ? 1 : 0;
                    last += t == 8 && best == one.labels()[t] ? 1 : 0;
                }
                right += hits;
                exact += hits == 2 ? 1 : 0;
            }
            try (Trainer trainer = new Trainer(model, TaskPlan.usual(task, new Budget.Steps(1), 1), KernelSet.fastest(),
                    team)) {
                Scores scores = trainer.evaluate(task, examples);
                assertThat(scores.scored()).isEqualTo(100);
                assertThat(scores.accuracy()).isEqualTo(right / 100.0);
                assertThat(scores.last()).isEqualTo(last / 50.0);
                assertThat(scores.exact()).isEqualTo(exact / 50.0);
                assertThat(scores.loss()).isCloseTo(loss / 100, within(1e-5));
            }
        }
    }

    /** Ends change, everything else of an architecture stays. */
    @Test
    void fittingKeepsWhatIsNotAnEnd() throws IOException {
        Task symbols = task(new Parity(12, List.of()));
        StackConfig mega = Presets.named("mega-micro");
        StackConfig fitted = TaskPlan.fitted(mega, symbols);
        assertThat(fitted.vocabulary()).isEqualTo(2);
        assertThat(fitted.context()).isEqualTo(12);
        assertThat(fitted.withEnds(mega.vocabulary(), mega.context(), mega.tiedHead(), mega.features(), mega.readout()))
                .isEqualTo(mega);
        StackConfig regressor = TaskPlan.fitted(mega, task(new AddingProblem(6, false, List.of())));
        assertThat(regressor.features()).contains(2);
        assertThat(regressor.readout()).contains(HeadConfig.forecast(1, 1));
        assertThat(regressor.embeddingScale()).isEmpty();
    }

    @Test
    void whatDoesNotFitIsTold() throws IOException {
        Task symbols = task(new Parity(12, List.of()));
        Task numbers = task(new AddingProblem(6, false, List.of()));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TaskPlan(numbers, "mine", small(symbols), TaskPlan.usual(numbers,
                        new Budget.Steps(1), 1), new Budget.Steps(1), folder))
                .withMessageContaining("gives 2 values a position and asks for 1 number, which mine does not take");
        assertThatIllegalArgumentException().isThrownBy(() -> plan(numbers, "mine", "l2Wrap=1e-4"))
                .withMessageContaining("l2Wrap pulls at logits, and this task asks for numbers; leave it out");
    }
}

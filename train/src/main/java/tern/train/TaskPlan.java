package tern.train;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

import tern.model.HeadConfig;
import tern.model.SequenceModel;
import tern.model.StackConfig;
import tern.tasks.Answer;
import tern.tasks.Input;
import tern.tasks.Task;

/**
 * What a run on a task is to do.
 *
 * @param name what the architecture is called
 * @param architecture fitted to the task, see {@link #fitted}
 * @param training rates, batch, seed; {@code validateEvery} is how often the run is looked at and saved
 * @param folder where the run keeps what it needs to go on
 */
public record TaskPlan(Task task, String name, StackConfig architecture, TrainingConfig training, Budget budget,
        Path folder) {
    /** Channels of a classifier's layer between pooling and classes, in widths. */
    private static final int CLASSIFIER = 2;
    private static final int MOST_TOKENS = 1 << 14;

    /** An architecture with the entrance, head and context that a task needs; branches and norms stay. */
    public static StackConfig fitted(StackConfig architecture, Task task) {
        int vocabulary = switch (task.answer()) {
            case Answer.Symbols(int symbols) -> symbols;
            case Answer.Classes classes -> 1;
            case Answer.Numbers numbers -> 1;
        };
        Optional<Integer> features = Optional.empty();
        switch (task.input()) {
            case Input.Tokens(int tokens) -> vocabulary = Math.max(vocabulary, tokens);
            case Input.Values(int count) -> features = Optional.of(count);
        }
        Optional<HeadConfig> head = switch (task.answer()) {
            case Answer.Symbols symbols -> Optional.empty();
            case Answer.Classes(int classes) -> Optional.of(task.sequences() == 2
                    ? HeadConfig.pair(classes, CLASSIFIER * architecture.width())
                    : HeadConfig.classification(classes, CLASSIFIER * architecture.width()));
            case Answer.Numbers(int steps, int channels) -> Optional.of(HeadConfig.forecast(steps, channels));
        };
        return architecture.withEnds(vocabulary, task.length(),
                architecture.tiedHead() && features.isEmpty() && head.isEmpty(), features, head);
    }

    /**
     * Refuses a model that cannot do a task.
     *
     * @throws IllegalArgumentException if it reads ahead where that gives the answers away, or cannot read sequences that are
     *             tested
     */
    public static void requireFit(Task task, String name, SequenceModel model) {
        if (task.causal() && !model.causal()) {
            throw new IllegalArgumentException("task " + task.name() + ": " + name
                    + " reads in both directions, and whoever reads ahead sees the answers; choose a causal model");
        }
        for (int length : model.limit() == Integer.MAX_VALUE ? List.<Integer>of() : task.testLengths()) {
            int longest = task.test(length).stream().mapToInt(example -> example.time(task.input()) / task.sequences())
                    .max()
                    .orElse(0);
            if (longest > model.limit()) {
                throw new IllegalArgumentException("task " + task.name() + ": tests sequences of " + longest
                        + " positions, but " + name + " can read " + model.limit()
                        + " at most; give it chunks or another bias by distance, or set a shorter task");
            }
        }
    }

    /** What small models learn the tasks with: AdamW at 2e-3 falling as a cosine, 64 sequences or 16,384 positions. */
    public static TrainingConfig usual(Task task, Budget budget, long seed) {
        int batch = Math.clamp(MOST_TOKENS / task.length() / task.sequences(), 4, 64);
        double warmup = budget instanceof Budget.Steps(long steps) ? Math.min(0.1, 100.0 / steps) : 0.05;
        int every = budget instanceof Budget.Steps(long steps) ? (int) Math.max(1, steps / 20) : 50;
        return new TrainingConfig(2e-3, 0.9, 0.98, 1e-8, 0.01, warmup, 0.02, 1, batch, task.length(), 1, false, 0, 0.55,
                WindowOrder.RANDOM, every, 1, seed, Optional.empty(), Optional.empty(), Optional.empty());
    }

    /** Checks that the architecture takes what the task gives, and that every setting has something to act on. */
    public TaskPlan {
        if (training.l2Wrap().isPresent() && Objective.of(task) != Objective.CROSS_ENTROPY) {
            throw new IllegalArgumentException("task " + task.name()
                    + ": l2Wrap pulls at logits, and this task asks for numbers; leave it out");
        }
        List<Object> wanted = List.of(fitted(architecture, task).features(), fitted(architecture, task).readout()
                .map(HeadConfig::outputs));
        List<Object> found = List.of(architecture.features(), architecture.readout().map(HeadConfig::outputs));
        if (!wanted.equals(found) || architecture.vocabulary() < fitted(architecture, task).vocabulary()) {
            throw new IllegalArgumentException("task " + task.name() + " gives " + task.input() + " and asks for "
                    + task.answer() + ", which " + name + " does not take; fit the architecture to the task first");
        }
    }
}

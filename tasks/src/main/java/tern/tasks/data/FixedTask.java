package tern.tasks.data;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.IntFunction;
import java.util.function.Supplier;

import org.jspecify.annotations.Nullable;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Batch;
import tern.tasks.Draws;
import tern.tasks.Example;
import tern.tasks.Input;
import tern.tasks.Metric;
import tern.tasks.Task;

/** A task over sequences that exist: training ones are drawn from a number of them, each as likely. */
final class FixedTask implements Task {
    private final String name;
    private final Kind kind;
    private final int trainingExamples;
    private final IntFunction<Example> training;
    private final List<Example> validation;
    private final Map<Integer, List<Example>> tests;
    private final Supplier<List<Baseline>> guesses;
    private @Nullable List<Baseline> baselines;
    private Map<String, String> notes = Map.of();

    /**
     * What a task is, but for its sequences.
     *
     * @param length positions of the longest sequence
     * @param causal whether reading ahead gives the answers away
     * @param sequences see {@link Task#sequences}
     */
    record Kind(String description, Input input, Answer answer, Metric metric, int length, boolean causal,
            int sequences) {
        /** An answer to one sequence. */
        Kind(String description, Input input, Answer answer, Metric metric, int length, boolean causal) {
            this(description, input, answer, metric, length, causal, 1);
        }
    }

    /**
     * A task.
     *
     * @param training one of the training sequences by its number
     * @param guesses what trivial guesses get on the test set; asked for once
     */
    FixedTask(String name, Kind kind, int trainingExamples, IntFunction<Example> training, List<Example> validation,
            List<Example> test, Supplier<List<Baseline>> guesses) {
        this(name, kind, trainingExamples, training, validation, new TreeMap<>(Map.of(kind.length, test)), guesses);
    }

    /**
     * A task that can be tested at several lengths.
     *
     * @param tests test sequences by length, the trained one the shortest
     */
    FixedTask(String name, Kind kind, int trainingExamples, IntFunction<Example> training, List<Example> validation,
            SortedMap<Integer, List<Example>> tests, Supplier<List<Baseline>> guesses) {
        this.name = name;
        this.kind = kind;
        this.trainingExamples = trainingExamples;
        this.training = training;
        this.validation = List.copyOf(validation);
        this.tests = tests;
        this.guesses = guesses;
    }

    /** This task, whose models are noted with what the numbers that they read are. */
    FixedTask noting(Map<String, String> what) {
        notes = Map.copyOf(what);
        return this;
    }

    @Override
    public Map<String, String> notes() {
        return notes;
    }

    /** So many of a list, evenly spread; all of them if there are fewer. */
    static int[] spread(int count, int available) {
        int taken = Math.min(count, available);
        int[] which = new int[taken];
        for (int i = 0; i < taken; i++) {
            which[i] = (int) ((long) i * available / taken);
        }
        return which;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String description() {
        return kind.description;
    }

    @Override
    public Input input() {
        return kind.input;
    }

    @Override
    public Answer answer() {
        return kind.answer;
    }

    @Override
    public Metric metric() {
        return kind.metric;
    }

    @Override
    public int length() {
        return kind.length;
    }

    @Override
    public int sequences() {
        return kind.sequences;
    }

    @Override
    public List<Integer> testLengths() {
        return List.copyOf(tests.keySet());
    }

    @Override
    public boolean causal() {
        return kind.causal;
    }

    @Override
    public Batch train(long seed, long step, int rows) {
        List<Example> examples = new ArrayList<>();
        Draws draws = new Draws(Draws.seed(seed, step));
        for (int row = 0; row < rows; row++) {
            examples.add(training.apply(draws.below(trainingExamples)));
        }
        return Batch.of(this, examples);
    }

    @Override
    public List<Example> validation() {
        return validation;
    }

    @Override
    public List<Example> test(int length) {
        List<Example> known = tests.get(length);
        if (known == null) {
            throw new IllegalArgumentException(
                    "task " + name + ": length " + length + ", expected one of " + testLengths());
        }
        return known;
    }

    @Override
    public synchronized List<Baseline> baselines(int length) {
        List<Baseline> known = baselines;
        if (known == null) {
            known = guesses.get();
            baselines = known;
        }
        return known;
    }
}

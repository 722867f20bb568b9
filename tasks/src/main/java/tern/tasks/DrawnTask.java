package tern.tasks;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** A task over a {@link Generator}: every sequence has a seed of its own, so any of them can be drawn alone. */
final class DrawnTask implements Task {
    private static final int VALIDATION = 256;
    private static final int TEST = 1000;
    private static final int LEAST_TEST = 128;
    private static final int ATTEMPTS = 1000;
    /** Numbers of training sequences that are kept where they are drawn again and again. */
    private static final long KEPT_NUMBERS = 1L << 24;
    /** Parts of the seed that keep training, validation and test sequences apart. */
    private static final int TRAINING_PART = 1;
    private static final int VALIDATION_PART = 2;
    private static final int TEST_PART = 3;

    private final String name;
    private final Generator generator;
    private final Set<Long> held = new HashSet<>();
    private final List<Example> validation;
    private final Map<Integer, List<Example>> tests = new HashMap<>();
    private final Map<Integer, Example> kept = new ConcurrentHashMap<>();

    DrawnTask(String name, Generator generator) {
        this.name = name;
        this.generator = generator;
        this.validation = set(VALIDATION_PART, generator.length(), VALIDATION);
        tests.put(generator.length(), set(TEST_PART, generator.length(), TEST));
    }

    private List<Example> set(int part, int length, int count) {
        List<Example> examples = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Example example = drawn(length, false, part, length, i);
            held.add(example.hash());
            examples.add(example);
        }
        return List.copyOf(examples);
    }

    /** The first sequence of these seeds that is none of those held back. */
    private Example drawn(int length, boolean training, long... seed) {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Example example = generator.draw(new Draws(Draws.seed(Draws.seed(seed), attempt)), length, training);
            if (!held.contains(example.hash())) {
                return example;
            }
        }
        throw new IllegalArgumentException("task " + name + ": " + ATTEMPTS + " sequences drawn one after another were"
                + " all in the validation or test set already; there are too few different ones, make them longer");
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String description() {
        return generator.description();
    }

    @Override
    public Input input() {
        return generator.input();
    }

    @Override
    public Answer answer() {
        return generator.answer();
    }

    @Override
    public Metric metric() {
        return generator.metric();
    }

    @Override
    public int length() {
        return generator.positions(generator.length());
    }

    @Override
    public List<Integer> testLengths() {
        return generator.testLengths();
    }

    @Override
    public boolean causal() {
        return generator.causal();
    }

    @Override
    public List<String> groups() {
        return generator.groups();
    }

    @Override
    public int group(Example example) {
        return generator.group(example);
    }

    @Override
    public Batch train(long seed, long step, int rows) {
        List<Example> examples = new ArrayList<>();
        for (int row = 0; row < rows; row++) {
            int count = generator.trainingExamples();
            examples.add(count == 0 ? drawn(generator.length(), true, TRAINING_PART, seed, step, row)
                    : numbered(new Draws(Draws.seed(seed, step, row)).below(count)));
        }
        return Batch.of(this, examples);
    }

    /** One of a fixed number of training sequences. */
    private Example numbered(int number) {
        boolean few = (long) generator.trainingExamples() * length() <= KEPT_NUMBERS;
        Example known = kept.get(number);
        if (known == null) {
            known = drawn(generator.length(), true, TRAINING_PART, number);
            if (few) {
                kept.put(number, known);
            }
        }
        return known;
    }

    @Override
    public List<Example> validation() {
        return validation;
    }

    /** Longer sequences are drawn when they are asked for, as many of them as take about as long to read. */
    @Override
    public synchronized List<Example> test(int length) {
        if (!testLengths().contains(length)) {
            throw new IllegalArgumentException(
                    "task " + name + ": length " + length + ", expected one of " + testLengths());
        }
        List<Example> known = tests.get(length);
        if (known == null) {
            int count = (int) Math.max(LEAST_TEST, Math.min(TEST, (long) TEST * generator.length() / length));
            List<Example> examples = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                examples.add(generator.draw(new Draws(Draws.seed(TEST_PART, length, i)), length, false));
            }
            known = List.copyOf(examples);
            tests.put(length, known);
        }
        return known;
    }

    @Override
    public List<Baseline> baselines(int length) {
        return generator.baselines(test(length));
    }
}

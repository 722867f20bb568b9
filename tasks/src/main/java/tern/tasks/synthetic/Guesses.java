package tern.tasks.synthetic;

import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToIntFunction;

import tern.tasks.Baseline;
import tern.tasks.Example;

/** Baselines that are counted over a set. */
final class Guesses {
    private Guesses() {
    }

    /** Always the label that is scored most often. */
    static Baseline majority(List<Example> test) {
        Map<Integer, Integer> counts = new HashMap<>();
        long all = 0;
        int most = 0;
        for (Example example : test) {
            for (int label : example.labels()) {
                if (label != Example.IGNORED) {
                    all++;
                    most = Math.max(most, counts.merge(label, 1, Integer::sum));
                }
            }
        }
        return new Baseline("majority", (double) most / Math.max(1, all));
    }

    /** One of so many, each as likely. */
    static Baseline oneOf(String what, int count) {
        return new Baseline(String.format(Locale.ROOT, "one of %,d %s", count, what), 1.0 / count);
    }

    /** The label that goes most often with something seen of a sequence, counted over the same set. */
    static Baseline knowing(String what, List<Example> test, ToIntFunction<Example> seen) {
        Map<Integer, Map<Integer, Integer>> counts = new HashMap<>();
        for (Example example : test) {
            counts.computeIfAbsent(seen.applyAsInt(example), key -> new HashMap<>())
                    .merge(example.labels()[0], 1, Integer::sum);
        }
        int right = counts.values().stream()
                .mapToInt(labels -> labels.values().stream().mapToInt(Integer::intValue).max().orElse(0)).sum();
        return new Baseline(what, (double) right / Math.max(1, test.size()));
    }

    static void require(String task, String name, Object value, boolean fits, String expected) {
        if (!fits) {
            throw new IllegalArgumentException(task + ": " + name + " is " + value + ", expected " + expected);
        }
    }
}

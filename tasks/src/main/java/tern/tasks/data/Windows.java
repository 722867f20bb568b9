package tern.tasks.data;

import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Example;
import tern.tasks.Input;
import tern.tasks.Metric;
import tern.tasks.Task;

/** Next-symbol tasks over one long string of symbols, cut into three parts. */
record Windows(byte[] symbols, int alphabet, int trainEnd, int validationEnd) {
    private static final int VALIDATION = 128;
    private static final int MOST_TEST = 4000;

    FixedTask task(String name, String description, int length, List<Integer> longer,
            Supplier<List<Baseline>> baselines) {
        SortedMap<Integer, List<Example>> tests = new TreeMap<>();
        int shortest = Math.min(trainEnd, Math.min(validationEnd - trainEnd, symbols.length - validationEnd));
        if (shortest < length + 1) {
            throw new IllegalArgumentException("task " + name + ": its shortest part has " + shortest
                    + " symbols, expected at least " + (length + 1) + " for windows of " + length
                    + (shortest < 2 ? "; give more data" : "; set a smaller task.length"));
        }
        tests.put(length, windows(validationEnd, symbols.length, length, MOST_TEST));
        for (int times : longer) {
            long further = (long) times * length;
            if (times < 2 || symbols.length - validationEnd < further + 1) {
                throw new IllegalArgumentException("task " + name + ": longer has " + times
                        + ", expected multiples of the length " + length + " from 2 up to "
                        + (symbols.length - validationEnd - 1) / length + ", which its test part has room for");
            }
            tests.put((int) further,
                    windows(validationEnd, symbols.length, (int) further, Math.max(1, MOST_TEST / times)));
        }
        return new FixedTask(name, new FixedTask.Kind(description, new Input.Tokens(alphabet),
                new Answer.Symbols(alphabet), Metric.BITS, length, true), trainEnd - length,
                start -> window(start, length), windows(trainEnd, validationEnd, length, VALIDATION),
                tests,
                baselines);
    }

    private Example window(int start, int length) {
        int[] ids = new int[length];
        int[] next = new int[length];
        for (int t = 0; t < length; t++) {
            ids[t] = symbols[start + t] & 0xFF;
            next[t] = symbols[start + t + 1] & 0xFF;
        }
        return Example.ofTokens(ids, next);
    }

    /** One behind the other, or evenly spread ones where there are too many. */
    private List<Example> windows(int from, int to, int length, int most) {
        int all = (to - from - 1) / length;
        List<Example> examples = new ArrayList<>();
        for (int which : FixedTask.spread(most, all)) {
            examples.add(window(from + which * length, length));
        }
        return examples;
    }

    @Override
    public boolean equals(Object other) {
        return this == other;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(this);
    }
}

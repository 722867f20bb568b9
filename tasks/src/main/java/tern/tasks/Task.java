package tern.tasks;

import java.util.List;
import java.util.Map;

/** Something a sequence model can be judged by. Immutable; safe for use by several threads. */
public interface Task {
    /** What it is called. */
    String name();

    /** What is to be done, in one line. */
    String description();

    /** What goes in. */
    Input input();

    /** What is asked for. */
    Answer answer();

    /** What it is judged by. */
    Metric metric();

    /** Positions of the longest sequence that is trained on. */
    int length();

    /**
     * How many sequences of equal length an example holds, one behind the other, each of which is read alone, with the same
     * parameters: 2 where two are compared.
     */
    default int sequences() {
        return 1;
    }

    /** Lengths that can be tested at, the trained one first: longer ones show what was learnt beyond the length. */
    List<Integer> testLengths();

    /** Whether reading ahead would give the answer away, so that only causal models may be judged by it. */
    boolean causal();

    /**
     * Sequences to train on: a function of its arguments alone. None that is drawn equals a validation or test sequence; what
     * is read from files comes from parts that do not overlap.
     *
     * @param step updates made before
     */
    Batch train(long seed, long step, int rows);

    /** Sequences to watch a training by. */
    List<Example> validation();

    /**
     * Sequences to judge by.
     *
     * @param length one of {@link #testLengths}
     */
    List<Example> test(int length);

    /** Names of the groups that test sequences are also judged by, such as where a needle stands; none if by no groups. */
    default List<String> groups() {
        return List.of();
    }

    /** The number of the group that a sequence belongs to; not asked where there are none. */
    default int group(Example example) {
        return 0;
    }

    /**
     * What is to be noted with a model of this task, so that others can use it: what numbers mean
     * ({@link tern.text.Columns#notes}), what bytes are ({@link tern.text.ByteTokenizer#FIRST_BYTE_NOTE}).
     */
    default Map<String, String> notes() {
        return Map.of();
    }

    /** What trivial guesses get on {@link #test}. */
    List<Baseline> baselines(int length);
}

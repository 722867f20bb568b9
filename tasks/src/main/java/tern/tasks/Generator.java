package tern.tasks;

import java.nio.file.Path;
import java.util.List;

/** A task whose sequences are drawn. Immutable. */
public interface Generator extends TaskConfig {
    /** What goes in. */
    Input input();

    /** What is asked for. */
    Answer answer();

    /** What it is judged by. */
    default Metric metric() {
        return Metric.ACCURACY;
    }

    /** Length of training sequences, as {@link #draw} takes it. */
    int length();

    /** Lengths to test at, the trained one first. */
    default List<Integer> testLengths() {
        return List.of(length());
    }

    /** Positions of the longest sequence that {@link #draw} makes for a length. */
    default int positions(int length) {
        return length;
    }

    /** Whether answers may only depend on what was read before. */
    default boolean causal() {
        return true;
    }

    /** Number of different training sequences; 0 for fresh ones at every step. */
    default int trainingExamples() {
        return 0;
    }

    /**
     * One sequence.
     *
     * @param length as asked for; what it means is the task's business
     * @param training whether the sequence is to be trained on, where more positions may have a label than are scored
     */
    Example draw(Draws draws, int length, boolean training);

    /** Names of the groups that test sequences are also judged by; see {@link Task#groups}. */
    default List<String> groups() {
        return List.of();
    }

    /** The number of the group that a sequence belongs to. */
    default int group(Example example) {
        return 0;
    }

    /** What trivial guesses get on these sequences. */
    List<Baseline> baselines(List<Example> test);

    @Override
    default Task open(String name, Path data) {
        return new DrawnTask(name, this);
    }
}

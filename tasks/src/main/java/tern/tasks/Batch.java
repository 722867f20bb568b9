package tern.tasks;

import java.util.Arrays;
import java.util.List;

/**
 * Sequences side by side, the shorter ones padded behind with token 0 or zeros. The arrays are not copied and must not be
 * changed.
 *
 * @param rows B
 * @param time T, positions of the longest
 * @param ids tokens [B,T]; empty where the input is real values
 * @param values [B,T,F]; empty where the input is tokens
 * @param lengths positions of each sequence [B]
 * @param labels [B,T], {@link Example#IGNORED} where nothing is scored; or [B]; or empty
 * @param targets [B,numbers]; or empty
 */
public record Batch(int rows, int time, int[] ids, float[] values, int[] lengths, int[] labels, float[] targets) {
    /** These sequences side by side. */
    public static Batch of(Task task, List<Example> examples) {
        int rows = examples.size();
        int time = 0;
        for (Example example : examples) {
            time = Math.max(time, example.time(task.input()));
        }
        int features = task.input() instanceof Input.Values(int count) ? count : 0;
        int[] ids = new int[features == 0 ? rows * time : 0];
        float[] values = new float[rows * time * features];
        int[] lengths = new int[rows];
        int perRow = switch (task.answer()) {
            case Answer.Symbols symbols -> time;
            case Answer.Classes classes -> 1;
            case Answer.Numbers numbers -> 0;
        };
        int numbers = task.answer() instanceof Answer.Numbers(int steps, int channels) ? steps * channels : 0;
        int[] labels = new int[rows * perRow];
        Arrays.fill(labels, Example.IGNORED);
        float[] targets = new float[rows * numbers];
        for (int row = 0; row < rows; row++) {
            Example example = examples.get(row);
            lengths[row] = example.time(task.input());
            System.arraycopy(example.ids(), 0, ids, features == 0 ? row * time : 0, example.ids().length);
            System.arraycopy(example.values(), 0, values, row * time * features, example.values().length);
            System.arraycopy(example.labels(), 0, labels, row * perRow, example.labels().length);
            System.arraycopy(example.targets(), 0, targets, row * numbers, example.targets().length);
        }
        return new Batch(rows, time, ids, values, lengths, labels, targets);
    }

    /** Answers that are scored. */
    public int scored() {
        int count = targets.length;
        for (int label : labels) {
            count += label == Example.IGNORED ? 0 : 1;
        }
        return count;
    }

    /** Whether all sequences are as long as the longest. */
    public boolean isFull() {
        return Arrays.stream(lengths).allMatch(length -> length == time);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Batch batch && rows == batch.rows && time == batch.time && Arrays.equals(ids, batch.ids)
                && Arrays.equals(values, batch.values) && Arrays.equals(lengths, batch.lengths)
                && Arrays.equals(labels, batch.labels) && Arrays.equals(targets, batch.targets);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(ids) + Arrays.hashCode(values);
    }
}

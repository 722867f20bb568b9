package tern.tasks;

import java.util.Arrays;

/**
 * One sequence with what is asked for. The arrays are not copied and must not be changed.
 *
 * @param ids tokens [T]; empty where the input is real values
 * @param values [T,F], row by row; empty where the input is tokens
 * @param labels the symbol at every position [T], {@link #IGNORED} where none is scored; or the class [1]; or empty
 * @param targets numbers asked for; or empty
 */
public record Example(int[] ids, float[] values, int[] labels, float[] targets) {
    /** The label of a position that is not scored. */
    public static final int IGNORED = -1;

    private static final float[] NO_NUMBERS = {};
    private static final int[] NO_LABELS = {};

    /** Tokens with symbols or a class asked for. */
    public static Example ofTokens(int[] ids, int... labels) {
        return new Example(ids, NO_NUMBERS, labels, NO_NUMBERS);
    }

    /** Real values with a class asked for. */
    public static Example ofValues(float[] values, int label) {
        return new Example(NO_LABELS, values, new int[] {label}, NO_NUMBERS);
    }

    /** Real values with numbers asked for. */
    public static Example ofSeries(float[] values, float... targets) {
        return new Example(NO_LABELS, values, NO_LABELS, targets);
    }

    /** Labels of a sequence of which nothing is scored yet. */
    public static int[] ignored(int time) {
        int[] labels = new int[time];
        Arrays.fill(labels, IGNORED);
        return labels;
    }

    /** Number of positions. */
    public int time(Input input) {
        return switch (input) {
            case Input.Tokens tokens -> ids.length;
            case Input.Values(int features) -> values.length / features;
        };
    }

    /** A number that equal inputs share and others hardly ever (a chance of 2^−64 a pair): what sets are told apart by. */
    public long hash() {
        long hash = 0;
        for (int id : ids) {
            hash = mixed(hash, id);
        }
        for (float value : values) {
            hash = mixed(hash, Float.floatToIntBits(value));
        }
        return mixed(hash, ids.length + values.length);
    }

    /** One round of SplitMix64's finaliser. */
    private static long mixed(long hash, int next) {
        long z = (hash ^ next) * 0x9E3779B97F4A7C15L + 0x9E3779B97F4A7C15L;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return z ^ z >>> 31;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Example(int[] theirIds, float[] theirValues, int[] theirLabels, float[] theirTargets)
                && Arrays.equals(ids, theirIds) && Arrays.equals(values, theirValues)
                && Arrays.equals(labels, theirLabels) && Arrays.equals(targets, theirTargets);
    }

    @Override
    public int hashCode() {
        return Long.hashCode(hash());
    }
}

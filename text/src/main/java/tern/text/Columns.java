package tern.text;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What the numbers of a table are to a model: for measurements what a {@link Tokenizer} is for text. Every column is told by its
 * mean and deviation. Immutable; safe for use by several threads.
 *
 * @param names columns in the order that the model reads
 * @param means of the rows that were trained on
 * @param deviations likewise, above 0
 * @param length rows of a window that was trained on
 * @param horizon rows that are forecast
 * @param relative whether a window's rows are told, and its forecast meant, less the last row that is read
 */
public record Columns(List<String> names, List<Double> means, List<Double> deviations, int length, int horizon,
        boolean relative) {
    private static final String PREFIX = "columns";
    private static final String NAMES = PREFIX;
    private static final String MEANS = PREFIX + "_means";
    private static final String DEVIATIONS = PREFIX + "_deviations";
    private static final String LENGTH = PREFIX + "_length";
    private static final String HORIZON = PREFIX + "_horizon";
    private static final String RELATIVE = PREFIX + "_relative";

    /** Checks that there is a mean and a deviation to each name. */
    public Columns {
        names = List.copyOf(names);
        means = List.copyOf(means);
        deviations = List.copyOf(deviations);
        boolean fits = !names.isEmpty() && means.size() == names.size() && deviations.size() == names.size();
        boolean finite = means.stream().allMatch(Double::isFinite)
                && deviations.stream().allMatch(deviation -> Double.isFinite(deviation) && deviation > 0);
        if (!fits || !finite || length < 1 || horizon < 1) {
            throw new IllegalArgumentException("columns: " + names.size() + " names, " + means.size() + " means and "
                    + deviations.size() + " deviations over windows of " + length + " and " + horizon
                    + " rows; expected as many finite means and deviations above 0 as names, and rows");
        }
    }

    /** How many there are. */
    public int count() {
        return names.size();
    }

    /**
     * A row of measurements as the model reads it.
     *
     * @param row one number a column
     * @throws IllegalArgumentException if there are more or fewer numbers, or one is not finite; names the column
     */
    public float[] told(double... row) {
        if (row.length != count()) {
            throw new IllegalArgumentException(
                    "a row has " + row.length + " numbers, expected " + count() + ": " + String.join(", ", names));
        }
        float[] told = new float[row.length];
        for (int i = 0; i < row.length; i++) {
            if (!Double.isFinite(row[i])) {
                throw new IllegalArgumentException(
                        "column " + names.get(i) + " holds " + row[i] + ", expected a finite number");
            }
            told[i] = (float) ((row[i] - means.get(i)) / deviations.get(i));
        }
        return told;
    }

    /**
     * What the model's numbers mean, row after row.
     *
     * @param told as the model tells them, a multiple of {@link #count}
     */
    public double[] meant(double... told) {
        double[] meant = new double[told.length];
        for (int i = 0; i < told.length; i++) {
            int column = i % count();
            meant[i] = told[i] * deviations.get(column) + means.get(column);
        }
        return meant;
    }

    /** What is noted with a model to get these back from {@link #from}. */
    public Map<String, String> notes() {
        return Map.of(NAMES, String.join(",", names), MEANS, joined(means), DEVIATIONS, joined(deviations), LENGTH,
                Integer.toString(length), HORIZON, Integer.toString(horizon), RELATIVE, Boolean.toString(relative));
    }

    private static String joined(List<Double> numbers) {
        return numbers.stream().map(number -> Double.toString(number)).collect(Collectors.joining(","));
    }

    /**
     * Those that a model was noted with, if any.
     *
     * @throws IllegalArgumentException if the notes are damaged
     */
    public static Optional<Columns> from(Map<String, String> notes) {
        if (!notes.containsKey(NAMES)) {
            return Optional.empty();
        }
        try {
            return Optional.of(new Columns(Arrays.asList(noted(notes, NAMES).split(",", -1)), numbers(notes, MEANS),
                    numbers(notes, DEVIATIONS), Integer.parseInt(noted(notes, LENGTH)),
                    Integer.parseInt(noted(notes, HORIZON)), Boolean.parseBoolean(noted(notes, RELATIVE))));
        } catch (NumberFormatException damaged) {
            throw new IllegalArgumentException("the notes of the model's columns are damaged: " + damaged.getMessage(),
                    damaged);
        }
    }

    private static List<Double> numbers(Map<String, String> notes, String key) {
        return Arrays.stream(noted(notes, key).split(",", -1)).map(Double::valueOf).toList();
    }

    private static String noted(Map<String, String> notes, String key) {
        String value = notes.get(key);
        if (value == null) {
            throw new IllegalArgumentException("the notes of the model's columns lack \"" + key + "\"");
        }
        return value;
    }
}

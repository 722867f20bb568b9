package tern.tasks.data;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Example;
import tern.tasks.Input;
import tern.tasks.Metric;
import tern.tasks.Task;
import tern.tasks.TaskConfig;
import tern.text.Columns;

/**
 * Forecasts of a table of measurements, one row a step: the rows before are read, those to come asked for, all columns or the
 * last alone. Columns are standardised by the training rows' mean and deviation (Zhou et al. 2021, arXiv 2012.07436: ETT);
 * one that does not vary there is told less its value.
 *
 * @param file a table with a line of names and a first column of dates; in the folder of data sets, or a path
 * @param length rows that are read
 * @param horizon rows that are asked for
 * @param lastColumnOnly whether only the last column is read and asked for
 * @param relative whether all rows of a window are told, and asked for, less the last that is read: levels that drift away from
 *            those trained on then do not matter, and errors remain comparable (Zeng et al. 2022, arXiv 2205.13504: NLinear)
 * @param training rows to train on, from the first
 * @param validation rows that follow
 * @param test rows that follow; windows that ask for them may read rows before
 */
public record SeriesTask(String file, int length, int horizon, boolean lastColumnOnly, boolean relative, int training,
        int validation, int test) implements TaskConfig {
    private static final int VALIDATION = 256;
    private static final int DAY = 24;

    /** Checks ranges. */
    public SeriesTask {
        boolean fits = length >= 1 && horizon >= 1 && training >= (long) length + horizon && validation >= horizon
                && test >= horizon;
        if (!fits) {
            throw new IllegalArgumentException("series: length " + length + " and horizon " + horizon
                    + " do not fit parts of " + training + ", " + validation + " and " + test
                    + " rows; expected windows that lie within the parts");
        }
    }

    /** ETTh1 with its published parts: 12, 4 and 4 months; told relative to the last row, as its level drifts between them. */
    public static SeriesTask ett(int length, int horizon) {
        return new SeriesTask("timeseries/ETTh1.csv", length, horizon, false, true, 8640, 2880, 2880);
    }

    @Override
    public String description() {
        return "Forecast " + horizon + " rows of " + file + " from " + length + ".";
    }

    @Override
    public Task open(String name, Path data) throws IOException {
        Series series = series(data);
        int channels = series.channels();
        List<Example> judged = new ArrayList<>();
        for (int at = training + validation; at + horizon <= training + validation + test; at++) {
            judged.add(series.example(at));
        }
        List<Example> watched = new ArrayList<>();
        for (int which : FixedTask.spread(VALIDATION, validation - horizon + 1)) {
            watched.add(series.example(training + which));
        }
        return new FixedTask(name, new FixedTask.Kind(description(), new Input.Values(channels),
                new Answer.Numbers(horizon, channels), Metric.SQUARED_ERROR, length, true),
                training - length - horizon + 1, start -> series.example(start + length), watched, judged,
                () -> baselines(series)).noting(series.columns.notes());
    }

    Series series(Path data) throws IOException {
        String path = DataFiles.find(data, "file", file).toString();
        List<String> names;
        double[][] rows;
        try (TableReader table = TableReader.of(path, DataFiles.read(data, "file", file))) {
            names = table.names();
            rows = table.rest();
        }
        long wanted = (long) training + validation + test;
        if (rows.length < wanted) {
            throw new IOException(
                    path + ": has " + rows.length + " rows, expected at least "
                            + wanted + "; set task.training, task.validation and task.test");
        }
        Columns columns = columns(names, rows);
        int first = names.size() - columns.count();
        float[][] values = new float[rows.length][];
        for (int row = 0; row < rows.length; row++) {
            values[row] = columns.told(Arrays.copyOfRange(rows[row], first, names.size()));
        }
        return new Series(columns, values);
    }

    /** Mean and deviation of the training rows of every column that is read. */
    private Columns columns(List<String> names, double[]... rows) {
        List<Double> means = new ArrayList<>();
        List<Double> deviations = new ArrayList<>();
        int all = names.size();
        int first = lastColumnOnly ? all - 1 : 0;
        for (int column = first; column < all; column++) {
            double sum = 0;
            double squares = 0;
            boolean same = true;
            for (int row = 0; row < training; row++) {
                sum += rows[row][column];
                same &= rows[row][column] == rows[0][column];
            }
            double mean = same ? rows[0][column] : sum / training;
            for (int row = 0; row < training; row++) {
                squares += (rows[row][column] - mean) * (rows[row][column] - mean);
            }
            means.add(mean);
            // What does not vary in training has no deviation to be told by, and may vary later.
            deviations.add(same ? 1 : Math.sqrt(squares / training));
        }
        return new Columns(names.subList(first, all), means, deviations, length, horizon, relative);
    }

    /** A standardised table. */
    final class Series {
        private final Columns columns;
        private final float[][] values;

        private Series(Columns columns, float[][] values) {
            this.columns = columns;
            this.values = values;
        }

        int channels() {
            return values[0].length;
        }

        /** Reads the rows before {@code at} and asks for those from it on. */
        private Example example(int at) {
            float[] level = relative ? values[at - 1] : new float[channels()];
            return Example.ofSeries(rows(at - length, at, level), rows(at, at + horizon, level));
        }

        private float[] rows(int from, int to, float... level) {
            int channels = channels();
            float[] flat = new float[(to - from) * channels];
            for (int row = from; row < to; row++) {
                for (int channel = 0; channel < channels; channel++) {
                    flat[(row - from) * channels + channel] = values[row][channel] - level[channel];
                }
            }
            return flat;
        }

        /**
         * Mean squared and mean absolute error over all test windows of repeating rows that were seen.
         *
         * @param seen how far behind the window's beginning, from 1, the row is that stands for step s, from 0; 0 for the mean
         */
        double[] errors(IntUnaryOperator seen) {
            double squared = 0;
            double absolute = 0;
            long count = 0;
            for (int at = training + validation; at + horizon <= training + validation + test; at++) {
                for (int step = 0; step < horizon; step++) {
                    int behind = seen.applyAsInt(step);
                    for (int channel = 0; channel < channels(); channel++) {
                        double guess = behind == 0 ? 0 : values[at - behind][channel];
                        double error = values[at + step][channel] - guess;
                        squared += error * error;
                        absolute += Math.abs(error);
                        count++;
                    }
                }
            }
            return new double[] {squared / count, absolute / count};
        }
    }

    /** The last row, and those of the last day and week, again and again. */
    static IntUnaryOperator repeating(int rows) {
        return step -> rows - step % rows;
    }

    private static List<Baseline> baselines(Series series) {
        return List.of(new Baseline("repeat the last row", series.errors(repeating(1))[0]),
                new Baseline("repeat the last 24 rows", series.errors(repeating(DAY))[0]),
                new Baseline("the training mean", series.errors(step -> 0)[0]));
    }
}

package tern.tasks.synthetic;

import java.util.List;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Draws;
import tern.tasks.Example;
import tern.tasks.Generator;
import tern.tasks.Input;
import tern.tasks.Metric;

/**
 * The adding problem: numbers of [0, 1), two of them marked; their sum is asked for (Hochreiter and Schmidhuber 1997).
 *
 * @param length T
 * @param halves whether one mark lies in each half, or both anywhere
 * @param longer further lengths to test at, in multiples of T
 */
public record AddingProblem(int length, boolean halves, List<Integer> longer) implements Generator {
    /** Checks ranges. */
    public AddingProblem {
        Guesses.require("adding", "length", length, length >= 2, "2 or more steps");
        longer = Lengths.multiples("adding", length, longer);
    }

    @Override
    public String description() {
        return "Add the two marked ones of " + length + " numbers.";
    }

    @Override
    public Input input() {
        return new Input.Values(2);
    }

    @Override
    public Answer answer() {
        return new Answer.Numbers(1, 1);
    }

    @Override
    public Metric metric() {
        return Metric.SQUARED_ERROR;
    }

    @Override
    public List<Integer> testLengths() {
        return Lengths.of(length, longer);
    }

    @Override
    public Example draw(Draws draws, int time, boolean training) {
        float[] values = new float[2 * time];
        for (int t = 0; t < time; t++) {
            values[2 * t] = (float) draws.uniform();
        }
        int[] marked = halves ? new int[] {draws.below(time / 2), time / 2 + draws.below(time - time / 2)}
                : draws.distinct(2, 0, time);
        values[2 * marked[0] + 1] = 1;
        values[2 * marked[1] + 1] = 1;
        return Example.ofSeries(values, values[2 * marked[0]] + values[2 * marked[1]]);
    }

    /** Always 1, the mean: 1/6 for sums of two uniform numbers. */
    @Override
    public List<Baseline> baselines(List<Example> test) {
        double sum = 0;
        for (Example example : test) {
            double error = example.targets()[0] - 1;
            sum += error * error;
        }
        return List.of(new Baseline("the mean, 1", sum / test.size()));
    }
}

package tern.train;

import tern.tasks.Metric;

/**
 * How well a model does on a set of sequences, over scored answers only.
 *
 * @param scored number of answers
 * @param loss mean of the objective: nats, or squared error
 * @param accuracy share of right symbols or classes; 0 where numbers are asked for
 * @param last accuracy of the last scored position of every sequence
 * @param exact share of sequences of which every answer is right
 * @param absoluteError mean distance from numbers; 0 where symbols are asked for
 */
public record Scores(long scored, double loss, double accuracy, double last, double exact, double absoluteError) {
    /** In the unit that a task is judged by. */
    public double in(Metric metric) {
        return switch (metric) {
            case ACCURACY -> accuracy;
            case SQUARED_ERROR -> loss;
            case BITS -> loss / Math.log(2);
        };
    }
}

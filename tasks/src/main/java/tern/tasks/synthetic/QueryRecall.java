package tern.tasks.synthetic;

import java.util.List;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Draws;
import tern.tasks.Example;
import tern.tasks.Generator;
import tern.tasks.Input;

/**
 * Multi-query associative recall, MQAR (Arora et al. 2023, arXiv 2312.04927): pairs first, then every key again somewhere
 * behind, mostly soon; at each of these positions the key's value is asked for and never shown. Keys lie in 1..V/2−1, values
 * in V/2..V−1.
 *
 * @param vocabulary V
 * @param length L, even, at least 4·pairs
 * @param pairs m
 * @param power a: slot i behind the pairs is taken with weight a·(i+1)^(a−1); 0.01 as published, 1 for uniform
 * @param randomFiller whether the other positions behind the pairs hold random symbols, or 0
 * @param longer further lengths to test at, in multiples of L, with as many pairs
 */
public record QueryRecall(int vocabulary, int length, int pairs, double power, boolean randomFiller,
        List<Integer> longer) implements Generator {
    /** Checks ranges. */
    public QueryRecall {
        Guesses.require("mqar", "pairs", pairs, pairs >= 1, "1 or more");
        Guesses.require("mqar", "length", length, length % 2 == 0 && length >= 4 * pairs,
                "an even number of at least " + 4L * pairs + ", four times the pairs");
        Guesses.require("mqar", "vocabulary", vocabulary, vocabulary % 2 == 0 && vocabulary / 2 - 1 >= pairs,
                "an even number of at least " + (2L * pairs + 2) + ", so that the pairs have different keys");
        Guesses.require("mqar", "power", power, power > 0 && power <= 100, "a number above 0, such as 0.01");
        longer = Lengths.multiples("mqar", length, longer);
    }

    /** As published, with random symbols between. */
    public static QueryRecall of(int vocabulary, int length, int pairs) {
        return new QueryRecall(vocabulary, length, pairs, 0.01, true, List.of(2, 4));
    }

    @Override
    public String description() {
        return "Name the value of each of " + pairs + " keys when it comes again (MQAR).";
    }

    @Override
    public Input input() {
        return new Input.Tokens(vocabulary);
    }

    @Override
    public Answer answer() {
        return new Answer.Symbols(vocabulary);
    }

    @Override
    public List<Integer> testLengths() {
        return Lengths.of(length, longer);
    }

    @Override
    public Example draw(Draws draws, int time, boolean training) {
        int[] keys = draws.distinct(pairs, 1, vocabulary / 2);
        int[] values = draws.distinct(pairs, vocabulary / 2, vocabulary);
        int[] ids = new int[time];
        int[] labels = Example.ignored(time);
        for (int pair = 0; pair < pairs; pair++) {
            ids[2 * pair] = keys[pair];
            ids[2 * pair + 1] = values[pair];
        }
        double[] weights = new double[(time - 2 * pairs) / 2];
        for (int slot = 0; slot < weights.length; slot++) {
            weights[slot] = power * StrictMath.pow(slot + 1, power - 1);
        }
        for (int pair = 0; pair < pairs; pair++) {
            int slot = draws.weighted(weights);
            weights[slot] = 0;
            ids[2 * pairs + 2 * slot] = keys[pair];
            labels[2 * pairs + 2 * slot] = values[pair];
        }
        if (randomFiller) {
            for (int t = 0; t < time; t++) {
                ids[t] = ids[t] == 0 ? draws.below(vocabulary) : ids[t];
            }
        }
        return Example.ofTokens(ids, labels);
    }

    @Override
    public List<Baseline> baselines(List<Example> test) {
        return List.of(Guesses.oneOf("values", vocabulary / 2), Guesses.oneOf("values of the sequence", pairs));
    }
}

package tern.tasks.synthetic;

import java.util.List;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Draws;
import tern.tasks.Example;
import tern.tasks.Generator;
import tern.tasks.Input;

/**
 * The word problem of a group: elements one after another, at each step their product so far (Merrill et al. 2024, arXiv
 * 2404.08819).
 *
 * @param group the group
 * @param transpositions whether only exchanges of two things come in
 * @param length elements
 * @param longer further lengths to test at, in multiples
 */
public record WordProblem(Group group, boolean transpositions, int length, List<Integer> longer) implements Generator {
    /** Checks ranges. */
    public WordProblem {
        Guesses.require("group", "length", length, length >= 1, "1 or more elements");
        if (transpositions && group.transpositions().isEmpty()) {
            throw new IllegalArgumentException("group: " + group + " has no transpositions, expected s3 or s5");
        }
        longer = Lengths.multiples("group", length, longer);
    }

    @Override
    public String description() {
        return "Multiply " + length + (transpositions ? " transpositions of " : " elements of ") + group
                + " one after another.";
    }

    @Override
    public Input input() {
        return new Input.Tokens(group.order());
    }

    @Override
    public Answer answer() {
        return new Answer.Symbols(group.order());
    }

    @Override
    public List<Integer> testLengths() {
        return Lengths.of(length, longer);
    }

    @Override
    public Example draw(Draws draws, int time, boolean training) {
        int[] ids = new int[time];
        int[] labels = new int[time];
        int product = 0;
        for (int t = 0; t < time; t++) {
            ids[t] = transpositions ? group.transpositions().get(draws.below(group.transpositions().size()))
                    : draws.below(group.order());
            product = group.product(product, ids[t]);
            labels[t] = product;
        }
        return Example.ofTokens(ids, labels);
    }

    @Override
    public List<Baseline> baselines(List<Example> test) {
        return List.of(Guesses.oneOf("elements", group.order()), Guesses.majority(test));
    }
}

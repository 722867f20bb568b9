package tern.tasks.synthetic;

import java.util.List;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Draws;
import tern.tasks.Example;
import tern.tasks.Generator;
import tern.tasks.Input;

/**
 * Parity of the bits so far, at every step. Beyond the trained length only the last position tells whether the state was
 * tracked: see the accuracy of last positions.
 *
 * @param length bits
 * @param longer further lengths to test at, in multiples
 */
public record Parity(int length, List<Integer> longer) implements Generator {
    /** Checks ranges. */
    public Parity {
        Guesses.require("parity", "length", length, length >= 1, "1 or more bits");
        longer = Lengths.multiples("parity", length, longer);
    }

    @Override
    public String description() {
        return "Say at each of " + length + " bits whether an odd number of them were ones so far.";
    }

    @Override
    public Input input() {
        return new Input.Tokens(2);
    }

    @Override
    public Answer answer() {
        return new Answer.Symbols(2);
    }

    @Override
    public List<Integer> testLengths() {
        return Lengths.of(length, longer);
    }

    @Override
    public Example draw(Draws draws, int time, boolean training) {
        int[] ids = new int[time];
        int[] labels = new int[time];
        int parity = 0;
        for (int t = 0; t < time; t++) {
            ids[t] = draws.below(2);
            parity ^= ids[t];
            labels[t] = parity;
        }
        return Example.ofTokens(ids, labels);
    }

    @Override
    public List<Baseline> baselines(List<Example> test) {
        return List.of(Guesses.oneOf("bits", 2), Guesses.majority(test));
    }
}

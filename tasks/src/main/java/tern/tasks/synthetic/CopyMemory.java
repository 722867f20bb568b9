package tern.tasks.synthetic;

import java.util.Arrays;
import java.util.List;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Draws;
import tern.tasks.Example;
import tern.tasks.Generator;
import tern.tasks.Input;

/**
 * Copy memory: ten symbols of 1..8, T − 1 zeros, eleven nines; at the end the ten symbols are asked for (Bai et al. 2018,
 * arXiv 1803.01271, section 4.2). In training the zeros before count too.
 *
 * @param length T, steps to remember
 */
public record CopyMemory(int length) implements Generator {
    private static final int COPIED = 10;
    private static final int SYMBOLS = 8;
    private static final int DELIMITER = 9;

    /** Checks ranges. */
    public CopyMemory {
        Guesses.require("copy-memory", "length", length, length >= 1, "1 or more steps");
    }

    @Override
    public String description() {
        return "Give back ten symbols after " + length + " steps.";
    }

    @Override
    public Input input() {
        return new Input.Tokens(COPIED);
    }

    @Override
    public Answer answer() {
        return new Answer.Symbols(COPIED);
    }

    @Override
    public int positions(int steps) {
        return steps + 2 * COPIED;
    }

    @Override
    public Example draw(Draws draws, int steps, boolean training) {
        int[] ids = new int[positions(steps)];
        int[] labels = training ? new int[ids.length] : Example.ignored(ids.length);
        for (int i = 0; i < COPIED; i++) {
            ids[i] = 1 + draws.below(SYMBOLS);
            labels[labels.length - COPIED + i] = ids[i];
        }
        Arrays.fill(ids, ids.length - COPIED - 1, ids.length, DELIMITER);
        return Example.ofTokens(ids, labels);
    }

    @Override
    public List<Baseline> baselines(List<Example> test) {
        return List.of(Guesses.oneOf("symbols", SYMBOLS));
    }

    /** Nats a position of whoever knows everything but the symbols: 10·ln 8/(T + 20). */
    public double memorylessLoss() {
        return COPIED * Math.log(SYMBOLS) / positions(length);
    }
}

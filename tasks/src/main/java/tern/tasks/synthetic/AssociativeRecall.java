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
 * Associative recall: pairs of keys and values from a map that is drawn for the sequence, then a marker and a key that
 * occurred; its value is asked for (the generator of H3 and Hyena, arXiv 2212.14052 and 2302.10866). The last two symbols
 * are the marker and one that is never used; of the others one half are keys, the other values. A key of several symbols
 * is a tuple. In training every next token counts, in testing the last one.
 *
 * @param vocabulary V, symbols with the two special ones
 * @param length L, tokens of pairs
 * @param keySymbols symbols of a key
 * @param longer further lengths to test at, in multiples of L
 */
public record AssociativeRecall(int vocabulary, int length, int keySymbols, List<Integer> longer) implements Generator {
    /** A sequence draws a value for every key, whether it occurs or not. */
    private static final int MOST_KEYS = 1 << 16;

    /** Checks ranges. */
    public AssociativeRecall {
        Guesses.require("recall", "vocabulary", vocabulary, vocabulary >= 4 && vocabulary % 2 == 0,
                "an even number of 4 or more: keys, values and two special symbols");
        Guesses.require("recall", "keySymbols", keySymbols, keySymbols >= 1 && keySymbols <= 4, "1 to 4");
        double different = Math.pow((vocabulary - 2) / 2, keySymbols);
        Guesses.require("recall", "keySymbols", keySymbols, different <= MOST_KEYS, "so few that the "
                + (vocabulary - 2) / 2 + " symbols of keys make at most " + MOST_KEYS + " different ones");
        Guesses.require("recall", "length", length, length >= keySymbols + 1 && length % (keySymbols + 1) == 0,
                "a multiple of " + (keySymbols + 1) + ", a key and a value each");
        longer = Lengths.multiples("recall", length, longer);
    }

    private int keys() {
        return (vocabulary - 2) / 2;
    }

    @Override
    public String description() {
        return "Name the value that went with a key, among " + length / (keySymbols + 1) + " pairs.";
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
    public int positions(int pairs) {
        return pairs + 1 + keySymbols;
    }

    @Override
    public Example draw(Draws draws, int tokens, boolean training) {
        int keys = keys();
        int[] map = new int[(int) Math.pow(keys, keySymbols)];
        for (int i = 0; i < map.length; i++) {
            map[i] = keys + draws.below(keys);
        }
        int[] all = new int[tokens + 1 + keySymbols + 1];
        int pairs = tokens / (keySymbols + 1);
        boolean[] occurred = new boolean[map.length];
        int at = 0;
        for (int pair = 0; pair < pairs; pair++) {
            int key = draws.below(map.length);
            occurred[key] = true;
            at = write(key, all, at);
            all[at++] = map[key];
        }
        all[at++] = vocabulary - 2;
        int query = draws.below(map.length);
        while (!occurred[query]) {
            query = draws.below(map.length);
        }
        at = write(query, all, at);
        all[at] = map[query];
        int[] labels = Example.ignored(at);
        if (training) {
            System.arraycopy(all, 1, labels, 0, at);
        } else {
            labels[at - 1] = all[at];
        }
        return Example.ofTokens(Arrays.copyOf(all, at), labels);
    }

    private int write(int key, int[] into, int at) {
        int rest = key;
        int next = at;
        for (int symbol = 0; symbol < keySymbols; symbol++) {
            into[next++] = rest % keys();
            rest /= keys();
        }
        return next;
    }

    @Override
    public List<Baseline> baselines(List<Example> test) {
        return List.of(Guesses.oneOf("values", keys()), mostFrequent(test));
    }

    /** The value that occurs most often in the sequence. */
    private Baseline mostFrequent(List<Example> test) {
        int right = 0;
        for (Example example : test) {
            int[] counts = new int[vocabulary];
            int best = 0;
            int tokens = example.ids().length - 1 - keySymbols;
            for (int at = keySymbols; at < tokens; at += keySymbols + 1) {
                int value = example.ids()[at];
                best = ++counts[value] > counts[best] ? value : best;
            }
            right += best == example.labels()[example.labels().length - 1] ? 1 : 0;
        }
        return new Baseline("most frequent value", (double) right / test.size());
    }
}

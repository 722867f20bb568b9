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
 * Selective copying: symbols at random places among blanks, to be given back in order. Symbol V−1 is the marker, V−2 the
 * blank.
 *
 * <pre>
 * Mamba (Gu and Dao 2023, arXiv 2312.00752): L slots, then n markers; at each the next symbol is asked for
 * MAD (Poli et al. 2024, arXiv 2403.17844):  L − n − 1 slots, one marker, n blanks; at each blank the next symbol
 * </pre>
 *
 * @param vocabulary V
 * @param length L
 * @param symbols n
 * @param mad whether the form is that of MAD
 * @param longer further lengths to test at, in multiples of L, with as many symbols
 */
public record SelectiveCopying(int vocabulary, int length, int symbols, boolean mad, List<Integer> longer)
        implements
            Generator {
    /** Checks ranges. */
    public SelectiveCopying {
        Guesses.require("selective-copy", "vocabulary", vocabulary, vocabulary >= 4,
                "4 or more: two symbols, the blank and the marker");
        Guesses.require("selective-copy", "symbols", symbols, symbols >= 1, "1 or more");
        int least = mad ? 2 * symbols + 1 : symbols;
        Guesses.require("selective-copy", "length", length, length >= least,
                "at least " + least + ", so that the symbols fit");
        longer = Lengths.multiples("selective-copy", length, longer);
    }

    @Override
    public String description() {
        return "Give back " + symbols + " symbols in order that stood among " + (slots(length) - symbols) + " blanks.";
    }

    private int slots(int time) {
        return mad ? time - symbols - 1 : time;
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
    public int positions(int time) {
        return mad ? time : time + symbols;
    }

    @Override
    public Example draw(Draws draws, int time, boolean training) {
        int blank = vocabulary - 2;
        int marker = vocabulary - 1;
        int slots = slots(time);
        int[] ids = new int[positions(time)];
        Arrays.fill(ids, mad ? blank : marker);
        Arrays.fill(ids, 0, slots, blank);
        if (mad) {
            ids[slots] = marker;
        }
        int[] places = draws.distinct(symbols, 0, slots);
        Arrays.sort(places);
        int[] labels = Example.ignored(ids.length);
        for (int i = 0; i < symbols; i++) {
            int symbol = draws.below(vocabulary - 2);
            ids[places[i]] = symbol;
            labels[ids.length - symbols + i] = symbol;
        }
        return Example.ofTokens(ids, labels);
    }

    @Override
    public List<Baseline> baselines(List<Example> test) {
        return List.of(Guesses.oneOf("symbols", vocabulary - 2));
    }
}

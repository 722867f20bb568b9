package tern.tasks.synthetic;

import java.util.List;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Draws;
import tern.tasks.Example;
import tern.tasks.Generator;
import tern.tasks.Input;

/**
 * Induction heads: random symbols with a marker somewhere; at the end the marker comes again, and what followed it the first
 * time is asked for (H3, arXiv 2212.14052; Mamba, 2312.00752, trains at 256 and tests far beyond).
 *
 * @param vocabulary V, symbols besides the marker, which is symbol V
 * @param length L
 * @param copied symbols behind the marker that are asked for
 * @param longer further lengths to test at, in multiples of L
 */
public record InductionHeads(int vocabulary, int length, int copied, List<Integer> longer) implements Generator {
    /** Checks ranges. */
    public InductionHeads {
        Guesses.require("induction", "vocabulary", vocabulary, vocabulary >= 2, "2 or more symbols");
        Guesses.require("induction", "copied", copied, copied >= 1, "1 or more symbols");
        Guesses.require("induction", "length", length, length >= 2 * copied + 2,
                "at least " + (2L * copied + 2) + ", so that the copied symbols fit twice");
        longer = Lengths.multiples("induction", length, longer);
    }

    @Override
    public String description() {
        return "Name what followed the marker when it came first" + (copied == 1 ? "." : ", " + copied + " symbols.");
    }

    @Override
    public Input input() {
        return new Input.Tokens(vocabulary + 1);
    }

    @Override
    public Answer answer() {
        return new Answer.Symbols(vocabulary + 1);
    }

    @Override
    public List<Integer> testLengths() {
        return Lengths.of(length, longer);
    }

    @Override
    public Example draw(Draws draws, int time, boolean training) {
        int[] ids = new int[time];
        for (int t = 0; t < time; t++) {
            ids[t] = draws.below(vocabulary);
        }
        int end = time - copied;
        int marker = draws.below(end - copied);
        ids[marker] = vocabulary;
        ids[end] = vocabulary;
        int[] labels = Example.ignored(time);
        for (int i = 0; i < copied; i++) {
            labels[end + i] = ids[marker + 1 + i];
            if (i + 1 < copied) {
                ids[end + 1 + i] = ids[marker + 1 + i];
            }
        }
        return Example.ofTokens(ids, labels);
    }

    @Override
    public List<Baseline> baselines(List<Example> test) {
        return List.of(Guesses.oneOf("symbols", vocabulary));
    }
}

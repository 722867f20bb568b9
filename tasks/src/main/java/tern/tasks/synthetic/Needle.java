package tern.tasks.synthetic;

import java.nio.charset.StandardCharsets;
import java.util.List;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Draws;
import tern.tasks.Example;
import tern.tasks.Generator;
import tern.tasks.Input;

/**
 * A needle in bytes: words of a fixed list, among them {@code key=12345;}; at the end {@code key?}, and the five digits are
 * asked for, each after the ones before it. Training lengths are drawn from half the length up.
 *
 * @param length bytes up to the question mark
 * @param longer further lengths to test at, in multiples
 */
public record Needle(int length, List<Integer> longer) implements Generator {
    private static final int DIGITS = 5;
    private static final String QUESTION = "key?";
    private static final int NEEDLE = "key=".length() + DIGITS + 1;
    private static final int BYTES = 256;
    private static final List<String> DEPTHS = List.of("0–20 %", "20–40 %", "40–60 %", "60–80 %", "80–100 %");
    private static final List<String> WORDS = List.of("able", "acid", "aged", "also", "area", "army", "away", "baby",
            "back", "ball", "band", "bank", "base", "bath", "bear", "beat", "been", "beer", "bell", "belt", "best",
            "bill", "bird", "blow", "blue", "boat", "body", "bomb", "bond", "bone", "book", "boom", "born", "boss",
            "both", "bowl", "bulk", "burn", "bush", "busy", "call", "calm", "came", "camp", "card", "care", "case",
            "cash", "cast", "cell", "chat", "chip", "city", "club", "coal", "coat", "code", "cold", "come", "cook",
            "cool", "cope", "copy", "core");

    /** Checks ranges. */
    public Needle {
        Guesses.require("passkey", "length", length, length >= 2 * (NEEDLE + QUESTION.length()),
                "at least " + 2 * (NEEDLE + QUESTION.length()) + " bytes");
        longer = Lengths.multiples("passkey", length, longer);
    }

    @Override
    public String description() {
        return "Give back a number of five digits that stood somewhere in " + length + " bytes of words.";
    }

    @Override
    public Input input() {
        return new Input.Tokens(BYTES);
    }

    @Override
    public Answer answer() {
        return new Answer.Symbols(BYTES);
    }

    @Override
    public List<Integer> testLengths() {
        return Lengths.of(length, longer);
    }

    @Override
    public int positions(int bytes) {
        return bytes + DIGITS - 1;
    }

    @Override
    public Example draw(Draws draws, int bytes, boolean training) {
        int all = training ? draws.between(bytes / 2, bytes) : bytes;
        return draw(draws, all, draws.uniform());
    }

    /**
     * One sequence with the needle at a chosen place.
     *
     * @param bytes up to the question mark
     * @param depth share of the words that come before the needle, 0 to 1
     */
    public Example draw(Draws draws, int bytes, double depth) {
        int filler = bytes - NEEDLE - QUESTION.length();
        StringBuilder words = new StringBuilder();
        while (words.length() < filler) {
            words.append(WORDS.get(draws.below(WORDS.size()))).append(' ');
        }
        words.setLength(filler);
        // The needle stands between words.
        int at = (int) Math.round(depth * filler);
        while (at > 0 && at < filler && words.charAt(at - 1) != ' ') {
            at--;
        }
        StringBuilder digits = new StringBuilder();
        for (int i = 0; i < DIGITS; i++) {
            digits.append(draws.below(10));
        }
        words.insert(at, "key=" + digits + ";");
        byte[] text = words.append(QUESTION).append(digits).toString().getBytes(StandardCharsets.US_ASCII);
        int[] ids = new int[bytes + DIGITS - 1];
        int[] labels = Example.ignored(ids.length);
        for (int t = 0; t < ids.length; t++) {
            ids[t] = text[t];
            if (t >= bytes - 1) {
                labels[t] = text[t + 1];
            }
        }
        return Example.ofTokens(ids, labels);
    }

    /** By depth: the share of the words that come before the needle. */
    @Override
    public List<String> groups() {
        return DEPTHS;
    }

    @Override
    public int group(Example example) {
        int[] ids = example.ids();
        int at = 0;
        while (ids[at] != '=') {
            at++;
        }
        int before = at + 1 - "key=".length();
        int filler = ids.length - (DIGITS - 1) - NEEDLE - QUESTION.length();
        return Math.min(DEPTHS.size() - 1, before * DEPTHS.size() / Math.max(1, filler));
    }

    @Override
    public List<Baseline> baselines(List<Example> test) {
        return List.of(Guesses.oneOf("digits", 10));
    }
}

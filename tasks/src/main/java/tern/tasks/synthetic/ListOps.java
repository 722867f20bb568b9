package tern.tasks.synthetic;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Draws;
import tern.tasks.Example;
import tern.tasks.Generator;
import tern.tasks.Input;

/**
 * ListOps as Long Range Arena draws it (Nangia and Bowman 2018; Tay et al. 2020, arXiv 2011.04006): nested lists of digits
 * under minimum, maximum, median and sum modulo 10; the value of the whole is asked for.
 *
 * <pre>
 * gen(depth): r = uniform if depth &lt; maxDepth else 1
 *   r &gt; 0.25: a digit, length 1
 *   else: 2..maxArgs arguments gen(depth + 1), one of the four operators, length 2 + sum
 * </pre>
 *
 * Trees are drawn again until shortest &lt; length &lt; longest. Token 0 is padding, 1–4 the operators, 5–14 the digits, 15
 * the closing bracket.
 *
 * @param maxDepth deepest level, the root being 1
 * @param maxArgs most arguments of a list
 * @param shortest below the length of every sequence
 * @param length above the length of every sequence
 * @param trainingExamples number of different training sequences
 */
public record ListOps(int maxDepth, int maxArgs, int shortest, int length, int trainingExamples) implements Generator {
    private static final double LIST = 0.25;
    private static final int DIGIT = 5;
    private static final int CLOSE = 15;
    private static final int VALUES = 10;
    /** Symbols of trees that do not fit after which no more are drawn; those published take some thousands. */
    private static final int PATIENCE = 1 << 25;
    private static final List<String> OPERATORS = List.of("[MIN", "[MAX", "[MED", "[SM");

    /** Checks ranges. */
    public ListOps {
        Guesses.require("listops", "maxDepth", maxDepth, maxDepth >= 2 && maxDepth <= 20, "2 to 20 levels");
        Guesses.require("listops", "maxArgs", maxArgs, maxArgs >= 2 && maxArgs <= 20, "2 to 20 arguments");
        Guesses.require("listops", "shortest", shortest, shortest >= 0, "0 or more");
        Guesses.require("listops", "length", length, length > shortest + 1, "more than " + (shortest + 1L));
        Guesses.require("listops", "trainingExamples", trainingExamples, trainingExamples >= 0,
                "a number, or 0 for fresh ones at every step");
    }

    /** As published: lengths 500 to 2,000, 96,000 training sequences. */
    public static ListOps published() {
        return new ListOps(10, 10, 500, 2000, 96_000);
    }

    @Override
    public String description() {
        return "Evaluate nested MIN, MAX, MED and SM of digits, up to " + (length - 1) + " symbols (ListOps).";
    }

    @Override
    public Input input() {
        return new Input.Tokens(CLOSE + 1);
    }

    @Override
    public Answer answer() {
        return new Answer.Classes(VALUES);
    }

    @Override
    public boolean causal() {
        return false;
    }

    @Override
    public Example draw(Draws draws, int bound, boolean training) {
        int[] into = new int[bound];
        int left = PATIENCE;
        while (true) {
            Tree tree = new Tree(draws, into, left);
            int value = tree.grow(1);
            if (tree.length > shortest && tree.length < bound) {
                return Example.ofTokens(Arrays.copyOf(into, tree.length), value);
            }
            left -= tree.length;
        }
    }

    /** A tree while it is drawn; what does not fit is counted but not kept. */
    private final class Tree {
        private final Draws draws;
        private final int[] into;
        private final int most;
        private int length;

        private Tree(Draws draws, int[] into, int most) {
            this.draws = draws;
            this.into = into;
            this.most = most;
        }

        private void put(int token) {
            if (length == most) {
                throw new IllegalArgumentException("listops: no list of " + (shortest + 1) + " to "
                        + (into.length - 1) + " symbols came up among " + PATIENCE + " drawn; with maxDepth " + maxDepth
                        + " and maxArgs " + maxArgs + " they are hardly ever as long, or mostly longer: set other"
                        + " bounds");
            }
            if (length < into.length) {
                into[length] = token;
            }
            length++;
        }

        /** Draws a subtree and gives back its value. */
        private int grow(int depth) {
            boolean list = depth < maxDepth && draws.uniform() <= LIST;
            if (!list) {
                int digit = draws.below(VALUES);
                put(DIGIT + digit);
                return digit;
            }
            int count = draws.between(2, maxArgs);
            int operator = draws.below(OPERATORS.size());
            put(1 + operator);
            int[] values = new int[count];
            for (int i = 0; i < count; i++) {
                values[i] = grow(depth + 1);
            }
            put(CLOSE);
            return apply(operator, values);
        }
    }

    private static int apply(int operator, int... values) {
        return switch (operator) {
            case 0 -> Arrays.stream(values).min().orElseThrow();
            case 1 -> Arrays.stream(values).max().orElseThrow();
            case 2 -> median(values);
            default -> Arrays.stream(values).sum() % VALUES;
        };
    }

    private static int median(int... values) {
        int[] sorted = values.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /**
     * Tokens of a text such as {@code [MAX 2 9 [MIN 4 7 ] 0 ]}; parentheses are left out, and X closes like a bracket.
     *
     * @throws IllegalArgumentException naming the first word that is none of these
     */
    public static int[] parse(String text) {
        List<Integer> tokens = new ArrayList<>();
        for (String word : text.replace("(", " ").replace(")", " ").replace("]", " ] ").strip().split("\\s+")) {
            if (OPERATORS.contains(word)) {
                tokens.add(1 + OPERATORS.indexOf(word));
            } else if (word.length() == 1 && word.charAt(0) >= '0' && word.charAt(0) <= '9') {
                tokens.add(DIGIT + word.charAt(0) - '0');
            } else if (word.equals("]") || word.equals("X")) {
                tokens.add(CLOSE);
            } else {
                throw new IllegalArgumentException("listops: \"" + word + "\" at word " + (tokens.size() + 1)
                        + " is not known, expected a digit, ] or one of " + OPERATORS);
            }
        }
        return tokens.stream().mapToInt(Integer::intValue).toArray();
    }

    /**
     * The value of a sequence of tokens.
     *
     * @throws IllegalArgumentException if the brackets do not close
     */
    public static int value(int... ids) {
        int[] at = {0};
        int value = value(ids, at);
        if (at[0] != ids.length) {
            throw new IllegalArgumentException(
                    "listops: the list ends at token " + at[0] + " of " + ids.length + ", expected one list or digit");
        }
        return value;
    }

    private static int value(int[] ids, int[] at) {
        int token = next(ids, at);
        if (token >= DIGIT && token < CLOSE) {
            return token - DIGIT;
        }
        if (token < 1 || token == CLOSE) {
            throw new IllegalArgumentException(
                    "listops: token " + token + " at " + (at[0] - 1)
                            + " begins no list, expected a digit or an operator");
        }
        List<Integer> values = new ArrayList<>();
        while (at[0] < ids.length && ids[at[0]] != CLOSE) {
            values.add(value(ids, at));
        }
        next(ids, at);
        if (values.isEmpty()) {
            throw new IllegalArgumentException("listops: the list that ends at " + at[0] + " is empty");
        }
        return apply(token - 1, values.stream().mapToInt(Integer::intValue).toArray());
    }

    private static int next(int[] ids, int[] at) {
        if (at[0] >= ids.length) {
            throw new IllegalArgumentException(
                    "listops: a list is not closed after " + ids.length + " tokens, expected ]");
        }
        return ids[at[0]++];
    }

    /** What each set's majority is, and what the root operator alone gives away. */
    @Override
    public List<Baseline> baselines(List<Example> test) {
        return List.of(Guesses.majority(test), Guesses.knowing("root operator", test, example -> example.ids()[0]));
    }
}

package tern.tasks.data;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Draws;
import tern.tasks.Example;
import tern.tasks.Input;
import tern.tasks.Metric;
import tern.tasks.Task;
import tern.tasks.TaskConfig;
import tern.text.ByteTokenizer;

/**
 * Whether two pieces of text come from one article: Long Range Arena's retrieval at a size for a processor. A model reads each piece
 * alone, with the same parameters, and a classifier reads both means. Articles are what stands between {@code <text>} and
 * {@code </text>}, as in EnWik8; of those that are long enough the first eight tenths are trained on, a tenth validates, a
 * tenth tests, so that no article is in two parts. Half of the pairs are of one article, in which they do not overlap.
 *
 * @param file in the folder of data sets, or a path
 * @param length bytes of a piece
 */
public record RetrievalTask(String file, int length) implements TaskConfig {
    private static final Pattern ARTICLE = Pattern.compile("<text[^>]*>(.*?)</text>", Pattern.DOTALL);
    private static final int PAIRS = 1 << 20;
    private static final int JUDGED = 1000;
    private static final int THRESHOLDS = 100;
    /** An article has room for so many pieces at least. */
    private static final int PIECES = 4;
    private static final int PARTS = 10;
    private static final int FEWEST = 2 * PARTS;

    /** Checks ranges. */
    public RetrievalTask {
        if (length < 1) {
            throw new IllegalArgumentException("retrieval: length is " + length + ", expected 1 or more bytes");
        }
    }

    @Override
    public String description() {
        return "Tell whether two pieces of " + length + " bytes come from one article.";
    }

    @Override
    public Task open(String name, Path data) throws IOException {
        byte[] bytes = DataFiles.read(data, "file", file);
        List<byte[]> articles = new ArrayList<>();
        Matcher article = ARTICLE.matcher(new String(bytes, StandardCharsets.ISO_8859_1));
        while (article.find()) {
            if (article.end(1) - article.start(1) >= PIECES * (long) length) {
                articles.add(Arrays.copyOfRange(bytes, article.start(1), article.end(1)));
            }
        }
        if (articles.size() < FEWEST) {
            throw new IOException(DataFiles.find(data, "file", file) + ": has " + articles.size() + " articles of "
                    + PIECES * (long) length + " bytes or more between <text> and </text>, expected at least " + FEWEST
                    + "; " + DataFiles.beginning(bytes));
        }
        int tenth = articles.size() / PARTS;
        List<byte[]> training = articles.subList(0, articles.size() - 2 * tenth);
        List<Example> validation = judged(articles.subList(articles.size() - 2 * tenth, articles.size() - tenth), 1);
        List<Example> test = judged(articles.subList(articles.size() - tenth, articles.size()), 2);
        return new FixedTask(name, new FixedTask.Kind(description(), new Input.Tokens(256), new Answer.Classes(2),
                Metric.ACCURACY, length, false, 2), PAIRS, which -> pair(training, new Draws(Draws.seed(0, which))),
                validation, test, () -> baselines(judged(training, 0), test))
                .noting(Map.of(ByteTokenizer.FIRST_BYTE_NOTE, "0"));
    }

    private List<Example> judged(List<byte[]> articles, int part) {
        List<Example> pairs = new ArrayList<>();
        for (int i = 0; i < JUDGED; i++) {
            pairs.add(pair(articles, new Draws(Draws.seed(part, i))));
        }
        return pairs;
    }

    /** Two pieces, one behind the other, and whether they are of one article. */
    private Example pair(List<byte[]> articles, Draws draws) {
        boolean same = draws.coin();
        int one = draws.below(articles.size());
        byte[] first = articles.get(one);
        // Another one, each as likely: what is drawn from the rest counts on from the first.
        byte[] second = same ? first
                : articles.get((one + 1 + draws.below(articles.size() - 1)) % articles.size());
        int[] ids = new int[2 * length];
        if (same) {
            // Two starts that leave both pieces room: the later one is moved on by a piece.
            int left = draws.below(first.length - 2 * length + 1);
            int right = draws.below(first.length - 2 * length + 1);
            boolean swapped = left > right || left == right && draws.coin();
            copy(first, left + (swapped ? length : 0), ids, 0);
            copy(second, right + (swapped ? 0 : length), ids, length);
        } else {
            copy(first, draws.below(first.length - length + 1), ids, 0);
            copy(second, draws.below(second.length - length + 1), ids, length);
        }
        return Example.ofTokens(ids, same ? 1 : 0);
    }

    private void copy(byte[] article, int from, int[] ids, int at) {
        for (int i = 0; i < length; i++) {
            ids[at + i] = article[from + i] & 0xFF;
        }
    }

    /** The majority, and how many words both pieces have, with the threshold that is best in training. */
    private List<Baseline> baselines(List<Example> training, List<Example> test) {
        ToDoubleFunction<Example> shared = this::sharedWords;
        double[] known = training.stream().mapToDouble(shared).toArray();
        double best = 0;
        double most = 0;
        for (int i = 0; i <= THRESHOLDS; i++) {
            double threshold = i / (double) THRESHOLDS;
            double right = 0;
            for (int e = 0; e < known.length; e++) {
                right += known[e] >= threshold == (training.get(e).labels()[0] == 1) ? 1 : 0;
            }
            if (right > most) {
                most = right;
                best = threshold;
            }
        }
        double chosen = best;
        long ones = test.stream().filter(pair -> pair.labels()[0] == 1).count();
        long right = test.stream().filter(pair -> shared.applyAsDouble(pair) >= chosen == (pair.labels()[0] == 1))
                .count();
        return List.of(new Baseline("majority", Math.max(ones, test.size() - ones) / (double) test.size()),
                new Baseline("words in both", right / (double) test.size()));
    }

    /** Words that both pieces have, as a part of those that either has. */
    private double sharedWords(Example pair) {
        Set<String> left = words(pair, 0);
        Set<String> all = words(pair, length);
        int right = all.size();
        all.addAll(left);
        return all.isEmpty() ? 0 : (left.size() + right - all.size()) / (double) all.size();
    }

    private Set<String> words(Example pair, int from) {
        StringBuilder text = new StringBuilder();
        for (int i = from; i < from + length; i++) {
            text.append((char) pair.ids()[i]);
        }
        Set<String> words = new HashSet<>(List.of(text.toString().toLowerCase(Locale.ROOT).split("[^a-z]+")));
        words.remove("");
        return words;
    }
}

package tern.tasks.data;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import tern.tasks.Answer;
import tern.tasks.Baseline;
import tern.tasks.Example;
import tern.tasks.Input;
import tern.tasks.Metric;
import tern.tasks.Task;
import tern.tasks.TaskConfig;
import tern.text.ByteTokenizer;

/**
 * Whether a review is for or against, read byte by byte: the movie reviews of Pang and Lee (2004). Lines hold label, fold and
 * text; folds 1 to 7 are trained on, 8 validates, 9 tests. Bytes are tokens 1 to 256, 0 is padding.
 *
 * @param file in the folder of data sets, or a path
 * @param length bytes at which reviews are cut
 * @param pieces whether training reads what lies behind the cut too, in further pieces of that length (the last one ends
 *            where the review ends); judged are beginnings in either case
 */
public record ReviewTask(String file, int length, boolean pieces) implements TaskConfig {
    private static final int VALIDATION_FOLD = 8;
    private static final int TEST_FOLD = 9;

    /** Checks ranges. */
    public ReviewTask {
        if (length < 1) {
            throw new IllegalArgumentException("reviews: length is " + length + ", expected 1 or more bytes");
        }
    }

    private record Review(int label, int fold, byte[] text) {
        @Override
        public boolean equals(Object other) {
            return this == other;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(this);
        }
    }

    @Override
    public String description() {
        return "Tell reviews for from reviews against by their first " + length + " bytes.";
    }

    @Override
    public Task open(String name, Path data) throws IOException {
        List<Review> reviews = parse(DataFiles.find(data, "file", file).toString(), DataFiles.read(data, "file", file));
        List<Review> training = reviews.stream().filter(review -> review.fold < VALIDATION_FOLD).toList();
        List<Review> judged = reviews.stream().filter(review -> review.fold == TEST_FOLD).toList();
        List<Example> validation = reviews.stream().filter(review -> review.fold == VALIDATION_FOLD)
                .map(this::example).toList();
        if (training.isEmpty() || validation.isEmpty() || judged.isEmpty()) {
            throw new IOException(DataFiles.find(data, "file", file)
                    + ": there is no review in one of the parts, expected folds 1 to 7, 8 and 9");
        }
        List<Example> learnt = training.stream().flatMap(this::learnt).toList();
        return new FixedTask(name, new FixedTask.Kind(description(), new Input.Tokens(257), new Answer.Classes(2),
                Metric.ACCURACY, length, false), learnt.size(), learnt::get, validation,
                judged.stream().map(this::example).toList(), () -> baselines(training, judged))
                .noting(Map.of(ByteTokenizer.FIRST_BYTE_NOTE, "1"));
    }

    private Stream<Example> learnt(Review review) {
        int last = pieces ? Math.max(0, review.text.length - length) : 0;
        return IntStream.rangeClosed(0, (last + length - 1) / length)
                .mapToObj(piece -> example(review, Math.min(piece * length, last)));
    }

    private Example example(Review review) {
        return example(review, 0);
    }

    private Example example(Review review, int from) {
        int[] ids = new int[Math.min(length, review.text.length - from)];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = 1 + (review.text[from + i] & 0xFF);
        }
        return Example.ofTokens(ids, review.label);
    }

    private static List<Review> parse(String file, byte... bytes) throws IOException {
        List<Review> reviews = new ArrayList<>();
        int line = 0;
        for (String row : new String(bytes, StandardCharsets.ISO_8859_1).split("\n")) {
            line++;
            String[] columns = row.split("\t", 3);
            if (columns.length < 3) {
                throw new IOException(file + ": line " + line + " has " + columns.length
                        + " columns, expected 3 (label, fold, text) with tabs between"
                        + (line == 1 ? "; " + DataFiles.beginning(bytes) : ""));
            }
            if (!columns[0].equals("0") && !columns[0].equals("1")) {
                throw new IOException(file + ": line " + line + ": label \"" + columns[0] + "\", expected 0 or 1");
            }
            if (columns[1].length() != 1 || columns[1].charAt(0) < '1' || columns[1].charAt(0) > '9') {
                throw new IOException(file + ": line " + line + ": fold \"" + columns[1] + "\", expected 1 to 9");
            }
            if (columns[2].isEmpty()) {
                throw new IOException(file + ": line " + line + ": the text is empty");
            }
            reviews.add(new Review(columns[0].charAt(0) - '0', columns[1].charAt(0) - '0',
                    columns[2].getBytes(StandardCharsets.ISO_8859_1)));
        }
        return reviews;
    }

    /** The majority, and words counted as if each came by itself (naive Bayes with 1 added). */
    private List<Baseline> baselines(List<Review> training, List<Review> test) {
        Map<String, double[]> counts = new HashMap<>();
        double[] documents = {0, 0};
        for (Review review : training) {
            documents[review.label]++;
            for (String word : words(review)) {
                counts.computeIfAbsent(word, key -> new double[2])[review.label]++;
            }
        }
        int right = 0;
        int ones = 0;
        for (Review review : test) {
            double odds = 0;
            for (String word : words(review)) {
                double[] count = counts.get(word);
                if (count != null) {
                    odds += Math.log((count[1] + 1) / (documents[1] + 2))
                            - Math.log((count[0] + 1) / (documents[0] + 2));
                }
            }
            right += (odds > 0 ? 1 : 0) == review.label ? 1 : 0;
            ones += review.label;
        }
        return List.of(new Baseline("majority", Math.max(ones, test.size() - ones) / (double) test.size()),
                new Baseline("words (naive Bayes)", right / (double) test.size()));
    }

    private HashSet<String> words(Review review) {
        String text = new String(review.text, 0, Math.min(length, review.text.length), StandardCharsets.ISO_8859_1);
        return new HashSet<>(List.of(text.strip().split("\\s+")));
    }
}

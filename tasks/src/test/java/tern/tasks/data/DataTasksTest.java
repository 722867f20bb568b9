package tern.tasks.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import tern.tasks.Baseline;
import tern.tasks.Batch;
import tern.tasks.Example;
import tern.tasks.SharedData;
import tern.tasks.Task;
import tern.tasks.TaskCatalog;
import tern.tasks.TaskConfig;
import tern.text.Columns;

/** Tasks over files, against what was measured on the same files elsewhere. */
class DataTasksTest {
    @TempDir
    private Path folder;

    /** Interpolated Witten–Bell counts after 0 to so many bytes. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "enwik8-head-4000000.gz | 90/5/5 | 5.140 3.955 3.246 2.814 2.611 2.595",
        "tinyshakespeare.txt | 90/0/10 | 4.830 3.586 2.956 2.559 2.408 2.450"})
    void countsOfBytesPredictAsWellAsIsKnown(String file, String split, String known) throws IOException {
        Path data = SharedData.folderWith(file);
        double[] expected = Arrays.stream(known.split(" ")).mapToDouble(Double::parseDouble).toArray();
        Windows windows = new TextTask(file, Optional.of(split), 256, expected.length - 1).windows(data);
        byte[] bytes = windows.symbols();
        double[] bits = new NGrams(bytes, 0, windows.trainEnd(), 256, expected.length - 1).wittenBell(bytes,
                windows.validationEnd(), bytes.length);
        for (int order = 0; order < expected.length; order++) {
            assertThat(bits[order]).as("order %d", order).isCloseTo(expected[order], within(0.002));
        }
    }

    @ParameterizedTest
    @CsvSource({"logs/Apache_2k.log, .851, .745, .928", "logs/HDFS_2k.log, 1.677, 1.408, 1.536",
        "logs/Linux_2k.log, 3.75, 4.51, 5.11"})
    void countsOfLogsToo(String file, double two, double four, double six) throws IOException {
        Windows windows = new TextTask(file, Optional.empty(), 256, 6).windows(SharedData.folderWith(file));
        byte[] bytes = windows.symbols();
        double[] bits = new NGrams(bytes, 0, windows.trainEnd(), 256, 6).wittenBell(bytes, windows.validationEnd(),
                bytes.length);
        assertThat(bits[2]).isCloseTo(two, within(0.02 * two));
        assertThat(bits[4]).isCloseTo(four, within(0.02 * four));
        assertThat(bits[6]).isCloseTo(six, within(0.02 * six));
    }

    @Test
    void textIsReadInWindowsOfPartsThatDoNotOverlap() throws IOException {
        Files.writeString(folder.resolve("t.txt"), "abcdefghij".repeat(100));
        Task task = TextTask.of("t.txt", 10).open("t", folder);
        assertThat(task.validation()).hasSize(4);
        assertThat(task.test(10)).hasSize(4);
        Example first = task.test(10).getFirst();
        assertThat(first.ids()[0]).isEqualTo('a');
        assertThat(first.labels()[0]).isEqualTo('b');
        Batch batch = task.train(1, 2, 3);
        assertThat(batch).isEqualTo(task.train(1, 2, 3));
        for (int t = 0; t < 9; t++) {
            assertThat(batch.labels()[t]).isEqualTo(batch.ids()[t + 1]);
        }
        assertThat(task.baselines(10)).extracting(Baseline::name).containsExactly("counts of bytes",
                "counts after 2 bytes", "counts after 5 bytes");
        assertThatIllegalArgumentException().isThrownBy(() -> TextTask.of("t.txt", 60).open("t", folder))
                .withMessageContaining("its shortest part has 50 symbols");
        assertThatIOException().isThrownBy(() -> TextTask.of("none.txt", 6).open("t", folder))
                .withMessageContaining("none.txt: no such file; give the folder that holds it by --data");
    }

    @Test
    void textIsTestedInLongerWindowsIfAskedTo() throws IOException {
        Files.writeString(folder.resolve("t.txt"), "abcdefghij".repeat(100));
        Task task = new TextTask("t.txt", Optional.empty(), 10, 5, Optional.of(List.of(2, 4))).open("t", folder);
        assertThat(task.testLengths()).containsExactly(10, 20, 40);
        assertThat(task.test(40)).hasSize(1);
        assertThat(task.test(20).get(1).ids()).containsExactly(Arrays.copyOfRange(task.test(40).getFirst().ids(), 20,
                40));
        assertThat(task.length()).isEqualTo(10);
        for (int times : new int[] {1, 5, Integer.MAX_VALUE}) {
            assertThatIllegalArgumentException().isThrownBy(
                    () -> new TextTask("t.txt", Optional.empty(), 10, 5, Optional.of(List.of(times))).open("t", folder))
                    .withMessageContaining("longer has " + times).withMessageContaining("from 2 up to 4");
        }
    }

    private static String dump(int articles, IntFunction<String> text) {
        StringBuilder dump = new StringBuilder("<mediawiki>");
        for (int i = 0; i < articles; i++) {
            dump.append("<page><text xml:space=\"preserve\">").append(text.apply(i)).append("</text></page>");
        }
        return dump.toString();
    }

    /** Of one article or of two, no article in two parts, and pieces of one article that do not overlap. */
    @Test
    void piecesOfArticlesComeInPairs() throws IOException {
        Files.writeString(folder.resolve("a.xml"), dump(26, i -> String.valueOf((char) ('a' + i)).repeat(20)));
        Task task = new RetrievalTask("a.xml", 4).open("r", folder);
        assertThat(task.sequences()).isEqualTo(2);
        assertThat(task.length()).isEqualTo(4);
        List<Set<Integer>> parts = new ArrayList<>();
        Batch batch = task.train(1, 2, 400);
        List<Example> training = new ArrayList<>();
        for (int row = 0; row < batch.rows(); row++) {
            training.add(Example.ofTokens(Arrays.copyOfRange(batch.ids(), 8 * row, 8 * row + 8), batch.labels()[row]));
        }
        for (List<Example> part : List.of(training, task.validation(), task.test(4))) {
            assertThat(part).allSatisfy(
                    pair -> assertThat(pair.ids()[0] == pair.ids()[4]).isEqualTo(pair.labels()[0] == 1));
            assertThat(part.stream().mapToInt(pair -> pair.labels()[0]).average().orElseThrow()).isBetween(0.4, 0.6);
            parts.add(part.stream().flatMap(pair -> Arrays.stream(pair.ids()).boxed()).collect(Collectors.toSet()));
        }
        assertThat(parts).extracting(Set::size).containsExactly(22, 2, 2);
        assertThat(parts.stream().flatMap(Set::stream).distinct()).hasSize(26);
        assertThat(task.baselines(4)).extracting(Baseline::name).containsExactly("majority", "words in both");
        assertThat(task.baselines(4).getLast().value()).as("words tell articles of one word apart").isEqualTo(1);
        Files.writeString(folder.resolve("b.xml"), dump(20, i -> "ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
        assertThat(new RetrievalTask("b.xml", 5).open("r", folder).test(5)).filteredOn(pair -> pair.labels()[0] == 1)
                .hasSizeGreaterThan(400)
                .allSatisfy(pair -> assertThat(Math.abs(pair.ids()[5] - pair.ids()[0])).isGreaterThanOrEqualTo(5));
        assertThatIOException().isThrownBy(() -> new RetrievalTask("a.xml", 6).open("r", folder))
                .withMessageEndingWith(
                        "a.xml: has 0 articles of 24 bytes or more between <text> and </text>, expected at"
                                + " least 20; it begins with 3c 6d 65 64 69 61 77 69 (\"<mediawi\")");
    }

    @Test
    void basesOfColiPredictAsIsKnown() throws IOException {
        String file = "dna/ecoli_K12_first4Mb.fa.gz";
        Windows windows = new GenomeTask(file, 512).windows(SharedData.folderWith(file));
        assertThat(windows.trainEnd()).isEqualTo(3_600_000);
        assertThat(windows.validationEnd()).isEqualTo(3_800_000);
        assertThat(GenomeTask.bits(windows, 1)).isCloseTo(1.982, within(0.001));
        assertThat(GenomeTask.bits(windows, 6)).isCloseTo(1.932, within(0.001));
    }

    @Test
    void whatIsNoGenomeIsRefused() {
        assertThatIOException().isThrownBy(() -> GenomeTask.parse("x.fa", "ACGT".getBytes(StandardCharsets.US_ASCII)))
                .withMessage("x.fa: is not FASTA: it begins with 41 43 47 54 (\"ACGT\"), expected a header that begins"
                        + " with >");
        assertThatIOException()
                .isThrownBy(() -> GenomeTask.parse("x.fa", ">one\nACG\nANT".getBytes(StandardCharsets.US_ASCII)))
                .withMessage("x.fa: line 3, column 2 holds \"N\", expected A, C, G or T");
    }

    @Test
    void forecastsOfElectricityAreAsGoodAsIsKnown() throws IOException {
        Path data = SharedData.folderWith("timeseries/ETTh1.csv");
        double[][] known = {{24, 1.222, .671, .424, .389, .669, .511, 1.110, .795},
            {96, 1.294, .713, .512, .433, .657, .509, 1.110, .796},
            {168, 1.325, .730, .571, .463, .656, .509, 1.111, .798},
            {336, 1.330, .746, .650, .501, .683, .520, 1.107, .800},
            {720, 1.335, .755, .655, .514, .658, .522, 1.097, .802}};
        for (double[] row : known) {
            SeriesTask.Series series = SeriesTask.ett(96, (int) row[0]).series(data);
            double[][] found = {series.errors(SeriesTask.repeating(1)), series.errors(SeriesTask.repeating(24)),
                series.errors(SeriesTask.repeating(168)), series.errors(step -> 0)};
            for (int guess = 0; guess < 4; guess++) {
                assertThat(found[guess][0]).as("horizon %s, guess %d", row[0], guess).isCloseTo(row[1 + 2 * guess],
                        within(0.0011));
                assertThat(found[guess][1]).as("horizon %s, guess %d", row[0], guess).isCloseTo(row[2 + 2 * guess],
                        within(0.0011));
            }
        }
        SeriesTask alone = new SeriesTask("timeseries/ETTh1.csv", 96, 96, true, false, 8640, 2880, 2880);
        assertThat(alone.series(data).errors(SeriesTask.repeating(1))[0]).isCloseTo(.0693, within(0.0002));
        Task task = new SeriesTask("timeseries/ETTh1.csv", 96, 24, false, false, 8640, 2880, 2880).open("ett", data);
        assertThat(task.test(96)).hasSize(2880 - 23);
        assertThat(task.test(96).getFirst().values()).hasSize(96 * 7);
        assertThat(task.test(96).getFirst().targets()).hasSize(24 * 7);
        Example first = task.test(96).getFirst();
        Example second = task.test(96).get(1);
        assertThat(Arrays.copyOfRange(first.targets(), 0, 7)).isEqualTo(Arrays.copyOfRange(second.values(), 95 * 7,
                96 * 7));
        SeriesTask relative = SeriesTask.ett(96, 24);
        Example told = relative.open("ett", data).test(96).getFirst();
        for (int channel = 0; channel < 7; channel++) {
            float last = first.values()[95 * 7 + channel];
            assertThat(told.values()[95 * 7 + channel]).isZero();
            assertThat(told.values()[channel]).isEqualTo(first.values()[channel] - last);
            assertThat(told.targets()[23 * 7 + channel]).isEqualTo(first.targets()[23 * 7 + channel] - last);
        }
        assertThat(relative.series(data).errors(SeriesTask.repeating(1))).as("guesses are judged as before")
                .isEqualTo(new SeriesTask("timeseries/ETTh1.csv", 96, 24, false, false, 8640, 2880, 2880).series(data)
                        .errors(SeriesTask.repeating(1)));
    }

    @Test
    void tablesThatAreDamagedAreTold() {
        assertThatIOException().isThrownBy(() -> table("date,a,b\n1,2,3\n2,4\n"))
                .withMessage("t.csv: row 3 has 2 columns, expected 3 as in row 1");
        assertThatIOException().isThrownBy(() -> table("date,a,b\n1,2,3\n2,4,x\n"))
                .withMessage("t.csv: row 3, column 3 holds \"x\", expected a number");
        assertThatIOException().isThrownBy(() -> table("date,a\n1,NaN\n"))
                .withMessage("t.csv: row 2, column 2 holds NaN, expected a finite number");
        assertThatIOException().isThrownBy(() -> table("\u007fELF..."))
                .withMessageContaining("is not a table with commas: it begins with 7f 45 4c 46");
    }

    /** A column that stands still in training is told less its value, so that a later change is no million deviations. */
    @Test
    void columnsThatDoNotVaryInTrainingAreNotBlownUp() throws IOException {
        StringBuilder rows = new StringBuilder("date,a,b,c\n");
        for (int row = 0; row < 60; row++) {
            rows.append(row).append(',').append(row % 7).append(",1234567.1,").append(row < 40 ? "0.1" : "0.35")
                    .append('\n');
        }
        Files.writeString(folder.resolve("still.csv"), rows);
        Task task = new SeriesTask("still.csv", 4, 2, false, false, 40, 10, 10).open("still", folder);
        assertThat(task.test(4)).hasSize(9).allSatisfy(example -> {
            assertThat(example.targets()[1]).isZero();
            assertThat(example.targets()[2]).isCloseTo(0.25f, within(1e-6f));
            assertThat(Math.abs(example.targets()[0])).isLessThan(2);
        });
        assertThat(task.baselines(4).getLast().value()).as("the training mean").isBetween(0.1, 1.5);
    }

    @Test
    void partsThatAreNotThereAreTold() throws IOException {
        assertThatIllegalArgumentException().isThrownBy(
                () -> new SeriesTask("x.csv", Integer.MAX_VALUE, 2, false, false, 40, 10, 10))
                .withMessageContaining("do not fit parts of 40, 10 and 10 rows");
        Files.writeString(folder.resolve("few.csv"), "date,a\n1,2\n2,3\n");
        SeriesTask large = new SeriesTask("few.csv", 4, 2, false, false, 2_000_000_000, 10, 2_000_000_000);
        assertThatIOException().isThrownBy(() -> large.open("x", folder))
                .withMessageContaining("few.csv: has 2 rows, expected at least 4000000010");
        Files.writeString(folder.resolve("few.txt"), "abc");
        assertThatIllegalArgumentException().isThrownBy(() -> TextTask.of("few.txt", 32).open("x", folder))
                .withMessageEndingWith("its shortest part has 0 symbols, expected at least 33 for windows of 32;"
                        + " give more data");
        try (RandomAccessFile sparse = new RandomAccessFile(folder.resolve("large").toFile(), "rw")) {
            sparse.setLength(3L << 30);
        }
        assertThatIOException().isThrownBy(() -> TextTask.of("large", 32).open("x", folder))
                .withMessageContaining("large: has 3221225472 bytes, at most 2147483639 can be read");
    }

    @Test
    void emptyLinesEndATable() throws IOException {
        assertThat(table("date,a\n0,1\n1,2\n\n\n")).isDeepEqualTo(new double[][] {{1}, {2}});
        assertThatIOException().isThrownBy(() -> table("date,a\n0,1\n\n1,2\n"))
                .withMessageContaining("row 3 has 1 columns, expected 2");
    }

    /** So that a forecast of the model can be told in the table's units. */
    @Test
    void aTableNotesItsColumns() throws IOException {
        Files.writeString(folder.resolve("t.csv"), "date,a,b\n" + "0,1,5\n1,3,5\n".repeat(10));
        SeriesTask task = new SeriesTask("t.csv", 2, 1, false, true, 10, 5, 5);
        assertThat(Columns.from(task.open("x", folder).notes())).contains(
                new Columns(List.of("a", "b"), List.of(2.0, 5.0), List.of(1.0, 1.0), 2, 1, true));
        SeriesTask last = new SeriesTask("t.csv", 2, 1, true, false, 10, 5, 5);
        assertThat(Columns.from(last.open("x", folder).notes())).contains(
                new Columns(List.of("b"), List.of(5.0), List.of(1.0), 2, 1, false));
    }

    private static double[][] table(String text) throws IOException {
        try (TableReader table = TableReader.of("t.csv", text.getBytes(StandardCharsets.UTF_8))) {
            return table.rest();
        }
    }

    @Test
    void imagesAreReadInBothOrders() throws IOException {
        Path data = SharedData.folderWith("mnist");
        assertThat(Arrays.copyOf(ImageTask.bitReversed(784), 12)).containsExactly(0, 512, 256, 768, 128, 640, 384, 64,
                576, 320, 192, 704);
        int[] order = ImageTask.bitReversed(784);
        assertThat(Arrays.copyOfRange(order, 779, 784)).containsExactly(639, 383, 255, 767, 511);
        Task small = ImageTask.mnist(2, true).open("small", data);
        assertThat(small.length()).isEqualTo(196);
        assertThat(small.test(196)).hasSize(2000);
        assertThat(small.baselines(196).get(1).value()).as("nearest mean image").isBetween(0.78, 0.85);
        Batch batch = small.train(1, 0, 4);
        assertThat(batch.values()).hasSize(4 * 196);
        assertThat(batch.labels()).hasSize(4);
        double sum = 0;
        for (Example example : small.validation()) {
            for (float value : example.values()) {
                sum += value;
            }
        }
        assertThat(sum / (196 * small.validation().size())).as("standardised").isCloseTo(0, within(0.05));
    }

    @Test
    void damagedImagesAreTold() throws IOException {
        Files.write(folder.resolve("labels"), new byte[] {0, 0, 8, 1, 0, 0, 0, 2, 3, 11});
        Files.write(folder.resolve("images"), new byte[] {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4});
        Files.writeString(folder.resolve("text"), "%PDF-1.7 and so on");
        assertThatIOException().isThrownBy(() -> images("images", "labels").open("x", folder))
                .withMessageContaining("labels: label 1 is 11, expected 0 to 9");
        assertThatIOException().isThrownBy(() -> images("text", "labels").open("x", folder)).withMessageContaining(
                "is not an idx file of images: it begins with 25 50 44 46 2d 31 2e 37 (\"%PDF-1.7\"), expected 00 00 08 03");
        Files.write(folder.resolve("short"), new byte[] {0, 0, 8, 1, 0, 0, 0, 3, 3, 1});
        assertThatIOException().isThrownBy(() -> images("images", "short").open("x", folder))
                .withMessageContaining("says that it holds [3] bytes, but has 2");
    }

    /** Images that are judged are as large as those that are learnt from, and large enough to be averaged. */
    @Test
    void imagesOfTwoSizesAreTold() throws IOException {
        Files.write(folder.resolve("labels"), new byte[] {0, 0, 8, 1, 0, 0, 0, 2, 3, 1});
        Files.write(folder.resolve("images"), new byte[] {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4});
        Files.write(folder.resolve("high"), new byte[] {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1, 1, 2, 3, 4});
        Files.write(folder.resolve("none"), new byte[] {0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2});
        Files.write(folder.resolve("unlabelled"), new byte[] {0, 0, 8, 1, 0, 0, 0, 0});
        assertThat(images("images", "labels").open("x", folder).test(2)).hasSize(1);
        assertThatIOException().isThrownBy(
                () -> new ImageTask("images", "labels", "high", "labels", 1, 0, 1, 1, false, 1, 1).open("x", folder))
                .withMessage(folder.resolve("high") + ": holds images of 2×1 pixels, but " + folder.resolve("images")
                        + " of 1×2; what is trained on and what is judged must be of one size");
        assertThatIOException().isThrownBy(() -> new ImageTask("images", "labels", "none", "unlabelled", 1, 0, 1, 1,
                false, 1, 1).open("x", folder)).withMessage(folder.resolve("none") + ": holds no images to judge by");
        assertThatIllegalArgumentException().isThrownBy(
                () -> new ImageTask("images", "labels", "images", "labels", 1, 0, 1, 2, false, 1, 1).open("x", folder))
                .withMessage("task x: pool is 2, expected at most the edge of an image of 1×2 pixels");
    }

    private static ImageTask images(String images, String labels) {
        return new ImageTask(images, labels, images, labels, 1, 0, 1, 1, false, 1, 1);
    }

    @Test
    void reviewsAreCutIntoFolds() throws IOException {
        String file = "text-classification/movie-polarity-folds1-9.tsv.gz";
        Task task = new ReviewTask(file, 1024, false).open("reviews", SharedData.folderWith(file));
        assertThat(task.validation()).hasSize(200);
        assertThat(task.test(1024)).hasSize(200);
        assertThat(task.test(1024)).allMatch(example -> example.ids().length <= 1024
                && Arrays.stream(example.ids()).allMatch(id -> id >= 1 && id <= 256));
        List<Baseline> baselines = task.baselines(1024);
        assertThat(baselines.getFirst().value()).isEqualTo(0.5);
        assertThat(baselines.get(1).value()).as("words").isBetween(0.65, 0.9);
        Files.writeString(folder.resolve("r.tsv"), "1\t1\tgood\n2\t3\tbad\n");
        assertThatIOException().isThrownBy(() -> new ReviewTask("r.tsv", 8, false).open("x", folder))
                .withMessageContaining("line 2: label \"2\", expected 0 or 1");
        Files.writeString(folder.resolve("r.tsv"), "1,1,good\n");
        assertThatIOException().isThrownBy(() -> new ReviewTask("r.tsv", 8, false).open("x", folder))
                .withMessageContaining(
                        "line 1 has 1 columns, expected 3 (label, fold, text) with tabs between; it begins");
    }

    @Test
    void reviewsAreLearntInPiecesButJudgedByTheirBeginnings() throws IOException {
        Files.writeString(folder.resolve("r.tsv"),
                "1\t1\tabcdefghijklmnopqrst\n0\t7\tshort\n1\t8\tABCDEFGHIJ\n0\t9\tKLMNOPQRST\n");
        Task task = new ReviewTask("r.tsv", 8, true).open("reviews", folder);
        assertThat(read(task)).containsOnly("abcdefgh", "ijklmnop", "mnopqrst", "short");
        assertThat(task.validation()).extracting(DataTasksTest::text).containsExactly("ABCDEFGH");
        assertThat(task.test(8)).extracting(DataTasksTest::text).containsExactly("KLMNOPQR");
        assertThat(read(new ReviewTask("r.tsv", 8, false).open("reviews", folder))).containsOnly("abcdefgh", "short");
    }

    private static Set<String> read(Task task) {
        Set<String> read = new HashSet<>();
        for (int step = 0; step < 100; step++) {
            Batch batch = task.train(1, step, 1);
            read.add(text(Example.ofTokens(batch.ids())));
        }
        return read;
    }

    private static String text(Example example) {
        return Arrays.stream(example.ids()).filter(id -> id > 0).mapToObj(id -> String.valueOf((char) (id - 1)))
                .collect(Collectors.joining());
    }

    /** Whichever file is missing, the advice is of the key that names it. */
    @Test
    void missingFilesAreToldWithTheKeyThatNamesThem() throws IOException {
        int asked = 0;
        for (TaskConfig config : TaskCatalog.all().values()) {
            if (config.getClass().getPackage().equals(ImageTask.class.getPackage())) {
                assertThatIOException().isThrownBy(() -> config.open("x", folder))
                        .satisfies(missing -> assertThat(missing).hasMessage(folder.resolve(named(config, missing))
                                + ": no such file; give the folder that holds it by --data, or its path by --set task."
                                + key(missing) + "=PATH"));
                asked++;
            }
        }
        assertThat(asked).isGreaterThan(20);
        byte[] noImages = {0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1};
        Files.write(folder.resolve("images"), noImages);
        Files.write(folder.resolve("labels"), new byte[] {0, 0, 8, 1, 0, 0, 0, 0});
        List<String> keys = List.of("trainImages", "trainLabels", "testImages", "testLabels");
        for (int i = 0; i < 4; i++) {
            String[] files = {"images", "labels", "images", "labels"};
            files[i] = "none";
            ImageTask task = new ImageTask(files[0], files[1], files[2], files[3], 1, 0, 1, 1, false, 1, 1);
            assertThatIOException().isThrownBy(() -> task.open("x", folder))
                    .withMessage(folder.resolve("none") + ": no such file; give the folder that holds it by --data, or"
                            + " its path by --set task." + keys.get(i) + "=PATH");
        }
    }

    private static String key(IOException missing) {
        return String.valueOf(missing.getMessage()).replaceAll(".* --set task\\.|=PATH$", "");
    }

    /** What a task has by the key that was advised. */
    private static String named(TaskConfig config, IOException missing) {
        try {
            return (String) config.getClass().getMethod(key(missing)).invoke(config);
        } catch (ReflectiveOperationException none) {
            throw new AssertionError(config + " has no key " + key(missing), none);
        }
    }

    /** Every task over shared data opens; those of files that are not shared say which file they want. */
    @Test
    void allFilesAreFound() throws IOException {
        Path data = SharedData.folderWith("mnist");
        for (String name : List.of("enwik8", "text8")) {
            assertThatIOException().isThrownBy(() -> TaskCatalog.find(name).orElseThrow().open(name, data))
                    .withMessageContaining(data.resolve(name) + ": no such file");
        }
        for (String name : List.of("lambda-phage", "log-linux", "shakespeare", "ett-720", "cifar-16")) {
            Task task = TaskCatalog.find(name).orElseThrow().open(name, data);
            assertThat(task.test(task.testLengths().getFirst())).isNotEmpty();
            assertThat(task.train(1, 1, 2).scored()).isPositive();
        }
    }
}

package tern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.Checkpoint;

class TokenizeCommandTest {
    @TempDir
    private Path folder;

    private ByteArrayOutputStream out = new ByteArrayOutputStream();
    private ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int tern(String... args) {
        out = new ByteArrayOutputStream();
        err = new ByteArrayOutputStream();
        return Tern.run(new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8), args);
    }

    private List<String> lines() {
        return out.toString(StandardCharsets.UTF_8).lines().toList();
    }

    @Test
    void printsSymbolsAndTheirBytes() {
        assertThat(tern("tokenize", "--tokenizer", "world", "--text", "Hello, world!")).as(err::toString).isZero();
        assertThat(lines()).containsExactly("   33155  Hello", "      45  ,", "   40213   world", "      34  !");
        assertThat(err.toString(StandardCharsets.UTF_8))
                .contains("4 symbols for 13 bytes; World, rwkv_vocab_v20230424");
        assertThat(tern("tokenize", "--tokenizer", "bytes", "--text", "é\n")).isZero();
        assertThat(lines()).containsExactly("     195  \\xc3", "     169  \\xa9", "      10  \\n");
    }

    @Test
    void printsJsonAndReadsFilesAndSymbols() throws IOException {
        Path file = Files.writeString(folder.resolve("text"), "two\n\nlines");
        assertThat(tern("tokenize", "--tokenizer", "world", "--file", file.toString(), "--json")).isZero();
        JsonNode report = new JsonMapper().readTree(out.toString(StandardCharsets.UTF_8));
        assertThat(report.get("ids").get(1).intValue()).isEqualTo(261);
        assertThat(report.get("pieces").get(1).stringValue()).isEqualTo("\\n\\n");
        assertThat(report.get("text").stringValue()).isEqualTo("two\n\nlines");
        assertThat(report.get("bytes").intValue()).isEqualTo(10);
        assertThat(tern("tokenize", "--tokenizer", "world", "--ids", "33155,45")).isZero();
        assertThat(lines()).containsExactly("   33155  Hello", "      45  ,");
    }

    @Test
    void mistakesAreToldInOneLine() throws IOException {
        Path bad = Files.writeString(folder.resolve("vocabulary.txt"), "1 'a' 2\n");
        refused("give either a MODEL or --tokenizer", "--text", "x");
        refused("give one of --text, --file and --ids", "--tokenizer", "world");
        refused("no such file, and not one of \"bytes\" and \"world\"", "--tokenizer", "wrold", "--text", "x");
        refused("line 1: expected 2 bytes as the line's end says, found 1", "--tokenizer", bad.toString(), "--text",
                "x");
        refused("symbol 70000 is outside the vocabulary", "--tokenizer", "world", "--ids", "70000");
    }

    private void refused(String message, String... args) {
        String[] all = new String[args.length + 1];
        all[0] = "tokenize";
        System.arraycopy(args, 0, all, 1, args.length);
        assertThat(tern(all)).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains(message).hasLineCount(1);
    }

    @Test
    void modelsAreTrainedOnAnyTokenizerAndKeepIt() throws IOException {
        Path text = Files.writeString(folder.resolve("tale.txt"),
                "It was the best of times, it was the worst of times.\n".repeat(200));
        // a vocabulary of one's own, beside the model in a file of its own
        StringBuilder vocabulary = new StringBuilder();
        for (int value = 0; value < 256; value++) {
            vocabulary.append(value).append(" b'\\x%02x' 1%n".formatted(value));
        }
        vocabulary.append("256 ' the ' 5\n257 ' times' 6\n");
        Path own = Files.writeString(folder.resolve("own.txt"), vocabulary);
        String model = folder.resolve("model").toString();
        assertThat(tern("train", "--preset", "transformer-nano", "--data", text.toString(), "--out", model,
                "--tokenizer", own.toString(), "--steps", "3", "--set", "width=8", "context=32", "batch=2",
                "branches.*.inner=8", "validateEvery=3", "validationWindows=2", "--sample-tokens", "4", "--threads",
                "1"))
                .as(err::toString).isZero();
        JsonNode step = lines().stream().map(line -> new JsonMapper().readTree(line))
                .filter(line -> line.path("event").asString().equals("stepped")).findFirst().orElseThrow();
        double bits = step.get("loss").doubleValue() / Math.log(2);
        assertThat(step.get("bits_per_byte").doubleValue()).isBetween(bits * 0.5, bits * 0.95);
        try (Checkpoint checkpoint = Checkpoint.open(Path.of(model))) {
            assertThat(checkpoint.config().vocabulary()).isEqualTo(384);
        }
        assertThat(folder.resolve("model/world-vocabulary.txt")).exists();
        assertThat(tern("tokenize", model, "--text", "of the times")).as(err::toString).isZero();
        assertThat(lines()).containsExactly("     111  o", "     102  f", "     256   the ", "     116  t",
                "     105  i", "     109  m", "     101  e", "     115  s");
        assertThat(tern("generate", model, "--prompt", "It", "--tokens", "20", "--threads", "1")).as(err::toString)
                .isZero();
        int[] writes = {0};
        PrintStream gone = new PrintStream(new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                writes[0]++;
                throw new IOException("Broken pipe");
            }
        });
        assertThat(
                Tern.run(gone, new PrintStream(err), "generate", model, "--prompt", "It", "--tokens", "500", "--stream",
                        "--threads", "1"))
                .isEqualTo(2);
        assertThat(writes[0]).as("nothing more is made when nobody reads").isLessThan(20);
        assertThat(tern("eval", model, "--data", text.toString(), "--json", "--threads", "1")).as(err::toString)
                .isZero();
        JsonNode found = new JsonMapper().readTree(out.toString(StandardCharsets.UTF_8));
        assertThat(found.get("bytes").longValue()).isGreaterThan(found.get("tokens").longValue())
                .isEqualTo(Files.size(text) - 1);
        assertThat(tern("train", "--out", model, "--resume", "--steps", "4", "--threads", "1", "--sample-tokens", "0",
                "--tokenizer", "world")).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8))
                .contains("has the tokenizer World, a vocabulary of its own, not");
        assertThat(tern("train", "--out", model, "--resume", "--steps", "4", "--threads", "1", "--sample-tokens", "0"))
                .as(err::toString).isZero();
        Files.delete(folder.resolve("model/world-vocabulary.txt"));
        assertThat(tern("generate", model, "--prompt", "It")).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("world-vocabulary.txt: no such file").hasLineCount(1);
    }

    @Test
    void theWorldVocabularyMakesAModelAsTallAsPublishedOnes() throws IOException {
        Path text = Files.writeString(folder.resolve("tale.txt"), "It was the best of times.\n".repeat(200));
        String model = folder.resolve("model").toString();
        assertThat(tern("train", "--preset", "transformer-nano", "--data", text.toString(), "--out", model,
                "--tokenizer", "world", "--steps", "1", "--set", "width=8", "context=32", "batch=1",
                "branches.*.inner=8",
                "--sample-tokens", "4", "--threads", "1")).as(err::toString).isZero();
        try (Checkpoint checkpoint = Checkpoint.open(Path.of(model))) {
            assertThat(checkpoint.config().vocabulary()).isEqualTo(65536);
            assertThat(checkpoint.tokenizer()).containsEntry("kind", "world");
        }
    }

    /** What layers say of themselves is shown beside the bits: here how often each went over a position. */
    @Test
    void stepsOfPositionsAreShownLayerByLayer() throws IOException {
        Path text = Files.writeString(folder.resolve("tale.txt"), "It was the best of times.\n".repeat(8));
        String model = folder.resolve("model").toString();
        assertThat(tern("train", "--preset", "universal-nano", "--data", text.toString(), "--out", model, "--steps",
                "1", "--set", "width=16", "context=32", "batch=1", "branches.*.transition.inner=8",
                "branches.*.steps=3", "branches.*.epsilon=0.25", "--sample-tokens", "0", "--threads", "1"))
                .as(err::toString).isZero();
        List<Double> means = new ArrayList<>();
        for (String form : List.of("parallel", "step")) {
            assertThat(tern("eval", model, "--data", text.toString(), "--window", "500", "--json", "--threads", "1",
                    "--form", form)).as(err::toString).isZero();
            JsonNode figures = new JsonMapper().readTree(out.toString(StandardCharsets.UTF_8)).get("figures");
            assertThat(figures).hasSize(6).allSatisfy(figure -> {
                assertThat(figure.get("name").stringValue()).isEqualTo("steps a position took");
                assertThat(figure.get("mean").doubleValue()).isBetween(1.0, 3.0);
            });
            figures.forEach(figure -> means.add(figure.get("mean").doubleValue()));
        }
        assertThat(means.subList(6, 12)).as("step by step").isEqualTo(means.subList(0, 6));
        assertThat(means.stream().distinct().count()).as("positions differ in what they take").isGreaterThan(1);
        assertThat(tern("eval", model, "--data", text.toString(), "--window", "500", "--threads", "1")).isZero();
        assertThat(lines()).hasSize(2);
        assertThat(lines().getLast()).isEqualTo("steps a position took: " + means.subList(0, 6).stream()
                .map(mean -> String.format(Locale.ROOT, "%.3f", mean)).collect(Collectors.joining(", ")));
    }

    @Test
    void ratesAreMeasured() {
        assertThat(tern("bench", "tokenize", "--seconds", "0.01", "--json")).as(err::toString).isZero();
        List<JsonNode> rows = lines().stream().map(line -> new JsonMapper().readTree(line)).toList();
        assertThat(rows).hasSize(6);
        assertThat(rows.getFirst().get("bytes").longValue()).isEqualTo(1_115_394);
        assertThat(rows)
                .allSatisfy(row -> assertThat(row.get("encode_megabytes_per_second").doubleValue()).isPositive());
    }
}

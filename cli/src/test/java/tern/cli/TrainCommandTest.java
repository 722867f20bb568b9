package tern.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.Checkpoint;
import tern.inference.Engine;
import tern.inference.LanguageModel;
import tern.inference.LiveSequence;
import tern.inference.Snapshot;
import tern.model.HeadConfig;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Memory;

class TrainCommandTest {
    private static final String TEXT = "It was the best of times, it was the worst of times. ".repeat(60);
    private static final String[] SMALL = {"--set", "width=8", "context=32", "batch=2", "branches.*.inner=8",
        "validateEvery=3", "validationWindows=2", "--sample-tokens", "4", "--threads", "1"};

    @TempDir
    private Path folder;

    private Path text;
    private ByteArrayOutputStream out = new ByteArrayOutputStream();
    private ByteArrayOutputStream err = new ByteArrayOutputStream();

    @BeforeEach
    void writeText() throws IOException {
        text = folder.resolve("tale.txt");
        Files.writeString(text, TEXT);
    }

    private int tern(String... args) {
        out = new ByteArrayOutputStream();
        err = new ByteArrayOutputStream();
        return Tern.run(new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8), args);
    }

    private String[] train(String... more) {
        List<String> args = new ArrayList<>(List.of("train", "--preset", "transformer-nano", "--data", text.toString(),
                "--out", folder.resolve("model").toString()));
        args.addAll(List.of(SMALL));
        args.addAll(List.of(more));
        return args.toArray(String[]::new);
    }

    @Test
    void leavesAModelItsHistoryAndAReport() throws IOException {
        assertThat(tern(train("--steps", "4"))).as(err::toString).isZero();
        Path model = folder.resolve("model");
        assertThat(model.resolve("report.html")).isNotEmptyFile();
        assertThat(model.resolve("metrics.jsonl")).isNotEmptyFile();
        for (Path opened : List.of(model, model.resolve("last"))) {
            try (Checkpoint checkpoint = Checkpoint.open(opened)) {
                assertThat(checkpoint.config().width()).isEqualTo(8);
                assertThat(checkpoint.config().context()).isEqualTo(32);
                assertThat(checkpoint.notes()).containsEntry("architecture", "transformer-nano");
            }
        }
        assertThat(err.toString(StandardCharsets.UTF_8)).containsPattern("train +2,862 bytes +\\[0, 2862\\)")
                .containsPattern("validation +159 bytes").contains("4 steps, 256 tokens");
    }

    @Test
    void tellsEventsAsJsonLinesWhereThereIsNoTerminal() {
        assertThat(tern(train("--steps", "4"))).as(err::toString).isZero();
        List<JsonNode> lines = out.toString(StandardCharsets.UTF_8).lines()
                .map(line -> new JsonMapper().readTree(line)).toList();
        assertThat(lines).extracting(line -> line.path("event").asString()).startsWith("started", "stepped")
                .endsWith("stepped", "finished").contains("validated", "saved", "sampled");
        JsonNode last = lines.get(lines.size() - 2);
        assertThat(last.path("step").asLong()).isEqualTo(4);
        assertThat(last.path("bits_per_byte").asDouble()).isBetween(1.0, 9.0);
    }

    @Test
    void anEmptyNameIsNoFolder() {
        assertThat(tern("train", "--preset", "transformer-nano", "--data", text.toString(), "--out", ""))
                .isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("--out is empty");
    }

    /** What a model learned from is not held out when it is evaluated, however its text was cut, distilled or converted too. */
    @Test
    void theTextIsCutAsItWasToTrain() throws IOException {
        List<String> args = new ArrayList<>(List.of("train", "--preset", "hyena-nano", "--split", "60/30/10", "--steps",
                "1", "--data", text.toString(), "--out", folder.resolve("model").toString()));
        args.addAll(List.of(SMALL));
        assertThat(tern(args.toArray(String[]::new))).as(err::toString).isZero();
        String model = folder.resolve("model").toString();
        String student = folder.resolve("student").toString();
        String narrow = folder.resolve("narrow").toString();
        assertThat(tern("convert", model, narrow, "--dtype", "bf16")).as(err::toString).isZero();
        assertThat(tern("distil", model, "--out", student, "--order", "2", "--data", text.toString(), "--json"))
                .as(err::toString).isZero();
        assertThat(json().path("quality").path("tokens").asLong()).isEqualTo(954 - 1);
        for (String one : List.of(model, narrow, student)) {
            for (String part : List.of("train", "validation", "test", "all")) {
                assertThat(tern("eval", one, "--data", text.toString(), "--split", part, "--json")).as(err::toString)
                        .isZero();
                assertThat(json().path("tokens").asLong()).as(part).isEqualTo(switch (part) {
                    case "train" -> 1908;
                    case "validation" -> 954;
                    case "test" -> 318;
                    default -> 3180;
                } - 1);
            }
        }
        Path other = Files.writeString(folder.resolve("other.txt"), TEXT + "more");
        assertThat(tern("eval", model, "--data", other.toString(), "--split", "validation", "--json")).isZero();
        assertThat(json().path("tokens").asLong()).isEqualTo(159 - 1);
    }

    private JsonNode json() {
        return new JsonMapper().readTree(out.toString(StandardCharsets.UTF_8));
    }

    @Test
    void aModelIsTrainedFurther() throws IOException {
        assertThat(tern(train("--steps", "6", "--set", "learningRate=0.01"))).as(err::toString).isZero();
        double reached = validated().getLast().path("bits_per_byte").asDouble();
        String model = folder.resolve("model").toString();
        String further = folder.resolve("further").toString();
        assertThat(tern("train", "--from", model, "--data", text.toString(), "--out", further, "--steps", "2", "--set",
                "batch=2", "validationWindows=2", "--sample-tokens", "4", "--threads", "1")).as(err::toString).isZero();
        assertThat(validated()).extracting(line -> line.path("step").asLong()).containsExactly(0L, 2L);
        assertThat(validated().getFirst().path("bits_per_byte").asDouble()).isEqualTo(reached);
        JsonNode training = new JsonMapper().readTree(Files.readString(folder.resolve("further/training.json")));
        assertThat(training.path("name").asString()).isEqualTo("transformer-nano");
        assertThat(training.path("from").asString()).isEqualTo(model);
        assertThat(training.path("training").path("learningRate").asDouble()).isLessThanOrEqualTo(4e-4);
        assertThat(training.path("training").path("time").asInt()).isEqualTo(32);
        assertThat(Files.readString(folder.resolve("further/report.html"))).contains("\"from\":\"");
        assertThat(tern("train", "--resume", "--out", further, "--steps", "3", "--threads", "1")).as(err::toString)
                .isZero();
        assertThat(tern("train", "--resume", "--from", text.toString(), "--out", further, "--steps", "4")).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("began with " + model + ", not " + text)
                .hasLineCount(1);
    }

    /** What training measured of a state is what a sequence that begins with the file predicts. */
    @Test
    void aTunedStateIsReadAsItWasTrained() throws IOException {
        Path rwkv = folder.resolve("rwkv");
        try (Memory memory = new Memory()) {
            Stack stack = new Stack(Presets.named("rwkv7-micro"), Parameters.Source.initialised(1, DType.F32, memory));
            SplittableRandom random = new SplittableRandom(7);
            stack.parameters().trained().forEach(parameter -> {
                for (long i = 0; i < parameter.tensor().elements(); i++) {
                    parameter.tensor().set(i, parameter.tensor().get(i) + 0.1 * random.nextDouble(-1, 1));
                }
            });
            Checkpoint.save(rwkv, stack, Map.of("kind", "bytes"), Map.of());
        }
        Path tuned = folder.resolve("tuned");
        assertThat(tern("train", "--from", rwkv.toString(), "--tune", "states", "--data", text.toString(), "--out",
                tuned.toString(), "--steps", "4", "--set", "time=32", "batch=2", "validationWindows=1",
                "learningRate=0.05", "--sample-tokens", "4", "--threads", "1")).as(err::toString).isZero();
        List<JsonNode> measured = validated();
        double bits = measured.getLast().path("bits_per_byte").asDouble();
        assertThat(bits).isLessThan(measured.getFirst().path("bits_per_byte").asDouble());
        byte[] validation = TEXT.substring(2862, 2862 + 33).getBytes(StandardCharsets.US_ASCII);
        try (Engine engine = new Engine(1);
                LanguageModel model = LanguageModel.open(rwkv, engine);
                Snapshot begin = Snapshot.load(tuned.resolve("state.safetensors"), model);
                LiveSequence sequence = model.sequence()) {
            sequence.restore(begin);
            double[] nats = new double[1];
            int[] ids = model.tokenizer().encode(validation);
            sequence.prefill(Form.CHUNK, Arrays.copyOf(ids, 32), logits -> {
                for (int t = 0; t < 32; t++) {
                    double sum = 0;
                    for (int v = 0; v < 256; v++) {
                        sum += Math.exp(logits.get(256L * t + v));
                    }
                    nats[0] += Math.log(sum) - logits.get(256L * t + ids[t + 1]);
                }
            });
            assertThat(nats[0] / 32 / Math.log(2)).isCloseTo(bits, within(1e-4));
        }
        assertThat(tern("train", "--resume", "--out", tuned.toString(), "--steps", "5", "--threads", "1"))
                .as(err::toString).isZero();
        assertThat(tern("train", "--resume", "--tune", "weights", "--out", tuned.toString(), "--steps", "6"))
                .isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("tunes states, not weights").hasLineCount(1);
        assertThat(tern(train("--tune", "states"))).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("--tune states needs --from").hasLineCount(1);
    }

    private List<JsonNode> validated() {
        return out.toString(StandardCharsets.UTF_8).lines().map(line -> new JsonMapper().readTree(line))
                .filter(line -> line.path("event").asString().equals("validated")).toList();
    }

    static Stream<Arguments> impossibleBeginnings() {
        return Stream.of(Arguments.of(List.of("--preset", "hyena-nano"), "--preset and --from exclude one another"),
                Arguments.of(List.of("--tokenizer", "world"), "has the tokenizer bytes, not World"),
                Arguments.of(List.of("--set", "width=16"), "only what parameters do not depend on may change"),
                Arguments.of(List.of("--set", "context=16"), "time is 32 but the context"));
    }

    @ParameterizedTest
    @MethodSource("impossibleBeginnings")
    void whatDoesNotFitAModelIsOneLine(List<String> more, String told) throws IOException {
        assertThat(tern(train("--steps", "1"))).as(err::toString).isZero();
        List<String> args = new ArrayList<>(List.of("train", "--from", folder.resolve("model").toString(), "--data",
                text.toString(), "--out", folder.resolve("further").toString(), "--steps", "1", "--set", "time=32"));
        args.addAll(more);
        assertThat(tern(args.toArray(String[]::new))).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains(told).hasLineCount(1);
        assertThat(folder.resolve("further")).doesNotExist();
    }

    @Test
    void aBeginningThatIsNoModelIsOneLine() throws IOException {
        Path classifier = folder.resolve("classifier");
        try (Memory memory = new Memory()) {
            Checkpoint.save(classifier, new Stack(Presets.named("rwkv7-micro").withEnds(256, 32, false,
                    Optional.empty(), Optional.of(HeadConfig.classification(2, 0))),
                    Parameters.Source.initialised(1, DType.F32, memory)), Map.of(), Map.of());
        }
        assertThat(tern("train", "--from", classifier.toString(), "--data", text.toString(), "--out",
                folder.resolve("further").toString())).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("does not name a next token").hasLineCount(1);
        assertThat(tern("train", "--from", folder.resolve("none").toString(), "--data", text.toString(), "--out",
                folder.resolve("further").toString())).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("none").hasLineCount(1);
        assertThat(tern("train", "--from", text.toString(), "--data", text.toString(), "--out",
                folder.resolve("further").toString())).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains(text.toString()).hasLineCount(1);
    }

    /** Norms and AdamW both have one. */
    @Test
    void bothEpsilonsCanBeSet() throws IOException {
        assertThat(tern(train("--steps", "1", "--set", "epsilon=1e-4", "training.epsilon=1e-7", "training.batch=3")))
                .as(err::toString).isZero();
        Path model = folder.resolve("model");
        JsonNode training = new JsonMapper().readTree(Files.readString(model.resolve("training.json")))
                .path("training");
        assertThat(training.path("epsilon").asDouble()).isEqualTo(1e-7);
        assertThat(training.path("batch").asInt()).isEqualTo(3);
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            assertThat(checkpoint.config().epsilon()).isEqualTo(1e-4);
        }
    }

    @Test
    void goesOnWithWhatWasSaidBefore() throws IOException {
        assertThat(tern(train("--steps", "3"))).as(err::toString).isZero();
        String model = folder.resolve("model").toString();
        assertThat(tern("train", "--out", model, "--resume")).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("has spent its budget of 3 steps");
        for (String[] other : new String[][] {{"--seed", "9"}, {"--set", "seed=9"}}) {
            assertThat(tern("train", "--out", model, "--resume", "--steps", "5", other[0], other[1])).isEqualTo(2);
            assertThat(err.toString(StandardCharsets.UTF_8)).contains("has the seed 1, not 9");
        }
        // As where the disk was full after the state was written and before the model was.
        Files.delete(folder.resolve("model/last/model.safetensors"));
        assertThat(tern("train", "--out", model, "--resume", "--steps", "5")).as(err::toString).isZero();
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("goes on after step 3");
        try (Checkpoint last = Checkpoint.open(folder.resolve("model/last"))) {
            assertThat(last.notes()).containsEntry("trained_steps", "5");
            assertThat(last.config().width()).isEqualTo(8);
        }
    }

    static Stream<Arguments> mistakes() {
        return Stream.of(
                Arguments.of(List.of("--preset", "hyena", "--data", "absent.txt"),
                        "preset \"hyena\" has no size; known are hyena-micro, hyena-nano, hyena-tiny"),
                Arguments.of(List.of("--preset", "hyena-tinny", "--data", "absent.txt"), "unknown preset"),
                Arguments.of(List.of("--preset", "hyena-tinny"),
                        "unknown preset \"hyena-tinny\"; did you mean \"hyena-tiny\"?"),
                Arguments.of(List.of("--preset", "hyena"), "preset \"hyena\" has no size; known are hyena-micro"),
                Arguments.of(List.of("--preset", "fnet-nano"), "unknown preset \"fnet-nano\"; known are fnet-micro"),
                Arguments.of(List.of("--set", "lerningRate=1"), "did you mean \"learningRate\"?"),
                Arguments.of(List.of("--set", "branches.0.haeds=1"), "did you mean \"heads\"?"),
                Arguments.of(List.of("--set", "batch=0"), "batch is 0, expected 1 or more sequences"),
                Arguments.of(List.of("--set", "width=-3"), "width is -3, expected 1 or more"),
                Arguments.of(List.of("--set", "width=7"), "width"),
                Arguments.of(List.of("--set", "batch"), "expected key=value"),
                Arguments.of(List.of("--set", "context=4000"), "symbols, but windows of 4000 need 4001"),
                Arguments.of(List.of("--set", "time=64"), "time is 64 but the context of transformer-nano is 32"),
                Arguments.of(List.of("--steps", "0"), "steps is 0, expected a number above 0"),
                Arguments.of(List.of("--steps", "many"), "--steps"),
                Arguments.of(List.of("--steps", "1", "--minutes", "1"), "exclude one another"),
                Arguments.of(List.of("--threads", "-1"), "--threads is -1, expected 1 to 1024, or 0 for all cores"),
                Arguments.of(List.of("--data", "/nowhere/a.txt"), "/nowhere/a.txt: no such file or folder"),
                Arguments.of(List.of("--data", "/dev/null"), "/dev/null: the file is empty"),
                Arguments.of(List.of("--split", "90/90/90"), "not a division"),
                Arguments.of(List.of("--resume"), "no run to go on with"),
                Arguments.of(List.of("--out", "/dev/null"), "is a file"));
    }

    @ParameterizedTest
    @MethodSource("mistakes")
    void aMistakeIsOneLineAndStatusTwo(List<String> mistake, String told) {
        List<String> args = new ArrayList<>(List.of("train"));
        // What the mistake replaces is left out of the good command line.
        List<String> good = new ArrayList<>(List.of("--preset", "transformer-nano", "--data", text.toString(), "--out",
                folder.resolve("model").toString()));
        for (int i = 0; i < good.size(); i += 2) {
            if (!mistake.contains(good.get(i))) {
                args.addAll(good.subList(i, i + 2));
            }
        }
        List<String> small = new ArrayList<>(List.of(SMALL));
        if (mistake.contains("--threads")) {
            small.subList(small.size() - 2, small.size()).clear();
        }
        args.addAll(small);
        args.addAll(mistake);
        assertThat(tern(args.toArray(String[]::new))).as(err::toString).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).startsWith("tern: ").contains(told).hasLineCount(1);
        assertThat(out.size()).isZero();
        assertThat(folder.resolve("model").resolve("model.safetensors")).doesNotExist();
    }

    @Test
    void aModelIsNotOverwritten() {
        assertThat(tern(train("--steps", "1"))).as(err::toString).isZero();
        assertThat(tern(train("--steps", "1"))).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("there is a model already").hasLineCount(1);
    }

    @Test
    void anInterruptSavesAndEndsWithStatus130() throws IOException, InterruptedException {
        assumeFalse(Signals.interruptsAreIgnored(),
                "skipped: these tests were started with SIGINT ignored, as shells start what runs in the background");
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp", System.getProperty("jdk.module.path") + java.io.File.pathSeparator
                                + System.getProperty("java.class.path"),
                        "--add-modules", "jdk.incubator.vector,jdk.management", "--enable-native-access=ALL-UNNAMED",
                        "tern.cli.Tern"));
        command.addAll(List.of(train("--steps", "1000000")));
        Process process = new ProcessBuilder(command).redirectErrorStream(true)
                .redirectOutput(folder.resolve("log").toFile()).start();
        try {
            Path metrics = folder.resolve("model/metrics.jsonl");
            long patience = System.nanoTime() + TimeUnit.SECONDS.toNanos(180);
            while (!(Files.exists(metrics) && Files.readString(metrics).contains("\"step\":4,"))
                    && System.nanoTime() < patience && process.isAlive()) {
                Thread.sleep(20);
            }
            assertThat(new ProcessBuilder("kill", "-INT", Long.toString(process.pid())).start().waitFor()).isZero();
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("ended in time").isTrue();
            assertThat(process.exitValue()).as(Files.readString(folder.resolve("log"))).isEqualTo(130);
        } finally {
            process.destroyForcibly();
        }
        assertThat(Files.readString(folder.resolve("log"))).contains("interrupted after step");
        try (Checkpoint last = Checkpoint.open(folder.resolve("model/last"))) {
            assertThat(Long.parseLong(last.notes().getOrDefault("trained_steps", "0"))).isGreaterThanOrEqualTo(4);
        }
        assertThat(tern("train", "--out", folder.resolve("model").toString(), "--resume", "--tokens", "64"))
                .isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("has spent its budget of 64 tokens");
    }
}

package tern.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

import tern.checkpoint.Checkpoint;
import tern.checkpoint.FolderLock;
import tern.checkpoint.Safetensors;
import tern.checkpoint.StoredTensor;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.ByteTokenizer;
import tern.text.SplitData;
import tern.text.SplitRule;
import tern.text.TextData;

class TrainingRunTest {
    private static final String TEXT = "It was the best of times, it was the worst of times. ".repeat(40);
    private static final SplitData DATA = TextData.of("tale", TEXT.getBytes(StandardCharsets.US_ASCII))
            .split(SplitRule.parse("80/20/0"));
    private static final StackConfig SMALL = Tiny.config(12, 24, 2);
    private static final TrainingConfig TRAINING = Tiny.training(2, 24).with("validateEvery", "5")
            .with("validationWindows", "3");

    @TempDir
    private Path folder;

    /** Neither of two runs would be whole. */
    @Test
    void aFolderTakesOneRunAtATime() throws IOException {
        new Session().run(folder);
        byte[] before = Files.readAllBytes(folder.resolve("last/model.safetensors"));
        Session more = new Session().resumed();
        more.budget = new Budget.Steps(20);
        try (FolderLock _ = FolderLock.of(folder)) {
            assertThatIOException().isThrownBy(() -> more.run(folder)).withMessageContaining("another run is writing");
        }
        assertThat(folder.resolve("last/model.safetensors")).hasBinaryContent(before);
        assertThat(more.run(folder).step()).isEqualTo(20);
        assertThat(folder.resolve(".lock")).doesNotExist();
    }

    /** A run over {@link #TEXT} and what came of it. */
    private final class Session {
        private final List<TrainingEvent> events = new ArrayList<>();
        private TrainingConfig training = TRAINING;
        private StackConfig architecture = SMALL;
        private Budget budget = new Budget.Steps(12);
        private SplitData data = DATA;
        private Optional<Path> from = Optional.empty();
        private boolean states;
        private boolean resume;
        private long stopAfter = Long.MAX_VALUE;
        private int threads = 1;
        private long memory = Long.MAX_VALUE;

        Session resumed() {
            resume = true;
            return this;
        }

        TrainingEvent.Finished run(Path to) throws IOException {
            TrainingPlan plan = new TrainingPlan("small", architecture, from, states, ByteTokenizer.ALL, training,
                    budget, data,
                    List.of("tale"), to, resume, 5);
            try (ThreadTeam team = new ThreadTeam(threads)) {
                return new TrainingRun(plan, KernelSet.fastest(), team,
                        (model, prompt, tokens, seed) -> "a sample of " + tokens)
                        .run(events::add, () -> steps().size() >= stopAfter, memory);
            }
        }

        List<TrainingEvent.Stepped> steps() {
            return of(TrainingEvent.Stepped.class);
        }

        <E> List<E> of(Class<E> kind) {
            return events.stream().filter(kind::isInstance).map(kind::cast).toList();
        }

        List<Double> losses() {
            return steps().stream().map(TrainingEvent.Stepped::loss).toList();
        }
    }

    @Test
    void anInterruptedRunGoesOnToTheSameLossesBitForBit() throws IOException {
        for (String windows : List.of("random", "permuted", "contiguous")) {
            TrainingConfig training = TRAINING.with("windows", windows).with("noise", "0.01");
            Session whole = new Session();
            whole.training = training;
            whole.run(folder.resolve(windows + "-whole"));
            assertThat(whole.losses()).hasSize(12).doesNotHaveDuplicates();

            List<Double> losses = new ArrayList<>();
            for (int stop : new int[] {4, 3, 99}) {
                Session part = new Session();
                part.training = training;
                part.stopAfter = stop;
                part.resume = !losses.isEmpty();
                assertThat(part.run(folder.resolve(windows + "-parts")).interrupted()).isEqualTo(stop < 99);
                losses.addAll(part.losses());
            }
            assertThat(losses).isEqualTo(whole.losses());
            assertSameTensors(folder.resolve(windows + "-parts"), folder.resolve(windows + "-whole"));
        }
    }

    private static void assertSameTensors(Path parts, Path whole) throws IOException {
        for (String file : List.of("model.safetensors", "last/model.safetensors", "last/training.safetensors")) {
            try (Safetensors one = Safetensors.open(parts.resolve(file));
                    Safetensors other = Safetensors.open(whole.resolve(file))) {
                assertThat(one.tensors()).extracting(StoredTensor::name).isNotEmpty()
                        .isEqualTo(other.tensors().stream().map(StoredTensor::name).toList());
                for (StoredTensor tensor : one.tensors()) {
                    assertThat(one.tensor(tensor.name()).toDoubles()).as(tensor.name())
                            .isEqualTo(other.tensor(tensor.name()).toDoubles());
                }
            }
        }
    }

    @Test
    void aRunDoesNotDependOnThreads() throws IOException {
        Session one = new Session();
        one.run(folder.resolve("one"));
        Session four = new Session();
        four.threads = 4;
        four.run(folder.resolve("four"));
        assertThat(four.losses()).isEqualTo(one.losses());
        assertThat(Files.readAllBytes(folder.resolve("four/model.safetensors")))
                .isEqualTo(Files.readAllBytes(folder.resolve("one/model.safetensors")));
    }

    @Test
    void everyEventIsALineOfMetrics() throws IOException {
        Session session = new Session();
        session.run(folder);
        assertThat(session.events.getFirst()).isInstanceOf(TrainingEvent.Started.class);
        assertThat(session.events.getLast()).isInstanceOf(TrainingEvent.Finished.class);
        assertThat(session.of(TrainingEvent.Validated.class)).extracting(TrainingEvent.Validated::step)
                .containsExactly(5L, 10L, 12L);
        assertThat(session.of(TrainingEvent.Sampled.class)).extracting(TrainingEvent.Sampled::text)
                .containsOnly("a sample of 5");
        List<JsonNode> lines = MetricsLog.read(folder.resolve("metrics.jsonl"));
        assertThat(lines).hasSameSizeAs(session.events);
        JsonNode third = lines.stream().filter(line -> line.path("event").asString().equals("stepped")).toList().get(2);
        TrainingEvent.Stepped step = session.steps().get(2);
        assertThat(third.path("step").asLong()).isEqualTo(3);
        assertThat(third.path("loss").asDouble()).isEqualTo(step.loss());
        assertThat(third.path("bits_per_byte").asDouble()).isEqualTo(step.loss() / Math.log(2));
        assertThat(third.path("learning_rate").asDouble())
                .isEqualTo(TRAINING.schedule().rate(3.0 / 12));
        assertThat(third.path("tokens").asLong()).isEqualTo(3 * 2 * 24);
    }

    @Test
    void goingOnTakesOutWhatCameAfterTheCheckpoint() throws IOException {
        Session session = new Session();
        session.run(folder);
        Path metrics = folder.resolve("metrics.jsonl");
        String before = Files.readString(metrics);
        // As a crash leaves it: steps that no checkpoint knows of, the last line cut short.
        Files.writeString(metrics, before + "{\"event\":\"stepped\",\"step\":13,\"loss\":1}\n{\"event\":\"st");
        Session more = new Session().resumed();
        more.budget = new Budget.Steps(14);
        more.run(folder);
        List<Long> steps = MetricsLog.read(metrics).stream()
                .filter(line -> line.path("event").asString().equals("stepped"))
                .map(line -> line.path("step").asLong()).toList();
        assertThat(steps).containsExactly(1L, 2L, 3L, 4L, 5L, 6L, 7L, 8L, 9L, 10L, 11L, 12L, 13L, 14L);
    }

    @Test
    void theFolderHoldsTheBestModelAndTheLast() throws IOException {
        Session session = new Session();
        // A rate that is far too high at the end makes the last model worse than an earlier one.
        session.training = TRAINING.with("learningRate", "0.5").with("floor", "1").with("warmup", "0.99")
                .with("validateEvery", "2");
        session.run(folder);
        List<TrainingEvent.Validated> validated = session.of(TrainingEvent.Validated.class);
        double least = validated.stream().mapToDouble(TrainingEvent.Validated::bitsPerByte).min().orElseThrow();
        long best = validated.stream().filter(event -> event.bitsPerByte() == least).findFirst().orElseThrow().step();
        assertThat(best).isLessThan(12);
        assertThat(stepOf(folder)).isEqualTo(best);
        assertThat(stepOf(folder.resolve("last"))).isEqualTo(12);
    }

    private static long stepOf(Path folder) throws IOException {
        try (Checkpoint stored = Checkpoint.open(folder)) {
            return Long.parseLong(stored.notes().getOrDefault("trained_steps", "-1"));
        }
    }

    @Test
    void divergenceKeepsTheLastCheckpoint() throws IOException {
        Session session = new Session();
        session.budget = new Budget.Steps(6);
        session.run(folder);
        byte[] before = Files.readAllBytes(folder.resolve("last/training.safetensors"));
        Session more = new Session().resumed();
        more.training = TRAINING.with("learningRate", "10").with("weightDecay", "10").with("floor", "1")
                .with("validateEvery", "0");
        more.budget = new Budget.Steps(1000);
        assertThatThrownBy(() -> more.run(folder)).isInstanceOf(TrainingDiverged.class)
                .hasMessageContaining("lower the learning rate");
        assertThat(Files.readAllBytes(folder.resolve("last/training.safetensors"))).isEqualTo(before);
    }

    @Test
    void whatCannotBeWrittenIsToldAndLosesNothing() throws IOException {
        Session session = new Session();
        session.budget = new Budget.Steps(6);
        session.run(folder);
        byte[] before = Files.readAllBytes(folder.resolve("last/training.safetensors"));
        Path metrics = folder.resolve("metrics.jsonl");
        Files.delete(metrics);
        // A device that is always full.
        Files.createSymbolicLink(metrics, Path.of("/dev/full"));
        assertThatThrownBy(() -> new Session().resumed().run(folder)).isInstanceOf(IOException.class)
                .hasMessageContaining("No space left on device")
                .hasMessageContaining("is whole; mend this and go on with --resume");
        assertThat(Files.readAllBytes(folder.resolve("last/training.safetensors"))).isEqualTo(before);
        Files.delete(metrics);
        Session after = new Session().resumed();
        assertThat(after.run(folder).step()).isEqualTo(12);
        assertThat(after.steps().getFirst().step()).isEqualTo(7);
    }

    @Test
    void aFolderThatHoldsAModelIsNotOverwritten() throws IOException {
        new Session().run(folder);
        assertThatThrownBy(() -> new Session().run(folder)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("there is a model already").hasMessageContaining("--resume");
    }

    @Test
    void onlyTheSameRunIsGoneOnWith() throws IOException {
        assertThatThrownBy(() -> new Session().resumed().run(folder)).hasMessageContaining("no run to go on with");
        new Session().run(folder);
        Session other = new Session().resumed();
        other.data = TextData.of("tale", (TEXT + "!").getBytes(StandardCharsets.US_ASCII))
                .split(SplitRule.parse("80/20/0"));
        assertThatThrownBy(() -> other.run(folder)).hasMessageContaining("begun with other data");
        Session wider = new Session().resumed();
        wider.architecture = Tiny.config(16, 24, 2);
        assertThatThrownBy(() -> wider.run(folder)).hasMessageContaining("go on with the settings");
        Session elsewhere = new Session().resumed();
        elsewhere.training = TRAINING.with("windows", "contiguous");
        assertThatThrownBy(() -> elsewhere.run(folder)).hasMessageContaining("was begun with windows=random");
        assertThatThrownBy(() -> new Session().resumed().run(folder)).hasMessageContaining("has spent its budget");
    }

    /** It would change the budget that a plain --resume goes on with, and the history. */
    @Test
    void whatIsRefusedLeavesTheRunAsItWas() throws IOException {
        Session session = new Session();
        session.stopAfter = 6;
        session.run(folder);
        byte[] description = Files.readAllBytes(folder.resolve(RunDescription.FILE));
        byte[] metrics = Files.readAllBytes(folder.resolve("metrics.jsonl"));
        Session less = new Session().resumed();
        less.budget = new Budget.Steps(3);
        assertThatThrownBy(() -> less.run(folder))
                .hasMessageContaining("has spent its budget of 3 steps (6 steps made)");
        assertThat(less.events).isEmpty();
        assertThat(folder.resolve(RunDescription.FILE)).hasBinaryContent(description);
        assertThat(folder.resolve("metrics.jsonl")).hasBinaryContent(metrics);
    }

    @Test
    void tokensAreThoseThatWereReadThoughStepsGrow() throws IOException {
        Session session = new Session();
        session.budget = new Budget.Steps(5);
        session.run(folder);
        Session larger = new Session().resumed();
        larger.training = TRAINING.with("batch", "4");
        larger.budget = new Budget.Tokens(5 * 48 + 3 * 96);
        TrainingEvent.Finished finished = larger.run(folder);
        assertThat(larger.steps()).extracting(TrainingEvent.Stepped::tokens).containsExactly(5 * 48 + 96L,
                5 * 48 + 2 * 96L, 5 * 48 + 3 * 96L);
        assertThat(finished.step()).isEqualTo(8);
        assertThat(finished.tokens()).isEqualTo(5 * 48 + 3 * 96);
        try (Checkpoint stored = Checkpoint.open(folder.resolve("last"))) {
            assertThat(stored.notes()).containsEntry("trained_tokens", Integer.toString(5 * 48 + 3 * 96));
        }
    }

    @Test
    void aRunBeginsWithTheWeightsOfAModel() throws IOException {
        Path model = folder.resolve("model");
        Session first = new Session();
        first.run(model);
        Session further = new Session();
        further.from = Optional.of(model);
        further.training = TRAINING.with("learningRate", "1e-3").with("seed", "2");
        further.run(folder.resolve("further"));
        TrainingEvent.Validated before = further.of(TrainingEvent.Validated.class).getFirst();
        assertThat(before.step()).isZero();
        assertThat(before.bitsPerByte()).isEqualTo(
                first.of(TrainingEvent.Validated.class).stream().mapToDouble(TrainingEvent.Validated::bitsPerByte).min()
                        .orElseThrow());
        assertThat(further.losses()).hasSize(12);
        assertThat(further.losses().getFirst()).isLessThan(0.8 * first.losses().getFirst());
        assertThat(further.of(TrainingEvent.Validated.class).getLast().bitsPerByte())
                .isLessThan(before.bitsPerByte());
        try (Checkpoint begun = Checkpoint.open(model); Checkpoint made = Checkpoint.open(folder.resolve("further"))) {
            assertThat(made.notes()).containsEntry("trained_from", model + " " + begun.fingerprint())
                    .containsEntry("trained_steps", "12");
        }
    }

    /** Also when the model is no longer there. */
    @Test
    void aRunFromAModelGoesOnBitForBit() throws IOException {
        Path model = folder.resolve("model");
        new Session().run(model);
        Session whole = new Session();
        whole.from = Optional.of(model);
        whole.run(folder.resolve("whole"));
        Session begun = new Session();
        begun.from = Optional.of(model);
        begun.stopAfter = 4;
        begun.run(folder.resolve("parts"));
        Files.move(model, folder.resolve("moved"));
        Session resumed = new Session().resumed();
        resumed.from = Optional.of(model);
        resumed.run(folder.resolve("parts"));
        assertThat(resumed.losses()).isEqualTo(whole.losses().subList(4, 12));
        assertSameTensors(folder.resolve("parts"), folder.resolve("whole"));
        try (Checkpoint made = Checkpoint.open(folder.resolve("parts"))) {
            assertThat(made.notes().get("trained_from")).startsWith(model + " ");
        }
    }

    @Test
    void whatMakesAModelWorseDoesNotTakeItsPlace() throws IOException {
        Path model = folder.resolve("model");
        new Session().run(model);
        Session spoiled = new Session();
        spoiled.from = Optional.of(model);
        spoiled.training = TRAINING.with("learningRate", "0.5").with("floor", "1").with("warmup", "0.01");
        spoiled.stopAfter = 7;
        spoiled.run(folder.resolve("spoiled"));
        assertThat(stepOf(folder.resolve("spoiled"))).isZero();
        assertThat(stepOf(folder.resolve("spoiled/last"))).isEqualTo(7);
        try (Safetensors one = Safetensors.open(model.resolve("model.safetensors"));
                Safetensors other = Safetensors.open(folder.resolve("spoiled/model.safetensors"))) {
            for (StoredTensor tensor : one.tensors()) {
                assertThat(other.tensor(tensor.name()).toDoubles()).isEqualTo(one.tensor(tensor.name()).toDoubles());
            }
        }
    }

    /** A small RWKV whose matrices are not zero. */
    private Path rwkv(String preset) throws IOException {
        Path path = folder.resolve(preset);
        try (Memory memory = new Memory()) {
            Stack stack = new Stack(Presets.named(preset), Parameters.Source.initialised(1, DType.F32, memory));
            SplittableRandom random = new SplittableRandom(7);
            stack.parameters().trained().forEach(parameter -> {
                for (long i = 0; i < parameter.tensor().elements(); i++) {
                    parameter.tensor().set(i, parameter.tensor().get(i) + 0.1 * random.nextDouble(-1, 1));
                }
            });
            Checkpoint.save(path, stack, Map.of("kind", "bytes"), Map.of());
        }
        return path;
    }

    private Session tuning(Path model, String preset) {
        Session session = new Session();
        session.from = Optional.of(model);
        session.states = true;
        session.architecture = Presets.named(preset);
        session.training = TRAINING.with("learningRate", "0.05");
        return session;
    }

    @ParameterizedTest
    @ValueSource(strings = {"rwkv5-micro", "rwkv6-micro", "rwkv7-micro"})
    void statesAreTunedWhileWeightsStandStill(String preset) throws IOException {
        Path model = rwkv(preset);
        byte[] weights = Files.readAllBytes(model.resolve("model.safetensors"));
        Session whole = tuning(model, preset);
        whole.run(folder.resolve("whole"));
        List<TrainingEvent.Validated> validated = whole.of(TrainingEvent.Validated.class);
        assertThat(validated.getLast().bitsPerByte()).isLessThan(validated.getFirst().bitsPerByte() - 0.01);
        assertThat(model.resolve("model.safetensors")).hasBinaryContent(weights);
        assertThat(folder.resolve("whole/model.safetensors")).doesNotExist();
        try (Safetensors state = Safetensors.open(folder.resolve("whole/state.safetensors"))) {
            assertThat(state.tensors()).extracting(StoredTensor::name).contains("blocks.0.att.time_state")
                    .allMatch(name -> name.matches("blocks\\.\\d\\.att\\.time_state"));
            assertThat(state.texts().get("trained_from")).startsWith(model + " ");
        }
        Session begun = tuning(model, preset);
        begun.stopAfter = 5;
        begun.run(folder.resolve("parts"));
        tuning(model, preset).resumed().run(folder.resolve("parts"));
        assertThat(folder.resolve("parts/last/state.safetensors"))
                .hasSameBinaryContentAs(folder.resolve("whole/last/state.safetensors"));
    }

    @Test
    void onlyStatesOfHeadsAreTunedAndOnlyWithTheirModel() throws IOException {
        Path other = folder.resolve("model");
        new Session().run(other);
        Session none = new Session();
        none.from = Optional.of(other);
        none.states = true;
        assertThatThrownBy(() -> none.run(folder.resolve("none"))).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("this model has none; train its weights");
        Path model = rwkv("rwkv6-micro");
        Session begun = tuning(model, "rwkv6-micro");
        begun.stopAfter = 2;
        begun.run(folder.resolve("tuned"));
        assertThatThrownBy(() -> tuning(model, "rwkv6-micro").run(folder.resolve("tuned")))
                .hasMessageContaining("--resume");
        try (Memory memory = new Memory()) {
            Checkpoint.save(model, new Stack(Presets.named("rwkv6-micro"),
                    Parameters.Source.initialised(2, DType.F32, memory)), Map.of("kind", "bytes"), Map.of());
        }
        assertThatThrownBy(() -> tuning(model, "rwkv6-micro").resumed().run(folder.resolve("tuned")))
                .hasMessageContaining("but the model there is now").hasMessageContaining("put the first one back");
    }

    @Test
    void onlyAModelOfTheSameParametersIsBegunWith() throws IOException {
        Path model = folder.resolve("model");
        new Session().run(model);
        for (StackConfig other : List.of(Tiny.config(16, 24, 2), Tiny.config(12, 24, 3), Tiny.config(12, 24, 1))) {
            Session refused = new Session();
            refused.from = Optional.of(model);
            refused.architecture = other;
            assertThatThrownBy(() -> refused.run(folder.resolve("refused")))
                    .isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith(model + ": ")
                    .hasMessageContaining("only what parameters do not depend on may change");
            assertThat(folder.resolve("refused")).doesNotExist();
        }
        Session longer = new Session();
        longer.from = Optional.of(model);
        longer.architecture = Tiny.config(12, 48, 2);
        assertThat(longer.run(folder.resolve("longer")).step()).isEqualTo(12);
    }

    /** As runs were saved before they counted. */
    @Test
    void tokensOfAnOlderCheckpointAreThoseOfItsSteps() {
        Map<String, String> metadata = new Progress(7, 123, 1.5, new long[] {3}, 2.5, 4).toMetadata();
        assertThat(Progress.from(metadata, 48)).isEqualTo(new Progress(7, 123, 1.5, new long[] {3}, 2.5, 4));
        Map<String, String> older = Map.of("tern.progress",
                metadata.getOrDefault("tern.progress", "").replaceFirst("\"tokens\":123,?", ""));
        assertThat(older.toString()).doesNotContain("tokens");
        assertThat(Progress.from(older, 48)).isEqualTo(new Progress(7, 7 * 48, 1.5, new long[] {3}, 2.5, 4));
    }

    @Test
    void tooLittleMemoryIsSaidBeforeTheRunWithTheNumberNeeded() {
        Session session = new Session();
        session.memory = 100L << 20;
        assertThatThrownBy(() -> session.run(folder)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("training needs more than 3\\d\\d MiB of memory .* 101 MiB are available; .*");
        session.memory = 321L << 20;
        assertThatThrownBy(() -> session.run(folder)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageMatching("training needs 3\\d\\d MiB of memory .* 322 MiB are available; .*");
        assertThat(session.events).isEmpty();
        assertThat(folder.resolve("last")).as("nothing stands in the way of the next attempt").doesNotExist();
    }

    /** Sixteen bytes a parameter, before any of them is made. */
    @Test
    void publishedSizesSayWhatTheyNeed() {
        Map<String, Long> parameters = Map.of("mega-enwik8", 39_162_368L, "tcnca-enwik8", 39_211_520L);
        parameters.forEach((preset, count) -> {
            MemoryNeed least = MemoryNeed.without(count, count);
            assertThat(least.total()).isEqualTo(16 * count + (320L << 20));
            Session session = new Session();
            session.architecture = Presets.named(preset);
            session.memory = least.total() - 1;
            assertThatThrownBy(() -> session.run(folder)).isInstanceOf(IllegalArgumentException.class)
                    .hasMessageMatching(
                            "training needs more than 91[89] MiB of memory \\(parameters 150 MiB, gradients 150 MiB,"
                                    + " moments (299|300) MiB, activations left out, Java 321 MiB\\), 91[89] MiB are"
                                    + " available; set a smaller batch or time, recompute=true, or choose a smaller model");
        });
    }

    @Test
    void whoReadsAheadIsRefused() {
        Session session = new Session();
        session.architecture = Presets.named("mega-bidirectional-micro");
        assertThatThrownBy(() -> session.run(folder)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("reads in both directions").hasMessageContaining("choose a causal architecture");
    }

    @Test
    void dataShorterThanAWindowIsRefused() {
        Session session = new Session();
        session.data = TextData.of("note", "short".getBytes(StandardCharsets.US_ASCII))
                .split(SplitRule.parse("100/0/0"));
        assertThatThrownBy(() -> session.run(folder)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("has 5 symbols, but windows of 24 need 25");
    }

    @Test
    void withoutValidationDataTheLastModelIsTheModel() throws IOException {
        Session session = new Session();
        session.data = TextData.of("tale", TEXT.getBytes(StandardCharsets.US_ASCII)).split(SplitRule.parse("100/0/0"));
        session.run(folder);
        assertThat(session.of(TrainingEvent.Validated.class)).isEmpty();
        assertThat(stepOf(folder)).isEqualTo(12);
    }

    @Test
    void tokensEndARunAtTheStepThatReachesThem() throws IOException {
        Session session = new Session();
        session.budget = new Budget.Tokens(3 * 48 + 1);
        assertThat(session.run(folder).step()).isEqualTo(4);
    }
}

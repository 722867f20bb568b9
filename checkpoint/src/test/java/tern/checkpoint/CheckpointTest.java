package tern.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.tcn.TcnBlockConfig;
import tern.model.HeadConfig;
import tern.model.ModelState;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.SequenceModel;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;
import tern.testkit.Seeds;

class CheckpointTest {
    private static final StackConfig SMALL = StackConfig.of(8, 16,
            List.of(AttentionConfig.of(2), GatedMlpConfig.gated(16, Activation.SILU)));
    private static final Map<String, String> BYTES = Map.of("kind", "bytes");

    @TempDir
    Path folder;

    private final Memory memory = new Memory();

    @AfterEach
    void release() {
        memory.close();
    }

    private Stack fresh(StackConfig config, long seed) {
        return new Stack(config, Parameters.Source.initialised(seed, DType.F32, memory));
    }

    @ParameterizedTest
    @ValueSource(strings = {"transformer-nano", "hyena-nano", "multihyena-nano", "modal-nano"})
    void aSavedModelComputesTheSame(String preset) throws IOException {
        Stack model = fresh(Presets.named(preset), 7);
        String fingerprint = Checkpoint.save(folder.resolve("model"), model, BYTES, Map.of("step", "12"));
        try (Checkpoint opened = Checkpoint.open(folder.resolve("model"))) {
            assertThat(opened.config()).isEqualTo(model.config());
            assertThat(opened.tokenizer()).isEqualTo(BYTES);
            assertThat(opened.notes()).containsExactly(Map.entry("step", "12"));
            assertThat(opened.fingerprint()).isEqualTo(fingerprint).hasSize(64);
            assertThat(hidden(opened.model())).isEqualTo(hidden(model));
            assertThat(opened.verify()).hasSameSizeAs(model.parameters().all()).allMatch(TensorHealth::sound);
        }
    }

    private static float[] hidden(SequenceModel model) {
        try (Workspace workspace = new Workspace();
                ThreadTeam team = new ThreadTeam(1);
                Memory states = new Memory();
                EagerOps ops = new EagerOps(KernelSet.fastest(), team, workspace)) {
            Tensor ids = states.zeros(DType.I32, 1, 12);
            for (int i = 0; i < 12; i++) {
                ids.set(i, Seeds.random(i).nextInt(256));
            }
            ModelState empty = ModelState.empty(model.stateLayouts(), DType.F32, 1, 12, states);
            return model.forward(Form.PARALLEL, ops, ids, empty).hidden().toFloats();
        }
    }

    @Test
    void parametersAreTheMappedFileItself() throws IOException {
        Checkpoint.save(folder, fresh(SMALL, 1), BYTES, Map.of());
        try (Checkpoint opened = Checkpoint.open(folder)) {
            for (Parameters.Parameter parameter : opened.model().parameters().all()) {
                assertThat(parameter.tensor().data().isMapped()).as(parameter.name()).isTrue();
                assertThat(parameter.tensor().data().isReadOnly()).as(parameter.name()).isTrue();
                assertThat(parameter.tensor().data().address())
                        .isEqualTo(opened.file().tensor(parameter.name()).data().address());
            }
        }
    }

    @Test
    void aModelMayBeOneFile() throws IOException {
        Stack model = fresh(SMALL, 2);
        Path file = folder.resolve("one.safetensors");
        String fingerprint = Checkpoint.save(file, model, BYTES, Map.of());
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
        try (Checkpoint opened = Checkpoint.open(file)) {
            assertThat(opened.fingerprint()).isEqualTo(fingerprint);
            assertThat(hidden(opened.model())).isEqualTo(hidden(model));
        }
    }

    @Test
    void aLoadedCopyIsIndependentAndCanBeWritten() throws IOException {
        Stack model = fresh(SMALL, 3);
        Checkpoint.save(folder, model, BYTES, Map.of());
        Stack copy;
        Stack exact;
        try (Checkpoint opened = Checkpoint.open(folder)) {
            copy = opened.load(DType.F32, memory);
            exact = opened.load(DType.F64, memory);
        }
        assertThat(hidden(copy)).isEqualTo(hidden(model));
        Tensor table = copy.parameters().find("embedding.table").orElseThrow().tensor();
        assertThat(exact.parameters().find("embedding.table").orElseThrow().tensor().get(5)).isEqualTo(table.get(5));
        table.set(5, 0.5);
        assertThat(table.get(5)).isEqualTo(0.5);
        assertThat(Fingerprint.of(copy)).isNotEqualTo(Fingerprint.of(model));
    }

    @Test
    void matricesOfHalfWidthStayAndTheRestIsWidened() throws IOException {
        Stack model = fresh(SMALL, 4);
        Map<String, Tensor> halves = new LinkedHashMap<>();
        model.parameters().tensors()
                .forEach((name, tensor) -> halves.put(name,
                        memory.allocate(DType.BF16, tensor.shape()).copyFrom(tensor)));
        Safetensors.write(folder.resolve("model.safetensors"), halves, Map.of());
        AtomicFiles.write(folder.resolve("config.json"), RecordJson.write(ModelDescription.of(SMALL, BYTES, Map.of())));
        try (Checkpoint opened = Checkpoint.open(folder)) {
            Tensor table = opened.model().parameters().find("embedding.table").orElseThrow().tensor();
            assertThat(table.dtype()).isEqualTo(DType.BF16);
            assertThat(table.toFloats()).isEqualTo(halves.getOrDefault("embedding.table", table).toFloats());
            Tensor gain = opened.model().parameters().find("norm.gain").orElseThrow().tensor();
            assertThat(gain.dtype()).isEqualTo(DType.F32);
            assertThat(gain.toFloats()).isEqualTo(halves.getOrDefault("norm.gain", gain).toFloats());
            assertThat(opened.fingerprint()).hasSize(64).isNotEqualTo(Fingerprint.of(model));
            assertThat(opened.verify()).allMatch(TensorHealth::sound);
        }
    }

    /** Filters between channels are read as they compute: they stay in F32, and are widened where a file has them in half. */
    @Test
    void filtersBetweenChannelsAreComputedInF32() throws IOException {
        StackConfig config = new StackConfig(256, 8, 16, SMALL.norm(), 1e-5, true, List.of(TcnBlockConfig.of(3, 1)));
        Stack model = fresh(config, 5);
        Checkpoint.save(folder.resolve("f32"), model, BYTES, Map.of());
        try (Checkpoint opened = Checkpoint.open(folder.resolve("f32"))) {
            Checkpoint.convert(folder.resolve("bf16"), opened, opened.model(), DType.BF16, BYTES);
        }
        Map<String, Tensor> halves = new LinkedHashMap<>();
        model.parameters().tensors().forEach(
                (name, tensor) -> halves.put(name, memory.allocate(DType.BF16, tensor.shape()).copyFrom(tensor)));
        Files.createDirectories(folder.resolve("half"));
        Safetensors.write(folder.resolve("half/model.safetensors"), halves, Map.of());
        AtomicFiles.write(folder.resolve("half/config.json"),
                RecordJson.write(ModelDescription.of(config, BYTES, Map.of())));
        for (String name : List.of("bf16", "half")) {
            try (Checkpoint opened = Checkpoint.open(folder.resolve(name))) {
                Map<String, Tensor> tensors = opened.model().parameters().tensors();
                assertThat(tensors.get("embedding.table")).as(name).extracting(Tensor::dtype).isEqualTo(DType.BF16);
                assertThat(tensors.get("branches.0.mixer.first.weight")).as(name).extracting(Tensor::dtype)
                        .isEqualTo(DType.F32);
                assertThat(hidden(opened.model())).as(name).isNotEqualTo(hidden(model));
            }
        }
    }

    @Test
    void theFingerprintTellsModelsApart() {
        String one = Fingerprint.of(fresh(SMALL, 1));
        assertThat(Fingerprint.of(fresh(SMALL, 1))).isEqualTo(one);
        assertThat(Fingerprint.of(fresh(SMALL, 2))).isNotEqualTo(one);
        StackConfig other = new StackConfig(256, 8, 16, SMALL.norm(), 1e-6, true, SMALL.branches());
        assertThat(Fingerprint.of(fresh(other, 1))).isNotEqualTo(one);
    }

    /** Real values in and a class out: config and parameters come back, and files that know neither still open. */
    @Test
    void inputsAndHeadsAreSaved() throws IOException {
        StackConfig classifier = new StackConfig(1, 8, 16, SMALL.norm(), 1e-5, Optional.empty(), Optional.empty(),
                false,
                SMALL.branches(), Optional.of(3), Optional.of(HeadConfig.classification(10, 4)));
        Path file = folder.resolve("classifier.safetensors");
        Checkpoint.save(file, fresh(classifier, 1), BYTES, Map.of());
        try (Checkpoint opened = Checkpoint.open(file)) {
            assertThat(opened.config()).isEqualTo(classifier);
            assertThat(opened.fingerprint()).isEqualTo(Fingerprint.of(fresh(classifier, 1)));
        }
        assertThat(RecordJson.line(SMALL)).doesNotContain("features").doesNotContain("readout");
    }

    @Test
    void verifyFindsChangedBytes() throws IOException {
        Path file = folder.resolve("m.safetensors");
        Checkpoint.save(file, fresh(SMALL, 1), BYTES, Map.of());
        try (RandomAccessFile raw = new RandomAccessFile(file.toFile(), "rw")) {
            raw.seek(raw.length() - 3);
            int old = raw.read();
            raw.seek(raw.length() - 3);
            raw.write(old ^ 1);
        }
        try (Checkpoint opened = Checkpoint.open(file)) {
            String stored = opened.fingerprint();
            assertThatThrownBy(opened::verify).isInstanceOf(MalformedFileException.class).message()
                    .startsWith(file + ": the parameters have fingerprint ").contains(stored)
                    .contains("damaged or was edited");
        }
    }

    @Test
    void verifyNamesWhatIsNotANumberInAnEditedFileToo() throws IOException {
        Path file = folder.resolve("m.safetensors");
        Checkpoint.save(file, fresh(SMALL, 1), BYTES, Map.of());
        try (RandomAccessFile raw = new RandomAccessFile(file.toFile(), "rw")) {
            raw.seek(raw.length() - 4);
            raw.write(new byte[] {0, 0, (byte) 0xc0, 0x7f});
        }
        try (Checkpoint opened = Checkpoint.open(file)) {
            assertThatThrownBy(opened::verify).isInstanceOf(MalformedFileException.class).message()
                    .contains("damaged or was edited; 1 tensor holds values that are not finite, the first is ")
                    .contains(" with 1 NaN and 0 infinite of ");
        }
    }

    @Test
    void verifyFindsWhatIsNotANumber() throws IOException {
        Stack sick = fresh(SMALL, 1);
        sick.parameters().find("norm.gain").orElseThrow().tensor().set(3, Double.NaN);
        Checkpoint.save(folder, sick, BYTES, Map.of());
        try (Checkpoint opened = Checkpoint.open(folder)) {
            List<TensorHealth> unsound = opened.verify().stream().filter(health -> !health.sound()).toList();
            assertThat(unsound).hasSize(1);
            assertThat(unsound.getFirst().name()).isEqualTo("norm.gain");
            assertThat(unsound.getFirst().nans()).isEqualTo(1);
        }
    }

    @Test
    void tensorsThatDoNotFitAreNamed() throws IOException {
        Map<String, Tensor> tensors = new LinkedHashMap<>(fresh(SMALL, 1).parameters().tensors());
        tensors.remove("branches.0.norm.gain");
        tensors.put("branches.9.norm.gain", memory.zeros(DType.F32, 8));
        tensors.put("norm.gain", memory.zeros(DType.F32, 9));
        tensors.put("embedding.table", memory.allocate(DType.I32, Shape.of(256, 8)));
        String description = RecordJson.line(ModelDescription.of(SMALL, BYTES, Map.of()));
        Path file = folder.resolve("m.safetensors");
        Safetensors.write(file, tensors, Map.of("tern.config", description));
        assertThatThrownBy(() -> Checkpoint.open(file)).isInstanceOf(MalformedFileException.class).message()
                .startsWith(file + ": the tensors do not fit the configuration: ")
                .contains("1 missing: \"branches.0.norm.gain\" [8]").contains("1 unexpected: \"branches.9.norm.gain\"")
                .contains("2 mis-shaped: ").contains("\"norm.gain\" F32[9] where F32[8] is expected")
                .contains("\"embedding.table\" I32[256, 8] where F32[256, 8] is expected").doesNotContain("\n");
    }

    @Test
    void aNewerVersionIsRefused() throws IOException {
        String config = RecordJson.line(ModelDescription.of(SMALL, BYTES, Map.of()))
                .replace("\"version\":1", "\"version\":2")
                .replace("\"width\"", "\"breadth\"");
        Path file = folder.resolve("m.safetensors");
        Safetensors.write(file, fresh(SMALL, 1).parameters().tensors(), Map.of("tern.config", config));
        assertThatThrownBy(() -> Checkpoint.open(file)).isInstanceOf(MalformedFileException.class).hasMessage(file
                + ": tern.config: the model is in version 2 of the format, this Tern reads version 1; use a newer Tern");
    }

    @Test
    void configurationsThatCannotBeAreRefused() throws IOException {
        Path weights = folder.resolve("model.safetensors");
        Path config = folder.resolve("config.json");
        Safetensors.write(weights, fresh(SMALL, 1).parameters().tensors(), Map.of());
        assertThatThrownBy(() -> Checkpoint.open(folder)).hasMessageContaining("does not say what model it holds");
        String good = RecordJson.write(ModelDescription.of(SMALL, BYTES, Map.of()));
        Map<String, String> refusals = new LinkedHashMap<>();
        refusals.put(good.replace("tern-model", "tern-model-2"), "format is \"tern-model-2\", expected \"tern-model\"");
        refusals.put("{}", "does not say what model it holds");
        refusals.put(good.replace("\"version\" : 1", "\"version\" : \"1\""), "version is missing");
        refusals.put(good.replace("\"heads\" : 2", "\"heads\" : 3"), "model.branches[0]: attention: keyHeads");
        refusals.put(good.replace("\"heads\" : 2", "\"headz\" : 2"),
                "model.branches[0]: unknown key \"headz\"; did you mean");
        refusals.put(good.replace("\"width\" : 8", "\"width\" : 7"), "does not make a model: attention: heads");
        refusals.put(good.replace("\"width\" : 8", "\"width\" : 16"), "model.safetensors: the tensors do not fit");
        refusals.put(good.replace("\"vocabulary\" : 256", "\"vocabulary\" : 2147483647"), "the tensors do not fit");
        refusals.put(good.substring(0, good.length() / 2), "config.json is not valid JSON");
        for (Map.Entry<String, String> refusal : refusals.entrySet()) {
            AtomicFiles.write(config, refusal.getKey());
            assertThatThrownBy(() -> Checkpoint.open(folder)).isInstanceOf(MalformedFileException.class).message()
                    .contains(refusal.getValue()).startsWith(folder.toString()).doesNotContain("\n");
        }
        AtomicFiles.write(config, good);
        try (Checkpoint opened = Checkpoint.open(weights)) {
            assertThat(opened.config()).isEqualTo(SMALL);
        }
    }

    @Test
    void theConfigurationInsideTheFileCounts() throws IOException {
        Checkpoint.save(folder, fresh(SMALL, 1), BYTES, Map.of("from", "file"));
        AtomicFiles.write(folder.resolve("config.json"),
                RecordJson.write(ModelDescription.of(SMALL, BYTES, Map.of("from", "elsewhere"))));
        try (Checkpoint opened = Checkpoint.open(folder)) {
            assertThat(opened.notes()).containsEntry("from", "file");
        }
    }

    @Test
    void savingOverAnOpenModelLeavesTheOpenOneAlone() throws IOException {
        Stack first = fresh(SMALL, 1);
        Checkpoint.save(folder, first, BYTES, Map.of());
        try (Checkpoint opened = Checkpoint.open(folder)) {
            Checkpoint.save(folder, fresh(SMALL, 2), BYTES, Map.of());
            assertThat(hidden(opened.model())).isEqualTo(hidden(first));
        }
        try (Checkpoint opened = Checkpoint.open(folder)) {
            assertThat(opened.fingerprint()).isEqualTo(Fingerprint.of(fresh(SMALL, 2)));
        }
    }

    @Test
    void aFileInTheWayIsNamed() throws IOException {
        Path taken = Files.writeString(folder.resolve("taken"), "x");
        Stack model = fresh(SMALL, 1);
        assertThatThrownBy(() -> Checkpoint.save(taken, model, BYTES, Map.of())).isInstanceOf(IOException.class)
                .hasMessage(
                        taken + ": is a file, expected a folder for the model, or a name that ends in .safetensors");
        assertThatThrownBy(() -> Checkpoint.save(taken.resolve("inside"), model, BYTES, Map.of()))
                .isInstanceOf(IOException.class).hasMessageContaining("the folder could not be created");
        assertThat(taken).hasContent("x");
    }

    /** Any bytes of a configuration changed: refused in one line, or another possible model. */
    @Test
    void damagedConfigurationsAreRefusedOrPossible() throws IOException {
        byte[] good = RecordJson.line(ModelDescription.of(SMALL, BYTES, Map.of())).getBytes(StandardCharsets.UTF_8);
        int[] refused = new int[1];
        Seeds.forAll(2000, (seed, random) -> {
            byte[] damaged = good.clone();
            for (int i = Seeds.between(random, 1, 3); i > 0; i--) {
                int at = random.nextInt(damaged.length);
                damaged[at] = (byte) (random.nextBoolean() ? damaged[at] ^ 1 << random.nextInt(7)
                        : "0123456789-{}[],:\"e.".charAt(random.nextInt(20)));
            }
            try {
                ModelDescription read = ModelDescription.read(new String(damaged, StandardCharsets.UTF_8), "x.json");
                assertThat(ModelDescription.read(RecordJson.line(read), "again")).isEqualTo(read);
            } catch (IllegalArgumentException told) {
                assertThat(told.getMessage()).startsWith("x.json").doesNotContain("\n");
                assertThat(told.getStackTrace()[0].getClassName()).startsWith("tern.checkpoint");
                refused[0]++;
            }
        });
        assertThat(refused[0]).isGreaterThan(1000);
    }

    @Test
    void noModelIsNamed() {
        assertThatThrownBy(() -> Checkpoint.open(folder.resolve("absent"))).isInstanceOf(IOException.class)
                .hasMessageContaining("absent: no such file");
        assertThatThrownBy(() -> Checkpoint.open(folder)).isInstanceOf(IOException.class)
                .hasMessageContaining("the folder holds neither model.safetensors nor");
    }
}

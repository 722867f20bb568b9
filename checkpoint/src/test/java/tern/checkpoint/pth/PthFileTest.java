package tern.checkpoint.pth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.Damage;
import tern.checkpoint.MalformedFileException;
import tern.checkpoint.Metadatum;
import tern.checkpoint.SharedData;
import tern.checkpoint.TensorFile;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** PyTorch files give the tensors that PyTorch would give, and none of them gets anything run. */
class PthFileTest {
    private static final String SAMPLES = "formats/pth/";

    @TempDir
    private Path folder;

    @Test
    void samplesAreReadOrRefusedAsTheyShould() throws IOException {
        JsonNode manifest = JsonMapper.shared().readTree(SharedData.require(SAMPLES + "manifest.json").toFile());
        int read = 0;
        int refused = 0;
        for (Map.Entry<String, JsonNode> sample : manifest.properties()) {
            Path path = SharedData.require(SAMPLES + sample.getKey());
            if (sample.getValue().get("valid").asString().equals("false")) {
                assertThatThrownBy(() -> PthFile.open(path)).as(sample.getKey())
                        .isInstanceOf(MalformedFileException.class).message().startsWith(path.toString())
                        .doesNotContain("\n");
                refused++;
            } else {
                checkSample(path, sample.getValue().get("tensors"));
                read++;
            }
        }
        assertThat(read).isEqualTo(5);
        assertThat(refused).isEqualTo(9);
    }

    /** Mamba's repositories hold such a folder; tensors in the newer format come first where both are there. */
    @Test
    void aFolderMayHoldAnArchive() throws IOException {
        Path archive = folder.resolve("pytorch_model.bin");
        Files.copy(SharedData.require("rwkv7-reverse/260123_reverse_L2_only_rwkv7.pth"), archive);
        try (TensorFile file = TensorFile.open(folder)) {
            assertThat(file.path()).isEqualTo(archive);
            assertThat(file.tensors()).isNotEmpty();
        }
        Files.writeString(folder.resolve("model.safetensors"), "");
        assertThatThrownBy(() -> TensorFile.open(folder)).isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("model.safetensors");
    }

    private static void checkSample(Path path, JsonNode tensors) throws IOException {
        try (TensorFile file = TensorFile.open(path)) {
            assertThat(file.tensors()).as(path.toString()).hasSize(tensors.size());
            for (Map.Entry<String, JsonNode> expected : tensors.properties()) {
                String what = path + " " + expected.getKey();
                Tensor tensor = file.tensor(expected.getKey());
                assertThat(tensor.shape()).as(what).isEqualTo(Shape.of(
                        expected.getValue().get("shape").valueStream().mapToInt(JsonNode::asInt).toArray()));
                assertThat(tensor.toDoubles()).as(what).containsExactly(
                        expected.getValue().get("values").valueStream().mapToDouble(JsonNode::asDouble).toArray());
                assertThat(tensor.dtype().name()).as(what)
                        .isEqualTo(dtype(expected.getValue().get("dtype").asString()));
                assertThat(file.tensor(expected.getKey()).data().address()).as("%s: made once", what)
                        .isEqualTo(tensor.data().address());
            }
        }
    }

    private static String dtype(String name) {
        return switch (name) {
            case "bool" -> "BOOL";
            case "bfloat16" -> "BF16";
            case "uint8" -> "U8";
            default -> name.toUpperCase(java.util.Locale.ROOT).charAt(0) + name.replaceAll("[a-z]", "");
        };
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "evil-os-system | data.pkl: byte 48: the pickle asks for \"posix.system\", which is not one of the names",
        "evil-builtins-eval | the pickle asks for \"__builtin__.eval\"",
        "whole-module | the pickle asks for \"torch.nn.modules.linear.Linear\"",
        "evil-stack-underflow | takes a value from an empty stack",
        "evil-memo-miss | recalls memo slot 7, which was never set",
        "evil-no-stop | the pickle ends without STOP",
        "evil-missing-storage | lacks the entry \"archive/data/0\"",
        "evil-nested-dup | holds no tensors by name",
        "evil-huge-size | is said to hold 2147483647 elements of F32, but has 16 bytes, expected 8589934588"})
    void hostileFilesAreRefusedWithTheReason(String sample, String reason) {
        Path path = SharedData.require(SAMPLES + sample + ".pth");
        assertThatThrownBy(() -> TensorFile.open(path)).isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith(path.toString()).hasMessageContaining(reason);
    }

    @Test
    void whatLiesBesideTheTensorsIsMetadata() throws IOException {
        try (TensorFile file = TensorFile.open(SharedData.require(SAMPLES + "nested-checkpoint.pth"))) {
            assertThat(file.format()).isEqualTo("PyTorch, ZIP archive");
            assertThat(file.metadata()).isNotEmpty().doesNotContainKey("w");
            assertThat(file.metadata().values()).anyMatch(Metadatum.Whole.class::isInstance)
                    .anyMatch(Metadatum.Real.class::isInstance).anyMatch(Metadatum.Text.class::isInstance);
        }
        try (TensorFile file = TensorFile.open(SharedData.require(SAMPLES + "legacy-nonzip.pth"))) {
            assertThat(file.format()).isEqualTo("PyTorch, before 1.6");
        }
    }

    @Test
    void tensorsThatShareAStorageAreTheSameBytes() throws IOException {
        try (TensorFile file = TensorFile.open(SharedData.require(SAMPLES + "state-dict.pth"))) {
            Tensor whole = file.tensor("w");
            assertThat(file.tensor("tied").data().address()).isEqualTo(whole.data().address());
            assertThat(file.tensor("transposed_view").data().isReadOnly()).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"parameters.pth", "legacy-nonzip.pth", "evil-huge-size.pth", "evil-nested-dup.pth"})
    void damagedFilesAreRefusedOrConsistent(String sample) throws IOException {
        byte[] good = Files.readAllBytes(SharedData.require(SAMPLES + sample));
        Damage damage = Damage.check(good, 0, good.length, folder.resolve("damaged.pth"), PthFile::open);
        assertThat(damage.refused()).isGreaterThan(good.length);
    }

    @Test
    void readsReleasedFiles() throws IOException {
        try (TensorFile file = TensorFile.open(
                SharedData.require("rwkv7-reverse/260123_reverse_L2_only_rwkv7.pth"))) {
            assertThat(file.tensors().stream().mapToLong(tensor -> tensor.elements()).sum()).isEqualTo(39_564);
            assertThat(file.tensor("e.weight").shape()).isEqualTo(Shape.of(12, 32));
        }
        try (TensorFile file = TensorFile.open(SharedData.require("goldfinch-tiny/goldfinch.pth"));
                TensorFile halves = TensorFile.open(SharedData.require("goldfinch-tiny/goldfinch-bf16.safetensors"))) {
            assertThat(file.tensors()).hasSameSizeAs(halves.tensors());
            for (var stored : file.tensors()) {
                assertThat(file.tensor(stored.name()).toFloats()).as(stored.name())
                        .isEqualTo(halves.tensor(stored.name()).toFloats());
            }
        }
    }
}

package tern.checkpoint.naming;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.Checkpoint;
import tern.checkpoint.MalformedFileException;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.attention.GroupedAttentionConfig;
import tern.mixers.attention.Slowed;
import tern.model.ModelState;
import tern.model.Parameters;
import tern.model.Stack;
import tern.sequence.Form;
import tern.sequence.Role;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/**
 * Tiny random hybrids in the layouts of Hugging Face; their README says how their logits were computed, in double precision by other
 * means. Numbers are relative to the largest logit.
 */
class HybridGoldenTest {
    private static final Path FOLDER = Path.of("src/test/resources/tern/checkpoint/hybrids");
    /** The expected logits are rounded to single precision. */
    private static final double DOUBLE_GATE = 1e-7;
    /** Delta rules in chunks lie up to 2e-5 away, everything else less than 1e-5; other vector widths round otherwise. */
    private static final double SINGLE_GATE = 5e-5;
    private static final double LLAMA_GATE = 2e-6;

    @ParameterizedTest
    @CsvSource({"striped-hyena, StripedHyena", "lfm2, LFM2", "'qwen3-next', 'Qwen3-Next, a mixture of experts'",
        "qwen3-5, Qwen3.5", "qwen3-5-moe, 'Qwen3.5, a mixture of experts'",
        "nemotron-h, 'Nemotron-H, a mixture of experts'", "falcon-h1, Falcon-H1",
        "falcon-h1-normed, Falcon-H1", "lfm2-yarn, LFM2", "lfm2-linear, LFM2", "lfm2-llama3, LFM2",
        "lfm2-longrope, LFM2", "granite-h, Granite 4.0-H", "granite-h-moe, 'Granite 4.0-H, a mixture of experts'",
        "granite, Granite 4.0", "bamba, Bamba", "jamba, 'Jamba, a mixture of experts'",
        "flash-gla, 'GLA, naming of flash-linear-attention'",
        "flash-delta-net, 'DeltaNet, naming of flash-linear-attention'",
        "flash-gated-deltanet, 'Gated DeltaNet, naming of flash-linear-attention'",
        "flash-gated-deltaproduct, 'Gated DeltaProduct, naming of flash-linear-attention'",
        "flash-hgrn2, 'HGRN2, naming of flash-linear-attention'",
        "flash-retnet, 'RetNet, naming of flash-linear-attention'", "xlstm-fused, xLSTM"})
    void logits(String name, String family) throws IOException {
        Path folder = FOLDER.resolve(name);
        JsonNode tokens = JsonMapper.shared().readTree(Files.readString(folder.resolve("expected.json"))).get("tokens");
        ByteBuffer expected = ByteBuffer.wrap(Files.readAllBytes(folder.resolve("logits.f32")))
                .order(ByteOrder.LITTLE_ENDIAN);
        try (Checkpoint checkpoint = Checkpoint.open(folder); Memory memory = new Memory()) {
            assertThat(Families.recognise(checkpoint.file()).family()).isEqualTo(family);
            for (DType type : List.of(DType.F64, DType.F32)) {
                for (Stack stack : type == DType.F64 ? List.of(checkpoint.load(type, memory))
                        : List.of(checkpoint.load(type, memory), checkpoint.model())) {
                    for (Form form : Form.values()) {
                        assertThat(worst(stack, form, type, tokens, expected)).as("%s by %s in %s", name, form, type)
                                .isLessThan(type == DType.F64 ? DOUBLE_GATE : SINGLE_GATE);
                    }
                }
            }
        }
    }

    /** The same models under the names of llama.cpp: products and exponentials that it stores are rounded once. */
    @ParameterizedTest
    @CsvSource({"lfm2", "qwen3-next", "qwen3-5", "qwen3-5-moe", "nemotron-h", "falcon-h1", "falcon-h1-normed",
        "lfm2-yarn", "lfm2-linear", "lfm2-llama3", "lfm2-longrope", "granite-h", "granite-h-moe", "granite", "jamba"})
    void filesOfLlama(String name) throws IOException {
        Path folder = FOLDER.resolve(name);
        JsonNode tokens = JsonMapper.shared().readTree(Files.readString(folder.resolve("expected.json"))).get("tokens");
        ByteBuffer expected = ByteBuffer.wrap(Files.readAllBytes(folder.resolve("logits.f32")))
                .order(ByteOrder.LITTLE_ENDIAN);
        try (Checkpoint checkpoint = Checkpoint.open(FOLDER.resolve("llama/" + name + ".gguf"));
                Memory memory = new Memory()) {
            assertThat(worst(checkpoint.load(DType.F64, memory), Form.CHUNK, DType.F64, tokens, expected))
                    .isLessThan(LLAMA_GATE);
            assertThat(worst(checkpoint.model(), Form.STEP, DType.F32, tokens, expected)).isLessThan(SINGLE_GATE);
            coversEveryTensorOnce(checkpoint.file());
        }
    }

    /** Whether they lie as they are stored, in stacks of experts, or fused and taken apart. */
    @ParameterizedTest
    @ValueSource(strings = {"striped-hyena", "lfm2", "qwen3-next", "qwen3-5", "qwen3-5-moe", "nemotron-h", "falcon-h1",
        "granite-h", "granite-h-moe", "granite", "bamba", "jamba", "flash-gla", "flash-delta-net",
        "flash-gated-deltanet",
        "flash-gated-deltaproduct",
        "flash-hgrn2", "flash-retnet", "xlstm-fused", "llama/qwen3-5-moe.gguf", "llama/nemotron-h.gguf",
        "llama/granite.gguf", "llama/jamba.gguf"})
    void matricesStayInTheirStoredType(String name) throws IOException {
        try (Checkpoint checkpoint = Checkpoint.open(FOLDER.resolve(name))) {
            assertThat(checkpoint.model().parameters().all()).allSatisfy(parameter -> {
                // The files of llama.cpp have some columns in another order, made in single precision, and one gate as a vector.
                boolean changed = name.startsWith("llama") && (parameter.name().contains("sharedGate")
                        || parameter.name().matches(".*mixer.(output|projection|gate|rate|decay).weight"));
                if (parameter.role() == Role.MATRIX && !changed) {
                    assertThat(parameter.tensor().dtype()).as(parameter.name()).isEqualTo(DType.BF16);
                }
            });
        }
    }

    @Test
    void whatShapesDoNotTellIsAskedFor(@TempDir Path folder) throws IOException {
        for (String name : List.of("qwen3-next", "nemotron-h", "falcon-h1", "granite-h", "bamba", "jamba")) {
            Path alone = Files.copy(FOLDER.resolve(name).resolve("model.safetensors"),
                    folder.resolve(name + ".safetensors"));
            assertThatThrownBy(() -> Checkpoint.open(alone)).isInstanceOf(MalformedFileException.class)
                    .hasMessageContaining("config.json");
        }
        Path scaled = Files.createDirectory(folder.resolve("lfm2"));
        Files.copy(FOLDER.resolve("lfm2/model.safetensors"), scaled.resolve("model.safetensors"));
        for (Map.Entry<String, String> wrong : Map.of(
                "\"dynamic\", \"factor\": 4.0", "\"rope_scaling.rope_type\" is \"dynamic\"",
                "\"longrope\", \"factor\": 4.0", "\"rope_scaling.short_factor\" is missing",
                "\"longrope\", \"short_factor\": [1, 0], \"long_factor\": [2, 0]", "divisor 1 is 0.0",
                "\"linear\", \"factor\": 0.5", "factor is 0.5").entrySet()) {
            Files.writeString(scaled.resolve("config.json"),
                    "{\"max_position_embeddings\": 64, \"rope_scaling\": {\"rope_type\": " + wrong.getKey() + "}}");
            assertThatThrownBy(() -> Checkpoint.open(scaled)).isInstanceOf(MalformedFileException.class)
                    .hasMessageContaining(wrong.getValue());
        }
    }

    /** A model that says it reads no more than the original length has the list for short texts. */
    @Test
    void whichListHoldsFollowsFromTheLengthThatAModelReads(@TempDir Path folder) throws IOException {
        Path from = FOLDER.resolve("lfm2-longrope");
        Files.copy(from.resolve("model.safetensors"), folder.resolve("model.safetensors"));
        String told = Files.readString(from.resolve("config.json"));
        for (int longest : new int[] {32, 33}) {
            Files.writeString(folder.resolve("config.json"), told.replace("\"max_position_embeddings\": 128",
                    "\"max_position_embeddings\": " + longest));
            try (TensorFile file = TensorFile.open(folder)) {
                Slowed slowed = Families.recognise(file).config().branches().stream()
                        .filter(GroupedAttentionConfig.class::isInstance).map(GroupedAttentionConfig.class::cast)
                        .findFirst().orElseThrow().slowed().orElseThrow();
                assertThat(slowed.divisors()).as("reads %d", longest).isEqualTo(longest == 32
                        ? List.of(1.0, 1.0, 1.125, 1.25, 1.5, 2.0) : List.of(1.0625, 1.5, 3.0, 7.5, 20.0, 33.5));
                assertThat(slowed.attention()).isEqualTo(Slowed.usualAttention(longest / 32.0, 32));
            }
        }
    }

    @Test
    void multipliersAndTurningOfGraniteAreLookedAt(@TempDir Path folder) throws IOException {
        byte[] granite = Files.readAllBytes(FOLDER.resolve("llama/granite.gguf"));
        for (Map.Entry<String, Integer> wrong : Map.of("rope.dimension_count", 2, "residual_scale",
                Float.floatToIntBits(Float.NaN), "attention.head_count", 3).entrySet()) {
            String key = "granite." + wrong.getKey();
            byte[] changed = granite.clone();
            int at = new String(changed, StandardCharsets.ISO_8859_1).indexOf(key + '\u0004');
            at = at < 0 ? new String(changed, StandardCharsets.ISO_8859_1).indexOf(key + '\u0006') : at;
            ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN).putInt(at + key.length() + 4, wrong.getValue());
            Path file = Files.write(folder.resolve("granite.gguf"), changed);
            assertThatThrownBy(() -> Checkpoint.open(file)).as(key).isInstanceOf(MalformedFileException.class)
                    .hasMessageContaining(key.equals("granite.attention.head_count") ? "attention.key_length" : key);
        }
    }

    private static double worst(Stack stack, Form form, DType type, JsonNode tokens, ByteBuffer expected) {
        try (Memory memory = new Memory();
                Workspace workspace = new Workspace();
                ThreadTeam team = new ThreadTeam(1);
                EagerOps ops = new EagerOps(type == DType.F64 ? KernelSet.reference() : KernelSet.fastest(), team,
                        workspace)) {
            Tensor ids = memory.zeros(DType.I32, 1, tokens.size());
            for (int t = 0; t < tokens.size(); t++) {
                ids.set(t, tokens.get(t).intValue());
            }
            ModelState fresh = ModelState.empty(stack.stateLayouts(), type, 1, tokens.size(), memory);
            Tensor hidden = stack.forward(form, ops, ids, fresh).hidden();
            double[] logits = stack.outputs(ops, hidden.reshape(tokens.size(), hidden.dim(2))).toDoubles();
            assertThat(logits.length).isEqualTo(expected.capacity() / 4);
            double worst = 0;
            double largest = 0;
            for (int i = 0; i < logits.length; i++) {
                largest = Math.max(largest, Math.abs(expected.getFloat(4 * i)));
                worst = Math.max(worst, Math.abs(logits[i] - expected.getFloat(4 * i)));
            }
            return worst / largest;
        }
    }

    /** Every parameter has a line, every line a parameter, and every stored tensor is read or known to be of no use. */
    @ParameterizedTest
    @CsvSource({"striped-hyena", "lfm2", "qwen3-next", "qwen3-5", "qwen3-5-moe", "nemotron-h", "falcon-h1",
        "falcon-h1-normed", "granite-h", "granite-h-moe", "granite", "bamba", "jamba", "flash-gla", "flash-delta-net",
        "flash-gated-deltanet", "flash-gated-deltaproduct", "flash-hgrn2", "flash-retnet", "xlstm-fused"})
    void tablesCoverEveryTensorOnce(String name) throws IOException {
        try (TensorFile file = TensorFile.open(FOLDER.resolve(name))) {
            coversEveryTensorOnce(file);
        }
    }

    private static void coversEveryTensorOnce(TensorFile file) throws IOException {
        Blueprint blueprint = Families.recognise(file);
        List<String> ours = blueprint.names().all().stream().map(naming -> naming.ours().orElseThrow()).toList();
        List<String> parameters = new Stack(blueprint.config(), Parameters.Source.shapesOnly()).parameters().all()
                .stream().filter(parameter -> parameter.tensor().elements() > 0).map(Parameters.Parameter::name)
                .toList();
        assertThat(ours).containsExactlyInAnyOrderElementsOf(parameters);
        Set<String> read = new HashSet<>(blueprint.names().stored());
        assertThat(file.tensors()).allMatch(
                stored -> read.contains(stored.name()) != blueprint.names().ignores(stored.name()));
        assertThat(file.tensors().stream().map(StoredTensor::name)).containsAll(read);
    }
}

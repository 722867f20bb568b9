package tern.checkpoint.naming;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import tern.checkpoint.Checkpoint;
import tern.checkpoint.MalformedFileException;
import tern.checkpoint.Safetensors;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.mixers.mamba.Mamba2Config;
import tern.mixers.mamba.MambaConfig;
import tern.model.StackConfig;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** What configurations as they are published say that shapes do not: it is followed or refused, never passed over. */
class PublishedConfigurationTest {
    private static final int WIDTH = 8;
    private static final int INNER = 16;
    private static final Path HYBRIDS = Path.of("src/test/resources/tern/checkpoint/hybrids");

    @TempDir
    Path folder;

    /** That of tiiuae/falcon-mamba-7b is older than the key of the norms' epsilon. */
    @Test
    void falconMambaIsToldByItsModelType() throws IOException {
        Map<String, Shape> mixer = Map.of("in_proj.weight", Shape.of(2 * INNER, WIDTH), "conv1d.weight",
                Shape.of(INNER, 1, 4), "conv1d.bias", Shape.of(INNER), "x_proj.weight", Shape.of(2 + 2 * 3, INNER),
                "dt_proj.weight", Shape.of(INNER, 2), "dt_proj.bias", Shape.of(INNER), "A_log", Shape.of(INNER, 3),
                "D", Shape.of(INNER), "out_proj.weight", Shape.of(WIDTH, INNER));
        write("backbone.embeddings.weight", mixer);
        StackConfig config = opened("""
                {"architectures": ["FalconMambaForCausalLM"], "conv_kernel": 4, "expand": 16, "hidden_act": "silu",
                "hidden_size": 8, "intermediate_size": 16, "layer_norm_epsilon": 1e-05, "model_type": "falcon_mamba",
                "num_hidden_layers": 1, "rescale_prenorm_residual": false, "residual_in_fp32": true, "state_size": 3,
                "tie_word_embeddings": false, "time_step_rank": 2, "use_bias": false, "use_conv_bias": true}""");
        assertThat(branch(config)).isEqualTo(new MambaConfig(INNER, 3, 2, 4, true, 1e-6, 1, true, false));
        assertThat(config.tiedHead()).isFalse();
        assertThat(((MambaConfig) branch(opened("{\"model_type\": \"mamba\"}"))).normalised()).isFalse();
    }

    /** The package that Mamba was released with keeps what its layers are built with in a group of its own. */
    @Test
    void mamba2AsReleasedFollowsTheOptionsOfItsLayers() throws IOException {
        write("backbone.embedding.weight", mamba2());
        StackConfig told = opened("""
                {"d_model": 8, "d_intermediate": 0, "n_layer": 1, "vocab_size": 10, "ssm_cfg": {"layer": "Mamba2",
                "ngroups": 2, "norm_before_gate": true, "dt_limit": [0.01, 0.5]}, "attn_layer_idx": [], "rms_norm": true,
                "residual_in_fp32": true, "fused_add_norm": true, "tie_embeddings": false}""");
        assertThat(branch(told))
                .isEqualTo(new Mamba2Config(4, 4, 3, 2, 4, true, true, 1e-5, 0.01, 0.5, true, false));
        assertThat(told.tiedHead()).isFalse();
        StackConfig usual = opened("{\"ssm_cfg\": {\"layer\": \"Mamba2\"}, \"tie_embeddings\": true}");
        assertThat(branch(usual))
                .isEqualTo(new Mamba2Config(4, 4, 6, 1, 4, true, false, 1e-5, 0, Double.MAX_VALUE, true, false));
        assertThat(usual.tiedHead()).isTrue();
    }

    @Test
    void otherActivationsAreRefused() throws IOException {
        write("backbone.embeddings.weight", mamba2());
        assertThatThrownBy(() -> opened("{\"hidden_act\": \"gelu\"}")).isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("\"hidden_act\" is \"gelu\", expected \"silu\"");
    }

    @ParameterizedTest
    @CsvSource({"3, 3", "0, 1", "2147483647, 28"})
    void groupsThatDoNotFitAreRefusedAndNoneIsOne(long told, int taken) throws IOException {
        write("backbone.embeddings.weight", mamba2());
        String config = "{\"n_groups\": " + told + "}";
        if (taken == 1) {
            assertThat(((Mamba2Config) branch(opened(config))).groups()).isOne();
            return;
        }
        assertThatThrownBy(() -> opened(config)).isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("4 heads of \"backbone.layers.0.mixer.A_log\" in " + taken
                        + " groups (n_groups of config.json) do not fit 16 columns of \"backbone.layers.0.mixer.out_proj.weight\""
                        + " and 28 channels of \"backbone.layers.0.mixer.conv1d.weight\"");
    }

    @Test
    void limitsThatAreNoListAreRefused() throws IOException {
        write("backbone.embeddings.weight", mamba2());
        assertThatThrownBy(() -> opened("{\"time_step_limit\": 0.5}")).isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("\"time_step_limit\" is 0.5, expected a list of numbers");
    }

    @ParameterizedTest
    @CsvSource({"falcon-h1, hidden_act, silu", "qwen3-next, hidden_act, silu", "nemotron-h, mamba_hidden_act, silu",
        "nemotron-h, mlp_hidden_act, relu2"})
    void otherActivationsOfHybridsAreRefused(String name, String key, String usual) throws IOException {
        Files.copy(HYBRIDS.resolve(name).resolve("model.safetensors"), folder.resolve("model.safetensors"));
        String config = Files.readString(HYBRIDS.resolve(name).resolve("config.json"))
                .replace("\"" + key + "\": \"" + usual + "\",", "")
                .replaceFirst("\\{", "{\"" + key + "\": \"gelu\",");
        assertThatThrownBy(() -> opened(config)).isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("\"" + key + "\" is \"gelu\", expected \"" + usual + "\"");
    }

    /** Options of flash-linear-attention that shapes do not tell, and that no mixer here has. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
        "flash-gla | \"clamp_min\": -3.5 | \"clamp_min\" is -3.5, expected null",
        "flash-gla | \"feature_map\": \"elu\" | \"feature_map\" is \"elu\", expected null",
        "flash-retnet | \"attn\": {\"layers\": [1]} | \"attn\" is {\"layers\":[1]}, expected null",
        "flash-hgrn2 | \"hidden_act\": \"gelu\" | \"hidden_act\" is \"gelu\", expected \"swish\"",
        "flash-delta-net | \"qk_norm\": \"sum\" | \"qk_norm\" is \"sum\", expected \"l2\"",
        "flash-delta-net | \"qk_activation\": \"elu\" | \"qk_activation\" is \"elu\", expected \"silu\"",
        "flash-gated-deltanet | \"num_v_heads\": 4, \"num_heads\": 5 | 5 does not divide the 12 rows of",
        "flash-gla | \"model_type\": \"abc\" | belong to no family that is known",
        "flash-gla | \"num_hidden_layers\": 4 | \"num_hidden_layers\" is 4, but the tensors are 3 layers deep"})
    void otherOptionsOfFlashLinearAttentionAreRefused(String name, String option, String message) throws IOException {
        Files.copy(HYBRIDS.resolve(name).resolve("model.safetensors"), folder.resolve("model.safetensors"));
        assertThatThrownBy(() -> opened("{" + option + "}")).isInstanceOf(MalformedFileException.class)
                .hasMessageContaining(message);
    }

    /** One tensor of the three that make a projection is not enough. */
    @Test
    void partsOfAProjectionAreMissedByName() throws IOException {
        try (TensorFile file = TensorFile.open(HYBRIDS.resolve("flash-delta-net"))) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            for (StoredTensor stored : file.tensors()) {
                if (!stored.name().equals("model.layers.1.attn.k_proj.weight")) {
                    tensors.put(stored.name(), file.tensor(stored.name()));
                }
            }
            Safetensors.write(folder.resolve("model.safetensors"), tensors, Map.of());
        }
        assertThatThrownBy(() -> opened("{}")).isInstanceOf(MalformedFileException.class).hasMessageContaining(
                "1 missing: model.layers.1.attn.k_proj.weight (for branches.2.mixer.projection.weight [48, 16])");
    }

    private static Map<String, Shape> mamba2() {
        int channels = INNER + 2 * 6;
        return Map.of("in_proj.weight", Shape.of(INNER + channels + 4, WIDTH), "conv1d.weight",
                Shape.of(channels, 1, 4), "conv1d.bias", Shape.of(channels), "dt_bias", Shape.of(4), "A_log",
                Shape.of(4), "D", Shape.of(4), "norm.weight", Shape.of(INNER), "out_proj.weight",
                Shape.of(WIDTH, INNER));
    }

    private static MixerConfig branch(StackConfig config) {
        return config.branches().getFirst();
    }

    private StackConfig opened(String config) throws IOException {
        Files.writeString(folder.resolve("config.json"), config);
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            return checkpoint.model().config();
        }
    }

    private void write(String embedding, Map<String, Shape> mixer) throws IOException {
        try (Memory memory = new Memory()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            tensors.put(embedding, memory.zeros(DType.F32, Shape.of(10, WIDTH)));
            tensors.put("lm_head.weight", memory.zeros(DType.F32, Shape.of(10, WIDTH)));
            tensors.put("backbone.norm_f.weight", memory.zeros(DType.F32, Shape.of(WIDTH)));
            tensors.put("backbone.layers.0.norm.weight", memory.zeros(DType.F32, Shape.of(WIDTH)));
            mixer.forEach((name, shape) -> tensors.put("backbone.layers.0.mixer." + name,
                    memory.zeros(DType.F32, shape)));
            Safetensors.write(folder.resolve("model.safetensors"), tensors, Map.of());
        }
    }
}

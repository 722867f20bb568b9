package tern.checkpoint.naming;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.Metadatum;
import tern.checkpoint.SharedData;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.checkpoint.gguf.GgufWriter;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.mamba.Mamba2Config;
import tern.mixers.mlstm.MlstmConfig;
import tern.model.ModelState;
import tern.model.Parameters;
import tern.model.Stack;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;

/** Tiny models that the Hugging Face library saved: their logits in double precision, within 1e-5 as the data's README asks. */
class HuggingFaceGoldenTest {
    private static final double GATE = 1e-5;

    @ParameterizedTest
    @ValueSource(strings = {"mamba", "falcon_mamba", "mamba2", "recurrent_gemma", "xlstm"})
    void logitsInDoublePrecision(String name) throws IOException {
        Path folder = SharedData.require("hf-tiny/" + name);
        JsonNode tokens = JsonMapper.shared().readTree(Files.readString(folder.resolve("expected.json"))).get("tokens");
        ByteBuffer expected = ByteBuffer.wrap(Files.readAllBytes(folder.resolve("logits.f32")))
                .order(ByteOrder.LITTLE_ENDIAN);
        try (TensorFile file = TensorFile.open(folder.resolve("model.safetensors"));
                Memory memory = new Memory();
                Workspace workspace = new Workspace();
                ThreadTeam team = new ThreadTeam(1);
                EagerOps ops = new EagerOps(KernelSet.reference(), team, workspace)) {
            Blueprint blueprint = Families.recognise(file);
            NamedParameters parameters = new NamedParameters(file, blueprint);
            Stack stack = new Stack(blueprint.config(), (parameter, shape, role, initialiser) -> {
                try {
                    return memory.copyOf(parameters.tensor(parameter, shape, type -> false, DType.F64, memory));
                } catch (MalformedFileException broken) {
                    throw new IllegalArgumentException(broken.getMessage(), broken);
                }
            });
            Tensor ids = memory.zeros(DType.I32, 1, tokens.size());
            for (int t = 0; t < tokens.size(); t++) {
                ids.set(t, tokens.get(t).intValue());
            }
            for (Form form : Form.values()) {
                ModelState fresh = ModelState.empty(stack.stateLayouts(), DType.F64, 1, tokens.size(), memory);
                Tensor hidden = stack.forward(form, ops, ids, fresh).hidden();
                double[] logits = stack.outputs(ops, hidden.reshape(tokens.size(), hidden.dim(2))).toDoubles();
                assertThat(logits.length).isEqualTo(expected.capacity() / 4);
                for (int i = 0; i < logits.length; i++) {
                    assertThat(logits[i]).as("%s by %s, %d", name, form, i)
                            .isCloseTo(expected.getFloat(4 * i), within(GATE));
                }
            }
        }
    }

    private static final Map<String, String> LLAMA = Map.ofEntries(
            Map.entry("backbone.embeddings.weight", "token_embd.weight"),
            Map.entry("backbone.norm_f.weight", "output_norm.weight"), Map.entry("norm.weight", "attn_norm.weight"),
            Map.entry("mixer.in_proj.weight", "ssm_in.weight"), Map.entry("mixer.conv1d.weight", "ssm_conv1d.weight"),
            Map.entry("mixer.conv1d.bias", "ssm_conv1d.bias"), Map.entry("mixer.x_proj.weight", "ssm_x.weight"),
            Map.entry("mixer.dt_proj.weight", "ssm_dt.weight"), Map.entry("mixer.dt_proj.bias", "ssm_dt.bias"),
            Map.entry("mixer.A_log", "ssm_a"), Map.entry("mixer.D", "ssm_d"),
            Map.entry("mixer.out_proj.weight", "ssm_out.weight"));

    /** The same tensors under the names of llama.cpp, A exponentiated and the filter's middle axis dropped. */
    @ParameterizedTest
    @ValueSource(strings = {"mamba", "falcon_mamba"})
    void mambaAsLlamaCppNamesIt(String name, @TempDir Path folder) throws IOException {
        Path gguf = folder.resolve("model.gguf");
        try (TensorFile file = TensorFile.open(SharedData.require("hf-tiny/" + name).resolve("model.safetensors"));
                Memory memory = new Memory()) {
            List<GgufWriter.Entry> entries = new ArrayList<>();
            for (StoredTensor stored : file.tensors()) {
                Tensor tensor = memory.copyOf(file.tensor(stored.name()));
                String[] parts = stored.name().split("\\.", 4);
                boolean layered = parts[1].equals("layers");
                String theirs = (layered ? "blk." + parts[2] + "." : "")
                        + LLAMA.get(layered ? parts[3] : stored.name());
                if (theirs.endsWith("ssm_a")) {
                    for (long i = 0; i < tensor.elements(); i++) {
                        tensor.set(i, -Math.exp(tensor.get(i)));
                    }
                }
                entries.add(GgufWriter.Entry.asIs(theirs, theirs.endsWith("ssm_conv1d.weight")
                        ? tensor.reshape(tensor.dim(0), tensor.dim(2)) : tensor));
            }
            Map<String, Metadatum> metadata = new LinkedHashMap<>();
            metadata.put("general.architecture", new Metadatum.Text("mamba"));
            metadata.put("mamba.attention.layer_norm_rms_epsilon",
                    new Metadatum.Real(Metadatum.Precision.F32, 1e-5f));
            metadata.put("mamba.ssm.dt_b_c_rms", new Metadatum.Flag(name.startsWith("falcon")));
            GgufWriter.write(gguf, metadata, entries);
            Blueprint expected = Families.recognise(file);
            try (TensorFile written = TensorFile.open(gguf)) {
                Blueprint found = Families.recognise(written);
                assertThat(found.config().branches()).isEqualTo(expected.config().branches());
                assertThat(found.config().tiedHead()).isTrue();
                NamedParameters theirs = new NamedParameters(written, found);
                NamedParameters ours = new NamedParameters(file, expected);
                Parameters shapes = new Stack(expected.config(), Parameters.Source.shapesOnly()).parameters();
                for (Naming naming : expected.names().all()) {
                    String parameter = naming.ours().orElseThrow();
                    Shape shape = shapes.find(parameter).orElseThrow().tensor().shape();
                    Tensor one = theirs.tensor(parameter, shape, type -> false, DType.F64, memory);
                    Tensor other = ours.tensor(parameter, shape, type -> false, DType.F64, memory);
                    for (long i = 0; i < one.elements(); i++) {
                        assertThat(one.get(i)).as("%s at %d", parameter, i).isCloseTo(other.get(i), within(1e-6));
                    }
                }
            }
        }
    }

    /** What shapes cannot tell comes from the configuration. */
    @Test
    void configurationsAreRead() throws IOException {
        try (TensorFile mamba = TensorFile.open(SharedData.require("hf-tiny/mamba2").resolve("model.safetensors"));
                TensorFile xlstm = TensorFile.open(SharedData.require("hf-tiny/xlstm").resolve("model.safetensors"))) {
            assertThat(Families.recognise(mamba).config().branches())
                    .containsOnly(new Mamba2Config(8, 8, 16, 2, 4, false,
                            false, 1e-5, 0, Double.MAX_VALUE, true, false));
            Blueprint found = Families.recognise(xlstm);
            assertThat(found.config().logitCap()).contains(30.0);
            assertThat(found.config().branches()).first().isEqualTo(MlstmConfig.exponential(2, 16));
            List<String> ours = new ArrayList<>();
            found.names().all().forEach(naming -> ours.add(naming.ours().orElseThrow()));
            assertThat(ours).doesNotHaveDuplicates().hasSize(3 + 2 * 15);
        }
    }
}

package tern.checkpoint.naming;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.SharedData;
import tern.checkpoint.TensorFile;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.mamba.Mamba2Config;
import tern.mixers.mlstm.MlstmConfig;
import tern.model.ModelState;
import tern.model.Stack;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Memory;
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

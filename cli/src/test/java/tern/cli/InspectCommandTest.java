package tern.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import tern.checkpoint.Safetensors;
import tern.tensor.DType;
import tern.tensor.Memory;

/** {@code tern inspect} shows files of every format, and refuses damaged ones in one line. */
class InspectCommandTest {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "rwkv-tiny/tiny-rwkv-5v2-730K-Q5_1.bin | rwkv.cpp, version 101 | layers: 12 | blocks.0.att.key.weight | Q5_1 | [64, 64]",
        "rwkv-tiny/tiny-rwkv6-from-Q5_1-q8_0.gguf | GGUF, version 3 | general.architecture: rwkv6 | blk.0.channel_mix_key.weight | Q8_0 | [448, 128]",
        "rwkv-tiny/tiny-rwkv-6v0-3m-from-Q5_1-fp16.pth | PyTorch, ZIP archive | width: 128 | blocks.0.ffn.key.weight | F16 | [448, 128]",
        "hf-tiny/rwkv4_hf | safetensors | format: pt | rwkv.blocks.0.attention.key.weight | F32 | [32, 32]",
        "hf-tiny/mamba2/model.safetensors | safetensors | format: pt | backbone.layers.0.mixer.A_log | F32 | [8]",
        "formats/pth/state-dict.pth | PyTorch, ZIP archive | family: unknown | transposed_view | F32 | [6, 4]"})
    void showsFilesOfEveryFormat(String file, String format, String line, String tensor, String type, String shape) {
        String text = inspect(shared(file).toString(), "--check");
        assertThat(text).contains(format).contains(line).contains("checked: every value is finite");
        assertThat(text.lines()).anySatisfy(row -> assertThat(row).startsWith(tensor + " ").contains(" " + type + " ")
                .contains(shape));
    }

    /** Hybrids of every family, as Hugging Face and llama.cpp have them; what can be inspected can be run. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"striped-hyena | StripedHyena | 2 modal, 4 mlp, 2 attention",
        "qwen3-next | Qwen3-Next, a mixture of experts | 3 delta-net, 3 experts, 1 mlp, 1 grouped-attention",
        "lfm2 | LFM2 | 2 gated-short-conv, 4 mlp, 2 grouped-attention",
        "llama/qwen3-5.gguf | Qwen3.5, naming of llama.cpp | 3 delta-net, 4 mlp, 1 grouped-attention",
        "llama/nemotron-h.gguf | Nemotron-H, a mixture of experts | 3 mamba2, 2 mlp, 1 grouped-attention, 1 experts",
        "falcon-h1 | Falcon-H1 | 2 parallel, 2 mlp", "bamba | Bamba | 2 mamba2, 3 mlp, 1 grouped-attention",
        "jamba | Jamba, a mixture of experts | 3 mamba, 2 mlp, 1 grouped-attention, 2 experts",
        "llama/jamba.gguf | Jamba, a mixture of experts, naming of llama.cpp | 3 mamba, 2 mlp, 1 grouped-attention, 2 experts",
        "granite-h-moe | Granite 4.0-H, a mixture of experts | 4 parallel",
        "llama/granite-h-moe.gguf | Granite 4.0-H, a mixture of experts, naming of llama.cpp | 4 parallel"})
    void hybrids(String name, String family, String branches) throws IOException {
        String path = Path.of("../checkpoint/src/test/resources/tern/checkpoint/hybrids").resolve(name).toString();
        assertThat(inspect(path)).contains("family: " + family).contains("branches: " + branches);
        Path logits = folder.resolve("logits.f32");
        assertThat(Tern.run(stream(out), stream(err), "logits", path, "--ids", "1,2,3,5,8", "--out", logits.toString()))
                .as(err.toString(StandardCharsets.UTF_8)).isZero();
        assertThat(logits).hasSize(40 * 4);
    }

    @Test
    void jsonHasEveryTensor() {
        String text = inspect(shared("rwkv-tiny/tiny-rwkv-6v0-3m-Q5_1.bin").toString(), "--json");
        assertThat(text).contains("\"format\" : \"rwkv.cpp, version 101\"").contains("\"name\" : \"head.weight\"")
                .contains("\"family\" : ").contains("\"types\" : ");
    }

    @Test
    void valuesThatAreNotFiniteAreNamed() throws IOException {
        Path file = folder.resolve("bad.safetensors");
        try (Memory memory = new Memory()) {
            Safetensors.write(file, Map.of("w", memory.zeros(DType.F32, 3).setAll(1, Double.NaN, 2)), Map.of());
        }
        assertThat(Tern.run(stream(out), stream(err), "inspect", file.toString(), "--check")).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).contains("the first is w with 1 NaN and 0 infinite of 3")
                .hasLineCount(1);
    }

    @Test
    void damagedFilesAreOneLine() throws IOException {
        Path file = Files.write(folder.resolve("x.gguf"), new byte[] {'G', 'G', 'U', 'F', 3, 0, 0, 0, 9});
        assertThat(Tern.run(stream(out), stream(err), "inspect", file.toString())).isEqualTo(2);
        assertThat(err.toString(StandardCharsets.UTF_8)).hasLineCount(1).startsWith("tern: " + file
                + ": byte 8: the number of tensors takes 8 bytes, but 1 remain");
        assertThat(out.size()).isZero();
    }

    private String inspect(String... arguments) {
        String[] all = new String[arguments.length + 1];
        all[0] = "inspect";
        System.arraycopy(arguments, 0, all, 1, arguments.length);
        int status = Tern.run(stream(out), stream(err), all);
        assertThat(err.toString(StandardCharsets.UTF_8)).isEmpty();
        assertThat(status).isZero();
        return out.toString(StandardCharsets.UTF_8);
    }

    private static PrintStream stream(ByteArrayOutputStream into) {
        return new PrintStream(into, true, StandardCharsets.UTF_8);
    }

    private static Path shared(String name) {
        Path path = Path.of(System.getProperty("tern.shared", "../../shared"), "data").resolve(name);
        assumeTrue(Files.exists(path), () -> "skipped: " + path + " is absent; it comes with the shared data");
        return path;
    }
}

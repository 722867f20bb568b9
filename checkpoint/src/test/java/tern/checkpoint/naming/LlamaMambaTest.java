package tern.checkpoint.naming;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.SplittableRandom;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import tern.checkpoint.Checkpoint;
import tern.checkpoint.MalformedFileException;
import tern.checkpoint.StorageType;
import tern.checkpoint.TensorFile;
import tern.mixers.mamba.Mamba2Config;
import tern.mixers.mamba.MambaConfig;
import tern.model.NormKind;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Mamba and Mamba-2 written as llama.cpp wants them and read again: the same architecture and the same numbers. */
class LlamaMambaTest {
    private static final int WIDTH = 32;
    private static final int LAYERS = 2;
    private static final long SEED = 20;

    @TempDir
    private Path folder;

    private static StackConfig stack(MixerConfig mixer, boolean tied) {
        return new StackConfig(40, WIDTH, 2048, NormKind.RMS, 1e-5, tied, Collections.nCopies(LAYERS, mixer));
    }

    private static Stack random(StackConfig config, Memory memory) {
        SplittableRandom random = new SplittableRandom(SEED);
        return new Stack(config, (name, shape, role, initialiser) -> {
            Tensor tensor = memory.allocate(DType.F32, shape);
            for (long i = 0; i < tensor.elements(); i++) {
                tensor.set(i, random.nextDouble(-1, 1));
            }
            return tensor;
        });
    }

    private static Mamba2Config two(int groups, boolean normInGroups) {
        return new Mamba2Config(8, 8, 16, groups, 4, normInGroups, false, 1e-5, 0, Double.MAX_VALUE, true, false);
    }

    @Test
    void metadataOfNoPossibleModelIsRefusedByTheNameOfItsFile() throws IOException {
        Path path = folder.resolve("damaged.gguf");
        try (Memory memory = new Memory()) {
            LlamaFile.write(path, random(stack(MambaConfig.of(WIDTH), true), memory), DType.F32, "damaged", Map.of());
        }
        byte[] file = Files.readAllBytes(path);
        String key = "layer_norm_rms_epsilon";
        int at = new String(file, StandardCharsets.ISO_8859_1).indexOf(key) + key.length();
        // Behind four bytes of type the number follows, whose last byte holds the sign.
        file[at + 7] ^= (byte) 0x80;
        Files.write(path, file);
        assertThatExceptionOfType(MalformedFileException.class).isThrownBy(() -> Checkpoint.open(path))
                .withMessageStartingWith(path + ": describes no possible model: ")
                .withMessageContaining("epsilon is -");
    }

    @ParameterizedTest
    @CsvSource({"mamba, true, F32", "mamba, false, Q8_0", "falcon, true, F32", "mamba-no-bias, true, F32",
        "mamba2, true, F32", "mamba2, false, Q8_0", "mamba2-groups, true, F32"})
    void whatIsWrittenIsReadAgain(String name, boolean tied, DType matrices) throws IOException {
        MixerConfig mixer = switch (name) {
            case "mamba" -> MambaConfig.of(WIDTH);
            case "falcon" -> new MambaConfig(2 * WIDTH, 16, 2, 4, true, 1e-6, 1, true, false);
            case "mamba-no-bias" -> new MambaConfig(2 * WIDTH, 16, 2, 4, false, 1e-6, 1, false, false);
            case "mamba2" -> two(1, true);
            default -> two(2, true);
        };
        Path path = folder.resolve("model.gguf");
        StackConfig config = stack(mixer, tied);
        try (Memory memory = new Memory()) {
            Stack model = random(config, memory);
            LlamaFile.Otherwise otherwise = LlamaFile.write(path, model, matrices, name, Map.of());
            // A map of steps of rank 2 in each layer is the only matrix whose rows are no blocks.
            assertThat(otherwise).isEqualTo(new LlamaFile.Otherwise(0,
                    matrices == DType.Q8_0 && name.equals("mamba") ? LAYERS : 0));
            try (TensorFile file = TensorFile.open(path)) {
                Blueprint found = Families.recognise(file);
                boolean filled = name.equals("mamba-no-bias");
                assertThat(found.config().branches()).isEqualTo(filled
                        ? Collections.nCopies(LAYERS, MambaConfig.of(WIDTH)) : config.branches());
                assertThat(found.config().tiedHead()).isEqualTo(tied);
                assertThat(found.config().epsilon()).isEqualTo(1e-5);
                assertThat(file.text("tokenizer.ggml.model")).contains("no_vocab");
                NamedParameters theirs = new NamedParameters(file, found);
                double near = matrices == DType.F32 ? 1e-6 : 1.0 / 127;
                for (Parameters.Parameter parameter : model.parameters().all()) {
                    Shape shape = parameter.tensor().shape();
                    Tensor read = theirs.tensor(parameter.name(), shape, type -> false, DType.F64, memory);
                    for (long i = 0; i < read.elements(); i++) {
                        assertThat(read.get(i)).as("%s at %d, seed %d", parameter.name(), i, SEED)
                                .isCloseTo(parameter.tensor().get(i), within(near));
                    }
                }
                StorageType large = file.tensors().stream()
                        .filter(tensor -> tensor.name().equals("blk.0.ssm_in.weight"))
                        .findFirst().orElseThrow().type();
                assertThat(large).isEqualTo(StorageType.of(matrices));
            }
        }
    }

    @Test
    void whatLlamaCppComputesOtherwiseIsRefused() {
        refuse(stack(two(2, false), true), "each group's channels");
        refuse(stack(new MambaConfig(3 * WIDTH, 16, 2, 4, false, 1e-6, 1, true, false), true), "twice the width");
        refuse(stack(new MambaConfig(2 * WIDTH, 16, 2, 4, false, 1e-6, 0.75, true, false), true), "as trained");
        refuse(stack(new Mamba2Config(8, 8, 16, 1, 4, true, false, 1e-5, 0.001, 0.1, true, false), true),
                "bounds of steps");
    }

    private void refuse(StackConfig config, String why) {
        try (Memory memory = new Memory()) {
            Stack model = random(config, memory);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> LlamaFile.write(folder.resolve("no.gguf"), model, DType.F32, "no", Map.of()))
                    .withMessageContaining(why).withMessageContaining("safetensors");
        }
    }
}

package tern.checkpoint.naming;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import tern.checkpoint.Checkpoint;
import tern.checkpoint.MalformedFileException;
import tern.checkpoint.Metadatum;
import tern.checkpoint.Safetensors;
import tern.checkpoint.StorageType;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.mixers.rwkv.Rwkv4Config;
import tern.mixers.rwkv.Rwkv5Config;
import tern.mixers.rwkv.Rwkv6Config;
import tern.mixers.rwkv.Rwkv7Config;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.model.NormKind;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** What RWKV's files of all namings are taken for: heads, epsilons, tied heads, and the names that are no fixture. */
class RwkvNamingTest {
    private static final int WIDTH = 32;
    private static final int INNER = 64;
    private static final int LAYERS = 3;
    private static final int VOCABULARY = 10;
    private static final long SEED = 41;

    @TempDir
    Path folder;

    private final SplittableRandom random = new SplittableRandom(SEED);
    private final Map<String, Shape> shapes = new LinkedHashMap<>();

    @BeforeEach
    void clear() {
        shapes.clear();
    }

    private void put(String name, int... shape) {
        shapes.put(name, Shape.of(shape));
    }

    /** The tensors of a released model, or under the names of Hugging Face. */
    private void released(int version, int heads, boolean library) {
        String root = library ? "rwkv." : "";
        put(root + (library ? "embeddings.weight" : "emb.weight"), VOCABULARY, WIDTH);
        norm(root + "blocks.0." + (library ? "pre_ln" : "ln0"));
        norm(root + "ln_out");
        put("head.weight", VOCABULARY, WIDTH);
        for (int layer = 0; layer < LAYERS; layer++) {
            String block = root + "blocks." + layer + ".";
            String time = block + (library ? "attention." : "att.");
            String channel = block + (library ? "feed_forward." : "ffn.");
            norm(block + "ln1");
            norm(block + "ln2");
            matrices(time, WIDTH, WIDTH, "receptance", "key", "value", "output");
            put(channel + "key.weight", INNER, WIDTH);
            put(channel + "value.weight", WIDTH, INNER);
            if (version < 7) {
                matrices(channel, WIDTH, WIDTH, "receptance");
            }
            switch (version) {
                case 4 -> {
                    put(time + "time_decay", WIDTH);
                    put(time + "time_first", WIDTH);
                    vectors(time + "time_mix_", library ? List.of("receptance", "key", "value")
                            : List.of("r", "k", "v"));
                    vectors(channel + "time_mix_", library ? List.of("receptance", "key") : List.of("r", "k"));
                }
                case 5 -> {
                    put(time + "time_decay", heads, WIDTH / heads);
                    put(time + "time_faaaa", heads, WIDTH / heads);
                    norm(time + "ln_x");
                    matrices(time, WIDTH, WIDTH, "gate");
                    vectors(time + "time_mix_", library ? List.of("receptance", "key", "value", "gate")
                            : List.of("r", "k", "v", "g"));
                    vectors(channel + "time_mix_", library ? List.of("receptance", "key") : List.of("r", "k"));
                }
                case 6 -> {
                    put(time + "time_decay", 1, 1, WIDTH);
                    put(time + "time_decay_w1", WIDTH, 6);
                    put(time + "time_decay_w2", 6, WIDTH);
                    put(time + "time_faaaa", heads, WIDTH / heads);
                    put(time + "time_maa_w1", WIDTH, 5 * 3);
                    put(time + "time_maa_w2", 5, 3, WIDTH);
                    norm(time + "ln_x");
                    matrices(time, WIDTH, WIDTH, "gate");
                    vectors(time + "time_maa_", List.of("x", "w", "k", "v", "r", "g"));
                    vectors(channel + "time_maa_", List.of("r", "k"));
                }
                default -> {
                    put(time + "r_k", heads, WIDTH / heads);
                    vectors(time, List.of("x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "k_k", "k_a", "w0", "a0", "v0"));
                    for (String low : List.of("w", "a", "v", "g")) {
                        put(time + low + "1", WIDTH, 4);
                        put(time + low + "2", 4, WIDTH);
                    }
                    norm(time + "ln_x");
                    vectors(channel, List.of("x_k"));
                }
            }
        }
    }

    /** RWKV-7 under the names of flash-linear-attention. */
    private void flash() {
        put("model.embeddings.weight", VOCABULARY, WIDTH);
        norm("model.layers.0.pre_norm");
        norm("model.norm");
        put("lm_head.weight", VOCABULARY, WIDTH);
        for (int layer = 0; layer < LAYERS; layer++) {
            String block = "model.layers." + layer + ".";
            norm(block + "attn_norm");
            norm(block + "ffn_norm");
            norm(block + "attn.g_norm");
            matrices(block + "attn.", WIDTH, WIDTH, "r_proj", "k_proj", "v_proj", "o_proj");
            vectors(block + "attn.", List.of("x_r", "x_w", "x_k", "x_v", "x_a", "x_g"));
            put(block + "attn.k_k", WIDTH);
            put(block + "attn.k_a", WIDTH);
            put(block + "attn.r_k", 2, WIDTH / 2);
            for (String low : layer == 0 ? List.of("w", "a", "g") : List.of("w", "a", "v", "g")) {
                put(block + "attn." + low + "_lora.lora.0.weight", 4, WIDTH);
                put(block + "attn." + low + "_lora.lora.2.weight", WIDTH, 4);
                if (!low.equals("g")) {
                    put(block + "attn." + low + "_lora.lora.2.bias", WIDTH);
                }
            }
            put(block + "ffn.x_k", WIDTH);
            put(block + "ffn.key.weight", INNER, WIDTH);
            put(block + "ffn.value.weight", WIDTH, INNER);
        }
    }

    private void norm(String name) {
        put(name + ".weight", WIDTH);
        put(name + ".bias", WIDTH);
    }

    private void matrices(String prefix, int rows, int columns, String... names) {
        for (String name : names) {
            put(prefix + name + ".weight", rows, columns);
        }
    }

    private void vectors(String prefix, List<String> names) {
        for (String name : names) {
            put(prefix + name, 1, 1, WIDTH);
        }
    }

    private Map<String, Tensor> filled(Memory memory) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        shapes.forEach((name, shape) -> tensors.put(name, random(shape, memory)));
        return tensors;
    }

    private Tensor random(Shape shape, Memory memory) {
        Tensor tensor = memory.zeros(DType.F32, shape);
        for (long i = 0; i < tensor.elements(); i++) {
            tensor.set(i, random.nextDouble(-1, 1));
        }
        return tensor;
    }

    private Path write(Map<String, Tensor> tensors, String config) throws IOException {
        Path file = folder.resolve("model.safetensors");
        Safetensors.write(file, tensors, Map.of());
        Path beside = folder.resolve("config.json");
        if (config.isEmpty()) {
            Files.deleteIfExists(beside);
        } else {
            Files.writeString(beside, config);
        }
        return file;
    }

    private StackConfig opened(String config) throws IOException {
        try (Memory memory = new Memory();
                Checkpoint checkpoint = Checkpoint.open(write(filled(memory), config))) {
            return checkpoint.model().config();
        }
    }

    private static int headWidth(StackConfig config) {
        return switch (config.branches().getFirst()) {
            case Rwkv5Config five -> five.headWidth();
            case Rwkv6Config six -> six.headWidth();
            case Rwkv7Config seven -> seven.headWidth();
            default -> throw new AssertionError(config.branches().getFirst());
        };
    }

    private static double groupEpsilon(StackConfig config) {
        return switch (config.branches().getFirst()) {
            case Rwkv5Config five -> five.groupEpsilon();
            case Rwkv6Config six -> six.groupEpsilon();
            case Rwkv7Config seven -> seven.groupEpsilon();
            default -> throw new AssertionError(config.branches().getFirst());
        };
    }

    /** A table [1,N] is one head of N, not N heads of one. */
    @ParameterizedTest
    @CsvSource({"5, 1", "6, 1", "7, 1", "5, 4", "6, 4", "7, 4"})
    void headsAreCounted(int version, int heads) throws IOException {
        released(version, heads, false);
        StackConfig config = opened("");
        assertThat(headWidth(config)).isEqualTo(WIDTH / heads);
        assertThat(groupEpsilon(config)).isEqualTo(64e-5);
        assertThat(config.epsilons()).isEmpty();
    }

    /** Its converter squeezes tables of time, and puts an axis of 1 behind what is left. */
    @Test
    void aSingleHeadOfRwkvCppIsCounted() throws IOException {
        released(5, 1, false);
        Shapes squeezed = new Shapes(fileOf("rwkv.cpp, version 101", (name, shape) -> name.contains("time_faaaa")
                || name.contains("time_decay") ? List.of((long) WIDTH, 1L) : shape));
        try (TensorFile file = squeezed.file()) {
            StackConfig config = new RwkvFamily().recognise(file).orElseThrow().config();
            assertThat(headWidth(config)).isEqualTo(WIDTH);
            assertThat(groupEpsilon(config)).isEqualTo(1e-5);
        }
    }

    private interface Reshaping {
        List<Long> of(String name, List<Long> shape);
    }

    /** A file of another format with the same tensors, of which only names and shapes are asked for. */
    private TensorFile fileOf(String format, Reshaping reshaping) throws IOException {
        TensorFile inner;
        try (Memory memory = new Memory()) {
            inner = TensorFile.open(write(filled(memory), ""));
        }
        List<StoredTensor> tensors = inner.tensors().stream()
                .map(stored -> new StoredTensor(stored.name(), stored.type(),
                        reshaping.of(stored.name(), stored.shape()), stored.offset(), stored.bytes()))
                .toList();
        return new TensorFile() {
            @Override
            public Path path() {
                return inner.path();
            }

            @Override
            public String format() {
                return format;
            }

            @Override
            public Map<String, Metadatum> metadata() {
                return Map.of();
            }

            @Override
            public List<StoredTensor> tensors() {
                return tensors;
            }

            @Override
            public Optional<StoredTensor> find(String name) {
                return tensors.stream().filter(tensor -> tensor.name().equals(name)).findFirst();
            }

            @Override
            public Tensor tensor(String name) throws MalformedFileException {
                return inner.tensor(name);
            }

            @Override
            public void close() {
                inner.close();
            }
        };
    }

    @Test
    void epsilonsOfHuggingFaceAreRead() throws IOException {
        released(4, 1, true);
        StackConfig four = opened("{\"layer_norm_epsilon\": 1e-4, \"rescale_every\": 2}");
        // The library gives its last norm no epsilon, and halves after two layers.
        assertThat(four.epsilons().orElseThrow()).containsExactly(1e-4, 1e-4, 1e-4, 1e-4, 4e-4, 4e-4, 4e-5);
        assertThat(four.epsilon()).isEqualTo(1e-4);
        assertThat(opened("{\"layer_norm_epsilon\": 1e-4, \"rescale_every\": 0}").epsilons().orElseThrow())
                .containsExactly(1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 1e-5);
        assertThat(opened("{\"rescale_every\": 0}").epsilons()).isEmpty();
        shapes.clear();
        released(5, 2, true);
        assertThat(groupEpsilon(opened("{\"rescale_every\": 0}"))).isEqualTo(64e-5);
        assertThat(groupEpsilon(opened("{\"rescale_every\": 0, \"head_size_divisor\": 4}"))).isEqualTo(16e-5);
        shapes.clear();
        flash();
        assertThat(groupEpsilon(opened("{\"norm_eps\": 1e-5}"))).isEqualTo(16e-5);
        StackConfig seven = opened("{\"norm_eps\": 1e-6}");
        assertThat(groupEpsilon(seven)).isEqualTo(16e-6);
        assertThat(seven.epsilon()).isEqualTo(1e-6);
    }

    /** Whether the head is stored a second time or left out. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aTiedHeadIsTheTable(boolean stored) throws IOException {
        flash();
        if (!stored) {
            shapes.remove("lm_head.weight");
            assertThatExceptionOfType(MalformedFileException.class).isThrownBy(() -> opened("{}"))
                    .withMessageContaining("lm_head.weight");
        }
        assertThat(opened("{\"tie_word_embeddings\": true}").tiedHead()).isTrue();
        shapes.clear();
        released(4, 1, true);
        if (!stored) {
            shapes.remove("head.weight");
        }
        assertThat(opened("{\"tie_word_embeddings\": true}").tiedHead()).isTrue();
    }

    /** RWKV-7b has the embeddings of 7a too. */
    @ParameterizedTest
    @CsvSource({"ffn.s_emb.weight, RWKV-7a", "qkv.qq.weight, RWKV-7b", "att.time_maa_rkvw_w1, an experimental RWKV-6"})
    void variantsAreRefusedByName(String name, String what) {
        released(7, 2, false);
        put("blocks.0." + name, WIDTH, WIDTH);
        if (name.startsWith("qkv")) {
            put("blocks.0.ffn.s_emb.weight", WIDTH, WIDTH);
        }
        assertThatExceptionOfType(MalformedFileException.class).isThrownBy(() -> opened(""))
                .withMessageContaining("this is " + what).withMessageContaining("its mathematics differ");
    }

    /** The mixtures of flash-linear-attention stand in another order, side by side in one matrix. */
    @Test
    void versionSixOfFlashLinearAttention() throws IOException {
        released(6, 2, false);
        try (Memory memory = new Memory(); Memory other = new Memory()) {
            Map<String, Tensor> official = filled(memory);
            Path first = write(official, "");
            Map<String, double[]> expected = parameters(first);
            Path second = write(flashSix(official, other), "{\"norm_eps\": 64e-5}");
            assertThat(parameters(second).keySet()).isEqualTo(expected.keySet());
            parameters(second).forEach((name, values) -> assertThat(values).as(name).containsExactly(
                    of(expected, name)));
            try (TensorFile file = TensorFile.open(second)) {
                StackConfig config = Families.recognise(file).config();
                assertThat(config.branches().getFirst()).isEqualTo(new Rwkv6Config(WIDTH / 2, 3, 6, 64e-5));
                assertThat(config.epsilon()).isEqualTo(64e-5);
            }
        }
    }

    private static Map<String, double[]> parameters(Path file) throws IOException {
        Map<String, double[]> values = new LinkedHashMap<>();
        try (Checkpoint checkpoint = Checkpoint.open(file)) {
            for (Parameters.Parameter parameter : checkpoint.model().parameters().all()) {
                values.put(parameter.name(), parameter.tensor().toDoubles());
            }
        }
        return values;
    }

    private static Map<String, Tensor> flashSix(Map<String, Tensor> official, Memory memory) {
        Map<String, Tensor> flash = new LinkedHashMap<>();
        UnaryOperator<Tensor> flat = tensor -> tensor.reshape(Math.toIntExact(tensor.elements()));
        Map<String, String> norms = Map.of("ln1", "attn_norm", "ln2", "ffn_norm", "ln0", "pre_norm");
        Map<String, String> maps = Map.of("receptance", "r_proj.linear", "key", "k_proj.linear", "value",
                "v_proj.linear", "gate", "g_proj.linear", "output", "o_proj", "ln_x", "g_norm");
        Map<String, String> channels = Map.of("key", "key.linear", "receptance", "receptance.linear", "value", "value");
        official.forEach((name, tensor) -> {
            String[] words = name.split("\\.");
            if (!words[0].equals("blocks")) {
                flash.put(switch (words[0]) {
                    case "emb" -> "model.embeddings.weight";
                    case "head" -> "lm_head.weight";
                    default -> "model.norm." + words[1];
                }, tensor);
            } else if (norms.containsKey(words[2])) {
                flash.put("model.layers." + words[1] + "." + of(norms, words[2]) + "." + words[3], tensor);
            } else if (words.length == 5) {
                Map<String, String> own = words[2].equals("att") ? maps : channels;
                flash.put("model.layers." + words[1] + (words[2].equals("att") ? ".attn." : ".ffn.")
                        + of(own, words[3]) + "." + words[4], tensor);
            }
        });
        for (int layer = 0; layer < LAYERS; layer++) {
            String from = "blocks." + layer + ".att.";
            String to = "model.layers." + layer + ".attn.";
            flash.put("model.layers." + layer + ".ffn.key.mu",
                    flat.apply(of(official, "blocks." + layer + ".ffn.time_maa_k")));
            flash.put("model.layers." + layer + ".ffn.receptance.mu",
                    flat.apply(of(official, "blocks." + layer + ".ffn.time_maa_r")));
            flash.put(to + "x_proj.0.mu", flat.apply(of(official, from + "time_maa_x")));
            flash.put(to + "bonus", of(official, from + "time_faaaa"));
            flash.put(to + "w_proj.linear.lora.2.bias", flat.apply(of(official, from + "time_decay")));
            flash.put(to + "w_proj.linear.lora.0.weight", turned(of(official, from + "time_decay_w1"), memory));
            flash.put(to + "w_proj.linear.lora.2.weight", turned(of(official, from + "time_decay_w2"), memory));
            Tensor bias = memory.zeros(DType.F32, 5, WIDTH);
            Tensor down = memory.zeros(DType.F32, 15, WIDTH);
            Tensor up = memory.zeros(DType.F32, WIDTH, 15);
            // Released files have w, k, v, r, g.
            String theirs = "rwkvg";
            for (int c = 0; c < 5; c++) {
                int place = "wkvrg".indexOf(theirs.charAt(c));
                bias.slice(c, c + 1).copyFrom(of(official, from + "time_maa_" + theirs.charAt(c)).reshape(1, WIDTH));
                for (int rank = 0; rank < 3; rank++) {
                    for (int d = 0; d < WIDTH; d++) {
                        down.set((3L * c + rank) * WIDTH + d,
                                of(official, from + "time_maa_w1").get(15L * d + 3 * place + rank));
                        up.set(15L * d + 3 * c + rank,
                                of(official, from + "time_maa_w2").get((3L * place + rank) * WIDTH + d));
                    }
                }
            }
            flash.put(to + "x_bias", bias);
            flash.put(to + "x_proj.0.linear.weight", down);
            flash.put(to + "x_proj.2.weight", up);
        }
        return flash;
    }

    private static <V> V of(Map<String, V> map, String key) {
        return Objects.requireNonNull(map.get(key), key);
    }

    private static Tensor turned(Tensor matrix, Memory memory) {
        Tensor turned = memory.zeros(DType.F32, matrix.dim(1), matrix.dim(0));
        for (int i = 0; i < matrix.dim(0); i++) {
            for (int j = 0; j < matrix.dim(1); j++) {
                turned.set((long) j * matrix.dim(0) + i, matrix.get((long) i * matrix.dim(1) + j));
            }
        }
        return turned;
    }

    private StackConfig six(double groupEpsilon, double epsilon, Optional<List<Double>> epsilons, int width) {
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < LAYERS; layer++) {
            branches.add(new Rwkv6Config(16, 3, 6, groupEpsilon));
            branches.add(new RwkvChannelMixConfig(2 * width, true));
        }
        return new StackConfig(VOCABULARY, width, 64, NormKind.LAYER, epsilon, epsilons, Optional.of(NormKind.LAYER),
                false, branches);
    }

    /** Numbers so large that none of their scales loses digits when it is halved. */
    private Stack stack(StackConfig config, Memory memory) {
        return new Stack(config, (name, shape, role, initialiser) -> {
            Tensor tensor = random(shape, memory);
            for (long i = 0; i < tensor.elements(); i++) {
                tensor.set(i, 16 * tensor.get(i));
            }
            return tensor;
        });
    }

    /** Halved streams stay halved, in every type, and matrices that are read again keep the type they are stored in. */
    @ParameterizedTest
    @EnumSource(value = DType.class, names = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1",
        "Q4_K", "Q5_K", "Q6_K"})
    void aHalvedStreamSurvivesLlamaCpp(DType type) throws IOException {
        int width = type.blockLength() == 256 ? 256 : WIDTH;
        StackConfig config = six(64e-5, 1e-5, Optional.of(List.of(1e-5, 1e-5, 4e-5, 4e-5, 16e-5, 16e-5, 64e-5)), width);
        Path path = folder.resolve("halved.gguf");
        Path plain = folder.resolve("plain.gguf");
        try (Memory memory = new Memory()) {
            Stack model = stack(config, memory);
            LlamaFile.write(path, model, type, "halved", Map.of());
            LlamaFile.write(plain, model.with(six(64e-5, 1e-5, Optional.empty(), width)), type, "plain", Map.of());
            try (Checkpoint halved = Checkpoint.open(path); Checkpoint other = Checkpoint.open(plain)) {
                assertThat(halved.model().config().epsilons().orElseThrow()).hasSize(7);
                for (int branch = 0; branch < 7; branch++) {
                    assertThat(halved.model().config().epsilonOf(branch)).isCloseTo(config.epsilonOf(branch),
                            within(1e-12));
                }
                for (Parameters.Parameter parameter : other.model().parameters().all()) {
                    Tensor found = halved.model().parameters().find(parameter.name()).orElseThrow().tensor();
                    assertThat(found.dtype()).as(parameter.name()).isEqualTo(parameter.tensor().dtype());
                    for (long i = 0; i < found.elements(); i++) {
                        // Halves below 2^-14 lose digits.
                        assertThat(found.get(i)).as("%s at %d, seed %d", parameter.name(), i, SEED)
                                .isCloseTo(parameter.tensor().get(i), within(type == DType.F16 ? 1e-6 : 0));
                    }
                }
            }
            try (TensorFile file = TensorFile.open(path); TensorFile whole = TensorFile.open(plain)) {
                assertThat(file.whole("rwkv6.rescale_every_n_layers")).hasValue(1);
                assertThat(file.find("blk.2.channel_mix_value.weight").orElseThrow().type())
                        .isEqualTo(StorageType.of(type));
                Tensor quarters = file.tensor("blk.2.time_mix_output.weight");
                Tensor wholes = whole.tensor("blk.2.time_mix_output.weight");
                for (long i = 0; i < quarters.elements(); i++) {
                    assertThat(4 * quarters.get(i)).isCloseTo(wholes.get(i), within(1e-6));
                }
            }
        }
    }

    /** Types that are read but not written; and a scale that would leave the range of its type. */
    @Test
    void blocksAreScaledByTheirScales() {
        try (Memory memory = new Memory()) {
            for (DType type : List.of(DType.Q2_K, DType.Q3_K)) {
                Tensor blocks = memory.zeros(type, 2, 512);
                for (long i = 0; i < blocks.bytes(); i++) {
                    // No byte of a scale's exponent is all ones or all zeros.
                    blocks.data().set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt(0x20, 0x60));
                }
                Tensor scaled = Step.Rescale.scaled(blocks, -2, memory);
                assertThat(scaled.dtype()).isEqualTo(type);
                for (long i = 0; i < blocks.elements(); i++) {
                    assertThat(scaled.get(i)).as("%s at %d, seed %d", type, i, SEED).isEqualTo(blocks.get(i) / 4);
                }
                assertThat(blocks.get(3)).isNotZero();
            }
            Tensor large = memory.zeros(DType.F16, 4);
            large.set(2, 60_000);
            Tensor wide = Step.Rescale.scaled(large, 1, memory);
            assertThat(wide.dtype()).isEqualTo(DType.F32);
            assertThat(wide.toDoubles()).containsExactly(0, 0, 2 * large.get(2), 0);
        }
    }

    @Test
    void epsilonsOfLlamaCppAreReadAndKept() throws IOException {
        Path path = folder.resolve("model.gguf");
        try (Memory memory = new Memory()) {
            LlamaFile.write(path, stack(six(64e-5, 1e-6, Optional.empty(), WIDTH), memory), DType.F32, "six", Map.of());
            try (Checkpoint checkpoint = Checkpoint.open(path)) {
                assertThat(checkpoint.model().config().epsilon()).isEqualTo(1e-6);
                assertThat(checkpoint.model().config().epsilons()).isEmpty();
            }
            Stack heads = stack(six(1e-5, 1e-5, Optional.empty(), WIDTH), memory);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> LlamaFile.write(path, heads, DType.F32, "heads", Map.of()))
                    .withMessageContaining("norm of heads with epsilon 6.4E-4, but this model's is 1.0E-5");
            Stack odd = stack(
                    six(64e-5, 1e-5, Optional.of(List.of(1e-5, 2e-5, 4e-5, 4e-5, 16e-5, 16e-5, 64e-5)), WIDTH),
                    memory);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> LlamaFile.write(path, odd, DType.F32, "odd", Map.of()))
                    .withMessageContaining("one epsilon for all norms");
        }
    }

    @Test
    void headsOfAnotherSizeThanToldAreRefused() throws IOException {
        Path path = folder.resolve("model.gguf");
        try (Memory memory = new Memory()) {
            LlamaFile.write(path, stack(six(64e-5, 1e-5, Optional.empty(), WIDTH), memory), DType.F32, "six", Map.of());
        }
        byte[] file = Files.readAllBytes(path);
        String key = "rwkv6.wkv.head_size";
        int at = new String(file, StandardCharsets.ISO_8859_1).indexOf(key) + key.length() + 4;
        file[at] = 8;
        Files.write(path, file);
        assertThatExceptionOfType(MalformedFileException.class).isThrownBy(() -> Checkpoint.open(path))
                .withMessageContaining("\"rwkv6.wkv.head_size\" is 8, but the tensors have heads of 16");
    }

    @Test
    void versionFourHasNoHeads() throws IOException {
        released(4, 1, false);
        StackConfig config = opened("");
        assertThat(config.branches()).containsExactly(new Rwkv4Config(), new RwkvChannelMixConfig(INNER, true),
                new Rwkv4Config(), new RwkvChannelMixConfig(INNER, true), new Rwkv4Config(),
                new RwkvChannelMixConfig(INNER, true));
    }
}

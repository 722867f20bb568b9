package tern.checkpoint.naming;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.random.RandomGenerator;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.autograd.Gradients;
import tern.autograd.TapeOps;
import tern.checkpoint.MalformedFileException;
import tern.checkpoint.SharedData;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.goldfinch.CacheTier;
import tern.mixers.goldfinch.CacheType;
import tern.mixers.goldfinch.CompressorConfig;
import tern.mixers.goldfinch.FinchC2Config;
import tern.mixers.goldfinch.GoldCache;
import tern.mixers.goldfinch.GoldConfig;
import tern.mixers.goldfinch.Positions;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.model.ModelState;
import tern.model.NormKind;
import tern.model.Parameters;
import tern.model.Passed;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.ops.Ops;
import tern.sequence.Form;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;
import tern.testkit.Seeds;

/**
 * GoldFinch and Finch-C2 against the authors' code: logits, states, compressed cache, proto-keys and gradients of tiny models
 * with random weights, made in double precision and rounded to single (the data's README tells how).
 */
class GoldFinchGoldenTest {
    private static final double LOGITS = 2e-5;
    /** Of a gradient's norm, sum or entry, relative to the norm or the largest entry of its tensor. */
    private static final double GRADIENTS = 1e-4;
    private static final int SEEDS = 6;

    private final Memory memory = new Memory();
    private final Workspace workspace = new Workspace();
    private final ThreadTeam team = new ThreadTeam(1);
    private final EagerOps ops = new EagerOps(KernelSet.fastest(), team, workspace);

    @AfterEach
    void release() {
        ops.close();
        team.close();
        workspace.close();
        memory.close();
    }

    /** The configuration that follows from the file, but for what no file tells. */
    private static StackConfig config(StackConfig found, Positions positions, GoldCache cache) {
        return found.withBranches(found.branches().stream().<MixerConfig>map(branch -> switch (branch) {
            case GoldConfig(int headWidth, int mixRank, int rank, Positions _, GoldCache _) -> new GoldConfig(headWidth,
                    mixRank, rank, positions, cache);
            case GoldCache.Cached cached -> cached.with(cache);
            default -> branch;
        }).toList());
    }

    private static StackConfig expected(String model) {
        int layers = model.equals("goldfinch") ? 6 : 3;
        int recurrent = model.equals("goldfinch") ? 4 : 3;
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            if (layer == recurrent) {
                branches.add(CompressorConfig.of());
            }
            branches.add(layer < recurrent ? FinchC2Config.of(16) : GoldConfig.of(16, 32));
            branches.add(new RwkvChannelMixConfig(96, true));
        }
        return new StackConfig(96, 32, 1024, NormKind.LAYER, 1e-5, Optional.empty(), Optional.of(NormKind.LAYER),
                false, branches);
    }

    private Stack stack(String model, String weights, Positions positions, GoldCache cache, DType dtype)
            throws IOException {
        try (TensorFile file = TensorFile.open(SharedData.require("goldfinch-tiny/" + model + weights))) {
            Blueprint blueprint = Families.recognise(file);
            assertThat(blueprint.config()).isEqualTo(expected(model));
            NamedParameters parameters = new NamedParameters(file, blueprint);
            return new Stack(config(blueprint.config(), positions, cache), (name, shape, role, initialiser) -> {
                try {
                    return memory.copyOf(parameters.tensor(name, shape, type -> false, dtype, memory));
                } catch (MalformedFileException broken) {
                    throw new IllegalArgumentException(broken.getMessage(), broken);
                }
            });
        }
    }

    private static float[] floats(String name) throws IOException {
        Path path = SharedData.require("goldfinch-tiny/" + name);
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
        float[] floats = new float[bytes.remaining() / 4];
        bytes.asFloatBuffer().get(floats);
        return floats;
    }

    private static JsonNode json(String model) throws IOException {
        return JsonMapper.shared().readTree(SharedData.require("goldfinch-tiny/" + model + ".json").toFile());
    }

    private Tensor ids(String model) throws IOException {
        JsonNode tokens = json(model).get("tokens");
        Tensor ids = memory.zeros(DType.I32, 1, tokens.size());
        for (int i = 0; i < tokens.size(); i++) {
            ids.set(i, tokens.get(i).asInt());
        }
        return ids;
    }

    private void assertLogits(String what, Tensor hidden, Stack stack, float[] expected) {
        Tensor logits = ops.linear(hidden.reshape(hidden.dim(1), hidden.dim(2)), stack.head());
        assertThat(logits.elements()).isEqualTo(expected.length);
        double worst = 0;
        for (int i = 0; i < expected.length; i++) {
            worst = Math.max(worst, Math.abs(logits.get(i) - expected[i]));
        }
        assertThat(worst).as("largest error of the logits of " + what).isLessThan(LOGITS);
    }

    private ModelState empty(Stack stack, DType dtype, int capacity) {
        return ModelState.empty(stack.stateLayouts(), dtype, 1, capacity, memory);
    }

    @ParameterizedTest
    @ValueSource(strings = {"goldfinch", "finchc2"})
    void everyParameterAndEveryStoredTensorIsNamedOnce(String model) throws IOException {
        Set<String> ours = new Stack(expected(model), Parameters.Source.shapesOnly()).parameters().tensors().keySet();
        for (String weights : List.of(".pth", "-bf16.safetensors")) {
            try (TensorFile file = TensorFile.open(SharedData.require("goldfinch-tiny/" + model + weights))) {
                NamingTable names = Families.recognise(file).names();
                assertThat(names.all().stream().map(naming -> naming.ours().orElseThrow()))
                        .containsExactlyInAnyOrderElementsOf(ours);
                assertThat(file.tensors().stream().map(StoredTensor::name))
                        .containsExactlyInAnyOrderElementsOf(names.stored());
            }
        }
    }

    @ParameterizedTest
    @EnumSource(CacheTier.class)
    void logitsOfGoldFinchInEveryTierAndCut(CacheTier tier) throws IOException {
        GoldCache cache = new GoldCache(tier, CacheType.F32);
        for (String positions : List.of("nope", "rope10k")) {
            Positions turning = positions.equals("nope") ? Positions.NONE : Positions.rotary(10_000);
            for (String weights : List.of(".pth", "-bf16.safetensors")) {
                Stack stack = stack("goldfinch", weights, turning, cache, DType.F32);
                assertCuts("goldfinch", stack, floats("goldfinch-logits-" + positions + ".f32"));
            }
        }
    }

    @Test
    void logitsOfFinchC2InEveryCut() throws IOException {
        for (String weights : List.of(".pth", "-bf16.safetensors")) {
            Stack stack = stack("finchc2", weights, Positions.NONE, GoldCache.FULL, DType.F32);
            assertCuts("finchc2", stack, floats("finchc2-logits-nope.f32"));
        }
    }

    private void assertCuts(String model, Stack stack, float[] expected) throws IOException {
        Tensor ids = ids(model);
        int time = ids.dim(1);
        for (Form form : Form.values()) {
            assertLogits(form + " at once", stack.forward(form, ops, ids, empty(stack, DType.F32, time)).hidden(),
                    stack, expected);
        }
        assertLogits("training", stack.forward(Form.PARALLEL, ops, ids, empty(stack, DType.F32, 0)).hidden(), stack,
                expected);
        Seeds.forAll(SEEDS, (seed, random) -> assertLogits("pieces", inPieces(stack, ids, random), stack, expected));
    }

    private Tensor inPieces(Stack stack, Tensor ids, RandomGenerator random) {
        int time = ids.dim(1);
        ModelState state = empty(stack, DType.F32, time);
        List<Tensor> pieces = new ArrayList<>();
        for (int from = 0, to; from < time; from = to) {
            to = from + 1 + random.nextInt(Math.min(9, time - from));
            Form form = Form.values()[random.nextInt(Form.values().length)];
            Passed piece = stack.forward(form, ops, ops.slice(ids, 1, from, to), state);
            pieces.add(piece.hidden());
            state = piece.state();
        }
        return ops.concat(pieces, 1);
    }

    @Test
    void statesCacheAndProtoKeys() throws IOException {
        for (String model : List.of("goldfinch", "finchc2")) {
            Stack stack = stack(model, ".pth", Positions.NONE, new GoldCache(CacheTier.COMPRESSED, CacheType.F32),
                    DType.F32);
            Tensor ids = ids(model);
            ModelState last = stack.forward(Form.PARALLEL, ops, ids, empty(stack, DType.F32, ids.dim(1))).state();
            float[] expected = floats(model + "-final-wkv-state.f32");
            int recurrent = expected.length / (2 * 16 * 16);
            for (int i = 0; i < expected.length; i++) {
                int layer = i / 512;
                int value = i / 16 % 16;
                int at = i % 512 / 256 * 256 + i % 16 * 16 + value;
                assertThat(last.states().get(2 * layer).slot("heads").get(at))
                        .as(model + " state of layer " + layer + " of " + recurrent).isCloseTo(expected[i],
                                within(LOGITS));
            }
            if (model.equals("goldfinch")) {
                assertClose("compressed cache", last.states().get(8).slot("compressed"),
                        floats("goldfinch-compressed-cache.f32"));
            }
        }
        Stack keys = stack("goldfinch", ".pth", Positions.NONE, new GoldCache(CacheTier.KEYS, CacheType.F32),
                DType.F32);
        Tensor ids = ids("goldfinch");
        ModelState last = keys.forward(Form.PARALLEL, ops, ids, empty(keys, DType.F32, ids.dim(1))).state();
        assertClose("proto-keys", last.states().get(8).slot("gold.key"), floats("goldfinch-protokeys.f32"));
    }

    private static void assertClose(String what, Tensor found, float[] expected) {
        assertThat(found.elements()).as(what).isEqualTo(expected.length);
        for (int i = 0; i < expected.length; i++) {
            assertThat(found.get(i)).as(what + " at " + i).isCloseTo(expected[i], within(LOGITS));
        }
    }

    /** Gradients of the mean cross-entropy, of each stored tensor, in single precision and in double. */
    @ParameterizedTest
    @ValueSource(strings = {"goldfinch nope", "goldfinch rope10k", "finchc2 nope"})
    void gradients(String of) throws IOException {
        String model = of.split(" ", -1)[0];
        String variant = of.split(" ", -1)[1];
        Positions positions = variant.equals("nope") ? Positions.NONE : Positions.rotary(10_000);
        JsonNode expected = json(model).get(variant);
        for (DType dtype : List.of(DType.F64, DType.F32)) {
            Stack stack = stack(model, ".pth", positions, GoldCache.FULL, dtype);
            List<Tensor> parameters = stack.parameters().trained().stream().map(Parameters.Parameter::tensor).toList();
            try (Gradients gradients = new Gradients(parameters);
                    Workspace activations = new Workspace();
                    TapeOps tape = new TapeOps(KernelSet.fastest(), team, activations, gradients, true)) {
                Tensor loss = loss(model, stack, tape, dtype);
                assertThat(loss.get(0)).isCloseTo(expected.get("loss_mean_cross_entropy_nats").asDouble(),
                        within(1e-6));
                tape.backward(loss, 1);
                expected.get("gradients").properties().forEach(entry -> assertGradient(dtype + " " + entry.getKey(),
                        entry.getValue(), stored(names(model), stack, gradients, entry.getKey())));
            }
        }
    }

    private Tensor loss(String model, Stack stack, Ops tape, DType dtype) throws IOException {
        Tensor ids = ids(model);
        int time = ids.dim(1);
        Tensor targets = memory.zeros(DType.I32, time).fill(-1);
        for (int t = 0; t + 1 < time; t++) {
            targets.set(t, ids.getInt(t + 1));
        }
        Tensor hidden = stack.forward(Form.PARALLEL, tape, ids, empty(stack, dtype, 0)).hidden();
        return tape.mean(tape.crossEntropy(tape.reshape(hidden, Shape.of(time, 32)), stack.head(), targets), time - 1);
    }

    private static NamingTable names(String model) {
        try (TensorFile file = TensorFile.open(SharedData.require("goldfinch-tiny/" + model + ".pth"))) {
            return Families.recognise(file).names();
        } catch (IOException broken) {
            throw new UncheckedIOException(broken);
        }
    }

    /** The gradient of a stored tensor, put together from our parameters' in its own order. */
    private static double[] stored(NamingTable names, Stack stack, Gradients gradients, String name) {
        return names.all().stream().filter(naming -> naming.theirs().equals(name)).flatMapToDouble(naming -> {
            Tensor parameter = stack.parameters().find(naming.ours().orElseThrow()).orElseThrow().tensor();
            Tensor gradient = gradients.of(parameter).orElseThrow();
            boolean turned = naming.steps().stream().anyMatch(Step.Transpose.class::isInstance);
            return Arrays.stream(turned ? turned(gradient) : gradient.toDoubles());
        }).toArray();
    }

    private static double[] turned(Tensor matrix) {
        double[] turned = new double[(int) matrix.elements()];
        for (int i = 0; i < turned.length; i++) {
            turned[i % matrix.dim(1) * matrix.dim(0) + i / matrix.dim(1)] = matrix.get(i);
        }
        return turned;
    }

    private static void assertGradient(String what, JsonNode expected, double[] found) {
        if (expected.isNull()) {
            assertThat(found).as(what).containsOnly(0);
            return;
        }
        // A bias of all keys changes no weight of attention: its gradient is nothing but rounding.
        double floor = 1e-3;
        double norm = Math.sqrt(Arrays.stream(found).map(value -> value * value).sum());
        double l2 = expected.get("l2").asDouble();
        assertThat(norm).as(what + " norm").isCloseTo(l2, within(GRADIENTS * Math.max(floor, l2)));
        double largest = Arrays.stream(found).map(Math::abs).max().orElse(0);
        double expectedLargest = expected.get("absmax").asDouble();
        double tolerance = GRADIENTS * Math.max(floor, expectedLargest);
        assertThat(largest).as(what + " largest").isCloseTo(expectedLargest, within(tolerance));
        expected.get("at").properties().forEach(entry -> assertThat(found[Integer.parseInt(entry.getKey())])
                .as(what + " at " + entry.getKey())
                .isCloseTo(entry.getValue().asDouble(), within(tolerance)));
    }
}

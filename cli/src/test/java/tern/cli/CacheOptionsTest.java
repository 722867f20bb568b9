package tern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.Checkpoint;
import tern.inference.Engine;
import tern.inference.LanguageModel;
import tern.mixers.goldfinch.CacheTier;
import tern.mixers.goldfinch.CacheType;
import tern.mixers.goldfinch.GoldCache;
import tern.model.GoldCaches;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.tensor.DType;
import tern.tensor.Memory;

/** Tiers of GoldFinch's cache at the command line. */
class CacheOptionsTest {
    @TempDir
    private Path folder;

    private record Run(int code, String out, String err) {
    }

    private static Run tern(String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int code = Tern.run(new PrintStream(out), new PrintStream(err), arguments);
        return new Run(code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    @BeforeEach
    void save() throws Exception {
        for (String preset : new String[] {"goldfinch-nano", "transformer-nano"}) {
            try (Memory memory = new Memory()) {
                Stack stack = new Stack(Presets.named(preset), Parameters.Source.initialised(1, DType.F32, memory));
                // Blocks start as the identity; here they do something.
                stack.parameters().all().stream().filter(parameter -> parameter.name().endsWith("output.weight"))
                        .forEach(parameter -> parameter.tensor().fill(0.02));
                Checkpoint.save(folder.resolve(preset), stack, Map.of("kind", "bytes"), Map.of());
            }
        }
    }

    private float[] logits(String... options) throws Exception {
        Path out = folder.resolve("logits.f32");
        String[] arguments = new String[7 + options.length];
        System.arraycopy(new String[] {"logits", folder.resolve("goldfinch-nano").toString(), "--prompt",
            "the quick brown fox", "--all", "--out", out.toString()}, 0, arguments, 0, 7);
        System.arraycopy(options, 0, arguments, 7, options.length);
        Run run = tern(arguments);
        assertThat(run.code).as(run.err).isZero();
        float[] floats = new float[19 * 256];
        ByteBuffer.wrap(Files.readAllBytes(out)).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(floats);
        return floats;
    }

    @Test
    void everyTierGivesTheSameLogits() throws Exception {
        float[] expected = logits();
        for (String tier : new String[] {"compressed", "keys", "full", "auto"}) {
            float[] found = logits("--cache", tier, "--form", "step");
            for (int i = 0; i < expected.length; i++) {
                assertThat(Math.abs(found[i] - expected[i])).as(tier + " at " + i).isLessThan(1e-4f);
            }
        }
        assertThat(logits("--cache-type", "int8", "--form", "step")).isNotEqualTo(expected);
    }

    @Test
    void wrongChoicesAreNamed() {
        String gold = folder.resolve("goldfinch-nano").toString();
        assertThat(
                tern("logits", gold, "--ids", "1,2", "--out", folder.resolve("x").toString(), "--cache", "small").err)
                .contains("--cache is \"small\", expected compressed, keys, full, auto");
        assertThat(tern("generate", gold, "--prompt", "a", "--cache-memory", "10").err)
                .contains("--cache-memory: the state of 201 positions needs").contains("bf16 or int8");
        assertThat(tern("generate", gold, "--prompt", "a", "--cache", "full", "--cache-memory", "10").err)
                .contains("--cache-memory is 10").contains("--cache auto");
        assertThat(
                tern("generate", folder.resolve("transformer-nano").toString(), "--prompt", "a", "--cache", "full").err)
                .contains("this model has none");
    }

    /** A server's models with GOLD layers remember as asked for; the others are as they were. */
    @Test
    void aServerChoosesForAllItsModels() throws Exception {
        String gold = folder.resolve("goldfinch-nano").toString();
        String plain = folder.resolve("transformer-nano").toString();
        try (Engine engine = new Engine(1);
                LanguageModel one = LanguageModel.open(Path.of(gold), engine);
                LanguageModel other = LanguageModel.open(Path.of(plain), engine)) {
            Map<String, LanguageModel> models = Map.of("gold", one, "plain", other);
            assertThat(CacheOptions.remembering(models, CacheOptions.chosen(null, null))).isSameAs(models);
            Map<String, LanguageModel> served = CacheOptions.remembering(models,
                    CacheOptions.chosen("compressed", "bf16"));
            assertThat(served.get("plain")).isSameAs(other);
            assertThat(Objects.requireNonNull(served.get("gold")).network().stateBytes(10_000))
                    .isEqualTo(GoldCaches.bytes(one.network().config(),
                            new GoldCache(CacheTier.COMPRESSED, CacheType.BF16), 10_000))
                    .isLessThan(one.network().stateBytes(10_000) / 10);
        }
        assertThat(CacheOptions.chosen(null, "int8")).contains(new GoldCache(CacheTier.FULL, CacheType.INT8));
        for (String[] wrong : new String[][] {
            {"serve", "--port", "0", "--model", gold, "--cache", "auto",
                "--cache is \"auto\", expected compressed, keys, full"},
            {"serve", "--port", "0", "--model", gold, "--cache-type", "f16",
                "--cache-type is \"f16\", expected f32, bf16, int8"},
            {"serve", "--port", "0", "--model", plain, "--cache", "keys", "this model has none; leave them out"}}) {
            Run run = tern(Arrays.copyOf(wrong, wrong.length - 1));
            assertThat(run.code).isEqualTo(2);
            assertThat(run.err).contains(wrong[wrong.length - 1]).hasLineCount(1);
        }
    }

    /** What auto chose for a long prompt need not be what it would choose for what follows: the state says what it holds. */
    @Test
    void aSavedStateGoesOnInTheCacheThatItWasSavedWith() {
        String gold = folder.resolve("goldfinch-nano").toString();
        String state = folder.resolve("talk.safetensors").toString();
        JsonNode whole = JsonMapper.shared()
                .readTree(tern("generate", gold, "--prompt", "abcdef", "--tokens", "4", "--temperature", "0",
                        "--json").out);
        for (String[] choice : new String[][] {{"compressed", "f32"}, {"keys", "f32"}, {"full", "f32"},
            {"compressed", "int8"}, {"full", "bf16"}}) {
            Run saved = tern("generate", gold, "--prompt", "abcdef", "--tokens", "0", "--save-state", state, "--cache",
                    choice[0], "--cache-type", choice[1]);
            assertThat(saved.code).as(saved.err).isZero();
            Run on = tern("generate", gold, "--load-state", state, "--tokens", "4", "--temperature", "0", "--json");
            assertThat(on.code).as(choice[0] + " " + choice[1] + ": " + on.err).isZero();
            if (choice[1].equals("f32")) {
                assertThat(JsonMapper.shared().readTree(on.out).get("ids")).isEqualTo(whole.get("ids"));
            }
            Run small = tern("generate", gold, "--load-state", state, "--tokens", "4", "--cache-memory", "100");
            assertThat(small.code).isEqualTo(2);
            assertThat(small.err).contains("--cache-memory is 100, but 10 positions need").hasLineCount(1);
        }
        Run other = tern("generate", gold, "--load-state", state, "--tokens", "1", "--cache", "compressed");
        assertThat(other.code).isEqualTo(2);
        assertThat(other.err).contains("load it with the cache it was saved with").hasLineCount(1);
    }

    /** A prompt read twice is the same as the doubled prompt. */
    @Test
    void readTwiceDoublesThePrompt() {
        String model = folder.resolve("transformer-nano").toString();
        Run twice = tern("generate", model, "--prompt", "abc", "--read-twice", "--tokens", "5", "--json");
        Run doubled = tern("generate", model, "--prompt", "abcabc", "--tokens", "5", "--json");
        assertThat(twice.code).as(twice.err).isZero();
        JsonNode found = JsonMapper.shared().readTree(twice.out);
        assertThat(found.get("prompt_tokens").asInt()).isEqualTo(6);
        assertThat(found.get("ids")).isEqualTo(JsonMapper.shared().readTree(doubled.out).get("ids"));
    }

    /** Bytes as the paper counts them, and one line for each step and prompt measured. */
    @Test
    void theBenchCountsAndMeasures() {
        Run run = tern("bench", "cache", "--json", "--shapes", "24x1024,80x4096", "--measure", "1x64", "--contexts",
                "0",
                "--prompts", "0");
        assertThat(run.code).as(run.err).isZero();
        Map<String, Double> ratios = new HashMap<>();
        run.out.lines().forEach(line -> {
            JsonNode row = JsonMapper.shared().readTree(line);
            ratios.put(row.get("shape").asString() + " " + row.get("tier").asString() + " "
                    + row.get("type").asString(), row.get("ratio").asDouble());
        });
        assertThat(ratios).hasSize(2 * 3 * 3);
        assertThat(ratios.get("24x1024 compressed bf16")).isBetween(756.18, 756.19);
        assertThat(ratios.get("80x4096 compressed bf16")).isBetween(2550.03, 2550.05);
        assertThat(ratios.get("24x1024 full f32")).isEqualTo(3);
        assertThat(tern("bench", "cache", "--shapes", "24").err).contains("24x2048");
    }
}

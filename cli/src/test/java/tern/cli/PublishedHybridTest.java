package tern.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Hybrids as others publish them, text in and text out: folders with a tokenizer, made of tiny random models whose vocabulary is
 * too small for one by giving them more rows.
 */
class PublishedHybridTest {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final String HYBRIDS = "checkpoint/src/test/resources/tern/checkpoint/hybrids/";
    private static final String PROMPT = "The other thing: \u00e9t\u00e9, then";
    /** Bytes, and pairs of them in the order of merging; models have a few rows more than their tokenizer, as published ones do. */
    private static final List<String> PAIRS = List.of("t h", "th e", "\u0120 the", "i n", "\u0120 t");
    private static final int ROWS = 272;

    @TempDir
    private Path folder;

    private String out = "";

    private void tern(String... arguments) {
        assertThat(status(arguments)).as(() -> String.join(" ", arguments) + ": " + out).isZero();
    }

    private int status(String... arguments) {
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        ByteArrayOutputStream complaints = new ByteArrayOutputStream();
        int status = Tern.run(new PrintStream(said, true, StandardCharsets.UTF_8),
                new PrintStream(complaints, true, StandardCharsets.UTF_8), arguments);
        out = (status == 0 ? said : complaints).toString(StandardCharsets.UTF_8);
        return status;
    }

    /** What {@code generate --json} says of symbols. */
    private List<Integer> generate(Path model, String... more) {
        List<String> arguments = new ArrayList<>(List.of("generate", model.toString(), "--json", "--threads", "1"));
        arguments.addAll(List.of(more));
        tern(arguments.toArray(String[]::new));
        List<Integer> ids = new ArrayList<>();
        JSON.readTree(out).get("ids").forEach(id -> ids.add(id.intValue()));
        return ids;
    }

    private float[] logits(Path model) throws IOException {
        Path file = folder.resolve("logits.f32");
        tern("logits", model.toString(), "--prompt", PROMPT, "--all", "--out", file.toString(), "--threads", "1");
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        float[] values = new float[bytes.remaining() / 4];
        bytes.asFloatBuffer().get(values);
        return values;
    }

    @ParameterizedTest
    @CsvSource({"qwen3-next, bf16, false", "qwen3-5, bf16, false", "falcon-h1, bf16, false",
        "nemotron-h, bf16, false", "lfm2, bf16, false", "recurrent_gemma, f32, false", "xlstm, f32, false",
        "mamba, f32, true"})
    void saysTheSameWholeInPartsAndConverted(String name, String dtype, boolean llama) throws IOException {
        Path model = published(name);
        String state = folder.resolve("state").toString();

        List<Integer> whole = generate(model, "--prompt", PROMPT, "--tokens", "16", "--seed", "7");
        String text = JSON.readTree(out).get("text").stringValue();
        assertThat(whole).hasSize(16);
        assertThat(JSON.readTree(out).get("prompt_tokens").intValue()).as("merged by the folder's tokenizer")
                .isEqualTo(PROMPT.getBytes(StandardCharsets.UTF_8).length - 7);
        assertThat(generate(model, "--prompt", PROMPT, "--tokens", "16", "--seed", "8")).as("another seed")
                .isNotEqualTo(whole);

        // The prompt alone, kept; from it as often as one likes.
        generate(model, "--prompt", PROMPT, "--tokens", "0", "--save-state", state);
        for (int fork = 0; fork < 2; fork++) {
            assertThat(generate(model, "--load-state", state, "--tokens", "16", "--seed", "7")).as("fork %d", fork)
                    .isEqualTo(whole);
        }
        assertThat(JSON.readTree(out).get("text").stringValue()).isEqualTo(text);

        List<Integer> likeliest = generate(model, "--prompt", PROMPT, "--tokens", "16", "--temperature", "0");
        List<Integer> parts = new ArrayList<>(generate(model, "--prompt", PROMPT, "--tokens", "6", "--temperature",
                "0", "--save-state", state));
        parts.addAll(generate(model, "--load-state", state, "--tokens", "10", "--temperature", "0"));
        assertThat(parts).as("broken off after six").isEqualTo(likeliest);

        float[] expected = logits(model);
        Path own = folder.resolve("own");
        tern("convert", model.toString(), own.toString(), "--dtype", dtype);
        assertThat(logits(own)).as("matrices in the type that they had").isEqualTo(expected);
        assertThat(generate(own, "--prompt", PROMPT, "--tokens", "16", "--seed", "7")).isEqualTo(whole);

        Path gguf = folder.resolve("model.gguf");
        if (llama) {
            tern("convert", model.toString(), gguf.toString());
            Path back = folder.resolve("back");
            tern("convert", gguf.toString(), back.toString());
            float[] there = logits(gguf);
            assertThat(logits(back)).as("there and back").isEqualTo(there);
            double largest = 0;
            for (int i = 0; i < expected.length; i++) {
                largest = Math.max(largest, Math.abs(there[i] - expected[i]));
            }
            assertThat(largest).isLessThan(5e-5);
            assertThat(generate(back, "--prompt", PROMPT, "--tokens", "16", "--seed", "7")).isEqualTo(whole);
        } else {
            assertThat(status("convert", model.toString(), gguf.toString())).isEqualTo(2);
            assertThat(out).hasLineCount(1).contains("GGUF");
            assertThat(gguf).doesNotExist();
        }
    }

    // ── folders ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /** A tiny model with rows for all bytes and a tokenizer. */
    private Path published(String name) throws IOException {
        Path hybrid = Path.of(System.getProperty("tern.root"), HYBRIDS, name);
        Path from = Files.exists(hybrid) ? hybrid
                : Path.of(System.getProperty("tern.shared", "../../shared"), "data/hf-tiny", name);
        assumeTrue(Files.exists(from), () -> "skipped: " + from + " is absent; it comes with the shared data");
        Path model = Files.createDirectory(folder.resolve("published"));
        String config = Files.readString(from.resolve("config.json"));
        int rows = JSON.readTree(config).findValue("vocab_size").intValue();
        Files.writeString(model.resolve("config.json"),
                config.replaceAll("\"vocab_size\": *\\d+", "\"vocab_size\": " + ROWS));
        Files.write(model.resolve("model.safetensors"), taller(Files.readAllBytes(from.resolve("model.safetensors")),
                rows));
        Files.writeString(model.resolve("tokenizer.json"), tokenizer());
        return model;
    }

    /** Tables of tokens with so many rows get more: the numbers of row i mod rows, turned by i / rows places. */
    private static byte[] taller(byte[] file, int rows) throws IOException {
        ByteBuffer all = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int start = 8 + (int) all.getLong(0);
        JsonNode header = JSON.readTree(new String(file, 8, start - 8, StandardCharsets.UTF_8));
        ObjectNode written = JSON.createObjectNode();
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        int grown = 0;
        for (Map.Entry<String, JsonNode> entry : header.properties()) {
            JsonNode tensor = entry.getValue();
            if (entry.getKey().equals("__metadata__")) {
                written.set(entry.getKey(), tensor);
                continue;
            }
            byte[] bytes = Arrays.copyOfRange(file, start + tensor.get("data_offsets").get(0).intValue(),
                    start + tensor.get("data_offsets").get(1).intValue());
            JsonNode shape = tensor.get("shape");
            boolean table = entry.getKey().matches(".*(embed|lm_head).*") && shape.size() == 2
                    && shape.get(0).intValue() == rows;
            ObjectNode own = written.putObject(entry.getKey());
            own.set("dtype", tensor.get("dtype"));
            ArrayNode axes = own.putArray("shape");
            for (int axis = 0; axis < shape.size(); axis++) {
                axes.add(table && axis == 0 ? ROWS : shape.get(axis).intValue());
            }
            int from = data.size();
            data.write(bytes);
            for (int i = rows; table && i < ROWS; i++) {
                int row = bytes.length / rows;
                int number = row / shape.get(1).intValue();
                byte[] copy = Arrays.copyOfRange(bytes, i % rows * row, (i % rows + 1) * row);
                int turn = i / rows * number;
                data.write(copy, turn, row - turn);
                data.write(copy, 0, turn);
            }
            grown += table ? 1 : 0;
            own.putArray("data_offsets").add(from).add(data.size());
        }
        assertThat(grown).isBetween(1, 2);
        byte[] head = JSON.writeValueAsBytes(written);
        byte[] result = new byte[8 + head.length + data.size()];
        ByteBuffer.wrap(result).order(ByteOrder.LITTLE_ENDIAN).putLong(head.length).put(head).put(data.toByteArray());
        return result;
    }

    /** A byte-level BPE in Hugging Face's format: 256 bytes by the letters that stand for them, and a few pairs. */
    private static String tokenizer() {
        ObjectNode root = JSON.createObjectNode();
        root.put("version", "1.0");
        root.putObject("pre_tokenizer").put("type", "ByteLevel").put("add_prefix_space", false).put("use_regex", true);
        root.putObject("decoder").put("type", "ByteLevel");
        ObjectNode model = root.putObject("model").put("type", "BPE");
        ObjectNode vocabulary = model.putObject("vocab");
        ArrayNode merges = model.putArray("merges");
        Map<Integer, String> letters = new TreeMap<>();
        int others = 256;
        for (int value = 0; value < 256; value++) {
            boolean itself = value > ' ' && value < 127 || value > 160 && value != 173;
            letters.put(value, Character.toString(itself ? value : others++));
        }
        letters.forEach((value, letter) -> vocabulary.put(letter, value));
        for (String pair : PAIRS) {
            vocabulary.put(pair.replace(" ", ""), vocabulary.size());
            merges.add(pair);
        }
        return root.toString();
    }
}

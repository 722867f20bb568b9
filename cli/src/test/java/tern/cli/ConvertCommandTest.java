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
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import tern.checkpoint.Checkpoint;
import tern.model.Stack;
import tern.tensor.DType;
import tern.tensor.Memory;

/** A model says the same in whatever format it is written, there and back. */
class ConvertCommandTest {
    private static final String PROMPT = "0,1,2,34,105,110,255,7,7,7,64,3";

    @TempDir
    private Path folder;

    private record Ran(int status, String out, String err) {
    }

    private static Ran tern(String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int status = Tern.run(new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8), arguments);
        return new Ran(status, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
    }

    private static Path shared(String name) {
        Path path = Path.of(System.getProperty("tern.shared", "../../shared"), "data").resolve(name);
        assumeTrue(Files.exists(path), () -> "skipped: " + path + " is absent; it comes with the shared data");
        return path;
    }

    private float[] logits(Path model, String ids) throws IOException {
        Path out = folder.resolve("logits.f32");
        Ran ran = tern("logits", model.toString(), "--ids", ids, "--all", "--out", out.toString());
        assertThat(ran.status()).as(ran.err()).isZero();
        return floats(out);
    }

    private static float[] floats(Path file) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        float[] values = new float[bytes.remaining() / 4];
        bytes.asFloatBuffer().get(values);
        return values;
    }

    private static double largestDifference(float[] a, float[] b) {
        assertThat(a).hasSameSizeAs(b);
        double largest = 0;
        for (int i = 0; i < a.length; i++) {
            largest = Math.max(largest, Math.abs(a[i] - b[i]));
        }
        return largest;
    }

    private void convert(Path in, Path out, String dtype) {
        Ran ran = tern("convert", in.toString(), out.toString(), "--dtype", dtype);
        assertThat(ran.status()).as(ran.err()).isZero();
        assertThat(ran.out()).contains("bytes, matrices in " + dtype);
        assertThat(ran.out().contains("of them in q8_0, because")).as(ran.out())
                .isEqualTo(dtype.equals("q4_K") || dtype.equals("q6_K"));
    }

    @ParameterizedTest
    @CsvSource({"rwkv-tiny/tiny-rwkv-6v0-3m-Q5_1.bin, true", "rwkv-tiny/tiny-rwkv-5v2-730K-FP32.bin, false"})
    void thereAndBackInFullPrecision(String name, boolean llama) throws IOException {
        Path in = shared(name);
        float[] expected = logits(in, PROMPT);
        Path own = folder.resolve("own");
        convert(in, own, "f32");
        assertThat(largestDifference(logits(own, PROMPT), expected)).isLessThan(2e-5);
        if (llama) {
            Path gguf = folder.resolve("model.gguf");
            convert(own, gguf, "f32");
            assertThat(largestDifference(logits(gguf, PROMPT), expected)).isLessThan(2e-5);
            Path back = folder.resolve("back.safetensors");
            convert(gguf, back, "f32");
            assertThat(logits(back, PROMPT)).isEqualTo(logits(own, PROMPT));
        } else {
            Ran refused = tern("convert", own.toString(), folder.resolve("five.gguf").toString());
            assertThat(refused.status()).isEqualTo(2);
            assertThat(refused.err()).contains("RWKV-6, RWKV-7").hasLineCount(1);
        }
    }

    @Test
    void whatHasNoBlocksIsCounted() {
        Path in = shared("hf-tiny/mamba");
        Ran ran = tern("convert", in.toString(), folder.resolve("m.gguf").toString(), "--dtype", "q8_0");
        assertThat(ran.status()).as(ran.err()).isZero();
        assertThat(ran.out()).hasLineCount(1)
                .endsWith("matrices in q8_0; 3 of them in f32, because their rows are no multiple of 32\n");
    }

    /** A checkpoint with rotary positions has the same tensors as one without: the user says which. */
    @Test
    void whatTheFileDoesNotTellIsSet() throws IOException {
        String ids = "26,38,47,9,58,38,42,52,85,80,45,55,19,4,70,19,80,92,82,76,2,42,30,67,87,22,57,67,68,89,89,22,"
                + "81,48,60,95,1,22,48,61,60,2,1,29,39,15,21,95";
        Path in = shared("goldfinch-tiny/goldfinch.pth");
        Path out = folder.resolve("rotary");
        Ran ran = tern("convert", in.toString(), out.toString(), "--set", "branches.*.positions.kind=ROTARY");
        assertThat(ran.status()).as(ran.err()).isZero();
        assertThat(largestDifference(logits(out, ids), floats(shared("goldfinch-tiny/goldfinch-logits-rope10k.f32"))))
                .isLessThan(2e-5);
        assertThat(largestDifference(logits(in, ids), floats(shared("goldfinch-tiny/goldfinch-logits-nope.f32"))))
                .isLessThan(2e-5);
        Ran refused = tern("convert", in.toString(), out.toString(), "--set", "vocabulary=64");
        assertThat(refused.status()).isEqualTo(2);
        assertThat(refused.err()).contains("only what parameters do not depend on may change").hasLineCount(1);
    }

    /** The blocks that Tern makes of a model are those that others made, as far as the logits can tell. */
    @Test
    void quantisedAsOthersDo() throws IOException {
        Path gguf = folder.resolve("model.gguf");
        convert(shared("rwkv-tiny/tiny-rwkv-6v0-3m-Q5_1.bin"), gguf, "q8_0");
        byte[] prompt = "The quick brown fox jumps over the lazy dog. ".getBytes(StandardCharsets.UTF_16LE);
        StringBuilder ids = new StringBuilder();
        for (byte symbol : prompt) {
            ids.append(ids.isEmpty() ? "" : ",").append(symbol & 0xFF);
        }
        float[] expected = floats(shared("rwkv-tiny/ext-logits-6v0-3m-gguf-q8_0-utf16.f32"));
        assertThat(largestDifference(logits(gguf, ids.toString()), expected)).isLessThan(2e-4);
    }

    @ParameterizedTest
    @CsvSource({"bf16, safetensors, 0.3", "f16, safetensors, 0.05", "f16, gguf, 0.05", "q4_0, gguf, 4", "q4_K, gguf, 4",
        "q6_K, gguf, 1.5"})
    void narrowTypesAreAsFarAwayAsTheyAreNarrow(String dtype, String ending, double limit) throws IOException {
        Path in = shared("rwkv-tiny/tiny-rwkv-6v0-3m-Q5_1.bin");
        Path out = folder.resolve("narrow." + ending);
        convert(in, out, dtype);
        assertThat(largestDifference(logits(out, PROMPT), logits(in, PROMPT))).isBetween(1e-5, limit);
    }

    /** A number that a type cannot hold would be infinite, and every prediction after it no number. */
    @ParameterizedTest
    @CsvSource({"f16, safetensors, 7e4", "f16, gguf, 7e4", "bf16, gguf, 3.4e38", "bf16, safetensors, 3.4e38",
        "q8_0, gguf, 1e7"})
    void weightsTooLargeForTheTypeAreRefused(String dtype, String ending, double large) throws IOException {
        Path in = folder.resolve("in.safetensors");
        convert(shared("rwkv-tiny/tiny-rwkv-6v0-3m-Q5_1.bin"), in, "f32");
        try (Memory memory = new Memory(); Checkpoint checkpoint = Checkpoint.open(in)) {
            Stack stack = checkpoint.load(DType.F32, memory);
            stack.parameters().find("branches.1.mixer.key.weight").orElseThrow().tensor().set(7, large);
            Checkpoint.save(in, stack, checkpoint.tokenizer(), checkpoint.notes());
        }
        Path out = folder.resolve("out." + ending);
        Ran ran = tern("convert", in.toString(), out.toString(), "--dtype", dtype);
        assertThat(ran.status()).as(ran.err()).isEqualTo(2);
        assertThat(ran.err()).hasLineCount(1).contains("tensor \"").contains("; ");
        assertThat(out).doesNotExist();
    }

    /** Where matrices lie changes no bit of what is computed. */
    @Test
    void matricesMayBeCopied() throws IOException {
        Path in = shared("rwkv-tiny/tiny-rwkv-6v0-3m-Q5_1.bin");
        float[] mapped = logits(in, PROMPT);
        Path out = folder.resolve("copied.f32");
        for (String choice : new String[] {"yes", "auto"}) {
            Ran ran = tern("logits", in.toString(), "--ids", PROMPT, "--all", "--out", out.toString(), "--huge-pages",
                    choice);
            assertThat(ran.status()).as(ran.err()).isZero();
            assertThat(floats(out)).isEqualTo(mapped);
        }
        Ran refused = tern("logits", in.toString(), "--ids", "1", "--out", out.toString(), "--huge-pages", "maybe");
        assertThat(refused.status()).isEqualTo(2);
        assertThat(refused.err()).contains("--huge-pages is \"maybe\"").hasLineCount(1);
    }

    @Test
    void impossibleRequestsAreRefusedInOneLine() throws IOException {
        Path in = shared("rwkv-tiny/tiny-rwkv-6v0-3m-Q5_1.bin");
        Ran unknown = tern("convert", in.toString(), folder.resolve("x").toString(), "--dtype", "q3");
        assertThat(unknown.status()).isEqualTo(2);
        assertThat(unknown.err()).contains("--dtype is \"q3\"").hasLineCount(1);
        Ran blocks = tern("convert", in.toString(), folder.resolve("x").toString(), "--dtype", "q8_0");
        assertThat(blocks.status()).isEqualTo(2);
        assertThat(blocks.err()).contains(".gguf").hasLineCount(1);
        Ran absent = tern("convert", folder.resolve("none.pth").toString(), folder.resolve("x").toString());
        assertThat(absent.status()).isEqualTo(2);
        assertThat(absent.err()).contains("none.pth").hasLineCount(1);
        assertThat(folder).isEmptyDirectory();
        Ran tall = tern("convert", in.toString(), folder.resolve("x").toString(), "--tokenizer", "world");
        assertThat(tall.status()).isEqualTo(2);
        assertThat(tall.err()).contains("has 65530 symbols, but the model's vocabulary is 256").hasLineCount(1);
        Path other = Files.writeString(folder.resolve("notes.safetensors"), "mine");
        Ran lost = tern("convert", in.toString(), other.toString());
        assertThat(lost.status()).isEqualTo(2);
        assertThat(lost.err()).contains("there is something else already").hasLineCount(1);
        assertThat(other).hasContent("mine");
        Path own = folder.resolve("own.safetensors");
        convert(in, own, "f32");
        Ran itself = tern("convert", own.toString(), own.toString(), "--dtype", "bf16");
        assertThat(itself.status()).isEqualTo(2);
        assertThat(itself.err()).contains("is the model itself").hasLineCount(1);
    }

    /** Whatever a command writes, it does not write over what it reads. */
    @Test
    void whatIsReadIsNotWrittenOver() throws IOException {
        Path published = shared("rwkv7-reverse/260123_reverse_L2_only_rwkv7.pth");
        Path file = Files.copy(published, folder.resolve("model.pth"));
        Path prompt = Files.writeString(folder.resolve("prompt.txt"), "12");
        Path model = folder.resolve("model");
        assertThat(tern("convert", file.toString(), model.toString()).status()).isZero();
        byte[] config = Files.readAllBytes(model.resolve("config.json"));
        byte[] weights = Files.readAllBytes(model.resolve("model.safetensors"));
        String elsewhere = folder.resolve("x").toString();
        List<Ran> refused = List.of(
                tern("logits", file.toString(), "--ids", "1", "--out", file.toString()),
                tern("logits", model.toString(), "--ids", "1", "--out", model.resolve("config.json").toString()),
                tern("logits", model.toString(), "--ids", "1", "--out", elsewhere, "--save-state",
                        model.resolve("model.safetensors").toString()),
                tern("logits", model.toString(), "--ids", "1", "--out", elsewhere, "--save-state", elsewhere),
                tern("logits", model.toString(), "--prompt", "@" + prompt, "--out", prompt.toString()),
                tern("generate", file.toString(), "--prompt", "1", "--tokens", "1", "--save-state", file.toString()),
                tern("generate", model.toString(), "--prompt", "@" + prompt, "--save-state", prompt.toString()));
        for (Ran ran : refused) {
            assertThat(ran.status()).as(ran.err()).isEqualTo(2);
            assertThat(ran.err()).contains("which would be lost; choose another name").hasLineCount(1);
        }
        assertThat(file).hasSameBinaryContentAs(published);
        assertThat(prompt).hasContent("12");
        assertThat(model.resolve("config.json")).hasBinaryContent(config);
        assertThat(model.resolve("model.safetensors")).hasBinaryContent(weights);
        Path state = model.resolve("talk.state");
        for (int i = 0; i < 2; i++) {
            Ran kept = tern("generate", model.toString(), "--prompt", "1", "--tokens", "1", "--save-state",
                    state.toString());
            assertThat(kept.status()).as(kept.err()).isZero();
        }
    }

    /** A model of several files, or of a format that is no safetensors, keeps its configuration. */
    @Test
    void theConfigurationOfAnotherProgramStays() throws IOException {
        Path published = shared("hf-tiny/mamba");
        for (String name : List.of("config.json", "model.safetensors")) {
            Files.copy(published.resolve(name), folder.resolve(name));
        }
        Files.move(folder.resolve("model.safetensors"), folder.resolve("weights.safetensors"));
        Ran into = tern("convert", folder.resolve("weights.safetensors").toString(), folder.toString());
        assertThat(into.status()).isEqualTo(2);
        assertThat(into.err()).contains("holds IN and its config.json, which would be lost").hasLineCount(1);
        assertThat(folder.resolve("config.json")).hasSameBinaryContentAs(published.resolve("config.json"));
        assertThat(folder.resolve("model.safetensors")).doesNotExist();
    }

    /** SentencePiece's tokenizer goes into a GGUF and from there into a folder. */
    @Test
    void sentencePieceIsCarriedAlong() throws IOException {
        Path pieces = Files.writeString(Files.createDirectory(folder.resolve("from")).resolve("sentencepiece.json"),
                """
                        {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>", "\u2581", "a", "\u2581a"],
                         "tokenizer.ggml.scores": [0, 0, 0, -1, -2, -0.5], "tokenizer.ggml.token_type": [2, 3, 3, 1, 1, 1]}
                        """);
        Path gguf = folder.resolve("told.gguf"), out = folder.resolve("out");
        assertThat(tern("convert", shared("rwkv-tiny/tiny-rwkv6-from-Q5_1-q8_0.gguf").toString(), gguf.toString(),
                "--tokenizer", pieces.toString()).status()).isZero();
        assertThat(tern("convert", gguf.toString(), out.toString(), "--dtype", "f32").status()).isZero();
        assertThat(out.resolve("sentencepiece.json")).exists();
        for (Path model : List.of(gguf, out)) {
            assertThat(tern("tokenize", model.toString(), "--text", "a aa", "--json").out()).contains("[5,5,4]");
        }
    }

    /** What is wrong with a GGUF's tokenizer is said with the file's name. */
    @Test
    void aDamagedTokenizerNamesItsFile() throws IOException {
        Path good = shared("rwkv-tiny/tiny-rwkv6-from-Q5_1-q8_0.gguf");
        byte[] bytes = Files.readAllBytes(good);
        int kind = new String(bytes, StandardCharsets.ISO_8859_1).indexOf("tokenizer.ggml.model") + 32;
        assertThat(bytes[kind]).isEqualTo((byte) 'r');
        bytes[kind] = 'q';
        Path bad = Files.write(folder.resolve("bad.gguf"), bytes);
        for (String[] arguments : new String[][] {{"generate", bad.toString(), "--prompt", "1"},
            {"convert", bad.toString(), folder.resolve("other.gguf").toString()}}) {
            Ran ran = tern(arguments);
            assertThat(ran.status()).isEqualTo(2);
            assertThat(ran.err()).contains(bad + ": tokenizer.ggml.model: ").hasLineCount(1);
        }
        // Symbols are read and written without it.
        assertThat(logits(bad, "1,2,3")).isEqualTo(logits(good, "1,2,3"));
        assertThat(tern("inspect", bad.toString()).status()).isZero();
    }
}

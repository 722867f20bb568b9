package tern.inference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import tern.kernels.KernelSet;
import tern.sequence.Form;

/** Published files give the logits that others found for them, in every form. Their READMEs say where these come from. */
class PublishedModelsTest {
    private static final String LONG = "This is a port of [BlinkDL/RWKV-LM](https://github.com/BlinkDL/RWKV-LM";
    private static final String FOX = "The quick brown fox jumps over the lazy dog. ";

    private static Path shared(String name) {
        Path path = Path.of(System.getProperty("tern.shared", "../../shared"), "data").resolve(name);
        assumeTrue(Files.exists(path), () -> "skipped: " + path + " is absent; it comes with the shared data");
        return path;
    }

    private static float[] floats(Path file) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        float[] values = new float[bytes.remaining() / 4];
        bytes.asFloatBuffer().get(values);
        return values;
    }

    private static int[] symbols(byte[] bytes) {
        int[] ids = new int[bytes.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = bytes[i] & 0xFF;
        }
        return ids;
    }

    /** All logits, read in one piece of each form, and in pieces of random lengths and forms. */
    private static float[] logits(LanguageModel model, int[] ids, int manner) {
        float[] all = new float[ids.length * model.network().config().vocabulary()];
        int[] filled = {0};
        SplittableRandom random = new SplittableRandom(manner);
        try (LiveSequence sequence = model.sequence()) {
            int from = 0;
            while (from < ids.length) {
                boolean cut = manner >= Form.values().length;
                int to = cut ? Math.min(ids.length, from + 1 + random.nextInt(20)) : ids.length;
                Form form = Form.values()[cut ? random.nextInt(3) : manner];
                sequence.prefill(form, Arrays.copyOfRange(ids, from, to), rows -> {
                    float[] some = rows.toFloats();
                    System.arraycopy(some, 0, all, filled[0], some.length);
                    filled[0] += some.length;
                });
                from = to;
            }
        }
        assertThat(filled[0]).isEqualTo(all.length);
        return all;
    }

    private static void check(Path file, int[] ids, float[] expected, boolean lastOnly, double gate, double expectedGap)
            throws IOException {
        try (Engine engine = new Engine(2); LanguageModel model = LanguageModel.open(file, engine)) {
            for (int manner = 0; manner < Form.values().length + 2; manner++) {
                float[] found = logits(model, ids, manner);
                int offset = lastOnly ? found.length - expected.length : 0;
                assertThat(found.length - offset).isEqualTo(expected.length);
                double worst = 0;
                for (int i = 0; i < expected.length; i++) {
                    worst = Math.max(worst, Math.abs(found[offset + i] - expected[i]));
                }
                assertThat(worst).as("%s, manner %d", file.getFileName(), manner)
                        .isBetween(expectedGap - gate, expectedGap + gate);
            }
        }
    }

    /** The files of rwkv.cpp against its own logits; a quantised file is as far away as exact arithmetic on it is. */
    @ParameterizedTest
    @CsvSource({"tiny-rwkv-5v2-730K-FP32.bin, 5v2-730K, 0, 2e-5", "tiny-rwkv-5v2-730K-FP16.bin, 5v2-730K, 0, 4e-3",
        "tiny-rwkv-5v2-730K-Q5_0.bin, 5v2-730K, 0.510, 0.0102", "tiny-rwkv-5v2-730K-Q5_1.bin, 5v2-730K, 0.371, 0.0074",
        "tiny-rwkv-6v0-3m-Q5_0.bin, 6v0-3m, 0.157, 0.0031", "tiny-rwkv-6v0-3m-Q5_1.bin, 6v0-3m, 0.0757, 0.0015"})
    void threeSymbols(String file, String reference, double gap, double gate) throws IOException {
        float[] expected = floats(shared("rwkv-tiny/expected-logits-" + reference + ".bin"));
        check(shared("rwkv-tiny/" + file), new int[] {0x22, 0x69, 0x6E}, expected, true, gate, gap);
    }

    /**
     * With activations rounded as ggml rounds them, files are as far from the logits of F32 as rwkv.cpp 4358e709 itself makes them
     * of the same files (run on x86 with AVX-512): the sum of all differences and the largest. Of the two Q5_1 files a rounding falls
     * otherwise on the way.
     */
    @ParameterizedTest
    @CsvSource({"tiny-rwkv-5v2-730K-Q5_0.bin, 5v2-730K, 24.209342, 0.50375, 1e-3",
        "tiny-rwkv-6v0-3m-Q5_0.bin, 6v0-3m, -21.151787, 0.14431, 1e-3",
        "tiny-rwkv-5v2-730K-Q5_1.bin, 5v2-730K, 38.266990, 0.39368, 2.5",
        "tiny-rwkv-6v0-3m-Q5_1.bin, 6v0-3m, 1.409070, 0.07706, 0.5"})
    void roundedActivations(String file, String reference, double sum, double largest, double gate)
            throws IOException {
        float[] expected = floats(shared("rwkv-tiny/expected-logits-" + reference + ".bin"));
        try (Engine engine = new Engine(2, KernelSet.fastest().withRoundedActivations());
                LanguageModel model = LanguageModel.open(shared("rwkv-tiny/" + file), engine)) {
            for (Form form : Form.values()) {
                try (LiveSequence sequence = model.sequence()) {
                    float[] found = sequence.prefill(form, 0x22, 0x69, 0x6E);
                    double foundSum = 0, foundLargest = 0;
                    for (int i = 0; i < expected.length; i++) {
                        foundSum += found[i] - expected[i];
                        foundLargest = Math.max(foundLargest, Math.abs(found[i] - expected[i]));
                    }
                    assertThat(foundSum).as("%s, %s, sum", file, form).isBetween(sum - gate, sum + gate);
                    assertThat(foundLargest).as("%s, %s, largest", file, form).isBetween(0.97 * largest,
                            1.03 * largest);
                }
            }
        }
    }

    /** Every format against exact arithmetic on the same numbers. */
    @ParameterizedTest
    @CsvSource({"tiny-rwkv-5v2-730K-FP32.bin, 5v2-730K-FP32, false", "tiny-rwkv-6v0-3m-Q5_0.bin, 6v0-3m-Q5_0, false",
        "tiny-rwkv-6v0-3m-Q5_1.bin, 6v0-3m-Q5_1, false", "tiny-rwkv-6v0-3m-Q5_1.bin, 6v0-3m-Q5_1-utf16, true",
        "tiny-rwkv-6v0-3m-from-Q5_1-fp16.pth, 6v0-3m-fp16pth-utf16, true",
        "tiny-rwkv6-from-Q5_1-q8_0.gguf, 6v0-3m-gguf-q8_0-utf16, true"})
    void manySymbols(String file, String reference, boolean wide) throws IOException {
        byte[] prompt = wide ? FOX.getBytes(StandardCharsets.UTF_16LE) : LONG.getBytes(StandardCharsets.UTF_8);
        float[] expected = floats(shared("rwkv-tiny/ext-logits-" + reference + ".f32"));
        check(shared("rwkv-tiny/" + file), symbols(prompt), expected, false, 2e-4, 0);
    }

    /**
     * Models as the Hugging Face library saves and computes them. RWKV-4's halves the residual stream on the way; an untrained
     * model's logits are large, and single precision lies up to 5e-5 from double.
     */
    @ParameterizedTest
    @CsvSource({"rwkv4_hf, 1e-5", "mamba, 5e-5", "falcon_mamba, 5e-5", "mamba2, 5e-5",
        "recurrent_gemma, 5e-5", "xlstm, 5e-5"})
    void huggingFace(String name, double gate) throws IOException {
        Path folder = shared("hf-tiny/" + name);
        check(folder, tokens(folder), floats(folder.resolve("logits.f32")), false, gate, 0);
    }

    /** Tiny hybrids in the layouts of Hugging Face, whose README says how their logits, up to 8, were computed. */
    @ParameterizedTest
    @ValueSource(strings = {"striped-hyena", "lfm2", "qwen3-next", "qwen3-5", "qwen3-5-moe", "nemotron-h", "falcon-h1",
        "falcon-h1-normed", "granite-h", "granite-h-moe", "granite", "bamba",
        "jamba"})
    void hybrids(String name) throws IOException {
        Path folder = Path.of("../checkpoint/src/test/resources/tern/checkpoint/hybrids").resolve(name);
        check(folder, tokens(folder), floats(folder.resolve("logits.f32")), false, 4e-4, 0);
    }

    private static int[] tokens(Path folder) throws IOException {
        String expected = Files.readString(folder.resolve("expected.json"));
        String list = expected.replaceAll("(?s).*\"tokens\"\\s*:\\s*\\[([^\\]]*)\\].*", "$1");
        return Arrays.stream(list.split(",")).mapToInt(id -> Integer.parseInt(id.strip())).toArray();
    }

    /** Digits come back in reverse order, all of them. */
    @Test
    void digitsAreReversed() throws IOException {
        Path file = shared("rwkv7-reverse/260123_reverse_L2_only_rwkv7.pth");
        SplittableRandom random = new SplittableRandom(60);
        try (Engine engine = new Engine(2); LanguageModel model = LanguageModel.open(file, engine)) {
            for (int length = 1; length <= 60; length++) {
                StringBuilder digits = new StringBuilder();
                for (int i = 0; i < length; i++) {
                    digits.append((char) ('0' + random.nextInt(10)));
                }
                StringBuilder said = new StringBuilder();
                try (LiveSequence sequence = model.sequence()) {
                    float[] logits = sequence.prefill(model.tokenizer().encode(digits + ","));
                    Sampler greedy = new Sampler(Sampling.GREEDY, 1);
                    for (int i = 0; i <= length; i++) {
                        int next = greedy.next(logits);
                        said.append(model.tokenizer().text(new int[] {next}));
                        logits = sequence.step(next);
                    }
                }
                assertThat(said.toString()).as("reverse of %s", digits).isEqualTo(digits.reverse() + "#");
            }
        }
    }
}

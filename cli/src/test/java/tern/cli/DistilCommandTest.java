package tern.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.Checkpoint;
import tern.checkpoint.Safetensors;
import tern.distil.FilterFile;
import tern.distil.ModalFile;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.hyena.HyenaConfig;
import tern.mixers.hyena.ImplicitFilterConfig;
import tern.mixers.hyena.MultiHyenaConfig;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.ops.Activation;
import tern.ops.FilterNorm;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.text.ByteTokenizer;

/** {@code tern distil} from the outside: what it writes, what it says, what it refuses. */
class DistilCommandTest {
    private static final int TIME = 96;
    /** A low sine frequency makes smooth filters without training, which compress as trained ones do. */
    private static final ImplicitFilterConfig SMOOTH = new ImplicitFilterConfig(5, 8, 1, 1.5, true, 1.5, 0.3, 0, true,
            false, FilterNorm.NONE);

    @TempDir
    private Path folder;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @BeforeEach
    void text() throws IOException {
        Files.writeString(file("text"),
                "all the world's a stage and all the men and women merely players\n".repeat(60));
    }

    private Path file(String name) {
        return folder.resolve(name);
    }

    private Path model(String name, MixerConfig... mixers) throws IOException {
        try (Memory memory = new Memory()) {
            Stack stack = new Stack(StackConfig.of(8, TIME, List.of(mixers)),
                    Parameters.Source.initialised(31, DType.F32, memory));
            Checkpoint.save(file(name), stack, ByteTokenizer.ALL.descriptor(), Map.of("architecture", name));
        }
        return file(name);
    }

    private Path smoothModel() throws IOException {
        return model("teacher", HyenaConfig.of(2, SMOOTH), GatedMlpConfig.gated(16, Activation.SILU),
                MultiHyenaConfig.of(2, SMOOTH), AttentionConfig.of(2));
    }

    /** Three filters of 65 taps: two decays, and one with a slow swing. */
    private double[][] taps() {
        double[][] taps = new double[3][65];
        for (int t = 0; t < 65; t++) {
            taps[0][t] = t == 0 ? 0.3 : Math.pow(0.9, t - 1);
            taps[1][t] = t == 0 ? 1.0 / 3 : 2 * Math.pow(0.95, t - 1) - Math.pow(0.5, t - 1);
            taps[2][t] = t == 0 ? -2 : Math.pow(0.97, t - 1) * Math.cos(0.3 * (t - 1));
        }
        return taps;
    }

    private Path filters(String name, DType dtype, double[]... taps) throws IOException {
        try (Memory memory = new Memory()) {
            Tensor tensor = memory.zeros(dtype, Shape.of(taps.length, taps[0].length));
            for (int f = 0; f < taps.length; f++) {
                for (int t = 0; t < taps[f].length; t++) {
                    tensor.set((long) f * taps[f].length + t, taps[f][t]);
                }
            }
            Safetensors.write(file(name), Map.of("any.name", tensor), Map.of());
        }
        return file(name);
    }

    private int tern(Object... args) {
        out.reset();
        err.reset();
        return Tern.run(new PrintStream(out), new PrintStream(err),
                Arrays.stream(args).map(Object::toString).toArray(String[]::new));
    }

    private String error() {
        return err.toString(StandardCharsets.UTF_8);
    }

    private JsonNode json() {
        return new JsonMapper().readTree(out.toString(StandardCharsets.UTF_8));
    }

    /** The command refuses with one line and writes nothing. */
    private String refused(Object... args) {
        List<Object> line = new ArrayList<>(List.of(args));
        if (!line.contains("--out")) {
            line.addAll(List.of("--out", file("never")));
        }
        assertThat(tern(line.toArray())).as(error()).isEqualTo(2);
        assertThat(error().lines()).singleElement().asString().startsWith("tern: ");
        assertThat(out.size()).isZero();
        assertThat(file("never")).doesNotExist();
        return error();
    }

    @Test
    void aModelIsDistilledAndPredictsTheSame() throws IOException {
        Path teacher = smoothModel();
        Path student = file("student");
        assertThat(
                tern("distil", teacher, "--out", student, "--data", file("text"), "--split", "all", "--tolerance", 1e-3,
                        "--json"))
                .as(error()).isZero();
        JsonNode said = json();
        assertThat(said.get("filters").asInt()).isEqualTo(8 + 4);
        assertThat(said.get("per_filter")).allSatisfy(filter -> {
            assertThat(filter.get("relative_error").asDouble()).isLessThanOrEqualTo(1e-3);
            assertThat(filter.get("hankel_error").asDouble())
                    .isGreaterThanOrEqualTo(filter.get("bound").asDouble() * (1 - 1e-6));
            assertThat(filter.get("largest_radius").asDouble()).isLessThan(1);
        });
        assertThat(said.get("layers")).extracting(layer -> layer.get("kind").asString())
                .containsExactly("hyena", "multihyena", "attention");
        JsonNode quality = said.get("quality");
        assertThat(quality.get("tokens").asLong()).isEqualTo(Files.size(file("text")) - 1);
        assertThat(quality.get("bits_per_byte_change").asDouble()).isCloseTo(0, within(1e-3));
        assertThat(quality.get("max_logit_change").asDouble()).isLessThan(5e-3).isPositive();
        try (Checkpoint before = Checkpoint.open(teacher); Checkpoint after = Checkpoint.open(student)) {
            assertThat(said.get("state_floats_before").asLong()).isEqualTo(before.model().stateFloats(TIME));
            assertThat(said.get("state_floats_after").asLong()).isEqualTo(after.model().stateFloats(TIME));
            assertThat(after.fingerprint()).isEqualTo(said.get("fingerprint").asString());
            assertThat(after.notes()).containsEntry("distilled_from", before.fingerprint())
                    .containsEntry("architecture", "teacher").containsEntry("distilled_by", "hankel, tolerance 0.001");
            assertThat(after.notes()).hasEntrySatisfying("distilled_orders",
                    orders -> assertThat(orders.split(" ")).hasSize(12));
        }
    }

    @Test
    void automaticOrdersAreAsSmallAsPredictionsAllow() throws IOException {
        Path teacher = smoothModel();
        assertThat(tern("distil", teacher, "--out", file("student"), "--data", file("text"), "--json")).as(error())
                .isZero();
        JsonNode said = json();
        assertThat(said.get("target").asString()).isEqualTo("automatic orders");
        assertThat(said.get("quality").get("mean_kl").asDouble()).isLessThan(0.01);
        assertThat(tern("distil", teacher, "--out", file("exact"), "--tolerance", 1e-3, "--json")).isZero();
        assertThat(said.get("filter_state_floats").asLong()).isLessThan(json().get("filter_state_floats").asLong());
        assertThat(tern("eval", file("student"), "--data", file("text"), "--json")).as(error()).isZero();
    }

    @Test
    void peopleGetATable() throws IOException {
        assertThat(tern("distil", smoothModel(), "--out", file("student.safetensors"), "--order", 6)).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("12 filters of 96 taps, hankel, order 6")
                .contains("branch 2").contains("which still grows").contains("fitted in");
        assertThat(error()).isEmpty();
    }

    @Test
    void aReportIsWritten() throws IOException {
        assertThat(
                tern("distil", filters("f.safetensors", DType.F32, taps()), "--out", file("m.safetensors"), "--order",
                        2, "--report", file("r.html")))
                .as(error()).isZero();
        assertThat(Files.readString(file("r.html"))).startsWith("<!DOCTYPE html>").contains("any.name[2]")
                .contains("\"comparison\":[{");
        assertThat(refused("distil", file("f.safetensors"), "--report", folder)).contains("is a folder");
        assertThat(refused("distil", file("f.safetensors"), "--report", file("no/r.html"))).contains("no folder");
    }

    @Test
    void theNumberOfThreadsChangesNothing() throws IOException {
        Path teacher = smoothModel();
        assertThat(tern("distil", teacher, "--out", file("one"), "--threads", 1, "--budget", 100)).isZero();
        assertThat(tern("distil", teacher, "--out", file("four"), "--threads", 4, "--budget", 100)).isZero();
        assertThat(file("four").resolve(Safetensors.MODEL_FILE))
                .hasSameBinaryContentAs(file("one").resolve(Safetensors.MODEL_FILE));
    }

    @Test
    void aBudgetIsKept() throws IOException {
        assertThat(tern("distil", smoothModel(), "--out", file("student"), "--budget", 60, "--json")).isZero();
        assertThat(json().get("filter_state_floats").asLong()).isBetween(50L, 60L);
        assertThat(StreamSupport.stream(json().get("per_filter").spliterator(), false)
                .mapToInt(filter -> filter.get("order").asInt()).distinct().count()).as("different orders")
                .isGreaterThan(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"hankel", "gradient", "modal", "balanced", "prony"})
    void everyMethodDoesFilters(String method) throws IOException {
        assertThat(tern("distil", filters("f.safetensors", DType.F64, taps()), "--out", file("m.safetensors"),
                "--order", 2, "--method", method, "--json")).as(error()).isZero();
        assertThat(json().get("method").asString()).isEqualTo(method);
        assertThat(json().get("per_filter").get(2).get("order").asInt()).isEqualTo(2);
    }

    @ParameterizedTest
    @EnumSource(value = DType.class, names = {"F32", "F64"})
    void filtersComeBackFromTheirFile(DType dtype) throws IOException {
        Path from = filters("f.safetensors", dtype, taps());
        assertThat(tern("distil", from, "--out", file("m.safetensors"), "--tolerance", 1e-6)).as(error()).isZero();
        FilterFile before = FilterFile.read(from);
        ModalFile after = ModalFile.read(file("m.safetensors"));
        assertThat(after.filters()).isEqualTo(3);
        for (int f = 0; f < 3; f++) {
            double[] expected = before.filters().get(f).taps();
            double[] found = after.taps(f, expected.length);
            assertThat(found[0]).as("h_0 of filter %d", f).isEqualTo(expected[0]);
            for (int t = 1; t < expected.length; t++) {
                assertThat(found[t]).as("filter %d, tap %d", f, t).isCloseTo(expected[t], within(1e-5));
            }
        }
        assertThat(List.of(after.pairs(0), after.reals(0), after.reals(1), after.pairs(2), after.reals(2)))
                .containsExactly(0, 1, 2, 1, 0);
    }

    @Test
    void aDistilledModelMayBeReplacedAndNothingElse() throws IOException {
        Path teacher = smoothModel();
        assertThat(tern("distil", teacher, "--out", file("student"), "--order", 2)).isZero();
        assertThat(tern("distil", teacher, "--out", file("student"), "--order", 4)).isZero();
        assertThat(refused("distil", teacher, "--out", teacher)).contains("is the model itself");
        model("other", HyenaConfig.of(2, SMOOTH));
        assertThat(refused("distil", teacher, "--out", file("other"))).contains("was not distilled");
        assertThat(refused("distil", teacher, "--out", file("text"))).contains("is a file");
        Files.createDirectory(file("things"));
        Files.writeString(file("things").resolve("note"), "keep me");
        assertThat(refused("distil", teacher, "--out", file("things"))).contains("folder of other things");
        Files.createDirectory(file("d.safetensors"));
        assertThat(refused("distil", teacher, "--out", file("d.safetensors"))).contains("is a folder");
        Path filters = filters("f.safetensors", DType.F32, taps());
        assertThat(refused("distil", filters, "--out", filters)).contains("there is another file");
        assertThat(refused("distil", filters, "--out", file("text"))).contains("there is another file");
        assertThat(refused("distil", filters, "--out", file("no/where"))).contains("there is no folder");
    }

    /** A report takes the place of nothing that was read or is written. */
    @Test
    void aReportIsWrittenBesideEverythingElse() throws IOException {
        Path teacher = smoothModel();
        String text = Files.readString(file("text"));
        assertThat(refused("distil", teacher, "--order", 2, "--data", file("text"), "--report", file("text")))
                .contains("is the data, which would be lost");
        Files.createDirectory(file("texts"));
        Files.writeString(file("texts").resolve("one"), text);
        assertThat(refused("distil", teacher, "--order", 2, "--data", file("texts"), "--report",
                file("texts").resolve("one"))).contains("is a part of the data in");
        assertThat(file("text")).hasContent(text);
        assertThat(file("texts").resolve("one")).hasContent(text);
        Files.createDirectory(file("student"));
        assertThat(tern("distil", teacher, "--order", 2, "--out", file("student"), "--report",
                file("student").resolve("model.safetensors"))).isEqualTo(2);
        assertThat(error()).contains("is the name of a part of the model").hasLineCount(1);
        assertThat(file("student")).isEmptyDirectory();
        assertThat(tern("distil", teacher, "--order", 2, "--out", file("student"), "--report",
                file("student").resolve("report.html"))).as(error()).isZero();
    }

    /** What would change nothing is not taken for said. */
    @Test
    void optionsThatNothingWouldComeOfAreRefused() throws IOException {
        Path teacher = smoothModel();
        for (int windows : new int[] {0, -4}) {
            assertThat(refused("distil", teacher, "--order", 2, "--data", file("text"), "--windows", windows))
                    .contains("--windows is " + windows + ", expected 1 or more");
        }
        assertThat(refused("distil", teacher, "--order", 2, "--split", "test")).contains("--split: there is no text");
        assertThat(refused("distil", teacher, "--order", 2, "--windows", 3)).contains("--windows: there is no text");
        assertThat(refused("distil", teacher, "--order", 2, "--activations", "q8")).contains("--activations");
        assertThat(refused("distil", teacher, "--order", 2, "--huge-pages", "yes")).contains("--huge-pages");
        Path filters = filters("f.safetensors", DType.F32, taps());
        assertThat(refused("distil", filters, "--split", "test")).contains("--split: filters alone predict nothing");
    }

    @Test
    void automaticOrdersThatAreNotLargeEnoughAreTold() throws IOException {
        Path model = model("rough", HyenaConfig.of(2, ImplicitFilterConfig.published()));
        try (Memory memory = new Memory(); Checkpoint checkpoint = Checkpoint.open(model)) {
            Stack stack = checkpoint.load(DType.F32, memory);
            // Predictions that depend on what the filters remember, as those of a trained model do.
            Map.of("embedding.table", 30, "branches.0.mixer.output.weight", 1000).forEach((name, louder) -> {
                Tensor tensor = stack.parameters().find(name).orElseThrow().tensor();
                for (long i = 0; i < tensor.elements(); i++) {
                    tensor.set(i, louder * tensor.get(i));
                }
            });
            Checkpoint.save(file("loud"), stack, ByteTokenizer.ALL.descriptor(), Map.of());
        }
        assertThat(tern("distil", file("loud"), "--out", file("student"), "--max-order", 1, "--json")).as(error())
                .isZero();
        assertThat(json().get("bits_on_own_text").asDouble()).isGreaterThan(0.005);
        assertThat(error()).contains("more than the 0.005 that automatic orders aim at; raise --max-order (1)");
    }

    @Test
    void whatCannotBeMetIsRefusedWithWhatWouldDo() throws IOException {
        Path rough = model("rough", HyenaConfig.of(2, ImplicitFilterConfig.published()));
        assertThat(refused("distil", rough, "--tolerance", "1e-3", "--max-order", 4))
                .contains("8 of 8 filters cannot meet the tolerance; the worst is filter branch 0 bank 0 filter ")
                .containsPattern("order \\d+ would do|no order below \\d+ can|no order up to half its taps");
        assertThat(refused("distil", rough, "--order", 48))
                .contains("filter branch 0 bank 0 filter 0 has 96 taps, which determine at most order 47");
        assertThat(refused("distil", rough, "--budget", 7)).contains("give 8 or more");
        assertThat(refused("distil", rough, "--order", 0)).contains("order is 0, expected 1 or more");
        assertThat(refused("distil", rough, "--tolerance", 0)).contains("tolerance is 0.0");
        assertThat(refused("distil", rough, "--budget", 0)).contains("budget is 0 floats");
        assertThat(refused("distil", rough, "--max-order", 0)).contains("--max-order is 0");
        assertThat(refused("distil", rough, "--order", "many")).contains("--order is 'many'").contains("auto");
        assertThat(refused("distil", rough, "--order", 4, "--budget", 60)).contains("give one of");
    }

    @Test
    void wrongWordsComeWithTheNearest() throws IOException {
        assertThat(refused("distil", smoothModel(), "--method", "hankle")).contains("did you mean 'hankel'?");
        assertThat(refused("distil", file("teacher"), "--tolerence", 1)).contains("did you mean '--tolerance'?");
        assertThat(refused("distil", file("teacher"), "--data", file("text"), "--split", "half"))
                .contains("split \"half\" is unknown");
    }

    @Test
    void aModelWithoutLongConvolutionsIsRefused() throws IOException {
        assertThat(refused("distil", model("plain", AttentionConfig.of(2)))).contains("no long convolution")
                .contains("attention");
    }

    @Test
    void damagedFilesAreRefused() throws IOException {
        assertThat(refused("distil", file("absent"))).contains("no such file");
        assertThat(refused("distil", file("text"))).contains("expected a safetensors");
        Path filters = filters("f.safetensors", DType.F32, taps());
        byte[] bytes = Files.readAllBytes(filters);
        Files.write(filters, Arrays.copyOf(bytes, bytes.length - 40));
        assertThat(refused("distil", filters)).contains("f.safetensors");
        double[][] taps = taps();
        taps[1][7] = Double.NaN;
        assertThat(refused("distil", filters("nan.safetensors", DType.F32, taps)))
                .contains("tap 7 of filter any.name[1] is NaN");
        taps[1][7] = 1e300;
        assertThat(refused("distil", filters("large.safetensors", DType.F64, taps), "--order", 4))
                .contains("tap 7 of filter any.name[1] is 1.0E300, beyond what recurrences in float32 can follow");
        assertThat(refused("distil", filters("half.safetensors", DType.F16, taps()))).contains("expected F32 or F64");
        assertThat(refused("distil", filters("short.safetensors", DType.F32, new double[] {1, 2})))
                .contains("has 2 taps, expected 3 or more");
        assertThat(refused("distil", filters("ok.safetensors", DType.F32, taps()), "--data", file("text")))
                .contains("filters alone predict nothing");
        assertThat(tern("distil", file("ok.safetensors"), "--out", file("m.safetensors"))).isZero();
        assertThat(refused("distil", file("m.safetensors"))).contains("holds distilled filters already");
    }

    @Test
    void aNanInAModelIsNamed() throws IOException {
        try (Memory memory = new Memory()) {
            Stack stack = new Stack(StackConfig.of(8, TIME, List.of(HyenaConfig.of(2, SMOOTH))),
                    Parameters.Source.initialised(31, DType.F32, memory));
            stack.parameters().find("branches.0.mixer.bank0.skip").orElseThrow().tensor().set(3, Double.NaN);
            Checkpoint.save(file("teacher"), stack, ByteTokenizer.ALL.descriptor(), Map.of());
        }
        assertThat(refused("distil", file("teacher"))).contains("tap 0 of filter branch 0 bank 0 filter 3 is NaN");
        Files.writeString(folder.resolve("text"), "text ".repeat(TIME));
        assertThat(tern("eval", file("teacher"), "--data", file("text"))).as(error()).isEqualTo(2);
        assertThat(error()).contains("its weights are damaged").hasLineCount(1);
        try (Memory memory = new Memory(); Checkpoint checkpoint = Checkpoint.open(smoothModel())) {
            Stack stack = checkpoint.load(DType.F32, memory);
            stack.parameters().find("branches.1.mixer.gate.weight").orElseThrow().tensor().set(3, Double.NaN);
            Checkpoint.save(file("deaf"), stack, ByteTokenizer.ALL.descriptor(), Map.of());
        }
        assertThat(refused("distil", file("deaf"))).contains("predictions are not numbers");
        assertThat(refused("distil", file("deaf"), "--order", 2, "--data", file("text")))
                .contains("predictions are not numbers");
    }
}

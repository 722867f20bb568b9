package tern.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.Checkpoint;
import tern.checkpoint.RecordJson;
import tern.checkpoint.Safetensors;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.sequence.Slot;
import tern.sequence.StateLayout;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;

/** What generating and reading write, and where. */
class GenerateCommandTest {
    @TempDir
    private Path folder;

    private Path model;

    private record Ran(int status, String out, String err) {
    }

    private static Ran tern(String... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int status = Tern.run(new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8), arguments);
        return new Ran(status, out.toString(UTF_8), err.toString(UTF_8));
    }

    @BeforeEach
    void save() throws IOException {
        model = save("model", 0.02f);
    }

    private Path save(String name, float weight) throws IOException {
        return save(name, "transformer-nano", weight);
    }

    private Path save(String name, String preset, float weight) throws IOException {
        return save(name, Presets.named(preset), weight);
    }

    private Path save(String name, StackConfig config, float weight) throws IOException {
        Path path = folder.resolve(name);
        try (Memory memory = new Memory()) {
            Stack stack = new Stack(config,
                    Parameters.Source.initialised(1, DType.F32, memory));
            stack.parameters().all().stream().filter(parameter -> parameter.name().endsWith("output.weight"))
                    .forEach(parameter -> parameter.tensor().fill(weight));
            Checkpoint.save(path, stack, Map.of("kind", "bytes"), Map.of());
        }
        return path;
    }

    /** The end of a pipe has no path of its own, though {@code /dev/stdout} names it. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void logitsMayGoIntoAPipe() throws Exception {
        Path file = folder.resolve("logits.f32");
        assertThat(tern("logits", model.toString(), "--ids", "1,2,3", "--all", "--out", file.toString()).status())
                .isZero();
        Process reader = new ProcessBuilder("cat").start();
        try {
            FutureTask<byte[]> read = new FutureTask<>(() -> reader.getInputStream().readAllBytes());
            Thread.ofVirtual().start(read);
            Path pipe = Path.of("/proc", Long.toString(reader.pid()), "fd", "0");
            Ran ran = tern("logits", model.toString(), "--ids", "1,2,3", "--all", "--out", pipe.toString());
            assertThat(ran.status()).as(ran.err()).isZero();
            reader.getOutputStream().close();
            assertThat(read.get(60, TimeUnit.SECONDS)).isEqualTo(Files.readAllBytes(file));
        } finally {
            reader.destroyForcibly();
        }
    }

    /** Without its checksum, a flipped bit in a state would go unnoticed. */
    @Test
    void aStateWithoutItsChecksumIsRefused() throws IOException {
        Path state = folder.resolve("talk.safetensors");
        Ran saved = tern("generate", model.toString(), "--prompt", "abc", "--tokens", "2", "--save-state",
                state.toString());
        assertThat(saved.status()).as(saved.err()).isZero();
        String bytes = new String(Files.readAllBytes(state), ISO_8859_1);
        assertThat(bytes).contains("note.crc32c");
        Files.write(state, bytes.replace("note.crc32c", "note.crc32d").getBytes(ISO_8859_1));
        Ran refused = tern("generate", model.toString(), "--load-state", state.toString(), "--tokens", "2");
        assertThat(refused.status()).isEqualTo(2);
        assertThat(refused.err()).startsWith("tern: " + state + ": ").contains("checksum").hasLineCount(1);
    }

    @Test
    void aTunedStateIsBegunWith() throws IOException {
        Path rwkv = save("rwkv", "rwkv7-nano", 0.02f);
        Path tuned = folder.resolve("tuned.safetensors");
        try (Memory memory = new Memory(); Checkpoint open = Checkpoint.open(rwkv)) {
            Map<String, Tensor> states = new TreeMap<>();
            for (StateLayout layout : open.model().stateLayouts()) {
                layout.slots().stream().filter(slot -> slot.name().equals("heads")).forEach(slot -> {
                    Tensor state = memory.zeros(DType.F32, ((Slot.Fixed) slot).shape());
                    state.fill(0.5f);
                    states.put("blocks." + states.size() + ".att.time_state", state);
                });
            }
            assertThat(states).isNotEmpty();
            Safetensors.write(tuned, states, Map.of());
        }
        String[] command = {"generate", rwkv.toString(), "--prompt", "abc", "--tokens", "20", "--load-state",
            tuned.toString()};
        Ran begun = tern(command);
        assertThat(begun.status()).as(begun.err()).isZero();
        assertThat(begun.err()).contains("at position 23");
        Ran nothing = tern("generate", rwkv.toString(), "--load-state", tuned.toString());
        assertThat(nothing.status()).isEqualTo(2);
        assertThat(nothing.err()).contains("give at least one symbol to continue").hasLineCount(1);
        command[1] = model.toString();
        Ran other = tern(command);
        assertThat(other.status()).isEqualTo(2);
        assertThat(other.err()).startsWith("tern: " + tuned + ": ").contains("belongs to another model")
                .hasLineCount(1);
    }

    @Test
    void aModelThatGivesNanIsNamed() throws IOException {
        Path damaged = save("damaged", Float.NaN);
        Ran ran = tern("generate", damaged.toString(), "--prompt", "a", "--tokens", "2");
        assertThat(ran.status()).isEqualTo(2);
        assertThat(ran.err()).startsWith("tern: " + damaged + ": the model gave NaN").hasLineCount(1);
    }

    /** A trained number for every distance ends somewhere: that is said before anything is computed. */
    @Test
    void aTextBeyondWhatTheModelReadsIsRefused() throws IOException {
        String limited = save("limited", RecordJson.with(Presets.named("mega-micro"),
                List.of("branches.*.chunk=0", "branches.*.bias=simple", "context=12")), 0.02f).toString();
        String state = folder.resolve("limited.state").toString();
        assertThat(tern("generate", limited, "--prompt", "abcdefgh", "--tokens", "4", "--save-state", state).status())
                .isZero();
        assertThat(tern("generate", limited, "--prompt", "abcdefgh", "--tokens", "5").err())
                .isEqualToIgnoringNewLines("tern: this model reads at most 12 tokens, but the prompt and what was read"
                        + " before are 8 and --tokens is 5; ask for 4 or fewer");
        Ran on = tern("generate", limited, "--load-state", state, "--tokens", "1");
        assertThat(on.status()).isEqualTo(2);
        assertThat(on.err()).contains("are 12 and --tokens is 1; shorten the prompt").hasLineCount(1);
    }

    /** Ctrl-C, or a polite kill where that is ignored, ends a text early and does not throw away what there is of it. */
    @Test
    @EnabledOnOs({OS.LINUX, OS.MAC})
    void anInterruptPrintsAndSavesWhatWasMade() throws Exception {
        boolean ignored = Signals.interruptsAreIgnored();
        Path state = folder.resolve("talk.safetensors");
        Path out = folder.resolve("out.json");
        Path err = folder.resolve("err.txt");
        Process generating = java(List.of("generate", model.toString(), "--prompt", "abc", "--tokens", "100000",
                "--stream", "--json", "--save-state", state.toString())).redirectOutput(out.toFile())
                .redirectError(err.toFile()).start();
        try {
            for (int i = 0; i < 600 && (!Files.exists(out) || Files.size(out) == 0); i++) {
                Thread.sleep(100);
            }
            assertThat(new ProcessBuilder("kill", ignored ? "-TERM" : "-INT", Long.toString(generating.pid())).start()
                    .waitFor()).isZero();
            assertThat(generating.waitFor(120, TimeUnit.SECONDS)).isTrue();
        } finally {
            generating.destroyForcibly();
        }
        assertThat(generating.exitValue()).as(Files.readString(err)).isEqualTo(ignored ? 143 : 130);
        List<String> lines = Files.readAllLines(out);
        JsonNode report = JsonMapper.shared().readTree(lines.getLast());
        assertThat(report.path("interrupted").asBoolean()).as(lines.getLast()).isTrue();
        int made = report.get("ids").size();
        assertThat(made).isBetween(1, 99_999);
        Ran on = tern("generate", model.toString(), "--load-state", state.toString(), "--tokens", "1", "--json");
        assertThat(on.status()).as(on.err()).isZero();
        assertThat(JsonMapper.shared().readTree(on.out()).get("position").asInt()).isEqualTo(3 + made + 1);
    }

    private static ProcessBuilder java(List<String> arguments) {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin",
                "java").toString(), "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("jdk.module.path") + File.pathSeparator + System.getProperty("java.class.path"),
                Tern.class.getName()));
        command.addAll(arguments);
        return new ProcessBuilder(command);
    }
}

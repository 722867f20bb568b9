package tern.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.text.ByteTokenizer;
import tern.text.SplitData;
import tern.text.SplitRule;
import tern.text.TextData;

/**
 * Three steps, an end, and three more with other threads make what six do: the same losses and, byte for byte, the same model.
 * Where a preset keeps something beside its parameters from one step to the next, this is where it shows.
 */
class EveryPresetGoesOnTest {
    private static final SplitData DATA = TextData
            .of("tale", "It was the best of times, it was the worst of times. ".repeat(40)
                    .getBytes(StandardCharsets.US_ASCII))
            .split(SplitRule.parse("80/20/0"));

    /** Those that have more than one kind of layer, experts, chunks, or numbers that training measures. */
    private static final Set<String> SOME = Set.of("gated-delta-experts-nano", "universal-nano", "megalodon-nano",
            "block-recurrent-nano", "tcnca-nano", "titans-context-nano", "slstm-nano", "multires-nano", "rwkv7-nano",
            "falcon-h1-nano");

    /**
     * A preset of each family, small, with the profile {@code proofs}; without it some. Those that read in both directions are
     * not trained on text.
     */
    static Stream<String> presets() {
        assertThat(Presets.names()).containsAll(SOME);
        return Presets.names().stream().filter(name -> Boolean.getBoolean("tern.proofs") || SOME.contains(name))
                .filter(name -> name.endsWith("-nano") || name.startsWith("gold-over-"))
                .filter(name -> new Stack(Presets.named(name), Parameters.Source.shapesOnly()).causal());
    }

    @TempDir
    private Path folder;

    @ParameterizedTest
    @MethodSource("presets")
    void threeStepsAndThreeAreSix(String preset) throws IOException {
        List<Double> whole = run(preset, folder.resolve("whole"), 1, false, 99);
        List<Double> parts = new ArrayList<>(run(preset, folder.resolve("parts"), 4, false, 3));
        assertThat(parts).hasSize(3);
        parts.addAll(run(preset, folder.resolve("parts"), 3, true, 99));
        assertThat(parts).isEqualTo(whole).hasSize(6);
        for (String file : List.of("last/model.safetensors", "model.safetensors")) {
            assertThat(Files.mismatch(folder.resolve("parts").resolve(file), folder.resolve("whole").resolve(file)))
                    .as("%s of %s differs at byte", file, preset).isEqualTo(-1);
        }
    }

    private static List<Double> run(String preset, Path folder, int threads, boolean resume, int stopAfter)
            throws IOException {
        StackConfig architecture = Presets.named(preset);
        TrainingConfig training = TrainingConfig.usual(300_000, 40).with("batch", "2").with("accumulation", "2")
                .with("validationWindows", "2").with("validateEvery", "3");
        TrainingPlan plan = new TrainingPlan(preset, architecture, Optional.empty(), false, ByteTokenizer.ALL, training,
                new Budget.Steps(6),
                DATA, List.of("tale"), folder, resume, 0);
        List<Double> losses = new ArrayList<>();
        try (ThreadTeam team = new ThreadTeam(threads)) {
            new TrainingRun(plan, KernelSet.fastest(), team, (model, prompt, tokens, seed) -> "").run(event -> {
                if (event instanceof TrainingEvent.Stepped step) {
                    losses.add(step.loss());
                }
            }, () -> losses.size() >= stopAfter);
        }
        return losses;
    }
}

package tern.cli.bench;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.attention.GroupedAttentionConfig;
import tern.mixers.goldfinch.GptAlphaConfig;
import tern.mixers.parallel.ParallelConfig;
import tern.mixers.universal.UniversalConfig;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.sequence.MixerConfig;
import tern.sequence.SequenceMixer;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.ByteTokenizer;
import tern.text.RandomWindows;
import tern.text.Split;
import tern.text.TextData;
import tern.text.Windows;
import tern.train.Trainer;
import tern.train.TrainingConfig;

/** What one training step costs: forward, backward and update of a preset on random bytes. */
public final class TrainBench {
    private TrainBench() {
    }

    /**
     * One preset measured.
     *
     * @param seconds median of a step
     * @param peakBytes native memory held: parameters, gradients, moments, activations
     */
    public record Row(String preset, long parameters, int batch, int time, int threads, double seconds, double fastest,
            double slowest, double tokensPerSecond, long peakBytes) {
    }

    /**
     * Measures one preset.
     *
     * @param batch sequences a step
     * @param time positions a sequence; 0 for the preset's context
     * @param steps measured
     * @param warmSeconds spent on steps before them, one at least: the compiler takes some seconds to come round to a model
     */
    public static Row measure(String preset, int batch, int time, int threads, int steps, double warmSeconds,
            boolean recompute) {
        StackConfig config = Presets.named(preset);
        return measure(preset, config, batch, time == 0 ? config.context() : Math.min(time, config.context()), threads,
                steps, warmSeconds, recompute);
    }

    /**
     * Measures the first layer of a preset, its ends and all, on one sequence that is as long as its context then is.
     *
     * @param time positions
     * @param steps measured
     * @param warmSeconds spent on steps before them, one at least
     */
    public static Row measureOneLayer(String preset, int time, int threads, int steps, double warmSeconds) {
        StackConfig config = Presets.named(preset);
        StackConfig one = config.withBranches(config.branches().subList(0, Math.min(2, config.branches().size())))
                .withEnds(config.vocabulary(), time, config.tiedHead(), config.features(), config.readout());
        return measure(preset, one, 1, time, threads, steps, warmSeconds, false);
    }

    /** The smallest presets whose first layer reads no later positions, and not all of those before each. */
    public static List<String> recurrent() {
        return Presets.names().stream().filter(name -> name.endsWith("-micro"))
                .filter(name -> causal(Presets.named(name)) && !readsAll(Presets.named(name).branches().getFirst()))
                .toList();
    }

    private static boolean causal(StackConfig config) {
        return config.generates() && new Stack(config, Parameters.Source.shapesOnly()).mixers().stream()
                .allMatch(SequenceMixer::causal);
    }

    private static boolean readsAll(MixerConfig mixer) {
        return mixer instanceof AttentionConfig || mixer instanceof GroupedAttentionConfig
                || mixer instanceof GptAlphaConfig || mixer instanceof UniversalConfig
                || mixer instanceof ParallelConfig sides
                        && sides.parts().stream().anyMatch(side -> readsAll(side.mixer()));
    }

    private static Row measure(String preset, StackConfig config, int batch, int length, int threads, int steps,
            double warmSeconds, boolean recompute) {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(threads)) {
            Stack model = new Stack(config, Parameters.Source.initialised(1, DType.F32, memory));
            TrainingConfig training = TrainingConfig.usual(model.parameters().count(), length)
                    .with("batch", Integer.toString(batch)).with("recompute", Boolean.toString(recompute));
            byte[] bytes = new byte[4 * (length + 1)];
            new SplittableRandom(1).nextBytes(bytes);
            double[] seconds = new double[steps];
            try (TextData data = TextData.of("random bytes", bytes);
                    Trainer trainer = new Trainer(model, training, KernelSet.fastest(), team)) {
                Windows windows = new RandomWindows(data.split().tokens(Split.ALL, ByteTokenizer.ALL), batch, length,
                        1);
                long started = System.nanoTime();
                do {
                    trainer.step(windows, 1e-4);
                } while ((System.nanoTime() - started) * 1e-9 < warmSeconds);
                for (int i = 0; i < steps; i++) {
                    long begun = System.nanoTime();
                    trainer.step(windows, 1e-4);
                    seconds[i] = (System.nanoTime() - begun) * 1e-9;
                }
                Arrays.sort(seconds);
                double median = seconds[steps / 2];
                return new Row(preset, model.parameters().count(), batch, length, threads, median, seconds[0],
                        seconds[steps - 1], (double) batch * length / median, memory.bytes() + trainer.bytes());
            }
        }
    }
}

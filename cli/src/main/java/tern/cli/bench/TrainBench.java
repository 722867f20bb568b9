package tern.cli.bench;

import java.util.Arrays;
import java.util.SplittableRandom;

import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.model.StackConfig;
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
     * @param steps measured, after three to warm up
     */
    public static Row measure(String preset, int batch, int time, int threads, int steps, boolean recompute) {
        StackConfig config = Presets.named(preset);
        int length = time == 0 ? config.context() : Math.min(time, config.context());
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
                for (int i = -3; i < steps; i++) {
                    long begun = System.nanoTime();
                    trainer.step(windows, 1e-4);
                    if (i >= 0) {
                        seconds[i] = (System.nanoTime() - begun) * 1e-9;
                    }
                }
                Arrays.sort(seconds);
                double median = seconds[steps / 2];
                return new Row(preset, model.parameters().count(), batch, length, threads, median, seconds[0],
                        seconds[steps - 1], (double) batch * length / median, memory.bytes() + trainer.bytes());
            }
        }
    }
}

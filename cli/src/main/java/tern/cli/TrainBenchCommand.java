package tern.cli;

import java.util.List;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import tern.cli.bench.TrainBench;

/** {@code tern bench train}: what a training step costs. */
@Command(name = "train", description = "Tokens per second and peak memory of one training step per preset.", mixinStandardHelpOptions = true, sortOptions = false)
final class TrainBenchCommand implements Callable<Integer> {
    @Option(names = "--presets", split = ",", defaultValue = "transformer-nano,hyena-nano,multihyena-nano,modal-nano,transformer-tiny,hyena-tiny,multihyena-tiny,modal-tiny,transformer-small,hyena-small,multihyena-small,modal-small", description = "Presets to measure (${DEFAULT-VALUE}).")
    private List<String> presets;

    @Option(names = "--batch", defaultValue = "8", description = "Sequences a step (${DEFAULT-VALUE}).")
    private int batch;

    @Option(names = "--time", defaultValue = "0", description = "Positions a sequence; 0 for the preset's context.")
    private int time;

    @Option(names = "--steps", defaultValue = "5", description = "Steps measured (${DEFAULT-VALUE}).")
    private int steps;

    @Mixin
    private ThreadOptions threads;

    @Option(names = "--recompute", description = "Compute branches again in the backward pass instead of keeping them.")
    private boolean recompute;

    @Mixin
    private BenchOptions shown;

    @Override
    public Integer call() {
        if (batch < 1 || time < 0 || steps < 1) {
            throw new UserError("--batch and --steps must be 1 or more, --time 0 or more");
        }
        int team = threads.count();
        shown.table("%-18s %12s %6s %6s %12s %12s %10s".formatted("preset", "parameters", "batch", "time",
                "ms a step",
                "tokens/s", "peak MiB"));
        for (String preset : presets) {
            TrainBench.Row row = TrainBench.measure(preset, batch, time, team, steps, recompute);
            shown.row(row, "%-18s %,12d %6d %6d %12.1f %,12.0f %,10d".formatted(row.preset(), row.parameters(),
                    row.batch(), row.time(), 1e3 * row.seconds(), row.tokensPerSecond(), row.peakBytes() >> 20));
        }
        return Outcome.OK;
    }
}

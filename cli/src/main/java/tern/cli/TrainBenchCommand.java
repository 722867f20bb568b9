package tern.cli;

import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import tern.cli.bench.TrainBench;

/** {@code tern bench train}: what a training step costs, and how that grows with the length of a sequence. */
@Command(name = "train", description = "Tokens per second and peak memory of one training step per preset, or how both grow with the length of a sequence.", mixinStandardHelpOptions = true, sortOptions = false)
final class TrainBenchCommand implements Callable<Integer> {
    @Option(names = "--presets", split = ",", description = "Presets to measure; if not given, nano, tiny and small of transformer, hyena, multihyena and modal.")
    private List<String> presets = List.of();

    @Option(names = "--batch", defaultValue = "8", description = "Sequences a step (${DEFAULT-VALUE}).")
    private int batch;

    @Option(names = "--time", defaultValue = "0", description = "Positions a sequence; 0 for the preset's context.")
    private int time;

    @Option(names = "--lengths", split = ",", description = "Instead: one layer of each preset on one sequence of so many positions each, time and memory a position beside those of the shortest. Without --presets, the micro presets of every mixer that does not read all positions before each.")
    private List<Integer> lengths = List.of();

    @Option(names = "--steps", defaultValue = "5", description = "Steps measured (${DEFAULT-VALUE}).")
    private int steps;

    @Option(names = "--warm-seconds", paramLabel = "S", defaultValue = "8", description = "Time spent on steps before those that are measured, one at least (${DEFAULT-VALUE}): the compiler takes some seconds to come round to a model.")
    private double warmSeconds;

    @Mixin
    private ThreadOptions threads;

    @Option(names = "--recompute", description = "Compute branches again in the backward pass instead of keeping them.")
    private boolean recompute;

    @Mixin
    private BenchOptions shown;

    @Override
    public Integer call() {
        if (batch < 1 || time < 0 || steps < 1 || !(warmSeconds >= 0)) {
            throw new UserError("--batch and --steps must be 1 or more, --time and --warm-seconds 0 or more");
        }
        int team = threads.count();
        if (!lengths.isEmpty()) {
            growth(team);
            return Outcome.OK;
        }
        shown.table("%-18s %12s %6s %6s %12s %12s %10s".formatted("preset", "parameters", "batch", "time",
                "ms a step",
                "tokens/s", "peak MiB"));
        for (String preset : presets.isEmpty() ? usual() : presets) {
            TrainBench.Row row = TrainBench.measure(preset, batch, time, team, steps, warmSeconds, recompute);
            shown.row(row, "%-18s %,12d %6d %6d %12.1f %,12.0f %,10d".formatted(row.preset(), row.parameters(),
                    row.batch(), row.time(), 1e3 * row.seconds(), row.tokensPerSecond(), row.peakBytes() >> 20));
        }
        return Outcome.OK;
    }

    private static List<String> usual() {
        return Stream.of("nano", "tiny", "small").flatMap(
                size -> Stream.of("transformer", "hyena", "multihyena", "modal").map(family -> family + "-" + size))
                .toList();
    }

    private void growth(int team) {
        if (lengths.stream().anyMatch(length -> length < 16 || length > 1 << 24)) {
            throw new UserError("--lengths must be 16 to " + (1 << 24) + " positions");
        }
        shown.table("%-24s %9s %12s %12s %10s %10s".formatted("preset", "time", "µs/position", "B/position",
                "of time", "of memory"));
        for (String preset : presets.isEmpty() ? TrainBench.recurrent() : presets) {
            double seconds = 0;
            double bytes = 0;
            for (int length : lengths) {
                TrainBench.Row row = TrainBench.measureOneLayer(preset, length, team, steps, warmSeconds);
                double own = row.fastest() / length;
                double held = (double) row.peakBytes() / length;
                seconds = seconds == 0 ? own : seconds;
                bytes = bytes == 0 ? held : bytes;
                shown.row(row, "%-24s %,9d %12.2f %,12.0f %10.2f %10.2f".formatted(preset, length, 1e6 * own, held,
                        own / seconds, held / bytes));
            }
        }
    }
}

package tern.cli;

import java.util.List;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import tern.cli.bench.DecodeBench;
import tern.cli.bench.DecodeBench.Row;

/** {@code tern bench decode}: what a generated token costs, Transformer, Hyena and distilled Hyena side by side. */
@Command(name = "decode", description = "Tokens per second and bytes of state of a Transformer, a Hyena and its distilled recurrence of equal size, each with the batch that suits it best.", mixinStandardHelpOptions = true, sortOptions = false)
final class DecodeBenchCommand implements Callable<Integer> {
    @Option(names = "--layers", defaultValue = "4", description = "Layers (${DEFAULT-VALUE}).")
    private int layers;

    @Option(names = "--width", defaultValue = "256", description = "Width (${DEFAULT-VALUE}).")
    private int width;

    @Option(names = "--head-width", defaultValue = "1", description = "Channels that share a filter: 1 is Hyena, more is MultiHyena (${DEFAULT-VALUE}).")
    private int headWidth;

    @Option(names = "--order", defaultValue = "16", description = "Real order of the distilled filters, even (${DEFAULT-VALUE}).")
    private int order;

    @Option(names = "--contexts", split = ",", defaultValue = "1024,4096,16384", description = "Ages of the sequences (${DEFAULT-VALUE}).")
    private List<Integer> contexts;

    @Option(names = "--batches", split = ",", defaultValue = "1,4,16,64,256", description = "Numbers of sequences to try (${DEFAULT-VALUE}).")
    private List<Integer> batches;

    @Option(names = "--seconds", defaultValue = "1", description = "Least time for each case (${DEFAULT-VALUE}).")
    private double seconds;

    @Mixin
    private ThreadOptions threads;

    @Mixin
    private BenchOptions shown;

    @Override
    public Integer call() {
        require("--layers", layers, 1);
        require("--width", width, 1);
        require("--head-width", headWidth, 1);
        require("--order", order, 2);
        contexts.forEach(context -> require("--contexts", context, 2));
        batches.forEach(batch -> require("--batches", batch, 1));
        if (order % 2 != 0) {
            throw new UserError(
                    "--order is " + order + ", expected an even number: filters are made of conjugate pairs here");
        }
        DecodeBench decode = new DecodeBench(new DecodeBench.Setting(layers, width, headWidth, order, contexts, batches,
                seconds,
                threads.count(), Machine.usableMemory() / 2));
        List<Row> rows = decode.run(row -> shown.progress(row,
                "%-12s context %6d batch %4d: %10.0f tokens/s".formatted(row.family(), row.context(),
                        row.batch(), row.tokensPerSecond())));
        shown.table(decode.table(rows));
        return Outcome.OK;
    }

    private static void require(String option, int value, int least) {
        if (value < least) {
            throw new UserError(option + " is " + value + ", expected " + least + " or more");
        }
    }
}

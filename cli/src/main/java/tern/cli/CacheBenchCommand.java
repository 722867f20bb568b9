package tern.cli;

import java.util.List;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import tern.cli.bench.CacheBench;
import tern.cli.bench.CacheBench.Row;
import tern.model.GoldFinches;

/** {@code tern bench cache}: what GoldFinch's cache costs in each tier. */
@Command(name = "cache", description = "Bytes of a position in each tier of GoldFinch's cache beside a Transformer's of the same size; memory and time of a step against the context; time of a prompt's token against its length.", mixinStandardHelpOptions = true, sortOptions = false)
final class CacheBenchCommand implements Callable<Integer> {
    @Option(names = "--shapes", split = ",", defaultValue = "12x768,24x1024,24x2048,32x4096,80x4096,80x8192", paramLabel = "LAYERSxWIDTH", description = "Shapes whose bytes are counted (${DEFAULT-VALUE}).")
    private List<String> shapes;

    @Option(names = "--measure", defaultValue = "12x768", paramLabel = "LAYERSxWIDTH", description = "The shape that is measured (${DEFAULT-VALUE}).")
    private String measured;

    @Option(names = "--contexts", split = ",", defaultValue = "256,1024,4096", description = "Positions that a step looks back on; 0 for none measured (${DEFAULT-VALUE}).")
    private List<Integer> contexts;

    @Option(names = "--steps", defaultValue = "10", description = "Steps timed at each (${DEFAULT-VALUE}).")
    private int steps;

    @Option(names = "--prompts", split = ",", defaultValue = "1024,4096", description = "Lengths of prompts to read; 0 for none (${DEFAULT-VALUE}).")
    private List<Integer> prompts;

    @Option(names = "--vocabulary", defaultValue = "65536", description = "Of the measured shape (${DEFAULT-VALUE}).")
    private int vocabulary;

    @Mixin
    private ThreadOptions threads;

    @Mixin
    private BenchOptions shown;

    @Override
    public Integer call() {
        if (steps < 1 || vocabulary < 1) {
            throw new UserError("--steps and --vocabulary must be 1 or more, found " + steps + " and " + vocabulary);
        }
        CacheBench.Setting setting = new CacheBench.Setting(shapes.stream().map(CacheBenchCommand::size).toList(),
                size(measured), positive(contexts), steps, positive(prompts), vocabulary,
                threads.count());
        new CacheBench(setting).run(this::show);
        return Outcome.OK;
    }

    private static List<Integer> positive(List<Integer> numbers) {
        return numbers.stream().filter(number -> number > 0).toList();
    }

    private static GoldFinches.Size size(String shape) {
        if (!shape.matches("[1-9][0-9]{0,3}x[1-9][0-9]{0,5}")) {
            throw new UserError("shape \"" + shape + "\" is not layers x width, such as 24x2048");
        }
        String[] parts = shape.split("x", -1);
        int width = Integer.parseInt(parts[1]);
        if (width % 64 != 0) {
            throw new UserError("shape \"" + shape + "\": the width must be a multiple of 64, the width of a head");
        }
        return new GoldFinches.Size(Integer.parseInt(parts[0]), width, 4096);
    }

    private void show(Row row) {
        shown.row((Record) row, switch (row) {
            case CacheBench.Bytes of ->
                "%-8s %-10s %-5s %,10d bytes a token, Transformer %,10d, ratio %,.2f".formatted(
                        of.shape(), of.tier(), of.type(), of.bytesPerToken(), of.transformerBytesPerToken(),
                        of.ratio());
            case CacheBench.Decode of ->
                "%-8s %-11s context %,7d: state %,12d bytes, kept rows %,11d bytes, %.2f ms a step"
                        .formatted(of.shape(), of.tier(), of.context(), of.stateBytes(), of.keptRowsBytes(),
                                of.millis());
            case CacheBench.Prefill of ->
                "%-8s %-10s prompt %,7d: %.1f µs a token, %.3f of the first".formatted(of.shape(),
                        of.tier(), of.tokens(), of.microsPerToken(), of.relative());
        });
    }
}

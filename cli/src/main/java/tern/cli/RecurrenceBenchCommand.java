package tern.cli;

import java.util.List;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import tern.cli.bench.RecurrenceBench;
import tern.cli.bench.RecurrenceMeasured;

/** {@code tern bench recurrence}: chunks against steps against the plain bodies, and against a matrix product. */
@Command(name = "recurrence", description = "Time of recurrences over matrices: in chunks, position by position, and by the plain bodies.", mixinStandardHelpOptions = true, sortOptions = false)
final class RecurrenceBenchCommand implements Callable<Integer> {
    @Option(names = "--only", defaultValue = "", description = "Measure recurrences whose name contains this text: gated, scalar, bonus, rank one, delta.")
    private String only;

    @Option(names = "--times", split = ",", defaultValue = "512,4096,65536", description = "Positions (${DEFAULT-VALUE}).")
    private List<Integer> times;

    @Option(names = "--heads", defaultValue = "4", description = "Heads of the one sequence (${DEFAULT-VALUE}).")
    private int heads;

    @Option(names = "--width", defaultValue = "64", description = "Width of a head's keys and values (${DEFAULT-VALUE}).")
    private int width;

    @Mixin
    private KernelBenchOptions measure;

    @Mixin
    private BenchOptions shown;

    @Override
    public Integer call() {
        List<Integer> counts = measure.threads();
        if (times.stream().anyMatch(time -> time < 1) || heads < 1 || width < 1 || width > 1024) {
            throw new UserError("--times and --heads must be 1 or more, --width 1 to 1024");
        }
        KernelBenchOptions.requireVector();
        List<RecurrenceBench.Rule> rules = KernelBenchOptions.chosen(RecurrenceBench.Rule.class, only);
        List<RecurrenceMeasured> results = new RecurrenceBench(heads, width, measure.seconds())
                .run(rules, times, counts,
                        measured -> shown.progress(measured,
                                "%s %s of %d, %d threads: %.0f%% of sgemm".formatted(measured.recurrence(),
                                        measured.pass(), measured.time(), measured.threads(),
                                        100 * measured.ofSgemm())));
        shown.table(RecurrenceBench.table(results));
        return Outcome.OK;
    }
}

package tern.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

import tern.cli.bench.KernelBench;
import tern.cli.bench.RecurrenceBench;
import tern.cli.bench.RecurrenceMeasured;
import tern.kernels.KernelSet;

/** {@code tern bench recurrence}: chunks against steps against the plain bodies, and against a matrix product. */
@Command(name = "recurrence", description = "Time of recurrences over matrices: in chunks, position by position, and by the plain bodies.", mixinStandardHelpOptions = true, sortOptions = false)
final class RecurrenceBenchCommand implements Callable<Integer> {
    @ParentCommand
    private BenchCommand bench;

    @Option(names = "--only", defaultValue = "", description = "Measure recurrences whose name contains this text: gated, scalar, bonus, rank one, delta.")
    private String only;

    @Option(names = "--times", split = ",", defaultValue = "512,4096,65536", description = "Positions (${DEFAULT-VALUE}).")
    private List<Integer> times;

    @Option(names = "--heads", defaultValue = "4", description = "Heads of the one sequence (${DEFAULT-VALUE}).")
    private int heads;

    @Option(names = "--width", defaultValue = "64", description = "Width of a head's keys and values (${DEFAULT-VALUE}).")
    private int width;

    @Option(names = "--threads", split = ",", description = "Numbers of threads; 1 and all cores if not given.")
    private List<Integer> threads;

    @Option(names = "--seconds", defaultValue = "0.5", description = "Seconds for each form of a case (${DEFAULT-VALUE}).")
    private double seconds;

    @Option(names = "--json", description = "Print one JSON line a case instead of a table.")
    private boolean json;

    @Override
    public Integer call() {
        List<Integer> counts = threads == null ? KernelBench.usualThreads() : threads;
        if (!(seconds > 0) || counts.stream().anyMatch(count -> count < 1 || count > 1024)) {
            throw new UserError("--seconds must be above 0, --threads 1 to 1024");
        }
        if (times.stream().anyMatch(time -> time < 1) || heads < 1 || width < 1 || width > 1024) {
            throw new UserError("--times and --heads must be 1 or more, --width 1 to 1024");
        }
        Optional<String> why = KernelSet.whyNotVector();
        if (why.isPresent()) {
            throw new UserError("there is nothing to compare, only the plain kernels can run: " + why.get());
        }
        List<RecurrenceBench.Rule> rules = new ArrayList<>(List.of(RecurrenceBench.Rule.values()));
        rules.removeIf(rule -> !rule.toString().contains(only));
        if (rules.isEmpty()) {
            throw new UserError(
                    "no recurrence's name contains \"" + only + "\"; there are gated, scalar, bonus, rank one, delta");
        }
        List<RecurrenceMeasured> results = new RecurrenceBench(heads, width, seconds).run(rules, times, counts,
                measured -> {
                    if (json) {
                        bench.tern().out().println(Json.line(measured));
                        bench.tern().out().flush();
                    } else {
                        bench.tern().err().printf("%s %s of %d, %d threads: %.0f%% of sgemm%n", measured.recurrence(),
                                measured.pass(), measured.time(), measured.threads(), 100 * measured.ofSgemm());
                        bench.tern().err().flush();
                    }
                });
        if (!json) {
            bench.tern().out().print(RecurrenceBench.table(results));
        }
        return Outcome.OK;
    }
}

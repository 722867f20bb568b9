package tern.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

import tern.cli.bench.KernelBench;
import tern.cli.bench.ScanBench;
import tern.cli.bench.ScanMeasured;
import tern.kernels.KernelSet;

/** {@code tern bench scan}: scans over channels and Titans' memory against the plain bodies, memory and exponentials. */
@Command(name = "scan", description = "Time of the affine scan, of Mamba's selective scan and of Titans' memory, in chunks and by steps, beside the machine's memory and exponentials.", mixinStandardHelpOptions = true, sortOptions = false)
final class ScanBenchCommand implements Callable<Integer> {
    @ParentCommand
    private BenchCommand bench;

    @Option(names = "--only", defaultValue = "", description = "Measure scans whose name contains this text: affine, selective, memory, memory-steps.")
    private String only;

    @Option(names = "--times", split = ",", defaultValue = "512,4096", description = "Positions (${DEFAULT-VALUE}).")
    private List<Integer> times;

    @Option(names = "--width", defaultValue = "1536", description = "Channels, those of Mamba 130m if not given (${DEFAULT-VALUE}).")
    private int width;

    @Option(names = "--states", defaultValue = "16", description = "States of a channel in the selective scan (${DEFAULT-VALUE}).")
    private int states;

    @Option(names = "--threads", split = ",", description = "Numbers of threads; 1 and all cores if not given.")
    private List<Integer> threads;

    @Option(names = "--seconds", defaultValue = "0.5", description = "Seconds for each case (${DEFAULT-VALUE}).")
    private double seconds;

    @Option(names = "--json", description = "Print one JSON line a case instead of a table.")
    private boolean json;

    @Override
    public Integer call() {
        List<Integer> counts = threads == null ? KernelBench.usualThreads() : threads;
        if (!(seconds > 0) || counts.stream().anyMatch(count -> count < 1 || count > 1024)) {
            throw new UserError("--seconds must be above 0, --threads 1 to 1024");
        }
        if (times.stream().anyMatch(time -> time < 1) || width < 1 || states < 1 || states > 1024) {
            throw new UserError("--times and --width must be 1 or more, --states 1 to 1024");
        }
        Optional<String> why = KernelSet.whyNotVector();
        if (why.isPresent()) {
            throw new UserError("there is nothing to compare, only the plain kernels can run: " + why.get());
        }
        List<ScanBench.Scan> scans = new ArrayList<>(List.of(ScanBench.Scan.values()));
        scans.removeIf(scan -> !scan.toString().contains(only));
        if (scans.isEmpty()) {
            throw new UserError(
                    "no scan's name contains \"" + only + "\"; there are affine, selective, memory and memory-steps");
        }
        List<ScanMeasured> results = new ScanBench(width, states, seconds).run(scans, times, counts, measured -> {
            if (json) {
                bench.tern().out().println(Json.line(measured));
                bench.tern().out().flush();
            } else {
                bench.tern().err().printf("%s %s of %d, %d threads%n", measured.scan(), measured.pass(),
                        measured.time(), measured.threads());
                bench.tern().err().flush();
            }
        });
        if (!json) {
            bench.tern().out().print(ScanBench.table(results));
        }
        return Outcome.OK;
    }
}

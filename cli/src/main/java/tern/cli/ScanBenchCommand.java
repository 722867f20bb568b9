package tern.cli;

import java.util.List;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import tern.cli.bench.ScanBench;
import tern.cli.bench.ScanMeasured;

/** {@code tern bench scan}: scans over channels and Titans' memory against the plain bodies, memory and exponentials. */
@Command(name = "scan", description = "Time of the affine scan, of Mamba's selective scan and of Titans' memory, in chunks and by steps, and of ParaRNN's cells, by steps and by Newton's method with its iterations, beside the machine's memory and exponentials.", mixinStandardHelpOptions = true, sortOptions = false)
final class ScanBenchCommand implements Callable<Integer> {
    @Option(names = "--only", defaultValue = "", description = "Measure scans whose name contains this text: affine, selective, memory, memory-steps, para-gru, para-gru-newton, para-lstm, para-lstm-newton.")
    private String only;

    @Option(names = "--times", split = ",", defaultValue = "512,4096", description = "Positions (${DEFAULT-VALUE}).")
    private List<Integer> times;

    @Option(names = "--width", defaultValue = "1536", description = "Channels, those of Mamba 130m if not given (${DEFAULT-VALUE}).")
    private int width;

    @Option(names = "--states", defaultValue = "16", description = "States of a channel in the selective scan (${DEFAULT-VALUE}).")
    private int states;

    @Mixin
    private KernelBenchOptions measure;

    @Mixin
    private BenchOptions shown;

    @Override
    public Integer call() {
        List<Integer> counts = measure.threads();
        if (times.stream().anyMatch(time -> time < 1) || width < 1 || states < 1 || states > 1024) {
            throw new UserError("--times and --width must be 1 or more, --states 1 to 1024");
        }
        KernelBenchOptions.requireVector();
        List<ScanBench.Scan> scans = KernelBenchOptions.chosen(ScanBench.Scan.class, only);
        List<ScanMeasured> results = new ScanBench(width, states, measure.seconds()).run(scans, times, counts,
                measured -> shown.progress(measured,
                        "%s %s of %d, %d threads".formatted(measured.scan(), measured.pass(),
                                measured.time(), measured.threads())));
        shown.table(ScanBench.table(results));
        return Outcome.OK;
    }
}

package tern.cli;

import java.util.List;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

import tern.cli.bench.ConvolutionBench;
import tern.cli.bench.ConvolutionMeasured;
import tern.kernels.KernelSet;

/** {@code tern bench convolution}: dilated convolutions against moving averages by FFT and by scanning. */
@Command(name = "convolution", description = "Time of dilated convolutions, and of moving averages by FFT and by scanning.", mixinStandardHelpOptions = true, sortOptions = false)
final class ConvolutionBenchCommand implements Callable<Integer> {
    private static final int LONGEST = 1 << 22;
    private static final int WIDEST = 1 << 14;

    @ParentCommand
    private BenchCommand bench;

    @Option(names = "--only", defaultValue = "", description = "Besides the moving average by FFT measure operators whose name contains this text, such as dilated, scan, layer.")
    private String only;

    @Option(names = "--lengths", split = ",", defaultValue = "4096,8192,16384,32768,65536,131072", description = "Positions (${DEFAULT-VALUE}).")
    private List<Integer> lengths;

    @Option(names = "--width", split = ",", defaultValue = "128,512", description = "Channels (${DEFAULT-VALUE}).")
    private List<Integer> widths;

    @Option(names = "--threads", description = "Number of threads; all cores if not given.")
    private Integer threads;

    @Option(names = "--seconds", defaultValue = "0.2", description = "Seconds for each case (${DEFAULT-VALUE}).")
    private double seconds;

    @Option(names = "--json", description = "Print one JSON line a case instead of a table.")
    private boolean json;

    @Override
    public Integer call() {
        int count = threads == null ? Runtime.getRuntime().availableProcessors() : threads;
        if (!(seconds > 0) || count < 1 || count > 1024) {
            throw new UserError("--seconds must be above 0, --threads 1 to 1024");
        }
        if (lengths.stream().anyMatch(length -> length < 1 || length > LONGEST)
                || widths.stream().anyMatch(width -> width < 1 || width > WIDEST)) {
            throw new UserError("--lengths must be 1 to " + LONGEST + ", --width 1 to " + WIDEST);
        }
        ConvolutionBench measure = new ConvolutionBench(KernelSet.fastest(), count, seconds);
        if (measure.names().stream().noneMatch(name -> name.contains(only))) {
            throw new UserError("no operator's name contains \"" + only + "\"; there are "
                    + String.join(", ", measure.names()));
        }
        bench.tern().err().println(measure.ceilings());
        bench.tern().err().flush();
        List<ConvolutionMeasured> results = measure.run(lengths, widths, only, one -> {
            if (json) {
                bench.tern().out().println(Json.line(one));
                bench.tern().out().flush();
            } else {
                bench.tern().err().printf("%s %s, %d x %d: %.3f ms%n", one.name(), one.pass(), one.width(),
                        one.length(), 1e3 * one.median());
                bench.tern().err().flush();
            }
        });
        if (!json) {
            bench.tern().out().print(ConvolutionBench.table(results));
        }
        return Outcome.OK;
    }
}

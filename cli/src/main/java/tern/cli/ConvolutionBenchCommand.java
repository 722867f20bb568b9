package tern.cli;

import java.util.List;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import tern.cli.bench.ConvolutionBench;
import tern.cli.bench.ConvolutionMeasured;
import tern.kernels.KernelSet;

/** {@code tern bench convolution}: dilated convolutions against moving averages by FFT and by scanning. */
@Command(name = "convolution", description = "Time of dilated convolutions, and of moving averages by FFT and by scanning.", mixinStandardHelpOptions = true, sortOptions = false)
final class ConvolutionBenchCommand implements Callable<Integer> {
    private static final int LONGEST = 1 << 22;
    private static final int WIDEST = 1 << 14;

    @Option(names = "--only", defaultValue = "", description = "Besides the moving average by FFT measure operators whose name contains this text, such as dilated, scan, layer.")
    private String only;

    @Option(names = "--lengths", split = ",", defaultValue = "4096,8192,16384,32768,65536,131072", description = "Positions (${DEFAULT-VALUE}).")
    private List<Integer> lengths;

    @Option(names = "--width", split = ",", defaultValue = "128,512", description = "Channels (${DEFAULT-VALUE}).")
    private List<Integer> widths;

    @Mixin
    private ThreadOptions threads;

    @Option(names = "--seconds", defaultValue = "0.2", description = "Seconds for each case (${DEFAULT-VALUE}).")
    private double seconds;

    @Mixin
    private BenchOptions shown;

    @Override
    public Integer call() {
        if (!(seconds > 0)) {
            throw new UserError("--seconds is " + seconds + ", expected a number above 0");
        }
        if (lengths.stream().anyMatch(length -> length < 1 || length > LONGEST)
                || widths.stream().anyMatch(width -> width < 1 || width > WIDEST)) {
            throw new UserError("--lengths must be 1 to " + LONGEST + ", --width 1 to " + WIDEST);
        }
        ConvolutionBench measure = new ConvolutionBench(KernelSet.fastest(), threads.count(), seconds);
        if (measure.names().stream().noneMatch(name -> name.contains(only))) {
            throw new UserError("no operator's name contains \"" + only + "\"; there are "
                    + String.join(", ", measure.names()));
        }
        shown.note(measure.ceilings());
        List<ConvolutionMeasured> results = measure.run(lengths, widths, only,
                one -> shown.progress(one, "%s %s, %d x %d: %.3f ms".formatted(one.name(), one.pass(), one.width(),
                        one.length(), 1e3 * one.median())));
        shown.table(ConvolutionBench.table(results));
        return Outcome.OK;
    }
}

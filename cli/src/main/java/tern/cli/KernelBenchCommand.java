package tern.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

import tern.cli.bench.KernelBench;
import tern.cli.bench.KernelCase;
import tern.cli.bench.Measured;
import tern.cli.bench.peer.Fftw;
import tern.cli.bench.peer.JTransforms;
import tern.cli.bench.peer.OpenBlas;
import tern.cli.bench.peer.Peer;
import tern.kernels.KernelSet;

/** {@code tern bench kernels}: what each kernel takes, against the machine's limits and the plain bodies. */
@Command(name = "kernels", description = "Time of each kernel, against the measured limits of this machine and the plain bodies.", mixinStandardHelpOptions = true, sortOptions = false)
final class KernelBenchCommand implements Callable<Integer> {
    @ParentCommand
    private BenchCommand bench;

    @Option(names = "--only", defaultValue = "", description = "Measure kernels whose name and shape contain this text.")
    private String only;

    @Option(names = "--threads", split = ",", description = "Numbers of threads; 1 and all cores if not given.")
    private List<Integer> threads;

    @Option(names = "--seconds", defaultValue = "0.6", description = "Seconds for each case (${DEFAULT-VALUE}).")
    private double seconds;

    @Option(names = "--json", description = "Print one JSON line a case instead of a table.")
    private boolean json;

    @Option(names = "--openblas", paramLabel = "LIB", description = "Measure matrix products against this OpenBLAS library, in turn.")
    private Path openBlas;

    @Option(names = "--fftw", paramLabel = "LIB", description = "Measure long convolutions against this FFTW library (libfftw3f), in turn.")
    private Path fftw;

    @Option(names = "--jtransforms", paramLabel = "JARS", description = "Measure long convolutions against JTransforms, in turn: its jar and those of JLargeArrays and commons-math3, as a class path.")
    private String jTransforms;

    @Override
    public Integer call() {
        List<Integer> counts = threads == null ? KernelBench.usualThreads() : threads;
        if (!(seconds > 0) || counts.stream().anyMatch(count -> count < 1 || count > 1024)) {
            throw new UserError("--seconds must be above 0, --threads 1 to 1024");
        }
        List<KernelCase.Compared> cases = KernelBench.cases(only);
        if (cases.isEmpty()) {
            throw new UserError("no kernel's name and shape contain \"" + only + "\"; there are "
                    + String.join(", ", KernelBench.names()));
        }
        List<Measured> results = new KernelBench(KernelSet.fastest(), seconds, peers()).run(cases, counts, measured -> {
            if (json) {
                bench.tern().out().println(Json.line(measured));
                bench.tern().out().flush();
            } else {
                bench.tern().err().printf("%s %s, %d threads: %.1f %s%n", measured.name(), measured.shape(),
                        measured.threads(), measured.rate(), measured.unit());
                bench.tern().err().flush();
            }
        });
        if (!json) {
            bench.tern().out().print(KernelBench.table(results));
        }
        return Outcome.OK;
    }

    private List<Peer> peers() {
        List<Peer> peers = new ArrayList<>();
        try {
            if (openBlas != null) {
                peers.add(new OpenBlas(openBlas));
            }
            if (fftw != null) {
                peers.add(new Fftw(fftw));
            }
            if (jTransforms != null) {
                peers.add(new JTransforms(jTransforms));
            }
        } catch (IllegalArgumentException refused) {
            throw new UserError(String.valueOf(refused.getMessage()), refused);
        }
        return peers;
    }
}

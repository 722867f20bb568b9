package tern.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

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
    @Option(names = "--only", defaultValue = "", description = "Measure kernels whose name and shape contain this text.")
    private String only;

    @Mixin
    private KernelBenchOptions measure;

    @Mixin
    private BenchOptions shown;

    @Option(names = "--openblas", paramLabel = "LIB", description = "Measure matrix products against this OpenBLAS library, in turn.")
    private Path openBlas;

    @Option(names = "--fftw", paramLabel = "LIB", description = "Measure long convolutions against this FFTW library (libfftw3f), in turn.")
    private Path fftw;

    @Option(names = "--jtransforms", paramLabel = "JARS", description = "Measure long convolutions against JTransforms, in turn: its jar and those of JLargeArrays and commons-math3, as a class path.")
    private String jTransforms;

    @Override
    public Integer call() {
        List<Integer> counts = measure.threads();
        List<KernelCase.Compared> cases = KernelBench.cases(only);
        if (cases.isEmpty()) {
            throw new UserError("no kernel's name and shape contain \"" + only + "\"; there are "
                    + String.join(", ", KernelBench.names()));
        }
        List<Measured> results = new KernelBench(KernelSet.fastest(), measure.seconds(), peers()).run(cases, counts,
                measured -> shown.progress(measured,
                        "%s %s, %d threads: %.1f %s".formatted(measured.name(), measured.shape(),
                                measured.threads(), measured.rate(), measured.unit())));
        shown.table(KernelBench.table(results));
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

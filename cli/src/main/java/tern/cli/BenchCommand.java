package tern.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code tern bench}: measurements, each a subcommand. */
@Command(name = "bench", description = "Measure kernels, training steps, decoding, caches and tokenizing on this machine.", mixinStandardHelpOptions = true, subcommands = {
    KernelBenchCommand.class, RecurrenceBenchCommand.class, ScanBenchCommand.class, CellBenchCommand.class,
    ConvolutionBenchCommand.class,
    DecodeBenchCommand.class,
    TrainBenchCommand.class,
    GenerateBenchCommand.class,
    TokenizeBenchCommand.class, CacheBenchCommand.class, ServeBenchCommand.class})
final class BenchCommand implements Runnable {
    @ParentCommand
    private Tern tern;

    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        spec.commandLine().usage(tern.out());
    }
}

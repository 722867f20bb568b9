package tern.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import tern.cli.bench.CellBench;
import tern.cli.bench.CellMeasured;
import tern.ops.Cell;

/** {@code tern bench rnn}: layers of recurrent networks, forward and in training, against the plain bodies. */
@Command(name = "rnn", description = "Speed of recurrent networks (LSTM, GRU …): a layer forward, and forward and backward.", mixinStandardHelpOptions = true, sortOptions = false)
final class CellBenchCommand implements Callable<Integer> {
    @Option(names = "--cells", split = ",", defaultValue = "lstm,gru", description = "Cells, or all (${DEFAULT-VALUE}).")
    private List<String> cells;

    @Option(names = "--batches", split = ",", defaultValue = "1,16", description = "Sequences at once (${DEFAULT-VALUE}).")
    private List<Integer> batches;

    @Option(names = "--time", defaultValue = "1024", description = "Positions (${DEFAULT-VALUE}).")
    private int time;

    @Option(names = "--units", defaultValue = "512", description = "Inputs and outputs of the layer (${DEFAULT-VALUE}).")
    private int units;

    @Option(names = "--heads", defaultValue = "1", description = "Heads of units that read each other (${DEFAULT-VALUE}).")
    private int heads;

    @Mixin
    private KernelBenchOptions measure;

    @Option(names = "--without-plain", description = "Leave out the plain bodies.")
    private boolean withoutPlain;

    @Mixin
    private BenchOptions shown;

    @Override
    public Integer call() {
        List<Integer> counts = measure.threads();
        if (time < 1 || units < 1 || heads < 1 || units % heads != 0 || batches.stream().anyMatch(batch -> batch < 1)) {
            throw new UserError("--time, --units and --batches must be 1 or more, and --heads must divide --units");
        }
        KernelBenchOptions.requireVector();
        List<CellMeasured> results = new CellBench(units, heads, measure.seconds(), !withoutPlain).run(chosen(),
                batches, time,
                counts,
                measured -> shown.progress(measured, "%s %s of %d, %d threads: %.0f tokens/s".formatted(measured.cell(),
                        measured.pass(), measured.batch(), measured.threads(), measured.tokens())));
        shown.table(CellBench.table(results));
        return Outcome.OK;
    }

    private List<Cell> chosen() {
        List<Cell> all = List.of(Cell.values());
        if (cells.equals(List.of("all"))) {
            return all;
        }
        List<Cell> chosen = new ArrayList<>();
        for (String name : cells) {
            chosen.add(all.stream().filter(cell -> CellBench.name(cell).equals(name)).findAny()
                    .orElseThrow(() -> new UserError("no cell is named \"" + name + "\"; there are "
                            + String.join(", ", all.stream().map(CellBench::name).toList()) + ", and all")));
        }
        return chosen;
    }
}

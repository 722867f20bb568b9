package tern.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

import tern.checkpoint.Checkpoint;
import tern.checkpoint.TensorFile;
import tern.checkpoint.TensorHealth;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.MixerCatalog;
import tern.mixers.mega.MovingAverage;
import tern.mixers.modal.OverMover;
import tern.model.Parameters.Parameter;
import tern.model.SequenceModel;
import tern.model.Stack;
import tern.sequence.SequenceMixer;
import tern.sequence.StateLayout;
import tern.tensor.Workspace;

/** {@code tern inspect}: what a model is made of, or what a file of tensors in any format holds. */
@Command(name = "inspect", description = "Print a model's branches, parameters, bytes and state, or what a safetensors, PyTorch, GGUF or rwkv.cpp file holds; check its weights.", mixinStandardHelpOptions = true, sortOptions = false)
final class InspectCommand implements Callable<Integer> {
    private static final long[] POSITIONS = {1, 1_024, 8_192, 65_536};

    @ParentCommand
    private Tern tern;

    @Parameters(paramLabel = "MODEL", description = "A model's folder, or a file of tensors in any format.")
    private Path path;

    @Option(names = "--tensors", description = "List every tensor.")
    private boolean tensors;

    @Option(names = "--check", description = "Look at every byte: fingerprint, NaN and infinite values.")
    private boolean check;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    /**
     * One branch.
     *
     * @param stateFloats per sequence at positions 1, 1,024, 8,192 and 65,536
     */
    record Branch(int index, String kind, String config, long parameters, List<Long> stateFloats) {
    }

    /** One tensor. */
    record Entry(String name, String type, String shape, long bytes) {
    }

    /** What {@code --json} prints. */
    record Report(String path, String fingerprint, long parameters, long bytes, int vocabulary, int width, int context,
            String norm, boolean tiedHead, Map<String, String> notes, List<Branch> branches,
            Map<String, Long> stateFloats, Map<Integer, Double> truncations,
            List<Entry> tensors, List<TensorHealth> unsound) {
    }

    @Override
    public Integer call() throws Exception {
        boolean own;
        try (TensorFile file = TensorFile.open(path)) {
            own = Checkpoint.isOwn(path, file);
            if (!own) {
                FileReport report = FileReport.of(path, file, check);
                if (json) {
                    tern.out().println(Json.pretty(report));
                } else {
                    report.print(tern.out(), check);
                }
                complainOf(report.unsound(), "get it again");
            }
        }
        if (own) {
            inspectModel();
        }
        return Outcome.OK;
    }

    private void inspectModel() throws IOException {
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            List<TensorHealth> unsound = check
                    ? checkpoint.verify().stream().filter(health -> !health.sound()).toList() : List.of();
            Report report = report(checkpoint, unsound);
            if (json) {
                tern.out().println(Json.pretty(report));
            } else {
                print(report);
            }
            complainOf(unsound, "go back to an earlier checkpoint");
        }
    }

    private void complainOf(List<TensorHealth> unsound, String advice) {
        if (!unsound.isEmpty()) {
            throw new UserError(path + ": " + TensorHealth.complaint(unsound) + "; " + advice);
        }
    }

    private Report report(Checkpoint checkpoint, List<TensorHealth> unsound) {
        SequenceModel model = checkpoint.model();
        List<Branch> branches = new ArrayList<>();
        for (int i = 0; i < model.config().branches().size(); i++) {
            String prefix = "branches." + i + ".";
            StateLayout layout = model.stateLayouts().get(i);
            List<Long> floats = new ArrayList<>();
            for (long position : POSITIONS) {
                floats.add(layout.floats(position));
            }
            branches.add(new Branch(i, MixerCatalog.kind(model.config().branches().get(i)),
                    model.config().branches().get(i).toString(),
                    model.parameters().count(parameter -> parameter.name().startsWith(prefix)), floats));
        }
        Map<String, Long> total = new LinkedHashMap<>();
        for (long position : POSITIONS) {
            total.put(Long.toString(position), model.stateFloats(position));
        }
        List<Entry> entries = new ArrayList<>();
        for (Parameter parameter : tensors ? model.parameters().all() : List.<Parameter>of()) {
            entries.add(new Entry(parameter.name(), parameter.tensor().dtype().name(),
                    parameter.tensor().shape().toString(),
                    parameter.tensor().bytes()));
        }
        return new Report(path.toString(), checkpoint.fingerprint(), model.parameters().count(),
                model.parameters().all().stream().mapToLong(parameter -> parameter.tensor().bytes()).sum(),
                model.config().vocabulary(), model.config().width(), model.config().context(),
                model.config().norm().name(),
                model.config().tiedHead(), checkpoint.notes(), branches, total, truncations(model),
                entries, unsound);
    }

    /** What averages whose parallel form ends somewhere may lack, by branch, in times of the largest input. */
    private static Map<Integer, Double> truncations(SequenceModel model) {
        Map<Integer, Double> found = new LinkedHashMap<>();
        if (model instanceof Stack stack) {
            try (ThreadTeam alone = new ThreadTeam(1);
                    Workspace scratch = new Workspace();
                    EagerOps ops = new EagerOps(KernelSet.reference(), alone, scratch)) {
                for (int i = 0; i < stack.mixers().size(); i++) {
                    SequenceMixer mixer = stack.mixers().get(i) instanceof OverMover unit ? unit.mover()
                            : stack.mixers().get(i);
                    double lacking = mixer instanceof MovingAverage average ? average.truncation(ops) : 0;
                    if (lacking > 0) {
                        found.put(i, lacking);
                    }
                }
            }
        }
        return found;
    }

    private void print(Report report) {
        tern.out().printf("%s  fingerprint %s%n", report.path, report.fingerprint);
        tern.out().printf("%,d parameters, %,d bytes; vocabulary %d, width %d, context %d, norm %s, head %s%n",
                report.parameters,
                report.bytes, report.vocabulary, report.width, report.context, report.norm,
                report.tiedHead ? "tied" : "its own");
        report.notes.forEach((key, note) -> tern.out().printf("%s: %s%n", key, note));
        tern.out().printf("%n%-6s %-12s %12s   state floats at position 1, 1,024, 8,192, 65,536%n", "branch", "mixer",
                "parameters");
        for (Branch branch : report.branches) {
            tern.out().printf("%-6d %-12s %,12d   %s%n", branch.index, branch.kind, branch.parameters,
                    floats(branch.stateFloats));
        }
        tern.out().printf("%-19s %,12d   %s%n", "all", report.parameters,
                floats(List.copyOf(report.stateFloats.values())));
        report.truncations.forEach((branch, lacking) -> tern.out().printf(Locale.ROOT,
                "branch %d ends its average after a number of taps where it reads whole sequences: against steps an output"
                        + " may lack up to %.3g times the largest input%n",
                branch, lacking));
        for (Entry entry : report.tensors) {
            tern.out().printf("%-48s %-4s %-16s %,12d bytes%n", entry.name, entry.type, entry.shape, entry.bytes);
        }
        if (check && report.unsound.isEmpty()) {
            tern.out().println("checked: the fingerprint is right and every value is finite");
        }
    }

    private static String floats(List<Long> floats) {
        return String.join(", ", floats.stream().map("%,d"::formatted).toList())
                + (floats.getFirst().equals(floats.getLast()) ? "  (constant)" : "");
    }
}

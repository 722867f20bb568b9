package tern.cli.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.AtomicFiles;
import tern.checkpoint.FolderLock;
import tern.checkpoint.RecordJson;
import tern.cli.UserError;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.NearestName;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.tasks.Task;
import tern.train.Budget;
import tern.train.TaskPlan;
import tern.train.TaskRun;
import tern.train.TrainingConfig;

/**
 * Trains every architecture with every seed and leaves in its folder {@code compare.json} (what was asked for),
 * {@code results.jsonl}, {@code table.md}, {@code report.html} and {@code runs/}. What is done is not done again; of a
 * comparison that was published without its {@code runs/}, the lines of {@code results.jsonl} are. Confined to one thread.
 */
public final class Comparison {
    private static final String PLAN_FILE = "compare.json";
    private static final String RESULT_FILE = "result.json";
    private static final String RESULTS_FILE = "results.jsonl";
    private static final String RUNS = "runs";
    private static final String USUAL_SIZE = "-micro";
    private static final String LABEL = "@";
    private static final String TRAINING = "training.";
    /** Keys of a training that a comparison has in another way, or has no use for, with what to say. */
    private static final Map<String, String> NOT_HERE = Map.of("seed",
            "runs have the seeds 1, 2, …, so that they differ; say by --seeds how many", "time",
            "tasks say how long sequences are; set task.length where there is such a key", "windows",
            "tasks draw their sequences themselves", "validationWindows",
            "tasks have validation sequences of their own");
    private static final JsonMapper JSON = new JsonMapper();

    private final ComparePlan plan;
    private final Task task;
    private final Path folder;
    private final ThreadTeam team;
    private final Map<String, StackConfig> architectures = new LinkedHashMap<>();
    private final Map<String, Double> decodeMicros = new LinkedHashMap<>();
    private Optional<List<RunRecord>> published = Optional.empty();

    /** Is told what happens. */
    public interface Sink {
        /** An architecture, fitted to the task and to the first one's number of parameters. */
        void architecture(String preset, long parameters);

        /** A run was finished earlier. */
        void kept(RunRecord run);

        /** A run was looked at. */
        void look(String preset, long seed, TaskRun.Look look);

        /** A run is finished. */
        void finished(RunRecord run);
    }

    /**
     * A comparison that is begun, or gone on with if the folder holds it.
     *
     * @param team threads to use; not closed by this object
     * @throws IllegalArgumentException if a preset is unknown or a setting impossible
     */
    public Comparison(ComparePlan plan, Task task, Path folder, ThreadTeam team) {
        this.plan = plan;
        this.task = task;
        this.folder = folder;
        this.team = team;
        plan.presets().forEach(Comparison::requireLabel);
        plan.settings().forEach(this::requireUse);
        long parameters = 0;
        for (String preset : plan.presets()) {
            StackConfig config = architecture(preset);
            TaskPlan.requireFit(task, preset, built(preset, config));
            boolean first = architectures.isEmpty();
            if (first) {
                parameters = EqualParameters.count(config);
            }
            StackConfig fitted = first ? config : EqualParameters.fitted(config, parameters);
            requireKept(preset, fitted);
            architectures.put(preset, fitted);
            // What cannot be trained is told now, before the folder is this comparison's.
            Object unusedBecauseOnlyChecked = taskPlan(preset, 1);
        }
    }

    /** What a label asks for must not be undone by making parameters equal. */
    private void requireKept(String preset, StackConfig fitted) {
        List<String> own = settings(preset).stream()
                .filter(setting -> !setting.label.isEmpty() && isOfArchitecture(setting)).map(Setting::text).toList();
        if (!RecordJson.with(fitted, own).equals(fitted)) {
            throw new UserError("--set " + LABEL + label(preset) + "." + String.join(" ", own) + ": " + preset
                    + " gets as many parameters as " + plan.presets().getFirst() + " by the width of its channel mixing"
                    + " (inner), which therefore cannot be set; set another key, or name " + preset + " first");
        }
    }

    private TaskPlan taskPlan(String preset, long seed) {
        Budget budget = plan.steps() > 0 ? new Budget.Steps(plan.steps()) : new Budget.Minutes(plan.minutes());
        TrainingConfig training = RecordJson.with(TaskPlan.usual(task, budget, seed), settings(preset).stream()
                .filter(setting -> !isOfArchitecture(setting)).map(Setting::ofTraining).toList());
        return new TaskPlan(task, preset, architectures.getOrDefault(preset, architecture(preset)), training, budget,
                at(preset, seed));
    }

    private Stack built(String preset, StackConfig config) {
        try {
            return new Stack(config, Parameters.Source.shapesOnly());
        } catch (IllegalArgumentException unfit) {
            throw new UserError(preset + " on " + task.name() + ": " + unfit.getMessage(), unfit);
        }
    }

    /** Settings of architectures; the others are of the training. What both know is the architecture's unless it says so. */
    private static boolean isOfArchitecture(Setting given) {
        String setting = given.text;
        boolean said = setting.startsWith(TRAINING);
        boolean architecture = !said && RecordJson.knows(StackConfig.class, setting);
        if (!architecture && !RecordJson.knows(TrainingConfig.class, given.ofTraining())) {
            List<String> keys = new ArrayList<>(TrainingConfig.keys());
            for (var component : StackConfig.class.getRecordComponents()) {
                keys.add(component.getName());
            }
            String key = given.ofTraining().split("[.=]", 2)[0];
            throw new UserError("--set " + given + ": unknown key \"" + key + "\"; "
                    + NearestName.advice(key, keys) + "; settings of the task begin with task.");
        }
        String name = given.ofTraining().split("=", 2)[0].strip();
        if (!architecture && NOT_HERE.containsKey(name)) {
            throw new UserError("--set " + given + ": " + NOT_HERE.get(name));
        }
        return architecture;
    }

    /**
     * A change of all architectures, or of those with a label alone: {@code @LABEL.KEY=VALUE}.
     *
     * @param label after the architecture's {@code @}; "" for all
     */
    private record Setting(String label, String text) {
        static Setting of(String setting) {
            if (!setting.startsWith(LABEL)) {
                return new Setting("", setting);
            }
            int end = setting.indexOf('.');
            if (end < 0) {
                throw new UserError("--set " + setting + ": there is no key after the label, expected "
                        + "@LABEL.KEY=VALUE");
            }
            return new Setting(setting.substring(1, end), setting.substring(end + 1));
        }

        /** As the training's configuration knows it. */
        String ofTraining() {
            return text.startsWith(TRAINING) ? text.substring(TRAINING.length()) : text;
        }

        boolean isFor(String preset) {
            return label.isEmpty() || label.equals(Comparison.label(preset));
        }

        @Override
        public String toString() {
            return label.isEmpty() ? text : LABEL + label + "." + text;
        }
    }

    private List<Setting> settings(String preset) {
        return plan.settings().stream().map(Setting::of).filter(setting -> setting.isFor(preset)).toList();
    }

    /** What stands behind the @ of an architecture that has settings of its own; "" without one. */
    private static String label(String preset) {
        int at = preset.indexOf(LABEL);
        return at < 0 ? "" : preset.substring(at + 1);
    }

    /** Labels become names of folders. */
    private static void requireLabel(String preset) {
        if (preset.contains(LABEL) && !label(preset).matches("[A-Za-z0-9-]+")) {
            throw new UserError("--presets " + preset + ": the label is \"" + label(preset)
                    + "\", expected letters, digits and dashes after the @, such as mamba2@window");
        }
    }

    private StackConfig architecture(String preset) {
        StackConfig untied = RecordJson.with(named(preset), List.of("tiedHead=false"));
        StackConfig config = TaskPlan.fitted(untied, task);
        StackConfig known = config;
        List<String> told = new ArrayList<>();
        for (Setting setting : settings(preset)) {
            if (isOfArchitecture(setting) && applies(known, setting)) {
                told.add(setting.text);
                known = changed(config, told).orElse(known);
            }
        }
        return RecordJson.with(config, told);
    }

    /** Nothing as long as what was told needs something that comes later. */
    private static Optional<StackConfig> changed(StackConfig config, List<String> told) {
        try {
            return Optional.of(RecordJson.with(config, told));
        } catch (IllegalArgumentException early) {
            return Optional.empty();
        }
    }

    /** A preset by its whole name, or by its family alone for the usual size, perhaps with a label. */
    private static StackConfig named(String labelled) {
        String preset = Presets.called(labelled.split(LABEL, 2)[0]);
        List<String> known = new ArrayList<>();
        for (String name : Presets.names()) {
            if (name.endsWith(USUAL_SIZE)) {
                known.add(name.substring(0, name.length() - USUAL_SIZE.length()));
            }
        }
        if (known.contains(preset)) {
            return Presets.named(preset + USUAL_SIZE);
        }
        if (!Presets.names().contains(preset)) {
            Presets.names().stream().filter(name -> !name.endsWith(USUAL_SIZE)).forEach(known::add);
            throw new UserError("unknown preset \"" + preset + "\"; " + NearestName.advice(preset, known));
        }
        return Presets.named(preset);
    }

    /** What is said of all branches that know a key says nothing of architectures of which none does. */
    private static boolean applies(StackConfig config, Setting setting) {
        String[] path = setting.text.split("=", 2)[0].strip().split("\\.");
        return path.length < 3 || !path[0].equals("branches") || !path[1].equals("*") || config.branches().stream()
                .anyMatch(branch -> branch instanceof Record record && RecordJson.knows(record.getClass(), path[2]));
    }

    private void requireUse(String given) {
        Setting setting = Setting.of(given);
        List<String> meant = plan.presets().stream().filter(setting::isFor).toList();
        if (meant.isEmpty()) {
            throw new UserError("--set " + given + ": no architecture has the label " + setting.label
                    + "; give one as --presets PRESET@" + setting.label);
        }
        if (isOfArchitecture(setting) && meant.stream().noneMatch(preset -> applies(named(preset), setting))) {
            throw new UserError("--set " + given + ": no branch of " + String.join(", ", meant)
                    + " has this key; tern inspect shows the keys of a model");
        }
    }

    /** What is compared by. */
    Task task() {
        return task;
    }

    /** The last part of the folder's name. */
    String folderName() {
        return String.valueOf(folder.toAbsolutePath().normalize().getFileName());
    }

    /** What is to be done. */
    ComparePlan plan() {
        return plan;
    }

    /** Runs that are done, architecture by architecture. */
    List<RunRecord> done() throws IOException {
        List<RunRecord> runs = new ArrayList<>();
        for (String preset : plan.presets()) {
            for (long seed = 1; seed <= plan.seeds(); seed++) {
                known(preset, seed).ifPresent(runs::add);
            }
        }
        return runs;
    }

    /** Runs what is left to do. */
    public List<RunRecord> run(Sink sink, BooleanSupplier stop) throws IOException, TaskRun.Stopped {
        Files.createDirectories(folder);
        try (FolderLock _ = FolderLock.of(folder)) {
            return alone(sink, stop);
        }
    }

    private List<RunRecord> alone(Sink sink, BooleanSupplier stop) throws IOException, TaskRun.Stopped {
        claim();
        architectures.forEach((preset, config) -> sink.architecture(preset, EqualParameters.count(config)));
        List<RunRecord> runs = new ArrayList<>();
        for (long seed = 1; seed <= plan.seeds(); seed++) {
            for (String preset : plan.presets()) {
                Optional<RunRecord> known = known(preset, seed);
                if (known.isPresent()) {
                    runs.add(known.get());
                    sink.kept(known.get());
                }
            }
        }
        // Seed by seed, so that a comparison that is broken off has something to say about all.
        for (long seed = 1; seed <= plan.seeds(); seed++) {
            for (String preset : plan.presets()) {
                if (known(preset, seed).isEmpty()) {
                    RunRecord run = one(preset, seed, sink, stop);
                    keep(run);
                    runs.add(run);
                    sink.finished(run);
                    write(runs);
                }
            }
        }
        write(runs);
        return runs;
    }

    /** The plans of the comparisons in the folders of a folder, by the names of these. */
    public static Map<String, ComparePlan> within(Path folder) throws IOException {
        Map<String, ComparePlan> plans = new TreeMap<>();
        try (Stream<Path> folders = Files.list(folder)) {
            for (Path each : folders.toList()) {
                Path file = each.resolve(PLAN_FILE);
                if (Files.exists(file)) {
                    plans.put(String.valueOf(each.getFileName()),
                            RecordJson.read(ComparePlan.class, Files.readString(file), file.toString()));
                }
            }
        }
        return plans;
    }

    private void claim() throws IOException {
        Path file = folder.resolve(PLAN_FILE);
        if (Files.exists(file)) {
            ComparePlan before = RecordJson.read(ComparePlan.class, Files.readString(file), file.toString());
            if (!plan.shares(before)) {
                throw new UserError(folder + ": holds another comparison (" + RecordJson.line(before)
                        + ", now asked for " + RecordJson.line(plan)
                        + "); say the same to go on with it, perhaps with more"
                        + " seeds or with more architectures after the first, or choose another folder");
            }
            if (plan.judgesOtherwise(before)) {
                throw new UserError(folder + ": was made of other sequences of " + plan.task()
                        + " than there are now, from another file or drawn by another version of Tern; what is in it"
                        + " cannot be compared with new runs, choose another folder");
            }
        }
        AtomicFiles.write(file, RecordJson.write(plan) + "\n");
        for (RunRecord run : published()) {
            keep(run);
        }
    }

    private void keep(RunRecord run) throws IOException {
        Path at = at(run.preset(), run.seed());
        Files.createDirectories(at);
        AtomicFiles.write(at.resolve(RESULT_FILE), JSON.writeValueAsString(run) + "\n");
    }

    private Path at(String preset, long seed) {
        return folder.resolve(RUNS).resolve(preset + "-" + seed);
    }

    private Optional<RunRecord> known(String preset, long seed) throws IOException {
        Path file = at(preset, seed).resolve(RESULT_FILE);
        if (Files.exists(file)) {
            return Optional.of(record(Files.readString(file), file.toString()));
        }
        return published().stream().filter(run -> run.preset().equals(preset) && run.seed() == seed).findFirst();
    }

    private static RunRecord record(String text, String where) throws IOException {
        try {
            return JSON.readValue(text, RunRecord.class);
        } catch (JacksonException damaged) {
            throw new IOException(where + ": is not the result of a run (" + where(damaged)
                    + "); remove it to run again", damaged);
        }
    }

    /** The results of a folder that had no runs when this was asked for first. */
    private List<RunRecord> published() throws IOException {
        if (published.isEmpty()) {
            Path file = folder.resolve(RESULTS_FILE);
            List<RunRecord> runs = new ArrayList<>();
            if (!Files.exists(folder.resolve(RUNS)) && Files.exists(file)) {
                for (String line : Files.readAllLines(file)) {
                    runs.add(record(line, file + ", line " + (runs.size() + 1)));
                }
            }
            published = Optional.of(runs);
        }
        return published.get();
    }

    /** What Jackson says, without what it says of itself. */
    private static String where(JacksonException damaged) {
        return String.valueOf(damaged.getOriginalMessage()).replaceFirst(" ?\\(start marker at .*", "");
    }

    private RunRecord one(String preset, long seed, Sink sink, BooleanSupplier stop)
            throws IOException, TaskRun.Stopped {
        TaskPlan run = taskPlan(preset, seed);
        StackConfig config = run.architecture();
        TaskRun.Result result = new TaskRun(run, KernelSet.fastest(), team)
                .run(look -> sink.look(preset, seed, look), stop);
        Stack shapes = new Stack(config, Parameters.Source.shapesOnly());
        double micros = result.causal()
                ? decodeMicros.computeIfAbsent(preset, key -> DecodeProbe.micros(config, task.length(),
                        result.seconds()))
                : 0;
        return new RunRecord(task.name(), preset, seed, result.parameters(), result.causal(),
                result.causal() ? shapes.stateFloats(task.length()) : 0, micros, result.steps(), result.positions(),
                result.seconds(), result.positionsPerSecond(), result.cost(),
                result.tests().getFirst().scores().in(task.metric()), result.looks(), result.tests());
    }

    private void write(List<RunRecord> runs) throws IOException {
        StringBuilder lines = new StringBuilder();
        runs.forEach(run -> lines.append(JSON.writeValueAsString(run)).append('\n'));
        AtomicFiles.write(folder.resolve(RESULTS_FILE), lines.toString());
        AtomicFiles.write(folder.resolve("table.md"), new CompareTable(plan, task, runs).markdown());
        AtomicFiles.write(folder.resolve("report.html"), ComparePage.of(plan, task, runs));
    }
}

package tern.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

import tern.checkpoint.RecordJson;
import tern.cli.compare.ComparePlan;
import tern.cli.compare.Comparison;
import tern.cli.compare.Overview;
import tern.cli.compare.RunRecord;
import tern.kernels.ThreadTeam;
import tern.mixers.NearestName;
import tern.tasks.Task;
import tern.tasks.TaskCatalog;
import tern.tasks.TaskConfig;
import tern.train.TaskRun;
import tern.train.TrainingDiverged;

/** {@code tern compare}: trains several architectures on one task and says how they did, in a table and a page. */
@Command(name = "compare", description = {"Compare architectures on a task: equal parameters, equal steps or time.",
    "The folder then holds report.html, table.md, results.jsonl and the trained models. A comparison that was broken off"
            + " goes on where it was when the same is asked for again, and may be asked for more seeds or architectures."}, mixinStandardHelpOptions = true, sortOptions = false)
final class CompareCommand implements Callable<Integer> {
    private static final long USUAL_STEPS = 1000;
    private static final String OF_TASK = "task.";

    @ParentCommand
    private Tern tern;

    @Option(names = "--task", paramLabel = "NAME[,NAME…]", split = ",", description = "The task; tern tasks lists them. Of several, each gets a folder of its own in DIR, which then holds an overview.")
    private List<String> tasks = new ArrayList<>();

    @Option(names = "--presets", paramLabel = "A,B,…", split = ",", description = "Architectures, such as transformer,hyena,rwkv7 (two layers of 64 channels) or with a size, such as hyena-nano. All get as many parameters as the first, by the width of their channel mixing. PRESET@LABEL gives one a label, for settings of its own.")
    private List<String> presets = new ArrayList<>();

    @Option(names = "--seeds", defaultValue = "3", description = "Runs of each (${DEFAULT-VALUE}).")
    private int seeds;

    @Option(names = "--steps", description = "Updates of each run (" + USUAL_STEPS + " if nothing is said).")
    private Optional<Long> steps;

    @Option(names = "--budget-minutes", paramLabel = "M", description = "Train each run for so long instead, evaluation left out.")
    private Optional<Double> minutes;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "Folder for the results.")
    private Path out;

    @Option(names = "--overview", description = "Train nothing: write the overview of all comparisons in DIR's folders, whatever their architectures and budgets.")
    private boolean overview;

    @Option(names = "--set", paramLabel = "KEY=VALUE", arity = "1..*", description = "Change the task (task.length=64 …), all architectures (width=96 …) or the training (learningRate=1e-3, batch=32 …; training.epsilon is AdamW's, epsilon alone that of norms); @LABEL.KEY=VALUE changes the architectures of that label alone.")
    private List<String> settings = new ArrayList<>();

    @Option(names = "--data", paramLabel = "DIR", description = "Folder with the data sets of tasks that read files (../shared/data beside Tern).")
    private Optional<Path> data;

    @Mixin
    private ThreadOptions threads;

    @Option(names = "--json", description = "Print events and results as JSON lines.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        if (overview) {
            return join();
        }
        if (tasks.isEmpty() || presets.isEmpty()) {
            throw new UserError(
                    "say what to compare: --task NAME and --presets A,B; or --overview of what lies in --out");
        }
        if (steps.isPresent() && minutes.isPresent()) {
            throw new UserError("--steps and --budget-minutes exclude one another; give one");
        }
        if (seeds < 1 || steps.orElse(1L) < 1 || minutes.orElse(1.0) <= 0) {
            throw new UserError("--seeds, --steps and --budget-minutes take numbers above 0");
        }
        requireDifferent("--presets names one architecture", presets);
        requireDifferent("--task names one task", tasks);
        List<String> ofTask = settings.stream().filter(setting -> setting.startsWith(OF_TASK))
                .map(setting -> setting.substring(OF_TASK.length())).toList();
        List<String> others = settings.stream().filter(setting -> !setting.startsWith(OF_TASK)).toList();
        requireUse(ofTask);
        List<Opened> opened = new ArrayList<>();
        for (String task : tasks) {
            List<String> own = ofTask.stream().filter(setting -> knows(task, setting)).toList();
            Task ready = config(task, own).open(task, data.orElse(TasksCommand.usualData()));
            opened.add(new Opened(ready,
                    new ComparePlan(task, own, presets, seeds, minutes.isPresent() ? 0 : steps.orElse(USUAL_STEPS),
                            minutes.orElse(0.0), others, Optional.of(ComparePlan.checkSum(ready)))));
        }
        try (ThreadTeam team = new ThreadTeam(threads.count()); Interrupt interrupt = new Interrupt()) {
            // All of them before any is run: what cannot be done is said at once.
            List<Comparison> comparisons = new ArrayList<>();
            for (Opened one : opened) {
                comparisons.add(new Comparison(one.plan, one.task,
                        tasks.size() == 1 ? out : out.resolve(one.plan.task()), team));
            }
            return run(opened, comparisons, interrupt);
        } catch (TrainingDiverged diverged) {
            throw new UserError(diverged.getMessage() + "; finished runs stay in " + out, diverged);
        }
    }

    private int run(List<Opened> opened, List<Comparison> comparisons, Interrupt interrupt) throws IOException {
        try {
            for (int i = 0; i < comparisons.size(); i++) {
                if (tasks.size() > 1) {
                    tern.err().println(opened.get(i).plan.task() + ":");
                }
                comparisons.get(i).run(new Shown(opened.get(i).task), interrupt::isRequested);
                if (tasks.size() > 1) {
                    Overview.of(comparisons.subList(0, i + 1)).write(out);
                }
            }
            return said();
        } catch (TaskRun.Stopped stopped) {
            // Said before the interrupt is closed: the JVM may end at once then.
            tern.err().println("interrupted: " + stopped.getMessage() + "; the same command goes on");
            return Outcome.INTERRUPTED;
        }
    }

    private int said() throws IOException {
        if (!json) {
            tern.out().print(Files.readString(out.resolve("table.md")));
        }
        tern.err().println("the report is " + out.resolve("report.html"));
        return Outcome.OK;
    }

    /** Of comparisons that were made one by one. */
    private int join() throws IOException {
        if (!tasks.isEmpty() || !presets.isEmpty() || !settings.isEmpty() || steps.isPresent() || minutes.isPresent()) {
            throw new UserError("--overview trains nothing; leave out --task, --presets, --set and budgets");
        }
        Map<String, ComparePlan> plans = Files.isDirectory(out) ? Comparison.within(out) : Map.of();
        if (plans.isEmpty()) {
            throw new UserError(
                    out + ": none of its folders holds a comparison; make some with tern compare --task NAME"
                            + " --presets A,B --out " + out.resolve("NAME"));
        }
        try (ThreadTeam team = new ThreadTeam(1)) {
            List<Comparison> comparisons = new ArrayList<>();
            for (Map.Entry<String, ComparePlan> each : plans.entrySet()) {
                ComparePlan plan = each.getValue();
                comparisons.add(new Comparison(plan,
                        config(plan.task(), plan.taskSettings()).open(plan.task(),
                                data.orElse(TasksCommand.usualData())),
                        out.resolve(each.getKey()), team));
            }
            Overview.of(comparisons).write(out);
        }
        return said();
    }

    private record Opened(Task task, ComparePlan plan) {
    }

    private static void requireDifferent(String twice, List<String> names) {
        if (names.stream().distinct().count() < names.size()) {
            throw new UserError(twice + " twice: " + String.join(",", names));
        }
    }

    /** A setting that one task alone could take is told to it as it is, so that it says what it knows. */
    private void requireUse(List<String> ofTask) {
        for (String setting : ofTask) {
            if (tasks.size() > 1 && tasks.stream().noneMatch(task -> knows(task, setting))) {
                throw new UserError("--set " + OF_TASK + setting + ": none of " + String.join(", ", tasks)
                        + " has this key");
            }
        }
    }

    private boolean knows(String task, String setting) {
        return tasks.size() == 1 || config(task, List.of()) instanceof Record record
                && RecordJson.knows(record.getClass(), setting);
    }

    /** A task's configuration with what is to be changed in it. */
    private static TaskConfig config(String task, List<String> changes) {
        TaskConfig config = TaskCatalog.find(task).orElseThrow(() -> new UserError("unknown task \"" + task + "\"; "
                + NearestName.advice(task, TaskCatalog.all().keySet())));
        return config instanceof Record record ? (TaskConfig) RecordJson.with(record, changes) : config;
    }

    /** Progress on standard error, or events as lines. */
    private final class Shown implements Comparison.Sink {
        private final Task of;
        private final LiveLine live;

        Shown(Task of) {
            this.of = of;
            this.live = new LiveLine(tern.err(), tern.isTerminal() && !json);
        }

        @Override
        public void architecture(String preset, long parameters) {
            if (!json) {
                tern.err().printf(Locale.ROOT, "%s: %,d parameters%n", preset, parameters);
            }
        }

        @Override
        public void kept(RunRecord run) {
            tern.err().printf(Locale.ROOT, "%s, seed %d: done before%n", run.preset(), run.seed());
            line(run);
        }

        @Override
        public void look(String preset, long seed, TaskRun.Look look) {
            if (json) {
                tern.out().println(Json.line(new LookLine(preset, seed, look)));
            } else if (tern.isTerminal()) {
                live.show(String.format(Locale.ROOT, "%s, seed %d: step %,d, loss %.4f, %s %s", preset, seed,
                        look.step(), look.trainingLoss(), of.metric().title(), shown(look.score())));
            }
        }

        @Override
        public void finished(RunRecord run) {
            live.end();
            tern.err().printf(Locale.ROOT, "%s, seed %d: %s %s after %,d steps, %.0f s%n", run.preset(), run.seed(),
                    of.metric().title(),
                    shown(run.score()), run.steps(), run.seconds());
            line(run);
        }

        private void line(RunRecord run) {
            if (json) {
                tern.out().println(Json.line(run));
            }
        }

        private String shown(double score) {
            return String.format(Locale.ROOT, score < 0.01 ? "%.2e" : "%.4f", score);
        }
    }

    private record LookLine(String preset, long seed, TaskRun.Look look) {
    }
}

package tern.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

import tern.checkpoint.AtomicFiles;
import tern.checkpoint.Checkpoint;
import tern.cli.bench.DecodeBench;
import tern.cli.bench.DecodeBench.Row;
import tern.distil.Distillation;
import tern.distil.DistillationPage;
import tern.distil.DistillationResult;
import tern.distil.DistillationResult.Measured;
import tern.distil.MethodComparison;
import tern.distil.Quality;
import tern.distil.Target;
import tern.distil.filter.OrderChoice;
import tern.inference.Engine;
import tern.inference.Evaluation;
import tern.inference.Generator;
import tern.inference.LanguageModel;
import tern.inference.LiveSequence;
import tern.inference.Sampling;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.hyena.MultiHyenaConfig;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Workspace;
import tern.text.ByteTokenizer;
import tern.text.EvaluationWindows;
import tern.text.SampleText;
import tern.text.Split;
import tern.text.TextData;
import tern.text.Tokenizer;
import tern.train.Budget;
import tern.train.TrainingConfig;
import tern.train.TrainingEvent;
import tern.train.TrainingPlan;
import tern.train.TrainingRun;

/** {@code tern quickstart}: the whole journey in a few minutes, on the text that ships with Tern. */
@Command(name = "quickstart", description = "Train a small long-convolution model on the text that comes with Tern, distil it to a recurrence, generate from both, and compare.", mixinStandardHelpOptions = true, sortOptions = false)
final class QuickstartCommand implements Callable<Integer> {
    static final String PRESET = "multihyena-nano";
    private static final String PROMPT = "ROMEO:\n";
    private static final int GENERATED = 240;
    private static final int COMPARED_WINDOWS = 64;
    private static final String REPORT = "report.html";

    @ParentCommand
    private Tern tern;

    @Option(names = "--out", paramLabel = "DIR", description = "Where the models and reports go (models/quickstart, or the next free name).")
    private @Nullable Path out;

    @Option(names = "--minutes", defaultValue = "2.5", description = "How long to train (${DEFAULT-VALUE}).")
    private double minutes;

    @Option(names = "--contexts", split = ",", defaultValue = "1024,8192,65536", description = "Ages at which decoding is timed (${DEFAULT-VALUE}).")
    private List<Integer> contexts;

    @Mixin
    private ThreadOptions threads;

    @Option(names = "--json", description = "Print the table as one JSON object.")
    private boolean json;

    /** One of the two models. */
    record Side(String name, double bitsPerByte, long stateFloatsAtTrainingLength, boolean stateGrows, String sample) {
    }

    /** What {@code --json} prints. */
    record Report(String folder, double trainSeconds, double distilSeconds, double totalSeconds, Side trained,
            Side distilled,
            double change, List<Row> decode) {
    }

    @Override
    public Integer call() throws Exception {
        long begun = System.nanoTime();
        int team = threads.count();
        Path folder = out != null ? out : freeFolder();
        Path trained = folder.resolve("trained");
        Destination.requireFolder(out != null ? "--out" : "the folder for the results", trained);
        Path distilled = folder.resolve("distilled");
        try (TextData text = SampleText.open()) {
            tern.err().println("1/4  training " + PRESET + " on " + text.name() + " for " + minutes + " minutes");
            double trainSeconds = train(text, trained, team);
            tern.err().println("2/4  distilling its long convolutions into recurrences");
            double distilSeconds = distil(trained, distilled, text, team);
            tern.err().println("3/4  measuring quality on the validation part and generating");
            try (Engine engine = new Engine(team)) {
                Side before = side("trained", trained, engine, text);
                Side after = side("distilled", distilled, engine, text);
                tern.err().println("4/4  timing decoding against a Transformer of equal size, at ages " + contexts);
                List<Row> rows = decode(distilled, team);
                Report report = new Report(folder.toString(), trainSeconds, distilSeconds,
                        (System.nanoTime() - begun) * 1e-9, before, after, after.bitsPerByte - before.bitsPerByte,
                        rows);
                tern.out().print(json ? Json.line(report) + "\n" : table(report));
            }
        }
        return Outcome.OK;
    }

    /** The first of models/quickstart, models/quickstart-2 … that is not there yet, so that nothing is ever overwritten. */
    private static Path freeFolder() {
        Path first = Path.of("models", "quickstart");
        Path free = first;
        for (int i = 2; Files.exists(free); i++) {
            free = first.resolveSibling("quickstart-" + i);
        }
        return free;
    }

    private double train(TextData text, Path folder, int threadCount) throws IOException {
        long begun = System.nanoTime();
        StackConfig config = Presets.named(PRESET);
        long parameters = new Stack(config, Parameters.Source.shapesOnly()).parameters().count();
        TrainingConfig training = TrainingConfig.usual(parameters, config.context());
        TrainingPlan plan = new TrainingPlan(PRESET, config, Optional.empty(), false, ByteTokenizer.ALL, training,
                new Budget.Minutes(minutes),
                text.split(), List.of("the sample text"), folder, false, 0);
        long[] told = new long[1];
        try (ThreadTeam team = new ThreadTeam(threadCount)) {
            new TrainingRun(plan, KernelSet.fastest(), team, (model, prompt, tokens, seed) -> "").run(
                    event -> tell(event, told),
                    () -> false);
        }
        return (System.nanoTime() - begun) * 1e-9;
    }

    /** A line every ten seconds. */
    private void tell(TrainingEvent event, long[] told) {
        // The first step tells nothing of how long the others will take.
        if (event instanceof TrainingEvent.Stepped stepped && Double.isFinite(stepped.secondsLeft())
                && System.nanoTime() - told[0] > 10_000_000_000L) {
            told[0] = System.nanoTime();
            tern.err().printf("     step %d, %.2f bits/byte, %.0f tokens/s, %.0f s left%n", stepped.step(),
                    stepped.bitsPerByte(), stepped.tokensPerSecond(), stepped.secondsLeft());
        }
    }

    /** Distils with orders chosen automatically; the report goes into the distilled model's folder. */
    private double distil(Path from, Path to, TextData text, int threadCount) throws IOException {
        long begun = System.nanoTime();
        Target target = new Target.Automatic();
        OrderChoice how = new OrderChoice(threadCount);
        try (Memory memory = new Memory();
                Workspace workspace = new Workspace();
                ThreadTeam team = new ThreadTeam(threadCount);
                EagerOps ops = new EagerOps(KernelSet.fastest(), team, workspace);
                Checkpoint checkpoint = Checkpoint.open(from);
                ProgressLine progress = new ProgressLine(tern)) {
            Stack teacher = checkpoint.load(DType.F32, memory);
            Distillation made = Distillation.of(teacher, ops, how, target, memory, progress);
            String fingerprint = Checkpoint.save(to, made.student(), checkpoint.tokenizer(),
                    made.notes(checkpoint.notes(), checkpoint.fingerprint(), how.method().name(), target));
            double seconds = (System.nanoTime() - begun) * 1e-9;
            int context = teacher.config().context();
            Tokenizer tokenizer = LanguageModel.tokenizerOf(checkpoint);
            Quality quality = Quality.of(teacher, made.student(), tokenizer,
                    new EvaluationWindows(text.split().tokens(Split.VALIDATION, tokenizer), context), context,
                    COMPARED_WINDOWS, KernelSet.fastest(), team);
            DistillationResult result = new DistillationResult(from.toString(), to.toString(), fingerprint,
                    checkpoint.fingerprint(), how.method().name(), target, context, made.layers(teacher),
                    made.bitsOnOwnText(), Optional.of(new Measured("the validation part of " + text.name(), quality)),
                    seconds);
            AtomicFiles.write(to.resolve(REPORT), DistillationPage.of(result,
                    MethodComparison.of(result.choices(), threadCount, progress), threadCount));
            return seconds;
        }
    }

    private Side side(String name, Path folder, Engine engine, TextData text) throws IOException {
        try (LanguageModel model = LanguageModel.open(folder, engine); LiveSequence sequence = model.sequence()) {
            int time = model.network().config().context();
            EvaluationWindows windows = new EvaluationWindows(text.split().tokens(Split.VALIDATION, model.tokenizer()),
                    time);
            double bits = Evaluation.of(model, windows, time, Form.PARALLEL).bitsPerByte();
            String sample = new Generator(model, sequence).generate(model.tokenizer().encode(PROMPT),
                    new Generator.Request(GENERATED, Sampling.GREEDY.withTemperature(0.7), 1, List.of()), piece -> {
                    }).text();
            boolean grows = model.network().stateLayouts().stream().anyMatch(layout -> layout.grows());
            return new Side(name, bits, model.network().stateFloats(time), grows, PROMPT + sample);
        }
    }

    /** Models of the size trained; the distilled one with as many modes as the distilled filters have on average. */
    private List<Row> decode(Path distilled, int threadCount) throws IOException {
        StackConfig config = Presets.named(PRESET);
        int headWidth = config.branches().getFirst() instanceof MultiHyenaConfig heads ? heads.headWidth() : 1;
        int order = averageOrder(distilled);
        DecodeBench bench = new DecodeBench(
                new DecodeBench.Setting(config.branches().size() / 2, config.width(), headWidth,
                        order, contexts, List.of(1), 0.5, threadCount, Machine.usableMemory() / 2));
        return bench.run(row -> {
        });
    }

    private static int averageOrder(Path distilled) throws IOException {
        try (Checkpoint checkpoint = Checkpoint.open(distilled)) {
            long modes = 0;
            long filters = 0;
            for (var parameter : checkpoint.model().parameters().all()) {
                if (parameter.name().endsWith(".decay")) {
                    modes += 2 * parameter.tensor().elements();
                } else if (parameter.name().endsWith(".realDecay")) {
                    modes += parameter.tensor().elements();
                } else if (parameter.name().endsWith(".passThrough")) {
                    filters += parameter.tensor().elements();
                }
            }
            return Math.toIntExact(Math.max(2, 2 * Math.round(modes / (2.0 * filters))));
        }
    }

    private String table(Report report) {
        StringBuilder text = new StringBuilder();
        for (Side side : List.of(report.trained, report.distilled)) {
            text.append("── ").append(side.name).append(" writes ──%n".formatted()).append(side.sample.strip())
                    .append("%n%n".formatted());
        }
        text.append("%-34s %14s %14s%n".formatted("", report.trained.name, report.distilled.name));
        text.append("%-34s %14.4f %14.4f   change %+.4f%n".formatted("bits/byte on the validation part",
                report.trained.bitsPerByte, report.distilled.bitsPerByte, report.change));
        text.append("%-34s %,14d %,14d%n".formatted("state floats at the training length",
                report.trained.stateFloatsAtTrainingLength, report.distilled.stateFloatsAtTrainingLength));
        text.append("%-34s %14s %14s%n".formatted("state beyond it", report.trained.stateGrows ? "grows" : "constant",
                report.distilled.stateGrows ? "grows" : "constant"));
        text.append("%n%-34s %14s %14s %14s%n".formatted("tokens/s, one sequence of age", "transformer", "undistilled",
                "distilled"));
        for (int context : contexts) {
            text.append("%-34s".formatted("%,d".formatted(context)));
            report.decode.stream().filter(row -> row.context() == context)
                    .forEach(row -> text.append(" %,14.0f".formatted(row.tokensPerSecond())));
            text.append("%n".formatted());
        }
        text.append("%ntrained in %.0f s, distilled in %.1f s, all in %.0f s%n".formatted(report.trainSeconds,
                report.distilSeconds,
                report.totalSeconds));
        text.append(
                "models: %s/trained, %s/distilled; a report.html in each%n".formatted(report.folder,
                        report.folder));
        text.append("go on: ./tern generate %s/distilled --prompt \"JULIET:\" --tokens 1000 --stream%n"
                .formatted(report.folder));
        return text.toString();
    }
}

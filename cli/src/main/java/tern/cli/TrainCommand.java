package tern.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Stream;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

import tern.checkpoint.Checkpoint;
import tern.checkpoint.RecordJson;
import tern.checkpoint.Safetensors;
import tern.inference.Engine;
import tern.inference.Generator;
import tern.inference.LanguageModel;
import tern.inference.LiveSequence;
import tern.inference.Sampling;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.mixers.NearestName;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.SequenceModel;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.text.ByteTokenizer;
import tern.text.SplitRule;
import tern.text.TextData;
import tern.text.Tokenizer;
import tern.train.Budget;
import tern.train.RunDescription;
import tern.train.TrainingConfig;
import tern.train.TrainingDiverged;
import tern.train.TrainingEvent;
import tern.train.TrainingPlan;
import tern.train.TrainingRun;

/** {@code tern train}: trains a model on text and leaves it, with its history and a report, in a folder. */
@Command(name = "train", description = {"Train a model on text or any other bytes.",
    "The folder then holds the best model (for tern generate, eval, distil …), the last one in last/, metrics.jsonl and"
            + " report.html. Ctrl-C saves; --resume goes on, with a budget of steps or tokens to the very same numbers."}, mixinStandardHelpOptions = true, sortOptions = false)
final class TrainCommand implements Callable<Integer> {
    private static final long USUAL_STEPS = 1000;
    private static final int HEAD_ROWS = 128;
    private static final String TRAINING = "training.";

    /** What is trained of a model that a run begins with. */
    enum Tuned {
        WEIGHTS, STATES
    }

    @ParentCommand
    private Tern tern;

    @Option(names = "--preset", paramLabel = "NAME", description = "Architecture and size: hyena, multihyena, transformer, rwkv7, goldfinch, mamba2, gated-delta-net, mega, lstm … with -micro (0.1 million parameters), -nano (0.3), -tiny (1), -small (10) or -base (100).")
    private Optional<String> preset;

    @Option(names = "--from", paramLabel = "MODEL", description = "Begin with the weights of a model instead: a folder, or a file that was published. Its architecture and tokenizer are taken with it; the learning rate is a tenth of the usual one, windows have at most 512 positions.")
    private Optional<Path> from;

    @Option(names = "--tune", paramLabel = "WHAT", description = "What of --from is trained: weights (the default), or states: what the heads of an RWKV-5, 6 or 7 remember before the first token, in DIR/state.safetensors, for tern generate --load-state.")
    private Optional<Tuned> tune;

    @Option(names = "--data", paramLabel = "FILE", arity = "1..*", description = "Files or folders to read, also .gz and .zst.")
    private List<Path> data = new ArrayList<>();

    @Option(names = "--tokenizer", paramLabel = "NAME|FILE", description = "bytes (the default), world (the RWKV World vocabulary), a tokenizer.json with a byte-level BPE, or a World vocabulary's file. The architecture's vocabulary follows it.")
    private Optional<String> tokenizer;

    @Option(names = "--split", paramLabel = "RULE", description = "How the data is cut: 90/5/5 in per cent, 80/10/10,lines at line ends, @END,END at bytes.")
    private Optional<String> split;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "Folder to save in.")
    private Path out;

    @Option(names = "--steps", description = "Train for so many updates (" + USUAL_STEPS + " if nothing is said).")
    private Optional<Long> steps;

    @Option(names = "--tokens", description = "Train on so many tokens.")
    private Optional<Long> tokens;

    @Option(names = "--minutes", description = "Train for so long. The learning rate follows the clock, so two runs differ.")
    private Optional<Double> minutes;

    @Option(names = "--seed", description = "Seed of weights and windows (1).")
    private Optional<Long> seed;

    @Option(names = "--set", paramLabel = "KEY=VALUE", arity = "1..*", description = "Change the architecture (width=96, context=256, branches.*.heads=2, branches.*.dropout=null to take one away …) or the training (learningRate=1e-3, batch=16, accumulation=4, recompute=true, filterRate=0.5, noise=0.01, l2Wrap=1e-4 …); training.epsilon is AdamW's, epsilon alone that of norms.")
    private List<String> settings = new ArrayList<>();

    @Option(names = "--resume", description = "Go on with the run in DIR; what was said then need not be said again.")
    private boolean resume;

    @Mixin
    private ThreadOptions threads;

    @Option(names = "--sample-tokens", defaultValue = "160", paramLabel = "N", description = "Length of the sample written after each validation; 0 for none (${DEFAULT-VALUE}).")
    private int sampleTokens;

    @Option(names = "--json", description = "Print events as JSON lines even on a terminal.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        Optional<RunDescription> before = resume ? Optional.of(RunDescription.read(out)) : Optional.empty();
        if (preset.isPresent() && from.isPresent()) {
            throw new UserError("--preset and --from exclude one another: a model has its architecture already");
        }
        if (before.isEmpty() && from.isEmpty()) {
            // A misspelt preset is told before files are looked at: it is the cheaper mistake to find.
            Object unusedBecauseOnlyLookedUp = Presets.named(presetName());
        }
        Destination.requireFolder("--out", out);
        List<Path> files = !data.isEmpty() ? data
                : before.map(run -> run.data().stream().map(Path::of).toList())
                        .orElseThrow(() -> new UserError("--data is missing; give at least one file or folder"));
        try (TextData text = TextData.open(files); ThreadTeam team = new ThreadTeam(threads.count())) {
            Optional<SplitRule> rule = split.or(() -> before.map(RunDescription::split)).map(SplitRule::parse);
            Origin origin = origin(before);
            StackConfig architecture = RecordJson.with(origin.config(),
                    settings.stream().filter(this::isOfArchitecture).toList());
            Optional<Path> begin = before.isPresent() ? before.get().from().map(Path::of) : from;
            TrainingPlan plan = new TrainingPlan(origin.name(), architecture, begin, states(before), origin.tokenizer(),
                    training(before, architecture), budget(before),
                    rule.isPresent() ? text.split(rule.get()) : text.split(),
                    files.stream().map(Path::toString).toList(),
                    out, resume, sampleTokens);
            return run(plan, team);
        }
    }

    // ── what is asked for ───────────────────────────────────────────────────────────────────────────────────────────

    /** What is trained, before settings: what a preset names, what a model holds, or that of the run to go on with. */
    private record Origin(String name, StackConfig config, Tokenizer tokenizer) {
    }

    private Origin origin(Optional<RunDescription> before) throws IOException {
        Optional<Tokenizer> asked = tokenizer.isPresent() ? Optional.of(Tokenizer.open(tokenizer.get()))
                : Optional.empty();
        if (before.isPresent()) {
            requireSame("trains", before.get().name(), preset, "--preset");
            requireSame("began with", before.get().from().orElse("weights of its own"), from.map(Path::toString),
                    "--from");
        } else if (from.isEmpty()) {
            StackConfig config = Presets.named(presetName());
            Tokenizer symbols = asked.orElse(ByteTokenizer.ALL);
            return new Origin(presetName(),
                    symbols instanceof ByteTokenizer ? config
                            : RecordJson.with(config, List.of("vocabulary=" + rows(symbols.vocabulary()))),
                    symbols);
        }
        Path path = before.isEmpty() ? from.orElseThrow()
                : before.get().states() ? Path.of(before.get().from().orElseThrow())
                : stored();
        try (Checkpoint model = Checkpoint.open(path)) {
            if (!model.config().generates()) {
                throw new UserError(
                        path + ": the model does not name a next token, so it cannot be trained on text; only"
                                + " models that read tokens and name the next one can");
            }
            Tokenizer own = LanguageModel.tokenizerOf(model);
            Tokenizer symbols = own.readsText() ? own
                    : asked.orElseThrow(() -> new UserError(path + ": the model's files do not say how text becomes"
                            + " symbols; give --tokenizer bytes, world or a file"));
            if (asked.isPresent() && !asked.get().equals(symbols)) {
                throw new UserError((before.isPresent() ? "the run in " + out : path.toString())
                        + " has the tokenizer " + symbols.name() + ", not " + asked.get().name()
                        + "; leave --tokenizer out, or choose another folder");
            }
            String name = before.isPresent() ? before.get().name()
                    : Stream.of("architecture", "family").map(model.notes()::get).filter(Objects::nonNull).findFirst()
                            .orElse(String.valueOf(path.toAbsolutePath().normalize().getFileName()));
            return new Origin(name, model.config(), symbols);
        }
    }

    private boolean states(Optional<RunDescription> before) {
        boolean asked = tune.filter(what -> what == Tuned.STATES).isPresent();
        if (before.isPresent() && tune.isPresent() && before.get().states() != asked) {
            throw new UserError(
                    "the run in " + out + " tunes " + (asked ? "weights, not states" : "states, not weights")
                            + "; leave --tune out to go on with it, or choose another folder");
        }
        if (before.isEmpty() && asked && from.isEmpty()) {
            throw new UserError("--tune states needs --from, a model whose weights stand still");
        }
        return before.isPresent() ? before.get().states() : asked;
    }

    private void requireSame(String does, String known, Optional<String> asked, String option) {
        if (asked.isPresent() && !asked.get().equals(known)) {
            throw new UserError("the run in " + out + " " + does + " " + known + ", not " + asked.get() + "; leave "
                    + option + " out to go on with it, or choose another folder");
        }
    }

    private String presetName() {
        return preset.orElseThrow(() -> new UserError(
                "--preset is missing (or --from, a model to begin with); known are " + Presets.summary()));
    }

    /**
     * A folder that tells the architecture and the tokenizer of the run to go on with. Weights are not read from it, so
     * where the disk was full before the model came to be in {@code last}, the best one will do.
     */
    private Path stored() {
        return Stream.of(out.resolve("last"), out)
                .filter(folder -> Files.exists(folder.resolve(Safetensors.MODEL_FILE))).findFirst()
                .orElseThrow(() -> new UserError(
                        out + ": there is no checkpoint to go on from; remove the folder and begin again"));
    }

    /** Rows of the head: a multiple of 128, as published models have (65,536 for World, 50,304 for GPT-NeoX). */
    private static int rows(int vocabulary) {
        return (vocabulary + HEAD_ROWS - 1) / HEAD_ROWS * HEAD_ROWS;
    }

    private TrainingConfig training(Optional<RunDescription> before, StackConfig architecture) {
        long parameters = new Stack(architecture, Parameters.Source.shapesOnly()).parameters().count();
        TrainingConfig usual = before.map(RunDescription::training)
                .orElseGet(() -> states(before) ? TrainingConfig.ofStates(architecture.context())
                        : from.isPresent() ? TrainingConfig.further(parameters, architecture.context())
                        : TrainingConfig.usual(parameters, architecture.context()));
        TrainingConfig seeded = seed.isPresent() ? usual.with("seed", Long.toString(seed.get())) : usual;
        TrainingConfig training = RecordJson.with(seeded, settings.stream()
                .filter(setting -> !isOfArchitecture(setting))
                .map(setting -> setting.startsWith(TRAINING) ? setting.substring(TRAINING.length()) : setting)
                .toList());
        before.map(run -> run.training().seed()).filter(known -> known != training.seed()).ifPresent(known -> {
            throw new UserError("the run in " + out + " has the seed " + known + ", not " + training.seed()
                    + ", and goes on where its windows stand; leave the seed out, or choose another folder");
        });
        return training;
    }

    /** A key that both have, such as {@code epsilon}, is the architecture's unless it says otherwise. */
    private boolean isOfArchitecture(String setting) {
        boolean said = setting.startsWith(TRAINING)
                && RecordJson.knows(TrainingConfig.class, setting.substring(TRAINING.length()));
        boolean architecture = !said && RecordJson.knows(StackConfig.class, setting);
        if (!said && !architecture && !RecordJson.knows(TrainingConfig.class, setting)) {
            List<String> keys = new ArrayList<>(TrainingConfig.keys());
            Arrays.stream(StackConfig.class.getRecordComponents()).forEach(key -> keys.add(key.getName()));
            String key = setting.split("[.=]", 2)[0];
            throw new UserError("--set " + setting + ": unknown key \"" + key + "\"; " + NearestName.advice(key, keys));
        }
        return architecture;
    }

    private Budget budget(Optional<RunDescription> before) {
        List<Budget> given = new ArrayList<>();
        steps.ifPresent(number -> given.add(new Budget.Steps(number)));
        tokens.ifPresent(number -> given.add(new Budget.Tokens(number)));
        minutes.ifPresent(number -> given.add(new Budget.Minutes(number)));
        if (given.size() > 1) {
            throw new UserError("--steps, --tokens and --minutes exclude one another; give one");
        }
        return given.isEmpty() ? before.map(RunDescription::budget).orElse(new Budget.Steps(USUAL_STEPS))
                : given.getFirst();
    }

    // ── the run ─────────────────────────────────────────────────────────────────────────────────────────────────────

    private int run(TrainingPlan plan, ThreadTeam team) throws IOException {
        boolean lines = json || !tern.isTerminal();
        TrainingRun run = new TrainingRun(plan, KernelSet.fastest(), team,
                (model, prompt, count, from) -> sample(model, plan.tokenizer(), prompt, count, from, team.threads()));
        try (TrainingProgress progress = new TrainingProgress(tern.out(), tern.err(), lines, tern.isTerminal());
                Interrupt interrupt = new Interrupt()) {
            TrainingEvent.Finished finished = run.run(progress, interrupt::isRequested);
            tern.err().println(finished.interrupted()
                    ? "interrupted after step " + finished.step() + "; saved in " + plan.folder().resolve("last")
                            + "; --resume goes on"
                    : String.format(Locale.ROOT,
                            "%d steps, %,d tokens in %s; the best " + (plan.states() ? "state" : "model")
                                    + " is in %s, the report in %s",
                            finished.step(), finished.tokens(), TrainingProgress.duration(finished.seconds()),
                            plan.folder(), plan.folder().resolve("report.html")));
            return finished.interrupted() ? Outcome.INTERRUPTED : Outcome.OK;
        } catch (TrainingDiverged diverged) {
            throw new UserError(diverged.getMessage() + "; "
                    + (Files.exists(plan.folder().resolve("last").resolve("training.safetensors"))
                            ? "the last checkpoint stays in " + plan.folder().resolve("last")
                            : "nothing had been saved yet"),
                    diverged);
        }
    }

    private static String sample(SequenceModel model, Tokenizer tokenizer, String prompt, int count, long seed,
            int threads) {
        try (Engine engine = new Engine(threads);
                LanguageModel language = new LanguageModel(model, tokenizer, "in training", engine);
                LiveSequence sequence = language.sequence()) {
            Generator.Request request = new Generator.Request(count, Sampling.GREEDY.withTemperature(0.8), seed,
                    List.of());
            return new Generator(language, sequence)
                    .generate(tokenizer.encode(prompt), request, piece -> {
                    }).text();
        }
    }
}

package tern.train;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

import tern.checkpoint.Checkpoint;
import tern.checkpoint.FolderLock;
import tern.checkpoint.ModelFiles;
import tern.checkpoint.Safetensors;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.model.Parameters;
import tern.model.Parameters.Parameter;
import tern.model.SequenceModel;
import tern.model.Stack;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.PermutedWindows;
import tern.text.RandomWindows;
import tern.text.Split;
import tern.text.StreamWindows;
import tern.text.TokenStore;
import tern.text.Windows;

/**
 * A whole training run with everything that it leaves in its folder:
 *
 * <pre>
 * config.json, model.safetensors   the best model so far by validation; what other commands open
 * last/                            the model as it is, and training.safetensors: all that is needed to go on
 * training.json                    what was asked for
 * metrics.jsonl                    what happened, a line an event
 * report.html                      the same as a page
 * state.safetensors                in place of models, in last/ too, where states are tuned
 * </pre>
 *
 * Every file is replaced in one step, so that a crash or a full disk leaves what was saved before. With a budget of steps
 * or tokens a run is exactly reproducible, interrupted or not. Confined to one thread.
 */
public final class TrainingRun {
    /** The note of a saved model that holds where its data was cut, as {@link tern.text.SplitData#cut} says it. */
    public static final String CUT_NOTE = "trained_cut";
    /** The note of a saved model that names the model whose weights its run began with, and that model's fingerprint. */
    public static final String FROM_NOTE = "trained_from";
    private static final String BEST_NOTE = "best_validation_bits_per_byte";
    private static final String STATE_FILE = "training.safetensors";
    private static final int PROMPT_BYTES = 48;

    private final TrainingPlan plan;
    private final KernelSet kernels;
    private final ThreadTeam team;
    private final SampleWriter samples;
    private final LongSupplier nanos;

    /** Everything that lives as long as the run. */
    private record Session(SequenceModel model, Trainer trainer, Windows windows, Optional<Validation> validation,
            MetricsLog metrics, Consumer<TrainingEvent> sink, Map<String, String> notes) {
        void tell(TrainingEvent event) throws IOException {
            metrics.write(event);
            sink.accept(event);
        }
    }

    /**
     * A run that was not begun yet.
     *
     * @param kernels bodies for F32
     * @param team threads to use; not closed by this object
     * @param samples writes text after each validation
     */
    public TrainingRun(TrainingPlan plan, KernelSet kernels, ThreadTeam team, SampleWriter samples) {
        this(plan, kernels, team, samples, System::nanoTime);
    }

    TrainingRun(TrainingPlan plan, KernelSet kernels, ThreadTeam team, SampleWriter samples, LongSupplier nanos) {
        this.plan = plan;
        this.kernels = kernels;
        this.team = team;
        this.samples = samples;
        this.nanos = nanos;
    }

    /**
     * Trains until the budget is spent.
     *
     * @param sink told of every event, on the calling thread
     * @param stop asked between steps whether to save and return early
     * @return the last event
     * @throws IllegalArgumentException if the data is too short, the folder holds another model, there is not enough memory,
     *             or the run to go on with was another one
     * @throws IOException if another run writes there, or something cannot be read or saved; what was saved before is whole
     * @throws TrainingDiverged if the loss or a gradient is NaN or infinite; the last checkpoint stays
     */
    public TrainingEvent.Finished run(Consumer<TrainingEvent> sink, BooleanSupplier stop) throws IOException {
        return run(sink, stop, MemoryNeed.available());
    }

    TrainingEvent.Finished run(Consumer<TrainingEvent> sink, BooleanSupplier stop, long available) throws IOException {
        Windows windows = windows();
        Optional<Validation> validation = validation();
        Stack declared = new Stack(plan.architecture(), Parameters.Source.shapesOnly());
        if (!declared.causal()) {
            throw new IllegalArgumentException(plan.name() + " reads in both directions, and whoever reads ahead sees"
                    + " the next byte; choose a causal architecture, or a task of tern compare that asks for classes");
        }
        Parameters shapes = (plan.states() ? new StateTuning(declared, Parameters.Source.shapesOnly()) : declared)
                .parameters();
        MemoryNeed least = MemoryNeed.without(declared.parameters().count(parameter -> true), shapes.count());
        least.requireAtMost(available);
        checkFolder();
        try (Memory memory = new Memory()) {
            Map<String, String> notes = new LinkedHashMap<>();
            Stack weights = first(memory, notes);
            SequenceModel model = plan.states()
                    ? new StateTuning(weights, Parameters.Source.initialised(0, DType.F32, memory))
                    : weights;
            try (Trainer trainer = new Trainer(model, plan.training(), kernels, team)) {
                MemoryNeed need = least.withStep(trainer.estimateStep());
                need.requireAtMost(available);
                // Not before: what is refused leaves nothing that would stand in the way of the next attempt.
                Files.createDirectories(last());
                try (FolderLock _ = FolderLock.of(plan.folder())) {
                    Progress from = plan.resume() ? load(trainer, windows) : Progress.beginning(windows.save());
                    requireLeft(from);
                    RunDescription.of(plan).write(plan.folder());
                    try (MetricsLog metrics = new MetricsLog(plan.folder().resolve("metrics.jsonl"), from.step())) {
                        Session session = new Session(model, trainer, windows, validation, metrics, sink, notes);
                        session.tell(new TrainingEvent.Started(from.step(), plan.name(), shapes.count(),
                                plan.folder().toString(), plan.budget().toString(),
                                plan.data().describe(), need, team.threads(), kernels.name()));
                        return train(session, from, stop);
                    } catch (IOException failed) {
                        throw explained(failed);
                    }
                }
            }
        }
    }

    // ── before the first step ───────────────────────────────────────────────────────────────────────────────────────

    private Windows windows() {
        TrainingConfig training = plan.training();
        TokenStore tokens = plan.data().tokens(Split.TRAIN, plan.tokenizer());
        return switch (training.windows()) {
            case RANDOM -> new RandomWindows(tokens, training.batch(), training.time(), training.seed());
            case PERMUTED -> new PermutedWindows(tokens, training.batch(), training.time());
            case CONTIGUOUS -> new StreamWindows(tokens, training.batch(), training.time());
        };
    }

    /** None if the validation part has fewer than two symbols. */
    private Optional<Validation> validation() {
        TokenStore tokens = plan.data().tokens(Split.VALIDATION, plan.tokenizer());
        return tokens.size() < 2 ? Optional.empty()
                : Optional.of(new Validation(tokens, plan.training().time(), plan.training().validationWindows()));
    }

    private void checkFolder() throws IOException {
        Path folder = plan.folder();
        if (Files.exists(folder) && !Files.isDirectory(folder)) {
            throw new IOException(folder + ": is a file, expected a folder to save the model in");
        }
        if (plan.resume()) {
            RunDescription before = RunDescription.read(folder);
            String now = RunDescription.fingerprint(plan.data());
            if (!before.fingerprint().equals(now)) {
                throw new IllegalArgumentException(folder + ": the run was begun with other data (" + before.data()
                        + ": " + before.fingerprint() + ") than is given now (" + plan.files() + ": " + now
                        + "); give the same files, or begin a new run in another folder");
            }
        } else {
            for (String taken : List.of(Checkpoint.CONFIG_FILE, Safetensors.MODEL_FILE, RunDescription.FILE, "last")) {
                if (Files.exists(folder.resolve(taken))) {
                    boolean saved = Files.exists(folder.resolve(Safetensors.MODEL_FILE))
                            || Files.exists(folder.resolve(StateTuning.FILE));
                    throw new IllegalArgumentException(folder + ": there is " + (saved
                            ? "a model already (" + taken + "); go on with it by --resume, or choose another folder"
                            : "a run already that has saved no model so far (" + taken
                                    + "); remove the folder if that run has ended, or choose another"));
                }
            }
        }
    }

    /**
     * The model before the first step; of a run that goes on, weights are read later.
     *
     * @param notes receives those of the model before
     */
    private Stack first(Memory memory, Map<String, String> notes) throws IOException {
        if (plan.resume() && !plan.states()) {
            for (Path folder : List.of(last(), plan.folder())) {
                if (notes.isEmpty() && Files.exists(folder.resolve(Safetensors.MODEL_FILE))) {
                    try (Checkpoint stored = Checkpoint.open(folder)) {
                        notes.putAll(stored.notes());
                    }
                }
            }
        }
        if (plan.from().isEmpty() || plan.resume() && !plan.states()) {
            return new Stack(plan.architecture(),
                    Parameters.Source.initialised(plan.training().seed(), DType.F32, memory));
        }
        Path from = plan.from().get();
        try (Checkpoint stored = Checkpoint.open(from)) {
            notes.putAll(stored.notes());
            notes.remove(BEST_NOTE);
            notes.put(FROM_NOTE, from + " " + stored.fingerprint());
            requireSame(notes.get(FROM_NOTE));
            return fitted(from, stored.load(DType.F32, memory));
        }
    }

    /** States go on with the weights that they were begun with. */
    private void requireSame(String from) throws IOException {
        Path last = last().resolve(StateTuning.FILE);
        if (plan.resume() && Files.exists(last)) {
            try (Safetensors stored = Safetensors.open(last)) {
                String known = stored.texts().getOrDefault(FROM_NOTE, from);
                if (!known.equals(from)) {
                    throw new IllegalArgumentException(plan.folder() + ": the run tunes states of " + known
                            + ", but the model there is now " + from + "; put the first one back, or begin a new run");
                }
            }
        }
    }

    /** The same weights in the plan's architecture. */
    private Stack fitted(Path from, Stack stored) {
        Stack model;
        try {
            model = stored.with(plan.architecture());
        } catch (IllegalArgumentException other) {
            throw new IllegalArgumentException(from + ": " + other.getMessage(), other);
        }
        List<String> left = new ArrayList<>(stored.parameters().tensors().keySet());
        left.removeAll(model.parameters().tensors().keySet());
        if (!left.isEmpty()) {
            throw new IllegalArgumentException(
                    from + ": has a parameter " + left.getFirst() + ", which the architecture"
                            + " of the run has not; only what parameters do not depend on may change");
        }
        return model;
    }

    private Path last() {
        return plan.folder().resolve("last");
    }

    // ── the loop ────────────────────────────────────────────────────────────────────────────────────────────────────

    /** Before anything is written: what is refused leaves the run as it was. */
    private void requireLeft(Progress from) {
        if (plan.budget().isSpent(from.step(), from.tokens(), from.seconds())) {
            throw new IllegalArgumentException(plan.folder() + ": the run has spent its budget of " + plan.budget()
                    + " (" + from.step() + " steps made); give a larger one to go on");
        }
    }

    private TrainingEvent.Finished train(Session session, Progress from, BooleanSupplier stop) throws IOException {
        TrainingConfig training = plan.training();
        Schedule schedule = training.schedule();
        long perStep = training.tokensPerStep();
        Pace pace = new Pace(nanos, from.seconds(), perStep, session.trainer::bytes);
        Progress saved = plan.from().isPresent() && !plan.resume() ? validateAndSave(session, from, pace) : from;
        boolean interrupted = false;
        long step = from.step();
        // Steps before may have been of other sizes.
        long tokens = from.tokens();
        while (!interrupted && !plan.budget().isSpent(step, tokens, pace.seconds())) {
            double done = plan.budget().spent(step + 1, tokens + perStep, pace.seconds() + pace.secondsPerStep());
            Trainer.Step made = session.trainer.step(session.windows, schedule.rate(Math.min(1, done)));
            step = made.number();
            tokens += perStep;
            pace.stepMade();
            double spent = plan.budget().spent(step, tokens, pace.seconds());
            session.tell(new TrainingEvent.Stepped(step, made.loss(), made.bitsPerByte(), made.rate(),
                    made.gradientNorm(), tokens, pace.tokensPerSecond(), pace.seconds(),
                    pace.secondsLeft(spent), pace.memoryBytes()));
            interrupted = stop.getAsBoolean();
            if (!interrupted && training.validateEvery() > 0 && step % training.validateEvery() == 0) {
                saved = validateAndSave(session, at(session, saved, step, tokens, pace), pace);
            }
        }
        if (interrupted) {
            save(session, at(session, saved, step, tokens, pace),
                    session.validation.isEmpty() || saved.bestBits() == Double.POSITIVE_INFINITY);
        } else if (saved.step() < step || step == from.step()) {
            validateAndSave(session, at(session, saved, step, tokens, pace), pace);
        }
        TrainingEvent.Finished finished = new TrainingEvent.Finished(step, tokens, pace.seconds(), interrupted);
        session.tell(finished);
        TrainingReport.write(plan.folder());
        return finished;
    }

    private Progress at(Session session, Progress before, long step, long tokens, Pace pace) {
        return new Progress(step, tokens, pace.seconds(), session.windows.save(), before.bestBits(), before.bestStep());
    }

    private Progress validateAndSave(Session session, Progress here, Pace pace) throws IOException {
        Progress now = here;
        long step = here.step();
        boolean best = session.validation.isEmpty();
        if (session.validation.isPresent()) {
            double bits = session.trainer.evaluate(session.validation.get()).bits();
            best = bits < here.bestBits();
            session.tell(new TrainingEvent.Validated(step, bits, best, pace.seconds()));
            now = best ? new Progress(step, now.tokens(), now.seconds(), now.windows(), bits, step) : now;
        }
        save(session, now, best);
        if (plan.sampleTokens() > 0) {
            String prompt = prompt();
            session.tell(new TrainingEvent.Sampled(step, prompt,
                    samples.continued(session.model, prompt, plan.sampleTokens(), plan.training().seed())));
        }
        if (pace.reportDue()) {
            TrainingReport.write(plan.folder());
        }
        pace.resumed();
        return now;
    }

    /** The beginning of the validation part, or of the training part. */
    private String prompt() {
        Split part = plan.data().to(Split.VALIDATION) > plan.data().from(Split.VALIDATION) ? Split.VALIDATION
                : Split.TRAIN;
        long from = plan.data().from(part);
        int count = (int) Math.min(PROMPT_BYTES, plan.data().to(part) - from);
        // Characters cut in two at either end are left out.
        return new String(plan.data().data().bytes(from, count), StandardCharsets.UTF_8).replace("\uFFFD", "");
    }

    // ── saving and going on ─────────────────────────────────────────────────────────────────────────────────────────

    /** The best model goes first, so that what {@code last} says of it is never ahead of the file. */
    private void save(Session session, Progress now, boolean best) throws IOException {
        if (best) {
            saveModel(session, plan.folder(), now);
        }
        SavedState.write(last().resolve(STATE_FILE), session.trainer, now.toMetadata());
        saveModel(session, last(), now);
        session.tell(new TrainingEvent.Saved(now.step(), last().toString()));
    }

    private void saveModel(Session session, Path folder, Progress now) throws IOException {
        Map<String, String> notes = new LinkedHashMap<>(session.notes);
        notes.put("trained_steps", Long.toString(now.step()));
        notes.put("trained_tokens", Long.toString(now.tokens()));
        notes.put("trained_on", plan.data().data().name());
        notes.put(CUT_NOTE, plan.data().cut());
        notes.put("architecture", plan.name());
        if (now.bestBits() < Double.POSITIVE_INFINITY) {
            notes.put(BEST_NOTE, Double.toString(now.bestBits()));
        }
        if (session.model instanceof StateTuning states) {
            states.write(folder.resolve(StateTuning.FILE), notes);
            return;
        }
        ModelFiles.write(folder, plan.tokenizer().files());
        Checkpoint.save(folder, session.model, plan.tokenizer().descriptor(), notes);
    }

    private Progress load(Trainer trainer, Windows windows) throws IOException {
        Path file = last().resolve(STATE_FILE);
        if (!Files.exists(file)) {
            throw new IOException(plan.folder() + ": there is no checkpoint to go on from, " + file
                    + " is missing; remove the folder and begin again");
        }
        return continued(file, SavedState.read(file, trainer), trainer, windows);
    }

    private Progress continued(Path file, Map<String, String> metadata, Trainer trainer, Windows windows)
            throws IOException {
        TrainingConfig before = RunDescription.read(plan.folder()).training();
        if (before.windows() != plan.training().windows()) {
            throw new IllegalArgumentException(plan.folder() + ": the run was begun with windows="
                    + before.windows().name().toLowerCase(Locale.ROOT)
                    + ", which stand at a place that others have not;"
                    + " leave windows out to go on with it, or begin a new run in another folder");
        }
        try {
            Progress progress = Progress.from(metadata, before.tokensPerStep());
            trainer.optimiser().resumeAfter(progress.step());
            windows.restore(progress.windows());
            return progress;
        } catch (IllegalArgumentException damaged) {
            throw new IllegalArgumentException(file + ": " + damaged.getMessage(), damaged);
        }
    }

    private IOException explained(IOException failed) {
        Path state = last().resolve(STATE_FILE);
        String rest = Files.exists(state)
                ? "the checkpoint in " + last() + " is whole; mend this and go on with --resume"
                : "nothing had been saved before";
        return new IOException(failed.getMessage() + "; " + rest, failed);
    }
}

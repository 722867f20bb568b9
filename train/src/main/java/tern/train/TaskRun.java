package tern.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.Checkpoint;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.model.Parameters;
import tern.model.Stack;
import tern.tasks.Batch;
import tern.tasks.Task;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.ByteTokenizer;

/**
 * Trains one model on one task and judges it. Its folder holds {@code state.safetensors} while the run is under way, and
 * the model afterwards. A run that was asked to stop goes on from there, one that was killed from the last time it was looked
 * at; with a budget of steps to the very same numbers. Confined to one thread.
 */
public final class TaskRun {
    private static final String STATE_FILE = "state.safetensors";
    private static final String KEY = "tern.task-run";
    // States that were saved by an earlier version lack some of the numbers, which are 0 then.
    private static final JsonMapper JSON = JsonMapper.builder()
            .disable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES).build();

    private final TaskPlan plan;
    private final KernelSet kernels;
    private final ThreadTeam team;
    private final LongSupplier nanos;

    /**
     * A look at a run.
     *
     * @param step updates made
     * @param seconds of {@link RunClock} spent on training
     * @param trainingLoss mean of the objective since the last look
     * @param score on the validation set, in the task's metric
     */
    public record Look(long step, double seconds, double trainingLoss, double score) {
    }

    /**
     * How a model did at one length.
     *
     * @param length as the task calls it
     * @param groups the same of each of the task's groups, if it has any
     */
    public record AtLength(int length, Scores scores, List<Scores> groups) {
    }

    /**
     * What came of a run.
     *
     * @param parameters trained values
     * @param causal whether the model can read step by step
     * @param positions read in training
     * @param seconds of {@link RunClock} spent on training
     * @param cost of a step since the run was last gone on with, or of those before if none was left to make
     * @param looks in order
     * @param tests the trained length first
     */
    public record Result(long parameters, boolean causal, long steps, long positions, double seconds, Cost cost,
            List<Look> looks, List<AtLength> tests) {
        /** Positions read a second. */
        public double positionsPerSecond() {
            return positions / Math.max(1e-9, seconds);
        }
    }

    /**
     * What a training step takes, in time of {@link RunClock}.
     *
     * @param forwardNanos a position, up to the loss: the median over steps; 0 if no step was made
     * @param backwardNanos a position, from the loss to the gradients
     * @param bytes native memory held: parameters, gradients, moments, activations
     */
    public record Cost(double forwardNanos, double backwardNanos, long bytes) {
    }

    /**
     * Where a run stands, besides its tensors.
     *
     * @param losses of the updates since the last look, added
     * @param since number of these
     * @param forwardNanos median of the steps before this was written
     * @param backwardNanos likewise
     */
    record Standing(long step, double seconds, long positions, List<Look> looks, double losses, int since,
            double forwardNanos, double backwardNanos) {
    }

    /**
     * A run over a plan.
     *
     * @param team threads to use; not closed by this object
     */
    public TaskRun(TaskPlan plan, KernelSet kernels, ThreadTeam team) {
        this(plan, kernels, team, RunClock.of(team));
    }

    TaskRun(TaskPlan plan, KernelSet kernels, ThreadTeam team, LongSupplier nanos) {
        this.plan = plan;
        this.kernels = kernels;
        this.team = team;
        this.nanos = nanos;
    }

    /** Thrown when a run was asked to stop before its budget was spent; it is saved. */
    public static final class Stopped extends Exception {
        private static final long serialVersionUID = 1;

        Stopped(String message) {
            super(message);
        }
    }

    /**
     * Trains until the budget is spent, from the beginning or from where the folder says, and judges.
     *
     * @param sink told of every look
     * @param stop asked between steps whether to save and leave
     * @throws Stopped if {@code stop} said so
     * @throws TrainingDiverged if the loss or a gradient is NaN or infinite
     */
    public Result run(Consumer<Look> sink, BooleanSupplier stop) throws IOException, Stopped {
        Files.createDirectories(plan.folder());
        try (Memory memory = new Memory()) {
            Stack model = new Stack(plan.architecture(),
                    Parameters.Source.initialised(plan.training().seed(), DType.F32, memory));
            TaskPlan.requireFit(plan.task(), plan.name(), model);
            MemoryNeed.without(model.parameters().count(parameter -> true), model.parameters().count())
                    .requireAtMost(MemoryNeed.available());
            try (Trainer trainer = new Trainer(model, plan.training(), kernels, team)) {
                Standing end = train(trainer, begin(trainer), sink, stop);
                Cost cost = new Cost(end.forwardNanos, end.backwardNanos, memory.bytes() + trainer.bytes());
                List<AtLength> tests = new ArrayList<>();
                for (int length : plan.task().testLengths()) {
                    tests.add(new AtLength(length, trainer.evaluate(plan.task(), plan.task().test(length)),
                            grouped(trainer, length)));
                }
                save(model, end.step);
                Files.deleteIfExists(state());
                return new Result(model.parameters().count(), model.causal(), end.step, end.positions, end.seconds,
                        cost, end.looks, tests);
            }
        }
    }

    /** With what others need to use it: what its numbers mean, or its bytes. */
    private void save(Stack model, long step) throws IOException {
        Task task = plan.task();
        Map<String, String> notes = new TreeMap<>(task.notes());
        notes.put("task", task.name());
        notes.put("architecture", plan.name());
        notes.put("trained_steps", Long.toString(step));
        boolean bytes = model.config().generates() && "0".equals(task.notes().get(ByteTokenizer.FIRST_BYTE_NOTE));
        Checkpoint.save(plan.folder(), model, bytes ? ByteTokenizer.ALL.descriptor() : Map.of(), notes);
    }

    private List<Scores> grouped(Trainer trainer, int length) {
        Task task = plan.task();
        List<Scores> scores = new ArrayList<>();
        for (int group = 0; group < task.groups().size(); group++) {
            int wanted = group;
            scores.add(trainer.evaluate(task,
                    task.test(length).stream().filter(example -> task.group(example) == wanted).toList()));
        }
        return scores;
    }

    private Path state() {
        return plan.folder().resolve(STATE_FILE);
    }

    private Standing begin(Trainer trainer) throws IOException {
        if (!Files.exists(state())) {
            return new Standing(0, 0, 0, List.of(), 0, 0, 0, 0);
        }
        try {
            Standing standing = JSON.readValue(SavedState.read(state(), trainer).getOrDefault(KEY, ""), Standing.class);
            trainer.optimiser().resumeAfter(standing.step);
            return standing;
        } catch (JacksonException damaged) {
            throw new IOException(state() + ": \"" + KEY + "\" cannot be read: " + damaged.getOriginalMessage()
                    + "; remove the folder to begin again", damaged);
        } catch (IOException damaged) {
            throw new IOException(damaged.getMessage() + "; remove the folder to begin this run again", damaged);
        }
    }

    private static double median(List<double[]> took, int which, double before) {
        double[] sorted = took.stream().mapToDouble(times -> times[which]).sorted().toArray();
        return sorted.length == 0 ? before : sorted[sorted.length / 2];
    }

    private Standing train(Trainer trainer, Standing from, Consumer<Look> sink, BooleanSupplier stop)
            throws IOException, Stopped {
        Task task = plan.task();
        TrainingConfig training = plan.training();
        Schedule schedule = training.schedule();
        Objective objective = Objective.of(task);
        List<Look> looks = new ArrayList<>(from.looks);
        List<double[]> took = new ArrayList<>();
        long step = from.step;
        long positions = from.positions;
        double seconds = from.seconds;
        double perStep = 0;
        double losses = from.losses;
        int since = from.since;
        while (!plan.budget().isSpent(step, positions, seconds)) {
            long begun = nanos.getAsLong();
            double done = Math.min(1, plan.budget().spent(step + 1, positions, seconds + perStep));
            List<Batch> batches = batches(task, step);
            Trainer.Step made = trainer.step(batches, objective, schedule.rate(done));
            step = made.number();
            int readNow = batches.stream().flatMapToInt(batch -> java.util.Arrays.stream(batch.lengths())).sum();
            positions += readNow;
            took.add(new double[] {1e9 * made.forwardSeconds() / readNow, 1e9 * made.backwardSeconds() / readNow});
            perStep = (nanos.getAsLong() - begun) * 1e-9;
            seconds += perStep;
            losses += made.loss();
            since++;
            boolean over = plan.budget().isSpent(step, positions, seconds);
            boolean due = training.validateEvery() > 0 && step % training.validateEvery() == 0;
            if (over || due) {
                Look look = new Look(step, seconds, losses / since,
                        trainer.evaluate(task, task.validation()).in(task.metric()));
                looks.add(look);
                sink.accept(look);
                losses = 0;
                since = 0;
            }
            boolean stopped = !over && stop.getAsBoolean();
            if (over || due || stopped) {
                Standing now = new Standing(step, seconds, positions, List.copyOf(looks), losses, since,
                        median(took, 0, 0), median(took, 1, 0));
                SavedState.write(state(), trainer, Map.of(KEY, JSON.writeValueAsString(now)));
            }
            if (stopped) {
                throw new Stopped(plan.name() + " on " + task.name() + ": stopped after step " + step);
            }
        }
        return new Standing(step, seconds, positions, List.copyOf(looks), losses, since,
                median(took, 0, from.forwardNanos), median(took, 1, from.backwardNanos));
    }

    private List<Batch> batches(Task task, long step) {
        TrainingConfig training = plan.training();
        List<Batch> batches = new ArrayList<>();
        for (int part = 0; part < training.accumulation(); part++) {
            batches.add(task.train(training.seed(), step * training.accumulation() + part, training.batch()));
        }
        return batches;
    }
}

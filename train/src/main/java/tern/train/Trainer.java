package tern.train;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

import tern.autograd.Gradients;
import tern.autograd.TapeOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.model.HeadConfig;
import tern.model.ModelInput;
import tern.model.ModelState;
import tern.model.Parameters.Parameter;
import tern.model.SequenceModel;
import tern.ops.Ops;
import tern.sequence.Form;
import tern.tasks.Batch;
import tern.tasks.Example;
import tern.tasks.Task;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.tensor.Workspace;
import tern.text.Windows;

/**
 * Makes updates of a model, one at a time: forward from the empty state, mean cross-entropy, backward, clipping by global
 * norm, AdamW. Results depend on the seed and not on the number of threads. From the second step on, a step takes the
 * memory of the first again. Owns gradients, moments and workspaces; updates the model's parameters in place. Confined to
 * one thread.
 */
public final class Trainer implements AutoCloseable {
    private final SequenceModel model;
    private final TrainingConfig config;
    private final KernelSet kernels;
    private final ThreadTeam team;
    private final LongSupplier clock;
    private final GradientNoise noise;
    private final DType dtype;
    private final Memory memory = new Memory();
    private final Workspace results = new Workspace();
    private final Gradients gradients;
    private final Optimiser optimiser;
    private final TapeOps tape;
    private final Tensor ids;
    private final Tensor targets;
    private final int[] read;
    private final int[] next;
    private long bytesPredicted;
    private long forwardNanos;
    private long backwardNanos;

    /**
     * What one update did.
     *
     * @param number of the update, from 1
     * @param loss mean cross-entropy in nats a token before the update
     * @param gradientNorm global norm before clipping
     * @param rate learning rate
     * @param bytesPerToken of the text that was predicted
     * @param forwardSeconds up to the loss, all batches of the update together
     * @param backwardSeconds from the loss to the gradients
     */
    public record Step(long number, double loss, double gradientNorm, double rate, double bytesPerToken,
            double forwardSeconds, double backwardSeconds) {
        /** The loss in bits a byte of text. */
        public double bitsPerByte() {
            return loss / Math.log(2) / bytesPerToken;
        }
    }

    /**
     * Ready for the first update.
     *
     * @param model trained in place; not closed by this object
     * @param kernels bodies for F32; F64 goes to the reference bodies
     * @param team threads to use; not closed by this object
     */
    public Trainer(SequenceModel model, TrainingConfig config, KernelSet kernels, ThreadTeam team) {
        this.model = model;
        this.config = config;
        this.kernels = kernels;
        this.team = team;
        this.clock = RunClock.of(team);
        this.noise = new GradientNoise(config.noise(), config.noiseDecay());
        List<Parameter> trained = model.parameters().trained();
        this.dtype = model.head().dtype();
        this.gradients = new Gradients(trained.stream().map(Parameter::tensor).toList());
        this.optimiser = new Optimiser(trained, config.adamW(), kernels, team);
        this.tape = new TapeOps(kernels, team, results, gradients, config.recompute());
        this.tape.penaltyShare(1.0 / config.accumulation());
        this.ids = memory.zeros(DType.I32, config.batch(), config.time());
        this.targets = memory.zeros(DType.I32, config.batch(), config.time());
        this.read = new int[config.batch() * config.time()];
        this.next = new int[read.length];
    }

    /** The model. */
    public SequenceModel model() {
        return model;
    }

    /** The optimiser, with its moments. */
    public Optimiser optimiser() {
        return optimiser;
    }

    /** Updates made so far, those before a resumption included. */
    public long steps() {
        return optimiser.steps();
    }

    /**
     * One update from the next windows.
     *
     * @param windows of this run's batch and time
     * @param rate learning rate
     * @throws TrainingDiverged if the loss or a gradient is NaN or infinite; no parameter or moment was changed
     */
    public Step step(Windows windows, double rate) {
        double loss = accumulate(windows);
        return update(loss, rate, (double) bytesPredicted / config.tokensPerStep());
    }

    /**
     * One update from batches of a task, by the mean over all that is scored in them.
     *
     * @param batches one or more; each is read from the empty state
     * @param rate learning rate
     * @throws TrainingDiverged if the loss or a gradient is NaN or infinite; no parameter or moment was changed
     */
    public Step step(List<Batch> batches, Objective objective, double rate) {
        begin();
        long scored = batches.stream().mapToLong(Batch::scored).sum();
        double loss = 0;
        for (int part = 0; part < batches.size(); part++) {
            Batch batch = batches.get(part);
            loss += part(part, () -> tape.mean(losses(tape, objective, batch), Math.max(1, scored)));
        }
        return update(loss, rate, 1);
    }

    private Step update(double loss, double rate, double bytesPerToken) {
        long number = optimiser.steps() + 1;
        double norm = optimiser.norm(gradients);
        if (!Double.isFinite(loss)) {
            throw diverged(number, "loss", loss);
        }
        if (!Double.isFinite(norm)) {
            throw diverged(number, "norm of the gradient", norm);
        }
        double scale = clipping(norm);
        if (config.noise() > 0 && config.noiseFirst().orElse(false)) {
            addNoise(1);
            scale = clipping(optimiser.norm(gradients));
        } else if (config.noise() > 0) {
            addNoise(scale);
            scale = 1;
        }
        optimiser.update(gradients, rate, scale);
        tape.settleMeasured();
        return new Step(number, loss, norm, rate, bytesPerToken, 1e-9 * forwardNanos, 1e-9 * backwardNanos);
    }

    /** What gradients of a norm are multiplied by. */
    private double clipping(double norm) {
        return config.clip() > 0 && norm > config.clip() ? config.clip() / norm : 1;
    }

    private Tensor losses(Ops ops, Objective objective, Batch batch) {
        return objective.losses(ops, model, read(ops, batch), answers(batch), wrap());
    }

    private double wrap() {
        return config.l2Wrap().orElse(0.0);
    }

    /** The rows that the head's matrix reads of a batch. */
    private Tensor read(Ops ops, Batch batch) {
        // Sequences that are compared stand one behind the other in a row; the model reads each alone.
        int each = model.config().readout().map(HeadConfig::sequences).orElse(1);
        if (each > 1 && !batch.isFull()) {
            throw new IllegalArgumentException("training: sequences that are compared must be of one length, found "
                    + Arrays.toString(batch.lengths()));
        }
        int rows = each * batch.rows();
        int time = batch.time() / each;
        Tensor inputs;
        if (batch.ids().length > 0) {
            inputs = results.allocate(DType.I32, Shape.of(rows, time));
            Trainer.write(batch.ids(), inputs);
        } else {
            int features = batch.values().length / (rows * time);
            inputs = numbers(batch.values(), Shape.of(rows, time, features));
        }
        int[] lengths = batch.isFull() ? new int[0] : batch.lengths();
        ModelState fresh = ModelState.empty(model.stateLayouts(), dtype, rows, 0, results);
        Tensor hidden = model.forward(Form.PARALLEL, ops, ModelInput.padded(inputs, lengths), fresh).hidden();
        return model.read(ops, hidden, lengths);
    }

    private Tensor answers(Batch batch) {
        if (batch.labels().length == 0) {
            return numbers(batch.targets(), Shape.of(batch.rows(), batch.targets().length / batch.rows()));
        }
        Tensor labels = results.allocate(DType.I32, Shape.of(batch.labels().length));
        Trainer.write(batch.labels(), labels);
        return labels;
    }

    private Tensor numbers(float[] values, Shape shape) {
        Tensor tensor = results.allocate(dtype, shape);
        for (int i = 0; i < values.length; i++) {
            tensor.set(i, values[i]);
        }
        return tensor;
    }

    /**
     * Measures the model as it is on sequences of a task.
     *
     * @param examples read in batches of this run's size, or smaller where they are longer
     */
    public Scores evaluate(Task task, List<Example> examples) {
        Objective objective = Objective.of(task);
        ScoreCount count = new ScoreCount();
        int longest = examples.stream().mapToInt(example -> example.time(task.input())).max().orElse(1);
        int rows = Math.clamp((long) config.batch() * config.time() / longest, 1, config.batch());
        for (int from = 0; from < examples.size(); from += rows) {
            Batch batch = Batch.of(task, examples.subList(from, Math.min(examples.size(), from + rows)));
            tape.withoutGradients(() -> {
                count(count, objective, batch);
                return batch;
            });
            tape.clear();
            results.reset();
        }
        return count.scores();
    }

    private void count(ScoreCount count, Objective objective, Batch batch) {
        Tensor read = read(tape, batch);
        count.addLosses(tape.mean(objective.losses(tape, model, read, answers(batch), 0), 1).get(0), batch.scored());
        if (batch.labels().length == 0) {
            count.addNumbers(batch, model.outputs(tape, read));
        } else if (batch.scored() > 0) {
            count.addChosen(batch, model.outputs(tape, ScoreCount.gathered(tape, read, batch)));
        }
    }

    /** Leaves the gradient of the mean over all batches of one update in {@link #gradients}; gives the mean loss. */
    double accumulate(Windows windows) {
        begin();
        double loss = 0;
        bytesPredicted = 0;
        for (int part = 0; part < config.accumulation(); part++) {
            windows.next(read, next);
            bytesPredicted += windows.tokens().bytes(next, 0, next.length);
            Trainer.write(read, ids);
            Trainer.write(next, targets);
            loss += part(part, () -> loss(tape, results, ids, targets, config.tokensPerStep()));
        }
        return loss;
    }

    private void begin() {
        gradients.zero();
        forwardNanos = 0;
        backwardNanos = 0;
    }

    /** Forward and backward of one batch of an update; gives its share of the loss. */
    private double part(int number, Supplier<Tensor> forward) {
        long begun = clock.getAsLong();
        tape.drop(dropKey(number));
        Tensor mean = forward.get();
        double loss = mean.get(0);
        long turned = clock.getAsLong();
        tape.backward(mean, 1);
        tape.clear();
        results.reset();
        forwardNanos += turned - begun;
        backwardNanos += clock.getAsLong() - turned;
        return loss;
    }

    /** What is left out in one batch: a function of the seed and of how far the run is, so that one that goes on is the same. */
    private long dropKey(int part) {
        return new SplittableRandom(config.seed()).nextLong() + steps() * 0x9E3779B97F4A7C15L
                + part * 0xD1B54A32D192ED03L;
    }

    /**
     * Bytes that a step takes, told from four short ones: activations grow with the number of tokens, with that of sequences,
     * as states do, and with their time, as filters do; what threads use grows with the tokens at most.
     */
    MemoryNeed.Step estimateStep() {
        int time = Math.min(config.time(), Math.max(16, config.time() / 8));
        int longer = Math.min(config.time(), 2 * time);
        double one = peakOf(1, time);
        long least = team.scratchBytes();
        double two = peakOf(2, time);
        if (longer == time) {
            return new MemoryNeed.Step((long) (one + (two - one) * (config.batch() - 1)),
                    extrapolated(least, time, 2.0 * time));
        }
        double oneLonger = peakOf(1, longer);
        double perToken = (peakOf(2, longer) - oneLonger - two + one) / (longer - time);
        double perRow = two - one - perToken * time;
        double perPosition = (oneLonger - one) / (longer - time) - perToken;
        double fixed = one - perRow - (perToken + perPosition) * time;
        return new MemoryNeed.Step(
                (long) (fixed + perRow * config.batch() + (perPosition + perToken * config.batch()) * config.time()),
                extrapolated(least, time, 2.0 * longer));
    }

    /** What threads hold for a step, of which they held {@code least} after {@code few} tokens and more after {@code many}. */
    private long extrapolated(long least, double few, double many) {
        long most = team.scratchBytes();
        double tokens = (double) config.batch() * config.time();
        return most + (long) Math.max(0, (most - least) / (many - few) * (tokens - many));
    }

    /** The most bytes that a step's activations have taken so far. */
    long activations() {
        return results.peak() + tape.activations();
    }

    private long peakOf(int rows, int time) {
        try (Workspace own = new Workspace();
                TapeOps dry = new TapeOps(kernels, team, own, gradients, config.recompute())) {
            Tensor zeros = own.zeros(DType.I32, rows, time);
            dry.drop(0);
            dry.backward(loss(dry, own, zeros, zeros, 1), 1);
            return own.peak() + dry.activations();
        } finally {
            gradients.zero();
        }
    }

    static void write(int[] values, Tensor into) {
        MemorySegment.copy(values, 0, into.data(), Tensor.INT, 0, values.length);
    }

    private Tensor loss(Ops ops, Workspace memoryOfStep, Tensor inputs, Tensor predict, double count) {
        ModelState fresh = ModelState.empty(model.stateLayouts(), dtype, inputs.dim(0), 0, memoryOfStep);
        Tensor hidden = model.forward(Form.PARALLEL, ops, inputs, fresh).hidden();
        int rows = hidden.shape().rows();
        Tensor flat = ops.reshape(hidden, Shape.of(rows, hidden.shape().last()));
        Tensor losses = model.crossEntropy(ops, flat, predict.reshape(rows), wrap());
        return ops.mean(losses, count);
    }

    private void addNoise(double scale) {
        List<Parameter> parameters = optimiser.parameters();
        for (int i = 0; i < parameters.size(); i++) {
            Tensor gradient = gradients.of(parameters.get(i).tensor()).orElseThrow();
            noise.apply(team, gradient, scale, config.seed(), optimiser.steps(), i);
        }
    }

    private TrainingDiverged diverged(long step, String what, double value) {
        String parameter = optimiser.firstNotFinite(gradients).map(Parameter::name).orElse("none");
        return new TrainingDiverged(step, what, value, parameter, "lower the learning rate (now at most "
                + config.learningRate() + "), warm up for longer (now " + config.warmup()
                + " of the run) or clip at a smaller norm (now " + config.clip() + ")");
    }

    /** Measures the model as it is, every window from the empty state. */
    public Validation.Measured evaluate(Validation validation) {
        double sum = 0;
        long symbols = 0;
        long bytes = 0;
        for (int from = 0; from < validation.windows(); from += config.batch()) {
            int rows = Math.min(config.batch(), validation.windows() - from);
            Tensor some = results.allocate(DType.I32, Shape.of(rows, validation.time()));
            Tensor predict = results.allocate(DType.I32, some.shape());
            Validation.Filled filled = validation.fill(from, some, predict);
            symbols += filled.symbols();
            bytes += filled.bytes();
            sum += tape.withoutGradients(() -> loss(tape, results, some, predict, 1)).get(0);
            tape.clear();
            results.reset();
        }
        return new Validation.Measured(sum / symbols, symbols, bytes);
    }

    /** Gradients of the last step. */
    Gradients gradients() {
        return gradients;
    }

    /** Bytes of native memory held: gradients, moments, activations; not the parameters. */
    public long bytes() {
        return gradients.bytes() + optimiser.bytes() + results.bytes() + tape.bytes() + memory.bytes();
    }

    @Override
    public void close() {
        tape.close();
        optimiser.close();
        gradients.close();
        results.close();
        memory.close();
    }
}

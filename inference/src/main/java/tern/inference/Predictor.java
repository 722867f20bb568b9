package tern.inference;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;

import tern.checkpoint.Checkpoint;
import tern.checkpoint.MalformedFileException;
import tern.kernels.EagerOps;
import tern.model.HeadConfig;
import tern.model.ModelInput;
import tern.model.ModelState;
import tern.model.Passed;
import tern.model.SequenceModel;
import tern.sequence.Form;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.text.ByteTokenizer;
import tern.text.Columns;

/**
 * A model that ends in a head of its own: it tells classes of a sequence, numbers at a position or a forecast, of tokens or of
 * measurements. What {@code tern compare} trains on tasks such as {@code reviews}, {@code mnist} or {@code ett-24}. Whole
 * sequences are read by any of them; causal ones also as they come ({@link #sequence}), in constant memory where the mixers are
 * recurrent. Safe for use by several threads, which take turns on the engine. Weights are mapped, as those of a
 * {@link LanguageModel}, and go with {@link #close}.
 *
 * <p>A model of a table's columns takes measurements as they are and gives forecasts in the same units; any other takes and gives
 * numbers as its head has them.
 *
 * <pre>{@code
 * try (Engine engine = Engine.onAllCores();
 *         Predictor model = Predictor.open(Path.of("runs/ett/runs/mamba-1"), engine);
 *         LivePrediction sensor = model.sequence()) {
 *     for (double[] row : rows) {
 *         double[] forecast = sensor.read(row);
 *     }
 *     byte[] kept = sensor.snapshot().toBytes();
 * }
 * }</pre>
 */
public final class Predictor implements AutoCloseable {
    private final SequenceModel network;
    private final LanguageModel streamed;
    private final Optional<Columns> columns;
    private final OptionalInt firstByte;

    private Predictor(SequenceModel network, LanguageModel streamed, Map<String, String> notes) {
        this.network = network;
        this.streamed = streamed;
        this.columns = Columns.from(notes);
        this.firstByte = Optional.ofNullable(notes.get(ByteTokenizer.FIRST_BYTE_NOTE)).map(Integer::parseInt)
                .map(OptionalInt::of)
                .orElse(OptionalInt.empty());
        if (columns.isPresent() && (columns.get().count() != features()
                || outputs() != columns.get().count() * columns.get().horizon())) {
            throw new IllegalArgumentException("it reads " + features() + " numbers and tells " + outputs()
                    + ", which the notes of its columns do not fit: " + columns.get().count() + " columns, "
                    + columns.get().horizon() + " rows ahead");
        }
    }

    /**
     * A model over parts that exist already.
     *
     * @param fingerprint tells models apart, so that a state is never restored into another one
     * @param notes what was noted with the model: {@link Columns#notes}, {@link ByteTokenizer#FIRST_BYTE_NOTE}
     * @param engine where it runs; not closed with the model
     * @throws IllegalArgumentException if the network names the next token and has no other head, or the notes do not fit
     */
    public Predictor(SequenceModel network, String fingerprint, Map<String, String> notes, Engine engine) {
        this(network, LanguageModel.streaming(streamed(network), fingerprint, engine, Optional.of(() -> {
        })), notes);
    }

    /**
     * Opens a model from a folder or a file, by memory mapping.
     *
     * @param engine where it runs; not closed with the model
     * @throws IOException if a file cannot be read or is not a sound model; the message names the file and what is wrong
     * @throws IllegalArgumentException if the model names the next token and has no other head
     */
    public static Predictor open(Path path, Engine engine) throws IOException {
        Checkpoint checkpoint = Checkpoint.open(path);
        boolean whole = false;
        try {
            SequenceModel network = checkpoint.model();
            LanguageModel parts = LanguageModel.streaming(streamed(network), checkpoint.fingerprint(), engine,
                    Optional.of(checkpoint));
            Predictor made;
            try {
                made = new Predictor(network, parts, checkpoint.notes());
            } catch (IllegalArgumentException damaged) {
                throw new MalformedFileException(path + ": " + damaged.getMessage(), damaged);
            }
            whole = true;
            return made;
        } finally {
            if (!whole) {
                checkpoint.close();
            }
        }
    }

    private static SequenceModel streamed(SequenceModel network) {
        if (network.config().generates()) {
            throw new IllegalArgumentException("this model names the next token and has no other head; open it as a"
                    + " LanguageModel (tern generate, tern logits, tern eval)");
        }
        return network.config().readout().filter(head -> head.pooling() == HeadConfig.Pooling.MEAN).isPresent()
                ? new RunningMean(network)
                : network;
    }

    /** The network. */
    public SequenceModel network() {
        return network;
    }

    /** What tells this model apart from others. */
    public String fingerprint() {
        return streamed.fingerprint();
    }

    /** Numbers of a position; 0 where it reads tokens. */
    public int features() {
        return network.config().features().orElse(0);
    }

    /** How many numbers come out. */
    public int outputs() {
        return network.config().readout().map(HeadConfig::outputs).orElse(network.config().vocabulary());
    }

    /** The columns that it was trained on, if it was trained on a table. */
    public Optional<Columns> columns() {
        return columns;
    }

    /** Whether its numbers are scores of classes: logits, whose softmax are probabilities. */
    public boolean classifies() {
        return network.config().readout()
                .filter(head -> head.pooling() == HeadConfig.Pooling.MEAN || head.pooling() == HeadConfig.Pooling.PAIR)
                .isPresent();
    }

    /** How many sequences an answer is about: 2 where it compares them. */
    public int sequences() {
        return network.config().readout().map(HeadConfig::sequences).orElse(1);
    }

    /**
     * Bytes of a text as tokens.
     *
     * @throws IllegalArgumentException if the model was not trained on bytes
     */
    public int[] tokens(byte... text) {
        int first = firstByte.orElseThrow(() -> new IllegalArgumentException(
                "this model was not trained on bytes of text; give it " + (features() > 0 ? "numbers" : "tokens")));
        int[] ids = new int[text.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = first + (text[i] & 0xFF);
        }
        return ids;
    }

    /**
     * What it says of a whole sequence of tokens, read at once.
     *
     * @return scores of classes, or numbers; those after the last position if it tells some at each
     * @throws IllegalArgumentException if it does not read tokens, there are none or one is outside the vocabulary, the sequence is
     *             longer than it can read, or it compares two
     */
    public double[] predict(int... ids) {
        requireOne();
        return predicted(() -> tensor(ids));
    }

    /**
     * What it says of two sequences of tokens that it compares.
     *
     * @throws IllegalArgumentException if it does not compare sequences, or as for {@link #predict(int...)}
     */
    public double[] compare(int[] first, int[] second) {
        if (sequences() != 2) {
            throw new IllegalArgumentException("this model reads one sequence, found two; give it one");
        }
        requireTokens(first);
        requireTokens(second);
        int time = Math.max(first.length, second.length);
        requireShort(time);
        return streamed.step(() -> {
            Tensor both = ops().results().zeros(DType.I32, Shape.of(2, time));
            MemorySegment.copy(first, 0, both.data(), Tensor.INT, 0, first.length);
            MemorySegment.copy(second, 0, both.data(), Tensor.INT, 4L * time, second.length);
            return outputs(ModelInput.padded(both, first.length, second.length));
        });
    }

    /**
     * What it says of a whole sequence of measurements, read at once. A forecast of {@linkplain Columns#relative relative} windows
     * is one of the last {@link Columns#length} rows: any before are not looked at.
     *
     * @param rows one a position, each of {@link #features} numbers
     * @return scores of classes, or numbers; a forecast row after row
     * @throws IllegalArgumentException if it reads tokens, there are no rows or one has another length or a number that is not
     *             finite, or they are more than it can read
     */
    public double[] predict(double[]... rows) {
        requireOne();
        float[][] told = told(rows);
        if (columns.filter(Columns::relative).isEmpty()) {
            return meant(predicted(() -> tensor(told)), new float[features()]);
        }
        float[][] window = Arrays.copyOfRange(told, Math.max(0, told.length - columns.get().length()), told.length);
        float[] level = window[window.length - 1].clone();
        float[][] relative = Arrays.stream(window).map(row -> {
            float[] less = row.clone();
            for (int i = 0; i < less.length; i++) {
                less[i] -= level[i];
            }
            return less;
        }).toArray(float[][]::new);
        return meant(predicted(() -> tensor(relative)), level);
    }

    /**
     * A sequence that is read as it comes.
     *
     * @throws IllegalArgumentException if the model reads in both directions or compares two sequences, or was trained on windows
     *             whose rows are told less the last one
     * @throws IllegalStateException if the model is closed
     */
    public LivePrediction sequence() {
        requireOne();
        if (columns.filter(Columns::relative).isPresent()) {
            throw new IllegalArgumentException("this model was trained on windows of " + columns.get().length()
                    + " rows told less their last row, so each is read anew; predict windows, or train with"
                    + " task.relative=false to stream");
        }
        return new LivePrediction(this);
    }

    /**
     * Reads a snapshot that {@link Snapshot#toBytes} made of a sequence of this model.
     *
     * @throws IOException if the bytes are damaged or belong to another model (both fingerprints are named)
     */
    public Snapshot snapshot(byte... bytes) throws IOException {
        return Snapshot.of(bytes, streamed);
    }

    /** {@link #snapshot(byte...)} of a file that {@link Snapshot#save} wrote. */
    public Snapshot snapshot(Path path) throws IOException {
        return Snapshot.load(path, streamed);
    }

    // ── shared with its sequences ───────────────────────────────────────────────────────────────────────────────────

    /** The network as a stream runs it, with whatever keeps it open. */
    LanguageModel streamed() {
        return streamed;
    }

    EagerOps ops() {
        return streamed.engine().ops();
    }

    void requireTokens(int... ids) {
        if (features() > 0) {
            throw new IllegalArgumentException(
                    "this model reads " + features() + " numbers a position, found tokens; give it rows");
        }
        if (ids.length == 0) {
            throw new IllegalArgumentException("predict: there are no tokens; give at least one");
        }
        streamed.requireVocabulary(ids);
    }

    /** Rows as the network reads them. */
    float[][] told(double[]... rows) {
        if (features() == 0) {
            throw new IllegalArgumentException("this model reads tokens, found rows of numbers; give it tokens");
        }
        if (rows.length == 0) {
            throw new IllegalArgumentException("predict: there are no rows; give at least one");
        }
        float[][] told = new float[rows.length][];
        for (int i = 0; i < rows.length; i++) {
            try {
                told[i] = columns.isPresent() ? columns.get().told(rows[i]) : finite(rows[i]);
            } catch (IllegalArgumentException bad) {
                throw new IllegalArgumentException("row " + (i + 1) + ": " + bad.getMessage(), bad);
            }
        }
        return told;
    }

    private float[] finite(double... row) {
        if (row.length != features()) {
            throw new IllegalArgumentException("it has " + row.length + " numbers, expected " + features());
        }
        float[] told = new float[row.length];
        for (int i = 0; i < row.length; i++) {
            told[i] = (float) row[i];
            if (!Float.isFinite(told[i])) {
                throw new IllegalArgumentException("number " + (i + 1) + " is " + row[i] + ", expected a finite one");
            }
        }
        return told;
    }

    /** Tokens [1,T], alive until the engine's next step. */
    Tensor tensor(int... ids) {
        return streamed.ids(ids, 0, ids.length);
    }

    /** Rows [1,T,F], alive until the engine's next step. */
    Tensor tensor(float[]... rows) {
        Tensor tensor = ops().results().allocate(DType.F32, Shape.of(1, rows.length, features()));
        for (int row = 0; row < rows.length; row++) {
            MemorySegment.copy(rows[row], 0, tensor.data(), Tensor.FLOAT, 4L * row * features(), features());
        }
        return tensor;
    }

    /** Numbers in the units of the table, if there is one. */
    double[] meant(double[] told, float... level) {
        if (columns.isEmpty()) {
            return told;
        }
        double[] above = told.clone();
        for (int i = 0; i < above.length; i++) {
            above[i] += level[i % level.length];
        }
        return columns.get().meant(above);
    }

    /** The last row of what came out. */
    double[] lastOf(Tensor outputs) {
        double[] last = new double[outputs()];
        long from = outputs.elements() - last.length;
        for (int i = 0; i < last.length; i++) {
            last[i] = outputs.get(from + i);
        }
        return last;
    }

    private void requireOne() {
        if (sequences() != 1) {
            throw new IllegalArgumentException("this model compares two sequences, found one; give it both");
        }
    }

    void requireShort(long time) {
        if (time > network.limit()) {
            throw new IllegalArgumentException(
                    "the sequence would have " + time + " positions, at most " + network.limit()
                            + " can be read by this model; cut it");
        }
    }

    private double[] predicted(Supplier<Tensor> input) {
        return streamed.step(() -> {
            Tensor read = input.get();
            requireShort(read.dim(1));
            return outputs(ModelInput.padded(read));
        });
    }

    private double[] outputs(ModelInput in) {
        ModelState fresh = ModelState.empty(network.stateLayouts(), DType.F32, in.ids().dim(0), 0, ops().results());
        Passed passed = network.forward(Form.PARALLEL, ops(), in, fresh);
        return lastOf(network.outputs(ops(), network.read(ops(), passed.hidden(), in.lengths())));
    }

    /** Gives the weights back; its sequences keep their states. Closing twice does nothing. */
    @Override
    public void close() {
        streamed.close();
    }
}

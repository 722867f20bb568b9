package tern.inference;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;

import tern.checkpoint.Checkpoint;
import tern.checkpoint.MalformedFileException;
import tern.checkpoint.Metadatum;
import tern.checkpoint.Placement;
import tern.mixers.goldfinch.GoldCache;
import tern.model.GoldCaches;
import tern.model.SequenceModel;
import tern.model.Stack;
import tern.tensor.DType;
import tern.tensor.Shape;
import tern.tensor.Tensor;
import tern.text.GgufTokenizers;
import tern.text.Tokenizer;

/**
 * A model ready to run: network, tokenizer, fingerprint, and the engine it runs on. Safe for use by several threads; the
 * steps of its sequences take turns on the engine. Its weights are mapped from the file: they go with {@link #close}, after which
 * sequences can only be saved and closed.
 *
 * <p>The file may be renamed, deleted or replaced by a rename while the model is open. One that is written over in place or cut
 * off changes under it: a step that reads beyond its end throws {@link InternalError}.
 *
 * <pre>{@code
 * try (LanguageModel model = LanguageModel.open(Path.of("models/quickstart/distilled"));
 *         LiveSequence sequence = model.sequence()) {
 *     float[] logits = sequence.prefill(model.tokenizer().encode("ROMEO:"));
 *     Sampler sampler = new Sampler(Sampling.GREEDY.withTemperature(0.8), 42);
 *     for (int i = 0; i < 100; i++) {
 *         logits = sequence.step(sampler.next(logits));
 *     }
 *     try (Snapshot here = sequence.snapshot()) {
 *         here.save(Path.of("romeo.state"));
 *     }
 * }
 * }</pre>
 */
public final class LanguageModel implements AutoCloseable {
    private static final String TOKENIZER_FILE = "tokenizer.json";

    private final SequenceModel network;
    private final Tokenizer tokenizer;
    private final String fingerprint;
    private final Engine engine;
    // Empty if all belongs to the model that this one is another view of.
    private final Optional<AutoCloseable> owned;
    // Guarded by the engine, which knows the model by it; that of the model whose parts these are.
    private final AtomicBoolean closed;

    /**
     * A model over parts that exist already.
     *
     * @param fingerprint tells models apart, so that a state is never restored into another one
     * @param engine where it runs; not closed with the model
     */
    public LanguageModel(SequenceModel network, Tokenizer tokenizer, String fingerprint, Engine engine) {
        this(requireNextToken(network), tokenizer, fingerprint, engine, Optional.of(() -> {
        }), new AtomicBoolean());
    }

    /**
     * Opens a model from a folder or a file, by memory mapping. If it was stored with a tokenizer of a kind that is not known
     * here, it reads and writes symbols all the same, and only text is refused.
     *
     * @param engine where it runs; not closed with the model
     * @throws IOException if a file cannot be read or is not a sound model; the message names the file and what is wrong
     */
    public static LanguageModel open(Path path, Engine engine) throws IOException {
        return open(path, engine, Placement.MAPPED);
    }

    /** {@link #open(Path, Engine)} with a choice of where matrices lie. */
    public static LanguageModel open(Path path, Engine engine, Placement placement) throws IOException {
        Checkpoint checkpoint = Checkpoint.open(path, placement);
        try {
            return new LanguageModel(requireNextToken(checkpoint.model()), tokenizerOrNumbers(checkpoint),
                    checkpoint.fingerprint(),
                    engine, Optional.of(checkpoint), new AtomicBoolean());
        } catch (IOException | RuntimeException refused) {
            checkpoint.close();
            throw refused;
        }
    }

    /**
     * The tokenizer that a model was stored with, with the files of its folder.
     *
     * @throws IOException if a file that it needs is missing, damaged or another than was stored
     */
    public static Tokenizer tokenizerOf(Checkpoint checkpoint) throws IOException {
        return tokenizerOf(checkpoint, tokenizerIn(checkpoint));
    }

    private static Tokenizer tokenizerOf(Checkpoint checkpoint, Map<String, Object> stored) throws IOException {
        Path folder = checkpoint.file().path().resolveSibling("");
        if (!stored.isEmpty()) {
            try {
                return GgufTokenizers.of(stored);
            } catch (IllegalArgumentException bad) {
                throw new MalformedFileException(checkpoint.file().path() + ": " + bad.getMessage(), bad);
            }
        }
        if (!checkpoint.tokenizer().isEmpty()) {
            try {
                return Tokenizer.from(checkpoint.tokenizer(), folder);
            } catch (IllegalArgumentException bad) {
                throw new MalformedFileException(checkpoint.file().path() + ": " + bad.getMessage(), bad);
            }
        }
        Path beside = folder.resolve(TOKENIZER_FILE);
        return Files.exists(beside) ? Tokenizer.open(beside.toString())
                : Tokenizer.unknown(checkpoint.config().vocabulary());
    }

    /** What a model's symbols mean is not needed to compute with them. */
    private static Tokenizer tokenizerOrNumbers(Checkpoint checkpoint) throws IOException {
        Map<String, Object> stored = tokenizerIn(checkpoint);
        Optional<String> unknown;
        try {
            unknown = stored.isEmpty() ? Optional.empty() : GgufTokenizers.unknown(stored);
        } catch (IllegalArgumentException bad) {
            throw new MalformedFileException(checkpoint.file().path() + ": " + bad.getMessage(), bad);
        }
        return unknown.isPresent()
                ? Tokenizer.unknown(checkpoint.config().vocabulary(), checkpoint.file().path() + ": " + unknown.get())
                : tokenizerOf(checkpoint, stored);
    }

    /** The metadata of a file that holds a tokenizer; empty if it holds none. */
    private static Map<String, Object> tokenizerIn(Checkpoint checkpoint) {
        Map<String, Object> stored = new HashMap<>();
        if (checkpoint.file().text(GgufTokenizers.MODEL).filter(kind -> !kind.equals(GgufTokenizers.NONE))
                .isPresent()) {
            checkpoint.file().metadata().forEach((key, value) -> stored.put(key, plain(value)));
        }
        return stored;
    }

    private static Object plain(Metadatum metadatum) {
        return switch (metadatum) {
            case Metadatum.Text(String text) -> text;
            case Metadatum.Whole(Metadatum.Width _, long value) -> value;
            case Metadatum.Real(Metadatum.Precision _, double value) -> value;
            case Metadatum.Flag(boolean value) -> value;
            case Metadatum.Texts(List<String> texts) -> texts;
            case Metadatum.Wholes(Metadatum.Width _, List<Long> values) -> values;
            case Metadatum.Reals(Metadatum.Precision _, List<Double> values) -> values;
            case Metadatum.Flags(List<Boolean> values) -> values;
        };
    }

    /** {@link #open(Path, Engine)} on an engine of its own with all cores, closed with the model. */
    public static LanguageModel open(Path path) throws IOException {
        Engine engine = Engine.onAllCores();
        try {
            LanguageModel model = open(path, engine);
            return new LanguageModel(model.network, model.tokenizer, model.fingerprint, engine, Optional.of(() -> {
                model.close();
                engine.close();
            }), new AtomicBoolean());
        } catch (IOException | RuntimeException refused) {
            engine.close();
            throw refused;
        }
    }

    /** What a {@link Predictor} runs on: a network whose head is read by others, over tokens without a text or numbers. */
    static LanguageModel streaming(SequenceModel network, String fingerprint, Engine engine,
            Optional<AutoCloseable> owned) {
        return new LanguageModel(network, Tokenizer.unknown(Math.max(1, network.config().vocabulary())), fingerprint,
                engine, owned, new AtomicBoolean());
    }

    private static SequenceModel requireNextToken(SequenceModel network) {
        if (!network.config().generates()) {
            throw new IllegalArgumentException("model: it "
                    + network.config().readout().map(head -> "ends in a head with " + head.outputs() + " outputs ("
                            + head.pooling().name().toLowerCase(Locale.ROOT) + " pooling)")
                            .orElseGet(() -> "reads real values")
                    + " and does not name a next token, so it cannot generate text; only models that read tokens and name"
                    + " the next one do (tern predict, or a Predictor, asks this one)");
        }
        return network;
    }

    private LanguageModel(SequenceModel network, Tokenizer tokenizer, String fingerprint, Engine engine,
            Optional<AutoCloseable> owned, AtomicBoolean closed) {
        if (tokenizer.vocabulary() > network.config().vocabulary()) {
            throw new IllegalArgumentException("model: the tokenizer has " + tokenizer.vocabulary()
                    + " symbols but the network only " + network.config().vocabulary());
        }
        this.network = network;
        this.tokenizer = tokenizer;
        this.fingerprint = fingerprint;
        this.engine = engine;
        this.owned = owned;
        this.closed = closed;
    }

    /**
     * The same model, whose GOLD layers remember in another way: another use of memory and time, the same results. Shares
     * everything with this one and is closed with it, not by itself.
     *
     * @throws IllegalArgumentException if the model has no GOLD layers
     */
    public LanguageModel remembering(GoldCache cache) {
        if (!(network instanceof Stack stack) || !GoldCaches.offers(network.config())) {
            throw new IllegalArgumentException(
                    "a cache was chosen, but this model has no GOLD layers whose cache could be chosen");
        }
        return new LanguageModel(stack.with(GoldCaches.with(stack.config(), cache)), tokenizer, fingerprint, engine,
                Optional.empty(), closed);
    }

    /**
     * The same model, whose sequences begin with a state that was tuned for it, as RWKV's authors publish them and
     * {@code tern train --tune states} makes them. Shares everything with this one and is closed with it, not by itself; its
     * fingerprint is another, as what its sequences remember is.
     *
     * @throws IOException if the file cannot be read, is no such state or belongs to another model; the message names the file
     */
    public LanguageModel beginningWith(Path tuned) throws IOException {
        try (Snapshot first = TunedState.load(tuned, this)) {
            BegunModel begun = new BegunModel(network, first);
            return new LanguageModel(begun, tokenizer, begun.mark() + "-" + fingerprint, engine, Optional.empty(),
                    closed);
        }
    }

    /** The network. */
    public SequenceModel network() {
        return network;
    }

    /** From text to symbols and back. */
    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /** What tells this model apart from others: a hash of its config and weights. */
    public String fingerprint() {
        return fingerprint;
    }

    /** Where it runs. */
    public Engine engine() {
        return engine;
    }

    /**
     * A fresh sequence.
     *
     * @throws IllegalStateException if the model is closed
     * @throws IllegalArgumentException if the model reads in both directions
     */
    public LiveSequence sequence() {
        return new LiveSequence(this);
    }

    /**
     * A fresh batch, in which sequences of different ages step together.
     *
     * @param seats how many sequences it can hold at once; memory comes as they are taken
     * @throws IllegalStateException if the model is closed
     * @throws IllegalArgumentException if there are fewer than 1, or the model reads in both directions
     */
    public LiveBatch batch(int seats) {
        return new LiveBatch(this, seats);
    }

    /** {@link Engine#step} of a model whose weights are still there, and stay there until it returns. */
    <T> T step(Supplier<T> work) {
        synchronized (engine) {
            requireOpen();
            return engine.step(closed, work);
        }
    }

    void requireOpen() {
        if (closed.get()) {
            throw new IllegalStateException("the model is closed; close it after its sequences and batches");
        }
    }

    /** The number of positions that a sequence is to have room for. */
    static void requirePositions(long positions) {
        if (positions < 0 || positions > Integer.MAX_VALUE) {
            throw new IllegalArgumentException(
                    "reserve: " + positions + " positions, expected 0.." + Integer.MAX_VALUE);
        }
    }

    void requireVocabulary(int... ids) {
        int vocabulary = network.config().vocabulary();
        for (int i = 0; i < ids.length; i++) {
            if (ids[i] < 0 || ids[i] >= vocabulary) {
                throw new IllegalArgumentException("token " + ids[i] + " at position " + i
                        + " is outside the vocabulary, expected 0.." + (vocabulary - 1));
            }
        }
    }

    /** Tokens as the network reads them [1,T], alive until the engine's next step. */
    Tensor ids(int[] ids, int from, int to) {
        Tensor tensor = engine.ops().results().allocate(DType.I32, Shape.of(1, to - from));
        MemorySegment.copy(ids, from, tensor.data(), Tensor.INT, 0, to - from);
        return tensor;
    }

    Tensor ids(int id) {
        Tensor tensor = engine.ops().results().allocate(DType.I32, Shape.of(1, 1));
        tensor.data().set(Tensor.INT, 0, id);
        return tensor;
    }

    /**
     * Gives the weights back, after the step that runs; the sequences keep their states, which can still be saved. Closing twice
     * does nothing.
     *
     * @throws IllegalStateException if called from within a step
     */
    @Override
    public void close() {
        synchronized (engine) {
            if (owned.isEmpty() || closed.get()) {
                return;
            }
            engine.requireNoStep("the model");
            closed.set(true);
            engine.forget(closed);
            try {
                owned.get().close();
            } catch (RuntimeException thrown) {
                throw thrown;
            } catch (Exception thrown) {
                throw new IllegalStateException("closing the model failed: " + thrown.getMessage(), thrown);
            }
        }
    }
}

package tern.host.local;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;

import tern.host.chat.ChatPrompt;
import tern.host.chat.ChatTemplate;
import tern.host.chat.Message;
import tern.host.engine.Batcher;
import tern.host.engine.Embedder;
import tern.host.engine.Job;
import tern.host.engine.StateFolder;
import tern.host.engine.StateTree;
import tern.inference.Engine;
import tern.inference.LanguageModel;

/**
 * A model that this program runs itself. Questions asked by several threads step together, and one that goes on from an earlier
 * one costs its new tokens only. Safe for use by several threads; close it after the last use.
 *
 * <p>Without {@code --add-modules jdk.incubator.vector} it runs on the plain kernels, many times slower, and a warning of the
 * logger {@code tern.kernels} says so once; {@link tern.kernels.KernelSet#whyNotVector} tells the same.
 *
 * <pre>{@code
 * try (LocalModel model = LocalModel.open(LocalModel.Options.of(Path.of("models/quickstart/distilled")))) {
 *     Question question = new Question(List.of(new Message("user", "Who goes there?")), OptionalInt.of(40),
 *             Choosing.GREEDY, OptionalLong.empty(), List.of(), Duration.ofMinutes(1));
 *     System.out.println(model.ask(question).text());
 * }
 * }</pre>
 */
public final class LocalModel implements AutoCloseable {
    private static final int DEFAULT_TOKENS = 1024;

    private final String name;
    private final Engine engine;
    private final LanguageModel model;
    private final ChatTemplate template;
    private final StateTree tree;
    private final Batcher batcher;
    private final Embedder embedder = new Embedder();
    // Embeddings hold it to read, so that no memory goes while they run.
    private final ReadWriteLock use = new ReentrantReadWriteLock(true);
    private boolean closed;

    /**
     * What to open, and its bounds.
     *
     * @param path a folder or a file
     * @param threads 1 or more
     * @param stateBytes native memory for states: two thirds for questions under way, a third for those kept for later
     * @param stateFolder where states go that memory has no room for, so that they survive this process
     * @param maxWaiting how many questions wait; more are refused
     */
    public record Options(Path path, int threads, long stateBytes, Optional<Path> stateFolder, int maxWaiting) {
        private static final long USUAL_STATE_BYTES = 1L << 30;
        private static final int USUAL_WAITING = 4096;

        /** Checks ranges. */
        public Options {
            if (threads < 1) {
                throw new IllegalArgumentException("threads is " + threads + ", expected 1 or more");
            }
            if (stateBytes < 1 << 20) {
                throw new IllegalArgumentException(
                        "the memory for states is " + stateBytes + " bytes, expected 1048576 or more");
            }
            if (maxWaiting < 0) {
                throw new IllegalArgumentException("max waiting is " + maxWaiting + ", expected 0 or more");
            }
        }

        /** All cores, 1 GiB for states, no folder. */
        public static Options of(Path path) {
            return new Options(path, Runtime.getRuntime().availableProcessors(), USUAL_STATE_BYTES, Optional.empty(),
                    USUAL_WAITING);
        }

        /** The same with so many threads. */
        public Options withThreads(int count) {
            return new Options(path, count, stateBytes, stateFolder, maxWaiting);
        }

        /** The same with so much memory for states. */
        public Options withStateBytes(long bytes) {
            return new Options(path, threads, bytes, stateFolder, maxWaiting);
        }

        /** The same with a folder for states; at most 32 GiB go there. */
        public Options withStateFolder(Path folder) {
            return new Options(path, threads, stateBytes, Optional.of(folder), maxWaiting);
        }

        /** The same with another bound of questions that wait. */
        public Options withMaxWaiting(int count) {
            return new Options(path, threads, stateBytes, stateFolder, count);
        }
    }

    private LocalModel(Options options, Engine engine, LanguageModel model, ChatTemplate template)
            throws IOException {
        this.name = nameOf(options.path());
        this.engine = engine;
        this.model = model;
        this.template = template;
        Optional<StateFolder> folder = options.stateFolder().isEmpty() ? Optional.empty()
                : Optional.of(new StateFolder(options.stateFolder().get().resolve(model.fingerprint()), 32L << 30));
        this.tree = new StateTree(model, options.stateBytes() / 3, folder);
        Batcher.Settings usual = Batcher.Settings.usual(options.stateBytes() - options.stateBytes() / 3);
        this.batcher = new Batcher(model, tree, new Batcher.Settings(usual.maxStreams(), options.maxWaiting(),
                usual.maxReading(), usual.maxTokens(), usual.streamBytes(), usual.readSeconds()));
    }

    /**
     * Opens a model with the chat template that lies beside it.
     *
     * @throws IOException if a file cannot be read or is not a sound model; names the file and what is wrong
     */
    public static LocalModel open(Options options) throws IOException {
        Engine engine = Engine.steady(options.threads());
        try {
            LanguageModel model = LanguageModel.open(options.path(), engine);
            try {
                return new LocalModel(options, engine, model, ChatTemplate.of(options.path()));
            } catch (IOException | RuntimeException refused) {
                model.close();
                throw refused;
            }
        } catch (IOException | RuntimeException refused) {
            engine.close();
            throw refused;
        }
    }

    private static String nameOf(Path path) {
        Path last = path.toAbsolutePath().normalize().getFileName();
        return last == null ? "tern" : last.toString().replaceFirst("\\.(safetensors|gguf|pth|bin)$", "");
    }

    /** What the model's file or folder is called. */
    public String name() {
        return name;
    }

    /** The model; not to be closed by the caller. */
    public LanguageModel model() {
        return model;
    }

    /** How conversations are written. */
    public ChatTemplate template() {
        return template;
    }

    /** What goes on and went on. */
    public Batcher.Report report() {
        return batcher.report();
    }

    /**
     * Asks, and tells the answer as it comes.
     *
     * @throws tern.host.engine.Refusal if too many wait, or it can never be answered
     * @throws tern.host.chat.TemplateException if the model's template refuses these messages
     * @throws IllegalArgumentException if the tokenizer cannot express them
     * @throws IllegalStateException if the model is closed
     */
    public Call ask(Question question, Reader reader) {
        Call call = submitted(question);
        Thread.ofVirtual().name("tern-answer").start(() -> call.tell(reader));
        return call;
    }

    /**
     * Asks, and waits for the whole answer. Throws what {@link #ask(Question, Reader)} throws or tells.
     *
     * @throws InterruptedException if the thread is interrupted; the question is given up then
     */
    public Reply ask(Question question) throws InterruptedException {
        return submitted(question).await();
    }

    private Call submitted(Question question) {
        use.readLock().lock();
        try {
            requireOpen();
            ChatPrompt prompt = ChatPrompt.of(model.tokenizer(), template, question.messages());
            List<String> stops = new ArrayList<>(question.stops());
            stops.addAll(template.stops());
            int room = Math.max(1, batcher.longest() - prompt.tokens().length);
            int most = question.maxTokens().orElse(Math.min(DEFAULT_TOKENS, room));
            long seed = question.seed().orElseGet(() -> ThreadLocalRandom.current().nextLong());
            OptionalInt end = model.tokenizer().endOfText();
            Call call = new Call();
            call.taken(batcher.submit(new Job("local", prompt.tokens(), prompt.boundaries(), Optional.empty(), 1, most,
                    question.choosing(), seed, stops, end, false, deadline(question.atMost())), call.listener()));
            return call;
        } finally {
            use.readLock().unlock();
        }
    }

    private static long deadline(Duration atMost) {
        // Half of what the clock can tell apart.
        Duration most = Duration.ofNanos(Long.MAX_VALUE / 2);
        return System.nanoTime() + (atMost.compareTo(most) < 0 ? atMost : most).toNanos();
    }

    /** The tokens of a text that is read from its beginning. */
    public int[] tokens(String text) {
        return model.tokenizer().encodeWhole(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Number of tokens of a conversation as the model reads it, up to where the assistant begins. */
    public int promptTokens(List<Message> messages) {
        return ChatPrompt.of(model.tokenizer(), template, messages).tokens().length;
    }

    /** Numbers of an embedding. */
    public int width() {
        return model.network().config().width();
    }

    /**
     * The mean over all tokens of what the head would read, of length 1. Runs between steps of questions.
     *
     * @param tokens one or more
     * @return [D]
     * @throws IllegalArgumentException if there are no tokens or one is outside the vocabulary
     * @throws IllegalStateException if the model is closed
     * @throws InterruptedException if the thread is interrupted while others are embedded
     */
    public float[] embedding(int[] tokens) throws InterruptedException {
        use.readLock().lock();
        try {
            requireOpen();
            double[] mean = embedder.vector(model, true, tokens);
            float[] vector = new float[mean.length];
            for (int i = 0; i < vector.length; i++) {
                vector[i] = (float) mean[i];
            }
            return vector;
        } finally {
            use.readLock().unlock();
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the model " + name + " is closed; ask before closing it");
        }
    }

    /** Ends questions under way, whose readers are told, and gives all memory back. */
    @Override
    public void close() {
        use.writeLock().lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            batcher.close();
            tree.close();
            model.close();
            engine.close();
        } finally {
            use.writeLock().unlock();
        }
    }
}

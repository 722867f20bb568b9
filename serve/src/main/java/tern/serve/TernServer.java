package tern.serve;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.logging.Logger;

import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.jspecify.annotations.Nullable;

import tern.host.chat.ChatTemplate;
import tern.host.engine.Batcher;
import tern.host.engine.StateFolder;
import tern.host.engine.StateTree;
import tern.inference.LanguageModel;
import tern.serve.http.Access;
import tern.serve.http.ApiKeys;
import tern.serve.http.Limits;
import tern.serve.http.Models;
import tern.serve.http.Served;
import tern.serve.sessions.SessionStore;

/**
 * A server of models. The models belong to the caller, who closes them after the server; their engine must be
 * {@linkplain tern.inference.Engine#steady steady}. Safe for use by several threads.
 *
 * <pre>{@code
 * try (Engine engine = Engine.steady(4);
 *         LanguageModel model = LanguageModel.open(Path.of("models/quickstart/distilled"), engine);
 *         TernServer server = TernServer.start(TernServer.Options.local(8080), Map.of("tern", model))) {
 *     System.out.println(server.port());
 * }
 * }</pre>
 */
public final class TernServer implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger("tern.serve");
    // Held here, because a logger that nobody holds forgets its level.
    private static final Logger JETTY = Logger.getLogger("org.eclipse.jetty");
    // The usual backlog makes bursts of connections wait for a second.
    private static final int BACKLOG = 1024;
    private static final int THREADS = 64;
    private static final int MOST_SESSIONS = 1_000_000;

    private final Server server;
    private final ServerConnector connector;
    private final Models models;
    private final Duration patience;
    private final Optional<StateLock> lock;
    private volatile boolean ready = true;
    private boolean closed;

    /**
     * How to serve.
     *
     * @param bind the address to listen on
     * @param port 0 for any that is free
     * @param stateFolder where states go that shall survive
     * @param keys of the API
     * @param memory bytes for states, of all models together: half for running streams, a quarter each for
     *            states of prompts and of sessions
     * @param diskBytes bytes that states on disk may take
     * @param limits of requests
     * @param batch bounds of each model's batcher; its bytes are set from {@code memory}
     * @param patience how long a server that closes waits for requests under way
     */
    public record Options(String bind, int port, Optional<Path> stateFolder, ApiKeys keys, long memory, long diskBytes,
            Limits limits, Batcher.Settings batch, Duration patience) {
        /** A server for this machine, with 2 GiB of memory for states. */
        public static Options local(int port) {
            return new Options("127.0.0.1", port, Optional.empty(), ApiKeys.NONE, 2L << 30, 32L << 30, Limits.USUAL,
                    Batcher.Settings.usual(0), Duration.ofSeconds(30));
        }

        /** The same with a folder for states. */
        public Options withStateFolder(Path folder) {
            return new Options(bind, port, Optional.of(folder), keys, memory, diskBytes, limits, batch, patience);
        }

        /** The same with keys. */
        public Options withKeys(ApiKeys others) {
            return new Options(bind, port, stateFolder, others, memory, diskBytes, limits, batch, patience);
        }

        /** The same with other bounds of batching. */
        public Options withBatch(Batcher.Settings other) {
            return new Options(bind, port, stateFolder, keys, memory, diskBytes, limits, other, patience);
        }

        /** The same with other limits. */
        public Options withLimits(Limits other) {
            return new Options(bind, port, stateFolder, keys, memory, diskBytes, other, batch, patience);
        }

        /** The same with other bytes for states. */
        public Options withMemory(long bytes) {
            return new Options(bind, port, stateFolder, keys, bytes, diskBytes, limits, batch, patience);
        }
    }

    private TernServer(Options options, Models models, ServerConnector connector, Server server,
            Optional<StateLock> lock) {
        this.lock = lock;
        this.models = models;
        this.server = server;
        this.connector = connector;
        this.patience = options.patience();
    }

    /**
     * Starts to serve.
     *
     * @param models by the names that requests use
     * @throws IOException if the address cannot be listened on or the folder cannot be used
     * @throws IllegalArgumentException if the memory does not suffice for one stream of each model
     */
    public static TernServer start(Options options, Map<String, LanguageModel> models) throws IOException {
        return start(options, models, Map.of());
    }

    /**
     * {@link #start(Options, Map)} with templates for conversations.
     *
     * @param templates by the names of models; the plain one is used for others
     */
    public static TernServer start(Options options, Map<String, LanguageModel> models,
            Map<String, ChatTemplate> templates) throws IOException {
        JETTY.setLevel(java.util.logging.Level.WARNING);
        requireOwnFolders(options, models);
        requireRoom(options, models);
        Optional<StateLock> lock = options.stateFolder().isEmpty() ? Optional.empty()
                : Optional.of(StateLock.of(options.stateFolder().get()));
        try {
            return start(options, models, templates, lock);
        } catch (IOException | RuntimeException failed) {
            close(lock);
            throw failed;
        }
    }

    /**
     * Tries the folder for states, which is made if it is not there, and the address, and keeps neither: what {@link #start}
     * would refuse can be told before models are read.
     *
     * @throws IOException if the address cannot be listened on or the folder cannot be used
     */
    public static void requireFree(Options options) throws IOException {
        if (options.stateFolder().isPresent()) {
            StateLock.of(options.stateFolder().get()).close();
        }
        try (ServerSocket tried = new ServerSocket()) {
            tried.setReuseAddress(true);
            tried.bind(new InetSocketAddress(options.bind(), options.port()));
        } catch (IOException refused) {
            throw notListening(options, refused.getMessage(), refused);
        }
    }

    private static IOException notListening(Options options, @Nullable String why, Exception cause) {
        return new IOException("cannot listen on " + options.bind() + ":" + options.port() + ": " + why
                + "; choose another --port or --bind", cause);
    }

    /** Sessions lie under the fingerprint of their model, so that two names for one would write the same files. */
    private static void requireOwnFolders(Options options, Map<String, LanguageModel> models) {
        Map<String, String> names = new HashMap<>();
        models.forEach((name, model) -> {
            String other = names.putIfAbsent(model.fingerprint(), name);
            if (other != null && options.stateFolder().isPresent()) {
                throw new IllegalArgumentException(
                        other + " and " + name + " are the same model, whose states would lie in"
                                + " the same files; serve it under one name, or without a folder for states");
            }
        });
    }

    /** A server that would refuse every request need not start. */
    private static void requireRoom(Options options, Map<String, LanguageModel> models) {
        models.forEach((name, model) -> {
            long has = options.memory() / models.size() / 2;
            long needs = Batcher.leastStreamBytes(model);
            if (has < needs) {
                throw new IllegalArgumentException(name + ": the shortest stream needs " + needs
                        + " bytes of state, but of " + options.memory() + " bytes of memory "
                        + (models.size() > 1 ? "for " + models.size() + " models " : "") + has
                        + " are for its streams; give at least " + 2 * needs * models.size());
            }
        });
    }

    private static void close(Optional<StateLock> lock) {
        try {
            if (lock.isPresent()) {
                lock.get().close();
            }
        } catch (IOException failed) {
            LOG.log(Level.WARNING, "the folder for states could not be given back: " + failed.getMessage());
        }
    }

    private static TernServer start(Options options, Map<String, LanguageModel> models,
            Map<String, ChatTemplate> templates, Optional<StateLock> lock) throws IOException {
        long each = options.memory() / Math.max(1, models.size());
        List<Served> served = new ArrayList<>();
        for (Map.Entry<String, LanguageModel> entry : models.entrySet()) {
            LanguageModel model = entry.getValue();
            Optional<Path> own = options.stateFolder().map(folder -> folder.resolve(model.fingerprint()));
            Optional<StateFolder> folder = own.isEmpty() ? Optional.empty()
                    : Optional.of(new StateFolder(own.get().resolve("prefixes"), options.diskBytes() / models.size()));
            SessionStore sessions = new SessionStore(entry.getKey(), model, own.map(path -> path.resolve("sessions")),
                    each / 4, MOST_SESSIONS);
            Batcher.Settings batch = options.batch();
            Batcher.Settings settings = new Batcher.Settings(batch.maxStreams(), batch.maxWaiting(),
                    batch.maxReading(), batch.maxTokens(), each / 2, batch.readSeconds());
            served.add(new Served(entry.getKey(), model,
                    new Batcher(model, new StateTree(model, each / 4, folder), settings),
                    templates.getOrDefault(entry.getKey(), ChatTemplate.plain()), sessions,
                    System.currentTimeMillis() / 1000));
        }
        Models all = new Models(served);
        QueuedThreadPool threads = new QueuedThreadPool(THREADS);
        threads.setName("tern-http");
        threads.setDaemon(true);
        threads.setVirtualThreadsExecutor(Executors.newVirtualThreadPerTaskExecutor());
        Server server = new Server(threads);
        HttpConfiguration http = new HttpConfiguration();
        http.setRequestHeaderSize(options.limits().headerBytes());
        http.setSendServerVersion(false);
        ServerConnector connector = new ServerConnector(server, new HttpConnectionFactory(http));
        connector.setHost(options.bind());
        connector.setPort(options.port());
        connector.setAcceptQueueSize(BACKLOG);
        connector.setIdleTimeout(options.limits().idle().toMillis());
        server.addConnector(connector);
        TernServer made = new TernServer(options, all, connector, server, lock);
        boolean local = InetAddress.getByName(options.bind()).isLoopbackAddress();
        server.setHandler(Access.router(all, options.limits(), options.keys(), local, made::isReady));
        server.setErrorHandler(Access.errors(options.limits()));
        try {
            server.start();
        } catch (Exception failed) {
            made.ready = false;
            made.closeModels();
            String why = failed.getCause() == null ? failed.getMessage() : failed.getCause().getMessage();
            throw notListening(options, why, failed);
        }
        return made;
    }

    private boolean isReady() {
        return ready && models.all().stream().allMatch(served -> served.batcher().works());
    }

    /** The port that it listens on. */
    public int port() {
        return connector.getLocalPort();
    }

    /** The models, with what goes on in each. */
    public Models models() {
        return models;
    }

    /** Takes no more jobs, waits for those under way as long as it has patience, writes states, and ends. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        ready = false;
        long until = System.nanoTime() + patience.toNanos();
        for (Served served : models.all()) {
            if (!served.batcher().drain(Duration.ofNanos(Math.max(0, until - System.nanoTime())))) {
                LOG.log(Level.WARNING, "requests under way were ended: they would have taken longer than "
                        + patience.toSeconds() + " s");
            }
            served.batcher().close();
        }
        try {
            server.setStopTimeout(1000);
            server.stop();
        } catch (Exception failed) {
            LOG.log(Level.WARNING, "the HTTP server did not stop in order: " + failed.getMessage());
        }
        closeModels();
        close(lock);
    }

    private void closeModels() {
        for (Served served : models.all()) {
            served.batcher().close();
            served.batcher().tree().close();
            served.sessions().close();
        }
    }
}

package tern.serve.sessions;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import tern.host.engine.Lease;
import tern.inference.LanguageModel;
import tern.inference.Snapshot;

/**
 * The sessions of one model. With a folder, each is written there after every turn, before the turn is acknowledged, beside its
 * place and moved; memory then is a cache of the ones used last. Without one, memory is all there is, and a new session is refused
 * once it is full. Safe for use by several threads; a session has one turn at a time.
 */
public final class SessionStore implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger("tern.serve");
    private static final String STATE = ".state";
    private static final String ABOUT = ".about";
    private static final Pattern LINE = Pattern.compile("([0-9]{1,18}) ([0-9]{1,9})");

    private final String name;
    private final LanguageModel model;
    private final Optional<Path> folder;
    private final long budget;
    private final int most;
    // In the order of use, the one not used for longest first.
    private final Map<String, Session> sessions = new LinkedHashMap<>(16, 0.75f, true);
    private long bytesInMemory;

    /**
     * A store, with what the folder holds already.
     *
     * @param name what requests call the model
     * @param folder where sessions are written
     * @param budget bytes of states in memory
     * @param most sessions
     * @throws IOException if the folder cannot be used
     */
    public SessionStore(String name, LanguageModel model, Optional<Path> folder, long budget, int most)
            throws IOException {
        this.name = name;
        this.model = model;
        this.folder = folder;
        this.budget = budget;
        this.most = most;
        if (folder.isPresent()) {
            find(Files.createDirectories(folder.get()));
        }
    }

    private void find(Path where) throws IOException {
        List<Path> all;
        try (Stream<Path> files = Files.list(where)) {
            all = files.sorted().toList();
        }
        for (Path file : all) {
            String last = file.getFileName().toString();
            if (last.endsWith(STATE)) {
                Session session = found(last.substring(0, last.length() - STATE.length()), where,
                        Files.getLastModifiedTime(file).toMillis() / 1000);
                session.tokens = Optional.empty();
                session.file = Optional.of(file);
                session.bytes = Files.size(file);
                sessions.put(session.id, session);
            } else if (last.endsWith(ABOUT)) {
                String id = last.substring(0, last.length() - ABOUT.length());
                if (!Files.exists(where.resolve(id + STATE))) {
                    Session session = found(id, where, Files.getLastModifiedTime(file).toMillis() / 1000);
                    // Else its state was never acknowledged.
                    if (session.tokenCount == 0) {
                        sessions.put(id, session);
                    }
                }
            }
        }
    }

    /** A session as its file about it tells, if there is a sound one. */
    private Session found(String id, Path where, long written) throws IOException {
        Path about = where.resolve(id + ABOUT);
        String text = Files.exists(about) ? new String(Files.readAllBytes(about), StandardCharsets.ISO_8859_1) : "";
        Matcher words = LINE.matcher(text.strip());
        boolean sound = words.matches();
        Session session = new Session(id, name, sound ? Long.parseLong(words.group(1)) : written, new int[0]);
        session.used = written;
        session.tokenCount = sound ? Integer.parseInt(words.group(2)) : 0;
        return session;
    }

    /** The use of a session for one turn; nobody else has it meanwhile. */
    public final class Turn implements AutoCloseable {
        private final Session session;
        private final Optional<Lease> state;
        private final int[] tokens;
        private boolean ended;

        private Turn(Session session, int[] tokens, Optional<Lease> state) {
            this.session = session;
            this.tokens = tokens;
            this.state = state;
        }

        /** All tokens so far. */
        public int[] tokens() {
            return tokens.clone();
        }

        /** The state after them, or after all but the last; none before the first. */
        public Optional<Lease> state() {
            return state;
        }

        /**
         * Ends the turn: the session now stands here and is free for the next. Returns once that is on disk, if there is one.
         *
         * @param after the new state; stays the caller's
         * @throws SessionException if it cannot be written; the session then stands where it stood
         */
        public Session.Description advance(int[] all, Lease after) throws SessionException {
            Optional<Path> written = write(session.id, session.created, all, after.snapshot());
            synchronized (SessionStore.this) {
                if (sessions.containsKey(session.id)) {
                    keep(session, all, after, written);
                }
                release();
                return describe(session);
            }
        }

        @Override
        public void close() {
            state.ifPresent(Lease::close);
            release();
        }

        /** Once only: by then another turn may have begun. */
        private void release() {
            synchronized (SessionStore.this) {
                if (!ended) {
                    ended = true;
                    session.busy = false;
                }
            }
        }
    }

    private Optional<Path> write(String id, long created, int[] tokens, Snapshot snapshot) throws SessionException {
        if (folder.isEmpty()) {
            return Optional.empty();
        }
        Path file = folder.get().resolve(id + STATE);
        try {
            snapshot.save(file, tokens, Map.of("session", id));
            // Only what lists show is in here, so it may be missing or of the turn before.
            tell(folder.get(), id, created, tokens.length);
        } catch (IOException full) {
            throw unwritten(full);
        }
        return Optional.of(file);
    }

    private static void tell(Path where, String id, long created, int tokens) throws IOException {
        Path beside = where.resolve(id + ABOUT + ".new");
        try {
            Files.writeString(beside, created + " " + tokens + "\n");
            Files.move(beside, where.resolve(id + ABOUT), StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(beside);
        }
    }

    private SessionException unwritten(IOException full) {
        LOG.log(Level.WARNING, "a session could not be written: " + full.getMessage());
        return new SessionException(SessionException.Kind.UNWRITTEN,
                "the session could not be written to the server's folder for states, so it stands where it stood: "
                        + withoutFolder(full));
    }

    /** What went wrong, without the folder's place, which is nobody's business. */
    private String withoutFolder(IOException full) {
        String why = String.valueOf(full.getMessage());
        for (Path path : folder.stream().flatMap(path -> Stream.of(path.toAbsolutePath(), path)).toList()) {
            String where = path.toString();
            why = why.replaceFirst(Pattern.quote(where) + "\\S*: ", "").replaceAll(Pattern.quote(where) + "\\S*",
                    "the folder for states");
        }
        return why;
    }

    private void keep(Session session, int[] tokens, Lease state, Optional<Path> written) {
        drop(session);
        session.tokens = Optional.of(tokens);
        session.tokenCount = tokens.length;
        session.state = Optional.of(state.again());
        session.bytes = state.snapshot().bytes() + 4L * tokens.length;
        session.used = System.currentTimeMillis() / 1000;
        session.file = written;
        bytesInMemory += session.bytes;
        makeRoom();
    }

    private void drop(Session session) {
        session.state.ifPresent(lease -> {
            bytesInMemory -= session.bytes;
            lease.close();
        });
        session.state = Optional.empty();
    }

    /** States of which there is a copy on disk leave memory, those not used for longest first. */
    private void makeRoom() {
        for (Session session : sessions.values()) {
            if (bytesInMemory <= budget) {
                return;
            }
            if (session.file.isPresent() && session.state.isPresent()) {
                drop(session);
                session.tokens = Optional.empty();
            }
        }
    }

    /** A new session before its first token. */
    public Session.Description create() throws SessionException {
        Session session;
        synchronized (this) {
            session = add(new int[0]);
        }
        return begun(session);
    }

    /** One before its first token, which a restart shall find too. */
    private Session.Description begun(Session session) throws SessionException {
        if (folder.isPresent()) {
            try {
                tell(folder.get(), session.id, session.created, 0);
            } catch (IOException full) {
                synchronized (this) {
                    sessions.remove(session.id);
                }
                throw unwritten(full);
            }
        }
        return describe(session.id);
    }

    private Session add(int[] tokens) throws SessionException {
        if (sessions.size() >= most) {
            throw new SessionException(SessionException.Kind.FULL,
                    "there are " + most + " sessions already, which is the limit; delete some");
        }
        if (folder.isEmpty() && bytesInMemory >= budget) {
            throw new SessionException(SessionException.Kind.FULL, "sessions hold " + bytesInMemory
                    + " bytes, which is all the memory they may have; delete some, or start the server with a folder for"
                    + " states");
        }
        String id = "%016x%08x".formatted(ThreadLocalRandom.current().nextLong(),
                ThreadLocalRandom.current().nextInt());
        Session session = new Session(id, name, System.currentTimeMillis() / 1000, tokens);
        sessions.put(id, session);
        return session;
    }

    /**
     * Takes a session for a turn; reads its state from disk if it is not in memory.
     *
     * @throws SessionException if there is none, it is taken, or its file is damaged
     */
    public Turn take(String id) throws SessionException {
        Session session;
        Path file;
        synchronized (this) {
            session = find(id);
            if (session.busy) {
                throw new SessionException(SessionException.Kind.BUSY,
                        "the session is in the middle of a turn; wait for it");
            }
            if (session.state.isPresent() || session.file.isEmpty()) {
                session.busy = true;
                return new Turn(session, session.tokens.orElse(new int[0]), session.state.map(Lease::again));
            }
            session.busy = true;
            file = session.file.get();
        }
        try {
            Snapshot.Saved saved = Snapshot.loadSaved(file, model);
            Lease lease = Lease.of(saved.snapshot());
            synchronized (this) {
                keep(session, saved.tokens(), lease, Optional.of(file));
            }
            return new Turn(session, saved.tokens(), Optional.of(lease));
        } catch (IOException | IllegalArgumentException damaged) {
            synchronized (this) {
                session.busy = false;
            }
            LOG.log(Level.WARNING, "a session cannot be read: " + damaged.getMessage());
            throw new SessionException(SessionException.Kind.UNFIT, "the session's state cannot be read: "
                    + withoutPath(damaged, file, "its file"));
        }
    }

    private static String withoutPath(Exception failure, Path file, String instead) {
        return String.valueOf(failure.getMessage()).replace(file.toAbsolutePath().toString(), instead)
                .replace(file.toString(), instead);
    }

    private Session find(String id) throws SessionException {
        Session session = sessions.get(id);
        if (session == null) {
            throw new SessionException(SessionException.Kind.UNKNOWN, "there is no session of this name");
        }
        return session;
    }

    /** Whether there is a session of this name. */
    public synchronized boolean has(String id) {
        return sessions.containsKey(id);
    }

    /** What is known of a session. */
    public synchronized Session.Description describe(String id) throws SessionException {
        return describe(find(id));
    }

    /** All sessions, the one used last at the end. */
    public synchronized List<Session.Description> list() {
        return sessions.values().stream().map(this::describe).toList();
    }

    private Session.Description describe(Session session) {
        return new Session.Description(session.id, name, session.created, session.used, session.tokenCount,
                session.bytes, session.state.isPresent(), session.file.isPresent());
    }

    /** A second session that goes on from where this one stands. */
    public Session.Description fork(String id) throws SessionException {
        try (Turn turn = take(id)) {
            return place(turn.tokens(), turn.state());
        }
    }

    private Session.Description place(int[] tokens, Optional<Lease> state) throws SessionException {
        if (state.isEmpty()) {
            return create();
        }
        Session session;
        synchronized (this) {
            session = add(tokens);
            session.busy = true;
        }
        try (Turn turn = new Turn(session, tokens, Optional.empty())) {
            return turn.advance(tokens, state.get());
        } catch (SessionException failed) {
            delete(session.id);
            throw failed;
        }
    }

    /** Writes a session's state to a file, which {@link #restore} reads. */
    public void save(String id, Path file) throws SessionException, IOException {
        try (Turn turn = take(id)) {
            if (turn.state().isEmpty()) {
                throw new SessionException(SessionException.Kind.UNFIT,
                        "the session has read nothing, so there is no state to be saved");
            }
            try {
                turn.state().get().snapshot().save(file, turn.tokens(), Map.of("session", id));
            } catch (IOException full) {
                LOG.log(Level.WARNING, "a state on its way could not be stored: " + full.getMessage());
                throw new SessionException(SessionException.Kind.UNWRITTEN,
                        "the state cannot be stored on its way, in the"
                                + " folder for temporary files of the server; make room there and try again");
            }
        }
    }

    /**
     * A new session that goes on from a saved state.
     *
     * @throws SessionException if the file is damaged, is no state, or belongs to another model; says which
     */
    public Session.Description restore(Path file) throws SessionException, IOException {
        Snapshot.Saved saved;
        try {
            saved = Snapshot.loadSaved(file, model);
        } catch (IOException | IllegalArgumentException refused) {
            throw new SessionException(SessionException.Kind.UNFIT, withoutPath(refused, file, "the state"));
        }
        try (Lease lease = Lease.of(saved.snapshot())) {
            long position = saved.snapshot().position();
            if (saved.tokens().length < position || saved.tokens().length > position + 1) {
                throw new SessionException(SessionException.Kind.UNFIT, "the state stands at token " + position
                        + " but comes with " + saved.tokens().length
                        + " tokens; take one that was downloaded from a session");
            }
            return place(saved.tokens(), Optional.of(lease));
        }
    }

    /**
     * Ends a session; its files go too.
     *
     * @throws SessionException if there is none, it is taken, or its files cannot be deleted; it is then still there
     */
    public void delete(String id) throws SessionException {
        Session session;
        synchronized (this) {
            session = find(id);
            if (session.busy) {
                throw new SessionException(SessionException.Kind.BUSY,
                        "the session is in the middle of a turn; wait for it");
            }
            session.busy = true;
        }
        try {
            // The state first: without it, a restart does not find what is told about it.
            if (session.file.isPresent()) {
                Files.deleteIfExists(session.file.get());
            }
            if (folder.isPresent()) {
                Files.deleteIfExists(folder.get().resolve(id + ABOUT));
            }
        } catch (IOException refused) {
            synchronized (this) {
                session.busy = false;
            }
            LOG.log(Level.WARNING, "a session could not be deleted: " + refused.getMessage());
            throw new SessionException(SessionException.Kind.UNWRITTEN,
                    "the session could not be deleted from the server's folder for states, so it is still there");
        }
        synchronized (this) {
            drop(session);
            sessions.remove(id);
        }
    }

    /** Number of sessions. */
    public synchronized int count() {
        return sessions.size();
    }

    /** Bytes of states in memory. */
    public synchronized long bytesInMemory() {
        return bytesInMemory;
    }

    /** Releases what is in memory; what was acknowledged is on disk already. */
    @Override
    public synchronized void close() {
        sessions.values().forEach(this::drop);
        sessions.clear();
    }
}

package tern.host.engine;

import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

import tern.inference.LanguageModel;
import tern.inference.LiveBatch;
import tern.inference.LiveSequence;
import tern.inference.Snapshot;

/**
 * Carries out jobs on one model, many at a time. A thread of its own ticks: in each tick every running stream reads a token, in
 * one pass over the weights, and a bounded stretch of prompts is read, so that streams go on while long prompts come in. Clients
 * take turns at being admitted, prompts that are being read take turns with each other. Jobs join and leave between ticks.
 *
 * <p>The model's engine must be {@linkplain tern.inference.Engine#steady steady}; then what a job gives does not depend on what
 * else goes on. Safe for use by several threads.
 */
public final class Batcher implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger("tern.host");
    private static final int LONGEST_PIECE = 512;
    private static final int SHORTEST_PIECE = 16;
    private static final int SMALLEST_CAPACITY = 256;
    // Prompts of which no more is left are read together with others.
    private static final int SHORT_PROMPT = 128;
    // A job for which there is no room lets so many others pass; then room is left to it.
    private static final int MOST_PASSED = 64;
    private static final double FORGETTING = 0.1;
    private static final int LONGEST_RETRY_SECONDS = 60;
    private static final float[] NO_LOGITS = new float[0];

    private final LanguageModel model;
    private final StateTree tree;
    private final Settings settings;
    private final boolean grows;
    private final Thread thread;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    // Guarded by the lock: jobs that wait, by client in the order of their turns.
    private final Map<String, Deque<Work>> waiting = new LinkedHashMap<>();
    private int waitingCount;
    private boolean accepting = true;
    private boolean running = true;
    private boolean woken;
    private boolean busy;
    private boolean ended;
    private volatile boolean broken;

    // The thread's own.
    private final Deque<Reading> readings = new ArrayDeque<>();
    private final Nursery nursery;
    private final TreeMap<Integer, Lane> lanes = new TreeMap<>();
    private int seatsTaken;
    private long bytesTaken;
    // Tokens of prompts that a tick may read beside running streams.
    private int piece = LONGEST_PIECE / 4;
    private double stepSeconds;
    private volatile double secondsPerJob = 1;
    private volatile int streamsNow;
    private volatile int readingsNow;
    private volatile long laneBytes;

    private final LongAdder tokensRead = new LongAdder();
    private final LongAdder tokensCached = new LongAdder();
    private final LongAdder tokensMade = new LongAdder();
    private final LongAdder ticks = new LongAdder();
    private final LongAdder steps = new LongAdder();
    private final LongAdder refused = new LongAdder();
    private final LongAdder cancelled = new LongAdder();

    /**
     * Bounds.
     *
     * @param maxStreams how many streams run or are about to
     * @param maxWaiting how many jobs wait; more are refused
     * @param maxReading how many prompts are read in turns
     * @param maxTokens most tokens of a prompt and its continuation together
     * @param streamBytes native memory for the states of running streams
     * @param readSeconds how long reading prompts may take in a tick while streams run; or as long as their step took, if that is longer
     */
    public record Settings(int maxStreams, int maxWaiting, int maxReading, int maxTokens, long streamBytes,
            double readSeconds) {
        /** Bounds that suit a desktop machine. */
        public static Settings usual(long streamBytes) {
            return new Settings(1024, 4096, 8, 1 << 20, streamBytes, 0.03);
        }
    }

    /** What goes on and went on. */
    public record Report(int streams, int readings, int waiting, long laneBytes, long tokensRead, long tokensCached,
            long tokensMade, long ticks, long steps, long refused, long cancelled) {
    }

    /** A job under way; what it has reserved. */
    static final class Work {
        private final Ticket ticket;
        private final int capacity;
        private final long bytes;
        private int open;
        private int passed;
        private Optional<Lease> kept = Optional.empty();

        private Work(Ticket ticket, int capacity, long bytes) {
            this.ticket = ticket;
            this.capacity = capacity;
            this.bytes = bytes;
        }

        Job job() {
            return ticket.job();
        }

        Listener listener() {
            return ticket.listener();
        }
    }

    /** A prompt that is being read: alone by a sequence of its own, or in the nursery. */
    static final class Reading {
        final Work work;
        private final int cached;
        private final Deque<Integer> stops;
        private Optional<LiveSequence> sequence = Optional.empty();
        Optional<LiveBatch.Seat> seat = Optional.empty();

        private Reading(Work work, int cached, List<Integer> stops) {
            this.work = work;
            this.cached = cached;
            this.stops = new ArrayDeque<>(stops);
        }

        int[] prompt() {
            return work.job().prompt();
        }

        int position() {
            return Math.toIntExact(
                    seat.isPresent() ? seat.get().position() : sequence.orElseThrow().position());
        }

        /** Where a state is to be kept next, or the prompt ends. */
        int nextStop() {
            return stops.isEmpty() ? prompt().length : stops.getFirst();
        }

        private Snapshot snapshot(float[] logits) {
            if (seat.isPresent()) {
                return seat.get().snapshot(logits);
            }
            return logits.length == 0 ? sequence.orElseThrow().snapshotWithoutLogits()
                    : sequence.orElseThrow().snapshot();
        }

        private void leave() {
            sequence.ifPresent(LiveSequence::close);
        }
    }

    /**
     * Starts to carry out jobs.
     *
     * @param tree where states are kept; not closed with this
     */
    public Batcher(LanguageModel model, StateTree tree, Settings settings) {
        this.model = model;
        this.tree = tree;
        this.settings = settings;
        this.grows = grows(model);
        this.nursery = new Nursery(model, grows ? SMALLEST_CAPACITY : 0);
        this.thread = Thread.ofPlatform().name("tern-batcher").daemon().unstarted(this::run);
        thread.start();
    }

    private static boolean grows(LanguageModel model) {
        return model.network().stateLayouts().stream().anyMatch(layout -> layout.grows());
    }

    /** Bytes that the state of the shortest stream takes: with fewer of {@link Settings#streamBytes}, no job is possible. */
    public static long leastStreamBytes(LanguageModel model) {
        return model.network().stateBytes(capacity(grows(model), 1));
    }

    /** The model. */
    public LanguageModel model() {
        return model;
    }

    /** The states kept. */
    public StateTree tree() {
        return tree;
    }

    /** The bounds. */
    public Settings settings() {
        return settings;
    }

    /** Most tokens of a prompt and its continuation together: what the settings allow, and what the model can read at all. */
    public int longest() {
        return Math.min(settings.maxTokens(), model.network().limit());
    }

    /**
     * Takes a job. States on disk that it may go on from are read by the calling thread first.
     *
     * @throws Refusal if it is impossible, too many wait, or the batcher is closing or has broken down
     */
    public Ticket submit(Job job, Listener listener) {
        long total = (long) job.prompt().length + job.maxTokens();
        if (total > longest()) {
            throw refuse(new Refusal(Refusal.Kind.IMPOSSIBLE, "the prompt has " + job.prompt().length
                    + " tokens and max_tokens is " + job.maxTokens() + ", together " + total
                    + (longest() < settings.maxTokens() ? ", but this model reads at most "
                            : ", but this server takes ")
                    + longest() + "; shorten the prompt or ask for fewer"));
        }
        int vocabulary = model.network().config().vocabulary();
        for (int id : job.prompt()) {
            if (id < 0 || id >= vocabulary) {
                throw refuse(new Refusal(Refusal.Kind.IMPOSSIBLE,
                        "token " + id + " is outside the vocabulary, expected 0.." + (vocabulary - 1)));
            }
        }
        int capacity = capacity(total);
        long bytes = job.streams() * model.network().stateBytes(capacity);
        if (job.streams() > settings.maxStreams() || bytes > settings.streamBytes()) {
            throw refuse(new Refusal(Refusal.Kind.IMPOSSIBLE, "n = " + job.streams() + " streams of " + total
                    + " tokens need " + bytes + " bytes of state, but this server has " + settings.streamBytes()
                    + " bytes and " + settings.maxStreams()
                    + " streams; ask for fewer or shorter ones, or give the server more memory"));
        }
        tree.warm(job.prompt());
        Ticket ticket = new Ticket(job, listener, this::wake);
        lock.lock();
        try {
            if (broken) {
                throw refuse(brokenDown());
            }
            if (!accepting) {
                throw refuse(new Refusal(Refusal.Kind.CLOSING, "the server is going down", 5));
            }
            if (waitingCount >= settings.maxWaiting()) {
                throw refuse(new Refusal(Refusal.Kind.BUSY, waitingCount + " jobs wait already; try again later",
                        retryAfter()));
            }
            waiting.computeIfAbsent(job.client(), ignored -> new ArrayDeque<>())
                    .add(new Work(ticket, capacity, bytes));
            waitingCount++;
            woken = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        return ticket;
    }

    private Refusal refuse(Refusal refusal) {
        refused.increment();
        return refusal;
    }

    private int retryAfter() {
        double seconds = waitingCount * secondsPerJob / settings.maxStreams();
        return Math.clamp(Math.round(seconds), 1, LONGEST_RETRY_SECONDS);
    }

    /** Histories of a lane have room for a power of two of positions, so that few lanes serve all. */
    private int capacity(long tokens) {
        return capacity(grows, tokens);
    }

    private static int capacity(boolean grows, long tokens) {
        return grows ? Math.max(SMALLEST_CAPACITY, Integer.highestOneBit(Math.toIntExact(tokens)) << 1) : 0;
    }

    /** How many streams may be in a lane at once. */
    private int seats(int capacity) {
        long one = Math.max(1, model.network().stateBytes(capacity));
        return Math.clamp(settings.streamBytes() / one, 1, settings.maxStreams());
    }

    private void wake() {
        lock.lock();
        try {
            woken = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Whether it computes: false once something went wrong that did not concern one job alone. */
    public boolean works() {
        return !broken;
    }

    /** What goes on and went on. */
    public Report report() {
        lock.lock();
        int wait = waitingCount;
        lock.unlock();
        return new Report(streamsNow, readingsNow, wait, laneBytes, tokensRead.sum(), tokensCached.sum(),
                tokensMade.sum(), ticks.sum(), steps.sum(), refused.sum(), cancelled.sum());
    }

    // ── the thread ──────────────────────────────────────────────────────────────────────────────────────────────────

    private void run() {
        Refusal why = new Refusal(Refusal.Kind.CLOSING, "the server went down before this was done", 5);
        try {
            while (awaitWork()) {
                tick();
            }
        } catch (RuntimeException | Error failure) {
            // What concerns one job ended that job alone; after this nobody knows what jobs hold.
            LOG.log(Level.ERROR, "a model has broken down: it answers nothing more until the server starts anew",
                    failure);
            why = brokenDown();
            failWaiting(why);
        } finally {
            leave(why);
            lock.lock();
            try {
                ended = true;
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }
    }

    private static Refusal brokenDown() {
        return new Refusal(Refusal.Kind.FAULT,
                "the model has broken down and answers nothing more; the server's log says why");
    }

    private void failWaiting(Refusal why) {
        List<Work> left = new ArrayList<>();
        lock.lock();
        try {
            broken = true;
            waiting.values().forEach(left::addAll);
            waiting.clear();
            waitingCount = 0;
        } finally {
            lock.unlock();
        }
        left.forEach(work -> attempt(() -> fail(work, why)));
    }

    private void leave(Refusal why) {
        for (Reading reading : allReadings()) {
            attempt(() -> end(reading));
            attempt(() -> fail(reading.work, why));
        }
        attempt(nursery::close);
        for (Lane lane : lanes.values()) {
            for (Stream stream : List.copyOf(lane.streams())) {
                attempt(() -> failStream(lane, stream, why));
            }
            attempt(lane::close);
        }
        lanes.clear();
    }

    /** One that fails shall not keep the others from hearing of their end. */
    private static void attempt(Runnable end) {
        try {
            end.run();
        } catch (RuntimeException | Error failure) {
            LOG.log(Level.ERROR, "a job could not be ended in order", failure);
        }
    }

    /** Waits until there is something to do; false once the batcher is closed. */
    private boolean awaitWork() {
        lock.lock();
        try {
            while (running && !woken && readings.isEmpty() && nursery.isEmpty() && seatsTaken == 0
                    && waitingCount == 0) {
                busy = false;
                changed.signalAll();
                changed.awaitUninterruptibly();
            }
            busy = true;
            woken = false;
            return running;
        } finally {
            lock.unlock();
        }
    }

    private void tick() {
        ticks.increment();
        sweep();
        admit();
        long begun = System.nanoTime();
        for (Lane lane : List.copyOf(lanes.values())) {
            step(lane);
        }
        stepSeconds = (System.nanoTime() - begun) * 1e-9;
        read();
        streamsNow = lanes.values().stream().mapToInt(Lane::size).sum();
        readingsNow = readings.size() + nursery.size();
        laneBytes = lanes.values().stream().mapToLong(Lane::bytes).sum();
    }

    /** Jobs that nobody wants any more, or that took too long, leave. */
    private void sweep() {
        long now = System.nanoTime();
        List<Work> late = new ArrayList<>();
        lock.lock();
        try {
            for (Deque<Work> queue : waiting.values()) {
                queue.removeIf(work -> {
                    boolean gone = isOver(work, now);
                    if (gone) {
                        waitingCount--;
                        late.add(work);
                    }
                    return gone;
                });
            }
            waiting.values().removeIf(Deque::isEmpty);
        } finally {
            lock.unlock();
        }
        late.forEach(this::tellOver);
        for (Reading reading : allReadings()) {
            if (isOver(reading.work, now)) {
                end(reading);
                release(reading.work, reading.work.job().streams());
                tellOver(reading.work);
            }
        }
        for (Lane lane : List.copyOf(lanes.values())) {
            for (Stream stream : List.copyOf(lane.streams())) {
                if (isOver(stream.work, now)) {
                    lane.leave(stream);
                    release(stream.work, 1);
                    if (--stream.work.open == 0) {
                        tellOver(stream.work);
                    }
                }
            }
        }
    }

    private static boolean isOver(Work work, long now) {
        return work.ticket.isCancelled() || now - work.job().deadlineNanos() > 0;
    }

    private void tellOver(Work work) {
        work.kept.ifPresent(Lease::close);
        work.kept = Optional.empty();
        if (work.ticket.isCancelled()) {
            cancelled.increment();
        } else {
            work.listener().failed(new Refusal(Refusal.Kind.TOO_SLOW,
                    "the request took longer than this server allows; ask for fewer tokens"));
        }
    }

    private List<Reading> allReadings() {
        List<Reading> all = new ArrayList<>(readings);
        all.addAll(nursery.readings());
        return all;
    }

    private void end(Reading reading) {
        if (reading.seat.isPresent()) {
            nursery.leave(reading);
        } else {
            readings.remove(reading);
            reading.leave();
        }
    }

    /** Seats and memory that a job's streams had reserved. */
    private void release(Work work, int streams) {
        seatsTaken -= streams;
        bytesTaken -= streams * (work.bytes / work.job().streams());
    }

    private void fail(Work work, Refusal why) {
        work.kept.ifPresent(Lease::close);
        work.kept = Optional.empty();
        if (!work.ticket.isCancelled()) {
            work.listener().failed(why);
        }
    }

    // ── admission ───────────────────────────────────────────────────────────────────────────────────────────────────

    /**
     * Short prompts that are being read are no more than a tick may read: the first to come are read to their ends before others
     * begin, and are not kept waiting by all of them being read a little.
     */
    private void admit() {
        int most = seatsOpen() == 0 ? LONGEST_PIECE : piece;
        while (nursery.hasRoom() && nursery.left() < most) {
            Optional<Work> next = nextWaiting();
            if (next.isEmpty()) {
                return;
            }
            Work work = next.get();
            seatsTaken += work.job().streams();
            bytesTaken += work.bytes;
            try {
                begin(work);
            } catch (RuntimeException | Error failure) {
                release(work, work.job().streams());
                fault(work, failure);
            }
        }
    }

    /**
     * The first job of the client whose turn it is, if there is room for it; that client then comes last. Where there is no room, clients
     * with less pass, but not for ever: a job that many have passed is the next, and those that run make room for it.
     */
    private Optional<Work> nextWaiting() {
        lock.lock();
        try {
            List<Work> passed = new ArrayList<>();
            for (Map.Entry<String, Deque<Work>> entry : waiting.entrySet()) {
                Work first = entry.getValue().getFirst();
                boolean readable = readings.size() < settings.maxReading()
                        || first.job().prompt().length <= SHORT_PROMPT;
                boolean hasRoom = seatsTaken + first.job().streams() <= settings.maxStreams()
                        && bytesTaken + first.bytes <= settings.streamBytes();
                if (readable && hasRoom) {
                    Deque<Work> queue = entry.getValue();
                    queue.removeFirst();
                    waitingCount--;
                    waiting.remove(entry.getKey());
                    if (!queue.isEmpty()) {
                        waiting.put(first.job().client(), queue);
                    }
                    passed.forEach(work -> work.passed++);
                    return Optional.of(first);
                }
                if (!hasRoom && first.passed >= MOST_PASSED) {
                    return Optional.empty();
                }
                if (!hasRoom) {
                    passed.add(first);
                }
            }
            return Optional.empty();
        } finally {
            lock.unlock();
        }
    }

    /** Finds where to go on from; a prompt that was read to its end before need not be read. */
    private void begin(Work work) {
        Job job = work.job();
        Optional<StateTree.Found> found = tree.deepest(job.prompt());
        try {
            Optional<Lease> from = found.map(StateTree.Found::lease);
            long depth = found.map(StateTree.Found::position).orElse(0);
            if (job.start().isPresent() && reaches(job.start().get(), job.prompt(), depth)) {
                from = job.start();
            }
            int position = from.map(lease -> Math.toIntExact(lease.snapshot().position())).orElse(0);
            if (position == job.prompt().length) {
                Lease lease = from.orElseThrow();
                start(work, lease, lease.snapshot().logits(), position);
                return;
            }
            Reading reading = new Reading(work, position, tree.stops(job.prompt(), job.boundaries(), position));
            if (job.prompt().length - position <= SHORT_PROMPT
                    && (!grows || job.prompt().length <= SMALLEST_CAPACITY)) {
                nursery.join(reading, from.map(Lease::snapshot));
            } else {
                LiveSequence sequence = model.sequence();
                sequence.reserve(job.prompt().length);
                from.ifPresent(lease -> sequence.restore(lease.snapshot()));
                reading.sequence = Optional.of(sequence);
                readings.add(reading);
            }
        } finally {
            found.ifPresent(state -> state.lease().close());
        }
    }

    /** Whether a job's own state is deeper than what was found, and of use. */
    private static boolean reaches(Lease own, int[] prompt, long depth) {
        long position = own.snapshot().position();
        return position > depth
                && (position < prompt.length || position == prompt.length && own.snapshot().hasLogits());
    }

    // ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    private void read() {
        boolean alone = seatsOpen() == 0;
        int budget = alone ? LONGEST_PIECE : piece;
        long before = tokensRead.sum();
        long begun = System.nanoTime();
        // Long prompts have half of the time if short ones are there too.
        int left = readings.isEmpty() ? budget : budget / 2;
        while (left > 0 && !nursery.isEmpty()) {
            left -= readTogether(left);
        }
        budget = readings.isEmpty() ? 0 : Math.max(SHORTEST_PIECE, Math.min(budget, budget / 2 + left));
        while (budget > 0 && !readings.isEmpty()) {
            Reading reading = readings.removeFirst();
            readings.addLast(reading);
            try {
                budget -= readPiece(reading, budget);
            } catch (RuntimeException | Error failure) {
                giveUp(reading, fault(failure));
            }
        }
        if (!alone) {
            adapt(Math.toIntExact(tokensRead.sum() - before), (System.nanoTime() - begun) * 1e-9);
        }
    }

    /**
     * A tick that read so many tokens took so long: the next may read what would fit the time. A token costs less the more are read
     * at once, so that a price of one token, learnt from small pieces, would keep pieces small.
     */
    private void adapt(int tokens, double seconds) {
        double allowed = Math.max(settings.readSeconds(), stepSeconds);
        if (seconds > allowed) {
            piece = Math.max(piece / 2, (int) (tokens * allowed / seconds));
        } else if (tokens >= piece) {
            piece = (int) Math.min(2.0 * piece, tokens * allowed / seconds);
        }
        piece = Math.clamp(piece, SHORTEST_PIECE, LONGEST_PIECE);
    }

    private int seatsOpen() {
        return lanes.values().stream().mapToInt(Lane::size).sum();
    }

    /** All prompts of the nursery are read on by as many tokens. */
    private int readTogether(int most) {
        int rows = nursery.size();
        // A little more than it should be, rather than a rest that needs a pass of its own.
        int time = nursery.pace(Math.max(1, (most + most / 4) / rows));
        try {
            nursery.read(time);
        } catch (RuntimeException | Error failure) {
            Refusal why = fault(failure);
            List.copyOf(nursery.readings()).forEach(reading -> giveUp(reading, why));
            return most;
        }
        tokensRead.add((long) rows * time);
        // Rows move when somebody leaves: all logits are taken before.
        List<Reading> there = nursery.readings();
        List<float[]> logits = there.stream()
                .map(reading -> reading.position() == reading.prompt().length ? nursery.logits(reading) : NO_LOGITS)
                .toList();
        for (int i = 0; i < there.size(); i++) {
            Reading reading = there.get(i);
            if (reading.position() == reading.nextStop()) {
                try {
                    arrived(reading, reading.position(), logits.get(i));
                } catch (RuntimeException | Error failure) {
                    giveUp(reading, fault(failure));
                }
            }
        }
        return rows * time;
    }

    private void giveUp(Reading reading, Refusal why) {
        end(reading);
        release(reading.work, reading.work.job().streams());
        fail(reading.work, why);
    }

    private int readPiece(Reading reading, int most) {
        int from = reading.position();
        int to = Math.min(reading.nextStop(), from + most);
        float[] logits = reading.sequence.orElseThrow().prefill(Arrays.copyOfRange(reading.prompt(), from, to));
        tokensRead.add(to - from);
        if (to == reading.nextStop()) {
            arrived(reading, to, to == reading.prompt().length ? logits : NO_LOGITS);
        }
        return to - from;
    }

    /** A prompt is read to where a state is to be kept. */
    private void arrived(Reading reading, int to, float[] logits) {
        int[] prompt = reading.prompt();
        if (to == prompt.length) {
            try (Lease lease = Lease.of(reading.snapshot(logits))) {
                tree.put(prompt, to, lease);
                end(reading);
                start(reading.work, lease, logits, reading.cached);
            }
            return;
        }
        reading.stops.removeFirst();
        if (!tree.has(prompt, to)) {
            try (Lease lease = Lease.of(reading.snapshot(NO_LOGITS))) {
                tree.put(prompt, to, lease);
            }
        }
    }

    /** The prompt is read: its streams choose their first tokens and join a lane. */
    private void start(Work work, Lease lease, float[] logits, int cached) {
        Job job = work.job();
        tokensCached.add(cached);
        work.listener().started(job.prompt().length, cached);
        work.open = job.streams();
        if (job.maxTokens() == 0) {
            for (int i = 0; i < job.streams(); i++) {
                work.listener().finished(i, Finish.LENGTH, "", new int[0]);
                close(work, i, lease);
            }
            return;
        }
        for (int i = 0; i < job.streams(); i++) {
            Stream stream = new Stream(work, i, model.tokenizer());
            stream.choose(logits, 0, logits.length);
            if (stream.refusal().isPresent()) {
                throw stream.refusal().get();
            }
            tokensMade.increment();
            if (stream.deliver()) {
                lanes.computeIfAbsent(work.capacity, capacity -> new Lane(model, capacity, seats(capacity)))
                        .join(stream, lease.snapshot());
            } else {
                close(work, i, lease);
            }
        }
    }

    /** A stream has ended in this state. */
    private void close(Work work, int index, Lease state) {
        release(work, 1);
        if (index == 0 && work.job().keepState()) {
            work.kept = Optional.of(state.again());
        }
        if (--work.open == 0) {
            double seconds = (System.nanoTime() - work.ticket.takenNanos()) * 1e-9;
            double before = secondsPerJob;
            secondsPerJob = before + FORGETTING * (seconds - before);
            work.listener().done(work.kept);
            work.kept = Optional.empty();
        }
    }

    // ── stepping ────────────────────────────────────────────────────────────────────────────────────────────────────

    private void step(Lane lane) {
        if (lane.size() == 0) {
            return;
        }
        try {
            lane.step();
        } catch (RuntimeException | Error failure) {
            Refusal why = fault(failure);
            List.copyOf(lane.streams()).forEach(stream -> failStream(lane, stream, why));
            return;
        }
        steps.increment();
        for (Stream stream : List.copyOf(lane.streams())) {
            if (stream.refusal().isPresent()) {
                failStream(lane, stream, stream.refusal().get());
                continue;
            }
            deliver(lane, stream);
        }
    }

    /** Hands over a token; a stream that ends by it leaves its state and the lane. */
    private void deliver(Lane lane, Stream stream) {
        int position;
        Snapshot snapshot;
        try {
            tokensMade.increment();
            if (stream.deliver()) {
                return;
            }
            LiveBatch.Seat seat = stream.seat.orElseThrow();
            position = Math.toIntExact(seat.position());
            snapshot = seat.snapshot();
        } catch (RuntimeException | Error failure) {
            failStream(lane, stream, fault(failure));
            return;
        }
        lane.leave(stream);
        try (Lease lease = Lease.of(snapshot)) {
            tree.put(tokens(stream), position, lease);
            close(stream.work, stream.index, lease);
        }
    }

    private static int[] tokens(Stream stream) {
        int[] prompt = stream.work.job().prompt();
        int[] generated = stream.generated();
        int[] all = Arrays.copyOf(prompt, prompt.length + generated.length);
        System.arraycopy(generated, 0, all, prompt.length, generated.length);
        return all;
    }

    private void failStream(Lane lane, Stream stream, Refusal why) {
        lane.leave(stream);
        release(stream.work, 1);
        if (--stream.work.open == 0) {
            fail(stream.work, why);
        }
    }

    private static Refusal fault(Throwable failure) {
        LOG.log(Level.ERROR, "a job failed", failure);
        return new Refusal(Refusal.Kind.FAULT, "the model could not go on; the server's log says why");
    }

    private void fault(Work work, Throwable failure) {
        fail(work, fault(failure));
    }

    // ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

    /**
     * Takes no more jobs and waits until those taken are done.
     *
     * @return whether they were done in time
     */
    public boolean drain(Duration atMost) {
        long until = System.nanoTime() + atMost.toNanos();
        lock.lock();
        try {
            accepting = false;
            woken = true;
            changed.signalAll();
            while (!ended && (busy || woken || waitingCount > 0)) {
                long left = until - System.nanoTime();
                if (left <= 0) {
                    return false;
                }
                changed.awaitNanos(left);
            }
            return true;
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            lock.unlock();
        }
    }

    /** Ends what is under way, telling its listeners, and the thread. */
    @Override
    public void close() {
        List<Work> left = new ArrayList<>();
        lock.lock();
        try {
            accepting = false;
            running = false;
            waiting.values().forEach(left::addAll);
            waiting.clear();
            waitingCount = 0;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        left.forEach(work -> fail(work, new Refusal(Refusal.Kind.CLOSING, "the server is going down", 5)));
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException again) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}

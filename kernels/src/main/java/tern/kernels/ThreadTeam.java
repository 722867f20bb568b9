package tern.kernels;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

import org.jspecify.annotations.Nullable;

import tern.tensor.Workspace;

/**
 * Threads that carry out one parallel region after another with low latency, each with scratch memory of its own. Work is
 * cut into tasks by shape, never by the number of threads, so results do not depend on it. One region at a time; confined
 * to the thread that calls {@link #run}, except that tasks may call it again: an inner region runs on the task's thread.
 *
 * <p>Each thread has a share of the tasks, which follow each other, and takes over from others when it is done with it: what
 * lies one after the other in memory is then read by one thread in one go, as long as nobody falls behind. A processor needs a
 * microsecond to find out anew what a thread that jumps will read next.
 *
 * <p>The calling thread takes part. The others wait for the next region by spinning for some tens of microseconds, less if
 * that turned out to be in vain, and then park; a team with more threads than the machine has processors never spins. A
 * region allocates nothing. Workers are daemons and end on {@link #close}.
 */
public final class ThreadTeam implements AutoCloseable {
    private static final long LONGEST_SPIN_NANOS = 50_000;
    private static final long SHORTEST_SPIN_NANOS = 1_000;
    /** A worker woken sooner than this after it parked would have done better to spin. */
    private static final long SHORT_PARK_NANOS = 200_000;
    private static final int SPINS_PER_LOOK_AT_THE_CLOCK = 16;
    private static final int LARGEST_TEAM = 1024;

    /** Each counter has cache lines of its own. */
    private static final int LINE = 16;
    /** Number of the region, stored after everything else that belongs to it. */
    private static final int REGION = LINE;
    /** Tasks completed since the team began; grows for ever. */
    private static final int COMPLETED = 2 * LINE;
    /**
     * From here on, one for each thread, what is not yet claimed of its share: the number of the region in the upper half, tasks in
     * the lower. While that is above 0 the region is open, so whoever takes one off it by compare-and-set has read the fields
     * below as they belong to this region.
     */
    private static final int CLAIMS = 3 * LINE;

    private final Workspace scratch = new Workspace();
    private final AtomicLongArray counters;
    private final AtomicReference<@Nullable Thread> caller = new AtomicReference<>();
    private final AtomicReference<@Nullable Task> inner = new AtomicReference<>();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private final Worker[] workers;
    private final long longestSpin;

    private final Gathered gathered = new Gathered();
    private final ReadAhead ahead = new ReadAhead();
    private @Nullable Thread gatherer;

    // Written by the caller before it opens a region by storing CLAIMS, which is what makes them visible.
    private @Nullable Task task;
    private int tasks;
    private long goal;

    private volatile boolean callerParked;
    private volatile boolean closed;

    /**
     * A team of this many threads, the caller included.
     *
     * @throws IllegalArgumentException if there are fewer than 1 or more than 1024
     */
    public ThreadTeam(int threads) {
        if (threads < 1 || threads > LARGEST_TEAM) {
            throw new IllegalArgumentException("a team of " + threads + " threads, expected 1.." + LARGEST_TEAM
                    + "; this machine has " + Runtime.getRuntime().availableProcessors() + " processors");
        }
        longestSpin = threads <= Runtime.getRuntime().availableProcessors() ? LONGEST_SPIN_NANOS : 0;
        counters = new AtomicLongArray(CLAIMS + threads * LINE);
        workers = new Worker[threads - 1];
        for (int i = 0; i < workers.length; i++) {
            workers[i] = new Worker(this, i, threads, longestSpin);
        }
        for (Worker worker : workers) {
            worker.start();
        }
    }

    /** One task of a region. */
    @FunctionalInterface
    public interface Task {
        /**
         * Carries out task {@code index}.
         *
         * @param scratch memory for this task alone; taken back when it returns
         */
        void run(int index, Workspace scratch);
    }

    /** Number of threads, the caller included. */
    public int threads() {
        return workers.length + 1;
    }

    /** Scratch memory of the calling thread; callers mark and release. */
    public Workspace scratch() {
        return Thread.currentThread() instanceof Worker worker && worker.team == this ? worker.scratch : scratch;
    }

    /** Bytes of scratch memory that all threads hold from the operating system; to be asked between regions. */
    public long scratchBytes() {
        long sum = scratch.bytes();
        for (Worker worker : workers) {
            sum += worker.scratch.bytes();
        }
        return sum;
    }

    /**
     * Carries out tasks 0..tasks−1, each once, in any order on any thread, and returns when all are done. What the tasks
     * wrote is visible to the caller. If a task throws, tasks not yet begun are left out and the first exception is thrown
     * here, with those of other tasks suppressed in it; the team stays usable.
     *
     * @throws IllegalStateException if another thread is in a region, or the team was closed
     */
    public void run(int tasks, Task task) {
        if (tasks <= 0) {
            return;
        }
        Thread current = Thread.currentThread();
        if (current.equals(gatherer)) {
            gathered.add(tasks, task);
        } else if (current instanceof Worker worker && worker.team == this) {
            runInline(tasks, task, worker.scratch);
        } else if (current.equals(caller.getPlain())) {
            runInline(tasks, task, scratch);
        } else {
            enter(current);
            try {
                if (tasks == 1 || workers.length == 0) {
                    runInline(tasks, task, scratch);
                } else {
                    runTogether(tasks, task);
                }
            } finally {
                caller.setRelease(null);
            }
        }
    }

    /**
     * Carries out what {@code calls} hands to {@link #run} in one region at its end, so that small regions need not wait for each
     * other. The calls return before their tasks have run: only for those that do nothing afterwards. What they take from
     * {@link #scratch} is kept until the tasks have run, whether they release it or not. Within a task the calls are carried out as
     * they come.
     */
    public void together(Runnable calls) {
        Thread current = Thread.currentThread();
        boolean inside = current instanceof Worker worker && worker.team == this || current.equals(caller.getPlain());
        if (inside || gathers()) {
            calls.run();
            return;
        }
        Workspace.Mark mark = scratch.mark();
        gatherer = current;
        scratch.hold(true);
        try {
            calls.run();
            gatherer = null;
            scratch.hold(false);
            run(gathered.tasks(), gathered);
        } finally {
            gatherer = null;
            gathered.clear();
            scratch.hold(false);
            scratch.release(mark);
        }
    }

    /**
     * Says what the next call of {@link #run} will read, so that threads which wait for a region like it, the next time, read ahead
     * what then comes next. For weights that are read once a step, in the same order every step. Within tasks it says nothing.
     *
     * @param weights what its tasks read, the first of them the beginning and so on
     * @param tasks of that call
     */
    public void reads(MemorySegment weights, int tasks) {
        Thread current = Thread.currentThread();
        boolean inside = current instanceof Worker worker && worker.team == this || current.equals(caller.getPlain());
        if (!inside && workers.length > 0) {
            ahead.expect(weights, tasks);
        }
    }

    /** Whether this thread is within {@link #together}, outside of tasks. */
    public boolean gathers() {
        return Thread.currentThread().equals(gatherer);
    }

    /**
     * Carries out tasks 0..tasks−1 again and again, {@code rounds} times; a round begins when the round before is done, and sees
     * what it wrote. Threads keep to their tasks, task i to thread i modulo {@link #threads}, so that what a task reads in every
     * round stays in its thread's cache; only a task whose thread is late goes to another. For rounds of some microseconds,
     * which regions of their own would cost more than. Failures as in {@link #run}, without the rounds that follow.
     */
    public void rounds(int rounds, int tasks, Rounds.Task task) {
        Thread current = Thread.currentThread();
        boolean inside = current instanceof Worker worker && worker.team == this || current.equals(caller.getPlain());
        if (tasks == 1 || workers.length == 0 || inside) {
            // Fetched as in runInline: whole kernels shall not be compiled into this loop.
            run(1, new Rounds(rounds, tasks, 1, task));
        } else {
            run(threads(), new Rounds(rounds, tasks, threads(), task));
        }
    }

    private void enter(Thread current) {
        if (closed) {
            throw new IllegalStateException("this team of threads was closed; make a new one");
        }
        if (!caller.compareAndSet(null, current)) {
            throw new IllegalStateException("two threads use one team at a time (" + current.getName()
                    + " came second); give each its own team, or take turns");
        }
    }

    /**
     * Runs tasks on this thread. They are fetched from where the compiler cannot know them: it would compile whole kernels
     * into each of their callers, run out of its budget half-way and leave their vectors on the heap.
     */
    private void runInline(int tasks, Task task, Workspace scratch) {
        AtomicReference<@Nullable Task> own = Thread.currentThread() instanceof Worker worker ? worker.inner : inner;
        own.set(task);
        Task fetched = Objects.requireNonNull(own.get());
        Workspace.Mark mark = scratch.mark();
        for (int index = 0; index < tasks; index++) {
            try {
                fetched.run(index, scratch);
            } finally {
                scratch.release(mark);
            }
        }
    }

    private void runTogether(int tasks, Task task) {
        ahead.begin();
        this.task = task;
        this.tasks = tasks;
        goal += tasks;
        int region = (int) counters.getPlain(REGION) + 1;
        for (int share = 0; share < threads(); share++) {
            counters.set(CLAIMS + share * LINE,
                    (long) region << 32 | firstOf(share + 1, tasks) - firstOf(share, tasks));
        }
        counters.set(REGION, region);
        wakeOne(0);
        claimAndRun(region, 0, scratch);
        awaitCompletion();
        this.task = null;
        Throwable thrown = failure.getPlain();
        if (thrown != null) {
            failure.setPlain(null);
            throw ThreadTeam.<RuntimeException>unchecked(thrown);
        }
    }

    /** Tasks throw nothing checked, so what they threw may go on as it is. */
    @SuppressWarnings("unchecked")
    private static <T extends Throwable> T unchecked(Throwable thrown) throws T {
        throw (T) thrown;
    }

    /** Wakes the first sleeper from this worker on; waking costs a system call, so each one woken wakes the next. */
    private void wakeOne(int from) {
        for (int i = from; i < workers.length; i++) {
            if (workers[i].parked) {
                LockSupport.unpark(workers[i]);
                return;
            }
        }
    }

    /** The first task of a thread's share. */
    private int firstOf(int share, int tasks) {
        return firstOf(share, threads(), tasks);
    }

    /** The first task of a share of so many. */
    static int firstOf(int share, int shares, int tasks) {
        return (int) ((long) share * tasks / shares);
    }

    private boolean hasUnclaimed() {
        for (int share = 0; share < threads(); share++) {
            if ((int) counters.get(CLAIMS + share * LINE) > 0) {
                return true;
            }
        }
        return false;
    }

    /** Runs this thread's share, then what others have not come to yet. */
    private void claimAndRun(int region, int own, Workspace scratch) {
        int completed = 0;
        for (int i = 0; i < threads(); i++) {
            completed += claimAndRunShare(region, (own + i) % threads(), scratch);
        }
        if (completed > 0 && counters.addAndGet(COMPLETED, completed) == goal && callerParked) {
            LockSupport.unpark(caller.get());
        }
    }

    private int claimAndRunShare(int region, int share, Workspace scratch) {
        int completed = 0;
        Workspace.Mark mark = scratch.mark();
        while (true) {
            long claims = counters.get(CLAIMS + share * LINE);
            int unclaimed = (int) claims;
            // Read between the look and the claim, which succeeds only if the region was open all the time.
            Task claimed = task;
            int index = firstOf(share + 1, tasks) - unclaimed;
            if (regionOf(claims) != region || unclaimed == 0 || claimed == null) {
                return completed;
            }
            if (counters.compareAndSet(CLAIMS + share * LINE, claims, claims - 1)) {
                runOne(claimed, index, scratch, mark);
                completed++;
            }
        }
    }

    private void runOne(Task claimed, int index, Workspace scratch, Workspace.Mark mark) {
        if (failure.getOpaque() != null) {
            return;
        }
        try {
            claimed.run(index, scratch);
        } catch (Throwable thrown) {
            Throwable first = failure.compareAndExchange(null, thrown);
            if (first != null && !first.equals(thrown)) {
                first.addSuppressed(thrown);
            }
        } finally {
            scratch.release(mark);
        }
    }

    private void awaitCompletion() {
        long begin = 0;
        boolean interrupted = false;
        for (int spins = 1; counters.get(COMPLETED) != goal; spins++) {
            Thread.onSpinWait();
            if (spins % SPINS_PER_LOOK_AT_THE_CLOCK == 0) {
                long now = System.nanoTime();
                begin = begin == 0 ? now : begin;
                if (now - begin >= longestSpin) {
                    callerParked = true;
                    if (counters.get(COMPLETED) != goal) {
                        LockSupport.park(this);
                        interrupted |= Thread.interrupted();
                    }
                    callerParked = false;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static int regionOf(long claims) {
        return (int) (claims >>> 32);
    }

    /**
     * Ends the workers and releases all scratch memory. Closing twice does nothing.
     *
     * @throws IllegalStateException if called from a task
     */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        if (caller.get() != null) {
            throw new IllegalStateException("a team of threads cannot be closed while it runs a region");
        }
        closed = true;
        boolean interrupted = false;
        for (Worker worker : workers) {
            LockSupport.unpark(worker);
            while (worker.isAlive()) {
                try {
                    worker.join();
                } catch (InterruptedException told) {
                    interrupted = true;
                }
            }
            worker.scratch.close();
        }
        scratch.close();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** The tasks of several regions as those of one. */
    private static final class Gathered implements Task {
        private @Nullable Task[] parts = new Task[8];
        private int[] ends = new int[8];
        private int count;

        void add(int tasks, Task part) {
            if (count == parts.length) {
                parts = Arrays.copyOf(parts, 2 * count);
                ends = Arrays.copyOf(ends, 2 * count);
            }
            parts[count] = part;
            ends[count] = tasks() + tasks;
            count++;
        }

        int tasks() {
            return count == 0 ? 0 : ends[count - 1];
        }

        void clear() {
            Arrays.fill(parts, null);
            count = 0;
        }

        @Override
        public void run(int index, Workspace scratch) {
            int part = 0;
            while (index >= ends[part]) {
                part++;
            }
            Objects.requireNonNull(parts[part]).run(part == 0 ? index : index - ends[part - 1], scratch);
        }
    }

    /** One thread besides the caller. */
    private static final class Worker extends Thread {
        final ThreadTeam team;
        final Workspace scratch = new Workspace();
        final AtomicReference<@Nullable Task> inner = new AtomicReference<>();
        volatile boolean parked;
        private final int number;
        private final long longestSpin;
        private final ReadAhead.Reader reader;

        Worker(ThreadTeam team, int number, int threads, long longestSpin) {
            super(null, null, "tern-worker-" + (number + 1), 0, false);
            this.team = team;
            this.number = number;
            this.longestSpin = longestSpin;
            this.reader = new ReadAhead.Reader(team.ahead, number + 1, threads);
            setDaemon(true);
        }

        @Override
        public void run() {
            int seen = 0;
            long spin = longestSpin;
            while (true) {
                if (spinForRegionAfter(seen, spin)) {
                    spin = longestSpin;
                } else {
                    long begin = System.nanoTime();
                    boolean woken = parkForRegionAfter(seen);
                    boolean tooEarly = woken && System.nanoTime() - begin < SHORT_PARK_NANOS;
                    spin = tooEarly ? Math.min(2 * spin, longestSpin)
                            : Math.max(spin / 2, Math.min(SHORTEST_SPIN_NANOS, longestSpin));
                    if (team.hasUnclaimed()) {
                        team.wakeOne(number + 1);
                    }
                }
                if (team.closed) {
                    return;
                }
                seen = (int) team.counters.get(REGION);
                team.claimAndRun(seen, number + 1, scratch);
                if (longestSpin > 0) {
                    readAhead(seen);
                }
            }
        }

        private void readAhead(int seen) {
            boolean more = true;
            while (more && isWaiting(seen)) {
                more = reader.readPiece();
            }
        }

        private boolean spinForRegionAfter(int seen, long nanos) {
            long begin = 0;
            for (int spins = 1; isWaiting(seen); spins++) {
                Thread.onSpinWait();
                if (spins % SPINS_PER_LOOK_AT_THE_CLOCK == 0) {
                    long now = System.nanoTime();
                    begin = begin == 0 ? now : begin;
                    if (now - begin >= nanos) {
                        return false;
                    }
                }
            }
            return true;
        }

        /** Returns whether it slept at all. */
        private boolean parkForRegionAfter(int seen) {
            boolean slept = false;
            // Said before the last look at the region, which the caller stores before it looks for sleepers.
            parked = true;
            while (isWaiting(seen)) {
                LockSupport.park(team);
                slept = true;
                Thread.interrupted();
            }
            parked = false;
            return slept;
        }

        private boolean isWaiting(int seen) {
            return (int) team.counters.get(REGION) == seen && !team.closed;
        }
    }
}

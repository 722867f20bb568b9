package tern.kernels;

import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

import tern.tensor.Workspace;

/**
 * A region whose tasks are the threads that take part in rounds of smaller tasks: see {@link ThreadTeam#rounds}. One thread alone
 * gets everything done, so nothing waits for a thread that does not come. Safe for use by its team.
 */
public final class Rounds implements ThreadTeam.Task {
    /** Each counter has cache lines of its own. */
    private static final int LINE = 16;
    /** How long others wait before they take a task from its thread, which has the task's data in its cache. */
    private static final long PATIENCE_NANOS = 30_000;
    private static final int SPINS_PER_LOOK_AT_THE_CLOCK = 64;

    private final int rounds;
    private final int tasks;
    private final int threads;
    private final Task task;
    /** For each task the rounds in which it was begun. */
    private final AtomicLongArray begun;
    /** Tasks done in all rounds. */
    private final AtomicLong done = new AtomicLong();
    private volatile boolean failed;

    Rounds(int rounds, int tasks, int threads, Task task) {
        this.rounds = rounds;
        this.tasks = tasks;
        this.threads = threads;
        this.task = task;
        this.begun = new AtomicLongArray(threads == 1 ? 0 : LINE * (tasks + 1));
    }

    /** One task of a round. */
    @FunctionalInterface
    public interface Task {
        /**
         * Carries out task {@code index} of a round.
         *
         * @param scratch memory for this task in this round alone
         */
        void run(int round, int index, Workspace scratch);
    }

    @Override
    public void run(int thread, Workspace scratch) {
        for (int round = 0; round < rounds; round++) {
            if (threads == 1) {
                for (int i = 0; i < tasks; i++) {
                    runOne(round, round % 2 == 0 ? i : tasks - 1 - i, scratch);
                }
            } else {
                take(round, thread, threads, scratch);
                if (!await(round, scratch)) {
                    return;
                }
            }
        }
    }

    /**
     * Every step-th task from one on, those that nobody has begun. Every other round goes backwards, and so first to what the round
     * before read last: a cache that does not quite hold all of it would else have lost each part just before it is read again.
     */
    private void take(int round, int from, int step, Workspace scratch) {
        int count = 0;
        int own = (tasks - from + step - 1) / step;
        for (int i = 0; i < own; i++) {
            int index = from + step * (round % 2 == 0 ? i : own - 1 - i);
            int at = LINE * (index + 1);
            if (begun.get(at) == round && begun.compareAndSet(at, round, round + 1L)) {
                runOne(round, index, scratch);
                count++;
            }
        }
        if (count > 0) {
            done.addAndGet(count);
        }
    }

    private void runOne(int round, int index, Workspace scratch) {
        Workspace.Mark mark = scratch.mark();
        boolean finished = false;
        try {
            task.run(round, index, scratch);
            finished = true;
        } finally {
            if (!finished) {
                failed = true;
            }
            scratch.release(mark);
        }
    }

    /** Whether the round came to its end. */
    private boolean await(int round, Workspace scratch) {
        long goal = (long) tasks * (round + 1);
        long begin = 0;
        for (int spins = 1; done.get() < goal; spins++) {
            if (failed) {
                return false;
            }
            Thread.onSpinWait();
            if (spins % SPINS_PER_LOOK_AT_THE_CLOCK == 0) {
                long now = System.nanoTime();
                begin = begin == 0 ? now : begin;
                if (now - begin > PATIENCE_NANOS) {
                    take(round, 0, 1, scratch);
                    if (done.get() < goal) {
                        Thread.yield();
                    }
                }
            }
        }
        return !failed;
    }
}

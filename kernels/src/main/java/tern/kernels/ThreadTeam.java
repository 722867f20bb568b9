package tern.kernels;

import tern.tensor.Workspace;

/**
 * Threads that carry out one parallel region after another with low latency, each with scratch memory of its own. Work is
 * cut into tasks by shape, never by the number of threads, so results do not depend on it. One region at a time; confined
 * to the thread that calls {@link #run}.
 */
public final class ThreadTeam implements AutoCloseable {
    private final Workspace scratch = new Workspace();
    private final int threads;

    /** A team of this many threads, the caller included. */
    public ThreadTeam(int threads) {
        this.threads = threads;
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
        return threads;
    }

    /** Scratch memory for the calling thread outside of regions; callers mark and release. */
    public Workspace scratch() {
        return scratch;
    }

    /** Carries out tasks 0..tasks−1, each once, in any order on any thread, and returns when all are done. */
    public void run(int tasks, Task task) {
        for (int index = 0; index < tasks; index++) {
            Workspace.Mark mark = scratch.mark();
            task.run(index, scratch);
            scratch.release(mark);
        }
    }

    @Override
    public void close() {
        scratch.close();
    }
}

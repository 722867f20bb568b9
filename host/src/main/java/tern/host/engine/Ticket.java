package tern.host.engine;

/** A job that was taken. Safe for use by several threads. */
public final class Ticket {
    private final Job job;
    private final Listener listener;
    private final Runnable wake;
    private final long takenNanos = System.nanoTime();
    private volatile boolean cancelled;

    Ticket(Job job, Listener listener, Runnable wake) {
        this.job = job;
        this.listener = listener;
        this.wake = wake;
    }

    /** Nobody wants the rest: the job ends at the next tick, and its listener hears nothing any more. */
    public void cancel() {
        cancelled = true;
        wake.run();
    }

    boolean isCancelled() {
        return cancelled;
    }

    Job job() {
        return job;
    }

    Listener listener() {
        return listener;
    }

    long takenNanos() {
        return takenNanos;
    }
}

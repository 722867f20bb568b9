package tern.inference;

import java.util.concurrent.atomic.AtomicReference;

import org.jspecify.annotations.Nullable;

/**
 * Keeps what holds native memory to one thread at a time, and its memory until nobody uses it. A thread that comes second, or
 * after the end, is told so. Closing beside a call that runs takes effect when that call returns. Safe for use by several
 * threads.
 */
final class Confined {
    private final String what;
    private final Runnable release;
    private final AtomicReference<@Nullable Thread> user = new AtomicReference<>();
    private volatile boolean closed;
    // Read and written by the user alone.
    private boolean released;

    /**
     * Something that is not in use yet.
     *
     * @param what it is, as messages call it
     * @param release gives its memory back; called once
     */
    Confined(String what, Runnable release) {
        this.what = what;
        this.release = release;
    }

    /**
     * A call begins; {@link #leave} ends it.
     *
     * @throws IllegalStateException if it was closed, or another call has not ended
     */
    void enter() {
        Thread current = Thread.currentThread();
        Thread other = user.compareAndExchange(null, current);
        if (other != null && !closed) {
            throw new IllegalStateException(other.equals(current)
                    ? "the " + what + " is used by the call that led to this one; wait until that returns"
                    : "two threads use one " + what + " at a time (" + current.getName() + " came while "
                            + other.getName() + " was at it); give each its own, or take turns");
        }
        if (closed) {
            if (other == null) {
                leave();
            }
            throw new IllegalStateException("the " + what + " is closed; use it before closing it");
        }
    }

    /** A call ends. */
    void leave() {
        user.set(null);
        releaseIfClosed();
    }

    /** Lets no more calls begin; memory goes when none runs. Closing twice does nothing. */
    void close() {
        closed = true;
        releaseIfClosed();
    }

    private void releaseIfClosed() {
        if (closed && user.compareAndSet(null, Thread.currentThread())) {
            try {
                if (!released) {
                    released = true;
                    release.run();
                }
            } finally {
                user.set(null);
            }
        }
    }
}

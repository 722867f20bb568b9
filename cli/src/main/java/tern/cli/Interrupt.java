package tern.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Turns Ctrl-C (or a polite kill) into a request that work asks for between its steps. The JVM, which then ends with status
 * 130 (143 after a kill), waits until this is closed. Safe for use by several threads.
 */
final class Interrupt implements AutoCloseable {
    private static final long PATIENCE_MINUTES = 10;

    private final AtomicBoolean requested = new AtomicBoolean();
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread hook = new Thread(this::request, "interrupt");

    Interrupt() {
        try {
            Runtime.getRuntime().addShutdownHook(hook);
        } catch (IllegalStateException alreadyGoingDown) {
            requested.set(true);
        }
    }

    private void request() {
        requested.set(true);
        try {
            boolean ignoredBecauseTheJvmEndsAnyway = closed.await(PATIENCE_MINUTES, TimeUnit.MINUTES);
        } catch (InterruptedException hurried) {
            Thread.currentThread().interrupt();
        }
    }

    /** Whether to stop. */
    boolean isRequested() {
        return requested.get();
    }

    @Override
    public void close() {
        closed.countDown();
        if (!requested.get()) {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException alreadyGoingDown) {
                requested.set(true);
            }
        }
    }
}

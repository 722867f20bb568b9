package tern.host.engine;

import tern.inference.Snapshot;

/**
 * The use of a snapshot that several may use at the same time; it is released when the last of them releases it. Safe for use
 * by several threads, each with a lease of its own.
 */
public final class Lease implements AutoCloseable {
    private final Shared shared;
    private boolean released;

    private static final class Shared {
        private final Snapshot snapshot;
        private int users;

        private Shared(Snapshot snapshot) {
            this.snapshot = snapshot;
        }
    }

    private Lease(Shared shared) {
        this.shared = shared;
        synchronized (shared) {
            shared.users++;
        }
    }

    /** The first use of a snapshot, which belongs to its leases from now on. */
    public static Lease of(Snapshot snapshot) {
        return new Lease(new Shared(snapshot));
    }

    /** The snapshot, alive until this lease is released. */
    public Snapshot snapshot() {
        if (released) {
            throw new IllegalStateException("this use of a state was released");
        }
        return shared.snapshot;
    }

    /** One more use. */
    public Lease again() {
        snapshot();
        return new Lease(shared);
    }

    @Override
    public void close() {
        synchronized (shared) {
            if (!released) {
                released = true;
                if (--shared.users == 0) {
                    shared.snapshot.close();
                }
            }
        }
    }
}

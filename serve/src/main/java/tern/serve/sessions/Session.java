package tern.serve.sessions;

import java.nio.file.Path;
import java.util.Optional;

import tern.host.engine.Lease;

/**
 * One conversation. The state may be one token behind: the last one chosen is read with what comes next. Guarded by its store.
 */
public final class Session {
    final String id;
    final String model;
    final long created;
    long used;
    Optional<int[]> tokens;
    int tokenCount;
    Optional<Lease> state = Optional.empty();
    Optional<Path> file = Optional.empty();
    long bytes;
    boolean busy;

    Session(String id, String model, long created, int[] tokens) {
        this.id = id;
        this.model = model;
        this.created = created;
        this.used = created;
        this.tokens = Optional.of(tokens);
        this.tokenCount = tokens.length;
    }

    /** What anybody may know of a session. */
    public record Description(String id, String model, long created, long used, int tokens, long stateBytes,
            boolean inMemory, boolean onDisk) {
    }
}

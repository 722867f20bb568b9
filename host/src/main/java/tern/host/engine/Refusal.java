package tern.host.engine;

/** Why a job was not carried out, or not to its end. The message is meant for whoever asked. */
public final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Kinds of refusals. */
    public enum Kind {
        /** The job can never be carried out as it is. */
        IMPOSSIBLE,
        /** Too many jobs wait; try again later. */
        BUSY,
        /** The server goes down. */
        CLOSING,
        /** The job took longer than it was allowed to. */
        TOO_SLOW,
        /** Something went wrong inside. */
        FAULT
    }

    private final Kind kind;
    private final int retryAfterSeconds;

    Refusal(Kind kind, String message) {
        this(kind, message, 0);
    }

    Refusal(Kind kind, String message, int retryAfterSeconds) {
        super(message);
        this.kind = kind;
        this.retryAfterSeconds = retryAfterSeconds;
    }

    /** What kind it is. */
    public Kind kind() {
        return kind;
    }

    /** When to try again; 0 if that would not help. */
    public int retryAfterSeconds() {
        return retryAfterSeconds;
    }
}

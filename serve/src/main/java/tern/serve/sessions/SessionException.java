package tern.serve.sessions;

/** Why a session cannot be used; the message is meant for whoever asked. */
public final class SessionException extends Exception {
    private static final long serialVersionUID = 1;

    /** Kinds of reasons. */
    public enum Kind {
        /** There is no such session. */
        UNKNOWN,
        /** It is in the middle of a turn. */
        BUSY,
        /** There is no room for more. */
        FULL,
        /** A state is damaged or belongs to another model. */
        UNFIT,
        /** A state could not be written. */
        UNWRITTEN
    }

    private final Kind kind;

    SessionException(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    /** What kind it is. */
    public Kind kind() {
        return kind;
    }
}

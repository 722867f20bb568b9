package tern.cli;

/**
 * Something the user can mend: the message names the thing, what was expected, what was found and what to do. Ends the
 * command with that one line and exit status 2.
 */
public final class UserError extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** A mistake that this command found itself. */
    public UserError(String message) {
        super(message);
    }

    /** A mistake that came up as an exception; {@code message} says it in the user's words. */
    public UserError(String message, Throwable cause) {
        super(message, cause);
    }
}

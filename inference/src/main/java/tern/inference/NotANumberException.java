package tern.inference;

import java.io.Serial;

/** A model gave NaN where a number was expected: its weights, or the state that it went on from, are damaged. */
public final class NotANumberException extends IllegalArgumentException {
    @Serial
    private static final long serialVersionUID = 1;

    /** @param message for the user: which number, and what to do */
    public NotANumberException(String message) {
        super(message);
    }
}

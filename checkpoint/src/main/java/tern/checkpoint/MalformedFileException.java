package tern.checkpoint;

import java.io.IOException;
import java.io.Serial;

import tern.checkpoint.mapped.Quoted;

/** A file is not what it should be; the message is one line that names the file and what is wrong. */
public final class MalformedFileException extends IOException {
    @Serial
    private static final long serialVersionUID = 1;

    /** Says what is wrong; what comes from the file is shown on one line. */
    public MalformedFileException(String message) {
        super(Quoted.oneLine(message));
    }

    /** {@link #MalformedFileException(String)} with what led to it. */
    public MalformedFileException(String message, Throwable cause) {
        super(Quoted.oneLine(message), cause);
    }
}

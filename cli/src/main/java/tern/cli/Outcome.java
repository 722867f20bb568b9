package tern.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/**
 * How a command that failed ends: its exit status and the one line that it says on standard error. Immutable.
 *
 * @param status 2 for what the user can mend, 130 for an interrupt, 1 for a fault of Tern's own
 * @param line without a line break
 */
record Outcome(int status, String line) {
    static final int OK = 0;
    static final int FAULT = 1;
    static final int USER_ERROR = 2;
    static final int INTERRUPTED = 130;

    /** What a failure means for the user. Every room reports bad input by the exceptions named here. */
    static Outcome of(Throwable failure) {
        return switch (failure) {
            case UserError error -> userError(messageOf(error));
            case OutOfMemoryError error -> userError("out of memory (" + messageOf(error)
                    + "); use a smaller batch, a shorter context or a smaller model, or, if it says heap space, more heap:"
                    + " TERN_JAVA_OPTS=-Xmx4g");
            case UncheckedIOException error when error.getCause() instanceof FileSystemException cause
                    && isBare(error) ->
                userError(describe(cause));
            case UncheckedIOException error -> userError(messageOf(error));
            case FileSystemException error -> userError(describe(error));
            case IOException error -> userError(messageOf(error));
            case IllegalArgumentException error -> userError(messageOf(error));
            case InterruptedException _ -> new Outcome(INTERRUPTED, "interrupted");
            default -> new Outcome(FAULT, oneLine("a fault in Tern: " + failure
                    + "; run again with --debug to see where, and report it"));
        };
    }

    private static Outcome userError(String message) {
        return new Outcome(USER_ERROR, oneLine(message));
    }

    /** True if nobody said more than the cause does. */
    private static boolean isBare(UncheckedIOException error) {
        String message = error.getMessage();
        return message == null || error.getCause() == null || message.equals(error.getCause().toString())
                || message.equals(error.getCause().getMessage());
    }

    /** The file system's exceptions hold a path and leave the verb to their class. */
    private static String describe(FileSystemException error) {
        String file = error.getFile() == null ? "a file" : error.getFile();
        String what = switch (error) {
            case NoSuchFileException _ -> "no such file or folder";
            case AccessDeniedException _ -> "permission denied";
            case FileAlreadyExistsException _ -> "is there already";
            case DirectoryNotEmptyException _ -> "the folder is not empty";
            case NotDirectoryException _ -> "is not a folder";
            default -> error.getReason() == null ? "cannot be read or written" : error.getReason();
        };
        return file + ": " + what;
    }

    private static String messageOf(Throwable error) {
        String message = error.getMessage();
        // Its message is a number of bytes.
        if (error instanceof CharacterCodingException) return "a text is not valid UTF-8";
        return message != null && !message.isBlank() ? message : error.getClass().getSimpleName();
    }

    private static String oneLine(String text) {
        return text.strip().replaceAll("\\s*\\R\\s*", "; ");
    }
}

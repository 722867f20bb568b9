package tern.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.nio.charset.StandardCharsets;

/**
 * Takes over standard error from the launcher. {@code ./tern} starts the JVM with standard error kept on another
 * descriptor (system property {@code tern.stderr}), because the JVM greets every run with a warning about the incubating
 * vector module that no user can act on.
 */
final class StandardStreams {
    private StandardStreams() {
    }

    /** Puts {@link System#err} where the launcher says; leaves it as it is where the launcher says nothing. */
    static void adopt() {
        Integer number = Integer.getInteger("tern.stderr");
        if (number == null) return;
        try {
            // The very descriptor, not /dev/fd/3: opening that again would lose the position in a file and fail on sockets.
            Constructor<FileDescriptor> constructor = FileDescriptor.class.getDeclaredConstructor(int.class);
            constructor.setAccessible(true);
            FileDescriptor descriptor = constructor.newInstance(number);
            System.setErr(new PrintStream(new FileOutputStream(descriptor), true, StandardCharsets.UTF_8));
        } catch (ReflectiveOperationException | RuntimeException e) {
            throw new IllegalStateException("standard error was kept on descriptor " + number
                    + " but cannot be taken over; start with --add-opens java.base/java.io=tern.cli", e);
        }
    }
}

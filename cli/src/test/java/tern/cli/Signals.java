package tern.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** How processes that tests start can be told to end. */
final class Signals {
    private static final int INTERRUPT = 0b10;

    private Signals() {
    }

    /** Whether Ctrl-C is ignored here, as shells start what runs in the background. Children inherit it, and Java then leaves it so. */
    static boolean interruptsAreIgnored() throws IOException {
        Path status = Path.of("/proc/self/status");
        return Files.exists(status) && Files.readAllLines(status).stream().filter(line -> line.startsWith("SigIgn:"))
                .anyMatch(line -> (Long.parseUnsignedLong(line.substring(7).strip(), 16) & INTERRUPT) != 0);
    }
}

package tern.text;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/** How much memory the machine, or the container that confines the process, can still give. */
final class AvailableMemory {
    private static final Path LINUX = Path.of("/proc/meminfo");
    private static final String LINUX_KEY = "MemAvailable:";

    private AvailableMemory() {
    }

    /** An estimate in bytes: what Linux calls available, elsewhere the whole memory. */
    static long bytes() {
        long all = ManagementFactory
                .getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean system
                        ? system.getTotalMemorySize()
                        : Long.MAX_VALUE;
        if (!Files.isReadable(LINUX)) {
            return all;
        }
        try {
            for (String line : Files.readAllLines(LINUX)) {
                if (line.startsWith(LINUX_KEY)) {
                    String kibibytes = line.substring(LINUX_KEY.length()).replace("kB", "").strip();
                    return Math.min(all, Long.parseLong(kibibytes) << 10);
                }
            }
            return all;
        } catch (IOException | NumberFormatException unknown) {
            return all;
        }
    }
}

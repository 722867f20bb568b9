package tern.cli;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

import com.sun.management.OperatingSystemMXBean;

/** What the operating system says of this machine. Every answer is read when asked. */
final class Machine {
    private Machine() {
    }

    /** Memory of the machine, whatever limit this process stands under. */
    static OptionalLong physicalMemory() {
        return meminfo("MemTotal");
    }

    /** Memory that can be had now without swapping. */
    static OptionalLong availableMemory() {
        return meminfo("MemAvailable");
    }

    /** Memory that this process may use: the container's limit if there is one, else all of it. */
    static long usableMemory() {
        return system().getTotalMemorySize();
    }

    /** The container's limit, if there is one below what the machine has. */
    static OptionalLong memoryLimit() {
        OptionalLong physical = physicalMemory();
        long usable = usableMemory();
        return physical.isPresent() && usable < physical.getAsLong() ? OptionalLong.of(usable) : OptionalLong.empty();
    }

    /** The processor's name. */
    static Optional<String> processor() {
        return lines(Path.of("/proc/cpuinfo")).stream()
                .filter(line -> line.startsWith("model name"))
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .findFirst();
    }

    /** How Linux hands out huge pages: always, madvise or never. */
    static Optional<String> hugePages() {
        return lines(Path.of("/sys/kernel/mm/transparent_hugepage/enabled")).stream()
                .filter(line -> line.indexOf('[') >= 0 && line.indexOf(']') > line.indexOf('['))
                .map(line -> line.substring(line.indexOf('[') + 1, line.indexOf(']')))
                .findFirst();
    }

    private static OperatingSystemMXBean system() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    }

    private static OptionalLong meminfo(String name) {
        return lines(Path.of("/proc/meminfo")).stream()
                .filter(line -> line.startsWith(name + ":"))
                .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("[^0-9]", "")))
                .findFirst();
    }

    /** The lines of a file of the system; none where the system has no such file. */
    private static List<String> lines(Path file) {
        try {
            return Files.isReadable(file) ? Files.readAllLines(file) : List.of();
        } catch (IOException e) {
            return List.of();
        }
    }
}

package tern.kernels.stored;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Brings memory into the caches: reads one byte of each cache line in a loop that does nothing else. A core then waits for
 * dozens of lines at once. Loops that decode wait for a few only, because their many instructions a line fill the window in
 * which the core looks for the next loads, and rows are too short for the memory's own prefetching. Stateless.
 *
 * <p>Measured on one core of an AMD EPYC (Zen 5), weights of 256 MiB, GB/s with and without: see {@code tern bench kernels}.
 */
final class Fetch {
    private static final int LINE = 64;

    private Fetch() {
    }

    /**
     * Reads a run of bytes.
     *
     * @return a number that depends on all of it, to be stored somewhere lest the compiler leave the reading out
     */
    static int lines(MemorySegment from, long at, long bytes) {
        int count = (int) (bytes / LINE), i = 0, a = 0, b = 0, c = 0, d = 0;
        for (; i <= count - 4; i += 4) {
            long line = at + (long) LINE * i;
            a += from.get(ValueLayout.JAVA_BYTE, line);
            b += from.get(ValueLayout.JAVA_BYTE, line + LINE);
            c += from.get(ValueLayout.JAVA_BYTE, line + 2 * LINE);
            d += from.get(ValueLayout.JAVA_BYTE, line + 3 * LINE);
        }
        for (; i < count; i++) {
            a += from.get(ValueLayout.JAVA_BYTE, at + (long) LINE * i);
        }
        return a + b + c + d;
    }
}

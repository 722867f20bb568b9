package tern.cli.load;

import java.util.Arrays;

/** Times, in nanoseconds, that many threads add to. Safe for use by several threads. */
final class Latencies {
    private long[] nanos = new long[1024];
    private int count;

    synchronized void add(long time) {
        if (count == nanos.length) {
            nanos = Arrays.copyOf(nanos, 2 * count);
        }
        nanos[count++] = time;
    }

    synchronized int count() {
        return count;
    }

    /** Milliseconds that this part of them did not exceed; 0 if there are none. */
    synchronized double millis(double part) {
        if (count == 0) {
            return 0;
        }
        long[] sorted = Arrays.copyOf(nanos, count);
        Arrays.sort(sorted);
        return sorted[(int) Math.min(count - 1L, Math.round(part * (count - 1)))] * 1e-6;
    }
}

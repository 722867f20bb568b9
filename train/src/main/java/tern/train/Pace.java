package tern.train;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.LongSupplier;

/** How fast a run goes. Confined to one thread. */
final class Pace {
    private static final double MEMORY = 0.9;
    private static final long LOOK_NANOS = 1_000_000_000L;
    private static final double LEAST_BETWEEN_REPORTS = 5;
    private static final double REPORT_PART = 0.02;
    private static final Path LINUX = Path.of("/proc/self/statm");

    private final LongSupplier nanos;
    private final long begun;
    private final double before;
    private final long tokensPerStep;
    private final LongSupplier nativeBytes;
    private double spentAtBegin = Double.NaN;
    private long lastStep;
    private double step;
    private long looked;
    private long bytes;
    private double reported = Double.NEGATIVE_INFINITY;

    /**
     * A pace from now on.
     *
     * @param before seconds of earlier sessions
     * @param nativeBytes what is known to be held outside the heap, for systems that do not tell what a process holds
     */
    Pace(LongSupplier nanos, double before, long tokensPerStep, LongSupplier nativeBytes) {
        this.nativeBytes = nativeBytes;
        this.nanos = nanos;
        this.before = before;
        this.tokensPerStep = tokensPerStep;
        this.begun = nanos.getAsLong();
        this.lastStep = begun;
        this.looked = begun - LOOK_NANOS;
    }

    /** Seconds spent on the run, earlier sessions included. */
    double seconds() {
        return before + (nanos.getAsLong() - begun) * 1e-9;
    }

    void stepMade() {
        long now = nanos.getAsLong();
        double took = (now - lastStep) * 1e-9;
        // The first step warms up the compiler and says little.
        step = step == 0 ? took : MEMORY * step + (1 - MEMORY) * Math.min(took, 2 * step);
        lastStep = now;
    }

    /** The time since the last step was spent on something else. */
    void resumed() {
        lastStep = nanos.getAsLong();
    }

    /** Of late; 0 before the first step. */
    double secondsPerStep() {
        return step;
    }

    double tokensPerSecond() {
        return step > 0 ? tokensPerStep / step : 0;
    }

    /** Expected, when this fraction of the budget is spent, from what this session has spent of it. */
    double secondsLeft(double spent) {
        double here = seconds() - before;
        if (Double.isNaN(spentAtBegin)) {
            spentAtBegin = spent;
            return Double.POSITIVE_INFINITY;
        }
        return spent > spentAtBegin ? Math.max(0, (1 - spent) / (spent - spentAtBegin) * here)
                : Double.POSITIVE_INFINITY;
    }

    /** True now and then: a report reads all that happened, so it is not made anew after every validation of a long run. */
    boolean reportDue() {
        double now = seconds();
        boolean due = now - reported >= Math.max(LEAST_BETWEEN_REPORTS, REPORT_PART * now);
        reported = due ? now : reported;
        return due;
    }

    /** Memory that the process holds, looked up once a second. */
    long memoryBytes() {
        long now = nanos.getAsLong();
        if (now - looked >= LOOK_NANOS) {
            looked = now;
            bytes = resident();
        }
        return bytes;
    }

    private long resident() {
        try {
            if (Files.isReadable(LINUX)) {
                return 4096 * Long.parseLong(Files.readString(LINUX).split(" ")[1]);
            }
        } catch (IOException unknown) {
            return known();
        }
        return known();
    }

    private long known() {
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getCommitted() + nativeBytes.getAsLong();
    }
}

package tern.train;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.function.LongSupplier;

import tern.kernels.ThreadTeam;

/**
 * Time that a run takes: of the processor where one thread does everything, so that what else the machine does counts as
 * little as it can; of the wall where several wait for each other, or where a platform does not tell.
 */
public final class RunClock {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    private RunClock() {
    }

    /** Nanoseconds, to be read by the thread that works with this team. */
    public static LongSupplier of(ThreadTeam team) {
        boolean alone = team.threads() == 1 && THREADS.isCurrentThreadCpuTimeSupported()
                && THREADS.isThreadCpuTimeEnabled();
        return alone ? THREADS::getCurrentThreadCpuTime : System::nanoTime;
    }
}

package tern.cli;

import picocli.CommandLine.Option;

/** How many threads a command uses. */
final class ThreadOptions {
    @Option(names = "--threads", defaultValue = "0", description = "Threads; 0 for all cores.")
    private int threads;

    /** Number of threads as asked for. */
    int count() {
        return count(threads);
    }

    /** A number of threads as it was asked for. */
    static int count(int threads) {
        if (threads < 0 || threads > 1024) {
            throw new UserError("--threads is " + threads + ", expected 1 to 1024, or 0 for all cores");
        }
        return threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
    }
}

package tern.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What {@code tern doctor} found. Immutable; as JSON the components' names are the keys. Rates are per second: 1 GB is
 * 10⁹ bytes, 1 GFLOP 10⁹ operations, a fused multiply–add counting as two.
 *
 * @param advice what to change, most useful first; empty if nothing
 */
record Diagnosis(String tern, Jdk jdk, Vectors vectors, Processor processor, Memory memory, Bandwidth bandwidth,
        Arithmetic arithmetic, List<String> advice) {

    /** The Java that runs this. */
    record Jdk(String version, String vendor, String vm, String home) {
    }

    /**
     * @param bits width of the preferred vectors
     * @param bodies "vector" or "reference": which kernels compute
     * @param whyNot why the vector bodies are not in use, and what changes that
     */
    record Vectors(int bits, int floatLanes, String bodies, boolean inUse, Optional<String> whyNot) {
    }

    /** @param cores that this process may use */
    record Processor(Optional<String> name, String architecture, int cores) {
    }

    /** Bytes; {@code limit} is a container's, {@code hugePages} Linux's transparent_hugepage setting. */
    record Memory(long heapMaximum, OptionalLong physical, OptionalLong available, OptionalLong limit,
            Optional<String> hugePages) {
    }

    /** Reading in order from memory. */
    record Bandwidth(double oneThreadGbPerS, int threads, double allThreadsGbPerS) {
    }

    /**
     * @param fmaPeakGflops of one core, on registers alone
     * @param gemmSize M = N = K of the product measured
     * @param gemmShareOfPeak matrix product on one thread relative to the peak
     */
    record Arithmetic(double fmaPeakGflops, int gemmSize, double gemmOneThreadGflops, double gemmShareOfPeak,
            int threads,
            double gemmAllThreadsGflops) {
    }

    /** For people: one line a fact. */
    String text() {
        List<String> lines = new ArrayList<>();
        line(lines, "tern", "%s", tern);
        line(lines, "JDK", "%s, %s, %s", jdk.version, jdk.vm, jdk.home);
        line(lines, "vectors", "%d bits, %d float lanes", vectors.bits, vectors.floatLanes);
        line(lines, "kernels", "%s bodies%s", vectors.bodies,
                vectors.inUse ? " in use" : ": the vector bodies are NOT in use");
        line(lines, "processor", "%s, %s, %d cores", processor.name.orElse("unknown"), processor.architecture,
                processor.cores);
        line(lines, "memory", "%s usable%s, heap up to %s%s", bytes(memory.limit.orElse(memory.physical.orElse(0))),
                memory.limit.isPresent() ? " (limited; the machine has " + bytes(memory.physical.orElse(0)) + ")" : "",
                bytes(memory.heapMaximum),
                memory.available.isPresent() ? ", " + bytes(memory.available.getAsLong()) + " free now" : "");
        line(lines, "huge pages", "%s", memory.hugePages.orElse("unknown"));
        line(lines, "bandwidth", "%.1f GB/s on 1 thread, %.1f GB/s on %d", bandwidth.oneThreadGbPerS,
                bandwidth.allThreadsGbPerS, bandwidth.threads);
        line(lines, "arithmetic", "%.0f GFLOP/s fused multiply-add peak of one core", arithmetic.fmaPeakGflops);
        line(lines, "GEMM " + arithmetic.gemmSize, "%.1f GFLOP/s on 1 thread (%.0f %% of the peak), %.1f GFLOP/s on %d",
                arithmetic.gemmOneThreadGflops, 100 * arithmetic.gemmShareOfPeak, arithmetic.gemmAllThreadsGflops,
                arithmetic.threads);
        for (String hint : advice) line(lines, "advice", "%s", hint);
        return String.join("\n", lines);
    }

    private static void line(List<String> lines, String name, String format, Object... values) {
        lines.add(String.format(Locale.ROOT, "%-12s", name) + String.format(Locale.ROOT, format, values));
    }

    private static String bytes(long bytes) {
        return bytes == 0 ? "unknown" : String.format(Locale.ROOT, "%.1f GiB", bytes / (double) (1L << 30));
    }
}

package tern.train;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * Bytes of memory that a training run takes. Immutable.
 *
 * @param parameters values of the model
 * @param gradients one for each trained value
 * @param moments two for each trained value
 * @param activations what a step computes and keeps for its backward pass; 0 if that was not asked
 * @param scratch what threads use while an operation runs
 * @param runtime the Java runtime itself
 */
public record MemoryNeed(long parameters, long gradients, long moments, long activations, long scratch,
        long runtime) {
    /** What the process of a model of 39 million parameters held beside its tensors; most of it is the compiler's. */
    private static final long RUNTIME = 320L << 20;
    private static final Path LINUX = Path.of("/proc/meminfo");

    /** What is needed whatever the batch: parameters, gradients and moments in F32. */
    static MemoryNeed without(long all, long trained) {
        return new MemoryNeed(4 * all, 4 * trained, 8 * trained, 0, 0, RUNTIME);
    }

    MemoryNeed withStep(Step step) {
        // Freed blocks of one size are not always of use for the next: about an eighth of what is held lies idle.
        return new MemoryNeed(parameters, gradients, moments, step.activations + step.activations / 8, step.scratch,
                runtime);
    }

    /**
     * Bytes that a step takes besides what does not depend on it.
     *
     * @param activations what it computes and keeps for its backward pass
     * @param scratch what threads use while an operation runs
     */
    record Step(long activations, long scratch) {
    }

    /** All of it. */
    public long total() {
        return parameters + gradients + moments + activations + scratch + runtime;
    }

    /**
     * Refuses a run that does not fit.
     *
     * @throws IllegalArgumentException naming what is needed and what there is
     */
    void requireAtMost(long available) {
        if (total() > available) {
            throw new IllegalArgumentException("training needs " + (isWhole() ? "" : "more than ") + mebibytes(total())
                    + " of memory (" + this + "), " + mebibytes(available)
                    + " are available; set a smaller batch or time, recompute=true, or choose a smaller model");
        }
    }

    /** What this machine, or the container that confines the process, can still give. */
    public static long available() {
        long all = ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class)
                .getTotalMemorySize();
        try {
            List<String> lines = Files.isReadable(LINUX) ? Files.readAllLines(LINUX) : List.of();
            return lines.stream().filter(line -> line.startsWith("MemAvailable:"))
                    .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("[^0-9]", "")))
                    .reduce(all, Math::min);
        } catch (IOException unknown) {
            return all;
        }
    }

    static String mebibytes(long bytes) {
        return String.format(Locale.ROOT, "%,d MiB", (bytes >> 20) + 1);
    }

    /** Whether the step is in it. */
    private boolean isWhole() {
        return activations > 0;
    }

    @Override
    public String toString() {
        return "parameters " + mebibytes(parameters) + ", gradients " + mebibytes(gradients) + ", moments "
                + mebibytes(moments) + (isWhole()
                        ? ", activations " + mebibytes(activations) + ", threads " + mebibytes(scratch)
                        : ", activations left out")
                + ", Java " + mebibytes(runtime);
    }
}

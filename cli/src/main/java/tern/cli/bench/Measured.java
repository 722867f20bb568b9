package tern.cli.bench;

import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What a kernel took: one line of {@code tern bench kernels --json}. Immutable.
 *
 * @param name of the kernel
 * @param shape of the call
 * @param threads of the team
 * @param medianSeconds of one call; likewise {@code minSeconds} and {@code maxSeconds}
 * @param rate work per second at the median, in {@code unit}
 * @param unit "GFLOP/s" or "GB/s"
 * @param fractionOfPeak rate relative to the measured limit of as many threads: multiply–adds on registers or memory read in
 *            order; above 1 where data stay in caches
 * @param ratioToPlain how many times faster than the plain body on one thread, on a reduced shape; empty if not compared
 * @param peer the other library measured in the same run, call by call in turn with the kernel; empty for none
 * @param peerSeconds median of one of its calls
 * @param ratioToPeer how many times faster than it the kernel is, at the medians
 */
public record Measured(String name, String shape, int threads, double medianSeconds, double minSeconds,
        double maxSeconds,
        double rate, String unit, double fractionOfPeak, OptionalDouble ratioToPlain, Optional<String> peer,
        OptionalDouble peerSeconds, OptionalDouble ratioToPeer) {
}

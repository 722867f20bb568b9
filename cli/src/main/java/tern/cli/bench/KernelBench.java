package tern.cli.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import java.util.function.Supplier;

import tern.cli.bench.peer.Peer;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.kernels.machine.MachineProbe;
import tern.tensor.Memory;

/**
 * Measures kernels: the median of many calls, against the limits of the machine, measured in the same run, and against the
 * plain bodies. Confined to one thread.
 */
public final class KernelBench {
    /** Each family of kernels lists its cases. */
    private static final List<Supplier<List<KernelCase.Compared>>> FAMILIES = List.of(MatmulCases::all,
            StoredCases::all, TrainingCases::all, ConvolutionCases::all, RowCases::all);

    private static final long PROBE_MILLIS = 300;
    private static final long PROBE_BYTES = 256L << 20;
    private static final long SHORTEST_SAMPLE_NANOS = 100_000;
    private static final long LONGEST_WARM_UP_NANOS = 20_000_000_000L;
    /** A large kernel may run at a tenth of its speed for most of a second before the compiler is done with it. */
    private static final long PLATEAU_NANOS = 1_000_000_000L;
    /** The plateau is no longer than so many times what is asked of the warm-up: whoever asks for next to nothing wants a look. */
    private static final int PLATEAU_OF_WARM_UP = 40;
    /** Calls that must not have become faster either: a kernel that is not compiled yet fills the plateau with very few. */
    private static final int PLATEAU_CALLS = 20;
    private static final int FEWEST_SAMPLES = 5;
    private static final int MOST_SAMPLES = 2_000;

    private final KernelSet kernels;
    private final long nanosPerCase;
    private final List<Peer> peers;
    private final Map<Integer, Limits> limits = new HashMap<>();
    private final Map<KernelCase, Double> ratios = new HashMap<>();

    /** What as many threads of this machine can do at most. */
    private record Limits(double gflops, double gigabytes) {
    }

    /**
     * A bench of these kernels.
     *
     * @param seconds how long to measure each case on each number of threads, after a warm-up
     */
    public KernelBench(KernelSet kernels, double seconds) {
        this(kernels, seconds, List.of());
    }

    /**
     * A bench of these kernels that also measures other libraries.
     *
     * @param seconds how long to measure each case on each number of threads, after a warm-up; as long again for a peer
     * @param peers of which the first that does the work of a case is measured, call by call in turn with the kernel
     */
    public KernelBench(KernelSet kernels, double seconds, List<Peer> peers) {
        this.kernels = kernels;
        this.nanosPerCase = (long) (1e9 * seconds);
        this.peers = List.copyOf(peers);
    }

    /** All cases whose name and shape contain the text. */
    public static List<KernelCase.Compared> cases(String filter) {
        return FAMILIES.stream().flatMap(family -> family.get().stream())
                .filter(compared -> (compared.full().name() + " " + compared.full().shape()).contains(filter)).toList();
    }

    /** Names of the kernels measured. */
    public static List<String> names() {
        return cases("").stream().map(compared -> compared.full().name()).distinct().toList();
    }

    /**
     * Measures each case on each number of threads.
     *
     * @param each is told every result as soon as it is there
     */
    public List<Measured> run(List<KernelCase.Compared> cases, List<Integer> threads, Consumer<Measured> each) {
        List<Measured> results = new ArrayList<>();
        for (KernelCase.Compared compared : cases) {
            for (int count : threads) {
                Measured measured = measure(compared, count);
                results.add(measured);
                each.accept(measured);
            }
        }
        return results;
    }

    private Measured measure(KernelCase.Compared compared, int threads) {
        KernelCase full = compared.full();
        Samples samples = sample(kernels, full, threads, nanosPerCase, peers);
        double[] seconds = samples.own;
        double median = seconds[seconds.length / 2], rate = full.work() / median / 1e9;
        Limits most = limits.computeIfAbsent(threads, KernelBench::probe);
        double limit = switch (full.unit()) {
            case GFLOP_PER_S -> most.gflops;
            case GB_PER_S -> most.gigabytes;
        };
        OptionalDouble ratio = kernels == KernelSet.reference() ? OptionalDouble.empty()
                : OptionalDouble.of(ratios.computeIfAbsent(compared.reduced(), this::ratioToPlain));
        return new Measured(full.name(), full.shape(), threads, median, seconds[0], seconds[seconds.length - 1], rate,
                full.unit().toString(), rate / limit, ratio, samples.peer.map(Peer::name), samples.peerMedian(),
                samples.peerMedian().isPresent() ? OptionalDouble.of(samples.peerMedian().getAsDouble() / median)
                        : OptionalDouble.empty());
    }

    private static Limits probe(int threads) {
        return new Limits(MachineProbe.fmaPeak(threads, PROBE_MILLIS) / 1e9,
                MachineProbe.readBandwidth(threads, PROBE_MILLIS, PROBE_BYTES) / 1e9);
    }

    private double ratioToPlain(KernelCase reduced) {
        double[] vector = sample(kernels, reduced, 1, nanosPerCase / 2, List.of()).own;
        double[] plain = sample(KernelSet.reference(), reduced, 1, nanosPerCase / 2, List.of()).own;
        return plain[plain.length / 2] / vector[vector.length / 2];
    }

    /**
     * Seconds of single calls, in ascending order.
     *
     * @param others likewise of the peer's calls; none without a peer
     */
    private record Samples(double[] own, Optional<Peer> peer, double[] others) {

        OptionalDouble peerMedian() {
            return others.length == 0 ? OptionalDouble.empty() : OptionalDouble.of(others[others.length / 2]);
        }
    }

    /** A peer and its call. */
    private record Rival(Peer peer, Runnable call) {
    }

    /** Seconds of single calls, in ascending order. */
    static double[] seconds(KernelSet kernels, KernelCase one, int threads, long nanos) {
        return sample(kernels, one, threads, nanos, List.of()).own;
    }

    /** Short calls are timed several at a time; kernel and peer take turns, so that a disturbance falls on both. */
    private static Samples sample(KernelSet kernels, KernelCase one, int threads, long nanos, List<Peer> peers) {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(threads)) {
            Runnable call = one.call().prepare(kernels, team, memory);
            Optional<Rival> rival = one.twin().flatMap(twin -> peers.stream().flatMap(
                    peer -> peer.prepare(twin, team, memory).map(run -> new Rival(peer, run)).stream()).findFirst());
            long shortest = warmUp(call, nanos / 2);
            rival.ifPresent(other -> warmUp(other.call, nanos / 2));
            int together = Math.clamp(SHORTEST_SAMPLE_NANOS / Math.max(1, shortest), 1, 1000);
            double[] seconds = new double[MOST_SAMPLES], others = new double[rival.isPresent() ? MOST_SAMPLES : 0];
            long most = rival.isPresent() ? 2 * nanos : nanos, begin = System.nanoTime();
            int samples = 0;
            while (samples < FEWEST_SAMPLES || samples < MOST_SAMPLES && System.nanoTime() - begin < most) {
                seconds[samples] = time(call, together, rival.isPresent());
                if (rival.isPresent()) {
                    others[samples] = time(rival.get().call, together, true);
                }
                samples++;
            }
            return new Samples(sorted(seconds, samples), rival.map(Rival::peer),
                    sorted(others, Math.min(samples, others.length)));
        }
    }

    /** @param again whether to run it once before, so that the threads and caches are its own */
    private static double time(Runnable call, int together, boolean again) {
        if (again) {
            call.run();
        }
        long before = System.nanoTime();
        for (int i = 0; i < together; i++) {
            call.run();
        }
        return (System.nanoTime() - before) / 1e9 / together;
    }

    private static double[] sorted(double[] values, int count) {
        double[] sorted = Arrays.copyOf(values, count);
        Arrays.sort(sorted);
        return sorted;
    }

    /** Runs until calls have not become faster for a while, which is when the compilers are done; returns the shortest time. */
    private static long warmUp(Runnable call, long nanos) {
        long begin = System.nanoTime(), last = begin, fasterAt = begin, shortest = Long.MAX_VALUE;
        long plateau = Math.max(nanos, Math.min(PLATEAU_NANOS, PLATEAU_OF_WARM_UP * nanos));
        int since = 0;
        while ((since < PLATEAU_CALLS || last - fasterAt < plateau)
                && last - begin < LONGEST_WARM_UP_NANOS) {
            call.run();
            long now = System.nanoTime();
            since++;
            if (now - last < shortest * 0.9) {
                fasterAt = now;
                since = 0;
            }
            shortest = Math.min(shortest, now - last);
            last = now;
        }
        return shortest;
    }

    /** The results as a table for people. */
    public static String table(List<Measured> results) {
        StringBuilder table = new StringBuilder();
        table.append(
                "%-26s %-28s %7s %12s %12s %12s %9s %-8s %8s %9s %9s%n".formatted("kernel", "shape", "threads",
                        "median",
                        "min", "max", "rate", "", "of peak", "to plain", "to peer"));
        for (Measured one : results) {
            table.append("%-26s %-28s %7d %9.1f µs %9.1f µs %9.1f µs %9.1f %-8s %7.0f%% %9s %9s%n".formatted(one.name(),
                    one.shape(), one.threads(), 1e6 * one.medianSeconds(), 1e6 * one.minSeconds(),
                    1e6 * one.maxSeconds(),
                    one.rate(), one.unit(), 100 * one.fractionOfPeak(),
                    one.ratioToPlain().isPresent() ? "%.0f×".formatted(one.ratioToPlain().getAsDouble()) : "–",
                    one.ratioToPeer().isPresent() ? "%.2f×".formatted(one.ratioToPeer().getAsDouble()) : "–"));
        }
        return table.toString();
    }
}

package tern.cli.bench;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.Consumer;

import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.kernels.matmul.Gemm;
import tern.kernels.recurrence.ReferenceStateScan;
import tern.kernels.recurrence.ScanInputs;
import tern.kernels.recurrence.StateScan;
import tern.kernels.recurrence.VectorStateScan;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Measures recurrences over matrices in chunks against position by position, the plain bodies, and a matrix product of the
 * same run. Needs the vector bodies. Confined to one thread.
 */
public final class RecurrenceBench {
    private static final int PLAIN_TIME = 32;
    private static final int SIDE = 1024;

    private final int heads;
    private final int width;
    private final long nanos;
    private final Map<List<Object>, Double> plain = new HashMap<>();

    /** The three recurrences, two of them also with one decay a head. */
    public enum Rule {
        /** {@code Ops.gatedScan}. */
        GATED("gated"),
        /** {@code Ops.gatedScan} with one decay a head, as Mamba-2, RetNet and mLSTM have it. */
        SCALAR("scalar"),
        /** {@code Ops.bonusScan}. */
        BONUS("bonus"),
        /** {@code Ops.rankOneScan}. */
        RANK_ONE("rank one"),
        /** {@code Ops.rankOneScan} with one decay a head and rewrites that are the keys, as the gated delta rule has it. */
        DELTA("delta");

        private final String text;

        /** Whether the transition has a rank-one term. */
        boolean hasRankOne() {
            return this == RANK_ONE || this == DELTA;
        }

        Rule(String text) {
            this.text = text;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    /**
     * A bench of one sequence.
     *
     * @param width of a head's keys and values
     * @param seconds how long to measure each form of each case, after a warm-up
     */
    public RecurrenceBench(int heads, int width, double seconds) {
        this.heads = heads;
        this.width = width;
        this.nanos = (long) (1e9 * seconds);
    }

    /**
     * Measures each recurrence, forward and backward, on each time and number of threads.
     *
     * @param each is told every result as soon as it is there
     */
    public List<RecurrenceMeasured> run(List<Rule> rules, List<Integer> times, List<Integer> threads,
            Consumer<RecurrenceMeasured> each) {
        List<RecurrenceMeasured> results = new ArrayList<>();
        for (Rule rule : rules) {
            for (int time : times) {
                for (int count : threads) {
                    for (boolean backward : new boolean[] {false, true}) {
                        RecurrenceMeasured measured = measure(rule, time, count, backward);
                        results.add(measured);
                        each.accept(measured);
                    }
                }
            }
        }
        return results;
    }

    private RecurrenceMeasured measure(Rule rule, int time, int threads, boolean backward) {
        double sgemm = 2.0 * SIDE * SIDE * SIDE / median(product(), threads) / 1e9;
        double chunk = median(scan(rule, time, backward, new VectorStateScan(1)), threads);
        double again = 2.0 * SIDE * SIDE * SIDE / median(product(), threads) / 1e9;
        OptionalDouble step = backward ? OptionalDouble.empty()
                : OptionalDouble.of(median(scan(rule, time, false, new VectorStateScan(Integer.MAX_VALUE)), threads));
        int plainTime = Math.min(time, PLAIN_TIME);
        double plainSeconds = plain.computeIfAbsent(List.of(rule, backward, threads, plainTime),
                ignored -> median(scan(rule, plainTime, backward, new ReferenceStateScan()), threads)) * time
                / plainTime;
        double best = Math.max(sgemm, again);
        double rate = flops(rule, backward) * time * heads / chunk / 1e9;
        boolean chunks = backward || VectorStateScan.goesInChunks(time, width, width, rule == Rule.RANK_ONE);
        return new RecurrenceMeasured(rule.toString(), backward ? "backward" : "forward", time, heads, width, threads,
                chunk, step, plainSeconds, plainTime, rate, best, rate / best,
                step.isPresent() ? OptionalDouble.of(step.getAsDouble() / chunk) : OptionalDouble.empty(),
                plainSeconds / chunk, chunks ? "chunk" : "step");
    }

    /**
     * Floating-point operations of the chunk form for one position of a head, a multiply–add counting as two: the products it
     * makes, whole squares of pairs included. Not counted are exponentials, decays of single numbers, and states that the
     * backward pass of long sequences computes a second time.
     */
    double flops(Rule rule, boolean backward) {
        double state = (double) width * width;
        double pairs = (double) VectorStateScan.CHUNK * width;
        if (rule == Rule.DELTA) {
            return backward ? 18 * state + 23 * pairs : 6 * state + 7 * pairs;
        }
        if (rule.hasRankOne()) {
            return backward ? 24 * state + 49 * pairs : 8 * state + 15 * pairs;
        }
        return backward ? 10 * state + 10 * pairs : 4 * state + 4 * pairs;
    }

    private double median(KernelCase one, int threads) {
        double[] seconds = KernelBench.seconds(KernelSet.fastest(), one, threads, nanos);
        return seconds[seconds.length / 2];
    }

    private static KernelCase product() {
        return new KernelCase("sgemm NT", "1024", KernelCase.Unit.GFLOP_PER_S, 0, (kernels, team, memory) -> {
            Tensor a = MatmulCases.gaussian(memory, SIDE, SIDE);
            Tensor b = MatmulCases.gaussian(memory, SIDE, SIDE);
            Tensor c = memory.zeros(DType.F32, SIDE, SIDE);
            return () -> Gemm.multiply(team, SIDE, SIDE, SIDE, a.data(), 0, SIDE, false, b.data(), 0, SIDE, true,
                    c.data(), 0, SIDE, 1, 0);
        });
    }

    private KernelCase scan(Rule rule, int time, boolean backward, StateScan scan) {
        return new KernelCase(rule.toString(), String.valueOf(time), KernelCase.Unit.GFLOP_PER_S, 0,
                (kernels, team, memory) -> call(rule, time, backward, scan, team, memory));
    }

    private Runnable call(Rule rule, int time, boolean backward, StateScan scan, ThreadTeam team, Memory memory) {
        ScanInputs in = inputs(rule, time, memory);
        Tensor state = memory.zeros(DType.F32, 1, heads, width, width);
        Tensor next = memory.zeros(DType.F32, 1, heads, width, width);
        if (!backward) {
            Tensor y = memory.zeros(DType.F32, 1, time, heads, width);
            return () -> scan.forward(team, in, state, y, next);
        }
        Tensor dy = MatmulCases.gaussian(memory, 1, time, heads, width);
        Tensor dState = memory.zeros(DType.F32, 1, heads, width, width);
        ScanInputs gradients = in.blank(memory);
        gradients.bonus().fill(0);
        return () -> scan.backward(team, in, state, dy, next, gradients, dState);
    }

    // Decays as models have them: ln(−g) is normal around −1; probes of length 1, half of what they find rewritten.
    private ScanInputs inputs(Rule rule, int time, Memory memory) {
        Tensor query = MatmulCases.gaussian(memory, 1, time, heads, width);
        Tensor key = memory.copyOf(query);
        Tensor value = memory.copyOf(query);
        Tensor logDecay = rule == Rule.SCALAR || rule == Rule.DELTA ? MatmulCases.gaussian(memory, 1, time, heads, 1)
                : memory.copyOf(query);
        for (long i = 0; i < logDecay.elements(); i++) {
            logDecay.set(i, -Math.exp(1.5 * logDecay.get(i) - 1));
        }
        return switch (rule) {
            case GATED, SCALAR -> ScanInputs.gated(query, key, value, logDecay);
            case BONUS -> ScanInputs.bonus(query, key, value, logDecay, MatmulCases.gaussian(memory, heads, width));
            case RANK_ONE -> ScanInputs.rankOne(query, key, value, logDecay, directions(query, -1, memory),
                    directions(query, 0.5, memory));
            case DELTA -> {
                Tensor direction = directions(query, 1, memory);
                yield ScanInputs.rankOne(query, direction, value, logDecay, directions(query, -0.5, memory), direction);
            }
        };
    }

    // Rows of this length that point where x does.
    private Tensor directions(Tensor x, double length, Memory memory) {
        Tensor directions = memory.allocate(DType.F32, x.shape());
        for (long row = 0; row < x.elements() / width; row++) {
            double squares = 1e-12;
            for (int i = 0; i < width; i++) {
                squares += x.get(row * width + i) * x.get(row * width + i);
            }
            for (int i = 0; i < width; i++) {
                directions.set(row * width + i, length * x.get(row * width + i) / Math.sqrt(squares));
            }
        }
        return directions;
    }

    /** The results as a table for people. */
    public static String table(List<RecurrenceMeasured> results) {
        StringBuilder table = new StringBuilder("%-10s %-9s %7s %7s %12s %12s %12s %9s %9s %8s %7s%n".formatted(
                "recurrence", "pass", "time", "threads", "chunk", "step", "plain", "GFLOP/s", "of sgemm", "to plain",
                "chosen"));
        for (RecurrenceMeasured one : results) {
            String step = one.stepSeconds().isPresent() ? "%.3f ms".formatted(1e3 * one.stepSeconds().getAsDouble())
                    : "–";
            table.append("%-10s %-9s %7d %7d %9.3f ms %12s %9.0f ms %9.1f %8.0f%% %7.0f× %7s%n".formatted(
                    one.recurrence(), one.pass(), one.time(), one.threads(), 1e3 * one.chunkSeconds(), step,
                    1e3 * one.plainSeconds(), one.chunkGflops(), 100 * one.ofSgemm(), one.plainToChunk(),
                    one.chosen()));
        }
        return table.toString();
    }
}

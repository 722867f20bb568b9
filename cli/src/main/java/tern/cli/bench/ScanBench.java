package tern.cli.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.kernels.cells.UnitScan;
import tern.kernels.machine.MachineProbe;
import tern.kernels.memory.MemoryScan;
import tern.ops.Activation;
import tern.ops.Selection;
import tern.ops.UnitCell;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;

/**
 * Measures the affine scan, Mamba's selective scan, Titans' memory and ParaRNN's cells of one sequence against the plain bodies, the machine's memory
 * and its exponentials. Needs the vector bodies. Confined to one thread.
 */
public final class ScanBench {
    private static final int PLAIN_TIME = 32;
    private static final long PROBE_MILLIS = 200;
    private static final long PROBE_BYTES = 1L << 28;
    private static final int EXPONENTIALS = 8192;
    private static final int HEAD = 64;
    private static final int MEMORY_CHUNK = 16;
    private static final int MOST_ITERATIONS = 50;
    private static final double AS_ROUNDING_ALLOWS = 1e-6;
    private static final boolean[] FORWARD = {false};
    private static final boolean[] BOTH = {false, true};

    private final int width;
    private final int states;
    private final long nanos;

    /** What is measured. */
    public enum Scan {
        /** {@code Ops.affineScan}, a factor for every position. */
        AFFINE("affine"),
        /** {@code Ops.selectiveScan}. */
        SELECTIVE("selective"),
        /** {@code Ops.memoryScan}, heads of 64, gradients taken every 16 positions. */
        MEMORY("memory"),
        /** The same position by position, as a step of decoding goes. */
        MEMORY_STEPS("memory-steps"),
        /** {@code Ops.unitScan}, position by position; forward only. */
        PARA_GRU("para-gru"),
        /** {@code Ops.unitNewton}: the same for all positions at once; forward only. */
        PARA_GRU_NEWTON("para-gru-newton"),
        /** {@code Ops.unitScan}, position by position; forward only. */
        PARA_LSTM("para-lstm"),
        /** {@code Ops.unitNewton}: the same for all positions at once; forward only. */
        PARA_LSTM_NEWTON("para-lstm-newton");

        private final String text;

        Scan(String text) {
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
     * @param width channels
     * @param states of a channel in the selective scan
     * @param seconds how long to measure each case, after a warm-up
     */
    public ScanBench(int width, int states, double seconds) {
        this.width = width;
        this.states = states;
        this.nanos = (long) (1e9 * seconds);
    }

    /**
     * Measures each scan, forward and backward, on each time and number of threads.
     *
     * @param each is told every result as soon as it is there
     */
    public List<ScanMeasured> run(List<Scan> scans, List<Integer> times, List<Integer> threads,
            Consumer<ScanMeasured> each) {
        List<ScanMeasured> results = new ArrayList<>();
        for (int count : threads) {
            double bandwidth = MachineProbe.readBandwidth(count, PROBE_MILLIS, PROBE_BYTES) * 1e-9;
            double exponentials = count * EXPONENTIALS * 1e-9 / median(KernelSet.fastest(), exponentials(), 1);
            for (Scan scan : scans) {
                for (int time : times) {
                    for (boolean backward : isUnits(scan) ? FORWARD : BOTH) {
                        ScanMeasured measured = measure(scan, time, count, backward, bandwidth, exponentials);
                        results.add(measured);
                        each.accept(measured);
                    }
                }
            }
        }
        return results;
    }

    private ScanMeasured measure(Scan scan, int time, int threads, boolean backward, double bandwidth,
            double exponentials) {
        double seconds = median(KernelSet.fastest(), scan(scan, time, backward), threads);
        int plainTime = Math.min(time, PLAIN_TIME);
        double plain = median(KernelSet.reference(), scan(scan, plainTime, backward), threads) * time / plainTime;
        boolean selects = scan == Scan.SELECTIVE;
        int own = switch (scan) {
            case SELECTIVE -> states;
            case AFFINE -> 1;
            case MEMORY, MEMORY_STEPS -> head();
            case PARA_GRU, PARA_GRU_NEWTON, PARA_LSTM, PARA_LSTM_NEWTON -> cell(scan).states();
        };
        double moved = 4e-9 * time * (numbers(scan, backward) * (double) width
                + (selects ? (backward ? 4.0 : 2.0) * states : 0)) / seconds;
        double taken = selects ? (backward ? 2e-9 : 1e-9) * time * width * states / seconds : 0;
        Solving solving = isNewton(scan) ? solving(scan, time, threads) : new Solving(0, 0, 0);
        return new ScanMeasured(scan.toString(), backward ? "backward" : "forward", time, width, own, threads, seconds,
                plain, plainTime, plain / seconds, moved, bandwidth, moved / bandwidth, taken, exponentials,
                taken / exponentials, solving.iterations, solving.residual, solving.fromSteps);
    }

    private static boolean isNewton(Scan scan) {
        return scan == Scan.PARA_GRU_NEWTON || scan == Scan.PARA_LSTM_NEWTON;
    }

    private static boolean isUnits(Scan scan) {
        return scan == Scan.PARA_GRU || scan == Scan.PARA_LSTM || isNewton(scan);
    }

    private static UnitCell cell(Scan scan) {
        return scan == Scan.PARA_GRU || scan == Scan.PARA_GRU_NEWTON ? UnitCell.PARA_GRU : UnitCell.PARA_LSTM;
    }

    /** How Newton's method went, and how far what it gave lies from stepping at most. */
    private record Solving(int iterations, double residual, double fromSteps) {
    }

    private Solving solving(Scan scan, int time, int threads) {
        try (ThreadTeam team = new ThreadTeam(threads); Memory memory = new Memory()) {
            Units in = units(cell(scan), time, memory);
            Tensor y = memory.copyOf(in.y);
            UnitScan body = KernelSet.fastest().unitScan();
            UnitScan.Convergence went = body.newton(team, cell(scan), in.x, in.weight, in.state, MOST_ITERATIONS,
                    AS_ROUNDING_ALLOWS, y, in.next);
            body.forward(team, cell(scan), in.x, in.weight, in.state, in.y, in.next);
            double most = 0;
            for (long i = 0; i < y.elements(); i++) {
                most = Math.max(most, Math.abs(y.get(i) - in.y.get(i)));
            }
            return new Solving(went.iterations(), went.residual(), most);
        }
    }

    private record Units(Tensor x, Tensor weight, Tensor state, Tensor y, Tensor next) {
    }

    /** Weights up to 0.5, as they start. */
    private Units units(UnitCell cell, int time, Memory memory) {
        Tensor weight = MatmulCases.gaussian(memory, cell.weights(), width);
        for (long i = 0; i < weight.elements(); i++) {
            weight.set(i, 0.5 * Math.tanh(weight.get(i)));
        }
        return new Units(MatmulCases.gaussian(memory, 1, time, cell.gates(), width), weight,
                memory.zeros(DType.F32, 1, cell.states(), width), memory.zeros(DType.F32, 1, time, width),
                memory.zeros(DType.F32, 1, cell.states(), width));
    }

    private Runnable cells(Scan scan, int time, KernelSet kernels, ThreadTeam team, Memory memory) {
        UnitCell cell = cell(scan);
        Units in = units(cell, time, memory);
        UnitScan body = kernels.unitScan();
        return isNewton(scan)
                ? () -> body.newton(team, cell, in.x, in.weight, in.state, MOST_ITERATIONS, AS_ROUNDING_ALLOWS, in.y,
                        in.next)
                : () -> body.forward(team, cell, in.x, in.weight, in.state, in.y, in.next);
    }

    /** Numbers of a channel and position that come from memory or go there. */
    private static int numbers(Scan scan, boolean backward) {
        return switch (scan) {
            case AFFINE -> backward ? 6 : 3;
            case SELECTIVE -> backward ? 5 : 3;
            case MEMORY, MEMORY_STEPS -> backward ? 7 : 4;
            case PARA_GRU, PARA_GRU_NEWTON, PARA_LSTM, PARA_LSTM_NEWTON -> cell(scan).gates() + 1;
        };
    }

    private double median(KernelSet kernels, KernelCase one, int threads) {
        double[] seconds = KernelBench.seconds(kernels, one, threads, nanos);
        return seconds[seconds.length / 2];
    }

    private static KernelCase exponentials() {
        return new KernelCase("exponentials", "8192", KernelCase.Unit.GFLOP_PER_S, 0, (kernels, team, memory) -> {
            Tensor x = MatmulCases.gaussian(memory, EXPONENTIALS);
            Tensor y = memory.zeros(DType.F32, EXPONENTIALS);
            return () -> kernels.elementwise().activate(team, x, Activation.EXP, y);
        });
    }

    private KernelCase scan(Scan scan, int time, boolean backward) {
        return new KernelCase(scan.toString(), String.valueOf(time), KernelCase.Unit.GFLOP_PER_S, 0,
                (kernels, team, memory) -> switch (scan) {
                    case AFFINE -> affine(time, backward, kernels, team, memory);
                    case SELECTIVE -> selective(time, backward, kernels, team, memory);
                    case MEMORY -> learning(time, backward, kernels.memoryScan(), team, memory);
                    // The plain body knows no other way than by steps.
                    case MEMORY_STEPS -> learning(time, backward, kernels == KernelSet.fastest()
                            ? KernelSet.steady().memoryScan() : kernels.memoryScan(), team, memory);
                    case PARA_GRU, PARA_GRU_NEWTON, PARA_LSTM, PARA_LSTM_NEWTON -> cells(scan, time, kernels, team,
                            memory);
                });
    }

    private Runnable learning(int time, boolean backward, MemoryScan body, ThreadTeam team, Memory memory) {
        int heads = width / head();
        Tensor state = memory.zeros(DType.F32, 1, heads, 3, head(), head());
        Tensor y = memory.zeros(DType.F32, 1, time, heads, head());
        MemoryScan.Inputs in = memories(time, heads, memory);
        if (!backward) {
            Tensor next = memory.zeros(DType.F32, 1, heads, 3, head(), head());
            return () -> body.forward(team, in, state, y, next);
        }
        Tensor dy = MatmulCases.gaussian(memory, 1, time, heads, head());
        Tensor dState = memory.copyOf(state);
        MemoryScan.Inputs found = memories(time, heads, memory);
        return () -> body.backward(team, in, state, dy, state, found, dState);
    }

    private MemoryScan.Inputs memories(int time, int heads, Memory memory) {
        Tensor key = MatmulCases.gaussian(memory, 1, time, heads, head());
        for (long i = 0; i < key.elements(); i++) {
            key.set(i, key.get(i) / Math.sqrt(head()));
        }
        return new MemoryScan.Inputs(MatmulCases.gaussian(memory, 1, time, heads, head()), key,
                MatmulCases.gaussian(memory, 1, time, heads, head()), gate(0.1, time, heads, memory),
                gate(0.5, time, heads, memory), gate(0.99, time, heads, memory), MEMORY_CHUNK, new long[1]);
    }

    /** Channels of a head of the memory, which should divide the width. */
    private int head() {
        return Math.min(HEAD, width);
    }

    private static Tensor gate(double value, int time, int heads, Memory memory) {
        return memory.zeros(DType.F32, 1, time, heads, 1).fill(value);
    }

    private Runnable affine(int time, boolean backward, KernelSet kernels, ThreadTeam team, Memory memory) {
        Tensor x = MatmulCases.gaussian(memory, 1, time, width);
        Tensor decay = factors(memory, 1, time, width);
        Tensor none = memory.zeros(DType.F32, 1, time, 0);
        Tensor state = memory.zeros(DType.F32, 1, 1, width);
        Tensor next = memory.zeros(DType.F32, 1, 1, width);
        Tensor y = memory.zeros(DType.F32, 1, time, width);
        if (!backward) {
            return () -> kernels.affineScan().forward(team, decay, none, x, state, y, next);
        }
        Tensor dx = memory.zeros(DType.F32, 1, time, width);
        Tensor dDecay = memory.zeros(DType.F32, 1, time, width);
        Tensor dState = memory.zeros(DType.F32, 1, 1, width);
        return () -> kernels.affineScan().backward(team, decay, none, state, y, x, next, dDecay, none, dx, dState);
    }

    private Runnable selective(int time, boolean backward, KernelSet kernels, ThreadTeam team, Memory memory) {
        Tensor rate = memory.zeros(DType.F32, states, width);
        for (long i = 0; i < rate.elements(); i++) {
            rate.set(i, -1 - i / width);
        }
        Selection in = new Selection(MatmulCases.gaussian(memory, 1, time, width), factors(memory, 1, time, width),
                rate, MatmulCases.gaussian(memory, 1, time, states), MatmulCases.gaussian(memory, 1, time, states),
                MatmulCases.gaussian(memory, width));
        Tensor state = memory.zeros(DType.F32, 1, states, width);
        Tensor next = memory.zeros(DType.F32, 1, states, width);
        Tensor y = MatmulCases.gaussian(memory, 1, time, width);
        if (!backward) {
            return () -> kernels.selectiveScan().forward(team, in, state, y, next);
        }
        Selection found = new Selection(memory.copyOf(in.x()), memory.copyOf(in.step()), memory.copyOf(in.rate()),
                memory.copyOf(in.write()), memory.copyOf(in.read()), memory.copyOf(in.skip()));
        Tensor dState = memory.zeros(DType.F32, 1, states, width);
        return () -> kernels.selectiveScan().backward(team, in, state, y, next, found, dState);
    }

    /** Between 0.001 and 0.1, evenly in their logarithm, as Mamba's steps begin. */
    private static Tensor factors(Memory memory, int... lengths) {
        Tensor factors = MatmulCases.gaussian(memory, lengths);
        for (long i = 0; i < factors.elements(); i++) {
            factors.set(i, 1e-3 * Math.pow(100, 0.5 + 0.5 * Math.tanh(factors.get(i))));
        }
        return factors;
    }

    /** The results as a table for people. */
    public static String table(List<ScanMeasured> results) {
        StringBuilder table = new StringBuilder(
                "%-16s %-9s %7s %7s %7s %12s %9s %9s %13s %15s %s%n".formatted("scan", "pass",
                        "time", "width", "threads", "seconds", "to plain", "GB/s", "of bandwidth", "of exponentials",
                        "iterations, residual, from steps"));
        for (ScanMeasured one : results) {
            table.append("%-16s %-9s %7d %7d %7d %9.3f ms %8.0f× %9.1f %12.0f%% %15s %s%n".formatted(one.scan(),
                    one.pass(),
                    one.time(), one.width(), one.threads(), 1e3 * one.seconds(), one.plainToVector(),
                    one.gigabytesPerSecond(), 100 * one.ofBandwidth(),
                    one.gigaExponentialsPerSecond() == 0 ? "–" : "%.0f%%".formatted(100 * one.ofExponentials()),
                    one.iterations() == 0 ? "–"
                            : "%d, %.1e, %.1e".formatted(one.iterations(), one.residual(), one.fromSteps())));
        }
        return table.toString();
    }
}

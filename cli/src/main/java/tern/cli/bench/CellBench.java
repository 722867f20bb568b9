package tern.cli.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.function.Consumer;

import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.kernels.matmul.Gemm;
import tern.ops.Cell;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Measures a layer of a recurrent network: the product with its inputs and the recurrence; forward as for inference, and forward
 * and backward as in training, gradients of inputs, weights and biases included. Confined to one thread.
 */
public final class CellBench {
    private static final int PLAIN_TIME = 8;
    private static final int SIDE = 1024;

    private final int units;
    private final int heads;
    private final long nanos;
    private final boolean plain;

    /**
     * A bench of one layer.
     *
     * @param units inputs and outputs
     * @param seconds how long to measure each case, after a warm-up
     * @param plain whether the plain bodies are measured too
     */
    public CellBench(int units, int heads, double seconds, boolean plain) {
        this.units = units;
        this.heads = heads;
        this.nanos = (long) (1e9 * seconds);
        this.plain = plain;
    }

    /**
     * Measures each cell, both passes, on each batch and number of threads.
     *
     * @param each is told every result as soon as it is there
     */
    public List<CellMeasured> run(List<Cell> cells, List<Integer> batches, int time, List<Integer> threads,
            Consumer<CellMeasured> each) {
        List<CellMeasured> results = new ArrayList<>();
        for (Cell cell : cells) {
            for (int batch : batches) {
                for (int count : threads) {
                    for (boolean training : new boolean[] {false, true}) {
                        CellMeasured measured = measure(cell, batch, time, count, training);
                        results.add(measured);
                        each.accept(measured);
                    }
                }
            }
        }
        return results;
    }

    private CellMeasured measure(Cell cell, int batch, int time, int threads, boolean training) {
        double sgemm = 2.0 * SIDE * SIDE * SIDE / median(KernelSet.fastest(), product(), threads) / 1e9;
        double seconds = median(KernelSet.fastest(), layer(cell, batch, time, training), threads);
        int plainTime = Math.min(time, PLAIN_TIME);
        OptionalDouble plainSeconds = plain ? OptionalDouble.of(
                median(KernelSet.reference(), layer(cell, batch, plainTime, training), threads) * time / plainTime)
                : OptionalDouble.empty();
        double tokens = batch * time / seconds;
        return new CellMeasured(name(cell), training ? "training" : "forward", batch, time, units, heads, threads,
                seconds, tokens, flops(cell, training) * tokens / 1e9, sgemm, plainSeconds, plain ? plainTime : 0,
                plain ? OptionalDouble.of(plainSeconds.getAsDouble() / seconds) : OptionalDouble.empty());
    }

    /** A cell as presets name it. */
    public static String name(Cell cell) {
        return cell.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Operations of matrix products for one position, a multiply–add counting as two; training makes each three times. */
    double flops(Cell cell, boolean training) {
        return 2.0 * cell.gates() * units * (units + (double) units / heads) * (training ? 3 : 1);
    }

    private double median(KernelSet kernels, KernelCase one, int threads) {
        double[] seconds = KernelBench.seconds(kernels, one, threads, nanos);
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

    private KernelCase layer(Cell cell, int batch, int time, boolean training) {
        return new KernelCase(name(cell), batch + "×" + time, KernelCase.Unit.GFLOP_PER_S, 0,
                (kernels, team, memory) -> call(kernels, cell, batch, time, training, team, memory));
    }

    private Runnable call(KernelSet kernels, Cell cell, int batch, int time, boolean training, ThreadTeam team,
            Memory memory) {
        int rows = batch * time;
        int outputs = cell.gates() * units;
        int headUnits = units / heads;
        Tensor x = MatmulCases.gaussian(memory, rows, units);
        Tensor inputs = small(MatmulCases.gaussian(memory, outputs, units));
        Tensor bias = memory.zeros(DType.F32, outputs);
        Tensor weight = small(MatmulCases.gaussian(memory, heads, cell.gates(), headUnits, headUnits));
        Tensor own = memory.zeros(DType.F32, cell.biased() ? heads : 0, headUnits);
        Tensor state = memory.zeros(DType.F32, batch, cell.states(), units);
        Tensor next = memory.zeros(DType.F32, batch, cell.states(), units);
        Tensor y = memory.zeros(DType.F32, batch, time, units);
        Shape given = Shape.of(batch, time, heads, cell.gates(), headUnits);
        Tensor gates = memory.zeros(DType.F32, given);
        Tensor kept = memory.zeros(DType.F32, training ? given.with(3, cell.kept()) : Shape.of(0));
        Runnable forward = () -> {
            kernels.matmul().linear(team, x, inputs, bias, gates.reshape(rows, outputs));
            kernels.cellScan().forward(team, cell, gates, weight, own, state, y, next, kept);
        };
        if (!training) {
            return forward;
        }
        Tensor dy = MatmulCases.gaussian(memory, batch, time, units);
        Tensor dGates = memory.zeros(DType.F32, given);
        Tensor dx = memory.zeros(DType.F32, rows, units);
        Tensor dInputs = memory.zeros(DType.F32, outputs, units);
        Tensor dBias = memory.zeros(DType.F32, outputs);
        Tensor dWeight = memory.zeros(DType.F32, weight.shape());
        Tensor dOwn = memory.zeros(DType.F32, own.shape());
        Tensor dState = memory.zeros(DType.F32, state.shape());
        return () -> {
            forward.run();
            kernels.cellScan().backward(team, cell, weight, own, state, y, kept, dy, state, dGates, dWeight, dOwn,
                    dState);
            kernels.matmul().linearBackward(team, x, inputs, dGates.reshape(rows, outputs), dx, dInputs, dBias);
        };
    }

    /** As weights start, so that gates are neither open nor closed. */
    private Tensor small(Tensor weight) {
        for (long i = 0; i < weight.elements(); i++) {
            weight.set(i, weight.get(i) / Math.sqrt(3.0 * units));
        }
        return weight;
    }

    /** The results as a table for people. */
    public static String table(List<CellMeasured> results) {
        StringBuilder table = new StringBuilder("%-16s %-9s %6s %6s %6s %6s %7s %11s %11s %9s %9s %9s%n".formatted(
                "cell", "pass", "batch", "time", "units", "heads", "threads", "time", "tokens/s", "GFLOP/s", "of sgemm",
                "to plain"));
        for (CellMeasured one : results) {
            String ratio = one.plainToVector().isPresent() ? "%.0f×".formatted(one.plainToVector().getAsDouble()) : "–";
            table.append("%-16s %-9s %6d %6d %6d %6d %7d %8.2f ms %11.0f %9.1f %8.0f%% %9s%n".formatted(one.cell(),
                    one.pass(), one.batch(), one.time(), one.units(), one.heads(), one.threads(), 1e3 * one.seconds(),
                    one.tokens(), one.gflops(), 100 * one.gflops() / one.sgemmGflops(), ratio));
        }
        return table.toString();
    }
}

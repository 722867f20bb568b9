package tern.cli.bench;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import java.util.stream.IntStream;

import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.kernels.convolution.DilatedConvolution;
import tern.kernels.machine.MachineProbe;
import tern.ops.Activation;
import tern.ops.Diagonal;
import tern.ops.Dilations;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Measures what can stand in front of chunked attention: stacks of dilated convolutions against a moving average of 16 modes a
 * channel by FFT and by scanning, forward and backward. Confined to one thread.
 */
public final class ConvolutionBench {
    private static final int MODES = 16;
    private static final int TAPS = 17;
    private static final int DRAWN = 65_521;
    private static final int PROBE_MILLIS = 100;
    private static final long PROBE_BYTES = 256L << 20;
    /** Of the moving average by FFT: with its taps, as in training, and the convolution alone. */
    private static final String FFT = "fft-ema-n16";
    private static final String CONVOLUTION = "fft-convolution";

    private final KernelSet kernels;
    private final int threads;
    private final long nanos;
    private final double bandwidth;
    private final double peak;

    /** One operator. */
    private record Operator(String name, Work work) {
    }

    /** What an operator needs and how it is called. */
    private interface Work {
        /** Operations of a pass for one position of a channel. */
        double flops(int length, boolean backward);

        /** Tensors of the input's size that are read or written at least. */
        double tensors(boolean backward);

        Runnable prepare(int length, int width, boolean backward, ThreadTeam team, Memory memory);
    }

    /**
     * A bench of one sequence; measures the ceilings of the machine at once.
     *
     * @param threads of the team
     * @param seconds how long to measure each case, after a warm-up
     */
    public ConvolutionBench(KernelSet kernels, int threads, double seconds) {
        this.kernels = kernels;
        this.threads = threads;
        this.nanos = (long) (1e9 * seconds);
        this.bandwidth = MachineProbe.readBandwidth(threads, PROBE_MILLIS, PROBE_BYTES);
        this.peak = MachineProbe.fmaPeak(threads, PROBE_MILLIS);
    }

    private List<Operator> operators() {
        return List.of(new Operator(CONVOLUTION, new Average(true, false)),
                new Operator(FFT, new Average(true, true)), new Operator("scan-ema-n16", new Average(false, false)),
                new Operator("dilated-k17-f8-n4", new Stack(8, 4, true)),
                new Operator("dilated-k17-f17-n3", new Stack(17, 3, true)),
                new Operator("dilated-linear-k17-f8-n4", new Stack(8, 4, false)),
                new Operator("dilated-linear-k17-f17-n3", new Stack(17, 3, false)),
                new Operator("k17-layer", new Stack(1, 1, false)));
    }

    /** Names of all operators. */
    public List<String> names() {
        return operators().stream().map(Operator::name).toList();
    }

    /**
     * Measures operators, each width and length after another, forward and backward.
     *
     * @param only part of the names of the operators to measure; what others are compared with is measured in any case
     * @param each is told every result as soon as it is there
     */
    public List<ConvolutionMeasured> run(List<Integer> lengths, List<Integer> widths, String only,
            Consumer<ConvolutionMeasured> each) {
        List<ConvolutionMeasured> results = new ArrayList<>();
        for (int width : widths) {
            for (int length : lengths) {
                for (boolean backward : new boolean[] {false, true}) {
                    OptionalDouble convolution = OptionalDouble.empty();
                    OptionalDouble fft = OptionalDouble.empty();
                    for (Operator operator : operators()) {
                        boolean compared = operator.name.equals(FFT) || operator.name.equals(CONVOLUTION);
                        if (!compared && !operator.name.contains(only)) {
                            continue;
                        }
                        ConvolutionMeasured one = measure(operator, length, width, backward, fft, convolution);
                        results.add(one);
                        each.accept(one);
                        convolution = operator.name.equals(CONVOLUTION) ? OptionalDouble.of(one.median())
                                : convolution;
                        fft = operator.name.equals(FFT) ? OptionalDouble.of(one.median()) : fft;
                    }
                }
            }
        }
        return results;
    }

    private ConvolutionMeasured measure(Operator operator, int length, int width, boolean backward,
            OptionalDouble fft, OptionalDouble convolution) {
        KernelCase one = new KernelCase(operator.name, width + " x " + length, KernelCase.Unit.GB_PER_S, 0,
                (set, team, memory) -> operator.work.prepare(length, width, backward, team, memory));
        double[] seconds = KernelBench.seconds(kernels, one, threads, nanos);
        double median = seconds[seconds.length / 2];
        double entries = (double) length * width;
        double bytes = 4 * entries * operator.work.tensors(backward);
        double flops = entries * operator.work.flops(length, backward);
        return new ConvolutionMeasured(operator.name, backward ? "backward" : "forward", length, width, threads, median,
                seconds[0], seconds[seconds.length - 1], bytes, flops, bytes / median, bytes / median / bandwidth,
                flops / median, flops / median / peak, times(fft, median), times(convolution, median));
    }

    private static OptionalDouble times(OptionalDouble other, double median) {
        return other.isPresent() ? OptionalDouble.of(other.getAsDouble() / median) : other;
    }

    /** Layers of 17 taps, each channel by itself, with dilations 1, f, f² …. */
    private final class Stack implements Work {
        private final int factor;
        private final int depth;
        private final boolean residual;

        Stack(int factor, int depth, boolean residual) {
            this.factor = factor;
            this.depth = depth;
            this.residual = residual;
        }

        @Override
        public double flops(int length, boolean backward) {
            // Backward: to the inputs, to the taps and, for the slope of a function, the convolution once more.
            return 2.0 * TAPS * depth * (backward ? residual ? 3 : 2 : 1);
        }

        @Override
        public double tensors(boolean backward) {
            return backward ? 2 + depth : 2;
        }

        @Override
        public Runnable prepare(int length, int width, boolean backward, ThreadTeam team, Memory memory) {
            List<Dilations.Layer> own = IntStream.range(0, depth).mapToObj(l -> new Dilations.Layer(
                    MatmulCases.gaussian(memory, TAPS, width), memory.zeros(DType.F32, width),
                    (int) Math.pow(factor, l))).toList();
            Dilations layers = new Dilations(own, residual ? Activation.SILU : Activation.IDENTITY, residual);
            for (Dilations.Layer layer : own) {
                for (long i = 0; i < layer.weight().elements(); i++) {
                    layer.weight().set(i, 0.02 * layer.weight().get(i));
                }
            }
            Tensor x = noise(memory, length, width);
            Tensor y = memory.zeros(DType.F32, 1, length, width);
            long[] ages = {0};
            List<Tensor> rings = own.stream().map(layer -> memory.zeros(DType.F32, 1, 0, width)).toList();
            DilatedConvolution body = kernels.dilatedConvolution();
            if (!backward) {
                return () -> body.forward(team, x, layers, List.of(), rings, ages, y);
            }
            List<Tensor> inner = own.stream().skip(1).map(layer -> memory.zeros(DType.F32, 1, length, width)).toList();
            body.forward(team, x, layers, inner, rings, ages, y);
            Tensor dx = memory.zeros(DType.F32, 1, length, width);
            DilatedConvolution.Slopes slopes = new DilatedConvolution.Slopes(dx,
                    own.stream().map(layer -> memory.zeros(DType.F32, TAPS, width)).toList(),
                    own.stream().map(layer -> memory.zeros(DType.F32, width)).toList(), List.of());
            return () -> body.backward(team, x, layers, inner, rings, ages, y, rings, slopes);
        }
    }

    /** A moving average of 16 real modes a channel. */
    private final class Average implements Work {
        private final boolean fft;
        private final boolean taps;

        Average(boolean fft, boolean taps) {
            this.fft = fft;
            this.taps = taps;
        }

        @Override
        public double flops(int length, boolean backward) {
            if (!fft) {
                return (backward ? 5.0 : 2.0) * 2 * MODES;
            }
            double points = 2.0 * length;
            double transforms = (backward ? 5 : 3) * 2.5 * points * Math.log(points) / Math.log(2) / length;
            return transforms + (taps ? (backward ? 6.0 : 2.0) * MODES : 0);
        }

        @Override
        public double tensors(boolean backward) {
            double made = taps ? 1 : 0;
            return fft ? (backward ? 5 : 3) + made : backward ? 3 : 2;
        }

        @Override
        public Runnable prepare(int length, int width, boolean backward, ThreadTeam team, Memory memory) {
            Tensor x = noise(memory, length, width);
            Tensor y = memory.zeros(DType.F32, 1, length, width);
            Modes modes = new Modes(width, memory);
            return fft ? convolution(x, y, modes, backward, team, memory) : scan(x, y, modes, backward, team, memory);
        }

        private Runnable convolution(Tensor x, Tensor y, Modes modes, boolean backward, ThreadTeam team,
                Memory memory) {
            int length = x.dim(1);
            int width = x.dim(2);
            Tensor filter = memory.zeros(DType.F32, length, width);
            Tensor skip = memory.zeros(DType.F32, width);
            Tensor none = memory.zeros(DType.F32, 1, 0, width);
            long[] ages = {0};
            Runnable make = () -> kernels.diagonalScan().taps(team, modes.logDecay, modes.none, modes.gain,
                    modes.weight, modes.none, filter);
            make.run();
            if (!backward) {
                return () -> {
                    if (taps) {
                        make.run();
                    }
                    kernels.longConvolution().forward(team, x, filter, skip, none, ages, none, y);
                };
            }
            Tensor dx = memory.zeros(DType.F32, 1, length, width);
            Tensor dFilter = memory.zeros(DType.F32, length, width);
            Tensor dSkip = memory.zeros(DType.F32, width);
            List<Tensor> slopes = IntStream.range(0, 3).mapToObj(i -> memory.zeros(DType.F32, MODES, width)).toList();
            return () -> {
                kernels.longConvolution().backward(team, x, filter, skip, none, ages, x, dx, dFilter, dSkip, none);
                if (taps) {
                    kernels.diagonalScan().tapsBackward(team, modes.logDecay, modes.none, modes.gain, modes.weight,
                            modes.none, dFilter, slopes.get(0), modes.none, slopes.get(1), slopes.get(2), modes.none);
                }
            };
        }

        private Runnable scan(Tensor x, Tensor y, Modes modes, boolean backward, ThreadTeam team, Memory memory) {
            Tensor decay = memory.zeros(DType.F32, modes.logDecay.shape());
            for (long i = 0; i < decay.elements(); i++) {
                decay.set(i, Math.exp(modes.logDecay.get(i)));
            }
            Diagonal system = new Diagonal(decay, modes.none, modes.gain, modes.weight, modes.none);
            Tensor state = memory.zeros(DType.F32, 1, MODES, x.dim(2));
            Tensor next = memory.zeros(DType.F32, 1, MODES, x.dim(2));
            if (!backward) {
                return () -> kernels.diagonalScan().forward(team, x, system, state, y, next);
            }
            Diagonal slopes = new Diagonal(memory.zeros(DType.F32, decay.shape()), modes.none,
                    memory.zeros(DType.F32, decay.shape()), memory.zeros(DType.F32, decay.shape()), modes.none);
            Tensor dx = memory.zeros(DType.F32, x.shape());
            Tensor dState = memory.zeros(DType.F32, state.shape());
            return () -> kernels.diagonalScan().backward(team, x, system, state, y, next, dx, slopes, dState);
        }
    }

    /** Normal deviates that repeat: drawing as many anew would take longer than what is measured. */
    private static Tensor noise(Memory memory, int length, int width) {
        Tensor x = memory.zeros(DType.F32, 1, length, width);
        Tensor drawn = MatmulCases.gaussian(memory, DRAWN);
        for (long at = 0; at < x.bytes(); at += drawn.bytes()) {
            MemorySegment.copy(drawn.data(), 0, x.data(), at, Math.min(drawn.bytes(), x.bytes() - at));
        }
        return x;
    }

    /** Decays as a trained moving average has them, from short to long. */
    private static final class Modes {
        private final Tensor logDecay;
        private final Tensor gain;
        private final Tensor weight;
        private final Tensor none;

        Modes(int width, Memory memory) {
            this.logDecay = memory.allocate(DType.F32, Shape.of(MODES, width));
            this.gain = MatmulCases.gaussian(memory, MODES, width);
            this.weight = MatmulCases.gaussian(memory, MODES, width);
            this.none = memory.zeros(DType.F32, 0, width);
            for (long i = 0; i < logDecay.elements(); i++) {
                logDecay.set(i, -Math.pow(2, -1.0 - 0.6 * (i / width)));
            }
        }
    }

    /** The ceilings of the machine, in one line for people. */
    public String ceilings() {
        return "ceilings of %d threads: %.1f GB/s read from memory, %.0f GFLOP/s of multiply-adds on registers"
                .formatted(
                        threads, bandwidth / 1e9, peak / 1e9);
    }

    /** The results as a table for people. */
    public static String table(List<ConvolutionMeasured> results) {
        StringBuilder table = new StringBuilder("%-26s %-8s %6s %8s %11s %21s %8s %9s %8s %8s%n".formatted("operator",
                "pass", "width", "length", "median", "(min–max)", "of mem.", "of arith.", "to ema", "to fft"));
        for (ConvolutionMeasured one : results) {
            table.append("%-26s %-8s %6d %8d %8.3f ms %21s %7.0f%% %8.0f%% %8s %8s%n".formatted(one.name(), one.pass(),
                    one.width(), one.length(), 1e3 * one.median(),
                    "(%.3f–%.3f)".formatted(1e3 * one.min(), 1e3 * one.max()), 100 * one.ofBandwidth(),
                    100 * one.ofArithmetic(), ratio(one.toFft()), ratio(one.toConvolution())));
        }
        return table.toString();
    }

    private static String ratio(OptionalDouble times) {
        return times.isPresent() ? "%.2f×".formatted(times.getAsDouble()) : "–";
    }
}

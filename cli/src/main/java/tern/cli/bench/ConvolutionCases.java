package tern.cli.bench;

import static tern.cli.bench.MatmulCases.gaussian;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import tern.cli.bench.KernelCase.Compared;
import tern.cli.bench.KernelCase.Unit;
import tern.cli.bench.peer.Twin;
import tern.kernels.convolution.FilterShaping;
import tern.tensor.DType;
import tern.tensor.Tensor;

/**
 * Convolutions and the shaping of filters. A long convolution counts the work of the usual real transforms, 5/2·n·log₂ n
 * operations with n twice the length, three forward and five more backward, whatever the body does in fact.
 */
final class ConvolutionCases {
    private static final int CHANNELS = 512;
    private static final int PENDING = 256;

    private ConvolutionCases() {
    }

    static List<Compared> all() {
        List<Compared> cases = new ArrayList<>();
        for (int time : new int[] {1024, 4096, 8192, 32_768, 131_072}) {
            cases.add(new Compared(longConvolution(time, CHANNELS), longConvolution(256, 16)));
        }
        for (int time : new int[] {1024, 4096, 8192, 32_768}) {
            cases.add(new Compared(longConvolutionBackward(time, CHANNELS), longConvolutionBackward(256, 16)));
        }
        cases.add(new Compared(longConvolutionStep(16_384, CHANNELS), longConvolutionStep(512, 16)));
        for (int width : new int[] {4, 8}) {
            cases.add(new Compared(headConvolution(1024, 256 / width, width, false), headConvolution(128, 16 / width,
                    width, false)));
            cases.add(new Compared(headConvolution(1024, 256 / width, width, true), headConvolution(128, 16 / width,
                    width, true)));
        }
        for (int taps : new int[] {3, 4}) {
            cases.add(new Compared(shortConvolution(8192, CHANNELS, taps, false),
                    shortConvolution(256, 64, taps, false)));
            cases.add(
                    new Compared(shortConvolution(8192, CHANNELS, taps, true), shortConvolution(256, 64, taps, true)));
        }
        cases.add(new Compared(sine(8192, 64), sine(256, 64)));
        cases.add(new Compared(window(8192, CHANNELS), window(256, 64)));
        return cases;
    }

    private static double transforms(int count, int time) {
        double points = 2.0 * time;
        return count * 2.5 * points * (Math.log(points) / Math.log(2));
    }

    private static KernelCase longConvolution(int time, int channels) {
        double work = channels * (transforms(3, time) + 6.0 * time);
        return new KernelCase("long convolution", channels + " x " + time, Unit.GFLOP_PER_S, work,
                (kernels, team, memory) -> {
                    Tensor x = gaussian(memory, 1, time, channels), taps = gaussian(memory, time, channels);
                    Tensor skip = gaussian(memory, channels), y = memory.zeros(DType.F32, 1, time, channels);
                    Tensor none = memory.zeros(DType.F32, 1, 0, channels);
                    long[] ages = new long[1];
                    return () -> kernels.longConvolution().forward(team, x, taps, skip, none, ages, none, y);
                }, Optional.of(new Twin.LongConvolution(time, channels)));
    }

    private static KernelCase longConvolutionBackward(int time, int channels) {
        double work = channels * (transforms(8, time) + 18.0 * time);
        return new KernelCase("long conv. fwd+bwd", channels + " x " + time, Unit.GFLOP_PER_S, work,
                (kernels, team, memory) -> {
                    Tensor x = gaussian(memory, 1, time, channels), taps = gaussian(memory, time, channels);
                    Tensor skip = gaussian(memory, channels), y = memory.zeros(DType.F32, 1, time, channels);
                    Tensor none = memory.zeros(DType.F32, 1, 0, channels);
                    Tensor dy = gaussian(memory, 1, time, channels), dx = memory.zeros(DType.F32, 1, time, channels);
                    Tensor dTaps = memory.zeros(DType.F32, time, channels), dSkip = memory.zeros(DType.F32, channels);
                    long[] ages = new long[1];
                    return () -> {
                        kernels.longConvolution().forward(team, x, taps, skip, none, ages, none, y);
                        kernels.longConvolution().backward(team, x, taps, skip, none, ages, dy, dx, dTaps, dSkip, none);
                    };
                });
    }

    /** One position at this age and after; the transform of the history is made every {@link #PENDING} positions. */
    private static KernelCase longConvolutionStep(int age, int channels) {
        return new KernelCase("long convolution step", channels + " at " + age, Unit.GB_PER_S, 4.0 * channels * PENDING,
                (kernels, team, memory) -> {
                    Tensor x = gaussian(memory, 1, 1, channels), taps = gaussian(memory, age + PENDING, channels);
                    Tensor skip = gaussian(memory, channels), y = memory.zeros(DType.F32, 1, 1, channels);
                    Tensor history = gaussian(memory, 1, age + PENDING, channels);
                    Tensor pending = memory.zeros(DType.F32, 1, PENDING, channels);
                    long[] ages = {age};
                    return () -> {
                        kernels.longConvolution().forward(team, x, taps, skip, history, ages, pending, y);
                        ages[0] = ages[0] + 1 == age + PENDING ? age : ages[0] + 1;
                    };
                });
    }

    private static KernelCase headConvolution(int time, int filters, int width, boolean backward) {
        double work = (double) filters * width * width * transforms(backward ? 4 : 2, time);
        return new KernelCase("head convolution" + (backward ? " bwd" : ""), filters + " of " + width + " x " + time,
                Unit.GFLOP_PER_S, work, (kernels, team, memory) -> {
                    Tensor query = gaussian(memory, 1, time, filters, width),
                            key = gaussian(memory, 1, time, filters, width);
                    Tensor value = gaussian(memory, 1, time, filters, width), taps = gaussian(memory, time, filters);
                    Tensor skip = gaussian(memory, filters), none = memory.zeros(DType.F32, 1, 0, filters, width);
                    Tensor y = memory.zeros(DType.F32, 1, time, filters, width);
                    Tensor dQuery = memory.zeros(DType.F32, 1, time, filters, width);
                    Tensor dKey = memory.zeros(DType.F32, 1, time, filters, width);
                    Tensor dValue = memory.zeros(DType.F32, 1, time, filters, width);
                    Tensor dTaps = memory.zeros(DType.F32, time, filters), dSkip = memory.zeros(DType.F32, filters);
                    long[] ages = new long[1];
                    return backward
                            ? () -> kernels.headConvolution().backward(team, query, key, value, taps, skip, none, none,
                                    ages, query,
                                    dQuery, dKey, dValue, dTaps, dSkip, none, none)
                            : () -> kernels.headConvolution().forward(team, query, key, value, taps, skip, none, none,
                                    ages, y);
                });
    }

    private static KernelCase shortConvolution(int time, int channels, int taps, boolean backward) {
        return new KernelCase("short convolution" + (backward ? " bwd" : ""), channels + " x " + time + " taps " + taps,
                Unit.GB_PER_S, 4.0 * (backward ? 3 : 2) * time * channels, (kernels, team, memory) -> {
                    Tensor x = gaussian(memory, 1, time, channels), weight = gaussian(memory, channels, taps);
                    Tensor bias = gaussian(memory, channels), y = memory.zeros(DType.F32, 1, time, channels);
                    Tensor history = gaussian(memory, 1, taps - 1, channels),
                            next = gaussian(memory, 1, taps - 1, channels);
                    Tensor dWeight = memory.zeros(DType.F32, channels, taps), dBias = memory.zeros(DType.F32, channels);
                    Tensor dy = gaussian(memory, 1, time, channels);
                    return backward
                            ? () -> kernels.shortConvolution().backward(team, x, weight, history, dy, history, y,
                                    dWeight, dBias,
                                    next)
                            : () -> kernels.shortConvolution().forward(team, x, weight, bias, history, y, next);
                });
    }

    private static KernelCase sine(int rows, int width) {
        return new KernelCase("sine", rows + " x " + width, Unit.GB_PER_S, 8.0 * rows * width,
                (kernels, team, memory) -> {
                    Tensor x = gaussian(memory, rows, width), frequency = gaussian(memory, width);
                    Tensor y = memory.zeros(DType.F32, rows, width);
                    FilterShaping body = kernels.filters();
                    return () -> body.sine(team, x, frequency, y);
                });
    }

    private static KernelCase window(int rows, int width) {
        return new KernelCase("decay window", rows + " x " + width, Unit.GB_PER_S, 8.0 * rows * width,
                (kernels, team, memory) -> {
                    Tensor g = gaussian(memory, rows, width), delta = gaussian(memory, width);
                    Tensor y = memory.zeros(DType.F32, rows, width);
                    return () -> kernels.filters().window(team, g, delta, rows, 0, y);
                });
    }
}

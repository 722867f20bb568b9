package tern.cli.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

import tern.cli.bench.KernelCase.Compared;
import tern.cli.bench.KernelCase.Unit;
import tern.cli.bench.peer.Twin;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Matrix products: square, transposed, batched, of few rows, and a linear layer's backward pass. */
final class MatmulCases {
    private static final int REDUCED = 128;

    private MatmulCases() {
    }

    static List<Compared> all() {
        List<Compared> cases = new ArrayList<>();
        for (int size : new int[] {256, 512, 1024, 2048}) {
            cases.add(new Compared(product(size, size, size, false, true),
                    product(REDUCED, REDUCED, REDUCED, false, true)));
        }
        for (int form : new int[] {0, 1, 3}) {
            boolean transA = (form & 1) != 0, transB = (form & 2) != 0;
            cases.add(new Compared(product(1024, 1024, 1024, transA, transB),
                    product(REDUCED, REDUCED, REDUCED, transA, transB)));
        }
        cases.add(new Compared(product(512, 768, 768, false, true), product(64, 96, 96, false, true)));
        cases.add(new Compared(product(512, 3072, 768, false, true), product(64, 384, 96, false, true)));
        cases.add(new Compared(batched(48, 64), batched(4, 64)));
        cases.add(new Compared(batched(8, 256), batched(2, 64)));
        for (int rows : new int[] {1, 4, 16}) {
            cases.add(new Compared(linear(rows, 256, 256), linear(rows, 256, 256)));
            cases.add(new Compared(linear(rows, 2048, 2048), linear(rows, 512, 512)));
        }
        cases.add(new Compared(linear(1, 1024, 50_000), linear(1, 512, 512)));
        cases.add(new Compared(linearBackward(2048, 256, 1024), linearBackward(64, 64, 128)));
        return cases;
    }

    private static KernelCase product(int m, int n, int k, boolean transA, boolean transB) {
        String name = "sgemm " + (transA ? "T" : "N") + (transB ? "T" : "N");
        return new KernelCase(name, m + "x" + n + "x" + k, Unit.GFLOP_PER_S, 2.0 * m * n * k,
                (kernels, team, memory) -> {
                    Tensor a = transA ? gaussian(memory, k, m) : gaussian(memory, m, k);
                    Tensor b = transB ? gaussian(memory, n, k) : gaussian(memory, k, n);
                    Tensor c = memory.zeros(DType.F32, m, n);
                    return () -> kernels.matmul().multiply(team, a, transA, b, transB, c, 0);
                }, Optional.of(new Twin.Product(m, n, k, transA, transB)));
    }

    private static KernelCase batched(int batch, int size) {
        return new KernelCase("sgemm batched NT", batch + " of " + size + "x" + size + "x" + size, Unit.GFLOP_PER_S,
                2.0 * batch * size * size * size, (kernels, team, memory) -> {
                    Tensor a = gaussian(memory, batch, size, size), b = gaussian(memory, batch, size, size);
                    Tensor c = memory.zeros(DType.F32, batch, size, size);
                    return () -> kernels.matmul().multiply(team, a, false, b, true, c, 0);
                });
    }

    /** Few rows: what counts is how fast the weight is read. */
    private static KernelCase linear(int rows, int in, int out) {
        return new KernelCase("linear of few rows", rows + "x" + out + "x" + in, Unit.GB_PER_S, 4.0 * in * out,
                (kernels, team, memory) -> {
                    Tensor x = gaussian(memory, rows, in), weight = gaussian(memory, out, in),
                            bias = gaussian(memory, out);
                    Tensor y = memory.zeros(DType.F32, rows, out);
                    return () -> kernels.matmul().linear(team, x, weight, bias, y);
                });
    }

    private static KernelCase linearBackward(int rows, int in, int out) {
        return new KernelCase("linear backward", rows + "x" + out + "x" + in, Unit.GFLOP_PER_S, 4.0 * rows * in * out,
                (kernels, team, memory) -> {
                    Tensor x = gaussian(memory, rows, in), weight = gaussian(memory, out, in);
                    Tensor dy = gaussian(memory, rows, out), dx = memory.zeros(DType.F32, rows, in);
                    Tensor dWeight = memory.zeros(DType.F32, out, in), dBias = memory.zeros(DType.F32, out);
                    return () -> kernels.matmul().linearBackward(team, x, weight, dy, dx, dWeight, dBias);
                });
    }

    /** Normal deviates from a fixed seed. */
    static Tensor gaussian(Memory memory, int... lengths) {
        Tensor tensor = memory.allocate(DType.F32, Shape.of(lengths));
        SplittableRandom random = new SplittableRandom(tensor.elements());
        for (long i = 0; i < tensor.elements(); i++) {
            tensor.set(i, random.nextGaussian());
        }
        return tensor;
    }
}

package tern.cli.bench;

import static tern.cli.bench.MatmulCases.gaussian;

import java.util.List;
import java.util.SplittableRandom;

import tern.cli.bench.KernelCase.Compared;
import tern.cli.bench.KernelCase.Unit;
import tern.kernels.optimise.AdamWStep;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;

/** What only training needs: cross-entropy, the embedding's gradient, the optimiser. */
final class TrainingCases {
    private TrainingCases() {
    }

    static List<Compared> all() {
        return List.of(new Compared(crossEntropy(4096, 256, 256), crossEntropy(64, 64, 256)),
                new Compared(crossEntropyBackward(4096, 256, 256), crossEntropyBackward(64, 64, 256)),
                new Compared(crossEntropy(512, 512, 16_384), crossEntropy(16, 64, 4096)),
                new Compared(crossEntropyBackward(512, 512, 16_384), crossEntropyBackward(16, 64, 4096)),
                new Compared(embedding(16_384, 512), embedding(256, 512)),
                new Compared(embeddingBackward(16_384, 512), embeddingBackward(256, 512)),
                new Compared(adamW(8 << 20), adamW(1 << 16)));
    }

    private static KernelCase crossEntropy(int rows, int width, int vocabulary) {
        return new KernelCase("cross-entropy", rows + "x" + vocabulary + "x" + width, Unit.GFLOP_PER_S,
                2.0 * rows * width * vocabulary, (kernels, team, memory) -> {
                    Tensor hidden = gaussian(memory, rows, width), head = gaussian(memory, vocabulary, width);
                    Tensor targets = ids(memory, rows, vocabulary);
                    Tensor losses = memory.zeros(DType.F32, rows), logSum = memory.zeros(DType.F32, rows);
                    return () -> kernels.crossEntropy().forward(team, hidden, head, targets, losses, logSum);
                });
    }

    private static KernelCase crossEntropyBackward(int rows, int width, int vocabulary) {
        return new KernelCase("cross-entropy backward", rows + "x" + vocabulary + "x" + width, Unit.GFLOP_PER_S,
                6.0 * rows * width * vocabulary, (kernels, team, memory) -> {
                    Tensor hidden = gaussian(memory, rows, width), head = gaussian(memory, vocabulary, width);
                    Tensor targets = ids(memory, rows, vocabulary),
                            dLosses = memory.zeros(DType.F32, rows).fill(1.0 / rows);
                    Tensor losses = memory.zeros(DType.F32, rows), logSum = memory.zeros(DType.F32, rows);
                    Tensor dHidden = memory.zeros(DType.F32, rows, width);
                    Tensor dHead = memory.zeros(DType.F32, vocabulary, width);
                    kernels.crossEntropy().forward(team, hidden, head, targets, losses, logSum);
                    return () -> kernels.crossEntropy().backward(team, hidden, head, targets, logSum, dLosses, dHidden,
                            dHead);
                });
    }

    private static KernelCase embedding(int rows, int width) {
        return new KernelCase("embedding", rows + "x" + width, Unit.GB_PER_S, 8.0 * rows * width,
                (kernels, team, memory) -> {
                    Tensor table = gaussian(memory, 256, width), ids = ids(memory, rows, 256);
                    Tensor y = memory.zeros(DType.F32, rows, width);
                    return () -> kernels.embedding().forward(team, table, ids, y);
                });
    }

    private static KernelCase embeddingBackward(int rows, int width) {
        return new KernelCase("embedding backward", rows + "x" + width, Unit.GB_PER_S, 4.0 * rows * width,
                (kernels, team, memory) -> {
                    Tensor dTable = memory.zeros(DType.F32, 256, width), ids = ids(memory, rows, 256);
                    Tensor dy = gaussian(memory, rows, width);
                    return () -> kernels.embedding().backward(team, ids, dy, dTable);
                });
    }

    /** Four streams read, three written. */
    private static KernelCase adamW(int elements) {
        return new KernelCase("adamw", Integer.toString(elements), Unit.GB_PER_S, 28.0 * elements,
                (kernels, team, memory) -> {
                    Tensor parameter = gaussian(memory, elements), gradient = gaussian(memory, elements);
                    Tensor first = memory.zeros(DType.F32, elements), second = memory.zeros(DType.F32, elements);
                    AdamWStep.Settings settings = new AdamWStep.Settings(1e-4, 0.9, 0.95, 1e-8, 0.1, 100, 1);
                    return () -> kernels.adamW().update(team, parameter, gradient, first, second, settings);
                });
    }

    private static Tensor ids(Memory memory, int count, int below) {
        Tensor ids = memory.zeros(DType.I32, count);
        SplittableRandom random = new SplittableRandom(count);
        for (int i = 0; i < count; i++) {
            ids.set(i, random.nextInt(below));
        }
        return ids;
    }
}

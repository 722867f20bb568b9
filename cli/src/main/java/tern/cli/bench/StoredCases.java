package tern.cli.bench;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

import tern.cli.bench.KernelCase.Compared;
import tern.cli.bench.KernelCase.Unit;
import tern.kernels.EagerOps;
import tern.tensor.Blocks;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/**
 * Linear layers whose weights are as files hold them. Few rows: a call runs through as many weights as take 256 MiB, so that
 * no cache holds them, and what counts is how fast their stored bytes are read. Many rows: arithmetic counts.
 */
final class StoredCases {
    private static final long BYTES = 256L << 20;
    private static final int SIDE = 2048;
    private static final List<DType> TYPES = List.of(DType.F32, DType.BF16, DType.F16, DType.Q8_0, DType.Q4_0,
            DType.Q4_1, DType.Q5_0, DType.Q5_1, DType.Q2_K, DType.Q3_K, DType.Q4_K, DType.Q5_K, DType.Q6_K);

    private StoredCases() {
    }

    static List<Compared> all() {
        List<Compared> cases = new ArrayList<>();
        for (DType type : TYPES) {
            for (int rows : new int[] {1, 8}) {
                cases.add(new Compared(few(type, rows, SIDE, SIDE, BYTES), few(type, rows, 512, 512, 0)));
            }
            for (int rows : new int[] {64, 512}) {
                cases.add(new Compared(many(type, rows, SIDE, SIDE), many(type, 32, 256, 256)));
            }
        }
        return cases;
    }

    private static String name(DType type) {
        return "linear " + (type.isBlocked() ? "q" + type.name().substring(1) : type.name().toLowerCase(Locale.ROOT));
    }

    private static KernelCase few(DType type, int rows, int in, int out, long bytes) {
        int count = (int) Math.max(1, bytes / type.bytes((long) in * out));
        return new KernelCase(name(type), rows + "x" + out + "x" + in + (count > 1 ? " of " + count : ""),
                Unit.GB_PER_S, (double) count * type.bytes((long) in * out), (kernels, team, memory) -> {
                    Tensor x = MatmulCases.gaussian(memory, rows, in), y = memory.zeros(DType.F32, rows, out);
                    Tensor weights = stored(memory, type, count * out, in), none = EagerOps.none(DType.F32);
                    List<Tensor> each = new ArrayList<>();
                    for (int i = 0; i < count; i++) {
                        each.add(weights.slice(i * out, (i + 1) * out));
                    }
                    return () -> {
                        for (Tensor weight : each) {
                            if (type == DType.F32) {
                                kernels.matmul().linear(team, x, weight, none, y);
                            } else {
                                kernels.stored().linear(team, x, weight, none, y);
                            }
                        }
                    };
                });
    }

    private static KernelCase many(DType type, int rows, int in, int out) {
        return new KernelCase(name(type), rows + "x" + out + "x" + in, Unit.GFLOP_PER_S, 2.0 * rows * in * out,
                (kernels, team, memory) -> {
                    Tensor x = MatmulCases.gaussian(memory, rows, in), y = memory.zeros(DType.F32, rows, out);
                    Tensor weight = stored(memory, type, out, in), none = EagerOps.none(DType.F32);
                    return () -> {
                        if (type == DType.F32) {
                            kernels.matmul().linear(team, x, weight, none, y);
                        } else {
                            kernels.stored().linear(team, x, weight, none, y);
                        }
                    };
                });
    }

    /** Any bits, with scales (or numbers, where each is stored by itself) between 1/64 and 1/32. */
    private static Tensor stored(Memory memory, DType type, int rows, int width) {
        Tensor tensor = memory.allocate(type, Shape.of(rows, width));
        MemorySegment data = tensor.data();
        SplittableRandom random = new SplittableRandom(type.ordinal());
        if (type == DType.F32) {
            for (long i = 0; i < tensor.elements(); i++) {
                data.set(ValueLayout.JAVA_INT_UNALIGNED, 4 * i, Float.floatToRawIntBits(
                        (1 + random.nextInt(1 << 16) / 65536f) / 64));
            }
            return tensor;
        }
        for (long i = 0; i < data.byteSize() / 8; i++) {
            data.set(ValueLayout.JAVA_LONG_UNALIGNED, 8 * i, random.nextLong());
        }
        long step = type.isBlocked() ? type.blockBytes() : 2;
        ValueLayout.OfShort half = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
        short scale = type == DType.BF16 ? Tensor.toBrain(1 / 64f) : Float.floatToFloat16(1 / 64f);
        for (long block = 0; block < data.byteSize(); block += step) {
            for (int at : type.isBlocked() ? Blocks.scales(type) : new int[] {0}) {
                int fraction = data.get(half, block + at) & (type == DType.BF16 ? 0x7F : 0x3FF);
                data.set(half, block + at, (short) (scale | fraction));
            }
        }
        return tensor;
    }
}

package tern.cli.bench.peer;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Optional;
import java.util.SplittableRandom;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Shape;
import tern.tensor.Tensor;

/** Matrix products by OpenBLAS ({@code cblas_sgemm}). */
public final class OpenBlas implements Peer {
    private static final int ROW_MAJOR = 101;
    private static final int AS_IT_IS = 111;
    private static final int TRANSPOSED = 112;
    private static final int LONGEST_NAME = 256;

    private final MethodHandle sgemm;
    private final MethodHandle setThreads;
    private final String name;

    /**
     * Loads the library.
     *
     * @throws IllegalArgumentException if it cannot be loaded or lacks a function
     */
    public OpenBlas(Path path) {
        NativeLibrary library = NativeLibrary.load("OpenBLAS", path);
        ValueLayout.OfInt number = ValueLayout.JAVA_INT;
        ValueLayout.OfFloat factor = ValueLayout.JAVA_FLOAT;
        AddressLayout matrix = ValueLayout.ADDRESS;
        sgemm = library.function("cblas_sgemm", FunctionDescriptor.ofVoid(number, number, number, number, number,
                number, factor, matrix, number, matrix, number, factor, matrix, number));
        setThreads = library.function("openblas_set_num_threads", FunctionDescriptor.ofVoid(number));
        name = library.find("openblas_get_corename", FunctionDescriptor.of(matrix))
                .map(core -> "OpenBLAS for " + text(core)).orElse("OpenBLAS");
    }

    private static String text(MethodHandle function) {
        try {
            return ((MemorySegment) function.invokeExact()).reinterpret(LONGEST_NAME).getString(0);
        } catch (Throwable thrown) {
            throw NativeLibrary.thrown(thrown);
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Optional<Runnable> prepare(Twin twin, ThreadTeam team, Memory memory) {
        if (!(twin instanceof Twin.Product(int m, int n, int k, boolean transposeA, boolean transposeB))) {
            return Optional.empty();
        }
        MemorySegment a = operand(memory, m, k), b = operand(memory, k, n);
        MemorySegment c = memory.zeros(DType.F32, m, n).data();
        int threads = team.threads();
        return Optional.of(() -> {
            try {
                setThreads.invokeExact(threads);
                sgemm.invokeExact(ROW_MAJOR, transposeA ? TRANSPOSED : AS_IT_IS, transposeB ? TRANSPOSED : AS_IT_IS, m,
                        n, k, 1f, a, transposeA ? m : k, b, transposeB ? k : n, 0f, c, n);
            } catch (Throwable thrown) {
                throw NativeLibrary.thrown(thrown);
            }
        });
    }

    private static MemorySegment operand(Memory memory, int rows, int columns) {
        Tensor tensor = memory.allocate(DType.F32, Shape.of(rows, columns));
        SplittableRandom random = new SplittableRandom(tensor.elements());
        for (long i = 0; i < tensor.elements(); i++) {
            tensor.set(i, random.nextDouble(-1, 1));
        }
        return tensor.data();
    }
}

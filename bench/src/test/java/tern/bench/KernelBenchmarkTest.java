package tern.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.management.ManagementFactory;
import java.util.List;

import com.sun.management.ThreadMXBean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openjdk.jmh.annotations.Param;

import tern.cli.bench.KernelBench;
import tern.kernels.EagerOps;
import tern.kernels.KernelSet;
import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;

class KernelBenchmarkTest {
    /** How long the compilers may take on a busy machine. */
    private static final long COMPILED_NANOS = 60_000_000_000L;

    @Test
    void everyCaseOfMatrixProductsAndTrainingHasItsBenchmark() throws NoSuchFieldException {
        List<String> known = KernelBench.cases("").stream()
                .map(compared -> compared.full().name() + " " + compared.full().shape()).toList();
        String[] measured = KernelBenchmark.class.getField("kernel").getAnnotation(Param.class).value();
        assertThat(measured).isNotEmpty();
        assertThat(known).contains(measured);
    }

    @Test
    void aKernelThatDoesNotExistIsNamed() {
        KernelBenchmark benchmark = new KernelBenchmark();
        benchmark.kernel = "sgemm ZZ";
        benchmark.threads = 1;
        assertThatThrownBy(benchmark::prepare).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("sgemm ZZ");
        benchmark.close();
    }

    @Test
    void aRegionAllocatesNothing() {
        ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        ThreadTeam.Task nothing = (index, scratch) -> {
        };
        try (ThreadTeam team = new ThreadTeam(2)) {
            long least = Long.MAX_VALUE, begin = System.nanoTime();
            while (least > 0 && System.nanoTime() - begin < COMPILED_NANOS) {
                long before = thread.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < 1000; i++) {
                    team.run(2, nothing);
                }
                least = Math.min(least, (thread.getCurrentThreadAllocatedBytes() - before) / 1000);
            }
            assertThat(least).as("bytes per region").isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"BF16", "F16", "Q8_0", "Q4_0", "Q4_K", "Q6_K", "Q5_0"})
    void whatAStoredWeightAllocatesOnTheHeapDoesNotGrowWithIt(DType type) {
        try (Memory memory = new Memory(); ThreadTeam team = new ThreadTeam(1)) {
            for (int rows : new int[] {1, 3}) {
                long small = leastHeap(memory, team, type, rows, 64), large = leastHeap(memory, team, type, rows, 2048);
                assertThat(large).as("%s, %d rows, 2048 outputs; 64 take %d bytes", type, rows, small)
                        .isLessThanOrEqualTo(512);
            }
        }
    }

    /** Bytes of one call once it is compiled: the least of many. */
    private static long leastHeap(Memory memory, ThreadTeam team, DType type, int rows, int out) {
        ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        Tensor x = memory.zeros(DType.F32, rows, 512), weight = memory.zeros(type, out, 512);
        Tensor y = memory.zeros(DType.F32, rows, out), none = EagerOps.none(DType.F32);
        long least = Long.MAX_VALUE, begin = System.nanoTime();
        while (least > 0 && System.nanoTime() - begin < (least > 512 ? COMPILED_NANOS : 200_000_000L)) {
            long before = thread.getCurrentThreadAllocatedBytes();
            KernelSet.fastest().stored().linear(team, x, weight, none, y);
            least = Math.min(least, thread.getCurrentThreadAllocatedBytes() - before);
        }
        return least;
    }
}

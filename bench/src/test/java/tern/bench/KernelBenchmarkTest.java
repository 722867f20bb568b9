package tern.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.management.ManagementFactory;
import java.util.List;

import com.sun.management.ThreadMXBean;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.annotations.Param;

import tern.cli.bench.KernelBench;
import tern.kernels.ThreadTeam;

class KernelBenchmarkTest {

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
            long least = Long.MAX_VALUE;
            for (int round = 0; round < 100 && least > 0; round++) {
                long before = thread.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < 1000; i++) {
                    team.run(2, nothing);
                }
                least = Math.min(least, (thread.getCurrentThreadAllocatedBytes() - before) / 1000);
            }
            assertThat(least).as("bytes per region").isZero();
        }
    }
}
